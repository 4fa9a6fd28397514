#!/usr/bin/env python3
"""Prints what llama.cpp makes of some prompts: the likeliest tokens, one after the other, with their log probabilities.

    generate.py MODEL.gguf        # needs xllamacpp
    generate.py --compare MODEL.gguf MODEL.gguf

With --compare each model is loaded in a process of its own, as a failed assertion in llama.cpp ends the process; tokens and
probabilities must be the same, or the exit code is 1.
"""
import json
import subprocess
import sys

PROMPTS = [
    "The doctor finished the shift, and then",
    "The nurse said that",
    "My friend went home because",
    "The engineer explained why",
]
TOKEN_COUNT = 24


def generate(model: str) -> list:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = 256
    params.n_parallel = 1
    params.warmup = False
    params.cpuparams.n_threads = 2
    server = xllamacpp.Server(params)
    answers = []
    for prompt in PROMPTS:
        answer = server.handle_completions(
            {"prompt": prompt, "max_tokens": TOKEN_COUNT, "temperature": 0, "seed": 1, "logprobs": 1, "cache_prompt": False}
        )
        choice = answer["choices"][0]
        tokens = [[token["id"], token["logprob"]] for token in choice["logprobs"]["content"]]
        if not tokens:
            raise SystemExit(f"{model}: llama.cpp answers nothing to '{prompt}'")
        answers.append({"prompt": prompt, "text": choice["text"], "tokens": tokens})
    return answers


def in_child(model: str) -> list:
    child = subprocess.run([sys.executable, __file__, model], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if child.returncode != 0:
        sys.stderr.buffer.write(child.stderr[-4000:])
        raise SystemExit(f"{model}: llama.cpp failed with code {child.returncode}")
    return json.loads(child.stdout.splitlines()[-1])


def compare(first: str, second: str) -> None:
    answers, others = in_child(first), in_child(second)
    for answer, other in zip(answers, others, strict=True):
        if answer["tokens"] != other["tokens"]:
            raise SystemExit(f"{first} goes on '{answer['prompt']}{answer['text']}', {second} '{other['text']}'")
        print(f"{answer['prompt']}…{answer['text']!r}")
    count = sum(len(answer["tokens"]) for answer in answers)
    print(f"{count} tokens of {len(answers)} prompts and their probabilities are the same in both")


if __name__ == "__main__":
    if sys.argv[1] == "--compare":
        compare(*sys.argv[2:4])
    else:
        print(json.dumps(generate(sys.argv[1])))
