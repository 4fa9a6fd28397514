#!/usr/bin/env python3
"""A reader of patches, written from Formats/patch.md alone.

    gradiend_patch_reader.py apply BASE PATCH OUT
    gradiend_patch_reader.py strip RESULT PATCH OUT

BASE and RESULT are safetensors files. The digests of the input, of the patch and of the output are
checked before the output is written. It shows that the specification is enough; it is neither fast
nor sparing with memory. Coded chunks are read by delta_coding.py (Formats/delta-coding.md), but for
those of quantised blocks, which safetensors files do not have.
"""

import json
import struct
import sys

import xxhash
import zstandard

import delta_coding

CHUNK_LIMIT = 8 << 20

# Section 4.1: name, bits, and what delta_coding calls an element.
TYPES = [
    ("BOOL", 8), ("F4", 4), ("F6_E2M3", 6), ("F6_E3M2", 6), ("U8", 8), ("I8", 8), ("F8_E5M2", 8),
    ("F8_E4M3", 8), ("F8_E8M0", 8), ("F8_E4M3FNUZ", 8), ("F8_E5M2FNUZ", 8), ("I16", 16),
    ("U16", 16), ("F16", 16), ("BF16", 16), ("I32", 32), ("U32", 32), ("F32", 32), ("C64", 64),
    ("F64", 64), ("I64", 64), ("U64", 64),
]
FLOATS = {"F16": "f16", "BF16": "bf16", "F32": "f32"}

GRADIEND_KEYS = ["learning_rate", "part", "gradiend_digest"]
ORIGIN_KEYS = ["_repository", "_commit"]
BOUNDED_KEYS = ["max_relative_error", "relative_error"]
KEYS = [
    "format", "format_version", "source", "base_sha256", "result_sha256", "base_digest",
    "result_digest", "tensors", "elements", "changed_tensors", "changed_elements",
]


class Refusal(Exception):
    """Why nothing is written."""


def require(condition, reason):
    if not condition:
        raise Refusal(reason)


# Section 1: conventions


def digest128(data):
    """The stored form: low 64 bits, then high 64 bits."""
    value = xxhash.xxh3_128_intdigest(bytes(data))
    return struct.pack("<QQ", value & (1 << 64) - 1, value >> 64)


def with_digest(data, what):
    """What follows an XXH3-64 of it."""
    require(len(data) > 8, f"the {what} is cut")
    require(
        xxhash.xxh3_64_intdigest(data[8:]) == struct.unpack("<Q", data[:8])[0],
        f"the {what} is damaged")
    return data[8:]


def digest_text(stored):
    low, high = struct.unpack("<QQ", stored)
    return f"{high:016x}{low:016x}"


def varint(value):
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


