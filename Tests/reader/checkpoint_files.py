"""Safetensors and GGUF files, as Formats/safetensors.md and Formats/gguf.md define them."""

import json
import math
import struct


class Refusal(Exception):
    """Why nothing is written."""


def require(condition, reason):
    if not condition:
        raise Refusal(reason)


# Elements and bytes of what a type stores together, in the order of Formats/patch.md, section 4.1.
TYPES = {
    "BOOL": (1, 1), "F4": (2, 1), "F6_E2M3": (4, 3), "F6_E3M2": (4, 3), "U8": (1, 1), "I8": (1, 1),
    "F8_E5M2": (1, 1), "F8_E4M3": (1, 1), "F8_E8M0": (1, 1), "F8_E4M3FNUZ": (1, 1),
    "F8_E5M2FNUZ": (1, 1), "I16": (1, 2), "U16": (1, 2), "F16": (1, 2), "BF16": (1, 2),
    "I32": (1, 4), "U32": (1, 4), "F32": (1, 4), "C64": (1, 8), "F64": (1, 8), "I64": (1, 8),
    "U64": (1, 8), "OPAQUE": (1, 1),
    "Q4_0": (32, 18), "Q4_1": (32, 20), "Q5_0": (32, 22), "Q5_1": (32, 24), "Q8_0": (32, 34),
    "Q8_1": (32, 36), "Q2_K": (256, 84), "Q3_K": (256, 110), "Q4_K": (256, 144),
    "Q5_K": (256, 176), "Q6_K": (256, 210), "Q8_K": (256, 292), "IQ2_XXS": (256, 66),
    "IQ2_XS": (256, 74), "IQ3_XXS": (256, 98), "IQ1_S": (256, 50), "IQ4_NL": (32, 18),
    "IQ3_S": (256, 110), "IQ2_S": (256, 82), "IQ4_XS": (256, 136), "IQ1_M": (256, 56),
    "TQ1_0": (256, 54), "TQ2_0": (256, 66), "MXFP4": (32, 17), "NVFP4": (64, 36),
    "Q1_0": (128, 18), "Q2_0": (64, 18),
}
CODES = list(TYPES)
BLOCKS = CODES[23:]
SAFETENSORS_TYPES = CODES[:22]

# Formats/gguf.md, section 4.
GGUF_TYPES = dict(zip(
    [0, 1, 2, 3, *range(6, 31), 34, 35, 39, 40, 41, 42],
    ["F32", "F16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q8_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K",
     "Q6_K", "Q8_K", "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS",
     "I8", "I16", "I32", "I64", "F64", "IQ1_M", "BF16", "TQ1_0", "TQ2_0", "MXFP4", "NVFP4", "Q1_0",
     "Q2_0"]))
REMOVED_GGUF_TYPES = {4, 5, 31, 32, 33, 36, 37, 38}
GGUF_VALUE_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


class Entry:
    """Type, shape with the outermost dimension first, and place in the file of a tensor."""

    def __init__(self, kind, shape, first, last):
        self.kind = kind
        self.shape = shape
        self.first = first
        self.last = last


def byte_count(name, kind, shape):
    """The bytes of a tensor."""
    elements, size = TYPES[kind]
    along = shape[-1] if kind in BLOCKS and shape else math.prod(shape)
    require(along % elements == 0, f"'{name}' ends within a block of {kind}")
    return math.prod(shape) // elements * size


class ModelFile:
    """Where the tensors of a file lie, which its first bytes tell: `head` holds at least them.

    All other bytes are opaque.
    """

    def __init__(self, head, length):
        self.length = length
        self.entries = (_gguf if head[:4] == b"GGUF" else _safetensors)(head, length)
        for name, entry in self.entries.items():
            require(
                entry.last - entry.first == byte_count(name, entry.kind, entry.shape),
                f"'{name}' takes {entry.last - entry.first} bytes, which its shape does not")
            require(
                entry.last <= length,
                f"the file ends at byte {length}, within '{name}', which ends at {entry.last}")

    def tensors(self):
        return {name: (entry.kind, entry.shape) for name, entry in self.entries.items()}

    def set_aside(self, names, role):
        """Takes the bytes of these tensors for opaque ones."""
        for name in names:
            require(name in self.entries, f"the {role} lacks '{name}', which the patch carries")
        lengths = [entry.last - entry.first for entry in map(self.entries.pop, names)]
        require(all(length <= 65536 for length in lengths) and sum(lengths) <= 1 << 20,
                f"the carried tensors of the {role} are too large")

    def contents(self, data):
        """The bytes of each tensor."""
        return {name: data[entry.first:entry.last] for name, entry in self.entries.items()}

    def gaps(self):
        """Where the opaque bytes lie."""
        end = 0
        for entry in self.entries.values():
            yield end, entry.first
            end = entry.last
        yield end, self.length

    def opaque(self, data):
        return b"".join(data[first:last] for first, last in self.gaps())

    def assembled(self, opaque, contents):
        """The file of these opaque bytes and of these tensors."""
        tensors = sum(entry.last - entry.first for entry in self.entries.values())
        require(len(opaque) + tensors == self.length, "a layout has too few bytes or too many")
        parts, position = [], 0
        for (first, last), name in zip(self.gaps(), [*self.entries, None]):
            parts.append(opaque[position:position + last - first])
            position += last - first
            parts.append(contents[name] if name is not None else b"")
        return b"".join(parts)


# Safetensors


