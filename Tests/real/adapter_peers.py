#!/usr/bin/env python3
"""Compares adapters with those that mergekit and PEFT make of the finished model, by what they do of what the GRADIEND means.

    adapter_peers.py BASE RESULT GRADIEND H ALPHA FOLDER ADAPTER...        # needs requirements-adapter.txt and mergekit

RESULT is BASE with the patch of the same GRADIEND, H and ALPHA: the model that people publish. Both tools decompose the difference of the
two, to rank 8; PEFT's `convert_to_lora` is given it as an adapter of whole rank. FOLDER takes what they make.
"""
import pathlib
import shutil
import subprocess
import sys
import time

import torch
from adapter_effect import Effect
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora.conversion import save_as_lora
from safetensors import safe_open
from transformers import AutoModelForCausalLM

RANK = 8
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def mergekit(base: str, result: str, output: pathlib.Path, *options: str) -> None:
    program = pathlib.Path(sys.executable).with_name("mergekit-extract-lora")
    words = ["--model", result, "--base-model", base, "--out-path", output, "--max-rank", str(RANK), "--quiet", *options]
    # When all is written, it asks the Hub about both names for a card, and fails where there is no network.
    run = subprocess.run([program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if not (output / "adapter_model.safetensors").exists():
        sys.stderr.buffer.write(run.stderr[-4000:])
        raise SystemExit("mergekit-extract-lora made no adapter")


@torch.no_grad()
def peft(base: str, result: str, output: pathlib.Path) -> None:
    """The difference as a product with a unit matrix, which PEFT takes, and its own conversion of that."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    width = model.config.hidden_size
    whole: PeftModel = get_peft_model(model, LoraConfig(r=width, lora_alpha=width, target_modules=LINEARS))
    with safe_open(pathlib.Path(result, "model.safetensors"), "pt") as file:
        for name, module in whole.named_modules():
            if not hasattr(module, "lora_A"):
                continue
            change = file.get_tensor(name.removeprefix("base_model.model.") + ".weight").float() - module.base_layer.weight
            a, b = module.lora_A["default"].weight, module.lora_B["default"].weight
            a.zero_(), b.zero_()
            rows, columns = change.shape
            # One of the two is the unit matrix.
            (unit, other) = (b[:, :rows], a[:rows]) if rows <= width else (a[:columns], b[:, :columns])
            unit.fill_diagonal_(1)
            other.copy_(change)
    save_as_lora(output, whole, rank=RANK)


def size(folder: str) -> int:
    return sum(file.stat().st_size for file in pathlib.Path(folder).glob("*.safetensors"))


def main(base, result, gradiend, h, alpha, folder, *adapters) -> None:
    effect = Effect(pathlib.Path(base), pathlib.Path(gradiend), float(h), float(alpha))
    made = {}
    for name, make in {
        "mergekit": lambda output: mergekit(base, result, output),
        "mergekit-linears": lambda output: mergekit(base, result, output, "--skip-undecomposable", "--exclude-regex=embed_tokens|lm_head"),
        "peft": lambda output: peft(base, result, output),
    }.items():
        output = pathlib.Path(folder, name)
        shutil.rmtree(output, ignore_errors=True)
        start = time.perf_counter()
        make(output)
        made[str(output)] = f", made in {time.perf_counter() - start:.0f} s"
    print(f"log p(he) - log p(she) should move by {effect.intended:+.4f}")
    for path in [result, *made, *adapters]:
        move, divergence = effect.of(path)
        print(f"{path}: {size(path):,} bytes, {move / effect.intended:.1%} of it, KL {divergence:.1e}{made.get(path, '')}")


if __name__ == "__main__":
    main(*sys.argv[1:])
