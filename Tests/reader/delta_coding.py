"""Coded chunks as Formats/delta-coding.md defines them; those of blocks are in block_coding.py.

`element` is "bf16", "f16", "f32", "e4m3", "e5m2" or "word1", "word2", "word4", "word8"; the bytes
of a chunk are `rows` times `columns` of them. Section names in comments are those of the specification.
"""

import numpy
import zstandard

WIDTHS = {
    "bf16": 2, "f16": 2, "f32": 4, "e4m3": 1, "e5m2": 1,
    "word1": 1, "word2": 2, "word4": 4, "word8": 8}
MANTISSA_BITS = {"bf16": 7, "f16": 10, "f32": 23, "e4m3": 3, "e5m2": 2}

# Optional fields of a chunk, by coding
LEVELS, MOVES, CROSSINGS, SHIFTS, FLAGS = 16, 32, 32, 64, 128
OPTIONAL = {
    0: 0, 2: MOVES | SHIFTS, 3: 0, 5: LEVELS, 6: LEVELS | CROSSINGS | SHIFTS | FLAGS}


class Corrupt(Exception):
    """Why a chunk is refused."""


def apply_chunk(chunk, base, element, rows, columns):
    """The result's bytes of a chunk."""
    return _decode(chunk, base, element, rows, columns, strips=False)


def strip_chunk(chunk, result, element, rows, columns):
    """The base's bytes of a chunk."""
    return _decode(chunk, result, element, rows, columns, strips=True)


def _decode(chunk, data, element, rows, columns, strips):
    words = numpy.frombuffer(data, f"<u{WIDTHS[element]}")
    if not chunk:
        return words.tobytes()
    check_length(chunk, data)
    coding = coding_of(chunk)
    if coding == 0:
        return _planes(chunk, words, strips)
    fields = Fields(chunk, 1)
    if coding == 5 and element in ("word1", "word4"):
        return _packed(fields, words.tobytes(), WIDTHS[element], rows, columns, strips)
    if coding not in (2, 6) or element not in MANTISSA_BITS:
        raise Corrupt(f"coding {coding} is not for {element}")
    decoder = {2: _dense, 6: _sparse}[coding]
    decoded = decoder(fields, words.tolist(), Floats(element), rows, columns, strips)
    return numpy.array(decoded, words.dtype).tobytes()


def coding_of(chunk):
    coding = chunk[0] & 15
    if chunk[0] & 0xF0 & ~OPTIONAL.get(coding, 0) or coding not in OPTIONAL:
        raise Corrupt(f"coding {chunk[0]} is unknown")
    return coding


def check_length(chunk, data):
    if len(chunk) > len(data) + len(data) // 8 + 1024:
        raise Corrupt(f"a chunk of {len(chunk)} bytes for elements of {len(data)}")


# Coding 0


