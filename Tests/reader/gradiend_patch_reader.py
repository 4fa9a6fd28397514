#!/usr/bin/env python3
"""A reader of patches, written from the specifications alone.

    gradiend_patch_reader.py apply BASE PATCH OUT
    gradiend_patch_reader.py strip RESULT PATCH OUT

BASE and RESULT are safetensors files or GGUF files, as those are that the patch was made from. The
digests of the input, of the patch and of the output are checked before the output is written. It
shows that the specifications are enough; it is neither fast nor sparing with memory. Patches are
read as Formats/patch.md says, coded chunks by delta_coding.py (Formats/delta-coding.md) and
block_coding.py (Formats/block-coding.md), models by checkpoint_files.py.
"""

import contextlib
import json
import math
import struct
import sys

import xxhash
import zstandard

import block_coding
import delta_coding
from checkpoint_files import (
    BLOCKS, CODES, TYPES, ModelFile, Refusal, byte_count, require, safetensors_header)

CHUNK_LIMIT = 8 << 20

FLOATS = {
    "F16": "f16", "BF16": "bf16", "F32": "f32", "F8_E4M3": "e4m3", "F8_E4M3FNUZ": "e4m3",
    "F8_E5M2": "e5m2", "F8_E5M2FNUZ": "e5m2"}

GRADIEND_KEYS = ["learning_rate", "part", "gradiend_digest"]
ORIGIN_KEYS = ["_repository", "_commit"]
ROUNDING_KEYS = ["update_cosine", "update_norm_share"]
BOUNDED_KEYS = ["max_relative_error", "relative_error"]
KEYS = [
    "format", "format_version", "source", "base_sha256", "result_sha256", "base_digest",
    "result_digest", "tensors", "elements", "changed_tensors", "changed_elements",
]


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


def decompressed(frame, limit, what, decompressor):
    """What is in a zstd frame that declares its size."""
    try:
        size = zstandard.frame_content_size(frame)
        require(0 <= size <= limit, f"{what} claims {size} bytes, of which {limit} are allowed")
        return decompressor.decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Refusal(f"{what} is no zstd frame: {error}") from None


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


# Sections 3 and 4: metadata and index


class Tensor:
    """A row of the table."""

    def __init__(self, name):
        self.name = name
        self.changed = 0
        self.coded = b""
        self.kept = None

    @property
    def type(self):
        return CODES[self.code]

    @property
    def is_block(self):
        return self.type in BLOCKS

    @property
    def elements(self):
        return math.prod(self.shape)

    def chunks(self):
        """Section 5: start, rows and columns of each chunk, in elements or blocks."""
        packed, _ = TYPES[self.type]
        if self.is_block or packed == 1:
            columns = self.shape[-1] // packed if self.shape else 1
            rows = math.prod(self.shape[:-1])
        else:
            rows, columns = 1, byte_count(self.name, self.type, self.shape)
        bounds = [0, self.kept.start, self.kept.stop, rows] if self.kept else [0, rows]
        return [
            chunk for start, end in zip(bounds, bounds[1:])
            for chunk in self.chunks_of_rows(start, end, columns)]

    def chunks_of_rows(self, start, end, columns):
        if start == end or not columns:
            return []
        if columns * self.width <= CHUNK_LIMIT:
            step = CHUNK_LIMIT // (columns * self.width)
            return [
                (row * columns, min(step, end - row), columns) for row in range(start, end, step)]
        step = CHUNK_LIMIT // self.width
        return [
            (first, 1, min(step, end * columns - first))
            for first in range(start * columns, end * columns, step)]

    @property
    def width(self):
        """Bytes of an element or block; types of less than 8 bits are taken as bytes."""
        packed, width = TYPES[self.type]
        return width if self.is_block or packed == 1 else 1

    @property
    def element(self):
        """What block_coding or delta_coding calls an element."""
        if self.is_block:
            return self.type
        return FLOATS.get(self.type, f"word{self.width}")

    def digest(self, data, chunks=None):
        """Section 5: the digest of the tensor with these bytes, or of some of its chunks."""
        digests = b""
        for first, rows, columns in self.chunks() if chunks is None else chunks:
            start = first * self.width
            digests += digest128(data[start:start + rows * columns * self.width])
        return digest128(digests)


