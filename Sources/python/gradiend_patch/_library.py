"""Calls the library that this package brings: gradiendpatch.h says what each function does."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Optional

from ._errors import GradiendPatchError, InternalError, UsageError, error_of_kind
from ._process import ProgressCallback, StrPath
from ._reports import Progress

LIBRARY = Path(__file__).parent / "lib" / "libgradiendpatch.so.1"

_ABI_VERSION = 1
ROLES = {"base": 1, "result": 2}

Pointer = ctypes.c_void_p
ReadFunction = ctypes.CFUNCTYPE(
    ctypes.c_bool, Pointer, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64, Pointer
)
WriteFunction = ctypes.CFUNCTYPE(
    ctypes.c_bool, Pointer, ctypes.c_uint64, ctypes.c_uint64, Pointer, Pointer
)
_ProgressFunction = ctypes.CFUNCTYPE(None, Pointer, ctypes.c_uint64, ctypes.c_uint64)


class Tensor(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_char_p),
        ("shape", ctypes.POINTER(ctypes.c_uint64)),
        ("rank", ctypes.c_uint64),
        ("byte_count", ctypes.c_uint64),
    ]


class Described(NamedTuple):
    """What a tensor is, for as long as anybody wants to know."""

    name: str
    type: str
    shape: tuple[int, ...]
    byte_count: int


def described(tensor: Tensor) -> Described:
    """Copies what the library says of a tensor."""
    shape = tuple(tensor.shape[axis] for axis in range(tensor.rank))
    return Described(tensor.name.decode(), tensor.type.decode(), shape, tensor.byte_count)


class Device(ctypes.Structure):
    _fields_ = [("context", Pointer), ("read", ReadFunction), ("write", WriteFunction)]


class MemoryTensor(ctypes.Structure):
    _fields_ = [
        ("tensor", Tensor),
        ("data", Pointer),
        ("device", ctypes.POINTER(Device)),
        ("handle", ctypes.c_uint64),
    ]


class Changes(ctypes.Structure):
    _fields_ = [
        ("count", ctypes.c_uint64),
        ("element_byte_count", ctypes.c_uint64),
        ("indices", Pointer),
        ("base", Pointer),
        ("result", Pointer),
    ]


class Candidate(ctypes.Structure):
    _fields_ = [
        ("feature_factors", ctypes.POINTER(ctypes.c_float)),
        ("feature_factor_count", ctypes.c_uint64),
        ("learning_rate", ctypes.c_float),
        ("part", ctypes.c_char_p),
    ]


class _Options(ctypes.Structure):
    _fields_ = [
        ("threads", ctypes.c_uint32),
        ("cancellation", Pointer),
        ("progress", _ProgressFunction),
        ("progress_context", Pointer),
    ]


_ERROR = ctypes.POINTER(Pointer)
_OPTIONS = ctypes.POINTER(_Options)
_TENSOR = ctypes.POINTER(Tensor)
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "abi_version": (ctypes.c_uint32, []),
    "error_kind": (ctypes.c_char_p, [Pointer]),
    "error_message": (ctypes.c_char_p, [Pointer]),
    "error_path": (ctypes.c_char_p, [Pointer]),
    "error_tensor": (ctypes.c_char_p, [Pointer]),
    "error_remedy": (ctypes.c_char_p, [Pointer]),
    "error_free": (None, [Pointer]),
    "cancellation_new": (Pointer, []),
    "cancel": (None, [Pointer]),
    "cancellation_free": (None, [Pointer]),
    "patch_open": (Pointer, [ctypes.c_char_p, _ERROR]),
    "patch_free": (None, [Pointer]),
    "patch_tensor_count": (ctypes.c_uint64, [Pointer]),
    "patch_tensor": (
        ctypes.c_bool,
        [Pointer, ctypes.c_uint64, _TENSOR, ctypes.POINTER(ctypes.c_uint64)],
    ),
    "patch_changes": (
        ctypes.POINTER(Changes),
        [Pointer, ctypes.c_uint64, ctypes.c_int32, Pointer, ctypes.c_uint64, _OPTIONS, _ERROR],
    ),
    "changes_free": (None, [ctypes.POINTER(Changes)]),
    "reader_open": (Pointer, [Pointer, ctypes.c_char_p, _ERROR]),
    "reader_free": (None, [Pointer]),
    "reader_read": (
        ctypes.c_bool,
        [Pointer, ctypes.c_uint64, ctypes.c_int32, Pointer, ctypes.c_uint64, _OPTIONS, _ERROR],
    ),
    "model_new": (
        Pointer,
        [ctypes.POINTER(MemoryTensor), ctypes.c_uint64, ctypes.c_char_p, _ERROR],
    ),
    "model_free": (None, [Pointer]),
    "diff": (ctypes.c_bool, [Pointer, Pointer, ctypes.c_char_p, _OPTIONS, _ERROR]),
    "live_new": (Pointer, [Pointer, Pointer, _ERROR]),
    "live_check_complete": (ctypes.c_bool, [Pointer, _ERROR]),
    "live_free": (None, [Pointer]),
    "live_missing": (ctypes.c_char_p, [Pointer, ctypes.c_uint64]),
    "live_unknown": (ctypes.c_char_p, [Pointer, ctypes.c_uint64]),
    "live_verdict": (Pointer, [Pointer, _OPTIONS, _ERROR]),
    "verdict_free": (None, [Pointer]),
    "verdict_role": (ctypes.c_int32, [Pointer]),
    "verdict_differing": (ctypes.c_char_p, [Pointer, ctypes.c_int32, ctypes.c_uint64]),
    "live_move": (
        ctypes.c_bool,
        [Pointer, ctypes.c_int32, ctypes.c_bool, _OPTIONS, _ERROR],
    ),
    "gradiend_open": (Pointer, [ctypes.c_char_p, ctypes.c_char_p, _ERROR]),
    "gradiend_free": (None, [Pointer]),
    "gradiend_tensor_count": (ctypes.c_uint64, [Pointer]),
    "gradiend_tensor": (
        ctypes.c_bool,
        [Pointer, ctypes.c_uint64, _TENSOR, ctypes.POINTER(ctypes.c_bool)],
    ),
    "gradiend_result": (
        ctypes.c_bool,
        [
            Pointer,
            ctypes.POINTER(Candidate),
            ctypes.c_uint64,
            Pointer,
            ctypes.c_uint64,
            _OPTIONS,
            _ERROR,
        ],
    ),
    "trial_new": (Pointer, [Pointer, Pointer, _ERROR]),
    "trial_free": (None, [Pointer]),
    "trial_move": (ctypes.c_bool, [Pointer, ctypes.POINTER(Candidate), _OPTIONS, _ERROR]),
}


class _Library:
    """The functions of the library, loaded when the first is asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: Optional[ctypes.CDLL] = None

    def function(self, name: str) -> Any:
        # The lock is not for what is collected while it is held.
        loaded = self._loaded
        if loaded is None:
            with self._lock:
                loaded = self._loaded = self._loaded or self._load()
        return getattr(loaded, "gpatch_" + name)

    @staticmethod
    def _load() -> ctypes.CDLL:
        library = ctypes.CDLL(str(LIBRARY))
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(library, "gpatch_" + name)
            function.restype, function.argtypes = result, arguments
        found = library.gpatch_abi_version()
        if found != _ABI_VERSION:
            raise InternalError(f"{LIBRARY} has interface {found}, this package needs {_ABI_VERSION}")
        return library


