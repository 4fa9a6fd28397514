#!/usr/bin/env python3
"""Goes over gradiend's grid of candidates on one loaded model, and compares with the package's own `evaluate_decoder`.

    live_evaluation.py FOLDER GRADIEND [--rates α ...] [--part PART] [--cache FILE]        # needs the wheel, gradiend==0.2.3, transformers and torch

FOLDER has, or gets, SmolLM2-135M. The package copies the model for each candidate and computes its weights in torch. Here its own
evaluation runs on a stand-in whose `rewrite_base_model` enters `Gradiend.applied` instead. Both must have the same weights for each
candidate, bit for bit, the same metrics, and choose the same (h, α) by the package's policy.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Optional

import gradiend_patch
import pandas
import torch
from gradiend.evaluator.decoder import DecoderEvaluator, LMSThresholdPolicy
from gradiend.model import ParamMappedGradiendModel
from gradiend.trainer.text.common.loading import AutoModelForLM, AutoTokenizerForLM
from gradiend.trainer.text.prediction.model_with_gradiend import TextPredictionModelWithGradiend
from gradiend.trainer.text.prediction.trainer import TextPredictionTrainer
from live_models import Peak, digests, smollm2

# Few, as the choice itself does not matter here.
NAMES = {"female": ("she", ["Alice", "Mary"]), "male": ("he", ["John", "Peter"])}
SENTENCES = ["{} went home because [MASK] was tired."]
NEUTRAL = ["The river flows through the old town.", "It rained all night, and the streets were wet."]
#: How much more than one model's memory the grid may take.
MEMORY_LIMIT = 0.1


class LiveModel:
    """Stands in for the package's pair of a model and a GRADIEND, and never copies the model."""

    source = "factual"
    name_or_path = "live"

    def __init__(self, base: Path, folder: Path, model: Any, tokenizer: Any) -> None:
        self.base_model, self.tokenizer = model, tokenizer
        context = json.loads((folder / "gradiend_context.json").read_text())
        self.feature_class_encoding_direction = context["feature_class_encoding_direction"]
        self.gradiend = gradiend_patch.Gradiend(base, folder)
        self.applied: Any = None
        self.seconds: list[float] = []

    def rewrite_base_model(self, learning_rate: float, feature_factor: float, part: str = "decoder") -> Any:
        self.restore()
        start = time.perf_counter()
        self.applied = self.gradiend.applied(
            self.base_model, feature_factor=feature_factor, learning_rate=learning_rate, part=part
        )
        self.applied.__enter__()
        self.seconds.append(time.perf_counter() - start)
        return self.base_model

    def restore(self) -> None:
        if self.applied is not None:
            self.applied.__exit__(None, None, None)
            self.applied = None


def make_trainer(base: Path) -> tuple[Any, Any]:
    """The package's trainer, and the rows that it evaluates on."""
    rows = [
        dict(masked=sentence.format(name), label=pronoun, label_class=label_class, split="test")
        for label_class, (pronoun, names) in NAMES.items()
        for name in names
        for sentence in SENTENCES
    ]
    trainer = TextPredictionTrainer(
        str(base),
        data=pandas.DataFrame(rows),
        target_classes=list(NAMES),
        decoder_eval_targets={label_class: [pronoun] for label_class, (pronoun, _) in NAMES.items()},
        eval_neutral_data=pandas.DataFrame(dict(text=NEUTRAL)),
    )
    return trainer, pandas.DataFrame(rows)


def evaluate(
    trainer: Any, rows: Any, model: Any, options: Any, cache: Optional[Path]
) -> tuple[dict[str, Any], list[Any], float]:
    """What the package's evaluation answers, what each model that it saw was, and how long it took without looking at that."""
    seen: list[Any] = []
    looking = 0.0
    own = type(trainer).evaluate_base_model

    def watched(candidate: Any, *arguments: Any, **keywords: Any) -> Any:
        nonlocal looking
        start = time.perf_counter()
        seen.append(digests(candidate))
        looking += time.perf_counter() - start
        return own(trainer, candidate, *arguments, **keywords)

    trainer.evaluate_base_model = watched
    start = time.perf_counter()
    found = DecoderEvaluator().evaluate_decoder(
        trainer,
        model,
        feature_factors=[-1.0, 1.0],
        lrs=options.rates,
        part=options.part,
        selector=LMSThresholdPolicy(ratio=0.99),
        output_path=None if cache is None else str(cache),
        training_like_df=rows,
        neutral_df=pandas.DataFrame(dict(text=NEUTRAL)),
        use_cache=False,
    )
    return found, seen, time.perf_counter() - start - looking


