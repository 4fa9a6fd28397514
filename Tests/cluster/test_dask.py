"""Shares on Dask: a scheduler and two workers, processes of their own, of which one may be killed.

Runs where the wheel and Dask are installed, with Tests/wheel beside its own folder in PYTHONPATH.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import distributed
import gradiend_patch
from gradiend_patch import Progress
from test_shares import SHARDS, WHO, ShareTestCase


class DaskTests(ShareTestCase):
    rows = 4096

    def setUp(self) -> None:
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.contact = Path(folder.name, "scheduler.json")
        self.start("scheduler", "--port=0", "--no-dashboard")
        for _ in range(2):
            self.start("worker", "--no-nanny", "--nthreads=1", "--no-dashboard")
        self.client = distributed.Client(scheduler_file=str(self.contact))
        self.addCleanup(self.client.close)
        self.client.wait_for_workers(2, timeout=60)

    def start(self, *words: str) -> None:
        folder = self.contact.parent
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *words, "--scheduler-file", str(self.contact)],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

    def test_workers_make_what_one_process_makes(self) -> None:
        self.check(self.client.get_executor())

    def test_an_error_of_a_share_ends_the_work(self) -> None:
        damaged = Path("base/model-00002-of-00005.safetensors")
        data = bytearray(damaged.read_bytes())
        data[-1] ^= 1
        damaged.write_bytes(data)
        with self.assertRaises(gradiend_patch.MismatchError) as caught:
            gradiend_patch.apply("base", "whole", "out", executor=self.client.get_executor())
        self.assertEqual(caught.exception.tensor, "layers.1")
        self.assertFalse(Path("out").exists())

    def test_the_shares_of_a_worker_that_is_killed_are_done_by_others(self) -> None:
        processes = self.client.run(os.getpid)
        killed: list[str] = []

        def kill_one(progress: Progress) -> None:
            """Kills a worker that is at work."""
            for worker, tasks in self.client.processing().items():
                if tasks and not killed:
                    os.kill(processes[worker], signal.SIGKILL)
                    killed.append(worker)

        made = gradiend_patch.create(
            "base", "gradiend", "made", **WHO, executor=self.client.get_executor(), threads=1, progress=kill_one
        )
        self.assertEqual(len(killed), 1)
        self.assertNotIn(killed[0], self.client.scheduler_info()["workers"])
        self.assertEqual(Path("made").read_bytes(), Path("whole").read_bytes())
        self.assertEqual(made.tensors, SHARDS)
        self.assertEqual(self.left(), {"made"})


if __name__ == "__main__":
    unittest.main()
