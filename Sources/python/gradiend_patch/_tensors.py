"""Arrays of other packages, as the library sees them: where they lie, and what they are.

None of these packages is imported here: who passes an array has its package already.
"""

from __future__ import annotations

import bisect
import ctypes
import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Optional

from ._errors import UsageError
from ._library import Device, MemoryTensor, Pointer, ReadFunction, Tensor, WriteFunction

#: What torch and numpy, with ml_dtypes, call the types that safetensors names so.
_TYPES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "uint16": "U16",
    "int16": "I16",
    "uint32": "U32",
    "int32": "I32",
    "uint64": "U64",
    "int64": "I64",
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float64": "F64",
    "complex64": "C64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
}
_NAMES = {name: dtype for dtype, name in _TYPES.items()}
_WORDS = {1: "uint8", 2: "int16", 4: "int32", 8: "int64"}


class Array:
    """A tensor of a model: what it is, and where its elements lie."""

    def __init__(
        self,
        name: str,
        value: Any,
        type: str,
        shape: tuple[int, ...],
        byte_count: int,
        address: int = 0,
        device: Optional[TorchDevice] = None,
        is_writable: bool = True,
    ) -> None:
        self.name = name
        self.value = value
        self.type = type
        self.shape = shape
        self.byte_count = byte_count
        self.address = address if device is None else device.address
        self.device = device
        self.place = "" if device is None else device.name
        self.is_writable = is_writable
        #: Keeps the memory, where ``value`` may let it go.
        self.memory: Any = None

    @property
    def identity(self) -> tuple[Any, ...]:
        """The same for as long as the tensor stays where and what it is."""
        return (self.name, self.type, self.shape, self.place, self.address)


def _refused(name: str, reason: str, remedy: Optional[str] = None) -> UsageError:
    return UsageError(f"tensor '{name}' {reason}", "usage", None, name, remedy)


# torch


