#!/usr/bin/env python3
"""Makes a result that differs from a bf16 base by uniform noise, as the entries of an untrained decoder add it.

    noise.py BASE RESULT       # two safetensors files; needs numpy

Every tensor but the embedding gets numbers between -4.85e-5 and 4.85e-5: half of what initialisation draws for a GRADIEND of 106 million
entries. Changes are dense and follow neither rows nor columns, the hardest case for a patch.
"""
import json
import struct
import sys

import numpy as np

BOUND = 9.7e-5
LEARNING_RATE = np.float32(0.5)


def rounded(values: np.ndarray) -> np.ndarray:
    """Float32 values as bf16 bits, rounded to nearest even."""
    bits = values.view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def main(base: str, result: str) -> None:
    with open(base, "rb") as file:
        data = bytearray(file.read())
    start = 8 + struct.unpack_from("<Q", data)[0]
    generator = np.random.default_rng(7)
    for name, entry in sorted(json.loads(data[8:start]).items()):
        if name == "__metadata__" or "embed" in name:
            continue
        begin, end = entry["data_offsets"]
        bits = np.frombuffer(data, np.uint16, (end - begin) // 2, start + begin)
        noise = generator.uniform(-BOUND, BOUND, bits.size).astype(np.float32)
        values = (bits.astype(np.uint32) << 16).view(np.float32) + LEARNING_RATE * noise
        new = rounded(values).tobytes()
        del bits
        data[start + begin : start + end] = new
    with open(result, "wb") as file:
        file.write(data)


if __name__ == "__main__":
    main(*sys.argv[1:])
