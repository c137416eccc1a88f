"""`evalprov plan`, and what earlier runs of a program tell `diff`, on real runs."""

from __future__ import annotations

import json

import pytest
from conftest import Project

EVAL = """
import json, os, random
random.seed(int(os.environ.get("EVALPROV_SEED", "9")))
slow = 1 + random.random()
print(json.dumps({"metrics": {
    f"t{n}": {"correct": random.random() < 0.7, "latency_ms": slow * (n + 1), "cost_usd": 0.01} for n in range(30)
}}))
"""
ARITHMETIC = "def mean(columns):\n    return sum(columns[0]) / len(columns[0])\n"


@pytest.mark.long
def test_a_plan_and_a_diff_know_how_far_runs_lie_apart(project: Project) -> None:
    """The plan says what is seen, what a move takes and what that costs; the diff allows for the earlier runs."""
    project.write("eval.py", EVAL)
    project.commit_all()
    assert project.run("python3", "eval.py", options=("--quiet", "--jobs", "2", "--repeat", "5")).returncode == 0
    done = project.evalprov("plan", "--metric", "correct", "--move", "0.05", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["metric"], found["move"], found["scenarios"], found["rates"], found["sure"]) == (
        "correct",
        0.05,
        30,
        True,
        True,
    )
    assert [row["trials"] for row in found["plans"]] == [1, 2, 3, 5, 10]
    assert 0.2 < found["plans"][0]["sees"] < 0.6
    assert 500 < found["plans"][0]["scenarios"] < 5000
    assert found["plans"][0]["usd"] == round(2 * found["plans"][0]["scenarios"] * 0.01, 4)
    assert found["answer"].startswith("correct: 30 scenarios, one run on each side, see a move of 0.")
    slow = json.loads(project.evalprov("plan", "--metric", "latency_ms", "--move", "0.5", "--json").stdout)
    assert slow["plans"][0]["scenarios"] is None
    assert slow["whole"] > 0
    lines = project.evalprov("plan", "--metric", "correct", "--move", "0.05").stdout.decode().splitlines()
    assert lines[0].split("\t") == ["trials", "sees", "scenarios", "seconds", "usd"]
    two = json.loads(project.evalprov("diff", "latest~1", "latest", "--json").stdout)
    latency = next(one for one in two["metrics"] if one["name"] == "latency_ms_mean")
    infra = json.loads(project.evalprov("show", "--json").stdout)["identity"]["layers"]["infra"]
    told = "allows for how far 3 earlier runs of one program lie apart"
    assert (told in str(latency["reason"])) == (infra is not None)


def test_what_is_asked_of_a_plan_is_checked(project: Project) -> None:
    """A metric and a size are wanted, and a metric that is not there is named with those that are."""
    assert project.evalprov("plan", "--metric", "x").returncode == 2
    assert project.evalprov("plan", "--move", "0.1").returncode == 2
    assert project.evalprov("plan", "--metric", "x", "--move", "nan").returncode == 2
    project.write("eval.py", EVAL)
    project.commit_all()
    assert project.run("python3", "eval.py", options=("--quiet",)).returncode == 0
    done = project.evalprov("plan", "--metric", "x", "--move", "0.1")
    assert done.returncode != 0
    assert "correct_mean" in done.stderr.decode()
    done = project.evalprov("plan", "--metric", "correct", "--move", "0.1")
    assert "of one run the noise is not known" in done.stderr.decode()


def test_a_function_of_the_users_is_run_only_once_trusted(project: Project) -> None:
    """Until then it is said; then the number is made anew by it."""
    project.write(
        "eval.py", EVAL.replace("print(json", "metrics = json.loads(json").replace("}))\n", "}))\n", 1) + TAIL
    )
    project.write("scores.py", ARITHMETIC)
    project.write("evalprov.toml", '[metrics.quality]\naggregate = "python:scores:mean"\nof = ["latency_ms"]\n')
    project.commit_all()
    assert project.run("python3", "eval.py", options=("--quiet", "--repeat", "2")).returncode == 0

    def quality() -> dict[str, object]:
        found = json.loads(project.evalprov("diff", "latest~1", "latest", "--json").stdout)
        return next(one for one in found["metrics"] if one["name"] == "quality")

    before = quality()
    assert before["verdict"] == "cannot_tell"
    assert "evalprov trust" in str(before["reason"])
    trusted = project.evalprov("trust")
    assert "python:scores:mean" in trusted.stdout.decode()
    assert "python:scores:mean, jackknifed" in str(quality()["method"])


TAIL = """
values = [row["latency_ms"] for row in metrics["metrics"].values()]
print(json.dumps({**metrics, "metric_summary": {"quality": sum(values) / len(values)}}))
"""