def _unique(pairs):
    require(len(dict(pairs)) == len(pairs), "a key occurs twice")
    return dict(pairs)


def safetensors_header(data):
    """The start of the tensors, and what the header says."""
    require(len(data) >= 8, "this is no safetensors file")
    start = 8 + struct.unpack("<Q", data[:8])[0]
    require(start <= len(data), "this is no safetensors file, or its header is cut")
    try:
        header = json.loads(data[8:start].decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise Refusal(f"the header of the safetensors file is no JSON: {error}") from None
    require(isinstance(header, dict), "the header of the safetensors file is no object")
    return start, header


def _is_list_of_sizes(value):
    return isinstance(value, list) and all(
        type(size) is int and 0 <= size < 1 << 63 for size in value)


def _safetensors(head, length):
    start, header = safetensors_header(head)
    header.pop("__metadata__", None)
    entries = {}
    for name, entry in header.items():
        require(
            isinstance(entry, dict) and {"dtype", "shape", "data_offsets"} <= set(entry)
            and entry["dtype"] in SAFETENSORS_TYPES and _is_list_of_sizes(entry["shape"])
            and _is_list_of_sizes(entry["data_offsets"]) and len(entry["data_offsets"]) == 2,
            f"the entry of '{name}' in the header is no tensor's")
        first, last = entry["data_offsets"]
        entries[name] = Entry(entry["dtype"], entry["shape"], start + first, start + last)
    entries = dict(sorted(entries.items(), key=lambda item: (item[1].first, item[1].last)))
    end = start
    for name, entry in entries.items():
        require(entry.first == end, f"a gap or an overlap before '{name}'")
        end = entry.last
    require(end == length, f"the tensors end at byte {end}, the file at {length}")
    return entries


# GGUF


class _GGUFFields:
    def __init__(self, data):
        self.data = data
        self.position = 0

    def bytes(self, count):
        require(
            count <= len(self.data) - self.position,
            f"the GGUF header is cut: {count} bytes at byte {self.position}")
        self.position += count
        return self.data[self.position - count:self.position]

    def number(self, form):
        return struct.unpack("<" + form, self.bytes(struct.calcsize(form)))[0]

    def string(self):
        count = self.number("Q")
        require(count <= 1 << 30, f"a string of {count} bytes before byte {self.position}")
        return self.bytes(count)

    def value(self, kind):
        """What is in a key's value, of which but strings and numbers matter to nobody here."""
        if kind == 8:
            return self.string()
        if kind == 9:
            item, count = self.number("i"), self.number("Q")
            require(count <= 1 << 30, f"an array of {count} before byte {self.position}")
            require(item != 9, f"an array of arrays before byte {self.position}")
            if item == 8:
                for _ in range(count):
                    self.string()
                return None
            return self.bytes(self.size(item) * count)
        return self.bytes(self.size(kind))

    def size(self, kind):
        require(kind in GGUF_VALUE_BYTES, f"unknown value type {kind} at byte {self.position}")
        return GGUF_VALUE_BYTES[kind]


def _gguf(head, length):
    fields = _GGUFFields(head)
    fields.bytes(4)
    version = fields.number("I")
    require(version & 0xFFFF, "big-endian GGUF files are unsupported")
    require(version in (2, 3), f"unsupported GGUF version {version}")
    tensor_count, key_count = fields.number("Q"), fields.number("Q")
    alignment = _alignment(fields, key_count)
    infos = {}
    for _ in range(tensor_count):
        name = fields.string()
        try:
            name = name.decode()
        except UnicodeDecodeError:
            raise Refusal(f"a name that is not UTF-8 before byte {fields.position}") from None
        require(len(name.encode()) < 64 and "\0" not in name, f"'{name}' cannot be a name")
        require(name not in infos, f"two tensors are called '{name}'")
        rank = fields.number("I")
        require(rank <= 4, f"'{name}' has {rank} dimensions")
        shape = [fields.number("q") for _ in range(rank)][::-1]
        require(all(size >= 0 for size in shape), f"'{name}' has a negative dimension")
        infos[name] = shape, fields.number("i"), fields.number("Q")
    data = _rounded_up(fields.position, alignment)
    starts = [data + start for _, _, start in infos.values()] + [length]
    entries, end = {}, data
    for (name, (shape, number, _)), start, following in zip(infos.items(), starts, starts[1:]):
        require(number >= 0, f"'{name}' has type {number}")
        require(number not in REMOVED_GGUF_TYPES, f"'{name}' has the unsupported type {number}")
        require(
            start == _rounded_up(end - data, alignment) + data,
            f"'{name}' starts at byte {start}, the tensor before it ends at byte {end}")
        kind = GGUF_TYPES.get(number, "OPAQUE")
        if kind == "OPAQUE":
            require(start <= following, f"'{name}' starts after the next tensor")
            shape = [following - start]
        end = start + byte_count(name, kind, shape)
        entries[name] = Entry(kind, shape, start, end)
    return entries


def _alignment(fields, key_count):
    alignment, keys = 32, set()
    for _ in range(key_count):
        key, kind = fields.string(), fields.number("i")
        require(key and key not in keys, f"a key is empty or occurs twice: {key!r}")
        keys.add(key)
        value = fields.value(kind)
        if key == b"general.alignment":
            require(kind == 4, "general.alignment is no u32")
            alignment = struct.unpack("<I", value)[0]
            require(alignment.bit_count() == 1, f"an alignment of {alignment}")
    return alignment


def _rounded_up(position, alignment):
    return -(-position // alignment) * alignment
