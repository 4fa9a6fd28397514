"""What the tests of live models have in common: bases, results and patches as files."""

from __future__ import annotations

import itertools
import tempfile
import unittest
from pathlib import Path
from typing import Any

import gradiend_patch
import torch
from live_models import FAMILIES, digests, make_base, make_result, outputs

TYPES = {"bf16": torch.bfloat16, "f32": torch.float32}
PAIRS = list(itertools.product(FAMILIES, TYPES))


class LiveTests(unittest.TestCase):
    """Has a base, a result and the patch between them for each family and type, as files."""

    folder: Path

    @classmethod
    def setUpClass(cls) -> None:
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.folder = Path(holder.name)

    def pair(self, family: str = "llama-tied", dtype: str = "bf16") -> Path:
        folder = self.folder / f"{family}-{dtype}"
        if not folder.exists():
            folder.mkdir()
            make_base(family, TYPES[dtype], folder / "base")
            make_result(folder / "base", folder / "changed")
            gradiend_patch.diff(folder / "base", folder / "changed", folder / "patch")
            gradiend_patch.apply(folder / "base", folder / "patch", folder / "result")
        return folder

    def load(self, path: Path, kind: Any = None, **options: Any) -> Any:
        kind = kind or FAMILIES[path.parent.name.rpartition("-")[0]][0]
        return kind.from_pretrained(path, **options).eval()

    def small(self) -> tuple[Any, gradiend_patch.Patch, dict[str, str], dict[str, str]]:
        """A model that is the base, its patch, and the digests of base and result."""
        pair = self.pair()
        model = self.load(pair / "base")
        return model, gradiend_patch.Patch(pair / "patch"), digests(model), digests(self.load(pair / "result"))

    def check_there_and_back(self, model: Any, result: Any, patch: gradiend_patch.Patch, **options: Any) -> None:
        base = digests(model)
        logits = outputs(model)
        patch.apply_(model, **options)
        self.assertEqual(digests(model), digests(result))
        self.assertTrue(torch.equal(outputs(model), outputs(result)))
        self.assertFalse(torch.equal(outputs(model), logits))
        patch.strip_(model, **options)
        self.assertEqual(digests(model), base)
        self.assertTrue(torch.equal(outputs(model), logits))