def _planes(chunk, words, strips):
    width, size = words.dtype.itemsize, words.nbytes
    try:
        if zstandard.frame_content_size(chunk[1:]) != size:
            raise Corrupt("the planes have another size")
        planes = zstandard.ZstdDecompressor().decompress(chunk[1:], allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Corrupt(f"the planes are no zstd frame: {error}") from None
    differences = numpy.frombuffer(planes, "u1").reshape(width, -1).T.copy().view(words.dtype)
    return (words - differences[:, 0] if strips else words + differences[:, 0]).tobytes()


# Conventions


class Fields:
    def __init__(self, data, position):
        self.data = data
        self.position = position
        self.optional = data[0] & 0xF0 if data else 0

    def has(self, optional):
        return self.optional & optional

    def bytes(self, count):
        if count > len(self.data) - self.position:
            raise Corrupt("a field is cut")
        self.position += count
        return self.data[self.position - count:self.position]

    def rest(self):
        return self.bytes(len(self.data) - self.position)

    def varint(self):
        value = shift = 0
        while shift < 63:
            byte = self.bytes(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if not byte and shift:
                    raise Corrupt("an integer is not in its shortest form")
                return value
            shift += 7
        raise Corrupt("an integer is too long")

    def priors(self):
        return self.bytes(1)[0] if self.has(LEVELS) else 255

    def moves(self, elements):
        return self.counts(elements) if self.has(MOVES) else (0, 0)

    def counts(self, elements):
        rare, likely = self.varint(), self.varint()
        if rare + likely > elements:
            raise Corrupt("more than there are elements")
        return rare, likely

    def shifts(self, floats):
        """Shifts, by exponent."""
        if not self.has(SHIFTS):
            return [0] * floats.exponents
        count = self.varint()
        if count > floats.exponents:
            raise Corrupt("too many shifts")
        shifts, last = [0] * floats.exponents, -1
        for _ in range(count):
            first, shift = self.bytes(2)
            if not last < first < floats.exponents or shift > floats.mantissa_bits:
                raise Corrupt("a shift that cannot be")
            shifts[first:] = [shift] * (floats.exponents - first)
            last = first
        return shifts


class Floats:
    """Ordinals."""

    def __init__(self, element):
        self.bits = 8 * WIDTHS[element]
        self.mantissa_bits = MANTISSA_BITS[element]
        self.exponents = 1 << self.bits - 1 - self.mantissa_bits
        self.mask = (1 << self.bits) - 1

    def ordinal(self, word):
        """Or the word that has this ordinal."""
        return word ^ self.mask >> 1 if word >> self.bits - 1 else word

    def moved(self, word, distance):
        return self.ordinal(self.ordinal(word) + distance & self.mask)

    def exponent(self, word):
        return (word & self.mask >> 1) >> self.mantissa_bits

    def is_upper(self, word):
        """Whether a float is nearer to the upper edge of its binade."""
        return word >> self.mantissa_bits - 1 & 1 == 1

    def distance_class(self, word):
        """How far a float is from the nearer edge of its binade."""
        known = min(self.mantissa_bits, 10)
        upper = word >> self.mantissa_bits - known & (1 << known) - 1
        return min(upper, (1 << known) - 1 - upper).bit_length()


# Half octaves


def clamp(value, least, most):
    return min(max(value, least), most)


def power(half_octaves, shift):
    exponent = half_octaves + 2 * shift
    return 0 if exponent < 0 else 1 << min(exponent >> 1, 47)


def probability(half_octaves):
    odds = power(half_octaves, 16)
    if half_octaves & 1:
        odds = odds * 46341 >> 15
    return (odds << 16) // (odds + 65536)


EIGHTHS = [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4,
           5, 5, 5, 5, 6, 6, 6, 6, 6, 7, 7, 7, 7, 7, 8, 8]


def eighths(value):
    exponent = value.bit_length() - 1
    return 8 * exponent + EIGHTHS[(value << 5 >> exponent) & 31]


# Adaptive bits and the range coder


class Models:
    def __init__(self, count):
        self.ones = [32768] * count
        self.seen = [0] * count

    def start(self, index, at, trust):
        self.ones[index] = clamp(at, 32, 65504)
        self.seen[index] = trust

    def learn(self, index, bit):
        rate = 327680 // (5 * self.seen[index] + 8)
        ones = self.ones[index]
        self.ones[index] = ones + (((65504 if bit else 32) - ones) * rate >> 16)
        self.seen[index] = min(self.seen[index] + 1, 90)


class RangeDecoder:
    def __init__(self, data):
        self.data = data
        self.position = 8
        self.code = int.from_bytes(data[:8].ljust(8, b"\0"), "big")
        self.range = (1 << 64) - 1

    def bit(self, models, index):
        bound = (self.range >> 16) * models.ones[index]
        bit = self.code < bound
        if bit:
            self.range = bound
        else:
            self.code -= bound
            self.range -= bound
        models.learn(index, bit)
        self.fill()
        return bit

    def raw(self, count):
        value = self.place(count)
        self.narrow(value, 1, count)
        return value

    def place(self, exponent):
        return min(self.code // (self.range >> exponent), (1 << exponent) - 1)

    def narrow(self, start, width, exponent):
        part = self.range >> exponent
        self.keep(start * part, (start + width) * part)

    def keep(self, start, end):
        """Goes on to a part of the interval, in which a damaged chunk's code may not be."""
        if start >= end:
            raise Corrupt("two sides have nothing in common")
        self.code = self.code - start & (1 << 64) - 1
        self.range = end - start
        self.fill()

    def fill(self):
        if self.range < 1 << 48:
            while self.range < 1 << 56:
                byte = self.data[self.position] if self.position < len(self.data) else 0
                self.code = (self.code << 8 | byte) & (1 << 64) - 1
                self.range <<= 8
                self.position += 1


def signed_unary(coder, models, first):
    if not coder.bit(models, first):
        return 0
    negative = coder.bit(models, first + 1)
    magnitude = 1
    while magnitude < 300 and coder.bit(models, first + 1 + min(magnitude, 10)):
        magnitude += 1
    return -magnitude if negative else magnitude


# Odds tables

LIKELY = -6


class Odds:
    """Odds by exponent; those not in `odds` are closed."""

    def __init__(self, coder, exponents):
        models = Models(24)
        models.start(0, 4000, 4)
        bits = (exponents - 1).bit_length()
        lowest = min(coder.raw(bits), exponents - 1)
        self.highest = highest = min(lowest + coder.raw(bits), exponents - 1)
        self.top = coder.raw(8) - 128
        self.slope = coder.raw(6)
        self.odds = {}
        self.cap = 12 - 2 * coder.raw(5)
        for exponent in range(lowest, highest + 1):
            odds = self.expected(exponent)
            if coder.bit(models, 0):
                if lowest < exponent < highest and coder.bit(models, 1):
                    continue
                odds = clamp(odds + signed_unary(coder, models, 2), -52, 12)
            self.odds[exponent] = odds

    def expected(self, exponent):
        """Without corrections."""
        return max(min(self.size(exponent), self.cap), -52)

    def size(self, exponent):
        return self.top + ((self.highest - max(exponent, 1)) * self.slope >> 3)


# Weights and gaps

LIKELY_WEIGHT = 1 << 59
UNREACHABLE = 1 << 54

CLASSES = [33, 84, 1, 60, 65, 8, 2, 70, 65, 55, 54, 33, 16, 10, 10]
FRACTIONS = [
    [50, 50, 50], [50, 50, 50], [46, 45, 45], [46, 46, 48], [46, 46, 46], [38, 44, 44],
    [30, 40, 42], [31, 38, 40], [23, 30, 40], [19, 32, 35],
]


def weight(odds):
    return LIKELY_WEIGHT if odds >= LIKELY else max(power(odds, 30), 1)


WEIGHTS = {odds: weight(odds) for odds in range(-160, 640)}


class Gaps:
    """Where the next change is, of those that were unlikely; `left` is what may pass before it."""

    def __init__(self, coder, count):
        self.coder = coder
        self.models = Models(64)
        for index, percent in enumerate(CLASSES):
            self.models.start(1 + index, 655 * percent, 6)
        for level in range(2, 15):
            for index, percent in enumerate(FRACTIONS[min(level, 11) - 2]):
                self.models.start(16 + 3 * level + index, 655 * percent, 6)
        self.count = count
        self.beyond = 0
        self.read()

    def read(self):
        self.left = self.distance = UNREACHABLE
        self.skipped = 0
        if not self.count:
            return
        while True:
            node = 1
            for _ in range(4):
                node = 2 * node + self.coder.bit(self.models, node)
            level = node - 16
            if level < 15:
                break
            self.beyond += 1 << 38
            if self.beyond >= UNREACHABLE:
                return
            self.skipped += 1 << 38
        steps, shift = level, max(level - 3, 0)
        if level >= 2:
            steps, model = 1, 16 + 3 * level
            for _ in range(min(level - 1, 2)):
                bit = self.coder.bit(self.models, model)
                steps = 2 * steps + bit
                model += 1 + bit
        self.first = steps << shift + 24
        self.exponent = shift + 24
        self.distance = self.skipped + self.first + self.coder.place(self.exponent)
        self.left = self.distance

    def settle(self, weight, offset=0, reads_next=True):
        """The change is the element of this weight, or this part of one, in which `left` ends."""
        if self.distance == UNREACHABLE:
            raise Corrupt("a change that no gap tells")
        before = self.distance - self.left + offset - self.skipped
        last = self.first + (1 << self.exponent)
        start = clamp(before, self.first, last - 1)
        end = clamp(before + weight, start + 1, last)
        self.coder.narrow(start - self.first, end - start, self.exponent)
        self.count -= 1
        if reads_next:
            self.read()


# Levels


class Levels:
    def __init__(self, columns, row_prior, column_prior):
        self.learns_rows, self.learns_columns = row_prior != 15, column_prior != 15
        self.row_prior = 65536 << row_prior >> 4
        self.row = 0
        self.columns = [0] * columns
        self.start_row()
        self.column_fine = [0] * columns
        self.column_scores = [0] * columns
        self.column_information = [65536 << column_prior >> 4] * columns
        self.unlikely = self.found = self.rows = 0

    def start_row(self):
        self.row = self.row_fine = self.row_score = 0
        self.row_information = self.row_prior

    def passed(self, weight):
        expected = weight >> 14
        self.row_score -= expected
        self.row_information += expected
        self.unlikely += expected

    def looked_at(self, odds, column):
        chance = probability(clamp(odds, LIKELY, LIKELY + 63))
        information = chance * (65536 - chance) >> 16
        self.row_score -= chance
        self.row_information += information
        self.column_scores[column] -= chance
        self.column_information[column] += information

    def hit(self, column):
        self.found += 1
        self.row_score += 65536
        self.refresh_row()
        self.column_scores[column] += 65536
        if self.learns_columns:
            self.refresh_column(column)

    def refresh_row(self):
        if self.learns_rows:
            self.row_fine, self.row_score = learn(
                self.row_fine, self.row_score, self.row_information)
            self.row = self.row_fine + 128 >> 8

    def refresh_column(self, column):
        information = min(self.column_information[column], 512 << 16)
        fine, score = learn(self.column_fine[column], self.column_scores[column], information)
        self.column_information[column] = information
        self.column_fine[column] = fine
        self.column_scores[column] = score
        self.columns[column] = fine + 128 >> 8

    def end_row(self):
        self.rows += 1
        if self.learns_columns and (2 * self.found >= len(self.columns) or self.rows == 32):
            levels = [min(level, 8) for level in self.columns]
            shares = [(181 if level & 1 else 128) << (level + 16 >> 1) for level in levels]
            unit = (self.unlikely << 16) // sum(shares)
            for column, share in enumerate(shares):
                expected = min(unit * share >> 16, 1 << 28)
                self.column_scores[column] -= expected
                self.column_information[column] += expected
                self.refresh_column(column)
            self.unlikely = self.found = self.rows = 0
        self.start_row()


def learn(level, score, information):
    """A level in 256ths of half octaves after a lesson, and what it leaves of the score."""
    if abs(score) * 739 < information * 64:
        return level, score
    step = min(abs(score) * 739 // information, 6 * 256)
    return clamp(level + (step if score > 0 else -step), -16 * 256, 15 * 256 + 127), 0


# Changes

FLAG, DOUBLE, FURTHER, FAR, FRACTION, OVER = 0, 64, 128, 192, 256, 352


class Changes:
    def __init__(self, coder, floats, columns, odds, predicts_signs):
        self.coder, self.floats, self.odds = coder, floats, odds
        self.least_binades = coder.raw((floats.exponents - 1).bit_length())
        self.signs = Signs(coder, columns) if predicts_signs else None
        self.models = models = Models(360)
        for index in range(64):
            models.start(FLAG + index, probability(index - 4), 8)
            saturated = probability(2 * (index - 32) + 1)
            models.start(DOUBLE + index, max(saturated, 4500), 8)
            models.start(FURTHER + index, max(saturated, 13000), 8)
            models.start(FAR + index, max(saturated, 26000), 4)
        for length in range(2, 32):
            for index, start in enumerate((21000, 25600, 28000)):
                models.start(FRACTION + 3 * length + index, start, 12)

    def further(self, first, exponent, level):
        """Whether a change of this level is larger than what leads to this exponent."""
        octave = self.odds.size(exponent) + level >> 1
        return self.coder.bit(self.models, first + clamp(octave + 32, 0, 63))

    def magnitude(self, exponent, level, shift):
        """Below a binade."""
        length = 1
        while length < self.floats.mantissa_bits - shift and self.further(
                DOUBLE if length == 1 else FURTHER, exponent + shift + length, level):
            length += 1
        return self.fraction(length) << shift

    def binades(self, is_far, level, shift):
        """A magnitude of any number of binades."""
        mantissa_bits = self.floats.mantissa_bits
        if is_far:
            count = self.least_binades
            while count < self.floats.exponents and self.further(
                    FAR, count + mantissa_bits + 1, level):
                count += 1
        else:
            count = 0
            while count < 7 and self.coder.bit(self.models, OVER + count):
                count += 1
        return (count << mantissa_bits) + (self.coder.raw(mantissa_bits - shift) << shift)

    def fraction(self, length):
        number, model = 1, FRACTION + 3 * length
        for _ in range(min(length - 1, 2)):
            bit = self.coder.bit(self.models, model)
            number = 2 * number + bit
            model += 1 + bit
        rest = max(length - 3, 0)
        return number << rest | self.coder.raw(rest)

    def falls(self, column):
        return self.signs.falls(column) if self.signs else self.coder.raw(1) == 1

    def note_fall(self, falls, column):
        """A direction that is known without being told."""
        if self.signs:
            self.signs.note(falls, column)

    def end_row(self):
        if self.signs:
            self.signs.end_row()


# Signs


class Signs:
    def __init__(self, coder, columns):
        self.coder = coder
        self.models = Models(9)
        for index, percent in enumerate((50, 60, 66, 72, 78, 80, 84, 88, 94)):
            self.models.start(index, 655 * percent, 8)
        self.columns = [0] * columns
        self.row = 0
        self.changes = []

    def falls(self, column):
        sign = self.columns[column]
        evidence = self.row * sign
        is_right = self.coder.bit(self.models, min(abs(evidence).bit_length(), 8))
        falls = is_right == (evidence < 0)
        self.note(falls, column)
        return falls

    def note(self, falls, column):
        self.row += -self.columns[column] if falls else self.columns[column]
        self.changes.append((column, falls))

    def end_row(self):
        for column, falls in self.changes:
            self.columns[column] += 1 if falls != (self.row >= 0) else -1
        self.row = 0
        self.changes = []


# Steps

CROSSES, NEAR, IS_FAR = 0, 256, 512


class Steps:
    """Whether changes cross into another binade, and how."""

    def __init__(self, coder):
        self.coder = coder
        self.models = models = Models(516)
        for context in range(256):
            octaves = context // 16 - context % 16
            crosses = 28000 if octaves >= 0 else probability(4 * octaves - 2)
            models.start(CROSSES + context, crosses, 6)
            models.start(NEAR + context, 20000 if octaves > 4 else 60000, 4)
        for index in range(4):
            models.start(IS_FAR + index, 32768, 2)
        self.history = 0

    def is_far(self):
        bit = self.coder.bit(self.models, IS_FAR + self.history)
        self.history = 2 * self.history % 4 + bit
        return bit

    def learn(self, step, context):
        self.models.learn(CROSSES + context, step != "within")
        if step != "within":
            self.models.learn(NEAR + context, step == "near")


# Two sides


class Side:
    """What is expected of an element by its word on one side."""

    def __init__(self, word, level, sparse):
        floats, line = sparse.floats, sparse.line
        exponent = floats.exponent(word)
        octaves = line.size(exponent) + level >> 1
        self.context = 16 * clamp(octaves, 0, 15) + floats.distance_class(word)
        self.crosses = sparse.steps.models.ones[CROSSES + self.context]
        self.near = sparse.steps.models.ones[NEAR + self.context]
        self.is_open = exponent in line.odds
        self.odds = line.odds.get(exponent, 0) + level
        self.is_looked_at = self.is_open and self.odds >= LIKELY
        self.flag = FLAG + clamp(self.odds - LIKELY, 0, 63)
        self.changes = sparse.changes.models.ones[self.flag]
        self.weight = max(WEIGHTS[self.odds], 2) if self.is_open else 0
        self.crossing_weight = max(self.weight * self.crosses >> 16, 1)

    def bounds(self, flags):
        """Below which codes of flags tell a crossing, and a change."""
        change = (flags.range >> 16) * self.changes
        return (change >> 16) * self.crosses, change

    def near_bound(self, crossings):
        return (crossings.range >> 16) * self.near


# Coding 6


class Sparse:
    def __init__(self, fields, floats, rows, columns, strips):
        self.floats, self.columns, self.strips = floats, columns, strips
        priors = fields.priors()
        rare, likely = fields.counts(rows * columns)
        self.remaining = rare + likely
        if not self.remaining:
            raise Corrupt("nothing changes")
        self.shifts = fields.shifts(floats)
        lengths = [
            fields.varint() if is_there else 0
            for is_there in (rare, fields.has(FLAGS), fields.has(CROSSINGS))]
        positions, flags, crossings = [fields.bytes(length) for length in lengths]
        values = RangeDecoder(fields.rest())
        self.gaps = Gaps(RangeDecoder(positions), rare)
        self.flags, self.crossings = RangeDecoder(flags), RangeDecoder(crossings)
        self.line = Odds(values, floats.exponents)
        is_wide = columns > 1 << 20
        self.levels = Levels(columns, priors & 15, 15 if is_wide else priors >> 4)
        self.changes = Changes(
            values, floats, columns, self.line, priors != 255 and not is_wide)
        self.steps = Steps(values)
        self.passed = 0

    def decode(self, words):
        for index, word in enumerate(words):
            column = index % self.columns
            level = self.levels.row + self.levels.columns[column]
            side = Side(word, level, self)
            step = self.step(side, column)
            if step:
                words[index] = self.change(word, side, step, column, level)
                self.remaining -= 1
                if not self.remaining:
                    return words
            if column % 64 == 63 or column + 1 == self.columns:
                self.note_passed()
                self.levels.refresh_row()
            if column + 1 == self.columns:
                self.changes.end_row()
                self.levels.end_row()
        return words

    def note_passed(self):
        self.levels.passed(self.passed)
        self.passed = 0

    def step(self, side, column):
        """What the next element does, None for nothing."""
        if side.is_looked_at:
            crossing, change = side.bounds(self.flags)
            if self.flags.code >= change:
                self.flags.keep(change, self.flags.range)
                self.changes.models.learn(side.flag, 0)
                self.levels.looked_at(side.odds, column)
                return None
            crosses = self.flags.code < crossing
        elif side.weight > self.gaps.left:
            crosses = self.gaps.left < side.crossing_weight
        else:
            self.gaps.left -= side.weight
            self.passed += side.weight
            return None
        if not crosses:
            return "within"
        return "near" if self.crossings.code < side.near_bound(self.crossings) else "wide"

    def change(self, word, side, step, column, level):
        """The other side's word."""
        self.note_passed()
        other = self.other(word, step, column, level)
        other_side = Side(other, level, self)
        base, result = (other_side, side) if self.strips else (side, other_side)
        self.settle(step, base, result)
        self.steps.learn(step, base.context)
        self.steps.learn(step, result.context)
        likely = [side for side in (base, result) if side.is_looked_at]
        for flag in {side.flag for side in likely}:
            self.changes.models.learn(flag, 1)
        if len(likely) == 2:
            self.levels.looked_at(min(side.odds for side in likely), column)
        self.levels.hit(column)
        return other

    def other(self, word, step, column, level):
        floats, changes = self.floats, self.changes
        exponent = floats.exponent(word)
        if step == "within":
            magnitude = changes.magnitude(exponent, level, self.shifts[exponent])
            falls = changes.falls(column)
        elif step == "near":
            is_below = floats.is_upper(word)
            edge = exponent + is_below
            if not 0 < edge < floats.exponents:
                raise Corrupt("a step over no edge")
            base_is_below = is_below != self.strips
            shift = self.shifts[edge - base_is_below]
            magnitude = changes.magnitude(edge - 1, level, shift)
            falls = base_is_below == (word >> floats.bits - 1 == 1)
            changes.note_fall(falls, column)
        else:
            is_far = self.steps.is_far()
            magnitude = changes.binades(is_far, level, min(self.shifts))
            falls = changes.falls(column)
        return floats.moved(word, -magnitude if falls != self.strips else magnitude)

    def settle(self, step, base, result):
        sides = (base, result)
        rare = [side for side in sides if not side.is_looked_at]
        likely = [side for side in sides if side.is_looked_at]
        if step == "within":
            if rare:
                start = max(side.crossing_weight for side in sides)
                self.gaps.settle(base.weight - start, start)
            else:
                start = max(side.bounds(self.flags)[0] for side in sides)
                self.flags.keep(start, base.bounds(self.flags)[1])
            return
        if rare:
            self.gaps.settle(min(side.crossing_weight for side in rare))
        if likely:
            self.flags.keep(0, min(side.bounds(self.flags)[0] for side in likely))
        bounds = [side.near_bound(self.crossings) for side in sides]
        if step == "near":
            self.crossings.keep(0, min(bounds))
        else:
            self.crossings.keep(max(bounds), self.crossings.range)


def _sparse(fields, words, floats, rows, columns, strips):
    return Sparse(fields, floats, rows, columns, strips).decode(words)


# Moves


class Moves:
    """The base's exponents, from the bits of the result."""

    def __init__(self, floats, odds, counts, positions, coder):
        self.floats, self.odds, self.coder = floats, odds, coder
        self.remaining = sum(counts)
        self.gaps = Gaps(RangeDecoder(positions), counts[0])
        self.models = models = Models(96)
        for index in range(64):
            models.start(index, probability(index + LIKELY), 6)
        for index in range(8):
            models.start(64 + index, 64000 - 6000 * index, 4)

    def exponent(self, word):
        """The base's exponent of an element."""
        own = self.floats.exponent(word)
        if not self.remaining:
            return own
        unknown = self.floats.mantissa_bits - min(self.floats.mantissa_bits, 10)
        distance = self.floats.distance_class(word)
        if distance:
            odds = self.odds.expected(own + distance + unknown)
        else:
            odds = max(self.odds.expected(own + unknown - j) - 2 * j for j in range(unknown + 1))
        element = WEIGHTS[odds]
        if element != LIKELY_WEIGHT:
            if element <= self.gaps.left:
                self.gaps.left -= element
                return own
            self.gaps.settle(element)
        elif not self.coder.bit(self.models, clamp(odds - LIKELY, 0, 63)):
            return own
        self.remaining -= 1
        return self.base_exponent(own, word)

    def base_exponent(self, own, word):
        bases = sorted(self.odds.odds)
        is_upper = self.floats.is_upper(word)
        near = own + (1 if is_upper else -1)
        if near in bases and self.coder.bit(
                self.models, 64 + min(self.floats.distance_class(word), 7)):
            return near
        below, above = (own - 1, own + 2) if is_upper else (own - 2, own + 1)
        has_below, has_above = below >= bases[0], above <= bases[-1]
        if not has_below and not has_above:
            return own
        is_below = self.coder.bit(self.models, 72) if has_below and has_above else has_below
        candidates = range(below, bases[0], -1) if is_below else range(above, bases[-1])
        for rank, candidate in enumerate(c for c in candidates if c in bases):
            if self.coder.bit(self.models, (73 if is_below else 84) + min(rank, 10)):
                return candidate
        return bases[0] if is_below else bases[-1]


# Coding 2


def _dense(fields, words, floats, rows, columns, strips):
    move_counts = fields.moves(len(words))
    shifts = fields.shifts(floats)
    lengths = [fields.varint() for _ in range(2)]
    bits_length = fields.varint() if fields.has(MOVES) else None
    move_positions_length = fields.varint() if move_counts[0] else 0
    model, token_stream = [fields.bytes(length) for length in lengths]
    bit_stream = fields.rest() if bits_length is None else fields.bytes(bits_length)
    move_positions = fields.bytes(move_positions_length)
    move_values = fields.rest()

    tables, slots = token_model(RangeDecoder(model), floats.exponents)
    tokens = Tokens(token_stream)
    bits = Bits(bit_stream)
    strips_moves = strips and sum(move_counts) > 0
    if strips_moves:
        coder = RangeDecoder(move_values)
        odds = Odds(coder, floats.exponents)
        moves = Moves(floats, odds, move_counts, move_positions, coder)
    for index, word in enumerate(words):
        exponent = moves.exponent(word) if strips_moves else floats.exponent(word)
        token = tokens.next(slots[tables[exponent]])
        if token:
            falls = bits.read(1)
            raw_bits = max(token - 4, 0) // 4
            magnitude = token if token < 8 else 4 + token % 4 << raw_bits
            magnitude = magnitude + bits.read(raw_bits) << shifts[exponent]
            words[index] = floats.moved(word, -magnitude if falls != strips else magnitude)
    return words


def token_model(coder, exponents):
    """The table of each exponent; the slots of each table, as token, frequency and offset."""
    models = Models(224)
    tables, count = [], 1
    for exponent in range(exponents):
        is_own = coder.bit(models, 1 if exponent and tables[-1] else 0)
        tables.append(count if is_own else 0)
        count += is_own
    slots = []
    for _ in range(count):
        frequencies, rest, previous = [0] * 124, 2048, 0
        for token in range(124):
            if not rest:
                break
            length = 0
            while length < 12 and coder.bit(models, 16 + 16 * previous + length):
                length += 1
            previous = length
            value = 1 << length - 1 | coder.raw(length - 1) if length else 0
            frequencies[token] = min(value, rest)
            rest -= frequencies[token]
        frequencies[123] += rest
        slots.append([
            (token, frequency, offset)
            for token, frequency in enumerate(frequencies) for offset in range(frequency)])
    return tables, slots


class Tokens:
    """The token stream."""

    def __init__(self, data):
        self.data = data
        self.position = 0
        self.states = [self.read(4), self.read(4)]

    def read(self, count):
        self.position += count
        return int.from_bytes(self.data[self.position - count:self.position], "little")

    def next(self, slots):
        state, other = self.states
        token, frequency, offset = slots[state & 2047]
        state = frequency * (state >> 11) + offset
        if state < 1 << 16:
            state = state << 16 | self.read(2)
        self.states = [other, state]
        return token


class Bits:
    """Raw bits, the first of them lowest."""

    def __init__(self, data):
        self.data = data
        self.position = 0

    def read(self, count):
        first, end = self.position >> 3, self.position + count + 7 >> 3
        value = int.from_bytes(self.data[first:end], "little") >> (self.position & 7)
        self.position += count
        return value & (1 << count) - 1


# Differences (Formats/block-coding.md)


class Differences:
    def __init__(self, coder):
        self.coder = coder
        self.lengths = Models(34)
        for index in range(34):
            self.lengths.start(index, 8000, 4)
        self.digits = Models(16 * 17)

    def magnitude(self, is_rescaled):
        length, first = 1, 0 if is_rescaled else 17
        while length < 16 and self.coder.bit(self.lengths, first + length):
            length += 1
        magnitude = 1
        for place in reversed(range(length - 1)):
            magnitude = 2 * magnitude + self.coder.bit(self.digits, 16 * length + place)
        return magnitude


# Coding 5


def _packed(fields, data, width, rows, columns, strips):
    if columns == 1:
        rows, columns = 1, rows
    layout = fields.bytes(1)[0]
    bits, is_down, is_float = layout & 15, layout & 16, layout & 32
    row_bits = 8 * width * (1 if is_down else columns)
    widths = (4, 6, 8) if is_float else (2, 3, 4, 5, 6, 8)
    if layout >= 64 or bits not in widths or row_bits % bits:
        raise Corrupt("codes that do not fill the elements")
    priors = fields.priors()
    count = fields.varint()
    per_word = 8 * width // bits
    code_rows, code_columns = (rows * per_word, columns) if is_down else (rows, row_bits // bits)
    codes = code_rows * code_columns
    if not 0 < count <= codes:
        raise Corrupt("more changes than codes")
    is_wide = code_columns > 1 << 20
    coder = RangeDecoder(fields.rest())
    levels = Levels(code_columns, priors & 15, 15 if is_wide else priors >> 4)
    signs = None if is_wide or priors == 255 else Signs(coder, code_columns)
    differences = Differences(coder)
    h = max((eighths(count) - eighths(max(codes - count, 1))) >> 2, -52)
    gaps = Gaps(coder, count)
    number = int.from_bytes(data, "little")
    sign = 1 << bits - 1

    def ordinal(code):
        return code ^ sign - 1 if is_float and code & sign else code

    passed = 0
    for code in range(codes):
        row, column = divmod(code, code_columns)
        element = WEIGHTS[min(h + levels.row + levels.columns[column], LIKELY - 1)]
        if element > gaps.left:
            levels.passed(passed)
            passed = 0
            gaps.settle(element, reads_next=False)
            falls = signs.falls(column) if signs else coder.raw(1) == 1
            magnitude = differences.magnitude(is_rescaled=False)
            levels.hit(column)
            if is_down:
                word = row // per_word * columns + column
                place = 8 * width * word + bits * (row % per_word)
            else:
                place = 8 * width * columns * row + bits * column
            old = number >> place & (1 << bits) - 1
            new = ordinal(old) + (-magnitude if falls != strips else magnitude) & (1 << bits) - 1
            number ^= (old ^ ordinal(new)) << place
            if not gaps.count:
                break
            gaps.read()
        else:
            gaps.left -= element
            passed += element
        if column % 64 == 63 or column + 1 == code_columns:
            levels.passed(passed)
            passed = 0
            levels.refresh_row()
        if column + 1 == code_columns:
            if signs:
                signs.end_row()
            levels.end_row()
    return number.to_bytes(len(data), "little")
