"""What the commands answer under ``--json``, as classes.

Fields are named as the keys there; ``is`` is a word of Python and so is ``is_`` here. ``json`` is
the whole report, with the keys that no field has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Optional, Union

Role = Literal["base", "result"]
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Progress:
    """How far a command has come. A change in place counts bytes each time they are worked through."""

    tensors_done: int
    tensors: int
    bytes_done: int
    bytes: int


@dataclass(frozen=True)
class PatchSummary:
    """What ``create``, ``diff``, ``combine`` and ``join`` wrote."""

    patch: str
    #: ``"I/N"`` of a piece, whose numbers are then those of its share.
    share: Optional[str]
    bytes: int
    base_bytes: int
    tensors: int
    elements: int
    changed_tensors: int
    changed_elements: int
    max_relative_error: float
    relative_error: float
    #: None where it is not known, as for ``diff``.
    update_cosine: Optional[float]
    update_norm_share: Optional[float]
    notes: tuple[str, ...]
    json: Json = field(repr=False, compare=False)

    @classmethod
    def of(cls, report: Json) -> PatchSummary:
        return cls(
            report["patch"],
            report["share"],
            report["bytes"],
            report["base_bytes"],
            report["tensors"],
            report["elements"],
            report["changed_tensors"],
            report["changed_elements"],
            report["max_relative_error"],
            report["relative_error"],
            report["update_cosine"],
            report["update_norm_share"],
            tuple(report["notes"]),
            report,
        )


@dataclass(frozen=True)
class AdaptedLayer:
    """A linear layer that an adapter changes."""

    module: str
    share: float
    relative_error: float


@dataclass(frozen=True)
class LeftOut:
    """A tensor that a GRADIEND changes and an adapter does not."""

    tensor: str
    share: float


@dataclass(frozen=True)
class AdapterSummary:
    """What ``adapter`` wrote."""

    output: str
    gguf: Optional[str]
    bytes: int
    rank: int
    relative_error: float
    left_out_share: float
    layers: tuple[AdaptedLayer, ...] = field(repr=False)
    left_out: tuple[LeftOut, ...] = field(repr=False)
    modules_to_save: tuple[str, ...] = field(repr=False)
    notes: tuple[str, ...]
    json: Json = field(repr=False, compare=False)

    @classmethod
    def of(cls, report: Json) -> AdapterSummary:
        return cls(
            report["output"],
            report["gguf"],
            report["bytes"],
            report["rank"],
            report["relative_error"],
            report["left_out_share"],
            tuple(AdaptedLayer(x["module"], x["share"], x["relative_error"]) for x in report["layers"]),
            tuple(LeftOut(x["tensor"], x["share"]) for x in report["left_out"]),
            tuple(report["modules_to_save"]),
            tuple(report["notes"]),
            report,
        )


@dataclass(frozen=True)
class ModelSummary:
    """What ``apply`` and ``strip`` wrote, or changed in place."""

    output: str
    #: ``"I/N"`` of a share, whose the numbers then are.
    share: Optional[str]
    #: None if values were rounded (``undo``).
    is_: Optional[Role]
    bytes: int
    tensors: int
    changed_tensors: int
    changed_elements: int
    notes: tuple[str, ...]
    json: Json = field(repr=False, compare=False)

    @classmethod
    def of(cls, report: Json) -> ModelSummary:
        return cls(
            report["output"],
            report["share"],
            report["is"],
            report["bytes"],
            report["tensors"],
            report["changed_tensors"],
            report["changed_elements"],
            tuple(report["notes"]),
            report,
        )


@dataclass(frozen=True)
class Verdict:
    """What ``verify`` found. It is true if the checkpoint is what was asked for."""

    #: Whether the checkpoint is what was asked for: ``expect`` and ``sha256``.
    as_expected: bool
    #: ``"I/N"`` where only a share was looked at.
    share: Optional[str]
    is_: Optional[Role]
    tensors: int
    differing_from_base: tuple[str, ...] = field(repr=False)
    differing_from_result: tuple[str, ...] = field(repr=False)
    #: None if the patch does not name its files.
    published_files: Optional[bool]
    damaged_files: tuple[str, ...]
    sha256: str = field(repr=False)
    #: With ``trace``, a line as ``sha256sum`` writes it for each of the base's files.
    base_sha256: Optional[str] = field(repr=False)
    json: Json = field(repr=False, compare=False)

    def __bool__(self) -> bool:
        return self.as_expected

    @classmethod
    def of(cls, report: Json, as_expected: bool) -> Verdict:
        return cls(
            as_expected,
            report["share"],
            report["is"],
            report["tensors"],
            tuple(report["differing_from_base"]),
            tuple(report["differing_from_result"]),
            report["published_files"],
            tuple(report["damaged_files"]),
            report["sha256"],
            report["base_sha256"],
            report,
        )


@dataclass(frozen=True)
class CardReport:
    """What ``card`` wrote."""

    #: None where only ``text`` was asked for.
    output: Optional[str]
    repository: str
    base: str
    license: Optional[str]
    notes: tuple[str, ...]
    text: str = field(repr=False)
    json: Json = field(repr=False, compare=False)

    @classmethod
    def of(cls, report: Json) -> CardReport:
        return cls(
            report["output"],
            report["repository"],
            report["base"],
            report["license"],
            tuple(report["notes"]),
            report["text"],
            report,
        )


@dataclass(frozen=True)
class PackageFile:
    """A file of a package."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class PackageReport:
    """What ``package`` made."""

    package: str
    repository: str
    base: str
    license: Optional[str]
    #: The command line that uploads it.
    upload: str
    notes: tuple[str, ...]
    files: tuple[PackageFile, ...] = field(repr=False)
    json: Json = field(repr=False, compare=False)

    @classmethod
    def of(cls, report: Json) -> PackageReport:
        return cls(
            report["package"],
            report["repository"],
            report["base"],
            report["license"],
            report["upload"],
            tuple(report["notes"]),
            tuple(PackageFile(f["name"], f["bytes"], f["sha256"]) for f in report["files"]),
            report,
        )


