"""The commands of the program as functions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal, Optional, SupportsFloat, Union

from ._process import ProgressCallback, StrPath, run
from ._reports import ModelSummary, PatchSummary, Report, Role, Verdict, inspection

Part = Literal["decoder", "decoder-weight", "decoder-bias", "decoder-sum", "encoder-weight"]


def _number(value: SupportsFloat) -> str:
    return repr(float(value))


def _flags(**flags: bool) -> list[str]:
    return ["--" + name.replace("_", "-") for name, is_set in flags.items() if is_set]


def _paths(**paths: Optional[StrPath]) -> list[str]:
    return [f"--{name}={os.fspath(path)}" for name, path in paths.items() if path is not None]


def create(
    base: StrPath,
    gradiend: StrPath,
    output: StrPath = "gradiend_patch.safetensors",
    *,
    feature_factor: Optional[Union[SupportsFloat, Sequence[SupportsFloat]]] = None,
    learning_rate: SupportsFloat,
    part: Part = "decoder",
    max_relative_error: SupportsFloat = 0,
    force: bool = False,
    threads: int = 0,
    progress: Optional[ProgressCallback] = None,
) -> PatchSummary:
    """Makes the patch that adds a GRADIEND to a base model, and writes it to ``output``.

    ``feature_factor`` is a number for each latent, and is for ``part`` ``decoder`` alone. All arguments are those of
    ``gradiend-patch create --help``; ``progress`` is called some ten times a second.
    """
    factors = feature_factor if isinstance(feature_factor, Sequence) else [feature_factor]
    options = [
        *(["--feature-factor=" + ",".join(map(_number, factors))] if feature_factor is not None else []),
        "--learning-rate=" + _number(learning_rate),
        "--part=" + part,
        "--max-relative-error=" + _number(max_relative_error),
        *_paths(output=output),
        f"--threads={threads:d}",
        *_flags(force=force),
    ]
    return PatchSummary.of(run("create", options, [base, gradiend], progress)[1])


def diff(
    base: StrPath,
    result: StrPath,
    output: StrPath = "gradiend_patch.safetensors",
    *,
    max_relative_error: SupportsFloat = 0,
    values_only: bool = False,
    force: bool = False,
    threads: int = 0,
    progress: Optional[ProgressCallback] = None,
) -> PatchSummary:
    """Makes the patch that turns a base model into a finished one, and writes it to ``output``.

    With ``values_only`` it leaves out the headers and the order of tensors of ``result``.
    """
    options = [
        "--max-relative-error=" + _number(max_relative_error),
        *_paths(output=output),
        f"--threads={threads:d}",
        *_flags(values_only=values_only, force=force),
    ]
    return PatchSummary.of(run("diff", options, [base, result], progress)[1])


def apply(
    base: StrPath,
    patch: StrPath,
    output: Optional[StrPath] = None,
    *,
    in_place: bool = False,
    rollback: bool = False,
    values_only: bool = False,
    undo: Optional[StrPath] = None,
    sha256: bool = False,
    sync: bool = True,
    force: bool = False,
    threads: int = 0,
    progress: Optional[ProgressCallback] = None,
) -> ModelSummary:
    """Writes the patched copy of a base model to ``output``: the publisher's exact bytes.

    ``in_place`` changes the model's own files instead; whatever interrupts that, calling it again
    finishes it, and with ``rollback`` undoes it. ``values_only`` leaves headers as they are. Where
    the types of ``base`` cannot hold the result, ``undo`` rounds and keeps there what ``strip``
    needs.
    """
    options = [
        *_paths(output=output, undo=undo),
        f"--threads={threads:d}",
        *_flags(in_place=in_place, rollback=rollback, values_only=values_only),
        *_flags(sha256=sha256, no_sync=not sync, force=force),
    ]
    return ModelSummary.of(run("apply", options, [base, patch], progress)[1])


def strip(
    result: StrPath,
    patch: StrPath,
    output: Optional[StrPath] = None,
    *,
    in_place: bool = False,
    rollback: bool = False,
    values_only: bool = False,
    sha256: bool = False,
    sync: bool = True,
    force: bool = False,
    threads: int = 0,
    progress: Optional[ProgressCallback] = None,
) -> ModelSummary:
    """Writes the base model back from a patched one: the inverse of ``apply``, with its options.

    ``patch`` is the one that was applied, or the one that ``undo`` named.
    """
    options = [
        *_paths(output=output),
        f"--threads={threads:d}",
        *_flags(in_place=in_place, rollback=rollback, values_only=values_only),
        *_flags(sha256=sha256, no_sync=not sync, force=force),
    ]
    return ModelSummary.of(run("strip", options, [result, patch], progress)[1])


def verify(
    checkpoint: StrPath,
    patch: StrPath,
    *,
    expect: Optional[Role] = None,
    sha256: bool = False,
    threads: int = 0,
    progress: Optional[ProgressCallback] = None,
) -> Verdict:
    """Says whether a model is a patch's base, its result, or neither.

    The verdict is true if the model is what ``expect`` names, or either without it; with ``sha256``
    its files must be the publisher's, too. A model that is neither gives a verdict, and no exception.
    """
    options = [f"--threads={threads:d}", *_flags(sha256=sha256)]
    if expect is not None:
        options.append("--expect=" + expect)
    exit_code, report = run("verify", options, [checkpoint, patch], progress)
    return Verdict.of(report, exit_code == 0)


def inspect(
    path: StrPath,
    *,
    base: Optional[StrPath] = None,
    svg: Optional[StrPath] = None,
    html: Optional[StrPath] = None,
    force: bool = False,
    threads: int = 0,
    progress: Optional[ProgressCallback] = None,
) -> Report:
    """Shows what a patch, a checkpoint or a GRADIEND holds; ``kind`` says which it is.

    Of a patch, ``svg`` and ``html`` are written as a picture and a page on what it changes; ``base``
    is its base, to measure how far the weights move.
    """
    options = [*_paths(base=base, svg=svg, html=html), f"--threads={threads:d}", *_flags(force=force)]
    return inspection(run("inspect", options, [path], progress)[1])
