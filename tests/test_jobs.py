"""A command that runs several jobs on Hydra: what each of them leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conftest import Project

SWEEP = Path(__file__).parent.parent / "fixtures" / "hydra" / "sweep"
# What Hydra does when it is asked for two models, and a program that scores each in its job's folder.
PROGRAM = f"""
import json, os, shutil, sys
for job, score in (("0", 0.5), ("1", 0.75)):
    folder = os.path.join("multirun", "today", job)
    shutil.copytree({str(SWEEP)!r} + "/" + job, folder, copy_function=shutil.copyfile)
    if "keep" in sys.argv:
        json.dump({{"accuracy": score}}, open(folder + "/metrics.json", "w"))
    print(json.dumps({{"metrics": {{"accuracy": score}}, "model_config": {{"model": job}}}}))
open("multirun/today/multirun.yaml", "w").close()
"""


def swept(project: Project, *words: str, options: tuple[str, ...] = ()) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the command's record and its jobs'."""
    (project.path / "app.py").write_text(PROGRAM)
    done = project.run("python3", "app.py", "-m", "model=small,large", *words, options=options)
    assert done.returncode == 0
    assert b"not completed" not in done.stderr
    (parent,) = [record for record in project.records() if record["parent_run_id"] is None]
    jobs = [record for record in project.records() if record["parent_run_id"] == parent["run_id"]]
    return parent, jobs


def test_each_job_has_a_record_of_its_own(project: Project) -> None:
    """It is linked to the command's, and has its own configuration, arguments and metrics."""
    parent, jobs = swept(project, "keep")
    assert len(jobs) == 2
    assert parent["metric_summary"] == {"accuracy": 0.75}
    assert sorted(job["metric_summary"]["accuracy"] for job in jobs) == [0.5, 0.75]
    for job, model in zip(
        sorted(jobs, key=lambda one: one["metric_summary"]["accuracy"]), ("small", "large"), strict=True
    ):
        assert job["status"] == "completed"
        assert list(job["config"]["files"]) == [".hydra/config.yaml", ".hydra/overrides.yaml"]
        assert job["config"]["files"][".hydra/config.yaml"]["values"]["model.name"] == model
        assert job["config"]["arguments"][-2:] == [f"model={model}", "keep"]
        assert job["output"]["metrics_source"]["channel"] == "metrics.json"
        # What was printed is of both, and so in neither.
        assert job["model_config"] == {}
        assert job["code"]["tree"] == parent["code"]["tree"]
    assert len({job["identity"]["layers"]["config"] for job in jobs}) == 2
    assert len(project.history()) == 3


def test_a_job_that_left_no_metrics_says_so(project: Project) -> None:
    """What it printed cannot be told from the others' words, so its metrics are null, with the reason."""
    _, jobs = swept(project)
    assert [job["metric_summary"] for job in jobs] == [None, None]
    assert all("holds none of metrics.json" in job["capture"]["metrics"]["reason"] for job in jobs)


def test_the_jobs_results_are_groups_of_the_commands(project: Project) -> None:
    """Of the sweep's folder, every job's metrics are read, each below its job."""
    parent, _ = swept(project, "keep", options=("--metrics-file", "multirun"))
    assert parent["metric_summary"] == {"0/accuracy": 0.5, "1/accuracy": 0.75}
