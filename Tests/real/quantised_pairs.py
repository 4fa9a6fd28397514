#!/usr/bin/env python3
"""Quantises a base and a result in the layouts that are downloaded most, so that they differ by the update alone.

    quantised_pairs.py BASE.safetensors RESULT.safetensors FOLDER [KIND ...]       # needs torch and safetensors
    quantised_pairs.py dither BASE.safetensors OUT.safetensors

FOLDER/fp8.base.safetensors and .result: F8_E4M3, an F32 scale a row, as compressed-tensors has it. fp8-block: a scale for each block of
128 x 128, as DeepSeek has it. mlx: 4 bits, eight in a U32 along the row, BF16 scales and biases of groups of 64. gptq: 4 bits, eight in an
I32 down the rows, F16 scales of groups of 64. nf4: as bitsandbytes has it, U8 [N, 1], an F32 absmax for each 64, not quantised itself. mxfp4:
as gpt-oss has it, blocks of 32 in 16 bytes, E8M0 scales. nvfp4: as compressed-tensors has it, an F8_E4M3 scale for each 16, and one for the
tensor. Rounding is to nearest, without calibration; embeddings and norms stay, but for MLX's embedding.

SmolLM2-135M comes from a Q4_1 GGUF: in each 32 weights are 16 values, which blocks of 32 or 16 would find again. To dither is to add noise of
one step of these, so that weights lie anywhere, as those of a model do that never was quantised.
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


def nearest(values, table):
    """The place in an ascending table of what is nearest to each value."""
    return torch.bucketize(values, (table[1:] + table[:-1]) / 2)


def e2m1(values):
    """Bytes of two floats of 4 bits, the first in the lower half."""
    magnitudes = nearest(values.abs(), torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6]))
    codes = (magnitudes | values.signbit() << 3).byte()
    return codes[..., ::2] | codes[..., 1::2] << 4


def nf4(name, value, block=64):
    if not is_linear(name, value):
        return {name: value}
    # Equal shares of the normal distribution, 7 below and 8 above zero.
    share = 0.9677083
    table = torch.special.ndtri(torch.cat((torch.linspace(1 - share, 0.5, 8), torch.linspace(0.5, share, 9)[1:])).double())
    values = value.float().view(-1, block)
    largest = values.abs().amax(1, keepdim=True)
    codes = nearest(values / largest, (table / table[-1]).float()).byte().view(-1, 2)
    return {name: codes[:, :1] << 4 | codes[:, 1:], name + ".absmax": largest.squeeze(1)}


def mxfp4(name, value):
    if not is_linear(name, value):
        return {name: value}
    values = value.float().view(len(value), -1, 32)
    exponent = values.abs().amax(-1, keepdim=True).log2().floor() - 2
    stem = name.removesuffix(".weight")
    return {stem + "_blocks": e2m1(values / exponent.exp2()), stem + "_scales": (exponent.squeeze(-1) + 127).byte()}


def nvfp4(name, value):
    if not is_linear(name, value):
        return {name: value}
    values = value.float().view(len(value), -1, 16)
    whole = 6 * LARGEST / values.abs().max()
    scale = (values.abs().amax(-1, keepdim=True) / 6 * whole).to(torch.float8_e4m3fn)
    packed_values = e2m1(values / (scale.float() / whole)).view(len(value), -1)
    return {name + "_packed": packed_values, name + "_scale": scale.squeeze(-1), name + "_global_scale": whole.view(1)}


def dither(base, output):
    torch.manual_seed(1)
    tensors = load_file(base)
    for name, value in tensors.items():
        if is_linear(name, value):
            values = value.float().view(-1, 32)
            step = (values.amax(1, keepdim=True) - values.amin(1, keepdim=True)) / 15
            tensors[name] = (values + (torch.rand_like(values) - 0.5) * step).view(value.shape).bfloat16()
    save_file(tensors, output, metadata={"format": "pt"})


KINDS = {make.__name__.replace("_", "-"): make for make in (fp8, fp8_block, mlx, gptq, nf4, mxfp4, nvfp4)}


def main(base, result, folder, kinds):
    folder.mkdir(parents=True, exist_ok=True)
    for role, tensors in (("base", load_file(base)), ("result", load_file(result))):
        for kind in kinds or KINDS:
            quantised = {}
            for name, value in tensors.items():
                quantised.update(KINDS[kind](name, value))
            quantised = {name: value.contiguous() for name, value in quantised.items()}
            save_file(quantised, folder / f"{kind}.{role}.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    if sys.argv[1] == "dither":
        dither(*sys.argv[2:])
    else:
        main(sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), sys.argv[4:])