@dataclass(frozen=True)
class ExportSummary:
    """What ``export`` wrote."""

    output: str
    bytes: int
    tensors: int
    elements: int
    json: Json = field(repr=False, compare=False)

    @classmethod
    def of(cls, report: Json) -> ExportSummary:
        return cls(report["output"], report["bytes"], report["tensors"], report["elements"], report)


@dataclass(frozen=True)
class Tensor:
    """A tensor of a checkpoint."""

    name: str
    type: str
    shape: tuple[int, ...]
    elements: int

    @classmethod
    def of(cls, report: Json) -> Tensor:
        return cls(report["name"], report["type"], tuple(report["shape"]), report["elements"])


@dataclass(frozen=True)
class ChangedTensor:
    """A tensor that a patch changes."""

    name: str
    type: str
    shape: tuple[int, ...]
    elements: int
    changed_elements: int
    bytes: int
    #: Set where ``inspect`` was given the base, and the elements are floats.
    update_rms: Optional[float] = None
    base_rms: Optional[float] = None
    #: ``update_rms`` over ``base_rms``; none where all of the base's elements are zero, either.
    relative_update: Optional[float] = None

    @classmethod
    def of(cls, report: Json) -> ChangedTensor:
        return cls(
            report["name"],
            report["type"],
            tuple(report["shape"]),
            report["elements"],
            report["changed_elements"],
            report["bytes"],
            report.get("update_rms"),
            report.get("base_rms"),
            report.get("relative_update"),
        )


@dataclass(frozen=True)
class WeightFile:
    """A file of a checkpoint."""

    name: str
    bytes: int


@dataclass(frozen=True)
class Parameter:
    """A parameter that a GRADIEND covers. Where only the base has its shape, there is none."""

    name: str
    selection: str
    shape: Optional[tuple[int, ...]]
    selected: Optional[int]

    @classmethod
    def of(cls, report: Json) -> Parameter:
        shape = report.get("shape")
        return cls(
            report["name"],
            report["selection"],
            None if shape is None else tuple(shape),
            report.get("selected"),
        )


@dataclass(frozen=True)
class AddedGradiend:
    """What a patch adds of one GRADIEND."""

    #: One value a latent, separated by commas; none for a part that ignores it.
    feature_factor: Optional[str]
    learning_rate: str
    #: The classes of the feature towards which the update goes, where the patch tells.
    towards: Optional[str]
    digest: str
    #: Where on the Hub it comes from, ``owner/name@commit``, where that is known.
    origin: Optional[str]


@dataclass(frozen=True)
class PatchReport:
    """What a patch holds."""

    kind: Literal["patch"]
    bytes: int
    tensors: int
    elements: int
    changed_elements: int
    #: What was added, in this order; nothing if the result was there.
    gradiends: tuple[AddedGradiend, ...]
    metadata: Mapping[str, str] = field(repr=False)
    #: Small tensors that it carries whole, as their types or shapes differ.
    carried_tensors: tuple[str, ...] = field(repr=False)
    byte_counts: Mapping[str, int] = field(repr=False)
    changed_tensors: tuple[ChangedTensor, ...] = field(repr=False)
    json: Json = field(repr=False, compare=False)


@dataclass(frozen=True)
class CheckpointReport:
    """What a checkpoint holds."""

    kind: Literal["checkpoint"]
    files: tuple[WeightFile, ...] = field(repr=False)
    metadata: Mapping[str, str] = field(repr=False)
    tensors: tuple[Tensor, ...] = field(repr=False)
    json: Json = field(repr=False, compare=False)


@dataclass(frozen=True)
class GradiendReport:
    """What a GRADIEND checkpoint holds."""

    kind: Literal["gradiend"]
    entries: int
    latents: int
    activation: str
    bias: bool
    type: str
    parameters: tuple[Parameter, ...] = field(repr=False)
    json: Json = field(repr=False, compare=False)


Report = Union[PatchReport, CheckpointReport, GradiendReport]


def inspection(report: Json) -> Report:
    """The report of ``inspect``, of whatever it was."""
    kind = report["kind"]
    if kind == "patch":
        return PatchReport(
            kind,
            report["bytes"],
            report["tensors"],
            report["elements"],
            report["changed_elements"],
            tuple(
                AddedGradiend(
                    each["feature_factor"],
                    each["learning_rate"],
                    each["towards"],
                    each["digest"],
                    each["origin"],
                )
                for each in report["gradiends"]
            ),
            report["metadata"],
            tuple(report["carried_tensors"]),
            report["byte_counts"],
            tuple(ChangedTensor.of(tensor) for tensor in report["changed_tensors"]),
            report,
        )
    if kind == "checkpoint":
        return CheckpointReport(
            kind,
            tuple(WeightFile(file["name"], file["bytes"]) for file in report["files"]),
            report["metadata"],
            tuple(Tensor.of(tensor) for tensor in report["tensors"]),
            report,
        )
    return GradiendReport(
        kind,
        report["entries"],
        report["latents"],
        report["activation"],
        report["bias"],
        report["type"],
        tuple(Parameter.of(parameter) for parameter in report["parameters"]),
        report,
    )
