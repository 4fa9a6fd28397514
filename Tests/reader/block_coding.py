"""Coded chunks of quantised blocks, as Formats/block-coding.md defines them.

The bytes of a chunk are `rows` times `columns` blocks of the type called `kind`.
"""

import delta_coding
from delta_coding import (
    LIKELY, LIKELY_WEIGHT, WEIGHTS, Corrupt, Differences, Fields, Gaps, Levels, Models, Odds,
    RangeDecoder, Signs, check_length, clamp, coding_of, eighths, probability)


def apply_chunk(chunk, base, kind, rows, columns):
    """The result's bytes of a chunk."""
    return _decode(chunk, base, kind, rows, columns, strips=False)


def strip_chunk(chunk, result, kind, rows, columns):
    """The base's bytes of a chunk."""
    return _decode(chunk, result, kind, rows, columns, strips=True)


def _decode(chunk, data, kind, rows, columns, strips):
    layout = LAYOUTS[kind]
    if not chunk or chunk[0] == 0:
        function = delta_coding.strip_chunk if strips else delta_coding.apply_chunk
        return function(chunk, data, "word1", rows, columns * layout.size)
    check_length(chunk, data)
    if coding_of(chunk) != 3:
        raise Corrupt(f"coding {chunk[0]} is not for {kind}")
    return _blocks(Fields(chunk, 1), data, layout, rows, columns, strips)


# Section 2: planes


class Value:
    """Some bits of a byte as byte, lowest bit and width, and above them perhaps others."""

    def __init__(self, byte, bit, width, above=(), is_signed=False):
        self.parts = ((byte, bit, width), *above)
        self.width = sum(width for _, _, width in self.parts)
        self.flipped = is_signed << self.width - 1

    def read(self, blocks, start):
        value = place = 0
        for byte, bit, width in self.parts:
            value |= (blocks[start + byte] >> bit & (1 << width) - 1) << place
            place += width
        return value ^ self.flipped

    def write(self, value, blocks, start):
        value ^= self.flipped
        for byte, bit, width in self.parts:
            mask = (1 << width) - 1 << bit
            blocks[start + byte] = blocks[start + byte] & ~mask | value << bit & mask
            value >>= width


def halves(*starts):
    return [Value(start, 0, 8, [(start + 1, 0, 8)]) for start in starts]


def whole_bytes(count, start):
    return [Value(start + index, 0, 8) for index in range(count)]


def signed_bytes(count, start):
    return [Value(start + index, 0, 8, is_signed=True) for index in range(count)]


