"""A model of many shards, and a GRADIEND for it, to work on in parts.

    model.py cut MODEL FOLDER COUNT        # the same model in so many shards; needs its size again
"""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
import sys
from pathlib import Path
from typing import Any


def header_of(tensors: list[tuple[str, str, list[int], int]]) -> bytes:
    """What a safetensors file begins with, of names, types, shapes and byte counts."""
    header, end = {}, 0
    for name, kind, shape, count in tensors:
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [end, end + count]}
        end += count
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


def _write_index(folder: Path, places: dict[str, str]) -> None:
    index = {"metadata": {}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def _small_floats(count: int, seed: int) -> bytearray:
    """BF16 numbers between 2^-7 and 2^-6, of either sign in turn."""
    numbers = bytearray(random.Random(seed).randbytes(2 * count))
    numbers[1::4] = b"\x3c" * ((count + 1) // 2)
    numbers[3::4] = b"\xbc" * (count // 2)
    return numbers


def write(folder: Path, shards: int, rows: int = 1024, columns: int = 1024) -> None:
    """Writes ``base``, a tensor a shard, and ``gradiend``, which changes each of them."""
    base, gradiend = folder / "base", folder / "gradiend"
    base.mkdir(parents=True)
    gradiend.mkdir()
    names = [f"layers.{number:03}.weight" for number in range(shards)]
    places = {}
    count = rows * columns
    for number, name in enumerate(names):
        places[name] = f"model-{number + 1:05}-of-{shards:05}.safetensors"
        with (base / places[name]).open("wb") as file:
            file.write(header_of([(name, "BF16", [rows, columns], 2 * count)]))
            file.write(_small_floats(count, number))
    _write_index(base, places)
    (base / "config.json").write_text("{}")

    total = count * shards
    config = {
        "format_version": 0,
        "architecture": {"input_dim": total, "latent_dim": 1, "bias_decoder": False},
        "mapping": {
            "param_map": [{"name": name, "shape": [rows, columns], "repr": "all"} for name in names]
        },
    }
    (gradiend / "config.json").write_text(json.dumps(config))
    with (gradiend / "model.safetensors").open("wb") as file:
        file.write(
            header_of(
                [
                    ("encoder.0.linear.weight", "BF16", [1, total], 2 * total),
                    ("decoder.0.linear.weight", "BF16", [total, 1], 2 * total),
                ]
            )
        )
        file.seek(2 * total, os.SEEK_CUR)
        for number in range(shards):
            file.write(_small_floats(count, shards + number))


def cut(model: Path, folder: Path, count: int) -> None:
    """Writes a model of safetensors again, in ``count`` shards of about as many bytes, each tensor in one."""
    tensors: list[tuple[str, str, list[int], int, Path, int]] = []
    for path in sorted(model.glob("*.safetensors")):
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header: dict[str, Any] = json.loads(file.read(length))
        header.pop("__metadata__", None)
        for name, entry in header.items():
            start, end = entry["data_offsets"]
            tensors.append((name, entry["dtype"], entry["shape"], end - start, path, 8 + length + start))
    # As publishers cut them: tensors that follow each other by name, and shards about as long as each other.
    tensors.sort()
    shards = []
    for left in range(count, 0, -1):
        limit = sum(size for _, _, _, size, _, _ in tensors) / left
        end, size = 1, tensors[0][3]
        while end <= len(tensors) - left and size + tensors[end][3] <= limit:
            size += tensors[end][3]
            end += 1
        shards.append(tensors[:end])
        tensors = tensors[end:]
    folder.mkdir(parents=True)
    places = {}
    for number, shard in enumerate(shards):
        name = f"model-{number + 1:05}-of-{count:05}.safetensors"
        with (folder / name).open("wb") as output:
            output.write(header_of([item[:4] for item in shard]))
            output.flush()
            for tensor, _, _, size, path, start in shard:
                places[tensor] = name
                with path.open("rb") as source:
                    while size:
                        copied = os.sendfile(output.fileno(), source.fileno(), start, size)
                        start, size = start + copied, size - copied
    _write_index(folder, places)
    for other in model.glob("*.json"):
        if not other.name.endswith(".index.json"):
            shutil.copy(other, folder)


if __name__ == "__main__":
    cut(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
