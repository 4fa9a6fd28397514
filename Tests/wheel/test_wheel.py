"""The installed wheel: its functions against the command line, and what happens when things go wrong.

Runs where only the wheel is installed. GRADIEND_PATCH is the command to compare with, FIXTURES a folder
with ``bases`` and ``gradiends`` of reference.tar.xz, ``hf`` and ``pairs`` of reference-gguf.tar.xz.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest
from pathlib import Path
from typing import Any, Optional

import gradiend_patch
from gradiend_patch import Progress

PROGRAM = os.environ["GRADIEND_PATCH"]
FIXTURES = Path(os.environ["FIXTURES"])
BASE = FIXTURES / "bases/llama-bf16"
GRADIEND = FIXTURES / "gradiends/llama-all-l1-id"
LARGE = 256 << 20


def write_large(path: Path, size: int = LARGE) -> None:
    """Writes a checkpoint nearly all of which is a hole."""
    tensor = {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}
    header = json.dumps({"big": tensor}).encode()
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + size)


def write_small(path: Path, value: int, note: str) -> None:
    """Writes a checkpoint of one element whose metadata say ``note``."""
    tensor = {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}
    header = json.dumps({"__metadata__": {"note": note}, "small": tensor}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes([value]))


def contents(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


class WheelTests(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        self.patch = self.folder / "patch.safetensors"

    def make_patch(self) -> gradiend_patch.PatchSummary:
        return gradiend_patch.create(
            BASE, GRADIEND, self.patch, feature_factor=-1, learning_rate=0.01
        )

    def command_line(self, *words: Any, status: int = 0) -> tuple[dict[str, Any], str]:
        """What the command prints under --json, as an object and as text."""
        run = subprocess.run([PROGRAM, *map(str, words), "--json"], capture_output=True, text=True)
        self.assertEqual(run.returncode, status, run.stderr)
        return json.loads(run.stdout), run.stderr

    # Same files, same answers

    def test_create_and_diff_write_the_bytes_of_the_command_line(self) -> None:
        made = self.make_patch()
        report, _ = self.command_line(
            "create", BASE, GRADIEND, "-o", "other", "--feature-factor=-1", "--learning-rate=0.01"
        )
        self.assertEqual(self.patch.read_bytes(), Path("other").read_bytes())
        self.assertEqual(made.json, {**report, "patch": str(self.patch)})
        self.assertGreater(made.changed_elements, 0)
        self.assertEqual(made.bytes, self.patch.stat().st_size)

        gradiend_patch.apply(BASE, self.patch, "result")
        found = gradiend_patch.diff(BASE, "result", "mine", max_relative_error=0.25, threads=1)
        report, _ = self.command_line(
            "diff", BASE, "result", "-o", "theirs", "--max-relative-error=0.25"
        )
        self.assertEqual(Path("mine").read_bytes(), Path("theirs").read_bytes())
        self.assertEqual(found.json, {**report, "patch": "mine"})
        self.assertEqual(found.max_relative_error, 0.25)

    def test_adapter_writes_the_bytes_of_the_command_line(self) -> None:
        made = gradiend_patch.adapter(
            BASE, GRADIEND, "a", feature_factor=-1, learning_rate=0.01, rank=4, gguf="a.gguf", max_relative_error=1
        )
        report, _ = self.command_line(
            "adapter", BASE, GRADIEND, "--feature-factor=-1", "--learning-rate=0.01", "--rank=4", "-o", "b",
            "--gguf=b.gguf", "--max-relative-error=1",
        )
        self.assertEqual(contents(Path("a")), contents(Path("b")))
        self.assertEqual(Path("a.gguf").read_bytes(), Path("b.gguf").read_bytes())
        self.assertEqual((made.output, made.gguf, made.rank), ("a", "a.gguf", 4))
        self.assertEqual(made.relative_error, report["relative_error"])
        self.assertEqual([layer.module for layer in made.layers], [layer["module"] for layer in report["layers"]])
        self.assertEqual([left.tensor for left in made.left_out], [left["tensor"] for left in report["left_out"]])

    def test_several_gradiends_are_added_at_once(self) -> None:
        other = FIXTURES / "gradiends/llama-indices-l1-id"
        gradiend_patch.create(
            BASE, [GRADIEND, other], self.patch, feature_factor=[-1, 2.0], learning_rate=(0.01, 0.02)
        )
        self.command_line(
            *("create", BASE, GRADIEND, other, "-o", "theirs", "--feature-factor=-1"),
            *("--learning-rate=0.01", "--feature-factor=2", "--learning-rate=0.02"),
        )
        self.assertEqual(self.patch.read_bytes(), Path("theirs").read_bytes())
        report = gradiend_patch.inspect(self.patch)
        assert report.kind == "patch"
        self.assertEqual([each.feature_factor for each in report.gradiends], ["-1.0", "2.0"])
        for wrong in ([], [GRADIEND], [GRADIEND, GRADIEND]):
            with self.assertRaises(gradiend_patch.UsageError):
                gradiend_patch.create(
                    BASE, wrong, "none", feature_factor=[1] * 2, learning_rate=[0.01] * len(wrong)
                )
        self.assertFalse(Path("none").exists())

    def test_apply_and_strip_write_the_bytes_of_the_command_line(self) -> None:
        self.make_patch()
        applied = gradiend_patch.apply(BASE, self.patch, "mine", sha256=True)
        report, _ = self.command_line("apply", BASE, self.patch, "-o", "theirs")
        self.assertEqual(contents(Path("mine")), contents(Path("theirs")))
        self.assertEqual(applied.json, {**report, "output": "mine"})
        self.assertEqual((applied.is_, applied.output), ("result", "mine"))

        stripped = gradiend_patch.strip("mine", self.patch, "base", sync=False)
        report, _ = self.command_line("strip", "theirs", self.patch, "-o", "base-too")
        self.assertEqual(stripped.json, {**report, "output": "base"})
        self.assertEqual(
            Path("base/model.safetensors").read_bytes(), (BASE / "model.safetensors").read_bytes()
        )

    def test_shares_make_what_one_call_makes(self) -> None:
        self.make_patch()
        shares: list[gradiend_patch.Share] = [(2, 3), "1/3", (3, 3)]
        pieces = []
        for share in shares:
            made = gradiend_patch.create(
                BASE, GRADIEND, "shared", feature_factor=-1, learning_rate=0.01, share=share
            )
            pieces.append(made.patch)
        self.assertEqual((made.share, made.patch), ("3/3", "shared.piece-3-of-3"))
        joined = gradiend_patch.join(pieces, "shared")
        self.assertIsNone(joined.share)
        self.assertEqual(Path("shared").read_bytes(), self.patch.read_bytes())
        with self.assertRaises(gradiend_patch.DataError):
            gradiend_patch.join(pieces[1:], "other")

        for share in shares:
            gradiend_patch.apply(BASE, self.patch, "out", share=share)
        self.assertFalse(Path("out").exists())
        whole = gradiend_patch.apply(BASE, self.patch, "out", finish=True)
        self.assertEqual((whole.share, whole.is_), (None, "result"))
        gradiend_patch.apply(BASE, self.patch, "one")
        self.assertEqual(contents(Path("out")), contents(Path("one")))
        verdict = gradiend_patch.verify("out", self.patch, share="1/1", expect="result")
        self.assertTrue(verdict)
        self.assertEqual(verdict.share, "1/1")
        with self.assertRaises(gradiend_patch.UsageError):
            gradiend_patch.strip("out", self.patch, in_place=True, share=(1, 2))

    def test_patches_that_follow_each_other_are_taken_as_one(self) -> None:
        self.make_patch()
        gradiend_patch.apply(BASE, self.patch, "one")
        gradiend_patch.create("one", GRADIEND, "second", feature_factor=1, learning_rate=0.02)
        patches: list[gradiend_patch.StrPath] = [self.patch, "second"]
        made = gradiend_patch.combine(BASE, patches, "combined")
        gradiend_patch.apply("one", "second", "two")
        gradiend_patch.diff(BASE, "two", "expected")
        self.assertEqual(Path("combined").read_bytes(), Path("expected").read_bytes())
        report, _ = self.command_line("combine", BASE, *patches, "-o", "theirs")
        self.assertEqual(made.json, {**report, "patch": "combined"})

        applied = gradiend_patch.apply(BASE, patches, "mine", sha256=True)
        self.assertEqual(contents(Path("mine")), contents(Path("two")))
        self.assertEqual(applied.changed_elements, made.changed_elements)
        model = Path("mine/model.safetensors")
        gradiend_patch.strip(model, patches, in_place=True)
        self.assertEqual(model.read_bytes(), (BASE / "model.safetensors").read_bytes())

        with self.assertRaises(gradiend_patch.MismatchError) as raised:
            gradiend_patch.apply(BASE, patches[::-1], "none")
        self.assertIn("name them in this order", str(raised.exception.remedy))
        none: list[str] = []
        for call in (gradiend_patch.apply, gradiend_patch.strip, gradiend_patch.combine):
            with self.assertRaises(gradiend_patch.UsageError):
                call(BASE, none, "none")
        self.assertFalse(Path("none").exists())

    def test_files_need_not_be_hashed(self) -> None:
        write_small(Path("base"), 1, "of the base")
        write_small(Path("result"), 2, "of the result")
        gradiend_patch.diff("base", "result", "unnamed", sha256=False)
        self.command_line("diff", "base", "result", "-o", "theirs", "--no-sha256")
        self.assertEqual(Path("unnamed").read_bytes(), Path("theirs").read_bytes())
        self.assertIsNone(gradiend_patch.verify("base", "unnamed").published_files)

    def test_values_only_leaves_headers_as_they_are(self) -> None:
        write_small(Path("base"), 1, "of the base")
        write_small(Path("result"), 2, "of the result")
        gradiend_patch.diff("base", "result", "whole")
        gradiend_patch.diff("base", "result", "values", values_only=True)
        self.command_line("diff", "base", "result", "-o", "theirs", "--values-only")
        self.assertEqual(Path("values").read_bytes(), Path("theirs").read_bytes())
        write_small(Path("patched"), 2, "of the base")
        gradiend_patch.apply("base", "whole", "a")
        gradiend_patch.apply("base", "whole", "b", values_only=True)
        gradiend_patch.apply("base", "values", "c")
        for name, same in (("a", "result"), ("b", "patched"), ("c", "patched")):
            self.assertEqual(Path(name).read_bytes(), Path(same).read_bytes(), name)
        gradiend_patch.strip("a", "whole", "d")
        gradiend_patch.strip("b", "whole", "e", values_only=True)
        for name in "de":
            self.assertEqual(Path(name).read_bytes(), Path("base").read_bytes(), name)
        gradiend_patch.apply("base", "whole", in_place=True, values_only=True)
        self.assertEqual(Path("base").read_bytes(), Path("patched").read_bytes())

    def test_undo_keeps_what_strip_needs(self) -> None:
        models = FIXTURES / "hf"
        gguf = FIXTURES / "pairs/llama-bf16.F16.gguf"
        gradiend_patch.diff(models / "llama-bf16", models / "llama-bf16.dense", self.patch)
        with self.assertRaises(gradiend_patch.MismatchError):
            gradiend_patch.apply(gguf, self.patch, "mine")
        made = gradiend_patch.apply(gguf, self.patch, "mine", undo="undo")
        report, _ = self.command_line("apply", gguf, self.patch, "-o", "theirs", "--undo", "other")
        self.assertEqual(Path("mine").read_bytes(), Path("theirs").read_bytes())
        self.assertEqual(Path("undo").read_bytes(), Path("other").read_bytes())
        self.assertEqual(len(made.notes), len(report["notes"]))
        gradiend_patch.strip("mine", "undo", "stripped")
        self.assertEqual(Path("stripped").read_bytes(), gguf.read_bytes())

    def test_a_model_is_patched_in_place(self) -> None:
        self.make_patch()
        gradiend_patch.apply(BASE, self.patch, "result")
        model = Path("model.safetensors")
        base = (BASE / model).read_bytes()
        model.write_bytes(base)
        seen: list[Progress] = []
        applied = gradiend_patch.apply(model, self.patch, in_place=True, progress=seen.append)
        self.assertEqual((applied.is_, applied.output), ("result", str(model)))
        self.assertEqual(model.read_bytes(), Path("result/model.safetensors").read_bytes())
        self.assertEqual(seen[-1].bytes_done, seen[-1].bytes)
        gradiend_patch.strip(model, self.patch, in_place=True, sha256=True)
        self.assertEqual(model.read_bytes(), base)
        self.assertEqual(
            gradiend_patch.apply(model, self.patch, in_place=True, rollback=True).is_, "base"
        )

    def test_verify_answers_as_the_command_line(self) -> None:
        self.make_patch()
        gradiend_patch.apply(BASE, self.patch, "result")
        other = gradiend_patch.create(
            BASE, GRADIEND, "other", feature_factor=[2.0], learning_rate=0.1
        )
        gradiend_patch.apply(BASE, other.patch, "neither")
        for checkpoint, role in ((BASE, "base"), ("result", "result"), ("neither", None)):
            report, _ = self.command_line(
                "verify", checkpoint, self.patch, status=0 if role else 1
            )
            verdict = gradiend_patch.verify(checkpoint, self.patch)
            self.assertEqual(verdict.json, report)
            self.assertEqual((verdict.is_, bool(verdict)), (role, role is not None))
        self.assertTrue(gradiend_patch.verify("result", self.patch, expect="result"))
        self.assertFalse(gradiend_patch.verify("result", self.patch, expect="base"))
        self.assertTrue(gradiend_patch.verify("neither", self.patch).differing_from_base)
        # The same values under another header are not the publisher's file.
        write_small(Path("a"), 1, "a")
        write_small(Path("b"), 1, "b")
        gradiend_patch.diff("a", "a", "small")
        self.assertTrue(gradiend_patch.verify("b", "small"))
        self.assertFalse(gradiend_patch.verify("b", "small", sha256=True))
        self.assertTrue(gradiend_patch.verify("a", "small", sha256=True))

    def test_inspect_answers_as_the_command_line(self) -> None:
        self.make_patch()
        patch = gradiend_patch.inspect(self.patch)
        checkpoint = gradiend_patch.inspect(BASE)
        gradiend = gradiend_patch.inspect(GRADIEND)
        for path, seen in ((self.patch, patch), (BASE, checkpoint), (GRADIEND, gradiend)):
            self.assertEqual(seen.json, self.command_line("inspect", path)[0])
        assert patch.kind == "patch"
        self.assertEqual(sum(patch.byte_counts.values()), patch.bytes)
        counts = [tensor.changed_elements for tensor in patch.changed_tensors]
        self.assertEqual(sum(counts), patch.changed_elements)
        assert checkpoint.kind == "checkpoint"
        self.assertEqual(checkpoint.files[0].name, "model.safetensors")
        self.assertTrue(all(tensor.shape and tensor.elements for tensor in checkpoint.tensors))
        assert gradiend.kind == "gradiend"
        self.assertEqual(gradiend.latents, 1)
        self.assertTrue(all(parameter.name for parameter in gradiend.parameters))

    def test_inspect_measures_and_draws_a_patch(self) -> None:
        self.make_patch()
        seen: list[Progress] = []
        report = gradiend_patch.inspect(
            self.patch, base=BASE, svg="a.svg", html="a.html", progress=seen.append
        )
        self.assertEqual(seen[-1].bytes_done, seen[-1].bytes)
        assert report.kind == "patch"
        self.assertTrue(all(tensor.relative_update for tensor in report.changed_tensors))
        self.command_line("inspect", self.patch, "--base", BASE, "--svg=b.svg", "--html=b.html")
        for kind in ("svg", "html"):
            self.assertEqual(Path(f"a.{kind}").read_bytes(), Path(f"b.{kind}").read_bytes())
        with self.assertRaises(gradiend_patch.CreateError):
            gradiend_patch.inspect(self.patch, svg="a.svg")
        gradiend_patch.inspect(self.patch, svg="a.svg", force=True)

    def test_functions_take_every_option_of_the_commands(self) -> None:
        # --no-sync is sync=False; what is left is how results are printed, and not for programs.
        renamed = {"no-sync": "sync", "no-sha256": "sha256"}
        for name in (
            *("create", "diff", "join", "combine", "adapter", "apply", "strip", "verify", "inspect", "export", "card"),
            "package",
        ):
            run = subprocess.run([PROGRAM, name, "--help"], capture_output=True, text=True)
            options = set(re.findall(r"^ +(?:-\w, )?--([\w-]+)", run.stdout, re.MULTILINE))
            self.assertIn("threads", options)
            options -= {"json", "quiet", "help", "version"}
            expected = {renamed.get(option, option).replace("-", "_") for option in options}
            # All shares at once.
            expected |= {"executor", "shares"} if "share" in options else set()
            parameters = inspect.signature(getattr(gradiend_patch, name)).parameters.values()
            operands = [p for p in parameters if p.kind == p.POSITIONAL_OR_KEYWORD]
            taken = {p.name for p in parameters if p not in operands or p.name == "output"}
            self.assertEqual(taken, expected, name)

    def test_arguments_are_taken_as_python_has_them(self) -> None:
        self.make_patch()
        gradiend_patch.apply(bytes(BASE), os.fsencode(self.patch), b"out\xe9")
        self.assertIn(b"out\xe9", os.listdir(b"."))

        class Scalar:
            """What numpy's scalars and arrays without a dimension are."""

            ndim = 0

            def __iter__(self) -> Any:
                raise TypeError("iteration over a 0-d array")

            def __float__(self) -> float:
                return -1.0

        one = gradiend_patch.create(BASE, GRADIEND, "a", feature_factor=Scalar(), learning_rate=0.01)
        two = gradiend_patch.create(
            BASE, GRADIEND, "b", feature_factor=iter([Scalar()]), learning_rate=0.01
        )
        self.assertEqual(Path("a").read_bytes(), self.patch.read_bytes())
        self.assertEqual(one.bytes, two.bytes)
        for wrong in ("10", ["1"], b"1"):
            with self.assertRaises(TypeError):
                gradiend_patch.create(
                    BASE, GRADIEND, "c", feature_factor=wrong, learning_rate=0.01  # type: ignore
                )
        with self.assertRaises(TypeError):
            gradiend_patch.verify(BASE, self.patch, threads=1.0)  # type: ignore

    def test_errors_speak_of_arguments_and_not_of_a_command_line(self) -> None:
        self.make_patch()
        with self.assertRaises(gradiend_patch.CreateError) as exists:
            self.make_patch()
        self.assertEqual(exists.exception.remedy, "pass force=True to replace it")
        with self.assertRaises(gradiend_patch.UsageError) as usage:
            gradiend_patch.apply(BASE, self.patch)
        self.assertEqual(usage.exception.kind, "usage")
        with self.assertRaises(gradiend_patch.UsageError) as usage:
            gradiend_patch.create(BASE, GRADIEND, "x", learning_rate=1, part="none")  # type: ignore
        self.assertEqual((usage.exception.kind, usage.exception.remedy), ("usage", None))
        self.assertNotIn("gradiend-patch", str(usage.exception))

    def test_reports_are_short_where_they_are_shown(self) -> None:
        self.make_patch()
        for report in (
            gradiend_patch.inspect(self.patch),
            gradiend_patch.inspect(BASE),
            gradiend_patch.inspect(GRADIEND),
            gradiend_patch.verify(BASE, self.patch),
        ):
            self.assertLess(len(repr(report)), 400)
        for name in gradiend_patch.__all__:
            item = getattr(gradiend_patch, name)
            if inspect.isclass(item) or inspect.isfunction(item):
                self.assertTrue(item.__doc__, name)
        self.assertFalse(hasattr(gradiend_patch, "version"))

    def test_card_and_package_answer_as_the_command_line(self) -> None:
        self.make_patch()
        Path("more.md").write_text("## More\n")
        details: dict[str, Any] = dict(base="org/base", repository="me/x", append="more.md")
        card = gradiend_patch.card(self.patch, tag=["a", "b"], license="mit", **details)
        words = ["--base=org/base", "--repository=me/x", "--append=more.md", "--license=mit"]
        report, _ = self.command_line("card", self.patch, "--tag=a,b", *words)
        self.assertEqual(card.json, report)
        self.assertTrue(card.text.endswith("## More\n"))
        made = gradiend_patch.package(self.patch, "folder", license="mit", **details)
        report, _ = self.command_line("package", self.patch, "-o", "other", *words)
        self.assertEqual([f.sha256 for f in made.files], [f["sha256"] for f in report["files"]])
        self.assertIn("folder", made.upload)

    def test_the_changes_are_exported_and_the_base_is_traced(self) -> None:
        self.make_patch()
        gradiend_patch.apply(BASE, self.patch, "result")
        made = gradiend_patch.export(self.patch, "changes", base=BASE)
        report, _ = self.command_line("export", self.patch, "--base", BASE, "-o", "other")
        self.assertEqual(Path("changes").read_bytes(), Path("other").read_bytes())
        self.assertEqual(made.json, {**report, "output": "changes"})
        verdict = gradiend_patch.verify("result", self.patch, trace=True)
        digest = hashlib.sha256((BASE / "model.safetensors").read_bytes()).hexdigest()
        self.assertEqual(verdict.base_sha256, f"{digest}  model.safetensors")

    def test_progress_can_be_a_line(self) -> None:
        write_large(Path("large"))
        script = "import gradiend_patch as g; g.diff('large', 'large', 'p', progress=True)"
        run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        self.assertTrue(run.stderr.endswith("\ndiff: 100% of 268 MB\n"), run.stderr)

    def test_the_command_is_the_program(self) -> None:
        command = str(Path(sys.executable).with_name("gradiend-patch"))
        for words in ([command], [sys.executable, "-m", "gradiend_patch"]):
            run = subprocess.run([*words, "--version"], capture_output=True, text=True)
            self.assertEqual(run.stdout, f"gradiend-patch {gradiend_patch.__version__}\n")
            self.assertEqual(subprocess.run([*words, "x"], stderr=subprocess.DEVNULL).returncode, 64)
        # A reader that stops early ends it quietly, as any program: Python ignores SIGPIPE.
        script = f"{command} inspect {BASE} --json | head -n 1"
        run = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True)
        self.assertEqual((run.stdout, run.stderr), ("{\n", ""))

    # What is in the wheel

    def test_every_library_but_those_of_any_linux_comes_from_the_wheel(self) -> None:
        program = Path(gradiend_patch.__file__).parent / "bin/gradiend-patch"
        libraries = program.parents[2] / "gradiend_patch.libs"
        # What manylinux expects of a system: glibc, and the two run-time libraries of GCC.
        expected = {"libc", "libm", "libstdc++", "libgcc_s", "linux-vdso", "ld-linux-x86-64"}
        # OpenBLAS is loaded by name, from where the program looks for libraries.
        openblas = program.parents[1] / "lib/libopenblas.so.0"
        run = subprocess.run(["ldd", str(program), str(openblas)], capture_output=True, text=True, check=True)
        own = set()
        for line in run.stdout.splitlines():
            if not line.startswith("\t"):
                continue
            name, _, found = line.strip().partition(" => ")
            if found and Path(found.rpartition(" (")[0]).resolve().parent == libraries.resolve():
                own.add(name)
            else:
                self.assertIn(Path(name.split()[0]).name.split(".so")[0], expected, line)
        self.assertEqual(own, {path.name for path in libraries.iterdir()})
        self.assertGreaterEqual(len(own), 4)

    def test_the_licences_of_everything_come_along(self) -> None:
        files = importlib.metadata.files("gradiend-patch") or []
        texts = {f.name: f.read_text() for f in files if "licenses" in f.parts}
        self.assertTrue({"gradiend-patch.txt", "swift-runtime.txt"} <= set(texts))
        listed = [line.split()[0] for line in texts["libraries.txt"].splitlines() if " of the source " in line]
        self.assertLessEqual({name + ".txt" for name in listed}, set(texts))
        self.assertTrue(all(texts.values()))
        for file in files:
            if file.parts[0] == "gradiend_patch.libs":
                name = file.name.split("-")[0]
                name = {"libcrypto": "libssl"}.get(name, name)
                self.assertTrue(any(package.startswith(name) for package in listed), name)

    # Errors

    def check(self, error: Optional[BaseException], code: int, kind: Optional[str]) -> None:
        assert isinstance(error, gradiend_patch.GradiendPatchError)
        self.assertEqual((error.exit_code, error.kind), (code, kind))
        self.assertEqual(type(error).code, code)
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual((type(again), again.args), (type(error), error.args))

    def test_every_exit_code_has_its_exception(self) -> None:
        self.make_patch()
        gradiend_patch.apply(BASE, self.patch, "result")
        with self.assertRaises(gradiend_patch.MismatchError) as caught:
            gradiend_patch.apply("result", self.patch, "out")
        self.check(caught.exception, 1, "mismatch")
        report, text = self.command_line("apply", "result", self.patch, "-o", "out", status=1)
        for key, value in report["error"].items():
            self.assertEqual(getattr(caught.exception, key), value, key)
        self.assertEqual(f"gradiend-patch: {caught.exception}\n", text)

        with self.assertRaises(gradiend_patch.UsageError) as usage:
            gradiend_patch.apply(BASE, self.patch, "out", threads=-1)
        self.check(usage.exception, 64, "usage")
        self.assertIn("must be from 0 to 1024, not -1", str(usage.exception))
        with self.assertRaises(gradiend_patch.UsageError) as usage:
            gradiend_patch.create(BASE, GRADIEND, "x", feature_factor=(1, 2), learning_rate=1)
        self.check(usage.exception, 64, "usage")
        with self.assertRaises(gradiend_patch.DataError) as data:
            gradiend_patch.apply(BASE, BASE / "model.safetensors", "out")
        self.check(data.exception, 65, "badInput")
        with self.assertRaises(gradiend_patch.OpenError) as missing:
            gradiend_patch.inspect("-none")
        self.check(missing.exception, 66, "cannotOpen")
        self.assertEqual(missing.exception.path, "-none")
        with self.assertRaises(gradiend_patch.CreateError) as exists:
            gradiend_patch.apply(BASE, self.patch, "result")
        self.check(exists.exception, 73, "outputExists")
        self.assertEqual(sorted(os.listdir()), ["patch.safetensors", "result"])
        gradiend_patch.apply(BASE, self.patch, "result", force=True)

    def test_a_full_disk_is_an_input_output_error(self) -> None:
        write_large(Path("large"))
        gradiend_patch.diff("large", "large", self.patch)
        disk = self.folder / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
        if subprocess.run(mount, stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("mounting a small file system is not permitted here")
        try:
            with self.assertRaises(gradiend_patch.InputOutputError) as caught:
                gradiend_patch.apply("large", self.patch, disk / "out")
            self.check(caught.exception, 74, "inputOutput")
            self.assertEqual(os.listdir(disk), [])
        finally:
            subprocess.run(["umount", str(disk)], check=True)

    # Progress and interrupts

    def test_progress_is_called_until_everything_is_done(self) -> None:
        write_large(Path("large"))
        seen: list[Progress] = []
        gradiend_patch.diff("large", "large", self.patch, progress=seen.append)
        self.assertEqual(seen[-1], Progress(1, 1, LARGE, LARGE))
        self.assertEqual([p.bytes_done for p in seen], sorted(p.bytes_done for p in seen))
        for operation in (gradiend_patch.apply, gradiend_patch.strip):
            seen.clear()
            operation("large", self.patch, "out", force=True, progress=seen.append)
            self.assertGreater(len(seen), 1)
            self.assertEqual(seen[-1].bytes_done, LARGE)

    def test_what_progress_raises_ends_the_work_and_leaves_nothing(self) -> None:
        write_large(Path("large"))
        gradiend_patch.diff("large", "large", self.patch)

        def stop(progress: Progress) -> None:
            raise StopIteration(progress.bytes_done)

        with self.assertRaises(StopIteration) as caught:
            gradiend_patch.apply("large", self.patch, "out", progress=stop)
        self.assertLess(caught.exception.args[0], LARGE)
        self.assertEqual(sorted(os.listdir()), ["large", "patch.safetensors"])

    def test_a_signal_to_the_program_is_an_exception_and_leaves_nothing(self) -> None:
        write_large(Path("large"))
        gradiend_patch.diff("large", "large", self.patch)

        def end(progress: Progress) -> None:
            children = f"/proc/self/task/{threading.get_native_id()}/children"
            os.kill(int(Path(children).read_text()), signal.SIGTERM)

        with self.assertRaises(gradiend_patch.SignalError) as caught:
            gradiend_patch.apply("large", self.patch, "out", threads=1, progress=end)
        self.assertEqual(caught.exception.exit_code, -signal.SIGTERM)
        self.assertEqual(str(caught.exception), "gradiend-patch was ended by signal 15")
        self.assertEqual(sorted(os.listdir()), ["large", "patch.safetensors"])

    def test_signals_to_python_end_the_work_and_leave_nothing(self) -> None:
        write_large(Path("large"), 4 * LARGE)
        gradiend_patch.diff("large", "large", self.patch)
        # A shell that starts the tests in its background has them ignore interrupts.
        script = """
            import signal
            import gradiend_patch
            signal.signal(signal.SIGINT, signal.default_int_handler)
            gradiend_patch.apply("large", "patch.safetensors", "out", threads=1,
                                 progress=lambda progress: print(progress.bytes_done, flush=True))
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            words = [sys.executable, "-c", textwrap.dedent(script)]
            with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                assert process.stdout is not None and process.stderr is not None
                self.assertLess(int(process.stdout.readline()), 4 * LARGE)
                process.send_signal(number)
                process.stdout.read()
                text = process.stderr.read()
                self.assertEqual(process.wait(), -number)
            self.assertEqual(b"KeyboardInterrupt" in text, number == signal.SIGINT)
            # Where Python could not end the program, that ends by itself when it finds nobody there.
            deadline = time.monotonic() + 10
            while len(os.listdir()) > 2 and time.monotonic() < deadline:
                time.sleep(0.01)
            self.assertEqual(sorted(os.listdir()), ["large", "patch.safetensors"], number.name)


if __name__ == "__main__":
    unittest.main()
