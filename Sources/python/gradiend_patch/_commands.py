"""The commands of the program as functions.

Paths may also be names on the Hub of what its local cache holds, such as ``owner/name@revision``.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, Optional, SupportsFloat, SupportsIndex, Union, overload

from . import _live, _shares
from ._errors import UsageError
from ._numbers import Factors, Part, number, number_list
from ._process import ProgressCallback, ProgressOption, StrPath, run
from ._reports import (
    AdapterSummary,
    CardReport,
    ExportSummary,
    ModelSummary,
    PackageReport,
    PatchSummary,
    Report,
    Role,
    Verdict,
    inspection,
)


def _numbers(values: Any) -> str:
    return ",".join(map(repr, number_list(values)))


def _threads(count: SupportsIndex) -> str:
    return f"--threads={operator.index(count)}"


def _flags(**flags: bool) -> list[str]:
    return ["--" + name.replace("_", "-") for name, is_set in flags.items() if is_set]


def _paths(**paths: Optional[StrPath]) -> list[str]:
    return [
        f"--{name.replace('_', '-')}={os.fsdecode(path)}" for name, path in paths.items() if path is not None
    ]


#: Which part of the work to do: ``(I, N)``, or a text as ``--share`` takes it.
Share = Union[str, tuple[int, int], None]


def _share(share: Share) -> list[str]:
    if share is None:
        return []
    return ["--share=" + (share if isinstance(share, str) else "/".join(map(str, share)))]


def _check_shares(executor: Optional[Executor], shares: Optional[SupportsIndex], does_one: bool) -> None:
    if executor is None and shares is not None:
        raise UsageError("shares= is for an executor", "usage")
    if executor is not None and does_one:
        raise UsageError("an executor does all shares: leave out share= and finish=", "usage")


def _check_destination(output: Optional[StrPath], in_place: bool) -> None:
    if (output is None) != in_place:
        raise UsageError("give either output= or in_place=True", "usage")


def _several(paths: Union[StrPath, Sequence[StrPath]]) -> list[StrPath]:
    """The paths of a list, or one path alone."""
    if isinstance(paths, (str, bytes, os.PathLike)):
        return [paths]
    return list(paths)


def _patches(paths: Union[StrPath, Sequence[StrPath]]) -> list[StrPath]:
    patches = _several(paths)
    if not patches:
        raise UsageError("there is no patch", "usage")
    return patches


def _each(values: Any, count: int, name: str) -> list[Any]:
    """A value for each of several GRADIENDs."""
    if isinstance(values, (str, bytes, os.PathLike)) or not hasattr(values, "__iter__"):
        raise UsageError(f"{name} needs a list, with a value for each of {count} GRADIENDs", "usage")
    found = list(values)
    if len(found) != count:
        raise UsageError(f"{name} needs a value for each of {count} GRADIENDs, not {len(found)}", "usage")
    return found


def _summands(
    gradiend: Any, feature_factor: Any, learning_rate: Any, decoder: Any, feature_class: Any
) -> tuple[list[StrPath], list[str]]:
    """One GRADIEND or those of a list, and their numbers."""
    gradiends = _several(gradiend)
    if not gradiends:
        raise UsageError("there is no GRADIEND to add", "usage")

    def each(values: Any, name: str) -> list[Any]:
        if values is None:
            return []
        return [values] if gradiends == [gradiend] else _each(values, len(gradiends), name)

    return gradiends, [
        *("--feature-factor=" + _numbers(factor) for factor in each(feature_factor, "feature_factor")),
        *("--learning-rate=" + number(rate) for rate in each(learning_rate, "learning_rate")),
        *("--decoder=" + os.fsdecode(path) for path in each(decoder, "decoder")),
        *("--feature-class=" + name for name in each(feature_class, "feature_class")),
    ]


def _make_patch(
    command: str,
    options: list[str],
    operands: list[StrPath],
    output: StrPath,
    share: Share,
    executor: Optional[Executor],
    shares: Optional[SupportsIndex],
    force: bool,
    progress: ProgressOption,
) -> PatchSummary:
    _check_shares(executor, shares, share is not None)
    if executor is not None:
        report = _shares.make_patch(
            executor, shares, command, options, operands, output, force=force, progress=progress
        )
        return PatchSummary.of(report)
    options += [*_paths(output=output), *_share(share), *_flags(force=force)]
    return PatchSummary.of(run(command, options, operands, progress)[1])


def create(
    base: StrPath,
    gradiend: Union[StrPath, Sequence[StrPath]],
    output: StrPath = "gradiend_patch.safetensors",
    *,
    feature_factor: Union[Factors, Sequence[Factors], None] = None,
    learning_rate: Union[SupportsFloat, Sequence[SupportsFloat], None] = None,
    decoder: Union[StrPath, Sequence[StrPath], None] = None,
    feature_class: Union[str, Sequence[str], None] = None,
    part: Part = "decoder",
    max_relative_error: SupportsFloat = 0,
    share: Share = None,
    executor: Optional[Executor] = None,
    shares: Optional[SupportsIndex] = None,
    force: bool = False,
    threads: SupportsIndex = 0,
    progress: ProgressOption = None,
) -> PatchSummary:
    """Makes the patch that adds a GRADIEND to a base model, or several at once.

    Args:
        base: The base model: safetensors, float GGUF, or folder.
        gradiend: Folder of the GRADIEND checkpoint. Of a list of them, what they add is summed, and
            rounded once; ``feature_factor`` and ``learning_rate`` are then lists as long.
        output: Where the patch goes.
        feature_factor: h, a number for each latent; for ``part`` ``decoder``, and for that alone.
        learning_rate: α, which multiplies the part before it is added to the weights.
        decoder: In place of both, a file of JSON with the summary that ``evaluate_decoder`` of gradiend
            returned; of several GRADIENDs, a list.
        feature_class: The class whose choice is meant, if the summary has several.
        part: What is added.
        max_relative_error: What each tensor's update may err; 0 is exact, more is smaller.
        share: Do share I of N of the weight files, ``(I, N)`` or ``"I/N"``, and write it as a piece
            beside the output, of which :func:`join` makes the patch. ``"auto"`` and ``"auto/N"`` ask
            Slurm and Kubernetes.
        executor: Any ``Executor``, such as a ``ProcessPoolExecutor`` or ``Client.get_executor()`` of Dask, whose
            workers do all shares; they have this package, and see the same files. A share that fails part way
            is tried three times. ``progress`` is called as each is done. On failure, pieces that were
            made stay.
        shares: Of how many, with ``executor``; one for each weight file of the base unless given.
        force: Whether the output may exist.
        threads: How many threads work; 0 is one for each core.
        progress: Called with :class:`Progress` some ten times a second, or True for a line on
            standard error. What it raises ends the work.
    """
    gradiends, numbers = _summands(gradiend, feature_factor, learning_rate, decoder, feature_class)
    options = [
        *numbers,
        "--part=" + part,
        "--max-relative-error=" + number(max_relative_error),
        _threads(threads),
    ]
    return _make_patch(
        "create", options, [base, *gradiends], output, share, executor, shares, force, progress
    )


def adapter(
    base: StrPath,
    gradiend: Union[StrPath, Sequence[StrPath]],
    output: StrPath,
    *,
    feature_factor: Union[Factors, Sequence[Factors], None] = None,
    learning_rate: Union[SupportsFloat, Sequence[SupportsFloat], None] = None,
    decoder: Union[StrPath, Sequence[StrPath], None] = None,
    feature_class: Union[str, Sequence[str], None] = None,
    gguf: Optional[StrPath] = None,
    part: Part = "decoder",
    rank: Optional[SupportsIndex] = None,
    max_relative_error: Optional[SupportsFloat] = None,
    modules_to_save: bool = False,
    force: bool = False,
    threads: SupportsIndex = 0,
    progress: ProgressOption = None,
) -> AdapterSummary:
    """Makes a LoRA adapter of what a GRADIEND, or several, add to a base model, before it is rounded.

    Args:
        base: The base model: safetensors, or folder.
        gradiend: Folder of the GRADIEND checkpoint, or a list of them; ``feature_factor`` and
            ``learning_rate`` are then lists as long.
        output: The folder to make, which PEFT and vLLM load.
        feature_factor: h, a number for each latent; for ``part`` ``decoder``, and for that alone.
        learning_rate: α, which multiplies the part.
        decoder: As for ``create``.
        feature_class: As for ``create``.
        gguf: Where a GGUF adapter goes, which llama.cpp loads.
        part: What is added.
        rank: Rank of the factors. None is 8, or the smallest that keeps to ``max_relative_error``.
        max_relative_error: What the adapter may err; None is 0.8.
        modules_to_save: Whether norms and embeddings are brought whole, for PEFT alone.
        force: Whether the outputs may exist.
        threads: How many threads work; 0 is one for each core.
        progress: Called with :class:`Progress` some ten times a second, or True for a line on
            standard error. What it raises ends the work.
    """
    gradiends, numbers = _summands(gradiend, feature_factor, learning_rate, decoder, feature_class)
    options = [
        *numbers,
        "--part=" + part,
        *([f"--rank={operator.index(rank)}"] if rank is not None else []),
        *(["--max-relative-error=" + number(max_relative_error)] if max_relative_error is not None else []),
        *_paths(output=output, gguf=gguf),
        _threads(threads),
        *_flags(force=force, modules_to_save=modules_to_save),
    ]
    return AdapterSummary.of(run("adapter", options, [base, *gradiends], progress)[1])


@overload
def diff(
    base: Mapping[str, Any],
    result: Mapping[str, Any],
    *,
    threads: SupportsIndex = 0,
    progress: Optional[ProgressCallback] = None,
) -> bytes: ...


@overload
def diff(
    base: StrPath,
    result: StrPath,
    output: StrPath = "gradiend_patch.safetensors",
    *,
    max_relative_error: SupportsFloat = 0,
    values_only: bool = False,
    sha256: bool = True,
    share: Share = None,
    executor: Optional[Executor] = None,
    shares: Optional[SupportsIndex] = None,
    force: bool = False,
    threads: SupportsIndex = 0,
    progress: ProgressOption = None,
) -> PatchSummary: ...


def diff(
    base: Any,
    result: Any,
    output: Optional[StrPath] = None,
    *,
    max_relative_error: SupportsFloat = 0,
    values_only: bool = False,
    sha256: bool = True,
    share: Share = None,
    executor: Optional[Executor] = None,
    shares: Optional[SupportsIndex] = None,
    force: bool = False,
    threads: SupportsIndex = 0,
    progress: Any = None,
) -> Union[PatchSummary, bytes]:
    """Makes the patch that turns a base model into a finished one.

    Args:
        base: The base model; or a mapping of names to arrays, and then the bytes of the patch are
            returned, and there are no options but ``threads`` and ``progress``.
        result: The finished model, with the same tensors, in the same form.
        output: Where the patch goes; gradiend_patch.safetensors unless given.
        max_relative_error: What each tensor's update may err; 0 is exact, more is smaller.
        values_only: Leave out the headers and the order of tensors of ``result``.
        sha256: Whether to hash the files, and not only the tensors, which takes a quarter of the time.
            Not with shares.
        share: As in :func:`create`.
        executor: As in :func:`create`.
        shares: As in :func:`create`.
        force: Whether the output may exist.
        threads: How many threads work; 0 is one for each core.
        progress: Called with :class:`Progress` some ten times a second, or True for a line on
            standard error. What it raises ends the work.
    """
    if isinstance(base, Mapping) or isinstance(result, Mapping):
        has_options = output is not None or values_only or not sha256 or force
        if has_options or max_relative_error != 0 or share is not None or executor is not None or progress is True:
            raise UsageError("of arrays, a patch is returned as bytes, and has no options", "usage")
        return _live.diff_arrays(base, result, threads=operator.index(threads), progress=progress)
    options = [
        "--max-relative-error=" + number(max_relative_error),
        _threads(threads),
        *_flags(values_only=values_only, no_sha256=not sha256),
    ]
    path = "gradiend_patch.safetensors" if output is None else output
    return _make_patch("diff", options, [base, result], path, share, executor, shares, force, progress)


def join(
    pieces: Sequence[StrPath],
    output: StrPath = "gradiend_patch.safetensors",
    *,
    force: bool = False,
    threads: SupportsIndex = 0,
    progress: ProgressOption = None,
) -> PatchSummary:
    """Makes a patch of the pieces that all shares of ``create`` or ``diff`` wrote: the one that a single
    process makes, byte for byte.

    Args:
        pieces: The pieces of one run, all of them, in any order.
        output: Where the patch goes.
        force: Whether the output may exist.
        threads: How many threads work; 0 is one for each core.
        progress: Called with :class:`Progress` some ten times a second, or True for a line on
            standard error. What it raises ends the work.
    """
    options = [*_paths(output=output), _threads(threads), *_flags(force=force)]
    return PatchSummary.of(run("join", options, _several(pieces), progress)[1])


def combine(
    base: StrPath,
    patches: Sequence[StrPath],
    output: StrPath = "gradiend_patch.safetensors",
    *,
    values_only: bool = False,
    force: bool = False,
    threads: SupportsIndex = 0,
    progress: ProgressOption = None,
) -> PatchSummary:
    """Makes one patch of several that follow each other, as ``diff`` makes it of the two ends.

    Args:
        base: The base of the first patch.
        patches: The patches in the order in which they are applied: each is for the result of the one
            before.
        output: Where the one patch goes.
        values_only: Leave out the headers and the order of tensors of the last result.
        force: Whether the output may exist.
        threads: How many threads work; 0 is one for each core.
        progress: Called with :class:`Progress` some ten times a second, or True for a line on
            standard error. What it raises ends the work.
    """
    options = [
        *_paths(output=output),
        _threads(threads),
        *_flags(values_only=values_only, force=force),
    ]
    return PatchSummary.of(run("combine", options, [base, *_patches(patches)], progress)[1])


def _make_model(
    command: str,
    options: list[str],
    operands: list[StrPath],
    output: Optional[StrPath],
    share: Share,
    finish: bool,
    executor: Optional[Executor],
    shares: Optional[SupportsIndex],
    progress: ProgressOption,
) -> ModelSummary:
    _check_destination(output, "--in-place" in options)
    _check_shares(executor, shares, finish or share is not None)
    options += [*_paths(output=output), *_share(share), *_flags(finish=finish)]
    if executor is not None:
        return ModelSummary.of(_shares.make_model(executor, shares, command, options, operands, progress))
    return ModelSummary.of(run(command, options, operands, progress)[1])


def apply(
    base: StrPath,
    patch: Union[StrPath, Sequence[StrPath]],
    output: Optional[StrPath] = None,
    *,
    in_place: bool = False,
    rollback: bool = False,
    share: Share = None,
    finish: bool = False,
    executor: Optional[Executor] = None,
    shares: Optional[SupportsIndex] = None,
    values_only: bool = False,
    undo: Optional[StrPath] = None,
    sha256: bool = False,
    sync: bool = True,
    force: bool = False,
    threads: SupportsIndex = 0,
    progress: ProgressOption = None,
) -> ModelSummary:
    """Writes the patched copy of a base model: the publisher's exact bytes.

    Args:
        base: The base model.
        patch: The patch, or the folder of its package; of a list, each is for the result of the one
            before, and all are applied in one pass.
        output: Where the model goes: a file for a file, a folder for a folder.
        in_place: Change the model's own files instead; whatever interrupts that, calling it again
            finishes it.
        rollback: With ``in_place``, undo an interrupted change instead of finishing it.
        share: Do share I of N of the weight files, ``(I, N)`` or ``"I/N"``, and leave it in
            ``output.shares``; as in :func:`create`.
        finish: Check what all shares wrote, and make the output of it; all other arguments are those of
            the shares.
        executor: As in :func:`create`. On failure, ``output.shares`` stays.
        shares: As in :func:`create`.
        values_only: Leave headers and the order of tensors as they are.
        undo: Where the types of ``base`` cannot hold the result, round, and keep here what ``strip``
            needs.
        sha256: Check the SHA-256 of the output's files too, which is slower.
        sync: Wait until the output is on the disk.
        force: Whether the output may exist.
        threads: How many threads work; 0 is one for each core.
        progress: Called with :class:`Progress` some ten times a second, or True for a line on
            standard error. What it raises ends the work.
    """
    options = [
        *_paths(undo=undo),
        _threads(threads),
        *_flags(in_place=in_place, rollback=rollback, values_only=values_only),
        *_flags(sha256=sha256, no_sync=not sync, force=force),
    ]
    operands = [base, *_patches(patch)]
    return _make_model("apply", options, operands, output, share, finish, executor, shares, progress)


def strip(
    result: StrPath,
    patch: Union[StrPath, Sequence[StrPath]],
    output: Optional[StrPath] = None,
    *,
    in_place: bool = False,
    rollback: bool = False,
    share: Share = None,
    finish: bool = False,
    executor: Optional[Executor] = None,
    shares: Optional[SupportsIndex] = None,
    values_only: bool = False,
    sha256: bool = False,
    sync: bool = True,
    force: bool = False,
    threads: SupportsIndex = 0,
    progress: ProgressOption = None,
) -> ModelSummary:
    """Writes the base model back from a patched one: the inverse of ``apply``.

    Args:
        result: The patched model.
        patch: The patch that was applied, or the one that ``undo`` named; of a list, in the order in
            which they were applied, the last is stripped first.
        output: Where the model goes: a file for a file, a folder for a folder.
        in_place: Change the model's own files instead; whatever interrupts that, calling it again
            finishes it.
        rollback: With ``in_place``, undo an interrupted change instead of finishing it.
        share: Do share I of N of the weight files, ``(I, N)`` or ``"I/N"``, and leave it in
            ``output.shares``; as in :func:`create`.
        finish: Check what all shares wrote, and make the output of it; all other arguments are those of
            the shares.
        executor: As in :func:`create`. On failure, ``output.shares`` stays.
        shares: As in :func:`create`.
        values_only: Leave headers and the order of tensors as they are.
        sha256: Check the SHA-256 of the output's files too, which is slower.
        sync: Wait until the output is on the disk.
        force: Whether the output may exist.
        threads: How many threads work; 0 is one for each core.
        progress: Called with :class:`Progress` some ten times a second, or True for a line on
            standard error. What it raises ends the work.
    """
    options = [
        _threads(threads),
        *_flags(in_place=in_place, rollback=rollback, values_only=values_only),
        *_flags(sha256=sha256, no_sync=not sync, force=force),
    ]
    operands = [result, *_patches(patch)]
    return _make_model("strip", options, operands, output, share, finish, executor, shares, progress)


def verify(
    checkpoint: StrPath,
    patch: StrPath,
    *,
    expect: Optional[Role] = None,
    sha256: bool = False,
    trace: bool = False,
    share: Share = None,
    executor: Optional[Executor] = None,
    shares: Optional[SupportsIndex] = None,
    threads: SupportsIndex = 0,
    progress: ProgressOption = None,
) -> Verdict:
    """Says whether a model is a patch's base, its result, or neither.

    The verdict is true if the model is what ``expect`` names, or either without it. A model that is
    neither gives a verdict, and no exception.

    Args:
        checkpoint: The model.
        patch: The patch.
        expect: What it must be, ``base`` or ``result``.
        sha256: Its files must be the publisher's, too.
        trace: Strip the patch in memory, for ``base_sha256`` of the verdict. A model that is not the
            result is then an exception.
        share: Look at share I of N of the weight files only, as in :func:`create`. That all shares are
            as expected proves less than one run does: the digest of the whole is not compared.
        executor: As in :func:`create`; it proves what shares prove.
        shares: As in :func:`create`.
        threads: How many threads work; 0 is one for each core.
        progress: Called with :class:`Progress` some ten times a second, or True for a line on
            standard error. What it raises ends the work.
    """
    options = [_threads(threads), *_share(share), *_flags(sha256=sha256, trace=trace)]
    if expect is not None:
        options.append("--expect=" + expect)
    _check_shares(executor, shares, share is not None)
    operands = [checkpoint, patch]
    if executor is not None:
        exit_code, report = _shares.verdict(executor, shares, options, operands, progress)
    else:
        exit_code, report = run("verify", options, operands, progress)
    return Verdict.of(report, exit_code == 0)


def inspect(
    path: StrPath,
    *,
    base: Optional[StrPath] = None,
    svg: Optional[StrPath] = None,
    html: Optional[StrPath] = None,
    force: bool = False,
    threads: SupportsIndex = 0,
    progress: ProgressOption = None,
) -> Report:
    """Shows what a patch, a checkpoint or a GRADIEND holds; ``kind`` of the report says which it is.

    Args:
        path: What to look at.
        base: The patch's base, to measure how far the weights move.
        svg: Where a picture of the patch's changes goes.
        html: Where a page on them goes.
        force: Whether the output may exist.
        threads: How many threads work; 0 is one for each core.
        progress: Called with :class:`Progress` some ten times a second, or True for a line on
            standard error. What it raises ends the work.
    """
    options = [*_paths(base=base, svg=svg, html=html), _threads(threads), *_flags(force=force)]
    return inspection(run("inspect", options, [path], progress)[1])


def export(
    patch: StrPath,
    output: StrPath,
    *,
    base: StrPath,
    force: bool = False,
    threads: SupportsIndex = 0,
    progress: ProgressOption = None,
) -> ExportSummary:
    """Writes what a patch changes as a safetensors file of indices and values.

    For each changed tensor NAME there are ``NAME.indices``, I64 positions in the tensor made flat,
    ascending, and ``NAME.values``, what the result has there, in the tensor's own type.

    Args:
        patch: The patch.
        output: Where the file goes.
        base: The patch's base, which tells what the changes are relative to.
        force: Whether the output may exist.
        threads: How many threads work; 0 is one for each core.
        progress: Called with :class:`Progress` some ten times a second, or True for a line on
            standard error. What it raises ends the work.
    """
    options = [*_paths(base=base, output=output), _threads(threads), *_flags(force=force)]
    return ExportSummary.of(run("export", options, [patch], progress)[1])


def _card_options(**details: Any) -> list[str]:
    """What ``card`` and ``package`` have in common; lists are joined by commas."""
    options = []
    for name, value in details.items():
        if isinstance(value, (list, tuple)):
            if any("," in str(item) for item in value):
                raise ValueError(f"{name} cannot have a comma: {value!r}")
            value = ",".join(map(str, value)) or None
        options += _paths(**{name: value})
    return options


def card(
    patch: StrPath,
    output: Optional[StrPath] = None,
    *,
    repository: Optional[str] = None,
    base: Optional[str] = None,
    feature: Optional[str] = None,
    license: Optional[str] = None,
    license_name: Optional[str] = None,
    license_link: Optional[str] = None,
    language: Sequence[str] = (),
    dataset: Sequence[str] = (),
    tag: Sequence[str] = (),
    append: Optional[StrPath] = None,
    results: Optional[StrPath] = None,
    tool_url: Optional[str] = None,
    force: bool = False,
    threads: SupportsIndex = 0,
    progress: ProgressOption = None,
) -> CardReport:
    """Writes the model card of a patch or an adapter.

    Args:
        patch: The patch, or the folder that ``adapter`` made.
        output: Where the card goes; without it, only ``text`` of the report has it.
        repository: Where the patch will be on the Hub, ``owner/name``.
        base: The base's name on the Hub, where the patch does not record it.
        feature: What the GRADIEND is about, such as ``gender``.
        license: As the Hub spells it; that of the base's card if left out.
        license_name: Its name, for ``other``.
        license_link: Where it is, for ``other``.
        language: Codes of languages.
        dataset: Names on the Hub of the data that the GRADIEND was made with.
        tag: More tags.
        append: A text in Markdown that ends the card.
        results: A JSON file of evaluation results.
        tool_url: Where readers of the card get this tool.
        force: Whether the output may exist.
        threads: How many threads work; 0 is one for each core.
        progress: Called with :class:`Progress` some ten times a second, or True for a line on
            standard error. What it raises ends the work.
    """
    options = [
        *_card_options(
            repository=repository,
            base=base,
            feature=feature,
            license=license,
            license_name=license_name,
            license_link=license_link,
            language=language,
            dataset=dataset,
            tag=tag,
            append=append,
            results=results,
            tool_url=tool_url,
        ),
        *_paths(output=output),
        _threads(threads),
        *_flags(force=force),
    ]
    return CardReport.of(run("card", options, [patch], progress)[1])


def package(
    patch: StrPath,
    output: StrPath,
    *,
    repository: Optional[str] = None,
    base: Optional[str] = None,
    feature: Optional[str] = None,
    license: Optional[str] = None,
    license_name: Optional[str] = None,
    license_link: Optional[str] = None,
    license_file: Optional[StrPath] = None,
    language: Sequence[str] = (),
    dataset: Sequence[str] = (),
    tag: Sequence[str] = (),
    append: Optional[StrPath] = None,
    results: Optional[StrPath] = None,
    tool_url: Optional[str] = None,
    force: bool = False,
    threads: SupportsIndex = 0,
    progress: ProgressOption = None,
) -> PackageReport:
    """Makes a folder of a patch or an adapter that is ready for the Hub.

    Args:
        patch: The patch, or the folder that ``adapter`` made.
        output: The folder. With ``force``, one that is there keeps what is not the package's.
        repository: Where the patch will be on the Hub, ``owner/name``.
        base: The base's name on the Hub, where the patch does not record it.
        feature: What the GRADIEND is about, such as ``gender``.
        license: As the Hub spells it; that of the base's card if left out.
        license_name: Its name, for ``other``.
        license_link: Where it is, for ``other``.
        language: Codes of languages.
        dataset: Names on the Hub of the data that the GRADIEND was made with.
        tag: More tags.
        append: A text in Markdown that ends the card.
        results: A JSON file of evaluation results.
        tool_url: Where readers of the card get this tool.
        license_file: Licence text to bring instead of the base's.
        force: Whether the output may exist.
        threads: How many threads work; 0 is one for each core.
        progress: Called with :class:`Progress` some ten times a second, or True for a line on
            standard error. What it raises ends the work.
    """
    options = [
        *_card_options(
            repository=repository,
            base=base,
            feature=feature,
            license=license,
            license_name=license_name,
            license_link=license_link,
            language=language,
            dataset=dataset,
            tag=tag,
            append=append,
            results=results,
            tool_url=tool_url,
        ),
        *_paths(license_file=license_file, output=output),
        _threads(threads),
        *_flags(force=force),
    ]
    return PackageReport.of(run("package", options, [patch], progress)[1])
