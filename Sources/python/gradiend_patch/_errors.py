"""What goes wrong: an exception class for each exit code of the program."""

from __future__ import annotations

from typing import Any, Optional


class GradiendPatchError(Exception):
    """A command failed, and nothing was written; of a change in place, a journal may be left.

    ``kind`` is one of usage, mismatch, badInput, cannotOpen, outputExists, cannotCreate, inputOutput
    and unfinished; more may come. Catch this class to catch all of them.
    """

    #: The exit code that a class stands for; 0 for none.
    code = 0

    def __init__(
        self,
        message: str,
        kind: Optional[str] = None,
        path: Optional[str] = None,
        tensor: Optional[str] = None,
        remedy: Optional[str] = None,
        exit_code: Optional[int] = None,
    ) -> None:
        # All of them, in order, so that pickle can make the exception anew in another process.
        super().__init__(message, kind, path, tensor, remedy, exit_code)
        #: Cause and place, for people.
        self.message = message
        #: What went wrong, for programs.
        self.kind = kind
        #: The file or folder at fault, as it was given.
        self.path = path
        #: The tensor at fault, where there is one.
        self.tensor = tensor
        #: What to do about it, where that is known.
        self.remedy = remedy
        #: The exit code of the program; -n if signal n ended it.
        self.exit_code = self.code if exit_code is None else exit_code

    def __str__(self) -> str:
        line = self.message if self.path is None else f"{self.path}: {self.message}"
        return line if self.remedy is None else f"{line}\n{self.remedy}"


class MismatchError(GradiendPatchError):
    """The checkpoint is not the one that the patch is for."""

    code = 1


class UsageError(GradiendPatchError):
    """An argument that no input could make right."""

    code = 64


class DataError(GradiendPatchError):
    """An input is malformed, damaged, half changed or not supported; ``kind`` tells."""

    code = 65


class OpenError(GradiendPatchError):
    """An input cannot be opened."""

    code = 66


class InternalError(GradiendPatchError):
    """A bug in gradiend-patch."""

    code = 70


class CreateError(GradiendPatchError):
    """The output exists already, or cannot be made; ``kind`` tells which."""

    code = 73


class InputOutputError(GradiendPatchError):
    """Reading or writing failed part way, as on a full disk."""

    code = 74


class SignalError(GradiendPatchError):
    """A signal ended the program; unfinished outputs are removed."""


_CLASSES: dict[int, type[GradiendPatchError]] = {
    cls.code: cls
    for cls in (
        MismatchError,
        UsageError,
        DataError,
        OpenError,
        InternalError,
        CreateError,
        InputOutputError,
    )
}


def error_for(exit_code: int, report: Optional[dict[str, Any]], text: str) -> GradiendPatchError:
    """The exception for a failed run.

    ``report`` is the object below ``error`` of what the program printed, if it printed one, and
    ``text`` what it wrote for people.
    """
    # A shell in between says 128 + n where the system says -n.
    by_signal = exit_code < 0 or exit_code > 128
    cls = SignalError if by_signal else _CLASSES.get(exit_code, GradiendPatchError)
    if report is None:
        message = text or f"gradiend-patch ended with exit code {exit_code}"
        if by_signal:
            message = f"gradiend-patch was ended by signal {exit_code & 127 if exit_code > 0 else -exit_code}"
        return cls(message, exit_code=exit_code)
    remedy = report["remedy"]
    # The program speaks of its own command line.
    if report["kind"] == "outputExists":
        remedy = "pass force=True to replace it"
    elif remedy is not None and remedy.startswith("See '"):
        remedy = None
    return cls(
        report["message"],
        report["kind"],
        report["path"],
        report["tensor"],
        remedy,
        exit_code,
    )


_KINDS: dict[str, type[GradiendPatchError]] = {
    "usage": UsageError,
    "mismatch": MismatchError,
    "badInput": DataError,
    "unfinished": DataError,
    "cannotOpen": OpenError,
    "outputExists": CreateError,
    "cannotCreate": CreateError,
    "inputOutput": InputOutputError,
}


def error_of_kind(
    kind: str,
    message: str,
    path: Optional[str] = None,
    tensor: Optional[str] = None,
    remedy: Optional[str] = None,
) -> GradiendPatchError:
    """The exception for an error of the library."""
    return _KINDS.get(kind, GradiendPatchError)(message, kind, path, tensor, remedy)
