"""Runs the program that this package brings."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional, Union

from ._errors import InternalError, error_for
from ._reports import Progress

StrPath = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
ProgressCallback = Callable[[Progress], object]
#: A function to call, or True for a line on standard error.
ProgressOption = Union[ProgressCallback, bool, None]

PROGRAM = Path(__file__).parent / "bin" / "gradiend-patch"

_PROGRESS = b'{"progress":'


class _Line:
    """Shows on standard error how far the work has come."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.shown = ""

    def __call__(self, progress: Progress) -> None:
        share = progress.bytes_done / progress.bytes if progress.bytes else 1.0
        text = f"\r{self.command}: {share:4.0%} of {progress.bytes / 1e6:,.0f} MB"
        if text != self.shown:
            self.shown = text
            print(text, end="", file=sys.stderr, flush=True)

    def finish(self) -> None:
        if self.shown:
            print(file=sys.stderr)


class _Lines:
    """Takes standard error apart, as it comes, into progress and what people should read."""

    def __init__(self, callback: Optional[ProgressCallback]) -> None:
        self.callback = callback
        self.rest = b""
        self.text: list[bytes] = []

    def feed(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self._take(line)

    def finish(self) -> str:
        if self.rest:
            self._take(self.rest)
        text = b"\n".join(self.text).decode(errors="replace")
        return text[len("gradiend-patch: ") :] if text.startswith("gradiend-patch: ") else text

    def _take(self, line: bytes) -> None:
        if not line.startswith(_PROGRESS):
            self.text.append(line)
        elif self.callback is not None:
            values = json.loads(line)["progress"]
            self.callback(
                Progress(
                    values["tensors_done"],
                    values["tensors"],
                    values["bytes_done"],
                    values["bytes"],
                )
            )


@contextmanager
def reporting(command: str, progress: ProgressOption) -> Iterator[Optional[ProgressCallback]]:
    """What is to be called with the progress of a command."""
    if progress is not True:
        yield progress if callable(progress) else None
        return
    line = _Line(command)
    try:
        yield line
    finally:
        line.finish()


def run(
    command: str,
    options: Sequence[str],
    operands: Sequence[StrPath],
    progress: ProgressOption = None,
    folder: Optional[str] = None,
) -> tuple[int, dict[str, Any]]:
    """Runs a command to its end, in ``folder`` or where this process is, calling ``progress`` from this thread.

    Returns exit code and report, if there is a report; ``verify`` has one with exit code 1.
    Whatever is raised in between, an interrupt or an error of ``progress``, ends the program, which
    removes its unfinished output. The program also ends if this process dies: it notices when it
    reports its progress, so it always does.
    """
    words = [str(PROGRAM), command, "--json", "--quiet", "--progress=json", *options, "--"]
    words += [os.fsdecode(operand) for operand in operands]
    output = bytearray()
    with reporting(command, progress) as callback, subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        cwd=folder,
    ) as process:
        lines = _Lines(callback)
        try:
            assert process.stdout is not None and process.stderr is not None
            with selectors.DefaultSelector() as selector:
                selector.register(process.stdout, selectors.EVENT_READ, output.extend)
                selector.register(process.stderr, selectors.EVENT_READ, lines.feed)
                while selector.get_map():
                    for key, _ in selector.select():
                        data = os.read(key.fd, 1 << 16)
                        if data:
                            key.data(data)
                        else:
                            selector.unregister(key.fileobj)
            text = lines.finish()
            exit_code = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
    try:
        report = json.loads(output) if output else None
    except ValueError as error:
        raise InternalError(f"what gradiend-patch printed is no JSON: {error}") from error
    if report is None or "error" in report:
        raise error_for(exit_code, None if report is None else report["error"], text)
    return exit_code, report
