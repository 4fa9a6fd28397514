#!/usr/bin/env python3
"""Measures the peak memory of each command on files of 1 GB, and fails above a limit: memory.py PATCH FOLDER

The files are sparse, as nearly all of their bytes are zeros. Peaks are resident bytes, pages of mapped files
included.
"""

import json
import os
import shutil
import struct
import sys

LIMIT = 256 << 20
ELEMENTS = 1 << 29


def write(path, kind, width, values):
    """A model of one large tensor and a small one."""
    large, small = ELEMENTS * width, len(values)
    header = {
        "large": {"dtype": kind, "shape": [ELEMENTS >> 12, 1 << 12], "data_offsets": [0, large]},
        "small": {"dtype": kind, "shape": [small // width], "data_offsets": [large, large + small]},
    }
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.seek(large, os.SEEK_CUR)
        file.write(values)


def write_words(path, value):
    """A model of words in which one byte in 17 is `value`."""
    count = 1 << 26
    header = {"words": {"dtype": "U8", "shape": [count >> 12, 1 << 12], "data_offsets": [0, count]}}
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.write((bytes([value]) + bytes(16)) * (count // 17) + bytes(count % 17))


def write_gradiend(folder, count):
    os.makedirs(folder)
    config = {
        "format_version": 0,
        "architecture": {"input_dim": count, "latent_dim": 1, "bias_decoder": False},
        "mapping": {"param_map": [{"name": "small", "shape": [count], "repr": "all"}]},
    }
    with open(f"{folder}/config.json", "w") as file:
        json.dump(config, file)
    header, start, payload = {}, 0, b""
    for name, shape in (("encoder", [1, count]), ("decoder", [count, 1])):
        payload += struct.pack("<f", 1) * count
        header[f"{name}.0.linear.weight"] = {
            "dtype": "F32", "shape": shape, "data_offsets": [start, len(payload)]}
        start = len(payload)
    text = json.dumps(header).encode()
    with open(f"{folder}/model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + payload)


def measure(program, folder, words):
    """The peak of a run in bytes. A process of its own starts it, as a child begins with its parent's peak."""
    process = os.fork()
    if process == 0:
        os.chdir(folder)
        os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
        os.execv(program, [program] + words)
    _, status, usage = os.wait4(process, 0)
    if status:
        sys.exit(f"memory: {' '.join(words)} failed with status {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss << 10


def main():
    program, folder = os.path.abspath(sys.argv[1]), sys.argv[2]
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    write(f"{folder}/base", "BF16", 2, b"\x80\x3f" * 64)
    write(f"{folder}/result", "BF16", 2, b"\x00\x40" * 64)
    # The same values in wider floats, which are converted as they are read.
    write(f"{folder}/wide", "F32", 4, b"\x00\x00\x80\x3f" * 64)
    write_gradiend(f"{folder}/gradiend", 64)
    # As many codes change as are looked at one by one.
    write_words(f"{folder}/words", 0)
    write_words(f"{folder}/codes", 255)
    failed = False
    for line in (
        "create base gradiend --feature-factor 1 --learning-rate 1 -o created",
        "diff base result -o patch",
        "diff words codes -o packed",
        "apply base patch -o applied --no-sync",
        "strip applied patch -o stripped --no-sync",
        "verify stripped patch --sha256",
        "verify wide patch",
        "verify applied patch --trace",
        "export patch --base base -o changes",
        "inspect patch --base base",
        "inspect base",
        "apply stripped patch --in-place",
        "strip stripped patch --in-place",
    ):
        peak = measure(program, folder, line.split())
        failed = failed or peak > LIMIT
        print(f"memory: {line}: {peak / (1 << 20):.0f} MiB", flush=True)
    shutil.rmtree(folder)
    if failed:
        sys.exit(f"memory: more than {LIMIT >> 20} MiB")


main()
