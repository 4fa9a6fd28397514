"""Patches and GRADIENDs on models in the memory of this process."""

from __future__ import annotations

import contextlib
import ctypes
import os
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Optional, SupportsFloat

from . import _library, _tensors
from ._errors import DataError, GradiendPatchError, MismatchError, UsageError
from ._numbers import Factors, Part, number_list
from ._process import ProgressCallback, StrPath
from ._reports import Role

Framework = Literal["torch", "numpy"]
#: Anything that ``with`` takes, as a ``threading.Lock``.
Lock = AbstractContextManager[Any]


@dataclass(frozen=True)
class LiveState:
    """What a model in memory is to a patch."""

    #: ``base``, ``result``, or None if it is neither.
    role: Optional[Role]
    #: Tensors that are not the base's, by their names in the patch.
    differing_from_base: tuple[str, ...]
    #: Tensors that are not the result's.
    differing_from_result: tuple[str, ...]
    #: Tensors of the base that the model lacks.
    missing: tuple[str, ...]
    #: Tensors of the model that the base does not know, and that stay as they are.
    unknown: tuple[str, ...]


class Changes(NamedTuple):
    """Elements of a tensor that a patch changes."""

    #: Positions in the tensor made flat, ascending.
    indices: Any
    #: What the base has there.
    base: Any
    #: What the result has there.
    result: Any


class _Model:
    """The tensors of a model, which stay where they are for as long as this object lives."""

    def __init__(self, arrays: list[_tensors.Array], model_type: Optional[str]) -> None:
        self.arrays = arrays
        #: Whether the system was asked already if they may be written to.
        self._is_mapped = False
        structures, self._keep = _tensors.structures(arrays)
        self.handle = _library.Handle(
            "model", structures, len(arrays), None if model_type is None else model_type.encode()
        )

    def is_still(self, model: Any) -> bool:
        """Whether the tensors of a model are where they were."""
        now = [array.identity for array in _tensors.arrays(model)]
        return now == [array.identity for array in self.arrays]

    def check_writable(self) -> None:
        """Refuses what is read-only, by what arrays say or the system."""
        for array in self.arrays:
            if not array.is_writable:
                raise UsageError(
                    f"tensor '{array.name}' is read-only", "usage", None, array.name, "pass a copy"
                )
        if not self._is_mapped:
            _tensors.check_mapped(self.arrays)
            self._is_mapped = True

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Raises what a device raised as the cause of the error that came of it."""
        for array in self.arrays:
            if array.device is not None:
                array.device.error = None
        _tensors.synchronize(self.arrays)
        try:
            yield
        except Exception as error:
            for array in self.arrays:
                if array.device is not None and array.device.error is not None:
                    cause, array.device.error = array.device.error, None
                    raise error from cause
            raise

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Does what has to be done where others see the tensors change, too."""
        self.check_writable()
        # Before it is so, as an interrupt may come right after it.
        _tensors.note_writes(self.arrays)
        try:
            with self.reading():
                yield
        finally:
            _tensors.synchronize(self.arrays)


class _Bound:
    """What the library knows of one model, found again for as long as its tensors stay where they are."""

    def __init__(self) -> None:
        #: At most one: what tells the model, its tensors, and the object of the library.
        self._known: list[tuple[Any, _Model, _library.Handle]] = []
        self._owner: Any = None
        self.is_new = False

    def get(self, model: Any, bind: Callable[[_Model], _library.Handle]) -> tuple[_Model, _library.Handle]:
        arrays = _tensors.arrays(model)
        kind = _tensors.model_type(model)
        identity = (kind, tuple(array.identity for array in arrays))
        known = self._known
        self.is_new = not known or known[0][0] != identity
        if self.is_new:
            self.forget()
            found = _Model(arrays, kind)
            known.append((identity, found, bind(found)))
            # A model that nobody else has any longer is not kept. Of a dictionary that cannot be known.
            with contextlib.suppress(TypeError):
                self._owner = weakref.ref(model, lambda _: known.clear())
        _, found, live = known[0]
        return found, live

    def forget(self) -> None:
        self._known.clear()
        self._owner = None


