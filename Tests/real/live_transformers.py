"""Patches on models of transformers: what a running model computes, against the files that the commands write."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import gradiend_patch
import torch
import transformers
from live_cases import PAIRS, LiveTests
from live_models import FAMILIES, digests, outputs


class FamilyTests(LiveTests):
    def test_a_model_computes_what_the_applied_folder_computes(self) -> None:
        for family, dtype in PAIRS:
            with self.subTest(family=family, dtype=dtype):
                pair = self.pair(family, dtype)
                model, patch = self.load(pair / "base"), gradiend_patch.Patch(pair / "patch")
                state = patch.state(model)
                self.assertEqual((state.role, state.missing, state.unknown), ("base", (), ()))
                self.assertGreater(len(state.differing_from_result), 10)
                self.check_there_and_back(model, self.load(pair / "result"), patch)
                patch.apply_(model)
                self.assertEqual(patch.state(model).role, "result")

    def test_a_model_in_f32_of_a_bf16_base_is_patched_value_by_value(self) -> None:
        for family in FAMILIES:
            with self.subTest(family=family):
                pair = self.pair(family, "bf16")
                model = self.load(pair / "base", dtype=torch.float32)
                self.assertEqual(next(model.parameters()).dtype, torch.float32)
                result = self.load(pair / "result", dtype=torch.float32)
                self.check_there_and_back(model, result, gradiend_patch.Patch(pair / "patch"))

    def test_a_model_without_the_head_is_patched_where_it_has_tensors(self) -> None:
        for family, dtype in PAIRS:
            with self.subTest(family=family, dtype=dtype):
                pair = self.pair(family, dtype)
                model = self.load(pair / "base", transformers.AutoModel)
                patch = gradiend_patch.Patch(pair / "patch")
                lacks = patch.state(model).missing
                if lacks:
                    before = digests(model)
                    with self.assertRaises(gradiend_patch.MismatchError) as caught:
                        patch.apply_(model)
                    self.assertIn(caught.exception.tensor, lacks)
                    self.assertEqual(digests(model), before)
                result = self.load(pair / "result", transformers.AutoModel)
                if family == "bert":  # its pooler is made anew each time, and no file has it
                    result.pooler.load_state_dict(model.pooler.state_dict())
                self.check_there_and_back(model, result, patch, strict=False)

    def test_the_files_of_stacked_experts_may_be_stacked_too(self) -> None:
        pair = self.pair("mixtral")
        model = self.load(pair / "base")
        model.save_pretrained(self.folder / "stacked", save_original_format=False)
        again = self.load(self.folder / "stacked", type(model))
        self.check_there_and_back(again, self.load(pair / "result"), gradiend_patch.Patch(pair / "patch"))

    def test_a_narrower_type_will_do_if_it_holds_the_values(self) -> None:
        pair = self.pair()
        patch = gradiend_patch.Patch(pair / "patch")
        base, result = (self.load(pair / name) for name in ("base", "result"))
        for model in (base, result):
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter[parameter.abs() < 2**-14] = 2**-14
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            base.save_pretrained(folder / "base")
            result.save_pretrained(folder / "result")
            gradiend_patch.diff(folder / "base", folder / "result", folder / "patch")
            self.check_there_and_back(base.half(), result.half(), gradiend_patch.Patch(folder / "patch"))
        model = self.load(pair / "base").half()
        with torch.no_grad():
            model.model.norm.weight[3] = 2**-24  # which bf16 has, too, but the base has not
        before = digests(model)
        with self.assertRaisesRegex(gradiend_patch.MismatchError, "model.norm.weight"):
            patch.apply_(model)
        self.assertEqual(digests(model), before)

class WrappedTests(LiveTests):
    def test_names_of_wrappers_are_those_of_the_model(self) -> None:
        import peft

        def low_rank(model: Any) -> Any:
            return peft.get_peft_model(model, peft.LoraConfig(target_modules=["q_proj", "down_proj"]))

        class Distributed(torch.nn.Module):  # as DistributedDataParallel names its model
            def __init__(self, module: Any) -> None:
                super().__init__()
                self.module = module

        def with_compiled_layers(model: Any) -> Any:
            model.model.layers[0] = torch.compile(model.model.layers[0])
            return model

        for wrap in (low_rank, torch.compile, with_compiled_layers, Distributed, lambda m: Distributed(torch.compile(m))):
            model, patch, base, result = self.small()
            wrapped = wrap(model)
            patch.apply_(wrapped)
            self.assertEqual(sorted(result.values()), sorted(v for k, v in digests(wrapped).items() if "lora" not in k))
            patch.strip_(wrapped)
            self.assertEqual(sorted(base.values()), sorted(v for k, v in digests(wrapped).items() if "lora" not in k))

    def test_a_merged_adapter_is_no_longer_the_base(self) -> None:
        import peft

        model, patch, _, _ = self.small()
        config = peft.LoraConfig(target_modules=["q_proj"], init_lora_weights=False)
        merged = peft.get_peft_model(model, config).merge_and_unload()
        with self.assertRaisesRegex(gradiend_patch.MismatchError, "q_proj"):
            patch.apply_(merged)

    def test_a_compiled_model_computes_with_the_changed_weights(self) -> None:
        model, patch, _, _ = self.small()
        compiled = torch.compile(model, backend="aot_eager")
        before = outputs(compiled)
        with patch.applied(compiled):
            self.assertTrue(torch.equal(outputs(compiled), outputs(model)))
            self.assertFalse(torch.equal(outputs(compiled), before))
        self.assertTrue(torch.equal(outputs(compiled), before))

    def test_a_state_dict_and_arrays_of_numpy_are_models(self) -> None:
        model, patch, base, result = self.small()
        patch.apply_(model.state_dict())
        self.assertEqual(digests(model), result)
        patch.strip_({f"module.{name}": tensor for name, tensor in model.state_dict().items()})
        self.assertEqual(digests(model), base)
        pair = self.pair("llama-tied", "f32")
        model = self.load(pair / "base")
        arrays = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
        gradiend_patch.Patch(pair / "patch").apply_(arrays)
        self.assertEqual(digests(model), digests(self.load(pair / "result")))


class RefusalTests(LiveTests):
    def check_refused(self, model: Any, pattern: str) -> None:
        _, patch, _, _ = self.small()
        with self.assertRaisesRegex(gradiend_patch.UsageError, pattern) as caught:
            patch.apply_(model)
        self.assertIsNotNone(caught.exception.tensor)

    def replaced(self, value: Any) -> Any:
        model, _, _, _ = self.small()
        model.model.norm.weight = value
        return model

    def test_what_is_not_wholly_in_memory_as_it_is_is_refused_by_name(self) -> None:
        pair = self.pair()
        name = "model.norm.weight"
        self.check_refused(self.load(pair / "base", device_map="meta"), "embed_tokens.*meta")
        strided = torch.nn.Parameter(torch.zeros(64, dtype=torch.bfloat16)[::2])
        self.check_refused(self.replaced(strided), f"{name}.*strides")
        model, _, _, _ = self.small()
        model.lm_head = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(32, 96, bias=False))
        transposed, _, _, _ = self.small()
        weight = transposed.model.layers[0].self_attn.q_proj.weight
        weight.data = weight.data.t().contiguous().t()
        self.check_refused(transposed, "q_proj.*strides")

        class Quantised(torch.nn.Parameter):  # as bitsandbytes has them
            pass

        self.check_refused(self.replaced(Quantised(torch.zeros(32, dtype=torch.bfloat16))), f"{name}.*Quantised")

    def test_sharded_tensors_are_refused_by_name(self) -> None:
        import torch.distributed as distributed
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.tensor import Shard, distribute_tensor

        distributed.init_process_group("gloo", init_method=f"file://{self.folder}/group", rank=0, world_size=1)
        try:
            mesh = init_device_mesh("cpu", (1,))
            value = distribute_tensor(torch.zeros(32, dtype=torch.bfloat16), mesh, [Shard(0)])
            self.check_refused(self.replaced(torch.nn.Parameter(value)), "model.norm.weight.*DTensor")
            model, _, _, _ = self.small()
            from torch.distributed.fsdp import fully_shard

            self.check_refused(fully_shard(model, mesh=mesh), "DTensor")
            model, patch, base, result = self.small()
            wrapped = torch.nn.parallel.DistributedDataParallel(model)
            patch.apply_(wrapped)
            self.assertEqual(digests(model), result)
        finally:
            distributed.destroy_process_group()

    def test_copies_of_what_the_module_has_are_refused(self) -> None:
        model, _, _, _ = self.small()

        def gathers(_: Any, state: dict[str, Any], prefix: str, __: Any) -> None:  # as fully sharded modules do
            state[prefix + "weight"] = state[prefix + "weight"].clone()

        model.model.norm.register_state_dict_post_hook(gathers)
        self.check_refused(model, "model.norm.weight.*copy")

    def test_a_quantised_model_is_refused(self) -> None:
        pair = self.pair("llama-untied", "f32")
        model = torch.ao.quantization.quantize_dynamic(self.load(pair / "base"), {torch.nn.Linear}, dtype=torch.qint8)
        with self.assertRaises(gradiend_patch.GradiendPatchError) as caught:
            gradiend_patch.Patch(pair / "patch").apply_(model)
        self.assertIsNotNone(caught.exception.tensor)

    def test_memory_that_overlaps_is_refused(self) -> None:
        whole = torch.zeros(33, dtype=torch.bfloat16)
        model = {"model.norm.weight": whole[1:], "model.layers.0.input_layernorm.weight": whole[:-1]}
        _, patch, _, _ = self.small()
        with self.assertRaisesRegex(gradiend_patch.UsageError, "in part that of"):
            patch.apply_(model, strict=False)

    def test_read_only_arrays_are_refused_before_anything_is_written(self) -> None:
        pair = self.pair("llama-tied", "f32")
        model = self.load(pair / "base")
        arrays = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
        arrays["model.norm.weight"] = arrays["model.norm.weight"].copy()
        arrays["model.norm.weight"].flags.writeable = False
        before = digests(model)
        with self.assertRaisesRegex(gradiend_patch.UsageError, "model.norm.weight.*read-only"):
            gradiend_patch.Patch(pair / "patch").apply_(arrays)
        self.assertEqual(digests(model), before)


class SourceTests(LiveTests):
    def test_results_and_changes_are_those_of_the_files(self) -> None:
        from safetensors.torch import load_file

        for family, dtype in PAIRS:
            pair = self.pair(family, dtype)
            patch = gradiend_patch.Patch(pair / "patch")
            base, result = (load_file(pair / name / "model.safetensors") for name in ("base", "result"))
            self.assertEqual(digests(dict(patch.results(pair / "base"))), digests(result))
            for name, changes in patch.changes(pair / "base").items():
                flat = base[name].view(-1)
                self.assertTrue(torch.equal(flat[changes.indices], changes.base))
                flat[changes.indices] = changes.result
            self.assertEqual(digests(base), digests(result))

    def test_results_lie_in_memory_whatever_the_default_device_is(self) -> None:
        pair = self.pair()
        with torch.device("meta"):
            found = dict(gradiend_patch.Patch(pair / "patch").results(pair / "base"))
        self.assertEqual({tensor.device.type for tensor in found.values()}, {"cpu"})

    def test_a_patch_of_two_modules_is_one_of_arrays(self) -> None:
        pair = self.pair()
        base, result = self.load(pair / "base"), self.load(pair / "result")
        data = gradiend_patch.diff(base.state_dict(), result.state_dict())
        (self.folder / "arrays").write_bytes(data)
        patch = gradiend_patch.Patch(self.folder / "arrays")
        self.check_there_and_back(base, result, patch)
