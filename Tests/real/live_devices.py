"""Tensors that this process cannot reach by an address."""

from __future__ import annotations

import itertools
from typing import Any
from unittest import mock

import gradiend_patch
import live_knowledge
import torch
from gradiend_patch import _tensors
from live_cases import PAIRS, LiveTests
from live_models import digests


class DeviceTests(LiveTests):
    """Tensors on a device take another path, which tensors in this process's memory can be sent along."""

    def setUp(self) -> None:
        patcher = mock.patch.object(_tensors, "is_local", lambda _: False)
        patcher.start()
        self.addCleanup(patcher.stop)

    def test_a_model_on_a_device_is_patched(self) -> None:
        for family, dtype in PAIRS:
            with self.subTest(family=family, dtype=dtype):
                pair = self.pair(family, dtype)
                patch = gradiend_patch.Patch(pair / "patch")
                self.check_there_and_back(self.load(pair / "base"), self.load(pair / "result"), patch)
        pair = self.pair("mixtral")
        wide = [self.load(pair / name, dtype=torch.float32) for name in ("base", "result")]
        self.check_there_and_back(*wide, gradiend_patch.Patch(pair / "patch"))

    def test_tensors_that_only_the_model_ties_change_once(self) -> None:
        model, _, _, _ = self.small()
        shape = model.lm_head.weight.shape
        torch.manual_seed(5)
        words = torch.randn(shape, dtype=torch.bfloat16)
        names = ("model.embed_tokens.weight", "lm_head.weight")
        base = {name: words.clone() for name in names}
        result = {name: words * 1.125 for name in names}
        (self.folder / "tied").write_bytes(gradiend_patch.diff(base, result))
        tied = dict.fromkeys(names, words.clone())
        patch = gradiend_patch.Patch(self.folder / "tied")
        for _ in range(2):
            patch.apply_(tied)
            self.assertEqual(digests(tied), digests(result))
            patch.strip_(tied)
            self.assertEqual(digests(tied), digests(base))

    def test_gradients_and_inference_mode_are_as_elsewhere(self) -> None:
        live_knowledge.AutogradTests.test_gradients_of_what_was_there_are_refused(self)  # type: ignore[arg-type]
        live_knowledge.AutogradTests.test_a_model_of_inference_mode_is_patched(self)  # type: ignore[arg-type]

    def test_a_fault_at_any_write_is_undone(self) -> None:
        model, patch, base, result = self.small()
        write = _tensors.TorchDevice._write
        for verify in (True, False):
            for failing in itertools.count(1):
                calls = itertools.count(1)

                def fails(device: Any, *arguments: Any) -> bool:
                    if next(calls) == failing:
                        device.error = ConnectionError("unplugged")
                        return False
                    return write(device, *arguments)

                fresh = gradiend_patch.Patch(self.pair() / "patch")
                with mock.patch.object(_tensors.TorchDevice, "_write", fails):
                    try:
                        fresh.apply_(model, verify=verify)
                    except gradiend_patch.GradiendPatchError as error:
                        self.assertIsInstance(error.__cause__, ConnectionError)
                        self.assertRegex(str(error), "nothing was changed|the model is the base")
                        self.assertEqual(digests(model), base)
                        continue
                self.assertEqual(digests(model), result)
                patch.strip_(model)
                self.assertEqual(digests(model), base)
                self.assertGreaterEqual(failing, 20)
                break

    def test_a_device_that_stays_broken_is_told_as_unfinished(self) -> None:
        model, patch, base, result = self.small()
        write = _tensors.TorchDevice._write
        calls = itertools.count(1)

        def fails(device: Any, *arguments: Any) -> bool:
            if next(calls) >= 4:
                device.error = ConnectionError("unplugged")
                return False
            return write(device, *arguments)

        with mock.patch.object(_tensors.TorchDevice, "_write", fails):
            with self.assertRaises(gradiend_patch.GradiendPatchError) as caught:
                patch.apply_(model)
        self.assertEqual(caught.exception.kind, "unfinished")
        self.assertIn("half changed", caught.exception.message)

    def test_what_cannot_be_read_changes_nothing(self) -> None:
        model, patch, base, _ = self.small()
        read = _tensors.TorchDevice._read
        for failing in (1, 5, 20):
            calls = itertools.count(1)

            def fails(device: Any, *arguments: Any) -> bool:
                if next(calls) == failing:
                    device.error = ConnectionError("unplugged")
                    return False
                return read(device, *arguments)

            with mock.patch.object(_tensors.TorchDevice, "_read", fails):
                with self.assertRaises(gradiend_patch.GradiendPatchError) as caught:
                    patch.apply_(model)
            self.assertIsInstance(caught.exception.__cause__, ConnectionError)
            self.assertEqual(digests(model), base)
