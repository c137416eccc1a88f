"""`evalprov audit` on real runs: what a person, a pipe and a program see."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import Project

from evalprov.judge.audit import ADVICE

EVAL = """
import json, os
right = int(os.environ["RIGHT"])
print(json.dumps({
    "metrics": {f"t{i}": {"correct": i < right} for i in range(40)},
    "observed_model": {"system_fingerprint": os.environ["SERVED"]},
    "model_config": {"model": "m-1", "temperature": 0},
}))
"""
SUMMARY = """
import json, os
print(json.dumps({"accuracy": float(os.environ["ACCURACY"])}))
"""


@pytest.fixture
def repository(project: Project) -> Project:
    """A project with two evals, committed."""
    project.write("eval.py", EVAL)
    project.write("summary.py", SUMMARY)
    project.commit_all()
    return project


def record(project: Project, right: int, served: str = "fp_a") -> None:
    """Record a run that answers so many scenarios correctly."""
    how = ("--quiet", "--scenario", "tickets")
    done = project.run("python3", "eval.py", options=how, env={"RIGHT": str(right), "SERVED": served})
    assert done.returncode == 0, done.stderr


def summarised(project: Project, accuracy: float) -> None:
    """Record a run that reports one number."""
    env = {"ACCURACY": str(accuracy)}
    assert project.run("python3", "summary.py", options=("--quiet",), env=env).returncode == 0


def document(project: Project, *options: str) -> dict[str, Any]:
    """Return what --json prints."""
    done = project.evalprov("audit", "--json", *options)
    assert done.stderr == b""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_silent_change_of_what_is_served_is_found(repository: Project) -> None:
    """The same program scores otherwise when the provider serves another system, and audit names that first."""
    for right, served in ((30, "fp_a"), (31, "fp_a"), (12, "fp_b")):
        record(repository, right, served)
    found = document(repository)
    assert found["version"] == 1
    assert found["answer"] == "1 of 1 program with repeated runs disagrees with itself"
    assert found["programs"] == {"repeated": 1, "disagree": 1, "noise_unknown": 0}
    (group,) = found["groups"]
    assert group["fingerprint"] == repository.records()[0]["identity"]["fingerprint"]
    assert group["suspects"][0]["facts"][0]["name"] == "observed.model.system_fingerprint"
    (metric,) = group["metrics"]
    assert metric["verdict"] == "disagrees"
    assert list(metric["values"].values()) == [0.75, 0.775, 0.3]
    assert metric["judged"]["method"].startswith("paired")

    heading, row = repository.evalprov("audit").stdout.decode().splitlines()
    cells = dict(zip(heading.split("\t"), row.split("\t"), strict=True))
    assert list(cells) == [
        "fingerprint",
        "scenario",
        "runs",
        "metric",
        "low",
        "high",
        "verdict",
        "p",
        "suspects",
    ]
    assert (cells["scenario"], cells["runs"], cells["verdict"]) == ("tickets", "3", "disagrees")
    assert cells["suspects"].split(",")[0] == "observed.model.system_fingerprint"

    shown = repository.on_terminal("audit").splitlines()
    assert shown[0] == found["answer"]
    assert any("observed.model.system_fingerprint  explains" in line for line in shown)
    assert any("fp_a: correct_mean 0.7625 in 2 runs; fp_b: correct_mean 0.3 in 1 run" in line for line in shown)
    assert any("temperature 0 pinned" in line for line in shown)
    assert shown[-1] == ADVICE

    assert repository.evalprov("audit").returncode == 0
    assert repository.evalprov("audit", "--exit-code").returncode == 1


def test_noise_is_not_reported_as_disagreement(repository: Project) -> None:
    """Runs within their noise agree, and the exit code is 0 when asked for one."""
    record(repository, 30)
    record(repository, 31)
    done = repository.evalprov("audit", "--exit-code")
    assert done.returncode == 0
    assert b"the 1 program with repeated runs agrees within its noise" in done.stderr
    assert repository.on_terminal("audit").startswith("the 1 program with repeated runs agrees within its noise\n")


def test_one_number_a_run_leaves_noise_unknown(repository: Project) -> None:
    """A summary that differs is shown with its range, and is no disagreement."""
    summarised(repository, 0.7)
    summarised(repository, 0.8)
    found = document(repository)
    assert found["programs"] == {"repeated": 1, "disagree": 0, "noise_unknown": 1}
    shown = repository.on_terminal("audit")
    assert "0.7 to 0.8  differs; noise unknown (no per-scenario values)" in shown
    assert repository.evalprov("audit", "--exit-code").returncode == 0


def test_nothing_to_compare_is_said_with_the_reasons(project: Project) -> None:
    """Without a repository no run has a fingerprint; audit says so and how many."""
    for command in ("true", "true", "false"):
        project.run(command)
    shown = project.on_terminal("audit")
    assert shown.startswith("nothing to compare: no two runs share a fingerprint\n")
    found = document(project)
    assert sorted(found["left_out"].values()) == [1, 2]
    assert found["left_out"]["failed (exit 1), and no metrics were read"] == 1
    assert "2 runs  no fingerprint: code:" in shown


def test_a_record_that_is_gone_is_remarked_upon(repository: Project) -> None:
    """The other runs are still told; what is missing stands on stderr."""
    record(repository, 30)
    record(repository, 3)
    gone = repository.records()[0]["run_id"]
    (repository.path / "metrics" / "runs" / f"{gone}.json").unlink()
    done = repository.evalprov("audit")
    assert done.returncode == 0
    assert gone.encode() in done.stderr
    assert b"noise_unknown" in done.stdout
    assert b"Traceback" not in done.stderr


def test_no_store_is_a_plain_error(project: Project) -> None:
    """Before the first run there is nothing to audit, and audit says what to do."""
    done = project.evalprov("audit")
    assert done.returncode == 2
    assert b"no runs here yet" in done.stderr
