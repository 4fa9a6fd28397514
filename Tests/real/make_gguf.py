#!/usr/bin/env python3
"""Converts a SmolLM2 checkpoint to a GGUF, in the way of llama.cpp's converter.

    make_gguf.py CHECKPOINT.safetensors VOCABULARY.gguf OUT.gguf [BF16|Q8_0|…]        # needs numpy and gguf

Rows of q and k are interleaved, norms become F32, everything else stays in BF16 or is quantised. Configuration and vocabulary are copied from another
GGUF of the same model, such as the one that make_base.py downloads.
"""
import json
import pathlib
import struct
import sys

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType, quantize

from make_base import PARTS

HUGGING_FACE = {part: name for name, part in PARTS.items()}
HEADS = {"attn_q": "head_count", "attn_k": "head_count_kv"}


def gguf_name(name: str) -> str:
    fixed = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    if name in fixed:
        return fixed[name]
    _, _, layer, *part, _ = name.split(".")
    return f"blk.{layer}.{HUGGING_FACE['.'.join(part)]}.weight"


def interleaved(rows: np.ndarray, heads: int) -> np.ndarray:
    """Puts the rows of the two rotary halves of each head in turn."""
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, rows.shape[1])
    return halves.swapaxes(1, 2).reshape(rows.shape)


def tensors(path: pathlib.Path):
    """Names and BF16 bits of a safetensors file."""
    file = np.memmap(path, np.uint8, mode="r")
    (length,) = struct.unpack("<Q", file[:8].tobytes())
    header = json.loads(file[8 : 8 + length].tobytes())
    header.pop("__metadata__", None)
    for name, entry in header.items():
        if entry["dtype"] != "BF16":
            raise SystemExit(f"{path}: tensor '{name}' is {entry['dtype']}, not BF16")
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        yield name, file[start:end].view(np.uint16).reshape(entry["shape"])


def copy_keys(vocabulary: GGUFReader, writer: GGUFWriter, kind: str) -> None:
    for field in vocabulary.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type"):
            continue
        element = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), field.types[0], element)
    writer.add_file_type(LlamaFileType[f"MOSTLY_{kind}"])


def main(checkpoint: pathlib.Path, source: pathlib.Path, output: pathlib.Path, kind: str = "BF16") -> None:
    vocabulary = GGUFReader(source)
    writer = GGUFWriter(output, "llama")
    copy_keys(vocabulary, writer, kind)
    for name, bits in sorted(tensors(checkpoint)):
        name = gguf_name(name)
        part = name.split(".")[-2]
        if part in HEADS:
            bits = interleaved(bits, int(vocabulary.fields[f"llama.attention.{HEADS[part]}"].contents()))
        values = (bits.astype(np.uint32) << 16).view(np.float32)
        if bits.ndim == 1:
            writer.add_tensor(name, values)
        elif kind != "BF16":
            writer.add_tensor(name, quantize(values, GGMLQuantizationType[kind]), raw_dtype=GGMLQuantizationType[kind])
        else:
            writer.add_tensor(name, bits.copy().view(np.uint8), raw_dtype=GGMLQuantizationType.BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:4]), *sys.argv[4:5])