def _held(lock: Optional[Lock]) -> Lock:
    _library.refuse_callbacks()
    return contextlib.nullcontext() if lock is None else lock


@contextlib.contextmanager
def _between(enter: Callable[[], None], leave: Callable[[], None]) -> Iterator[None]:
    """Leaves what is entered however the context ends, even if an interrupt comes meanwhile."""

    def surely_leave() -> None:
        try:
            leave()
        except GradiendPatchError:
            raise
        except BaseException:
            leave()
            raise

    try:
        enter()
    except GradiendPatchError:  # The model is as it was.
        raise
    except BaseException:  # This may have come when all was done.
        surely_leave()
        raise
    try:
        yield
    finally:
        surely_leave()


class Patch:
    """A patch, opened once, for models in memory.

    A model is a ``torch.nn.Module``, or a mapping of names to arrays: tensors of torch, arrays of numpy,
    or whatever has ``__dlpack__``. Names are those of the model's modules or those of its files. Types
    may be others than the base's if they hold its values, as F32 those of BF16.

    A model is always wholly base or wholly result: all of it is checked before the first write, and what
    fails or is interrupted after that is undone. Nobody may use the model while it is written to; where
    another thread might, hold the same ``lock`` there.

    What was found out of a model makes the next change fast. A mapping's arrays are kept for that until
    the patch meets another model; a module is not.
    """

    def __init__(self, path: StrPath) -> None:
        """Opens a patch.

        Args:
            path: The patch, the folder of its package, or a name on the Hub of what the local cache has.
        """
        self._patch = _library.Handle("patch", _library.path_bytes(path), function="open")
        self._bound = _Bound()
        # Again for who comes from a signal handler of the same thread.
        self._one_at_a_time = threading.RLock()

    @classmethod
    def from_bytes(cls, contents: bytes) -> Patch:
        """Opens a patch that is in memory, as ``diff`` of two mappings returns it.

        Args:
            contents: All bytes of the patch.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "patch.safetensors")
            with open(path, "wb") as file:
                file.write(contents)
            # The library reads all of it at once.
            return cls(path)

    # What it holds

    @property
    def tensors(self) -> Mapping[str, tuple[str, tuple[int, ...]]]:
        """Type and shape of each tensor of the base."""
        return {tensor.name: (tensor.type, tensor.shape) for _, tensor, _ in self._entries()}

    def _entries(self) -> Iterator[tuple[int, _library.Described, int]]:
        """Number, description and count of changes of each tensor."""
        tensor, changed = _library.Tensor(), ctypes.c_uint64()
        for index in range(_library.call("patch_tensor_count", self._patch.pointer)):
            _library.call(
                "patch_tensor", self._patch.pointer, index, ctypes.byref(tensor), ctypes.byref(changed)
            )
            yield index, _library.described(tensor), changed.value

    # Models

    def _bind(self, model: Any, strict: bool) -> tuple[_Model, _library.Handle]:
        bound, live = self._bound.get(
            model,
            lambda bound: _library.Handle("live", self._patch.pointer, bound.handle.pointer),
        )
        if strict:
            _library.checked("live_check_complete", live.pointer)
        return bound, live

    def state(self, model: Any, *, threads: int = 0) -> LiveState:
        """Reads a model and says what it is.

        Args:
            model: The model.
            threads: How many threads work; 0 is one for each core.
        """
        with _held(None), self._one_at_a_time:
            bound, live = self._bind(model, False)
            with bound.reading():
                verdict = _library.Pointer(_library.work("live_verdict", live.pointer, threads=threads))
        try:
            roles: dict[int, Role] = {1: "base", 2: "result"}
            return LiveState(
                roles.get(_library.call("verdict_role", verdict)),
                tuple(_library.texts("verdict_differing", verdict, _library.ROLES["base"])),
                tuple(_library.texts("verdict_differing", verdict, _library.ROLES["result"])),
                tuple(_library.texts("live_missing", live.pointer)),
                tuple(_library.texts("live_unknown", live.pointer)),
            )
        finally:
            _library.call("verdict_free", verdict)

    def apply_(
        self,
        model: Any,
        *,
        verify: bool = True,
        strict: bool = True,
        lock: Optional[Lock] = None,
        threads: int = 0,
        progress: Optional[ProgressCallback] = None,
    ) -> None:
        """Makes a model the patch's result, in place. One that is that already is left alone.

        Args:
            model: The model, which is the base.
            verify: Compare all of it with the patch's digests before and after. Without, only the elements
                that change are looked at, if it was verified before.
            strict: The model must have all tensors that the patch changes.
            lock: Held meanwhile.
            threads: How many threads work; 0 is one for each core.
            progress: Called with :class:`Progress` while the model is read for the first time. What it
                raises ends the work; the model is then as it was.
        """
        self._move(model, "result", verify, strict, lock, threads, progress)

    def strip_(
        self,
        model: Any,
        *,
        verify: bool = True,
        strict: bool = True,
        lock: Optional[Lock] = None,
        threads: int = 0,
        progress: Optional[ProgressCallback] = None,
    ) -> None:
        """Makes a model the patch's base, in place: the inverse of ``apply_``.

        Args:
            model: The model, which is the result.
            verify: As for ``apply_``.
            strict: The model must have all tensors that the patch changes.
            lock: Held meanwhile.
            threads: How many threads work; 0 is one for each core.
            progress: As for ``apply_``.
        """
        self._move(model, "base", verify, strict, lock, threads, progress)

    def applied(
        self,
        model: Any,
        *,
        verify: bool = True,
        strict: bool = True,
        lock: Optional[Lock] = None,
        threads: int = 0,
    ) -> AbstractContextManager[None]:
        """The patch's result while the context lasts, and the base again after it.

        Args:
            model: The model, which is the base.
            verify: As for ``apply_``.
            strict: As for ``apply_``.
            lock: Held while the model is changed, not in between.
            threads: How many threads work; 0 is one for each core.
        """

        def move(role: Role) -> None:
            self._move(model, role, verify, strict, lock, threads, None)

        return _between(lambda: move("result"), lambda: move("base"))

    def _move(
        self,
        model: Any,
        role: Role,
        verify: bool,
        strict: bool,
        lock: Optional[Lock],
        threads: int,
        progress: Optional[ProgressCallback],
    ) -> None:
        with _held(lock), self._one_at_a_time:
            while True:
                bound, live = self._bind(model, strict)
                was_new = self._bound.is_new
                try:
                    with bound.writing():
                        _library.work(
                            "live_move",
                            live.pointer,
                            _library.ROLES[role],
                            verify,
                            threads=threads,
                            progress=progress,
                            completed=f"the model is the {role}",
                        )
                    return
                except MismatchError:
                    # What was known of the model is no longer so, perhaps because it was loaded again.
                    self._bound.forget()
                    if was_new:
                        raise

    # Files

    def results(
        self, base: StrPath, *, framework: Optional[Framework] = None, threads: int = 0
    ) -> Iterator[tuple[str, Any]]:
        """The tensors of the result, computed one by one from the base's files.

        Each is checked. Names are those of the files, as ``load_weights`` of vLLM and others take them.

        Args:
            base: The base's files.
            framework: Whose arrays: of torch if that is imported already, else of numpy.
            threads: How many threads work; 0 is one for each core.
        """
        reader = self._reader(base)
        name_of_framework = _tensors.framework_name(framework)
        for index, tensor, _ in self._entries():
            array, address = _tensors.empty(name_of_framework, tensor.type, tensor.shape, tensor.name)
            _read(reader, index, "result", address, tensor.byte_count, threads)
            yield tensor.name, array

    def changes(
        self, base: StrPath, *, framework: Optional[Framework] = None, threads: int = 0
    ) -> Mapping[str, Changes]:
        """The elements that the patch changes, by the names of their tensors.

        Each tensor's are computed when they are asked for.

        Args:
            base: The base's files.
            framework: Whose arrays: of torch if that is imported already, else of numpy.
            threads: How many threads work; 0 is one for each core.
        """
        return _ChangesByName(self, self._reader(base), _tensors.framework_name(framework), threads)

    def _reader(self, base: StrPath) -> _library.Handle:
        return _library.Handle("reader", self._patch.pointer, _library.path_bytes(base), function="open")


def _read(
    reader: _library.Handle, index: int, role: Role, address: int, byte_count: int, threads: int
) -> None:
    """Puts a tensor, as it is in a role, to an address."""
    _library.work(
        "reader_read",
        reader.pointer,
        index,
        _library.ROLES[role],
        _library.Pointer(address),
        byte_count,
        threads=threads,
    )


class _ChangesByName(Mapping[str, Changes]):
    def __init__(
        self, patch: Patch, reader: _library.Handle, framework: str, threads: int
    ) -> None:
        self._patch, self._reader, self._framework, self._threads = patch, reader, framework, threads
        self._entries = {
            tensor.name: (index, tensor) for index, tensor, count in patch._entries() if count > 0
        }

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __getitem__(self, name: str) -> Changes:
        index, tensor = self._entries[name]
        memory = (ctypes.c_uint8 * tensor.byte_count)()
        _read(self._reader, index, "base", ctypes.addressof(memory), tensor.byte_count, self._threads)
        found = _library.work(
            "patch_changes",
            self._patch._patch.pointer,
            index,
            _library.ROLES["base"],
            memory,
            tensor.byte_count,
            threads=self._threads,
        )
        try:
            changes = found.contents
            count, width = changes.count, changes.element_byte_count

            def copy(type: str, source: int, size: int) -> Any:
                array, address = _tensors.empty(self._framework, type, (count,), name)
                ctypes.memmove(address, source, size)
                return array

            return Changes(
                copy("I64", changes.indices, 8 * count),
                copy(tensor.type, changes.base, width * count),
                copy(tensor.type, changes.result, width * count),
            )
        finally:
            _library.call("changes_free", found)


class Gradiend:
    """A base's files and a GRADIEND for it, to try candidates on a model in memory."""

    def __init__(self, base: StrPath, gradiend: StrPath) -> None:
        """Opens both, as ``create`` does.

        Args:
            base: The base model's files, which must not change meanwhile: they give the base back.
            gradiend: Folder of the GRADIEND checkpoint.
        """
        self._gradiend = _library.Handle(
            "gradiend", _library.path_bytes(base), _library.path_bytes(gradiend), function="open"
        )
        self._bound = _Bound()
        self._entered: set[_library.Handle] = set()
        # Again for who comes from a signal handler of the same thread.
        self._one_at_a_time = threading.RLock()

    def applied(
        self,
        model: Any,
        *,
        feature_factor: Optional[Factors] = None,
        learning_rate: SupportsFloat,
        part: Part = "decoder",
        lock: Optional[Lock] = None,
        threads: int = 0,
        progress: Optional[ProgressCallback] = None,
    ) -> AbstractContextManager[None]:
        """The model with the GRADIEND added while the context lasts, and the base's bits after it.

        These are the bits that ``create`` puts into a patch. No copy of the model is made.

        Args:
            model: The model, which is the base.
            feature_factor: h, a number for each latent.
            learning_rate: α.
            part: What is added.
            lock: Held while the model is changed, not in between.
            threads: How many threads work; 0 is one for each core.
            progress: Called with :class:`Progress` while the candidate is computed.
        """
        candidate = _candidate(feature_factor, learning_rate, part)
        entered: list[tuple[_Model, _library.Handle]] = []

        def move(bound: _Model, trial: _library.Handle, candidate: Any, name: str) -> None:
            with bound.writing():
                _library.work(
                    "trial_move",
                    trial.pointer,
                    candidate,
                    threads=threads,
                    progress=None if candidate is None else progress,
                    completed=f"the model is the {name}",
                )

        def enter() -> None:
            with _held(lock), self._one_at_a_time:
                bound, trial = self._bound.get(
                    model,
                    lambda bound: _library.Handle("trial", self._gradiend.pointer, bound.handle.pointer),
                )
                if trial in self._entered:
                    raise UsageError("the model has a candidate already", "usage", remedy="leave that first")
                entered.append((bound, trial))
                self._entered.add(trial)
                try:
                    move(bound, trial, candidate, "candidate")
                except GradiendPatchError as error:
                    self._entered.discard(trial)
                    if isinstance(error, MismatchError):
                        self._bound.forget()
                    raise

        def leave() -> None:
            with _held(lock), self._one_at_a_time:
                for bound, trial in entered:
                    if not bound.is_still(model):
                        self._entered.discard(trial)
                        entered.clear()
                        raise DataError(
                            "the model's tensors were replaced while it was a candidate, and stay what they are",
                            "unfinished",
                            remedy="load the model again",
                        )
                    move(bound, trial, None, "base")
                    self._entered.discard(trial)
                entered.clear()

        return _between(enter, leave)

    def results(
        self,
        *,
        feature_factor: Optional[Factors] = None,
        learning_rate: SupportsFloat,
        part: Part = "decoder",
        framework: Optional[Framework] = None,
        threads: int = 0,
    ) -> Iterator[tuple[str, Any]]:
        """The tensors of a candidate, computed one by one from the base's files.

        Args:
            feature_factor: h, a number for each latent.
            learning_rate: α.
            part: What is added.
            framework: Whose arrays: of torch if that is imported already, else of numpy.
            threads: How many threads work; 0 is one for each core.
        """
        candidate = _candidate(feature_factor, learning_rate, part)
        name_of_framework = _tensors.framework_name(framework)
        tensor, changed = _library.Tensor(), ctypes.c_bool()
        for index in range(_library.call("gradiend_tensor_count", self._gradiend.pointer)):
            _library.call(
                "gradiend_tensor",
                self._gradiend.pointer,
                index,
                ctypes.byref(tensor),
                ctypes.byref(changed),
            )
            name, type, shape, byte_count = _library.described(tensor)
            array, address = _tensors.empty(name_of_framework, type, shape, name)
            _library.work(
                "gradiend_result",
                self._gradiend.pointer,
                candidate,
                index,
                _library.Pointer(address),
                byte_count,
                threads=threads,
            )
            yield name, array


def _candidate(feature_factor: Optional[Factors], learning_rate: SupportsFloat, part: Part) -> Any:
    factors = [] if feature_factor is None else number_list(feature_factor)
    values = (ctypes.c_float * len(factors))(*factors)
    candidate = _library.Candidate(values, len(factors), float(learning_rate), part.encode())
    return ctypes.pointer(candidate)


def diff_arrays(
    base: Any, result: Any, *, threads: int = 0, progress: Optional[ProgressCallback] = None
) -> bytes:
    """The bytes of the patch between two models in memory."""
    models = [_Model(_tensors.arrays(model), None) for model in (base, result)]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "patch")
        with models[0].reading(), models[1].reading():
            _library.work(
                "diff",
                models[0].handle.pointer,
                models[1].handle.pointer,
                _library.path_bytes(path),
                threads=threads,
                progress=progress,
            )
        with open(path, "rb") as file:
            return file.read()
