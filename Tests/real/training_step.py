#!/usr/bin/env python3
"""Makes the pair that training publishes: SmolLM2-135M in bf16 before and after a step of AdamW on its float32 master.

    training_step.py FOLDER LEARNING_RATE       # FOLDER/step.base.safetensors and .result; needs torch and transformers

Steps are taken on the pages of this repository's Formats, two sequences of 256 tokens each; the first three warm the optimiser up.
"""
import pathlib
import sys

import torch
import transformers
from safetensors.torch import save_file

import live_models

PAGES = pathlib.Path(__file__).resolve().parents[2] / "Formats"


def main(folder, learning_rate):
    base = live_models.smollm2(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    text = "\n".join(page.read_text() for page in sorted(PAGES.glob("*.md")))
    tokens = tokenizer(text, return_tensors="pt").input_ids[0]
    optimiser = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.01)
    for step in range(4):
        if step == 3:
            save(model, folder / "step.base.safetensors")
        batch = tokens[step * 512:(step + 1) * 512].view(2, 256)
        loss = model(input_ids=batch, labels=batch).loss
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    save(model, folder / "step.result.safetensors")


def save(model, path):
    state = {name: value.bfloat16() for name, value in model.state_dict().items() if name != "lm_head.weight"}
    save_file(state, path, metadata={"format": "pt"})


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    torch.manual_seed(0)
    main(pathlib.Path(sys.argv[1]), float(sys.argv[2]))
