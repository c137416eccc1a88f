"""What a Python program asks of a recorded run."""

from __future__ import annotations

import subprocess
import sys

from bringing import REPORT
from conftest import Project


def test_a_run_is_loaded_and_verified(project: Project) -> None:
    """Its facts, its metrics, and the same answer as on the command line."""
    project.write("eval.py", REPORT)
    project.commit_all()
    project.run("python3", "eval.py")
    code = (
        "import evalprov\nrun = evalprov.load()\nfound = run.verify()\n"
        "print(run.run_id, run.metrics, run.record['status'], found.exit_code, found.rung, found.back['code'].way)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project.path, capture_output=True, text=True)
    run_id = project.record()["run_id"]
    assert done.stdout.split() == [run_id, "{'accuracy':", "0.74}", "completed", "0", "everything", "full"], done.stderr
