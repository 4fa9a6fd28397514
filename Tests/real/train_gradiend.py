#!/usr/bin/env python3
"""Trains a he/she GRADIEND for SmolLM2 as the package's own trainer does it: AdamW from a random start.

    train_gradiend.py BASE FOLDER [--steps N] [--learning-rate A] [--epsilon E] [--layers FROM TO]        # needs gradiend==0.2.3 and torch

BASE is a folder that transformers loads, in F32. Leaves FOLDER_step_N for each fifth step: 7 s of a core a step for two layers and batches
of 2. With the package's epsilon, gradients as small as these hardly move the decoder from its start.
"""
import argparse
import itertools
import os
import random

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import pandas
from gradiend.trainer.core.arguments import TrainingArguments
from gradiend.trainer.text.prediction.trainer import TextPredictionTrainer

NAMES = {
    "female": ("she", "Alice Mary Anna Emma Julia Sarah Laura Emily Linda Susan Karen Lisa Nancy Helen Sandra Ruth Hannah Olivia Grace Lucy"),
    "male": ("he", "John James Robert Michael William David Richard Thomas Charles Daniel Mark Paul Steven Andrew George Edward Peter Henry Walter Jack"),
}
SENTENCES = (
    "{} went home because [MASK]",
    "{} said that [MASK]",
    "When {} arrived at the station, [MASK]",
    "After {} finished dinner, [MASK]",
    "{} was hungry, so [MASK]",
    "{} forgot the keys, and [MASK]",
    "{} told everyone that [MASK]",
    "{} works as a teacher, and [MASK]",
    "{} did not answer, although [MASK]",
    "Everyone likes {} because [MASK]",
)


def rows() -> pandas.DataFrame:
    made = [
        dict(masked=sentence.format(name), label=word, label_class=kind)
        for kind, (word, names) in NAMES.items()
        for name, sentence in itertools.product(names.split(), SENTENCES)
    ]
    random.Random(0).shuffle(made)
    for number, row in enumerate(made):
        row["split"] = ("test", "validation")[number % 10] if number % 10 < 2 else "train"
    return pandas.DataFrame(made)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("base")
    parser.add_argument("folder")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--epsilon", type=float, default=1e-8, help="of AdamW")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--layers", type=int, nargs=2, default=(28, 30))
    options = parser.parse_args()
    trainer = TextPredictionTrainer(
        options.base,
        data=rows(),
        target_classes=list(NAMES),
        args=TrainingArguments(
            params=[f"model.layers.{layer}.*" for layer in range(*options.layers)],
            learning_rate=options.learning_rate,
            max_steps=options.steps,
            train_batch_size=options.batch,
            source="factual",
            adam_epsilon=options.epsilon,
            # Without an evaluation the first step counts as the best, and FOLDER has that.
            do_eval=False,
            save_strategy="steps",
            save_steps=5,
            max_seeds=1,
        ),
    )
    trainer.train(output_dir=options.folder)
