#!/usr/bin/env python3
"""Runs commands in turn, five times each, and prints their median times and the most memory that each took.

    timed.py LABEL COMMAND ... [--- LABEL COMMAND ...] ...

Times are also given relative to the first command's. What the commands print is dropped.
"""
import itertools
import os
import statistics
import subprocess
import sys
import time

ROUNDS = 5


def run(command: list[str]) -> tuple[float, int]:
    """Seconds and KiB."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    message = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.stderr.buffer.write(message)
        raise SystemExit(f"{' '.join(command)} failed with code {child.returncode}")
    return seconds, usage.ru_maxrss


def main(arguments: list[str]) -> None:
    groups = itertools.groupby(arguments, lambda argument: argument == "---")
    commands = [list(group) for is_separator, group in groups if not is_separator]
    rounds = [[run(command) for _, *command in commands] for _ in range(ROUNDS)]
    first = None
    for (label, *_), results in zip(commands, zip(*rounds)):
        median = statistics.median(seconds for seconds, _ in results)
        first = first or median
        memory = max(kibibytes for _, kibibytes in results) / 1024
        print(f"{label}: {median:.3f} s, {median / first:.2f} times the first, {memory:.0f} MiB at most")


if __name__ == "__main__":
    main(sys.argv[1:])
