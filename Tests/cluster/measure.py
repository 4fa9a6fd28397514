#!/usr/bin/env python3
"""Measures shares against one process: measure.py PROGRAM FOLDER COUNT, FOLDER with base and gradiend.

Each process begins with no byte of a model in the system's cache, as on a machine of its own, and runs alone. Bytes
read are what the system fetched from the disk for it, of mapped files too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

GRADIEND = ("--feature-factor=-1", "--learning-rate=0.001")


@dataclass
class Cost:
    """What one or several processes took; ``longest`` is of the one that took longest, ``busy`` the seconds of all
    cores."""

    seconds: float = 0
    longest: float = 0
    busy: float = 0
    read: int = 0
    peak: int = 0

    def add(self, other: Cost) -> None:
        self.seconds += other.seconds
        self.longest = max(self.longest, other.longest)
        self.busy += other.busy
        self.read += other.read
        self.peak = max(self.peak, other.peak)


def forget(folder: Path) -> None:
    """Drops what the system has cached of the files below a folder."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fdatasync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def run(program: Path, folder: Path, *words: str) -> Cost:
    forget(folder)
    start = time.monotonic()
    process = os.posix_spawn(
        "/usr/bin/env",
        ["env", "-C", str(folder), str(program), *words, "--quiet"],
        dict(os.environ),
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(process, 0)
    seconds = time.monotonic() - start
    if status:
        sys.exit(f"measure: {' '.join(words)} failed with status {os.waitstatus_to_exitcode(status)}")
    busy = usage.ru_utime + usage.ru_stime
    return Cost(seconds, seconds, busy, usage.ru_inblock * 512, usage.ru_maxrss << 10)


def report(what: str, cost: Cost) -> None:
    times = f"{cost.seconds:.1f} s | {cost.longest:.1f} s | {cost.busy:.1f} s"
    print(f"| {what} | {times} | {cost.read / 1e9:.2f} GB | {cost.peak / (1 << 20):.0f} MiB |", flush=True)


def main() -> None:
    program, folder, count = Path(sys.argv[1]).resolve(), Path(sys.argv[2]), int(sys.argv[3])

    def shares(*words: str) -> Cost:
        whole = Cost()
        for index in range(1, count + 1):
            whole.add(run(program, folder, *words, f"--share={index}/{count}"))
        return whole

    create = ("create", "base", "gradiend", *GRADIEND, "-o")
    print(f"| {count} shards | time | longest | cores | read | memory |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    report("create, one process", run(program, folder, *create, "one"))
    report(f"create, {count} shares", shares(*create, "joined"))
    pieces = [path.name for path in sorted(folder.glob("joined.piece-*"))]
    report("join", run(program, folder, "join", *pieces, "-o", "joined"))
    subprocess.run(["cmp", folder / "one", folder / "joined"], check=True)

    apply = ("apply", "base", "one", "-o", "out")
    report("apply, one process", run(program, folder, *apply))
    shutil.rmtree(folder / "out")
    report(f"apply, {count} shares", shares(*apply))
    report("apply --finish", run(program, folder, *apply, "--finish"))
    report("verify, one process", run(program, folder, "verify", "out", "one", "--expect=result"))
    report(f"verify, {count} shares", shares("verify", "out", "one", "--expect=result"))
    shutil.rmtree(folder / "out")
    for name in ("one", "joined", *pieces):
        (folder / name).unlink()


main()