def _is_torch(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_local(tensor: Any) -> bool:
    """Whether a tensor of torch lies in the memory of this process."""
    return bool(tensor.device.type == "cpu")


class TorchDevice:
    """Reads and writes a tensor of torch wherever it lies."""

    def __init__(self, tensor: Any) -> None:
        torch = sys.modules["torch"]
        flat = tensor.detach().view(-1)
        self._bytes = flat.view(torch.uint8)
        self._words = flat.view(getattr(torch, _WORDS[flat.element_size()]))
        self.address = flat.data_ptr()
        self.name = str(flat.device)
        #: What was raised in a callback, which cannot pass through the library.
        self.error: Optional[BaseException] = None
        self._structure = Device(None, ReadFunction(self._read), WriteFunction(self._write))

    @property
    def structure(self) -> Any:
        return ctypes.pointer(self._structure)

    def _read(self, _: Any, handle: int, offset: int, count: int, destination: int) -> bool:
        try:
            torch = sys.modules["torch"]
            host = torch.frombuffer((ctypes.c_uint8 * count).from_address(destination), dtype=torch.uint8)
            host.copy_(self._bytes[offset : offset + count])
            return True
        except BaseException as error:
            self.error = error
            return False

    def _write(self, _: Any, handle: int, count: int, indices: int, elements: int) -> bool:
        try:
            torch = sys.modules["torch"]
            width = self._words.element_size()
            places = torch.frombuffer((ctypes.c_int64 * count).from_address(indices), dtype=torch.int64)
            words = torch.frombuffer(
                (ctypes.c_uint8 * (count * width)).from_address(elements), dtype=torch.uint8
            ).view(self._words.dtype)
            device = self._words.device
            with torch.inference_mode(self._words.is_inference()), torch.no_grad():
                self._words.index_put_((places.to(device),), words.to(device))
            return True
        except BaseException as error:
            self.error = error
            return False


def _torch_array(name: str, tensor: Any) -> Array:
    torch = sys.modules["torch"]
    kinds = (torch.Tensor, torch.nn.Parameter, getattr(torch.nn, "Buffer", torch.nn.Parameter))
    if type(tensor) not in kinds:
        kind = f"{type(tensor).__module__}.{type(tensor).__qualname__}"
        raise _refused(name, f"is a {kind}: sharded, quantised or otherwise not a tensor of its own")
    if tensor.is_meta:
        raise _refused(name, "is on the meta device, and has no values", "load the model first")
    if tensor.layout != torch.strided or tensor.is_quantized:
        raise _refused(name, f"is {tensor.layout}, quantised or sparse: its elements lie nowhere as they are")
    if not tensor.is_contiguous():
        raise _refused(
            name, f"has strides {tuple(tensor.stride())}", "make it contiguous, with tensor.contiguous()"
        )
    dtype = str(tensor.dtype).removeprefix("torch.")
    if dtype not in _TYPES:
        raise _refused(name, f"is {dtype}, which safetensors does not know")
    if tensor.is_conj() or tensor.is_neg():
        raise _refused(name, "is a lazy view", "make it a tensor of its own, with tensor.resolve_conj()")
    count = tensor.numel() * tensor.element_size()
    if tensor.storage_offset() * tensor.element_size() + count > tensor.untyped_storage().nbytes():
        raise _refused(name, "goes on after the end of its storage, which somebody has cut")
    shape = tuple(tensor.shape)
    if is_local(tensor):
        array = Array(name, tensor, _TYPES[dtype], shape, count, tensor.data_ptr())
        # A parameter may get other memory meanwhile; this one stays for as long as it is written to.
        array.memory = tensor.untyped_storage()
        return array
    return Array(name, tensor, _TYPES[dtype], shape, count, device=TorchDevice(tensor))


def check_mapped(arrays: list[Array]) -> None:
    """Refuses memory that this process may not write to, such as a file that is mapped for reading.

    Arrays of torch do not tell; writing there would end the process.
    """
    try:
        with open("/proc/self/maps", "rb") as file:
            lines = [line.split(None, 2)[:2] for line in file]
    except OSError:
        return
    ranges = []
    for span, permissions in lines:
        start, end = (int(address, 16) for address in span.split(b"-"))
        if permissions[1:2] != b"w":
            ranges.append((start, end))
    starts = [start for start, _ in ranges]
    for array in arrays:
        if array.device is None and array.byte_count > 0:
            last = array.address + array.byte_count - 1
            at = bisect.bisect_right(starts, last) - 1
            if at >= 0 and ranges[at][1] > array.address:
                raise _refused(array.name, "lies in memory that may only be read", "pass a copy")


def note_writes(arrays: list[Array]) -> None:
    """Tells torch's autograd that tensors are written to, so that it refuses gradients of what was there."""
    for array in arrays:
        if _is_torch(array.value) and not array.value.is_inference():
            sys.modules["torch"].autograd.graph.increment_version(array.value)


def synchronize(arrays: list[Array]) -> None:
    """Waits for devices, as the model may be at work there in a stream that is not this thread's."""
    for device in {array.value.device for array in arrays if array.device is not None}:
        torch = sys.modules["torch"]
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        elif device.type != "cpu":
            torch.accelerator.synchronize(device)


# numpy


def _is_numpy(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    # The memory that a scalar of numpy tells of is gone when it has told.
    is_scalar = numpy is not None and isinstance(value, numpy.generic)
    return hasattr(value, "__array_interface__") and not is_scalar


def _numpy_array(name: str, array: Any) -> Array:
    interface = array.__array_interface__
    dtype = array.dtype.name
    if dtype not in _TYPES or interface["typestr"].startswith(">"):
        raise _refused(name, f"is {array.dtype.str} {dtype}, which safetensors does not know")
    if not array.flags.c_contiguous:
        raise _refused(
            name, f"has strides {array.strides}", "make it contiguous, with numpy.ascontiguousarray()"
        )
    address, is_read_only = interface["data"]
    return Array(name, array, _TYPES[dtype], tuple(array.shape), array.nbytes, address, None, not is_read_only)


# DLPack: https://dmlc.github.io/dlpack/latest/c_api.html


class _DLTensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class _DLVersioned(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("manager", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _DLTensor),
    ]


# Functions of our own: others set the types of those that all share.
_is_capsule = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_IsValid", ctypes.pythonapi)
)
_capsule_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)

_DLPACK_TYPES = {
    (0, 8): "I8",
    (0, 16): "I16",
    (0, 32): "I32",
    (0, 64): "I64",
    (1, 8): "U8",
    (1, 16): "U16",
    (1, 32): "U32",
    (1, 64): "U64",
    (2, 16): "F16",
    (2, 32): "F32",
    (2, 64): "F64",
    (4, 16): "BF16",
    (5, 64): "C64",
    (6, 8): "BOOL",
    (10, 8): "F8_E4M3",
    (11, 8): "F8_E4M3FNUZ",
    (12, 8): "F8_E5M2",
    (13, 8): "F8_E5M2FNUZ",
    (14, 8): "F8_E8M0",
}
_CPU = 1
_READ_ONLY = 1


def _dlpack_array(name: str, value: Any) -> Array:
    if value.__dlpack_device__()[0] != _CPU:
        raise _refused(name, "lies on a device that only tensors of torch are reached on")
    try:
        capsule = value.__dlpack__(max_version=(1, 0))
    except TypeError:  # from before versions
        capsule = value.__dlpack__()
    is_versioned = bool(_is_capsule(capsule, b"dltensor_versioned"))
    pointer = _capsule_pointer(capsule, b"dltensor_versioned" if is_versioned else b"dltensor")
    is_writable = True
    if is_versioned:
        versioned = _DLVersioned.from_address(pointer)
        tensor, is_writable = versioned.tensor, not versioned.flags & _READ_ONLY
    else:
        tensor = _DLTensor.from_address(pointer)
    kind = _DLPACK_TYPES.get((tensor.code, tensor.bits)) if tensor.lanes == 1 else None
    if kind is None:
        raise _refused(name, f"has DLPack type {tensor.code} of {tensor.bits} bits")
    shape = tuple(tensor.shape[axis] for axis in range(tensor.ndim))
    count = 1
    for axis in reversed(range(tensor.ndim)):
        if tensor.strides and 0 not in shape and shape[axis] != 1 and tensor.strides[axis] != count:
            raise _refused(name, "is not contiguous", "make it contiguous")
        count *= shape[axis]
    address = (tensor.data or 0) + tensor.byte_offset
    # The capsule keeps the memory.
    return Array(
        name, (value, capsule), kind, shape, count * tensor.bits // 8, address, None, is_writable
    )


