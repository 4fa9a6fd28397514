#!/usr/bin/env python3
"""Toggles SmolLM2-135M a thousand times, and measures time and memory.

    live_speed.py FOLDER PATCH [--toggles N] [--every N]       # needs the wheel, transformers and torch

FOLDER has, or gets, the base. Times are medians, of the clock and of the processor: on a busy machine the first is more than it
need be, and the second, which counts all threads, tells how much work there is. What neither keeps is too slow: the time of two threads
is half of the second, where both have work.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradiend_patch
import torch
import transformers
from live_models import Peak, digests, smollm2

THREADS = 2


class Times:
    """Collects how long something takes."""

    def __init__(self, label: str, limit: float, threads: int = THREADS) -> None:
        self.label, self.limit, self.threads = label, limit, threads
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def run(self, call: Callable[[], Any]) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)

    def report(self) -> bool:
        wall, cpu = statistics.median(self.wall), statistics.median(self.cpu)
        is_fast = min(wall, cpu / self.threads) <= self.limit
        print(
            f"{self.label}: {wall * 1e3:.1f} ms, best {min(self.wall) * 1e3:.1f} ms, {cpu * 1e3:.1f} ms of processor,"
            f" of {len(self.wall)}; {'within' if is_fast else 'MORE THAN'} {self.limit * 1e3:.0f} ms"
        )
        return is_fast


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("patch", type=Path)
    parser.add_argument("--toggles", type=int, default=1000)
    parser.add_argument("--every", type=int, default=10, help="of which each N-th is followed by SHA-256")
    arguments = parser.parse_args()
    base = smollm2(arguments.folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    for parameter in model.parameters():
        parameter.data = parameter.data.clone()  # warm, and no longer the file's
    roles = {"base": digests(model)}

    first = Times("open a patch, first apply_", 0.150)
    with Peak() as peak:
        for _ in range(9):
            first.run(lambda: gradiend_patch.Patch(arguments.patch).apply_(model, threads=THREADS))
            gradiend_patch.Patch(arguments.patch).strip_(model, threads=THREADS)
    patch = gradiend_patch.Patch(arguments.patch)
    patch.apply_(model, threads=THREADS)
    roles["result"] = digests(model)
    count = sum(len(changes.indices) for changes in patch.changes(base).values())
    print(f"{count} elements change, {len(set(roles['base'].items()) - set(roles['result'].items()))} tensors")

    checked, unchecked = Times("toggle with all checks", 0.060), Times("toggle with verify=False", 0.010, 1)
    patch.strip_(model)
    role, compared = "base", 0
    start = time.perf_counter()
    with Peak() as toggling:
        for number in range(arguments.toggles):
            role = "result" if role == "base" else "base"
            move = patch.apply_ if role == "result" else patch.strip_
            # Both directions both ways.
            verify = number // 2 % 2 == 0
            (checked if verify else unchecked).run(lambda: move(model, verify=verify, threads=THREADS))
            if (number + 1) % arguments.every == 0 or number % arguments.every == 0:
                compared += 1
                if digests(model) != roles[role]:
                    raise SystemExit(f"toggle {number} did not give the {role}")
    print(f"{arguments.toggles} toggles in {time.perf_counter() - start:.0f} s, {compared} times SHA-256 of all tensors was as expected")
    results = [times.report() for times in (first, checked, unchecked)]
    # Of each changed element: its index, and both of its words.
    decoded = count * 8
    allowed = decoded + (64 << 20)
    print(f"memory: {peak.growth / 1e6:.1f} MB at most for the first, {toggling.growth / 1e6:.1f} MB for the toggles; {allowed / 1e6:.0f} MB are allowed")
    if max(peak.growth, toggling.growth) > allowed:
        raise SystemExit("that is too much memory")
    if not all(results):
        raise SystemExit("that is too slow")


if __name__ == "__main__":
    main()
