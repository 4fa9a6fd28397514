#!/usr/bin/env python3
"""Quantises a base and a result in the layouts that are downloaded most, so that they differ by the update alone.

    quantised_pairs.py BASE.safetensors RESULT.safetensors FOLDER       # needs torch and safetensors

FOLDER/fp8.base.safetensors and .result: F8_E4M3, an F32 scale a row, as compressed-tensors has it. fp8-block: a scale for each block of
128 x 128, as DeepSeek has it. mlx: 4 bits, eight in a U32 along the row, BF16 scales and biases of groups of 64. gptq: 4 bits, eight in an
I32 down the rows, F16 scales of groups of 64. Rounding is to nearest, without calibration; embeddings and norms stay, but for MLX's embedding.
"""
import pathlib
import sys

import torch
from safetensors.torch import load_file, save_file

LARGEST = torch.finfo(torch.float8_e4m3fn).max


def is_linear(name, value):
    return value.ndim == 2 and "norm" not in name and "embed" not in name


def fp8(name, value):
    if not is_linear(name, value):
        return {name: value}
    scale = (value.float().abs().amax(1, keepdim=True) / LARGEST).clamp_min(1e-12)
    return {name: (value.float() / scale).to(torch.float8_e4m3fn), name + "_scale": scale}


def fp8_block(name, value, size=128):
    if not is_linear(name, value):
        return {name: value}
    rows, columns = value.shape
    down, across = -(-rows // size), -(-columns // size)
    padded = torch.zeros(down * size, across * size)
    padded[:rows, :columns] = value.float()
    blocks = padded.view(down, size, across, size)
    scale = (blocks.abs().amax((1, 3)) / LARGEST).clamp_min(1e-12)
    codes = (blocks / scale[:, None, :, None]).view(down * size, across * size)[:rows, :columns]
    return {name: codes.to(torch.float8_e4m3fn).contiguous(), name + "_scale_inv": scale}


def packed(codes, axis, bits=4):
    """Codes of `bits` bits, 32 // bits of them in a word along `axis`, lowest first."""
    codes = codes.unflatten(axis, (-1, 32 // bits))
    places = torch.arange(32 // bits) * bits
    return (codes << (places if axis == 1 else places[:, None])).sum(axis + 1)


def mlx(name, value, group=64):
    if value.ndim != 2 or value.shape[1] % group:
        return {name: value}
    values = value.float().view(len(value), -1, group)
    high, low = values.amax(-1, keepdim=True), values.amin(-1, keepdim=True)
    scale = ((high - low) / 15).clamp_min(1e-7)
    low_leads = low.abs() > high.abs()
    scale, edge = torch.where(low_leads, scale, -scale), torch.where(low_leads, low, high)
    zero = torch.round(edge / scale)
    scale = torch.where(zero != 0, edge / zero, scale)
    bias = torch.where(zero == 0, torch.zeros_like(edge), edge)
    codes = torch.clamp(torch.round((values - bias) / scale), 0, 15).long().view(value.shape)
    stem = name.removesuffix(".weight")
    return {
        name: packed(codes, 1).to(torch.uint32),
        stem + ".scales": scale.squeeze(-1).bfloat16(),
        stem + ".biases": bias.squeeze(-1).bfloat16(),
    }


def gptq(name, value, group=64):
    if not is_linear(name, value) or value.shape[1] % group:
        return {name: value}
    values = value.float().view(len(value), -1, group)
    scale = (values.abs().amax(-1, keepdim=True) / 7.5).clamp_min(1e-9)
    codes = (torch.clamp(torch.round(values / scale), -8, 7) + 8).long().view(value.shape)
    words = packed(codes.t().contiguous(), 0)
    stem = name.removesuffix(".weight")
    return {
        stem + ".qweight": torch.where(words >= 2**31, words - 2**32, words).to(torch.int32).contiguous(),
        stem + ".scales": scale.squeeze(-1).t().contiguous().half(),
    }


def main(base, result, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for role, tensors in (("base", load_file(base)), ("result", load_file(result))):
        for quantise in (fp8, fp8_block, mlx, gptq):
            quantised = {}
            for name, value in tensors.items():
                quantised.update(quantise(name, value))
            label = quantise.__name__.replace("_", "-")
            save_file(quantised, folder / f"{label}.{role}.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]))
