"""Without what only Linux has a run is recorded all the same; `make test-portable` tries far more of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from conftest import Project

HERE = Path(__file__).parent
PROBE = f"""
import sys
sys.path.insert(0, {str(HERE)!r})
import without_linux
from evalprov.cli import main
import os, select
assert not hasattr(os, "waitid") and not hasattr(select, "epoll")
sys.exit(main(["run", "--", "sh", "-c", "cat /proc/self/stat >stat; echo '{{\\"a\\": 1}}'; exit 3"]))
"""


def test_a_run_is_recorded_without_linuxs_own_calls(project: Project) -> None:
    """What the command said and how it ended is there; the boot is named, and what nobody can tell is null."""
    environ = {**os.environ, "PATH": f"{HERE}/bin:{os.environ['PATH']}"}
    done = subprocess.run([sys.executable, "-c", PROBE], cwd=project.path, env=environ, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, '{"a": 1}\n'), done.stderr
    record = project.record()
    assert (record["status"], record["exit_code"], record["metric_summary"]) == ("failed", 3, {"a": 1})
    process = record["observed"]["process"]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert (process["boot_id"], process["pid_namespace"]) == (boot.upper(), 1)
    assert record["infra"]["cpu"]["affinity"] is record["resources"]["read_bytes"] is None
    assert (project.path / "stat").read_text()  # the command has it all