class Patch:
    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        require(data[:4] != b"GGUF", "a GGUF is no patch")
        file = ModelFile(data, len(data))
        parts = file.contents(data)
        names = ["deltas", "layouts", "index"] if "layouts" in parts else ["deltas", "index"]
        require(
            list(parts) == names
            and file.tensors() == {name: ("U8", [len(part)]) for name, part in parts.items()},
            "these are not the tensors of a patch")
        self.metadata = safetensors_header(data)[1].get("__metadata__")
        self.check_metadata()
        self.read(Fields(self.unpack(parts["index"])), parts["deltas"])
        self.check_counts()
        self.layouts = Layouts(parts["layouts"]) if "layouts" in parts else None

    def check_metadata(self):
        metadata = self.metadata
        require(
            isinstance(metadata, dict) and all(isinstance(text, str) for text in metadata.values()),
            "the metadata are no texts")
        require(metadata.get("format") == "gradiend-patch", "this is not a patch")
        require(
            metadata.get("format_version", "").split(".")[0] == "1", "unsupported format version")
        require(metadata.get("source") in ("gradiend", "diff"), "unknown source")
        keys = KEYS + (GRADIEND_KEYS if metadata["source"] == "gradiend" else [])
        keys += ["feature_factor"] if metadata.get("part") == "decoder" else []
        if "feature_factor" in keys and "feature_classes" in metadata:
            keys += ["feature_classes"]
        if metadata["source"] == "gradiend" and "update_cosine" in metadata:
            keys += ROUNDING_KEYS
        keys += BOUNDED_KEYS if "max_relative_error" in metadata else []
        for role in ("base", {"gradiend": "gradiend", "diff": "result"}[metadata["source"]]):
            if role + "_repository" in metadata:
                keys += [role + key for key in ORIGIN_KEYS]
        require(set(metadata) == set(keys), "metadata are missing or unknown")
        if metadata["source"] == "gradiend":
            self.check_gradiends()

    def check_gradiends(self):
        count = len(self.metadata["gradiend_digest"].split("\n"))
        for key in ("feature_factor", "learning_rate", "gradiend_repository", "gradiend_commit"):
            lines = self.metadata.get(key, "\n" * (count - 1)).split("\n")
            require(len(lines) == count, f"{key} has not a line for each GRADIEND")
        if "feature_classes" in self.metadata:
            classes = self.metadata["feature_classes"].split("\n\n")
            require(len(classes) == count and any(classes), "feature_classes of other GRADIENDs")
            for text in classes:
                if text or count == 1:
                    self.check_classes(text)

    @staticmethod
    def check_classes(text):
        classes = [line.partition(" ") for line in text.split("\n")]
        names = [name for _, _, name in classes]
        require(
            all(math.isfinite(float(code)) and name for code, _, name in classes)
            and names == sorted(set(names), key=str.encode)
            and not any(ord(letter) < 32 or ord(letter) == 127 for letter in "".join(names)),
            "feature_classes are no classes")

    @staticmethod
    def unpack(index):
        frame = with_digest(index, "index")
        return decompressed(
            frame, min(256 << 20, 100 * len(frame) + 65536), "the table",
            zstandard.ZstdDecompressor())

    def read(self, fields, deltas):
        metadata_digest = fields.bytes(16)
        text = b""
        for key in sorted(self.metadata, key=lambda key: key.encode()):
            for part in (key.encode(), self.metadata[key].encode()):
                text += varint(len(part)) + part
        require(digest128(text) == metadata_digest, "the metadata are damaged")
        require(digest128(deltas) == fields.bytes(16), "the deltas are damaged")

        count = fields.varint()
        require(count <= (len(fields.data) - fields.position) // 8, "too many tensors")
        lengths = fields.varints(count)
        try:
            names = [fields.bytes(length).decode() for length in lengths]
        except UnicodeDecodeError:
            raise Refusal("a name is not UTF-8") from None
        self.tensors = tensors = [Tensor(name) for name in names]
        require(len({tensor.name for tensor in tensors}) == count, "a name occurs twice")
        for tensor in tensors:
            tensor.code = fields.bytes(1)[0]
            require(tensor.code < len(TYPES), f"unsupported type {tensor.code}")
        ranks = fields.varints(count)
        for tensor, rank in zip(tensors, ranks):
            tensor.shape = fields.varints(rank)
        for tensor in tensors:
            tensor.base_digest = tensor.result_digest = fields.bytes(4)
        for tensor in tensors:
            tensor.changed = fields.varint()
            require(tensor.changed <= tensor.elements, "more changes than elements")
            require(not tensor.changed or tensor.type != "OPAQUE", "an opaque tensor changes")
        changed = [tensor for tensor in tensors if tensor.changed]
        for tensor in changed:
            tensor.result_digest = fields.bytes(4)
        coded = Fields(deltas)
        for tensor in changed:
            tensor.coded = coded.bytes(fields.varint())
        coded.require_end("deltas")
        if fields.position < len(fields.data):
            self.read_kept_rows(fields)
        fields.require_end("the table")

    def read_kept_rows(self, fields):
        """Section 4.2."""
        numbers = []
        count = fields.varint()
        require(count, "there are no kept rows")
        for _ in range(count):
            numbers.append(fields.varint())
            require(
                numbers == sorted(set(numbers)) and numbers[-1] < len(self.tensors),
                "kept rows of no tensor")
            tensor = self.tensors[numbers[-1]]
            start, count = fields.varints(2)
            require(
                not tensor.is_block and TYPES[tensor.type][0] == 1 and len(tensor.shape) == 2
                and 0 < count < tensor.shape[0] and start + count <= tensor.shape[0],
                f"'{tensor.name}' has no such kept rows")
            tensor.kept = range(start, start + count)
            tensor.kept_digests = dict.fromkeys(["base", "result"], fields.bytes(4))
            changed = fields.varint()
            require(
                changed <= min(tensor.changed, count * tensor.shape[1]),
                "more changes than elements")
            if changed:
                tensor.kept_digests["result"] = fields.bytes(4)

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
        require(digest[:4] == expected, f"'{tensor.name}' is not that of the {role}")
        if tensor.kept:
            kept = tensor.chunks_of_rows(tensor.kept.start, tensor.kept.stop, tensor.shape[1])
            require(
                tensor.digest(contents[tensor.name], kept)[:4] == tensor.kept_digests[role],
                f"the kept rows of '{tensor.name}' are not those of the {role}")
        name = tensor.name.encode()
        text += varint(len(name)) + name + bytes([tensor.code]) + varint(len(tensor.shape))
        text += b"".join(varint(dimension) for dimension in tensor.shape) + digest
    require(
        digest_text(digest128(text)) == patch.metadata[role + "_digest"],
        f"the tensors are not those of the {role}")


def decode(tensor, data, command):
    """The bytes of a changed tensor after its chunks were applied or stripped."""
    coding = block_coding if tensor.is_block else delta_coding
    function = {"apply": coding.apply_chunk, "strip": coding.strip_chunk}[command]
    output = bytearray(data)
    coded = Fields(tensor.coded)
    for number, (first, rows, columns) in enumerate(tensor.chunks()):
        chunk = coded.bytes(coded.varint())
        start = first * tensor.width
        end = start + rows * columns * tensor.width
        try:
            output[start:end] = function(chunk, data[start:end], tensor.element, rows, columns)
        except delta_coding.Corrupt as error:
            raise Refusal(f"chunk {number} of '{tensor.name}': {error}") from None
    coded.require_end(f"'{tensor.name}'")
    return bytes(output)


# Section 8: layouts


class Layouts:
    def __init__(self, data):
        fields = Fields(with_digest(data, "layouts"))
        base, result = fields.bytes(16), fields.bytes(16)
        length = fields.varint()
        self.carried = set()
        if not length:
            self.read_carried(fields.bytes(fields.varint()))
            length = fields.varint()
        result_frame = fields.bytes(length)
        base_frame = fields.bytes(len(fields.data) - fields.position)
        self.of = {"result": (base, result, result_frame), "base": (result, base, base_frame)}

    def read_carried(self, frame):
        """Section 8.1: the names of tensors that layouts carry."""
        names = Fields(decompressed(
            frame, min(1 << 20, 100 * len(frame) + 65536), "the names of carried tensors",
            zstandard.ZstdDecompressor()))
        while names.position < len(names.data):
            try:
                name = names.bytes(names.varint()).decode()
            except UnicodeDecodeError:
                raise Refusal("the name of a carried tensor is not UTF-8") from None
            require(name not in self.carried, "a tensor is carried twice")
            self.carried.add(name)
        require(self.carried, "no tensor is carried")

    def layout(self, length, opaque, role):
        """Length and opaque bytes of the file in this role, given those of the input, and whether
        they are told: those of the input otherwise."""
        own = struct.pack("<QQ", length, len(opaque)) + opaque
        source, target, frame = self.of[role]
        if digest128(own) != source:
            return length, opaque, False
        decompressor = zstandard.ZstdDecompressor(
            dict_data=zstandard.ZstdCompressionDict(
                own, dict_type=zstandard.DICT_TYPE_RAWCONTENT),
            max_window_size=1 << 31)
        what = f"the layout of the {role}"
        layout = decompressed(frame, len(own) + 100 * len(frame) + 65536, what, decompressor)
        require(digest128(layout) == target, f"{what} is not the one it should be")
        require(len(layout) >= 16, f"{what} is cut")
        length, count = struct.unpack("<QQ", layout[:16])
        require(count == len(layout) - 16, f"{what} is not that of one file")
        return length, layout[16:], True


def run(command, input_path, patch_path, output_path):
    source, target = {"apply": ("base", "result"), "strip": ("result", "base")}[command]
    with naming(patch_path):
        patch = Patch(patch_path)
    tensors = {tensor.name: (tensor.type, tensor.shape) for tensor in patch.tensors}
    with naming(input_path):
        with open(input_path, "rb") as file:
            data = file.read()
        model = ModelFile(data, len(data))
        carried = patch.layouts.carried if patch.layouts else set()
        require(not carried & tensors.keys(), "a carried tensor is in the index")
        model.set_aside(carried, source)
        require(model.tensors() == tensors, f"the model has other tensors than the {source}")
        contents = model.contents(data)
        check(patch, contents, source)
    with naming(patch_path):
        for tensor in patch.tensors:
            if tensor.changed:
                contents[tensor.name] = decode(tensor, contents[tensor.name], command)
        check(patch, contents, target)
        length, opaque = len(data), model.opaque(data)
        if patch.layouts:
            length, opaque, is_target = patch.layouts.layout(length, opaque, target)
            require(is_target or not carried, f"the model is not the {source}, file by file")
            model = ModelFile(opaque, length)
            model.set_aside(carried, target)
            require(model.tensors() == tensors, f"the layout of the {target} has other tensors")
        output = model.assembled(opaque, contents)
    with open(output_path, "xb") as file:
        file.write(output)


@contextlib.contextmanager
def naming(path):
    """Names the file of which something is refused."""
    try:
        yield
    except Refusal as refusal:
        raise Refusal(f"{path}: {refusal}") from None


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[1] not in ("apply", "strip"):
        sys.exit(__doc__)
    try:
        run(*sys.argv[1:])
    except (Refusal, OSError) as refusal:
        sys.exit(f"refused: {refusal}")