def packed(count, bits, start):
    """`count` × `bits` at `start`."""
    return [
        Value(start + index * bits // 8, index * bits % 8, bits) for index in range(count)]


def nibbles(count, *starts):
    """`count` nibbles at each start."""
    return [
        Value(start + index, bit, 4)
        for start in starts for bit in (0, 4) for index in range(count // 2)]


def runs(bits, run, start):
    """256 values of so many bits in runs of `run` bytes at `start`."""
    return [
        Value(first + index, bit, bits)
        for first in range(start, start + 32 * bits, run)
        for bit in range(0, 8, bits) for index in range(run)]


def joined(values, upper):
    """The values with those of `upper` above them."""
    return [Value(*low.parts[0], high.parts) for low, high in zip(values, upper, strict=True)]


def six_bits(start):
    """Scales, then minima of Q4_K and Q5_K."""
    def parted(index, bit):
        above = start + index - (4 if bit == 0 else 0)
        return Value(start + index + 4, bit, 4, [(above, 6, 2)])
    scales = [Value(start + index, 0, 6) for index in range(4)]
    minima = [Value(start + index + 4, 0, 6) for index in range(4)]
    scales += [parted(index, 0) for index in range(4, 8)]
    minima += [parted(index, 4) for index in range(4, 8)]
    return scales + minima


def three_bits(start):
    """Scales of Q3_K."""
    return [
        Value(start + index % 8, index // 8 * 4, 4, [(start + 8 + index % 4, index // 4 * 2, 2)])
        for index in range(16)]


class Layout:
    def __init__(self, size, scales, codes, subscales=(), minima=(), zero=0, is_exponent=False):
        self.size = size
        self.planes = (scales, [*subscales, *minima], codes)
        self.subscales = list(zip(subscales, minima)) if minima else [(s,) for s in subscales]
        self.zero = zero
        self.is_exponent = is_exponent

    # Section 3: classes

    def classes(self, plane, base, result, start):
        """By group of values, of the block at this byte of both."""
        def changes(values):
            return any(value.read(base, start) != value.read(result, start) for value in values)

        scales = self.planes[0]
        if plane == 0:
            return list(range(len(scales)))
        is_rescaled = changes(scales)
        if plane == 1:
            first = 2 if is_rescaled else 0
            return [first, first + 1] if len(self.subscales[0]) == 2 else [first]
        level = self.scale_level(base, start)
        return [
            0 if is_rescaled or changes(values)
            else clamp(level + self.subscale_level(values, base, start), 1, 127)
            for values in self.subscales or [()]]

    def scale_level(self, base, start):
        if not self.planes[0]:
            return 1
        scale = self.planes[0][0].read(base, start)
        if self.is_exponent:
            return scale // 2
        scale &= 0x7FFF
        return eighths(scale | 1) // 4 if scale < 1024 else scale // 512 + 18

    def subscale_level(self, values, base, start):
        return eighths(abs(values[0].read(base, start) - self.zero) | 1) // 4 if values else 0


def layouts():
    k_scales = six_bits(4)
    q2_scales = packed(32, 4, 0)
    yield "Q4_0", Layout(18, halves(0), nibbles(32, 2))
    yield "IQ4_NL", Layout(18, halves(0), nibbles(32, 2))
    yield "Q4_1", Layout(20, halves(0, 2), nibbles(32, 4))
    yield "Q5_0", Layout(22, halves(0), joined(nibbles(32, 6), packed(32, 1, 2)))
    yield "Q5_1", Layout(24, halves(0, 2), joined(nibbles(32, 8), packed(32, 1, 4)))
    yield "Q8_0", Layout(34, halves(0), signed_bytes(32, 2))
    yield "Q8_1", Layout(36, halves(0, 2), signed_bytes(32, 4))
    yield "Q2_K", Layout(84, halves(80, 82), runs(2, 32, 16), q2_scales[::2], q2_scales[1::2])
    yield "Q3_K", Layout(
        110, halves(108), joined(runs(2, 32, 32), runs(1, 32, 0)), three_bits(96), zero=32)
    yield "Q4_K", Layout(144, halves(0, 2), runs(4, 32, 16), k_scales[:8], k_scales[8:])
    yield "Q5_K", Layout(
        176, halves(0, 2), joined(runs(4, 32, 48), runs(1, 32, 16)), k_scales[:8], k_scales[8:])
    yield "Q6_K", Layout(
        210, halves(208), joined(runs(4, 64, 0), runs(2, 32, 128)), signed_bytes(16, 192),
        zero=128)
    yield "Q8_K", Layout(292, halves(2, 0), signed_bytes(256, 4) + whole_bytes(32, 260))
    yield "IQ4_XS", Layout(
        136, halves(0), nibbles(32, *range(8, 136, 16)), joined(packed(8, 4, 4), packed(8, 2, 2)),
        zero=32)
    yield "TQ2_0", Layout(66, halves(64), runs(2, 32, 0))
    yield "TQ1_0", Layout(54, halves(52), whole_bytes(52, 0))
    yield "MXFP4", Layout(17, whole_bytes(1, 0), nibbles(32, 1), is_exponent=True)
    yield "NVFP4", Layout(36, [], nibbles(16, 4, 12, 20, 28), whole_bytes(4, 0))
    yield "Q1_0", Layout(18, halves(0), packed(128, 1, 2))
    yield "Q2_0", Layout(18, halves(0), packed(64, 2, 2))
    yield "IQ1_M", Layout(56, [], whole_bytes(56, 0))
    for name, size in (
            ("IQ1_S", 50), ("IQ2_XXS", 66), ("IQ2_XS", 74), ("IQ2_S", 82), ("IQ3_XXS", 98),
            ("IQ3_S", 110)):
        yield name, Layout(size, halves(0), whole_bytes(size - 2, 2))


LAYOUTS = dict(layouts())


# Section 4: a coded chunk


def _blocks(fields, data, layout, rows, columns, strips):
    counts = [fields.counts(rows * columns * len(values)) for values in layout.planes]
    if not any(map(sum, counts)):
        raise Corrupt("nothing changes")
    lengths = [fields.varint() if rare else 0 for rare, _ in counts]
    positions = [fields.bytes(length) for length in lengths]
    coder = RangeDecoder(fields.rest())
    output = bytearray(data)
    for plane in range(3):
        if sum(counts[plane]):
            _plane(plane, counts[plane], positions[plane], coder, data, output, layout,
                   rows, columns, strips)
    return bytes(output)


def _plane(plane, counts, positions, coder, data, output, layout, rows, columns, strips):
    values = layout.planes[plane]
    width = columns * len(values)
    has_levels = width <= 1 << 20
    odds_of = Odds(coder, 128).odds
    gaps = Gaps(RangeDecoder(positions), counts[0])
    levels = Levels(width, 3, 3 if has_levels else 15)
    changes = Changes(coder, Signs(coder, width) if has_levels else None)
    base, result = (output, data) if strips else (data, output)
    remaining = sum(counts)
    passed = start = 0
    for _ in range(rows):
        column = 0
        for _ in range(columns):
            classes = layout.classes(plane, base, result, start)
            size = len(values) // len(classes)
            for index, value in enumerate(values):
                group = classes[index // size]
                odds = odds_of.get(group)
                if odds is None:
                    continue
                own = column + index
                level = levels.row + levels.columns[own]
                weight = WEIGHTS[odds + level]
                is_rare = weight != LIKELY_WEIGHT
                if is_rare:
                    is_change = weight > gaps.left
                else:
                    levels.looked_at(odds + level, own)
                    is_change = changes.flag(odds + level)
                if is_change:
                    levels.passed(passed)
                    passed = 0
                    if is_rare:
                        gaps.settle(weight)
                    difference = changes.difference(own, group)
                    levels.hit(own)
                    value.write(
                        value.read(data, start) + (-difference if strips else difference),
                        output, start)
                    remaining -= 1
                    if not remaining:
                        return
                elif is_rare:
                    gaps.left -= weight
                    passed += weight
            column += len(values)
            start += layout.size
            levels.passed(passed)
            passed = 0
            levels.refresh_row()
        changes.end_row()
        levels.end_row()


class Changes:
    def __init__(self, coder, signs):
        self.coder = coder
        self.signs = signs
        self.flags = Models(64)
        for index in range(64):
            self.flags.start(index, probability(index - 4), 8)
        self.differences = Differences(coder)

    def flag(self, odds):
        return self.coder.bit(self.flags, clamp(odds - LIKELY, 0, 63))

    def difference(self, column, group):
        """Result minus base of a value that changes."""
        falls = self.signs.falls(column) if self.signs else self.coder.raw(1) == 1
        magnitude = self.differences.magnitude(is_rescaled=not group)
        return -magnitude if falls else magnitude

    def end_row(self):
        if self.signs:
            self.signs.end_row()
