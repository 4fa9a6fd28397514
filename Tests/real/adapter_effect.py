"""What a model or an adapter does of what a GRADIEND means, on SmolLM2-135M computed in single precision.

Intended is the base, as it is in BF16, plus ALPHA times the decoder's output for H, never rounded. Measured is log p(he) - log p(she) after
32 starts that no training had, and the divergence of what is predicted there from what the intended model predicts.
"""
import json
import os
import pathlib

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from adapter_starts import STARTS
from peft import PeftModel
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer


class Effect:
    def __init__(self, base: pathlib.Path, gradiend: pathlib.Path, h: float, alpha: float) -> None:
        self.folder = base
        tokenizer = AutoTokenizer.from_pretrained(base)
        self.model = self._load()
        self.starts = [tokenizer(start)["input_ids"] for start in STARTS]
        self.he, self.she = (tokenizer(f" {word}", add_special_tokens=False)["input_ids"][0] for word in ("he", "she"))
        self.base = {name: value.detach().clone() for name, value in self.model.named_parameters()}
        self.start = self._predict(self.model)
        self._fill(dict(self._meant(gradiend, h, alpha)))
        self.goal = self._predict(self.model)
        self._fill(self.base)

    def _load(self):
        return AutoModelForCausalLM.from_pretrained(self.folder, dtype=torch.float32).eval()

    def _meant(self, gradiend: pathlib.Path, h: float, alpha: float):
        weights = safe_open(gradiend / "model.safetensors", "pt")
        update = alpha * h * weights.get_tensor("decoder.0.linear.weight")[:, 0]
        if "decoder.0.linear.bias" in weights.keys():
            update += alpha * weights.get_tensor("decoder.0.linear.bias")
        config = json.loads((gradiend / "config.json").read_text())["mapping"]
        chosen = {kind: safe_open(gradiend / config[f"{kind}_file"], "pt") for kind in ("masks", "indices") if config.get(f"{kind}_file")}
        done = 0
        for entry in config["param_map"]:
            part = update[done : done + entry["num_selected"]]
            done += entry["num_selected"]
            whole = self.base[entry["name"]].clone().flatten()
            if entry["repr"] == "all":
                whole += part
            elif entry["repr"] == "mask":
                whole[chosen["masks"].get_tensor(entry["key"]).flatten().bool()] += part
            else:
                whole[chosen["indices"].get_tensor(entry["key"]).long()] += part
            yield entry["name"], whole.reshape(entry["shape"])

    @torch.no_grad()
    def _fill(self, values: dict) -> None:
        parameters = dict(self.model.named_parameters())
        for name, value in values.items():
            parameters[name].copy_(value)

    @torch.no_grad()
    def _predict(self, model) -> torch.Tensor:
        logits = [model(input_ids=torch.tensor([start])).logits[0, -1].float() for start in self.starts]
        return torch.log_softmax(torch.stack(logits), -1)

    def mean(self, predicted: torch.Tensor) -> float:
        return (predicted[:, self.he] - predicted[:, self.she]).mean().item()

    @property
    def intended(self) -> float:
        """How far log p(he) - log p(she) should move."""
        return self.mean(self.goal) - self.mean(self.start)

    def of(self, path: str) -> tuple[float, float]:
        """How far it moves with the adapter or the whole model in a folder, and the divergence from the intended model."""
        if os.path.exists(os.path.join(path, "adapter_config.json")):
            # A model of its own: modules that were brought whole stay when PEFT unloads the rest.
            found = self._predict(PeftModel.from_pretrained(self._load(), path).eval())
        else:
            with safe_open(os.path.join(path, "model.safetensors"), "pt") as file:
                self._fill({name: file.get_tensor(name).float() for name in file.keys()})
            found = self._predict(self.model)
            self._fill(self.base)
        divergence = (self.goal.exp() * (self.goal - found)).sum(-1).mean().item()
        return self.mean(found) - self.mean(self.start), divergence