_library = _Library()


def call(name: str, *arguments: Any) -> Any:
    """Calls a function that cannot fail."""
    return _library.function(name)(*arguments)


def _taken(error: Pointer) -> GradiendPatchError:
    def text(what: str) -> Optional[str]:
        value = call("error_" + what, error)
        return None if value is None else value.decode(errors="replace")

    try:
        return error_of_kind(
            text("kind") or "", text("message") or "", text("path"), text("tensor"), text("remedy")
        )
    finally:
        call("error_free", error)


def checked(name: str, *arguments: Any) -> Any:
    """Calls a function that stores an error last, and raises that."""
    error = Pointer()
    result = _library.function(name)(*arguments, ctypes.byref(error))
    if error.value is not None:
        raise _taken(error)
    return result


class _Cancellation:
    """What ends work early; it lives for as long as anybody has it."""

    def __init__(self) -> None:
        self.pointer = Pointer(call("cancellation_new"))

    def cancel(self) -> None:
        call("cancel", self.pointer)

    def __del__(self) -> None:
        call("cancellation_free", self.pointer)


_this_thread = threading.local()


def refuse_callbacks() -> None:
    """Refuses what a callback calls, where it would wait for the work that it is part of."""
    if getattr(_this_thread, "is_in_callback", False):
        raise UsageError("a callback cannot work on a model: that would wait for itself", "usage")


