"""Commands in shares, on the workers of executors: against one process, and what happens when workers fail.

Runs where only the wheel is installed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import unittest
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Optional

import gradiend_patch
from gradiend_patch import Progress

SHARDS = 5
WHO: dict[str, Any] = {"feature_factor": -1, "learning_rate": 0.01}


def write_tensors(path: Path, tensors: dict[str, tuple[list[int], bytes]], kind: str = "BF16") -> None:
    header, end = {}, 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [end, end + len(data)]}
        end += len(data)
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, data in tensors.values():
            file.write(data)


def write_model(folder: Path, rows: int, columns: int = 1024) -> None:
    """A base of a tensor a shard, and a GRADIEND that changes all but the last."""
    (folder / "base").mkdir()
    (folder / "gradiend").mkdir()
    places = {}
    count = rows * columns
    numbers = b"".join(bytes([low, 0x3C]) for low in range(256)) * (count // 256)
    for number in range(SHARDS):
        places[f"layers.{number}"] = name = f"model-{number + 1:05}-of-{SHARDS:05}.safetensors"
        write_tensors(folder / "base" / name, {f"layers.{number}": ([rows, columns], numbers)})
    index = {"metadata": {}, "weight_map": places}
    (folder / "base/model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "base/config.json").write_text("{}")
    changed = list(places)[:-1]
    total = count * len(changed)
    config = {
        "format_version": 0,
        "architecture": {"input_dim": total, "latent_dim": 1, "bias_decoder": False},
        "mapping": {
            "param_map": [{"name": name, "shape": [rows, columns], "repr": "all"} for name in changed]
        },
    }
    (folder / "gradiend/config.json").write_text(json.dumps(config))
    vectors = {
        f"{part}.0.linear.weight": (shape, numbers * len(changed))
        for part, shape in (("encoder", [1, total]), ("decoder", [total, 1]))
    }
    write_tensors(folder / "gradiend/model.safetensors", vectors)


def contents(path: str) -> dict[str, bytes]:
    files = sorted(file for file in Path(path).rglob("*") if file.is_file())
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


class Wrapped(Executor):
    """An executor that has something done at each call."""

    def __init__(self, inner: Executor, before: Callable[[int, Callable[..., Any]], Callable[..., Any]]) -> None:
        self.inner, self.before, self.calls = inner, before, 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.calls += 1
        return self.inner.submit(self.before(self.calls, fn), *args, **kwargs)


class ShareTestCase(unittest.TestCase):
    """Has a model, and what one process makes of it."""

    rows = 512

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)
        write_model(Path(), self.rows)
        self.whole = gradiend_patch.create("base", "gradiend", "whole", **WHO)
        gradiend_patch.apply("base", "whole", "result")
        self.names = set(os.listdir())

    def left(self) -> set[str]:
        return set(os.listdir()) - self.names

    def check(self, executor: Executor, shares: Optional[int] = None) -> None:
        """Every command, against one process."""
        how: dict[str, Any] = {"executor": executor, "shares": shares, "threads": 1}
        made = gradiend_patch.create("base", "gradiend", "made", **WHO, **how)
        self.assertEqual(Path("made").read_bytes(), Path("whole").read_bytes())
        self.assertEqual(made.json, {**self.whole.json, "patch": "made"})
        gradiend_patch.diff("base", "result", "compared", executor=executor, shares=shares)
        gradiend_patch.diff("base", "result", "compared-whole")
        self.assertEqual(Path("compared").read_bytes(), Path("compared-whole").read_bytes())
        applied = gradiend_patch.apply("base", "made", "applied", **how)
        self.assertEqual(contents("applied"), contents("result"))
        self.assertEqual((applied.output, applied.is_, applied.share), ("applied", "result", None))
        gradiend_patch.strip("applied", "made", "stripped", **how)
        self.assertEqual(contents("stripped"), contents("base"))
        for model in ("base", "applied"):
            alone = gradiend_patch.verify(model, "made", sha256=True)
            found = gradiend_patch.verify(model, "made", sha256=True, **how)
            self.assertEqual((found.json, bool(found)), (alone.json, True), model)
            other: gradiend_patch.Role = "base" if model == "applied" else "result"
            self.assertFalse(gradiend_patch.verify(model, "made", expect=other, **how))
        self.assertEqual(self.left(), {"made", "compared", "compared-whole", "applied", "stripped"})


class ShareTests(ShareTestCase):
    def test_processes_make_what_one_process_makes(self) -> None:
        with ProcessPoolExecutor(2) as executor:
            self.check(executor)

    def test_any_number_of_shares_makes_the_same(self) -> None:
        with ThreadPoolExecutor(2) as executor:
            for shares in (1, 2, 7):
                gradiend_patch.create("base", "gradiend", "made", **WHO, executor=executor, shares=shares, force=True)
                self.assertEqual(Path("made").read_bytes(), Path("whole").read_bytes())
        self.assertEqual(self.left(), {"made"})

    def test_a_mixture_of_base_and_result_is_neither(self) -> None:
        for name in ("model-00001-of-00005.safetensors", "model-00003-of-00005.safetensors"):
            Path("result", name).unlink()
            Path("result", name).write_bytes(Path("base", name).read_bytes())
        with ThreadPoolExecutor(2) as executor:
            found = gradiend_patch.verify("result", "whole", executor=executor)
        self.assertFalse(found)
        self.assertIsNone(found.is_)
        self.assertEqual(found.json, gradiend_patch.verify("result", "whole").json)

    def test_progress_is_told_as_shares_are_done(self) -> None:
        found: list[Progress] = []
        with ThreadPoolExecutor(1) as executor:
            gradiend_patch.create("base", "gradiend", "made", **WHO, executor=executor, progress=found.append)
        self.assertEqual([p.tensors_done for p in found], list(range(1, SHARDS + 1)))
        self.assertEqual(found[-1].bytes_done, found[-1].bytes)
        self.assertEqual(found[-1].tensors, SHARDS)

    def test_a_share_that_fails_part_way_is_tried_again(self) -> None:
        def fail_at_first(call: int, function: Callable[..., Any]) -> Callable[..., Any]:
            def fail(*arguments: Any) -> Any:
                raise gradiend_patch.InputOutputError("no space") if call == 2 else gradiend_patch.SignalError("killed")

            return fail if call in (2, 4) else function

        with ThreadPoolExecutor(2) as threads:
            executor = Wrapped(threads, fail_at_first)
            gradiend_patch.create("base", "gradiend", "made", **WHO, executor=executor)
            self.assertEqual(executor.calls, SHARDS + 2)
            self.assertEqual(Path("made").read_bytes(), Path("whole").read_bytes())

            always = Wrapped(threads, lambda call, function: fail_at_first(2, function))
            with self.assertRaises(gradiend_patch.InputOutputError):
                gradiend_patch.create("base", "gradiend", "other", **WHO, executor=always, shares=1)
            self.assertEqual(always.calls, 3)
        self.assertEqual(self.left(), {"made"})

    def test_what_would_fail_again_ends_the_work_and_names_the_file(self) -> None:
        damaged = Path("base/model-00002-of-00005.safetensors")
        data = bytearray(damaged.read_bytes())
        data[-1] ^= 1
        damaged.write_bytes(data)
        with ProcessPoolExecutor(2) as executor:
            with self.assertRaises(gradiend_patch.MismatchError) as caught:
                gradiend_patch.apply("base", "whole", "out", executor=executor)
        self.assertEqual(caught.exception.path, "base")
        self.assertEqual(caught.exception.tensor, "layers.1")
        self.assertEqual(self.left(), {"out.shares"})

    def test_a_pool_that_loses_a_process_is_an_error_and_another_goes_on(self) -> None:
        with ProcessPoolExecutor(2) as executor:
            killing = Wrapped(executor, lambda call, function: die if call == 3 else function)
            with self.assertRaises(BrokenProcessPool):
                gradiend_patch.create("base", "gradiend", "made", **WHO, executor=killing)
        self.assertFalse(Path("made").exists())
        with ProcessPoolExecutor(2) as executor:
            gradiend_patch.create("base", "gradiend", "made", **WHO, executor=executor)
        self.assertEqual(Path("made").read_bytes(), Path("whole").read_bytes())
        self.assertEqual(self.left(), {"made"})

    def test_wrong_calls_are_usage_errors(self) -> None:
        with ThreadPoolExecutor(1) as executor:
            wrong_calls: tuple[Callable[[], object], ...] = (
                lambda: gradiend_patch.apply("base", "whole", "out", executor=executor, share=(1, 2)),
                lambda: gradiend_patch.apply("base", "whole", "out", executor=executor, finish=True),
                lambda: gradiend_patch.apply("base", "whole", in_place=True, executor=executor),
                lambda: gradiend_patch.apply("base", "whole", "out", undo="undo", executor=executor),
                lambda: gradiend_patch.apply("base", "whole", "out", shares=2),
                lambda: gradiend_patch.verify("base", "whole", executor=executor, trace=True),
                lambda: gradiend_patch.create("base", "gradiend", "out", **WHO, executor=executor, shares=0),
                lambda: gradiend_patch.create("whole", "gradiend", "out", **WHO, executor=executor),
            )
            for wrong in wrong_calls:
                with self.assertRaises(gradiend_patch.UsageError):
                    wrong()
            with self.assertRaises(gradiend_patch.CreateError) as caught:
                gradiend_patch.create("base", "gradiend", "whole", **WHO, executor=executor)
            self.assertEqual(caught.exception.remedy, "pass force=True to replace it")
        self.assertEqual(self.left(), set())

    def test_an_interrupt_leaves_nothing_but_pieces(self) -> None:
        script = """
            import signal, sys
            from concurrent.futures import ThreadPoolExecutor
            import gradiend_patch
            signal.signal(signal.SIGINT, signal.default_int_handler)
            with ThreadPoolExecutor(1) as executor:
                gradiend_patch.create("base", "gradiend", "made", feature_factor=-1, learning_rate=0.01,
                                      executor=executor, progress=lambda progress: print("", flush=True))
        """
        words = [sys.executable, "-c", textwrap.dedent(script)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stderr is not None
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            self.assertIn(b"KeyboardInterrupt", process.stderr.read())
            self.assertNotEqual(process.wait(), 0)
        self.assertLessEqual(len(self.left()), SHARDS - 1)
        self.assertTrue(all(name.startswith("made.piece-") for name in self.left()), self.left())


def die(*arguments: Any) -> None:
    """Ends the worker that is asked."""
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
