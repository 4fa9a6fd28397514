"""Candidates of a GRADIEND on a model, with the cases that the reference implementation wrote."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradiend_patch
import torch
import transformers
from live_cases import LiveTests
from live_models import digests


class GradiendTests(LiveTests):
    """Candidates of a GRADIEND on a model, with the cases that the reference implementation wrote."""

    BASES = ("llama-bf16", "gpt2-f16", "bert-f32")

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        with tarfile.open(Path(__file__).parents[2] / "Fixtures/reference.tar.xz") as archive:
            archive.extractall(cls.folder, filter="data")

    def cases(self) -> Iterator[tuple[Path, Path, Any]]:
        for base in self.BASES:
            family, _, dtype = base.rpartition("-")
            for gradiend in sorted((self.folder / "gradiends").glob(f"{family}-*-l1-id")):
                types = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}
                model = transformers.AutoModel.from_pretrained(self.folder / "bases" / base, dtype=types[dtype])
                yield self.folder / "bases" / base, gradiend, model

    def test_a_candidate_has_the_bits_of_the_patch_that_create_makes(self) -> None:
        count = 0
        for base, path, model in self.cases():
            with self.subTest(base=base.name, gradiend=path.name):
                options = dict(feature_factor=-1, learning_rate=0.01)
                patch = self.folder / "patch"
                gradiend_patch.create(base, path, patch, force=True, **options)
                gradiend = gradiend_patch.Gradiend(base, path)
                before = digests(model)
                for _ in range(2):
                    with gradiend.applied(model, **options):
                        self.assertNotEqual(digests(model), before)
                        self.assertEqual(gradiend_patch.Patch(patch).state(model).role, "result")
                    self.assertEqual(digests(model), before)
                self.assertEqual(
                    digests(dict(gradiend.results(**options))), digests(dict(gradiend_patch.Patch(patch).results(base)))
                )
                count += 1
        self.assertGreater(count, 5)

    def test_whatever_ends_the_context_gives_the_base_back(self) -> None:
        base, path, model = next(self.cases())
        gradiend = gradiend_patch.Gradiend(base, path)
        before = digests(model)
        with self.assertRaises(ZeroDivisionError):
            with gradiend.applied(model, feature_factor=1, learning_rate=0.1):
                raise ZeroDivisionError
        self.assertEqual(digests(model), before)

        def interrupts(_: gradiend_patch.Progress) -> None:
            raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            with gradiend.applied(model, feature_factor=1, learning_rate=0.1, progress=interrupts):
                self.fail("nothing was interrupted")
        self.assertEqual(digests(model), before)
        with gradiend.applied(model, feature_factor=1, learning_rate=0.1):
            self.assertNotEqual(digests(model), before)
        self.assertEqual(digests(model), before)

    def test_one_candidate_at_a_time(self) -> None:
        base, path, model = next(self.cases())
        gradiend = gradiend_patch.Gradiend(base, path)
        before = digests(model)
        with gradiend.applied(model, feature_factor=1, learning_rate=0.1):
            candidate = digests(model)
            with self.assertRaisesRegex(gradiend_patch.UsageError, "candidate already"):
                with gradiend.applied(model, feature_factor=-1, learning_rate=0.1):
                    self.fail("a second candidate was applied")
            self.assertEqual(digests(model), candidate)
            with self.assertRaises(gradiend_patch.MismatchError):
                with gradiend_patch.Gradiend(base, path).applied(model, feature_factor=-1, learning_rate=0.1):
                    self.fail("a candidate of the candidate was made")
            self.assertEqual(digests(model), candidate)
        self.assertEqual(digests(model), before)

    def test_a_model_that_is_not_the_base_is_left_alone(self) -> None:
        base, path, model = next(self.cases())
        with torch.no_grad():
            model.norm.weight.mul_(3)
        before = digests(model)
        for _ in range(2):
            with self.assertRaisesRegex(gradiend_patch.MismatchError, "norm.weight"):
                with gradiend_patch.Gradiend(base, path).applied(model, feature_factor=-1, learning_rate=0.1):
                    self.fail("it was taken for the base")
            self.assertEqual(digests(model), before)

    def test_impossible_candidates_are_refused(self) -> None:
        base, path, model = next(self.cases())
        gradiend = gradiend_patch.Gradiend(base, path)
        before = digests(model)
        for wrong in (
            dict(feature_factor=[1, 1], learning_rate=0.1),
            dict(learning_rate=0.1),
            dict(feature_factor=1, learning_rate=float("inf")),
            dict(feature_factor=1, learning_rate=0.1, part="nothing"),
        ):
            with self.assertRaises(gradiend_patch.GradiendPatchError, msg=str(wrong)):
                with gradiend.applied(model, **wrong):  # type: ignore[arg-type]
                    self.fail(f"{wrong} was applied")
            self.assertEqual(digests(model), before)