def check_memory(live: LiveModel, rates: list[float], part: str) -> None:
    """Applies all candidates without evaluating them, as what an evaluation takes is not ours."""
    size = sum(tensor.nbytes for tensor in {t.data_ptr(): t for t in live.base_model.state_dict().values()}.values())
    live.seconds.clear()
    leaving = []
    gc.collect()
    with Peak() as peak:
        for factor in (-1.0, 1.0):
            for rate in rates:
                live.rewrite_base_model(rate, factor, part)
                start = time.perf_counter()
                live.restore()
                leaving.append(time.perf_counter() - start)
    print(f"{len(leaving)} candidates: {statistics.median(live.seconds):.3f} s each, and {statistics.median(leaving):.3f} s to leave it")
    print(f"memory: the model has {size / 1e6:.0f} MB, the grid takes {peak.growth / 1e6:.1f} MB more, {1 + peak.growth / size:.2f} times the model")
    if peak.growth > MEMORY_LIMIT * size:
        raise SystemExit("that is more than 1.1 times one model's memory")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("gradiend", type=Path)
    parser.add_argument("--cache", type=Path, help="where the package's JSON of the grid goes")
    parser.add_argument("--part", default="decoder")
    parser.add_argument("--rates", type=float, nargs="*", help="learning rates in place of the package's 16")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    base = smollm2(arguments.folder)
    trainer, rows = make_trainer(base)
    tokenizer = AutoTokenizerForLM.from_pretrained(str(base))

    def load() -> Any:
        model = AutoModelForLM.from_pretrained(str(base), dtype=torch.bfloat16).eval()
        for parameter in model.parameters():
            parameter.data = parameter.data.clone()  # in memory of its own, for all to be counted
        return model

    model = load()
    untouched = digests(model)
    live = LiveModel(base, arguments.gradiend, model, tokenizer)
    with tempfile.TemporaryDirectory() as name:
        cache = arguments.cache or Path(name) / "grid/decoder_grid_cache.json"
        ours, our_weights, seconds = evaluate(trainer, rows, live, arguments, cache)
        payload = json.loads(cache.read_text())
    live.restore()
    if digests(model) != untouched:
        raise SystemExit("the base was not given back")
    print(f"gradiend's evaluation on one model: {seconds:.1f} s, {len(our_weights)} models")
    check_memory(live, payload["lrs"], arguments.part)
    if digests(model) != untouched:
        raise SystemExit("the base was not given back")
    del live, model
    gc.collect()

    cpu = torch.device("cpu")
    decoder = ParamMappedGradiendModel.from_pretrained(str(arguments.gradiend), device_encoder=cpu, device_decoder=cpu)
    both = TextPredictionModelWithGradiend(load(), decoder, tokenizer, source="factual", target="diff")
    context = json.loads((arguments.gradiend / "gradiend_context.json").read_text())
    both.set_feature_class_encoding_direction(context["feature_class_encoding_direction"])
    both.name_or_path = LiveModel.name_or_path  # which its constructor forgets
    with Peak() as peak:
        theirs, their_weights, seconds = evaluate(trainer, rows, both, arguments, None)
    print(f"with its own copies: {seconds:.1f} s, {peak.growth / 1e6:.0f} MB more at most")

    differing = [index for index, pair in enumerate(zip(our_weights, their_weights, strict=True)) if pair[0] != pair[1]]
    if differing:
        raise SystemExit(f"models {differing} differ, of {len(their_weights)}")
    distinct = len({tuple(weights.values()) for weights in our_weights})
    print(f"{len(their_weights)} models, {distinct} of them different, are the same bit for bit")
    for label_class in NAMES:
        mine, reference = ours[label_class], theirs[label_class]
        if mine != reference:
            raise SystemExit(f"for '{label_class}' {mine} was chosen, by the package {reference}")
        factor, rate = mine["feature_factor"], mine["learning_rate"]
        print(f"{label_class}: h = {factor:g}, α = {rate:g} are chosen by both, value {mine['value']:.3g}, LMS {mine['lms']:.3g}")
    if ours["grid"] != theirs["grid"]:
        raise SystemExit("the grids' metrics differ")
    print("and all metrics of the grid are equal")


if __name__ == "__main__":
    sys.exit(main())
