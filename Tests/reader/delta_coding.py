"""Coded chunks: coding 0 alone.

`element` is "bf16", "f16", "f32" or "word1", "word2", "word4", "word8"; the bytes of a chunk are
`rows` times `columns` of them.
"""

import numpy
import zstandard

WIDTHS = {"bf16": 2, "f16": 2, "f32": 4, "word1": 1, "word2": 2, "word4": 4, "word8": 8}


def apply_chunk(chunk, base, element, rows, columns):
    """The result's bytes of a chunk."""
    return _add(chunk, base, element, rows * columns, 1)


def strip_chunk(chunk, result, element, rows, columns):
    """The base's bytes of a chunk."""
    return _add(chunk, result, element, rows * columns, -1)


def _add(chunk, data, element, count, sign):
    if chunk[0] != 0:
        raise NotImplementedError(f"coding {chunk[0]}")
    width = WIDTHS[element]
    planes = zstandard.ZstdDecompressor().decompress(chunk[1:], max_output_size=count * width)
    differences = numpy.frombuffer(planes, "u1").reshape(width, count).T.copy().view(f"<u{width}")
    words = numpy.frombuffer(data, f"<u{width}")
    with numpy.errstate(over="ignore"):
        changed = words + differences[:, 0] if sign > 0 else words - differences[:, 0]
    return changed.astype(f"<u{width}").tobytes()
