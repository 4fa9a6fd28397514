"""What autograd learns of a patch, and what a patch remembers of a model."""

from __future__ import annotations

import gc
import weakref

import gradiend_patch
import torch
from live_cases import LiveTests
from live_models import digests


class AutogradTests(LiveTests):
    def test_gradients_of_what_was_there_are_refused(self) -> None:
        model, patch, _, _ = self.small()
        self.assertTrue(all(parameter.requires_grad for parameter in model.parameters()))
        words = torch.arange(12).view(1, 12)
        loss = model(input_ids=words, labels=words).loss
        patch.apply_(model)
        with self.assertRaisesRegex(RuntimeError, "modified by an inplace operation"):
            loss.backward()
        model.zero_grad()
        model(input_ids=words, labels=words).loss.backward()
        found = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
        result = self.load(self.pair() / "result")
        result(input_ids=words, labels=words).loss.backward()
        for name, parameter in result.named_parameters():
            self.assertTrue(torch.equal(found[name], parameter.grad), name)

    def test_a_model_of_inference_mode_is_patched(self) -> None:
        with torch.inference_mode():
            model, patch, base, result = self.small()
            patch.apply_(model)
            self.assertEqual(digests(model), result)
        patch.strip_(model)
        self.assertEqual(digests(model), base)


class KnowledgeTests(LiveTests):
    """What a patch remembers of a model must not deceive it."""

    def test_a_model_that_was_loaded_again_is_checked_again(self) -> None:
        model, patch, base, result = self.small()
        fresh = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        for verify in (True, False):
            patch.apply_(model)
            model.load_state_dict(fresh)
            patch.apply_(model, verify=verify)
            self.assertEqual(digests(model), result)
            patch.strip_(model, verify=verify)
            self.assertEqual(digests(model), base)

    def test_one_patch_goes_from_model_to_model(self) -> None:
        models = [self.small() for _ in range(3)]
        patch = models[0][1]
        for model, _, _, result in models * 2:
            patch.apply_(model)
            self.assertEqual(digests(model), result)

    def test_another_model_at_the_same_place_is_another(self) -> None:
        pair = self.pair()
        patch = gradiend_patch.Patch(pair / "patch")
        for _ in range(20):
            model = self.load(pair / "base")
            patch.apply_(model, verify=False)
            self.assertEqual(patch.state(model).role, "result")
            del model

    def test_a_model_that_nobody_has_is_not_kept(self) -> None:
        model, patch, _, _ = self.small()
        tensor = weakref.ref(model.model.norm.weight)
        patch.apply_(model)
        del model
        gc.collect()
        self.assertIsNone(tensor())

    def test_a_patch_that_nobody_has_is_freed_at_once(self) -> None:
        model, patch, _, _ = self.small()
        patch.apply_(model)
        gc.disable()
        self.addCleanup(gc.enable)
        found = weakref.ref(patch)
        bound = weakref.ref(patch._bound)
        del patch
        self.assertIsNone(found())
        self.assertIsNone(bound())

    def test_a_fine_tuned_model_is_neither_and_stays_as_it_is(self) -> None:
        for verify in (True, False):
            model, patch, _, _ = self.small()
            patch.apply_(model)
            with torch.no_grad():
                model.model.layers[1].mlp.down_proj.weight.mul_(1.5)
            before = digests(model)
            with self.assertRaisesRegex(gradiend_patch.MismatchError, "down_proj"):
                patch.strip_(model, verify=verify)
            self.assertEqual(digests(model), before)
            self.assertIsNone(patch.state(model).role)
            self.assertEqual(patch.state(model).differing_from_result, ("model.layers.1.mlp.down_proj.weight",))
