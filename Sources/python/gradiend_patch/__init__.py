"""Publish debiased models as small patches of their base.

The functions run the program ``gradiend-patch`` that this package brings, and answer with what it
prints under ``--json``. :class:`Patch` and :class:`Gradiend` work on models in the memory of this
process, by the library that it brings.
"""

from importlib.metadata import version as _version

from ._commands import (
    Share,
    adapter,
    apply,
    card,
    combine,
    create,
    diff,
    export,
    inspect,
    join,
    package,
    strip,
    verify,
)
from ._errors import (
    CreateError,
    DataError,
    GradiendPatchError,
    InputOutputError,
    InternalError,
    MismatchError,
    OpenError,
    SignalError,
    UsageError,
)
from ._live import Changes, Gradiend, LiveState, Patch
from ._numbers import Part
from ._process import ProgressCallback, ProgressOption, StrPath
from ._reports import (
    AdaptedLayer,
    AdapterSummary,
    AddedGradiend,
    CardReport,
    ChangedTensor,
    CheckpointReport,
    ExportSummary,
    GradiendReport,
    LeftOut,
    ModelSummary,
    PackageFile,
    PackageReport,
    Parameter,
    PatchReport,
    PatchSummary,
    Progress,
    Report,
    Role,
    Tensor,
    Verdict,
    WeightFile,
)

__version__ = _version("gradiend-patch")

__all__ = [
    "AdaptedLayer",
    "AdapterSummary",
    "AddedGradiend",
    "CardReport",
    "ChangedTensor",
    "Changes",
    "CheckpointReport",
    "CreateError",
    "DataError",
    "ExportSummary",
    "Gradiend",
    "GradiendPatchError",
    "GradiendReport",
    "InputOutputError",
    "InternalError",
    "LeftOut",
    "LiveState",
    "MismatchError",
    "ModelSummary",
    "OpenError",
    "PackageFile",
    "PackageReport",
    "Parameter",
    "Part",
    "Patch",
    "PatchReport",
    "PatchSummary",
    "Progress",
    "ProgressCallback",
    "ProgressOption",
    "Report",
    "Role",
    "Share",
    "SignalError",
    "StrPath",
    "Tensor",
    "UsageError",
    "Verdict",
    "WeightFile",
    "adapter",
    "apply",
    "card",
    "combine",
    "create",
    "diff",
    "export",
    "inspect",
    "join",
    "package",
    "strip",
    "verify",
]
