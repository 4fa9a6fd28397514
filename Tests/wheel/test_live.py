"""Models in the memory of this process: ``Patch``, ``Gradiend`` and ``diff`` of mappings.

Runs where only the wheel is installed, as test_wheel.py does. Arrays are those of a few lines below, which
have what numpy's have; tests with those of torch are in Tests/real.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import threading
import unittest
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Optional

import gradiend_patch
from gradiend_patch import Gradiend, MismatchError, Patch, Progress, UsageError

FIXTURES = Path(os.environ["FIXTURES"])
BASE = FIXTURES / "bases/llama-bf16"
GRADIEND = FIXTURES / "gradiends/llama-all-l1-id"
DTYPES = {"BF16": "bfloat16", "F32": "float32", "F16": "float16", "U8": "uint8"}


class Array:
    """What there is of an array of numpy without numpy."""

    def __init__(self, contents: bytes, type: str, shape: list[int], name: str = "") -> None:
        self.memory = (ctypes.c_uint8 * max(1, len(contents))).from_buffer_copy(contents or b"\0")
        self.type = type
        self.dtype = SimpleNamespace(name=DTYPES.get(type, type), str="<V2")
        self.shape = tuple(shape)
        self.nbytes = len(contents)
        self.flags = SimpleNamespace(c_contiguous=True)
        self.strides = ()
        self.is_read_only = False

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return {"data": (ctypes.addressof(self.memory), self.is_read_only), "typestr": self.dtype.str}

    def __bytes__(self) -> bytes:
        return bytes(self.memory)[: self.nbytes]


Model = dict[str, Array]


def load(folder: Path) -> Model:
    contents = (folder / "model.safetensors").read_bytes()
    length = int.from_bytes(contents[:8], "little")
    header = json.loads(contents[8 : 8 + length])
    data = contents[8 + length :]
    return {
        name: Array(data[slice(*entry["data_offsets"])], entry["dtype"], entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__"
    }


def values(model: Model) -> dict[str, bytes]:
    return {name: bytes(array) for name, array in model.items()}


def widened(model: Model) -> Model:
    """The same values in F32."""

    def wide(contents: bytes) -> bytes:
        return b"".join(b"\0\0" + contents[at : at + 2] for at in range(0, len(contents), 2))

    return {name: Array(wide(bytes(array)), "F32", list(array.shape)) for name, array in model.items()}


class LiveTests(unittest.TestCase):
    folder: Path
    patch: Patch
    base: dict[str, bytes]
    result: dict[str, bytes]

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        patch = cls.folder / "patch.safetensors"
        gradiend_patch.create(BASE, GRADIEND, patch, feature_factor=-1, learning_rate=0.01)
        gradiend_patch.apply(BASE, patch, cls.folder / "result")
        cls.patch = Patch(patch)
        cls.base = values(load(BASE))
        cls.result = values(load(cls.folder / "result"))

    def setUp(self) -> None:
        self.model = load(BASE)

    def assert_is(self, expected: dict[str, bytes], model: Optional[Model] = None) -> None:
        self.assertEqual(values(self.model if model is None else model), expected)

    # There and back

    def test_a_model_is_switched_there_and_back_as_its_files_are(self) -> None:
        for verify in (True, True, False, False):
            self.patch.apply_(self.model, verify=verify)
            self.assert_is(self.result)
            self.patch.strip_(self.model, verify=verify)
            self.assert_is(self.base)

    def test_a_model_that_is_there_already_is_left_alone(self) -> None:
        self.patch.strip_(self.model)
        self.assert_is(self.base)
        self.patch.apply_(self.model)
        self.patch.apply_(self.model)
        self.assert_is(self.result)

    def test_state_says_what_a_model_is_and_what_differs(self) -> None:
        self.assertEqual(self.patch.state(self.model).role, "base")
        self.patch.apply_(self.model)
        state = self.patch.state(self.model)
        self.assertEqual((state.role, state.differing_from_result), ("result", ()))
        self.assertGreater(len(state.differing_from_base), 0)
        name = state.differing_from_base[0]
        self.model[name].memory[0] ^= 1
        state = self.patch.state(self.model)
        self.assertIsNone(state.role)
        self.assertEqual(state.differing_from_result, (name,))

    def test_a_context_ends_with_the_base_whatever_is_raised_in_it(self) -> None:
        with self.patch.applied(self.model):
            self.assert_is(self.result)
        self.assert_is(self.base)
        with self.assertRaises(ZeroDivisionError), self.patch.applied(self.model):
            raise ZeroDivisionError
        self.assert_is(self.base)

    def test_a_wider_copy_is_switched_too(self) -> None:
        model = widened(self.model)
        self.patch.apply_(model)
        self.assert_is(values(widened(load(self.folder / "result"))), model)
        self.patch.strip_(model)
        self.assert_is(values(widened(load(BASE))), model)

    def test_a_model_that_was_loaded_again_is_looked_at_again(self) -> None:
        self.patch.apply_(self.model)
        for name, contents in self.base.items():
            ctypes.memmove(self.model[name].memory, contents, len(contents))
        self.patch.apply_(self.model)
        self.assert_is(self.result)

    # All or nothing

    def test_a_model_that_is_neither_is_refused_and_stays(self) -> None:
        name = sorted(self.model)[0]
        self.model[name].memory[0] ^= 1
        before = values(self.model)
        for move in (self.patch.apply_, self.patch.strip_):
            with self.assertRaises(MismatchError) as caught:
                move(self.model)
            self.assertEqual(caught.exception.tensor, name)
            self.assert_is(before)

    def test_what_progress_raises_leaves_the_model_as_it_was(self) -> None:
        def stop(progress: Progress) -> None:
            raise KeyError(progress.bytes)

        with self.assertRaises(KeyError):
            self.patch.apply_(self.model, progress=stop)
        self.assert_is(self.base)

    def test_a_callback_that_works_on_a_model_is_refused(self) -> None:
        def ask(progress: Progress) -> None:
            self.patch.state(self.model)

        with self.assertRaises(UsageError):
            self.patch.apply_(self.model, progress=ask)
        self.assert_is(self.base)

    def test_words_that_others_changed_are_noticed_without_a_full_check(self) -> None:
        self.patch.apply_(self.model)
        self.patch.strip_(self.model)
        for array in self.model.values():
            ctypes.memset(array.memory, 7, array.nbytes)
        before = values(self.model)
        with self.assertRaises(MismatchError):
            self.patch.apply_(self.model, verify=False)
        self.assert_is(before)

    def test_a_lock_is_held_while_the_model_is_written(self) -> None:
        lock = threading.Lock()
        with lock:
            thread = threading.Thread(target=self.patch.apply_, args=[self.model], kwargs={"lock": lock})
            thread.start()
            thread.join(0.2)
            self.assertTrue(thread.is_alive())
            self.assert_is(self.base)
        thread.join()
        self.assert_is(self.result)

    def test_a_candidate_whose_tensors_were_replaced_is_told_and_not_written_to(self) -> None:
        gradiend = Gradiend(BASE, GRADIEND)
        with self.assertRaises(gradiend_patch.DataError) as caught:
            with gradiend.applied(self.model, feature_factor=-1, learning_rate=0.01):
                kept = dict(self.model)
                for name, array in kept.items():
                    self.model[name] = Array(bytes(array), array.type, list(array.shape))
        self.assertEqual(caught.exception.kind, "unfinished")
        self.assert_is(self.result)
        self.assert_is(self.result, kept)

    def test_a_context_that_is_open_when_python_ends_does_not_hang(self) -> None:
        for context in ("patch.applied(model)", "gradiend.applied(model, feature_factor=1, learning_rate=0.1)"):
            script = f"""
                import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
                import test_live, gradiend_patch
                model = test_live.load(test_live.BASE)
                patch = gradiend_patch.Patch({str(self.folder / "patch.safetensors")!r})
                gradiend = gradiend_patch.Gradiend(test_live.BASE, test_live.GRADIEND)
                context = {context}
                context.__enter__()
            """
            run = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], timeout=60)
            self.assertEqual(run.returncode, 0)

    # What is refused

    def test_memory_that_may_only_be_read_is_refused(self) -> None:
        name = max(self.model, key=lambda name: self.model[name].nbytes)
        array = self.model[name]
        with tempfile.TemporaryFile() as file:
            file.write(bytes(array))
            file.flush()
            libc = ctypes.CDLL(None)
            libc.mmap.restype = ctypes.c_void_p
            libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
            address = libc.mmap(None, array.nbytes, 1, 2, file.fileno(), 0)
            array.memory = (ctypes.c_uint8 * array.nbytes).from_address(address)
            with self.assertRaises(UsageError) as caught:
                self.patch.apply_(self.model)
            self.assertEqual(caught.exception.tensor, name)

    def test_names_that_are_no_text_are_refused(self) -> None:
        for name in (3, "a\0b", "\udc80"):
            with self.assertRaises(UsageError):
                self.patch.state({name: next(iter(self.model.values()))})

    def test_tensors_that_cannot_be_patched_are_refused_by_name(self) -> None:
        name = sorted(self.model)[0]
        for attribute, value, reason in [
            ("is_read_only", True, "read-only"),
            ("flags", SimpleNamespace(c_contiguous=False), "contiguous"),
            ("dtype", SimpleNamespace(name="datetime64", str="<M8"), "datetime64"),
        ]:
            model = load(BASE)
            setattr(model[name], attribute, value)
            with self.assertRaises(UsageError) as caught:
                self.patch.apply_(model)
            self.assertEqual(caught.exception.tensor, name)
            self.assertIn(reason, str(caught.exception))

    def test_a_model_without_a_tensor_that_changes_is_refused_unless_asked(self) -> None:
        changed = sorted(self.patch.state(self.model).differing_from_result)
        missing = self.model.pop(changed[0])
        with self.assertRaises(MismatchError) as caught:
            self.patch.apply_(self.model)
        self.assertEqual(caught.exception.tensor, changed[0])
        self.assertEqual(self.patch.state(self.model).missing, (changed[0],))
        self.patch.apply_(self.model, strict=False)
        self.model[changed[0]] = missing
        state = self.patch.state(self.model)
        self.assertEqual(state.differing_from_result, (changed[0],))

    def test_what_is_no_model_is_refused(self) -> None:
        for model in (3, [1, 2], {"a": 3}):
            with self.assertRaises(UsageError):
                self.patch.apply_(model)
        with self.assertRaises(gradiend_patch.OpenError):
            Patch(self.folder / "none")
        with self.assertRaises(gradiend_patch.DataError):
            Patch(BASE / "config.json")
        with self.assertRaises(ValueError):
            Patch("a\0b")

    # Arrays without files

    def test_the_patch_between_two_mappings_needs_no_files(self) -> None:
        contents = gradiend_patch.diff(load(BASE), load(self.folder / "result"))
        path = self.folder / "made"
        path.write_bytes(contents)
        Patch.from_bytes(contents).apply_(self.model)
        self.assert_is(self.result)
        gradiend_patch.apply(BASE, path, self.folder / "made-result")
        self.assert_is(self.result, load(self.folder / "made-result"))
        with self.assertRaises(UsageError):
            gradiend_patch.diff(load(BASE), load(BASE), force=True)  # type: ignore[call-overload]
        other = load(BASE)
        name, array = other.popitem()
        with self.assertRaises(gradiend_patch.DataError) as caught:
            gradiend_patch.diff(load(BASE), other)
        self.assertEqual(caught.exception.tensor, name)

    # GRADIENDs

    def test_a_candidate_has_the_bits_of_create_and_leaves_those_of_the_base(self) -> None:
        gradiend = Gradiend(BASE, GRADIEND)
        for _ in range(3):
            with gradiend.applied(self.model, feature_factor=-1, learning_rate=0.01):
                self.assert_is(self.result)
            self.assert_is(self.base)
        with self.assertRaises(ZeroDivisionError):
            with gradiend.applied(self.model, feature_factor=[1.0], learning_rate=100):
                self.assertNotEqual(values(self.model), self.base)
                raise ZeroDivisionError
        self.assert_is(self.base)

    def test_a_candidate_of_another_model_or_without_sense_is_refused(self) -> None:
        gradiend = Gradiend(BASE, GRADIEND)
        for factors, rate in [([1.0, 2.0], 0.1), (None, 0.1), (1, float("nan"))]:
            with self.assertRaises(UsageError):
                with gradiend.applied(self.model, feature_factor=factors, learning_rate=rate):
                    self.fail("this has no sense")
            self.assert_is(self.base)
        self.patch.apply_(self.model)
        with self.assertRaises(MismatchError):
            with gradiend.applied(self.model, feature_factor=1, learning_rate=0.1):
                self.fail("this is not the base")
        self.assert_is(self.result)
        with self.assertRaises(gradiend_patch.DataError):
            Gradiend(GRADIEND, BASE)


if __name__ == "__main__":
    unittest.main()
