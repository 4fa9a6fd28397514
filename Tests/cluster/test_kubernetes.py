"""The Jobs of Formats/cluster.md: what Kubernetes wants of them, and what their pods do.

PROGRAM is the program; needs kubernetes_validate, which has the schemas of Kubernetes.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

import kubernetes_validate
import model
import yaml
from scripts import scripts

PROGRAM = os.environ["PROGRAM"]
JOBS: dict[str, Any] = {name: yaml.safe_load(text) for name, text in scripts("cluster.md", "yaml").items()}
#: The first version in which all is stable that is used.
VERSION = "1.33"


class KubernetesTests(unittest.TestCase):
    def test_the_jobs_are_what_kubernetes_takes(self) -> None:
        self.assertEqual(list(JOBS), ["create.yaml", "join.yaml"])
        for name, job in JOBS.items():
            with self.subTest(name):
                kubernetes_validate.validate(job, VERSION, strict=True)

    def test_an_index_fails_with_the_codes_after_which_trying_again_is_of_no_use(self) -> None:
        policy = JOBS["create.yaml"]["spec"]["podFailurePolicy"]
        (codes,) = (rule["onExitCodes"] for rule in policy["rules"] if "onExitCodes" in rule)
        text = subprocess.run([PROGRAM, "create", "--help"], capture_output=True, text=True, check=True).stdout
        documented = {int(code) for code in re.findall(r"^ +(\d+) +\S", text, re.MULTILINE)}
        # 1 and 70 are for other commands and for bugs.
        self.assertEqual(set(codes["values"]) | {0, 74}, documented | {1, 70})
        # The interface wants them so.
        self.assertEqual(codes["values"], sorted(set(codes["values"])))
        containers = JOBS["create.yaml"]["spec"]["template"]["spec"]["containers"]
        self.assertEqual([container["name"] for container in containers], [codes["containerName"]])

    def test_the_commands_of_all_pods_make_what_one_process_makes(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            model.write(folder, 20, rows=64)
            (folder / "gradiend-patch").symlink_to(PROGRAM)

            def run(words: list[str], **variables: str) -> None:
                environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", **variables}
                done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stderr)

            def command(job: str) -> list[str]:
                (container,) = JOBS[job]["spec"]["template"]["spec"]["containers"]
                words: list[str] = container["command"]
                return words

            # Twice, as after a pod that was lost when it had just ended.
            for index in [*range(JOBS["create.yaml"]["spec"]["completions"]), 3]:
                run(command("create.yaml"), JOB_COMPLETION_INDEX=str(index))
            run(command("join.yaml"))
            joined = (folder / "patch.safetensors").read_bytes()
            run([word for word in command("create.yaml") if not word.startswith("--share")])
            self.assertEqual((folder / "patch.safetensors").read_bytes(), joined)


if __name__ == "__main__":
    unittest.main()
