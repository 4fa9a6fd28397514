"""Does the shares of a command on the workers of an executor, wherever these are."""

from __future__ import annotations

import operator
import os
import uuid
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import Any, Optional, SupportsIndex

from ._errors import CreateError, InputOutputError, SignalError, UsageError
from ._process import ProgressOption, StrPath, reporting, run
from ._reports import CheckpointReport, Progress, inspection

#: How often a share is tried that fails part way, or whose program is killed.
ATTEMPTS = 3

_Answer = tuple[int, dict[str, Any]]


def _work(command: str, options: list[str], operands: list[StrPath], folder: str, nonce: str) -> _Answer:
    """What a worker does, in the folder of who asks if the worker has it. Dask takes equal calls for one; the
    nonce makes each another."""
    del nonce
    return run(command, options, operands, folder=folder if os.path.isdir(folder) else None)


def _spread(
    executor: Executor,
    shares: Optional[SupportsIndex],
    command: str,
    options: Sequence[str],
    operands: Sequence[StrPath],
    progress: ProgressOption,
) -> list[_Answer]:
    """The answers of all shares, in their order.

    A share that fails part way is tried again; any other error ends the work: what has not begun is
    cancelled, and what has is waited for, if the executor tells (Dask does not). An interrupt does not
    wait; shares that have begun end by themselves.
    """
    model = inspection(run("inspect", [], [operands[0]])[1])
    if not isinstance(model, CheckpointReport):
        raise UsageError("the first argument must be a model", "usage", os.fsdecode(operands[0]))
    count = len(model.files) if shares is None else operator.index(shares)
    byte_count = sum(file.bytes for file in model.files)
    folder = os.getcwd()
    answers: dict[int, _Answer] = {}
    pending: dict[Future[_Answer], tuple[int, int]] = {}

    def submit(index: int, attempt: int) -> None:
        share = [*options, f"--share={index}/{count}"]
        future = executor.submit(_work, command, share, list(operands), folder, uuid.uuid4().hex)
        pending[future] = (index, attempt)

    with reporting(command, progress) as report:
        try:
            for index in range(1, count + 1):
                submit(index, 1)
            while pending:
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    index, attempt = pending.pop(future)
                    try:
                        answers[index] = future.result()
                    except (InputOutputError, SignalError):
                        if attempt == ATTEMPTS:
                            raise
                        submit(index, attempt + 1)
                if report is not None:
                    tensors = sum(answer["tensors"] for _, answer in answers.values())
                    done = byte_count * len(answers) // count
                    report(Progress(tensors, len(model.tensors), done, byte_count))
        except BaseException as error:
            begun = [future for future in pending if not future.cancel()]
            if isinstance(error, Exception):
                wait(begun)
            raise
    return [answers[index] for index in range(1, count + 1)]


def make_patch(
    executor: Executor,
    shares: Optional[SupportsIndex],
    command: str,
    options: Sequence[str],
    operands: Sequence[StrPath],
    output: StrPath,
    *,
    force: bool,
    progress: ProgressOption,
) -> dict[str, Any]:
    """The report of the patch that ``create`` or ``diff`` makes in shares; their pieces go at the end."""
    path = os.fsdecode(output)
    if not force and os.path.lexists(path):
        raise CreateError(
            "there is already something of this name", "outputExists", path, None, "pass force=True to replace it"
        )
    own = [*options, f"--output={path}", "--force"]
    answers = _spread(executor, shares, command, own, operands, progress)
    pieces = [answer["patch"] for _, answer in answers]
    flags = ["--force"] if force else []
    report = run("join", [f"--output={path}", *flags], pieces)[1]
    for piece in pieces:
        os.unlink(piece)
    return report


def make_model(
    executor: Executor,
    shares: Optional[SupportsIndex],
    command: str,
    options: Sequence[str],
    operands: Sequence[StrPath],
    progress: ProgressOption,
) -> dict[str, Any]:
    """The report of the model that ``apply`` or ``strip`` writes in shares."""
    if "--in-place" in options or any(option.startswith("--undo=") for option in options):
        raise UsageError("shares are of a whole copy: leave out in_place= and undo=", "usage")
    _spread(executor, shares, command, options, operands, progress)
    return run(command, [*options, "--finish"], operands)[1]


def verdict(
    executor: Executor,
    shares: Optional[SupportsIndex],
    options: Sequence[str],
    operands: Sequence[StrPath],
    progress: ProgressOption,
) -> _Answer:
    """Exit code and report of ``verify``, of what all shares found."""
    answers = _spread(executor, shares, "verify", options, operands, progress)
    # A share without files says nothing.
    reports = [report for _, report in answers if report["sha256"]]

    def joined(key: str) -> list[Any]:
        return [item for report in reports for item in report[key]]

    is_base = not joined("differing_from_base")
    is_result = not joined("differing_from_result")
    # Where the values are the same on both sides, headers tell.
    says_result = is_result and (not is_base or any(report["is"] == "result" for report in reports))
    role = "result" if says_result else "base" if is_base else None
    published = [report["published_files"] for report in reports]
    lines = [line for report in reports for line in report["sha256"].splitlines()]
    whole: dict[str, Any] = {
        "share": None,
        "is": role,
        "tensors": sum(report["tensors"] for report in reports),
        "differing_from_base": joined("differing_from_base"),
        "differing_from_result": joined("differing_from_result"),
        "published_files": None if None in published else role is not None and all(published),
        "damaged_files": joined("damaged_files"),
        "sha256": "\n".join(sorted(lines, key=lambda line: line.split("  ", 1)[1])),
        "base_sha256": None,
    }
    exit_code = max(code for code, _ in answers)
    expects = any(option.startswith("--expect=") for option in options)
    return (exit_code if expects or role is not None else 1), whole