class Fields:
    """Reads fields front to back."""

    def __init__(self, data):
        self.data = data
        self.position = 0

    def bytes(self, count):
        require(count <= len(self.data) - self.position, "a field is cut")
        self.position += count
        return self.data[self.position - count:self.position]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.bytes(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                require(byte or not shift, "an integer is not in its shortest form")
                require(value < 1 << 63, "an integer is too large")
                return value
            shift += 7
            require(shift < 63, "an integer is too long")

    def varints(self, count):
        return [self.varint() for _ in range(count)]

    def require_end(self, what):
        require(self.position == len(self.data), f"{what} goes on after its end")


# Safetensors, which Formats/patch.md builds on


def unique(pairs):
    require(len(dict(pairs)) == len(pairs), "a key occurs twice")
    return dict(pairs)


def read_header(data):
    """Entries in the order of their bytes, and metadata."""
    entries = json.loads(data[8:], object_pairs_hook=unique)
    metadata = entries.pop("__metadata__", {})
    return dict(sorted(entries.items(), key=lambda item: item[1]["data_offsets"])), metadata


class SafetensorsFile:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        require(len(self.data) >= 8, f"{path} is no safetensors file")
        length = struct.unpack("<Q", self.data[:8])[0]
        require(length <= len(self.data) - 8, f"{path} is no safetensors file")
        self.start = 8 + length
        self.entries, self.metadata = read_header(self.data[:self.start])
        end = 0
        for entry in self.entries.values():
            require(entry["data_offsets"][0] == end, f"{path} has a gap or an overlap")
            end = entry["data_offsets"][1]
        require(self.start + end == len(self.data), f"{path} ends too early or too late")

    def bytes(self, name):
        first, last = self.entries[name]["data_offsets"]
        return self.data[self.start + first:self.start + last]


# Sections 3 and 4: metadata and index


class Tensor:
    """A row of the table."""

    def __init__(self, name):
        self.name = name
        self.changed = 0
        self.coded = b""

    @property
    def type(self):
        return TYPES[self.code][0]

    @property
    def bits(self):
        return TYPES[self.code][1]

    @property
    def elements(self):
        count = 1
        for dimension in self.shape:
            count *= dimension
        return count

    def chunks(self):
        """Section 5: start, rows and columns of each chunk, in elements."""
        if self.bits < 8:
            rows, columns = 1, self.elements * self.bits // 8
        else:
            columns = self.shape[-1] if self.shape else 1
            rows = self.elements // columns if columns else 0
        count = rows * columns
        if not count:
            return []
        if columns * self.width <= CHUNK_LIMIT:
            step = CHUNK_LIMIT // (columns * self.width)
            return [
                (row * columns, min(step, rows - row), columns) for row in range(0, rows, step)]
        step = CHUNK_LIMIT // self.width
        return [(first, 1, min(step, count - first)) for first in range(0, count, step)]

    @property
    def width(self):
        """Bytes of an element; types of less than 8 bits are taken as bytes."""
        return max(1, self.bits // 8)

    @property
    def element(self):
        return FLOATS.get(self.type, f"word{self.width}")

    def digest(self, data):
        """Section 5: the digest of the tensor with these bytes."""
        digests = b""
        for first, rows, columns in self.chunks():
            start = first * self.width
            digests += digest128(data[start:start + rows * columns * self.width])
        return digest128(digests)


class Patch:
    def __init__(self, path):
        file = SafetensorsFile(path)
        names = ["deltas", "layouts", "index"] if "layouts" in file.entries else ["deltas", "index"]
        require(
            [(name, entry["dtype"], len(entry["shape"])) for name, entry in file.entries.items()]
            == [(name, "U8", 1) for name in names], "these are not the tensors of a patch")
        self.metadata = file.metadata
        self.check_metadata()
        deltas = file.bytes("deltas")
        table = self.unpack(file.bytes("index"))
        self.read(Fields(table), deltas)
        self.check_counts()
        self.layouts = Layouts(file.bytes("layouts")) if "layouts" in names else None

    def check_metadata(self):
        metadata = self.metadata
        require(metadata.get("format") == "gradiend-patch", "this is not a patch")
        require(
            metadata.get("format_version", "").split(".")[0] == "1", "unsupported format version")
        require(metadata.get("source") in ("gradiend", "diff"), "unknown source")
        keys = KEYS + (GRADIEND_KEYS if metadata["source"] == "gradiend" else [])
        keys += ["feature_factor"] if metadata.get("part") == "decoder" else []
        keys += BOUNDED_KEYS if "max_relative_error" in metadata else []
        for role in ("base", {"gradiend": "gradiend", "diff": "result"}[metadata["source"]]):
            if role + "_repository" in metadata:
                keys += [role + key for key in ORIGIN_KEYS]
        require(set(metadata) == set(keys), "metadata are missing or unknown")

    @staticmethod
    def unpack(index):
        frame = with_digest(index, "index")
        size = zstandard.frame_content_size(frame)
        require(
            0 <= size <= min(256 << 20, 100 * len(frame) + 65536), "the table claims too much")
        table = zstandard.ZstdDecompressor().decompress(frame, max_output_size=size)
        require(len(table) == size, "the table has another size")
        return table

    def read(self, fields, deltas):
        metadata_digest = fields.bytes(16)
        text = b""
        for key in sorted(self.metadata, key=lambda key: key.encode()):
            for part in (key.encode(), self.metadata[key].encode()):
                text += varint(len(part)) + part
        require(digest128(text) == metadata_digest, "the metadata are damaged")
        require(digest128(deltas) == fields.bytes(16), "the deltas are damaged")

        count = fields.varint()
        require(count <= (len(fields.data) - fields.position) // 12, "too many tensors")
        lengths = fields.varints(count)
        self.tensors = tensors = [Tensor(fields.bytes(length).decode()) for length in lengths]
        require(len({tensor.name for tensor in tensors}) == count, "a name occurs twice")
        for tensor in tensors:
            tensor.code = fields.bytes(1)[0]
            require(tensor.code < len(TYPES), f"unsupported type {tensor.code}")
        ranks = fields.varints(count)
        for tensor, rank in zip(tensors, ranks):
            tensor.shape = fields.varints(rank)
        for tensor in tensors:
            tensor.base_digest = tensor.result_digest = fields.bytes(8)
        for tensor in tensors:
            tensor.changed = fields.varint()
            require(tensor.changed <= tensor.elements, "more changes than elements")
        changed = [tensor for tensor in tensors if tensor.changed]
        for tensor in changed:
            tensor.result_digest = fields.bytes(8)
        coded = Fields(deltas)
        for tensor in changed:
            tensor.coded = coded.bytes(fields.varint())
        coded.require_end("deltas")
        fields.require_end("the table")

    def check_counts(self):
        counts = {
            "tensors": len(self.tensors),
            "elements": sum(tensor.elements for tensor in self.tensors),
            "changed_tensors": sum(tensor.changed > 0 for tensor in self.tensors),
            "changed_elements": sum(tensor.changed for tensor in self.tensors),
        }
        for key, count in counts.items():
            require(self.metadata[key] == str(count), f"{key} is not that of the index")


# Sections 5 and 6: applying and stripping


def check(patch, contents, role):
    """Requires that these bytes, by tensor name, are those of the base or of the result."""
    text = b""
    for tensor in sorted(patch.tensors, key=lambda tensor: tensor.name.encode()):
        digest = tensor.digest(contents[tensor.name])
        expected = tensor.base_digest if role == "base" else tensor.result_digest
        require(digest[:8] == expected, f"'{tensor.name}' is not that of the {role}")
        name = tensor.name.encode()
        text += varint(len(name)) + name + bytes([tensor.code]) + varint(len(tensor.shape))
        text += b"".join(varint(dimension) for dimension in tensor.shape) + digest
    require(
        digest_text(digest128(text)) == patch.metadata[role + "_digest"],
        f"the tensors are not those of the {role}")


def decode(tensor, data, function):
    """The bytes of a changed tensor after `function` went over its chunks."""
    output = bytearray(data)
    coded = Fields(tensor.coded)
    for first, rows, columns in tensor.chunks():
        chunk = coded.bytes(coded.varint())
        if not chunk:
            continue
        start = first * tensor.width
        end = start + rows * columns * tensor.width
        piece = function(chunk, data[start:end], tensor.element, rows, columns)
        require(len(piece) == end - start, f"a chunk of '{tensor.name}' has another size")
        output[start:end] = piece
    coded.require_end(f"'{tensor.name}'")
    return bytes(output)


# Section 8: layouts


class Layouts:
    def __init__(self, data):
        fields = Fields(with_digest(data, "layouts"))
        base, result = fields.bytes(16), fields.bytes(16)
        result_frame = fields.bytes(fields.varint())
        base_frame = fields.bytes(len(fields.data) - fields.position)
        self.of = {"result": (base, result, result_frame), "base": (result, base, base_frame)}

    def header(self, model, role):
        """The header of the safetensors file in this role, given that of the input."""
        own = self.encoded(len(model.data), model.data[:model.start])
        source, target, frame = self.of[role]
        if digest128(own) != source:
            return model.data[:model.start]
        size = zstandard.frame_content_size(frame)
        require(0 <= size <= len(own) + 100 * len(frame) + 65536, "a layout claims too much")
        dictionary = zstandard.ZstdCompressionDict(own, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        layout = zstandard.ZstdDecompressor(
            dict_data=dictionary, max_window_size=1 << 31
        ).decompress(frame, max_output_size=size)
        require(digest128(layout) == target, "a layout is not the one it should be")
        header = layout[16:]
        require(
            layout == self.encoded(len(model.data) - model.start + len(header), header),
            "a layout is not that of one safetensors file with these tensors")
        return header

    @staticmethod
    def encoded(length, header):
        return struct.pack("<QQ", length, len(header)) + header


def run(command, input_path, patch_path, output_path):
    source, target, function = {
        "apply": ("base", "result", delta_coding.apply_chunk),
        "strip": ("result", "base", delta_coding.strip_chunk),
    }[command]
    patch = Patch(patch_path)
    model = SafetensorsFile(input_path)
    require(
        {name: (entry["dtype"], entry["shape"]) for name, entry in model.entries.items()}
        == {tensor.name: (tensor.type, tensor.shape) for tensor in patch.tensors},
        f"the model has other tensors than the {source}")
    contents = {name: model.bytes(name) for name in model.entries}
    check(patch, contents, source)
    for tensor in patch.tensors:
        if tensor.changed:
            contents[tensor.name] = decode(tensor, contents[tensor.name], function)
    check(patch, contents, target)
    header = patch.layouts.header(model, target) if patch.layouts else model.data[:model.start]
    entries, _ = read_header(header)
    require(
        {name: (entry["dtype"], entry["shape"]) for name, entry in entries.items()}
        == {tensor.name: (tensor.type, tensor.shape) for tensor in patch.tensors},
        "the layout has other tensors")
    with open(output_path, "xb") as file:
        file.write(header)
        for name in entries:
            file.write(contents[name])


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[1] not in ("apply", "strip"):
        sys.exit(__doc__)
    try:
        run(*sys.argv[1:])
    except (Refusal, delta_coding.Corrupt) as refusal:
        sys.exit(f"refused: {refusal}")
