"""`evalprov sweep`: every combination is an ordinary run with its values declared; nothing is run that need not be."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import pytest
from conftest import Project
from diffing import carried_out

EVAL = """
import json, os
print(json.dumps({"accuracy": len(os.environ["API_TOKEN"])}))
"""
WARM = """
import json, os, sys
if sys.argv[1] == "1" and not os.path.exists("../ready"):
    sys.exit(3)
print(json.dumps({"accuracy": float(sys.argv[1]) * int(os.environ["SEED"])}))
"""
SECRETS = ("tell-nobody-1-this", "tell-nobody-22-this")


@pytest.fixture
def inner(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project inside a folder that is not of it."""
    project = Project(tmp_path_factory.mktemp("outer") / "project")
    project.write("eval.py", EVAL)
    return project


def records(project: Project) -> list[dict[str, Any]]:
    """Return every record, oldest first."""
    return [json.loads(file.read_text()) for file in sorted((project.path / "metrics/runs").glob("*.json"))]


def test_nothing_runs_before_what_is_wrong_is_said(inner: Project) -> None:
    """A dry run lists the points; many runs need a second word; what leads nowhere is refused, or warned of."""
    cat = ("--", "cat", "{model.temperature}")
    code, out, err = carried_out(
        inner, "sweep", "--set", "model.temperature=0,0.3", "--env", "SEED=1,2", "--dry-run", *cat
    )
    assert (code, out.splitlines()) == (
        0,
        [
            "point\tmodel.temperature\tSEED\tcommand",
            "1\t0\t1\tcat 0",
            "2\t0\t2\tcat 0",
            "3\t0.3\t1\tcat 0.3",
            "4\t0.3\t2\tcat 0.3",
        ],
    )
    assert "4 points (model.temperature 0, 0.3 x SEED 1, 2)" in err
    code, out, err = carried_out(inner, "sweep", "--set", "model.top_p=0,1", "--dry-run", "--", "cat", "--multirun")
    assert "warning: model.top_p is swept, and the command is not told: every point would run the same program" in err
    assert "looks like a multirun of Hydra" in err
    code, _, err = carried_out(inner, "sweep", "--env", "SEED=1..101", "--repeat", "2", "--", "cat")
    assert (code, "that are 202 runs (101 points, 2 trials each)" in err) == (2, True)
    assert "--yes" in err
    code, _, err = carried_out(inner, "sweep", "lr=1,2", "--", "cat", "--lr")
    assert (code, "no word of the command has a place for lr" in err) == (2, True)
    words = ("--jobs", "2", "--metrics-file", "out.json", "--env", "SEED=1,2")
    code, _, err = carried_out(inner, "sweep", *words, "--", "cat")
    assert (code, "2 runs at a time would write out.json" in err) == (2, True)
    assert not (inner.path / "metrics").exists()


@pytest.mark.long
def test_each_point_is_a_run_and_one_that_failed_is_resumed(inner: Project) -> None:
    """Values are declared, variables recorded; a point that fails stops nobody; only what has no result runs again."""
    inner.write("warm.py", WARM)
    words = ("--set", "model.temperature=1,0.5", "--env", "SEED=7")
    command = ("--", sys.executable, "warm.py", "{model.temperature}")
    done = inner.evalprov("sweep", *words, "--jobs", "2", *command)
    assert done.returncode == 3
    err = done.stderr.decode()
    assert "2 runs of the sweep" in err
    assert "without a result: point 1" in err
    told = {run["sweep"]["point"]: run for run in records(inner)}
    assert {point: run["sweep"]["values"] for point, run in sorted(told.items())} == {
        1: {"model.temperature": "1"},
        2: {"model.temperature": "0.5"},
    }
    assert [told[point]["model_config"]["temperature"] for point in (1, 2)] == [1, 0.5]
    assert (told[2]["status"], told[2]["metric_summary"]) == ("completed", {"accuracy": 3.5})
    assert told[2]["software"]["env"]["SEED"] == "7"
    (inner.path.parent / "ready").touch()
    again = inner.evalprov("sweep", *words, "--resume", "latest", *command)
    assert again.returncode == 0
    assert "2 points (model.temperature 1, 0.5); 1 run to go" in again.stderr.decode()
    assert [run["sweep"]["point"] for run in records(inner)][2:] == [1]
    assert len({run["sweep"]["id"] for run in records(inner)}) == 1
    other = ("--resume", told[1]["sweep"]["id"], "--", "true", "{model.temperature}")
    code, _, err = carried_out(inner, "sweep", *words, *other)
    assert (code, "was of another command" in err) == (2, True)


@pytest.mark.long
def test_a_swept_secret_reaches_the_command_and_nothing_that_is_written(inner: Project) -> None:
    """The command has the secret's value; no file of the store and no line that is printed has it."""
    words = ("--env", f"API_TOKEN={','.join(SECRETS)}")
    done = inner.evalprov("sweep", *words, "--", sys.executable, "eval.py")
    assert done.returncode == 0
    assert [run["metric_summary"]["accuracy"] for run in records(inner)] == list(map(len, SECRETS))
    assert [run["sweep"]["values"] for run in records(inner)] == [{"API_TOKEN": "[secret]"}] * 2
    files = [file.read_bytes() for file in (inner.path / "metrics").rglob("*") if file.is_file()]
    assert not [file for file in files if any(one.encode() in file for one in SECRETS)]
    assert b"tell-nobody" not in done.stderr


@pytest.mark.long
def test_a_sweep_that_is_stopped_says_how_it_goes_on(inner: Project) -> None:
    """A signal ends what runs, begins no other, and the same words with --resume run the rest."""
    words = ["sweep", "--env", "SEED=1..3"]
    command = ["--", "sh", "-c", "test -e ../ready || { echo here >&2; sleep 600; }; echo '{\"a\": 1}'"]
    child = subprocess.Popen(
        [sys.executable, "-m", "evalprov", *words, *command],
        cwd=inner.path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stderr is not None
    while b"here" not in child.stderr.readline():
        pass
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 128 + signal.SIGTERM
    (run,) = records(inner)
    assert run["status"] == "interrupted"
    assert f"--resume {run['sweep']['id']}".encode() in err
    (inner.path.parent / "ready").touch()
    assert inner.evalprov(*words, "--resume", "latest", *command).returncode == 0
    assert sorted(run["status"] for run in records(inner)) == ["completed"] * 3 + ["interrupted"]
