"""Publish debiased models as small patches of their base.

The functions run the program ``gradiend-patch`` that this package brings, and answer with what it
prints under ``--json``.
"""

from importlib.metadata import version

from ._commands import Part, apply, create, diff, inspect, strip, verify
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
from ._process import ProgressCallback, StrPath
from ._reports import (
    ChangedTensor,
    CheckpointReport,
    GradiendReport,
    ModelSummary,
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

__version__ = version("gradiend-patch")

__all__ = [
    "ChangedTensor",
    "CheckpointReport",
    "CreateError",
    "DataError",
    "GradiendPatchError",
    "GradiendReport",
    "InputOutputError",
    "InternalError",
    "MismatchError",
    "ModelSummary",
    "OpenError",
    "Parameter",
    "Part",
    "PatchReport",
    "PatchSummary",
    "Progress",
    "ProgressCallback",
    "Report",
    "Role",
    "SignalError",
    "StrPath",
    "Tensor",
    "UsageError",
    "Verdict",
    "WeightFile",
    "apply",
    "create",
    "diff",
    "inspect",
    "strip",
    "verify",
]
