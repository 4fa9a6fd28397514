"""Whatever interrupts a change, and whoever works beside it, a model is base or result."""

from __future__ import annotations

import contextlib
import gc
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, Optional
from unittest import mock

import gradiend_patch
import torch
from live_cases import LiveTests
from live_models import FAMILIES, digests, make_base, make_result, outputs


class InterruptTests(LiveTests):
    """Whatever comes in the middle, the model is wholly base or wholly result."""

    def large(self) -> tuple[Any, gradiend_patch.Patch, dict[str, str], dict[str, str]]:
        """Some 40 MB, so that an interrupt has a middle to hit."""
        folder = self.folder / "large"
        if not folder.exists():
            folder.mkdir()
            big = dict(vocab_size=8000, hidden_size=512, intermediate_size=1024, num_hidden_layers=6)
            kind, settings = FAMILIES["llama-tied"]
            with mock.patch.dict(FAMILIES, {"large": (kind, {**settings, **big})}):
                make_base("large", torch.bfloat16, folder / "base")
            make_result(folder / "base", folder / "result")
            gradiend_patch.diff(folder / "base", folder / "result", folder / "patch")
        kind = FAMILIES["llama-tied"][0]
        base, result = self.load(folder / "base", kind), self.load(folder / "result", kind)
        return base, gradiend_patch.Patch(folder / "patch"), digests(base), digests(result)

    @contextlib.contextmanager
    def alarms(self, seconds: float) -> Iterator[list[int]]:
        """Raises KeyboardInterrupt in this thread after some time."""
        came = []

        def interrupt(*_: Any) -> None:
            came.append(1)
            raise KeyboardInterrupt

        previous = signal.signal(signal.SIGALRM, interrupt)
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            yield came
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)

    def test_an_interrupt_leaves_base_or_result_and_says_which(self) -> None:
        model, patch, base, result = self.large()
        generator = torch.Generator().manual_seed(3)
        found = {"before": 0, "cancelled": 0, "too late": 0, "not hit": 0, "lost": 0}
        current = "base"
        for round in range(200):
            is_fresh, verify = round % 4 == 0, bool(round % 2)
            if is_fresh:
                patch = gradiend_patch.Patch(self.folder / "large/patch")
            move = patch.strip_ if current == "result" else patch.apply_
            limit = 0.3 if is_fresh else 0.05 if verify else 0.02
            notes: Optional[str] = None
            with self.alarms(max(1e-6, limit * torch.rand((), generator=generator).item())) as came:
                try:
                    move(model, verify=verify)
                    signal.setitimer(signal.ITIMER_REAL, 0)
                except KeyboardInterrupt as error:
                    notes = " ".join(getattr(error, "__notes__", []))
            after = digests(model)
            self.assertIn(after, (base, result))
            before, current = current, "result" if after == result else "base"
            if notes is None:
                # Python drops what comes while it frees an object.
                found["lost" if came else "not hit"] += 1
                self.assertNotEqual(current, before)
            elif not notes:
                found["before"] += 1
            elif f"the model is the {current}" in notes and current != before:
                found["too late"] += 1
            else:
                found["cancelled"] += 1
                self.assertIn("nothing was changed", notes)
                self.assertEqual(current, before)
        print(f"\n200 interrupts: {found}", file=sys.stderr)
        self.assertGreater(found["cancelled"] + found["too late"], 50)
        for move, expected in ((patch.apply_, result), (patch.strip_, base)):  # it still works
            move(model)
            self.assertEqual(digests(model), expected)

    def test_an_interrupted_context_gives_the_base_back(self) -> None:
        model, patch, base, _ = self.large()
        generator = torch.Generator().manual_seed(4)
        hits = 0
        for _ in range(60):
            try:
                with self.alarms(0.08 * torch.rand((), generator=generator).item() + 1e-6):
                    with patch.applied(model):
                        time.sleep(0.01)
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                hits += 1
            gc.collect()
            self.assertEqual(digests(model), base)
        self.assertGreater(hits, 20)

    def test_what_progress_raises_ends_the_work(self) -> None:
        model, patch, base, _ = self.large()

        def progress(_: gradiend_patch.Progress) -> None:
            raise ZeroDivisionError

        with self.assertRaises(ZeroDivisionError) as caught:
            patch.apply_(model, progress=progress)
        self.assertEqual(digests(model), base)
        self.assertIn("nothing was changed", getattr(caught.exception, "__notes__", ["nothing was changed"])[0])


class ThreadTests(LiveTests):
    def test_with_a_lock_outputs_are_always_those_of_base_or_result(self) -> None:
        model, patch, _, _ = self.small()
        words = torch.arange(8).view(1, 8)

        def answer() -> torch.Tensor:
            options = dict(max_new_tokens=6, do_sample=False, return_dict_in_generate=True, output_logits=True)
            return torch.stack(model.generate(words, **options).logits)

        expected = [answer()]
        with patch.applied(model):
            expected.append(answer())
        lock = threading.Lock()
        seen = [0, 0]
        failures = []
        is_over = threading.Event()

        def generate() -> None:
            while not is_over.is_set():
                with lock:
                    found = answer()
                matches = [index for index, logits in enumerate(expected) if torch.equal(found, logits)]
                if len(matches) != 1:
                    failures.append(found)
                    return
                seen[matches[0]] += 1

        thread = threading.Thread(target=generate)
        thread.start()
        try:
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline or min(seen) < 20:
                self.assertTrue(thread.is_alive())
                patch.apply_(model, lock=lock)
                time.sleep(0.002)
                patch.strip_(model, lock=lock, verify=False)
                time.sleep(0.002)
        finally:
            is_over.set()
            thread.join()
        self.assertEqual(failures, [])
        print(f"\n{seen[0]} outputs of the base, {seen[1]} of the result", file=sys.stderr)

    def test_many_threads_may_share_one_patch(self) -> None:
        model, patch, base, result = self.small()
        other, _, _, _ = self.small()
        failures: list[BaseException] = []

        def toggle(mine: Any, verify: bool) -> None:
            try:
                for _ in range(20):
                    patch.apply_(mine, verify=verify)
                    patch.strip_(mine, verify=verify)
            except BaseException as error:
                failures.append(error)

        threads = [
            threading.Thread(target=toggle, args=(mine, verify)) for mine in (model, other) for verify in (True, False)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertIn(digests(model), (base, result))
