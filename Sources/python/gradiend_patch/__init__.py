"""Publish debiased models as small patches of their base.

The functions run the program ``gradiend-patch`` that this package brings, and answer with what it
prints under ``--json``.
"""

from importlib.metadata import version as _version

from ._commands import (
    Part,
    apply,
    card,
    combine,
    create,
    diff,
    export,
    inspect,
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
from ._process import ProgressCallback, ProgressOption, StrPath
from ._reports import (
    AddedGradiend,
    CardReport,
    ChangedTensor,
    CheckpointReport,
    ExportSummary,
    GradiendReport,
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
    "AddedGradiend",
    "CardReport",
    "ChangedTensor",
    "CheckpointReport",
    "CreateError",
    "DataError",
    "ExportSummary",
    "GradiendPatchError",
    "GradiendReport",
    "InputOutputError",
    "InternalError",
    "MismatchError",
    "ModelSummary",
    "OpenError",
    "PackageFile",
    "PackageReport",
    "Parameter",
    "Part",
    "PatchReport",
    "PatchSummary",
    "Progress",
    "ProgressCallback",
    "ProgressOption",
    "Report",
    "Role",
    "SignalError",
    "StrPath",
    "Tensor",
    "UsageError",
    "Verdict",
    "WeightFile",
    "apply",
    "card",
    "combine",
    "create",
    "diff",
    "export",
    "inspect",
    "package",
    "strip",
    "verify",
]
