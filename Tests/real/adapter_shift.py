#!/usr/bin/env python3
"""Compares an adapter with the model that a GRADIEND means, as PEFT, llama.cpp and vLLM load it.

    adapter_shift.py --complete CHECKPOINT VOCABULARY.gguf     # puts configuration and tokenizer beside the weights
    adapter_shift.py FOLDER GRADIEND H ALPHA ADAPTER ADAPTER.gguf MODEL.gguf...   # needs requirements-adapter.txt

FOLDER has base-bf16 and the download of make_base.py. Intended is the base in single precision plus ALPHA times the decoder's output for
H. Measured is log p(he) - log p(she) after 32 starts, and how far its mean moves from the same base without the adapter; the exit code is 1
if that is less than 95 % of the intended, or more than 105 %. vLLM is left out where it is not installed.
"""
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
from adapter_starts import STARTS

#: Of SmolLM2. All are asked for: what an update makes unlikely is among the last.
VOCABULARY = 49152


def complete(checkpoint: str, vocabulary: str) -> None:
    from transformers import AutoConfig, AutoTokenizer, LlamaConfig

    folder, name = os.path.split(vocabulary)
    known = AutoConfig.from_pretrained(folder, gguf_file=name).to_dict()
    other = ("quantization_config", "_name_or_path", "dtype", "torch_dtype", "model_type", "transformers_version")
    config = LlamaConfig(**{key: value for key, value in known.items() if key not in other})
    config.architectures = ["LlamaForCausalLM"]
    config.save_pretrained(checkpoint)
    AutoTokenizer.from_pretrained(folder, gguf_file=name).save_pretrained(checkpoint)


# --- llama.cpp


def llama_mean(model: str, adapter: str | None) -> float:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = 256
    params.n_parallel = 1
    params.warmup = False
    params.cpuparams.n_threads = 2
    if adapter:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(adapter, 1.0)]
    server = xllamacpp.Server(params)
    shifts = []
    for start in STARTS:
        request = {"prompt": start, "max_tokens": 1, "temperature": 0, "logprobs": VOCABULARY, "cache_prompt": False}
        content = server.handle_completions(request)["choices"][0]["logprobs"]["content"]
        found = {token["token"]: token["logprob"] for token in content[0]["top_logprobs"]}
        shifts.append(found[" he"] - found[" she"])
    return sum(shifts) / len(shifts)


def in_child(*words: str) -> float:
    """A failed assertion in llama.cpp ends the process."""
    child = subprocess.run([sys.executable, __file__, "--one", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if child.returncode != 0:
        sys.stderr.buffer.write(child.stderr[-4000:])
        raise SystemExit(f"{' '.join(words)}: failed with code {child.returncode}")
    return json.loads(child.stdout.splitlines()[-1])


# --- vLLM


def vllm_mean(folder: str, adapter: str, uses: str, dtype: str) -> float:
    from vllm import LLM, SamplingParams
    from vllm.lora.request import LoRARequest

    rank = json.loads(pathlib.Path(adapter, "adapter_config.json").read_text())["r"]
    llm = LLM(folder, dtype=dtype, enforce_eager=True, enable_lora=True, max_lora_rank=max(8, rank), max_logprobs=VOCABULARY, max_model_len=256)
    request = LoRARequest("gradiend", 1, adapter) if uses == "adapter" else None
    tokenizer = llm.get_tokenizer()
    he, she = (tokenizer.encode(f" {word}", add_special_tokens=False)[0] for word in ("he", "she"))
    outputs = llm.generate(STARTS, SamplingParams(temperature=0, max_tokens=1, logprobs=VOCABULARY), lora_request=request)
    found = [output.outputs[0].logprobs[0] for output in outputs]
    return sum(p[he].logprob - p[she].logprob for p in found) / len(found)


def main(folder, gradiend, h, alpha, adapter, gguf, *models) -> None:
    from adapter_effect import Effect

    effect = Effect(pathlib.Path(folder, "base-bf16"), pathlib.Path(gradiend), float(h), float(alpha))
    intended = effect.intended
    print(f"log p(he) - log p(she) after {len(STARTS)} starts: base {effect.mean(effect.start):+.4f}, intended {intended:+.4f} more")
    move, divergence = effect.of(adapter)
    print(f"KL(intended || PEFT) {divergence:.2e}", file=sys.stderr)
    moves = {"PEFT, base in F32": move}
    for model in models:
        moves[f"llama.cpp, {pathlib.Path(model).stem}"] = in_child(model, gguf) - in_child(model)
    if importlib.util.find_spec("vllm"):
        served = [in_child("--vllm", f"{folder}/base-bf16", adapter, uses, "float32") for uses in ("adapter", "base")]
        moves["vLLM, computing in F32"] = served[0] - served[1]
    for name, move in moves.items():
        print(f"{name}: {move:+.4f}, {move / intended:.1%} of the intended")
    wrong = [name for name, move in moves.items() if not 0.95 <= move / intended <= 1.05]
    if wrong:
        raise SystemExit(f"not within 5 % of the intended: {', '.join(wrong)}")


if __name__ == "__main__":
    if sys.argv[1] == "--complete":
        complete(*sys.argv[2:4])
    elif sys.argv[1:3] == ["--one", "--vllm"]:
        print(json.dumps(vllm_mean(*sys.argv[3:7])))
    elif sys.argv[1] == "--one":
        print(json.dumps(llama_mean(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)))
    else:
        main(*sys.argv[1:])
