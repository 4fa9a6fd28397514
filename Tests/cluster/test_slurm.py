"""The scripts of Formats/cluster.md on a real Slurm, and what happens to their tasks there.

PROGRAM is the program, SLURM_CONF the running Slurm, of the nodes one and two; see slurm.sh.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path

import model
from scripts import scripts

PROGRAM = os.environ["PROGRAM"]
SHARDS = 20
#: How many tasks each of the two nodes takes.
SLOTS = 4


class SlurmTests(unittest.TestCase):
    made: Path

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="slurm-")
        cls.addClassCleanup(folder.cleanup)
        cls.made = Path(folder.name)
        model.write(cls.made, SHARDS)
        cls.program(cls.made, *cls.create, "-o", "patch")
        cls.program(cls.made, "apply", "base", "patch", "-o", "result")

    create = ("create", "base", "gradiend", "--feature-factor=-1", "--learning-rate=0.01")

    @staticmethod
    def program(folder: Path, *words: str, status: int = 0) -> str:
        run = subprocess.run([PROGRAM, *words], cwd=folder, capture_output=True, text=True)
        assert run.returncode == status, (words, run.returncode, run.stderr)
        return run.stderr

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="slurm-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        for name in ("base", "gradiend"):
            (self.folder / name).symlink_to(self.made / name)
        self.addCleanup(self.run_here, "scancel", "--user", str(os.getuid()))
        for name, text in scripts("cluster.md", "bash").items():
            (self.folder / name).write_text(text)
        shutil.copy(Path(__file__).with_name("gradiend-patch"), self.folder)

    # What Slurm is asked

    def run_here(self, *words: str, **variables: str) -> str:
        environment = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}", **variables}
        return subprocess.run(
            words, cwd=self.folder, env=environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    def submit(self, script: str, shares: int, **variables: str) -> list[str]:
        """The jobs that a script submits: the array, and what depends on it."""
        return self.run_here("bash", script, SHARES=str(shares), **variables).split()

    def submit_create(self, shares: int) -> list[str]:
        return self.submit("create.sh", shares, BASE="base", GRADIEND="gradiend", H="-1", A="0.01", PATCH="patch")

    def control(self, *words: str) -> str:
        return self.run_here("scontrol", *words)

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 60
        while not holds():
            if time.monotonic() > deadline:
                self.fail(f"{what} did not come; {self.run_here('squeue')}\n{self.logs()}")
            time.sleep(0.1)

    def finish(self, jobs: list[str]) -> dict[str, dict[str, str]]:
        """What became of jobs and tasks, by their number."""
        queue = ("squeue", "--noheader", "--jobs=" + ",".join(jobs))
        self.wait_until(lambda: not self.run_here(*queue), "the end")
        found = {}
        for job in jobs:
            for line in self.control("show", "job", "--oneliner", job).splitlines():
                values = dict(word.split("=", 1) for word in line.split() if "=" in word)
                task = values.get("ArrayTaskId")
                found[job if task is None else f"{job}_{task}"] = values
        return found

    def logs(self) -> str:
        return "".join(f"{path.name}: {path.read_text()}" for path in sorted(self.folder.glob("*.log")))

    def hold(self, *tasks: int) -> None:
        """Has the first attempts of tasks stop in the middle."""
        for task in tasks:
            (self.folder / f"hold-{task}").touch()

    def stopped(self, task: int) -> int:
        """The process of a task that has stopped."""
        path = self.folder / f"stopped-{task}"
        self.wait_until(path.exists, f"a stop of task {task}")
        return int(path.read_text())

    def assert_same(self, name: str) -> None:
        """A file or folder is the one that one process made."""
        paths = (self.folder / name, self.made / name)
        files = [
            {str(p.relative_to(path)): p.read_bytes() for p in ([path] if path.is_file() else path.rglob("*")) if p.is_file()}
            for path in paths
        ]
        self.assertEqual(sorted(files[0]), sorted(files[1]), self.logs())
        for file, data in files[0].items():
            self.assertTrue(data == files[1][file], f"{name}/{file} is another")

    def assert_done(self, jobs: dict[str, dict[str, str]], restarts: dict[int, int] = {}) -> None:
        for job, values in jobs.items():
            self.assertEqual((job, values["JobState"]), (job, "COMPLETED"), self.logs())
            expected = restarts.get(int(values.get("ArrayTaskId", 0)), 0)
            self.assertEqual((job, int(values["Restarts"])), (job, expected))

    # What must hold

    def test_arrays_of_any_size_make_what_one_process_makes(self) -> None:
        for shares in (2, 5, 16):
            with self.subTest(shares=shares):
                self.assert_done(self.finish(self.submit_create(shares)))
                self.assert_same("patch")
                self.assert_done(self.finish(self.submit("apply.sh", shares, BASE="base", PATCH="patch", OUT="result")))
                self.assert_same("result")
                (self.folder / "patch").unlink()
                shutil.rmtree(self.folder / "result")

    def test_a_task_that_fails_part_way_or_is_killed_is_queued_again_and_nobody_can_tell(self) -> None:
        self.hold(2, 4)
        (self.folder / "limit-5").touch()
        jobs = self.submit_create(5)
        os.kill(self.stopped(2), signal.SIGKILL)
        self.stopped(4)
        self.control("requeue", f"{jobs[0]}_4")
        self.assert_done(self.finish(jobs), restarts={2: 1, 4: 1, 5: 1})
        self.assert_same("patch")

        self.hold(3)
        jobs = self.submit("apply.sh", 5, BASE="base", PATCH="patch", OUT="result")
        os.kill(self.stopped(3), signal.SIGKILL)
        self.assert_done(self.finish(jobs), restarts={3: 1})
        self.assert_same("result")

    def test_what_its_user_cancels_is_not_queued_again(self) -> None:
        self.hold(1, 2)
        jobs = self.submit_create(2)
        for task in (1, 2):
            self.stopped(task)
        self.run_here("scancel", jobs[0])
        for job, values in self.finish(jobs).items():
            self.assertEqual((job, values["JobState"], values["Restarts"]), (job, "CANCELLED", "0"))
        self.assertEqual(list(self.folder.glob(".*.partial")), [])

    def test_a_node_may_be_drained_meanwhile(self) -> None:
        jobs, there = self.submit_and_lose_node("DRAIN", "Reason=test")
        self.addCleanup(self.control, "update", "NodeName=two", "State=RESUME")
        done = self.finish(jobs)
        self.assert_done(done)
        self.assert_same("patch")
        # What was there has ended there, and nothing more was begun.
        nodes = {int(values["ArrayTaskId"]): values["NodeList"] for job, values in done.items() if "_" in job}
        self.assertEqual(sorted(task for task, node in nodes.items() if node == "two"), there)

    def test_a_node_may_fail_meanwhile(self) -> None:
        jobs, there = self.submit_and_lose_node("DOWN", "Reason=test")
        self.assert_done(self.finish(jobs), restarts=dict.fromkeys(there, 1))
        self.assert_same("patch")

    @staticmethod
    def kill(process: int, number: int = signal.SIGKILL) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)

    def submit_and_lose_node(self, *change: str) -> tuple[list[str], list[int]]:
        """Changes node two while it works on as many tasks as it can; its jobs, and the tasks there."""
        running = range(1, 2 * SLOTS + 1)
        self.hold(*running)
        jobs = self.submit_create(16)
        processes = [self.stopped(task) for task in running]
        tasks = self.control("show", "job", "--oneliner", jobs[0])
        there = sorted(int(task) for task in re.findall(r"ArrayTaskId=(\d+) .* NodeList=two ", tasks))
        self.assertEqual(len(there), SLOTS, tasks)
        self.control("update", "NodeName=two", f"State={change[0]}", *change[1:])
        for task, process in zip(running, processes):
            # What runs on a node that fails does not go on.
            if change[0] == "DOWN" and task in there:
                self.addCleanup(self.kill, process)
            else:
                self.kill(process, signal.SIGCONT)
        return jobs, there

    def test_a_piece_that_is_missing_is_named_and_made_again(self) -> None:
        shares = 5
        jobs = self.submit_create(shares)
        self.finish(jobs)
        (self.folder / "patch").unlink()
        piece = self.folder / f"patch.piece-3-of-{shares}"
        piece.unlink()
        pieces = [str(path) for path in sorted(self.folder.glob("patch.piece-*"))]
        self.assertIn("pieces of these are missing: 3", self.program(self.folder, "join", *pieces, "-o", "patch", status=65))
        self.assertFalse((self.folder / "patch").exists())
        again = ("--array=3", "share.sbatch", *self.create, "-o", "patch")
        job = self.run_here("sbatch", "--parsable", *again, SHARE=f"3/{shares}").strip()
        self.assert_done(self.finish([job]))
        self.program(self.folder, "join", *pieces, str(piece), "-o", "patch")
        self.assert_same("patch")

    def test_what_would_only_fail_again_is_not_queued_again_and_nothing_is_joined(self) -> None:
        base = self.folder / "base"
        base.unlink()
        shutil.copytree(self.made / "base", base)
        with min(base.glob("*.safetensors")).open("r+b") as file:
            file.truncate(1000)
        jobs = self.finish(self.submit_create(5))
        array = [values for job, values in jobs.items() if "_" in job]
        self.assertTrue(any(values["ExitCode"] == "65:0" for values in array), self.logs())
        self.assertEqual({values["Restarts"] for values in array}, {"0"})
        (join,) = (values for job, values in jobs.items() if "_" not in job)
        self.assertEqual(join["JobState"], "CANCELLED")
        self.assertFalse((self.folder / "patch").exists())


if __name__ == "__main__":
    unittest.main()