# Models


#: What torch.compile, checkpointing and PEFT put between the parts of a name.
_WRAPPER = re.compile(r"(?<![^.])(?:_orig_mod|_checkpoint_wrapped_module|base_layer)\.")


def _named(model: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(model, Mapping):
        yield from model.items()
        return
    state = getattr(model, "state_dict", None)
    if state is None:
        raise UsageError(
            f"a model is a torch.nn.Module or a mapping of names to arrays, not {type(model).__name__}",
            "usage",
        )
    own = {id(tensor) for tensors in (model.parameters(), model.buffers()) for tensor in tensors}
    for name, value in state(keep_vars=True).items():
        if _is_torch(value) and id(value) not in own:
            raise _refused(name, "is a copy that state_dict() makes: what is written to it is lost")
        yield _WRAPPER.sub("", name), value


def _check_name(name: Any) -> None:
    if not isinstance(name, str):
        raise UsageError(f"names of tensors are strings, not {name!r}", "usage")
    if "\0" in name or any(0xD800 <= ord(character) < 0xE000 for character in name):
        raise _refused(name, "has a name that is no text")


def arrays(model: Any) -> list[Array]:
    """The tensors of a module, or of a mapping of names to arrays."""
    found = []
    for name, value in _named(model):
        _check_name(name)
        if _is_torch(value):
            found.append(_torch_array(name, value))
        elif _is_numpy(value):
            found.append(_numpy_array(name, value))
        elif hasattr(value, "__dlpack__"):
            found.append(_dlpack_array(name, value))
        elif isinstance(model, Mapping):
            raise _refused(name, f"is a {type(value).__name__}, not an array")
    return found


def model_type(model: Any) -> Optional[str]:
    """What the configuration of a model of transformers calls its family."""
    kind = getattr(getattr(model, "config", None), "model_type", None)
    return kind if isinstance(kind, str) else None


def structures(found: list[Array]) -> tuple[Any, list[Any]]:
    """What the library takes, and what has to live as long as that."""
    keep: list[Any] = []
    owners: dict[tuple[str, int], tuple[Any, int]] = {}
    result = (MemoryTensor * max(1, len(found)))()
    for index, array in enumerate(found):
        shape = (ctypes.c_uint64 * len(array.shape))(*array.shape)
        tensor = Tensor(array.name.encode(), array.type.encode(), shape, len(array.shape), array.byte_count)
        keep.append(shape)
        if array.device is None:
            result[index] = MemoryTensor(tensor, Pointer(array.address), None, index)
        else:
            # Tied tensors are one for the library if they have one device and handle.
            own = (array.device.structure, index)
            device, handle = owners.setdefault((array.place, array.address), own)
            keep.append(device)
            result[index] = MemoryTensor(tensor, None, device, handle)
    return result, keep


# New arrays


def framework_name(wanted: Optional[str]) -> str:
    """``torch`` if that is loaded, unless somebody wants another."""
    if wanted is None:
        return "torch" if "torch" in sys.modules else "numpy"
    if wanted not in ("torch", "numpy"):
        raise UsageError(f"arrays are those of torch or numpy, not of {wanted!r}", "usage")
    return wanted


def empty(framework: str, type: str, shape: tuple[int, ...], name: str) -> tuple[Any, int]:
    """A new array, and its address."""
    dtype = _NAMES.get(type)
    if dtype is None:
        raise _refused(name, f"is {type}, which no array has", "read the file itself")
    if framework == "torch":
        torch: Any = importlib.import_module("torch")
        # Whoever loads a model may have made another device the default.
        tensor = torch.empty(shape, dtype=getattr(torch, dtype), device="cpu")
        return tensor, tensor.data_ptr()
    numpy: Any = importlib.import_module("numpy")
    if not hasattr(numpy, dtype):
        try:
            array = numpy.empty(shape, dtype=getattr(importlib.import_module("ml_dtypes"), dtype))
        except ImportError:
            raise _refused(
                name,
                f"is {type}, which numpy does not know without ml_dtypes",
                "install ml_dtypes, or pass framework='torch'",
            ) from None
    else:
        array = numpy.empty(shape, dtype=getattr(numpy, dtype))
    return array, array.ctypes.data
