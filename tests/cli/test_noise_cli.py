"""`evalprov noise` on real runs: what a person, a pipe and a program see."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import Project

NOISY = """
import json, os, random
random.seed(int(os.environ["EVALPROV_SEED"]))
print(json.dumps({"metrics": {f"t{n}": {"correct": random.random() < n / 30} for n in range(30)}}))
print("seen by nobody")
"""
DRIFTING = """
import json, os
trial = int(os.environ["EVALPROV_TRIAL"])
print(json.dumps({"metrics": {f"t{n}": {"correct": n < 5 * trial} for n in range(30)}}))
"""
FLAT = """
import json, os, random
random.seed(os.environ.get("ROUND") or os.environ["EVALPROV_SEED"])
print(json.dumps({"accuracy": round(random.gauss(0.7, 0.02), 4)}))
"""


@pytest.fixture
def repository(project: Project) -> Project:
    """A project with three evals, committed."""
    for name, text in (("noisy.py", NOISY), ("drifting.py", DRIFTING), ("flat.py", FLAT)):
        project.write(name, text)
    project.commit_all()
    return project


def record(project: Project, script: str, times: int) -> None:
    """Record some trials of a script."""
    how = ("--quiet", "--jobs", "2", "--repeat", str(times))
    done = project.run("python3", script, options=how)
    assert done.returncode == 0, done.stderr


def document(project: Project, *words: str) -> dict[str, Any]:
    """Return what --json prints."""
    done = project.evalprov("noise", "--json", *words)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def seen(project: Project, columns: int, *words: str) -> str:
    """Return what a person at a terminal sees, our progress bar taken away."""
    return project.on_terminal(*words, columns=columns).rpartition("\x1b[K")[2]


@pytest.mark.long
def test_the_trials_of_a_repeat_are_compared(repository: Project) -> None:
    """Any trial names them all; the answer, the rates, and what each metric's noise is made of are there."""
    record(repository, "noisy.py", 4)
    found = document(repository, repository.records()[1]["run_id"])
    assert found["version"] == 1
    assert len(found["runs"]) == 4
    assert found["verdict"] == "holds"
    assert found["pairs"]["of"] == 12
    assert found["resampled"]["of"] == 1000
    low, high = found["resampled"]["interval"]
    assert low <= found["resampled"]["fired"] / 1000 <= high
    assert found["answer"].startswith("false alarms in ")
    assert found["answer"].endswith("stated: at most 5 %")
    (metric,) = found["metrics"]
    assert metric["name"] == "correct_mean"
    assert (metric["trials"], metric["scenarios"]) == (4, 30)
    assert 0 < metric["within"] <= 1
    assert metric["unstable"] == len(metric["most_unstable"]) > 5

    done = repository.evalprov("noise")
    assert done.returncode == 2  # it is a question about something
    heading, row = repository.evalprov("noise", "latest").stdout.decode().splitlines()
    cells = dict(zip(heading.split("\t"), row.split("\t"), strict=True))
    assert (cells["metric"], cells["trials"], cells["tolerance"]) == ("correct_mean", "4", "-")
    assert float(cells["within"]) == pytest.approx(metric["within"])


@pytest.mark.long
def test_trials_that_differ_as_a_whole_are_found(repository: Project) -> None:
    """A program that gets better from trial to trial is not alike: the first line says so, the last what it may be."""
    record(repository, "drifting.py", 4)
    lines = seen(repository, 80, "noise", "latest").splitlines()
    assert lines[0].startswith("the trials are not alike (correct_mean): false alarms in ")
    assert "drifted" in " ".join(lines[-4:])
    assert any(line.split()[:1] == ["correct_mean"] and "15 of 30" in line for line in lines)
    assert any(line.startswith("unstable in correct_mean, the first 5 of 15") for line in lines)
    assert max(map(len, lines[1:])) <= 80


@pytest.mark.long
def test_a_command_is_run_first(repository: Project) -> None:
    """What it prints is kept and not shown; stdout has the answer alone."""
    words = ("noise", "--repeat", "3", "--jobs", "2", "--json", "--", "python3", "noisy.py")
    done = repository.evalprov(*words)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["runs"]) == 3
    assert b"nobody" not in done.stdout + done.stderr
    assert {record["repeat"]["of"] for record in repository.records()} == {3}


def test_an_option_behind_the_dashes_is_the_commands(repository: Project) -> None:
    """`--json` there is a word of the command."""
    done = repository.evalprov("noise", "--repeat", "2", "--", "python3", "flat.py", "--json", "--", "x")
    assert done.returncode == 0
    assert done.stdout.startswith(b"metric\t")
    assert repository.records()[0]["command"]["argv"][1:] == ["flat.py", "--json", "--", "x"]


def test_without_a_repeat_runs_of_one_fingerprint_are_compared(repository: Project) -> None:
    """Only they, and only completed ones; a tolerance is suggested in the settings' words, and settles it."""
    for number in range(4):
        assert repository.run("python3", "flat.py", env={"ROUND": str(number)}).returncode == 0
    repository.run("python3", "noisy.py", env={"EVALPROV_SEED": "1"})
    latest = repository.records()[0]["run_id"]
    found = document(repository, latest)
    assert len(found["runs"]) == 4
    assert found["verdict"] == "cannot_tell"
    assert found["resampled"] is None
    (metric,) = found["metrics"]
    assert metric["tolerance"] > 0
    text = seen(repository, 80, "noise", latest)
    settings = text[text.index("[metrics.accuracy]") :].splitlines()[:2]
    repository.write("evalprov.toml", "\n".join(settings))
    assert document(repository, latest)["verdict"] == "holds"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), b"missing RUN, or a command behind --"),
        (("--",), b"give either a run or a command"),
        (("latest", "--", "true"), b"give either a run or a command"),
        (("--repeat", "5", "latest"), b"--repeat needs a command"),
        (("--jobs", "5", "latest"), b"--jobs needs a command"),
        (("--repeat", "1", "--", "true"), b"--repeat"),
        (("latest",), b"no run"),
        (("--nonsense",), b"nonsense"),
    ],
)
def test_what_cannot_be_meant_is_said(project: Project, words: tuple[str, ...], said: bytes) -> None:
    """Exit 2, and no traceback."""
    done = project.evalprov("noise", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert b"Traceback" not in done.stderr


def test_one_run_is_too_few(repository: Project) -> None:
    """It says how many there are and how to get more."""
    record(repository, "noisy.py", 1)
    done = repository.evalprov("noise", "latest")
    assert done.returncode == 2
    assert b"there is 1" in done.stderr
    assert b"--repeat 10" in done.stderr
    repository.run("false", options=("--repeat", "2"))
    assert b"there are 0" in repository.evalprov("noise", "latest").stderr


def test_without_a_fingerprint_nothing_is_taken_for_the_same_program(project: Project) -> None:
    """Outside a repository two runs are not known to be of one program; trials of one repeat are, and it is said."""
    for _ in range(2):
        project.run("echo", '{"accuracy": 0.5}')
    done = project.evalprov("noise", "latest")
    assert done.returncode == 2
    assert b"fingerprint is not known" in done.stderr
    project.run("echo", '{"accuracy": 0.5}', options=("--repeat", "2"))
    done = project.evalprov("noise", "latest")
    assert done.returncode == 0
    assert b"taken to be of one program" in done.stderr


def test_a_command_that_cannot_be_started_ends_it(project: Project) -> None:
    """As `run` would, and nothing is compared."""
    done = project.evalprov("noise", "--", "no-such-program")
    assert done.returncode == 127
    assert b"command not found" in done.stderr
    assert done.stdout == b""