def _add_note(error: BaseException, failure: Optional[BaseException], completed: str) -> None:
    """Says what came of the work that an exception was to end."""
    if failure is None:
        note = completed
    elif getattr(failure, "kind", None) == "cancelled":
        note = "gradiend_patch was cancelled, and nothing was changed"
    else:
        note = str(failure)
    if hasattr(error, "add_note"):  # from Python 3.11 on
        error.add_note(note)


def work(
    name: str,
    *arguments: Any,
    threads: int = 0,
    progress: Optional[ProgressCallback] = None,
    completed: str = "the work is done nevertheless",
) -> Any:
    """Calls a function that takes options and stores an error, and which may take long.

    It runs on a thread of its own, so that an interrupt ends it: whatever is raised meanwhile cancels
    it, and is raised again once it has ended, with a note of what came of it.

    Args:
        name: The function.
        arguments: What it takes before the options.
        threads: How many threads work; 0 is one for each core.
        progress: Called with :class:`Progress`.
        completed: That note, if it had been too late to cancel.
    """
    if progress is not None and not callable(progress):
        raise UsageError("progress is a function here", "usage")
    if not 0 <= threads < 1 << 31:
        raise UsageError(f"there cannot be {threads} threads", "usage")
    if sys.is_finalizing():
        # No thread begins any more, and nobody interrupts.
        return checked(name, *arguments, None)
    cancellation = _Cancellation()
    interrupts: list[BaseException] = []
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def interrupt(error: BaseException) -> None:
        interrupts.append(error)
        cancellation.cancel()

    def report(_: Any, done: int, total: int) -> None:
        _this_thread.is_in_callback = True
        try:
            if progress is not None and not interrupts:
                progress(Progress(0, 0, done, total))
        except BaseException as error:
            interrupt(error)
        finally:
            _this_thread.is_in_callback = False

    function = _ProgressFunction(report) if progress is not None else _ProgressFunction()
    options = _Options(threads, cancellation.pointer, function, None)
    # The thread takes the claim before it begins, whoever is interrupted takes it so that it does not.
    claim, ended = threading.Lock(), threading.Lock()
    ended.acquire()

    def run() -> None:
        if not claim.acquire(blocking=False):
            return
        try:
            outcome.append(checked(name, *arguments, ctypes.byref(options)))
        except BaseException as error:
            failure.append(error)
        finally:
            ended.release()

    thread = threading.Thread(target=run, name="gradiend_patch", daemon=True)
    is_started = False
    while not outcome and not failure:
        try:
            if not is_started:
                is_started = True
                thread.start()
            ended.acquire()
        except BaseException as error:  # such as KeyboardInterrupt, in any of these lines
            if claim.acquire(blocking=False):
                raise
            interrupt(error)
    if interrupts:
        _add_note(interrupts[0], failure[0] if failure else None, completed)
        raise interrupts[0]
    if failure:
        raise failure[0]
    return outcome[0]


def path_bytes(path: StrPath) -> bytes:
    """A path as the library takes it, which ends at a zero."""
    name = os.fsencode(path)
    if b"\0" in name:
        raise ValueError("embedded null byte")
    return name


class Handle:
    """An object of the library, which is freed with this one."""

    def __init__(self, kind: str, *arguments: Any, function: str = "new") -> None:
        self._free = kind + "_free"
        self.pointer: Optional[Pointer] = None
        self.pointer = Pointer(checked(f"{kind}_{function}", *arguments))

    def __del__(self) -> None:
        if getattr(self, "pointer", None) is not None:
            call(self._free, self.pointer)
            self.pointer = None


def texts(name: str, *arguments: Any) -> Iterator[str]:
    """The texts that a function gives one by one."""
    index = 0
    while True:
        text = call(name, *arguments, index)
        if text is None:
            return
        yield text.decode()
        index += 1


