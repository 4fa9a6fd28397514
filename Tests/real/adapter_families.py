#!/usr/bin/env python3
"""Compares adapters of whole rank, as PEFT loads them, with what the GRADIEND adds to small models of several families.

    adapter_families.py GRADIEND-PATCH FOLDER        # FOLDER has bases and gradiends of Fixtures/reference.tar.xz

The models are Llama with a tied head and with one of its own, GPT-2, whose layers are stored the other way round, and BERT. Logits must be
those of the model to which all was added but what the adapter says it leaves out, within 1 % of how far they move; with norms and
embeddings brought whole, too.
"""
import copy
import json
import os
import pathlib
import subprocess
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from peft import PeftModel
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

PAIRS = [
    ("llama-f32", AutoModelForCausalLM, "llama-all-l1-id"),
    ("llamauntied-bf16", AutoModelForCausalLM, "llama-all-l1-id"),
    ("gpt2-bf16", AutoModelForCausalLM, "gpt2-all-l1-id"),
    ("bert-f32", AutoModelForMaskedLM, "bert-all-l1-id"),
]
H, ALPHA = -1, 0.05


def add(model: torch.nn.Module, gradiend: pathlib.Path, left_out: set[str]) -> None:
    weights = safe_open(gradiend / "model.safetensors", "pt")
    update = ALPHA * (H * weights.get_tensor("decoder.0.linear.weight")[:, 0] + weights.get_tensor("decoder.0.linear.bias"))
    parameters = dict(model.named_parameters())
    done = 0
    for entry in json.loads((gradiend / "config.json").read_text())["mapping"]["param_map"]:
        part = update[done : done + entry["num_selected"]]
        done += entry["num_selected"]
        # Files may have no prefix where memory has one.
        if not any(entry["name"] == name or entry["name"].endswith("." + name) for name in left_out):
            parameters[entry["name"]].view(-1).add_(part)


@torch.no_grad()
def check(tool: str, folder: pathlib.Path, base: str, loader: type, gradiend: str, *options: str) -> float:
    output = folder / f"adapter-{base}"
    words = ["adapter", folder / "bases" / base, folder / "gradiends" / gradiend, "-o", output, "--force", "--rank=32", "--json"]
    run = subprocess.run([tool, *words, f"--feature-factor={H}", f"--learning-rate={ALPHA}", *options], stdout=subprocess.PIPE, check=True)
    report = json.loads(run.stdout)
    model = loader.from_pretrained(folder / "bases" / base, dtype=torch.float32).eval()
    tokens = torch.arange(12).reshape(2, 6) + 3
    start = model(input_ids=tokens).logits
    goal = copy.deepcopy(model)
    add(goal, folder / "gradiends" / gradiend, {tensor["tensor"] for tensor in report["left_out"]})
    wanted = goal(input_ids=tokens).logits
    found = PeftModel.from_pretrained(model, output).eval()(input_ids=tokens).logits
    return ((found - wanted).norm() / (wanted - start).norm()).item()


if __name__ == "__main__":
    for base, loader, gradiend in PAIRS:
        for options in ([], ["--modules-to-save"]):
            missed = check(sys.argv[1], pathlib.Path(sys.argv[2]), base, loader, gradiend, *options)
            print(f"{' '.join([base, *options])}: the adapter misses {missed:.2%} of how far the logits move")
            if missed > 0.01:
                raise SystemExit(f"{base}: that is more than rounding the factors costs")
