"""`evalprov prune` on the real command line: what it says before it removes anything, and that it asks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Project

from evalprov.cli import main
from evalprov.record.form import blank
from evalprov.store import Store

DAY = 86400.0


@pytest.fixture
def runs(project: Project, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Four runs, a day apart, the last one just now; the second is a baseline."""
    monkeypatch.chdir(project.path)
    store = Store.open(str(project.path / "metrics"))
    found = []
    for back in (30, 20, 10, 0):
        m = store.reserve(time.time() - back * DAY, blank)
        m["status"], m["metric_summary"] = "completed", {"accuracy": back / 100}
        assert store.finish(m) == []
        found.append(m["run_id"])
    assert main(["baseline", "set", "main", found[1], "--reason", "why", "--force"]) == 0
    return found


def left(project: Project) -> list[str]:
    """Return the runs that are there."""
    return sorted(file.stem for file in (project.path / "metrics/runs").iterdir())


def test_a_dry_run_says_what_would_go_and_removes_nothing(
    project: Project, runs: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """In a pipe a line a run, with the bytes, and why others stay."""
    capfd.readouterr()
    assert main(["prune", "--older-than", "15d", "--dry-run"]) == 0
    heading, *rows = (line.split("\t") for line in capfd.readouterr().out.splitlines())
    size = (project.path / "metrics/runs" / f"{runs[0]}.json").stat().st_size
    assert heading == ["run", "what", "bytes", "why"]
    assert rows == [[runs[0], "would be removed", str(size), "-"], [runs[1], "kept", "-", "baseline main"]]
    assert left(project) == runs


def test_a_program_has_to_say_yes(project: Project, runs: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """Without --yes nothing goes where nobody can be asked; with it what went is said."""
    capfd.readouterr()
    assert main(["prune", "--keep-last", "1"]) == 2
    assert "nobody is here to agree to that; nothing was removed of 2 runs" in capfd.readouterr().err
    assert left(project) == runs
    assert main(["prune", "--keep-last", "1", "--yes", "--json"]) == 0
    said: dict[str, Any] = json.loads(capfd.readouterr().out)
    assert (said["removed"], said["runs"], said["kept"]) == (True, [runs[2], runs[0]], {runs[1]: "baseline main"})
    assert said["freed"]["runs"]["files"] == 2
    assert left(project) == [runs[1], runs[3]]
    assert main(["prune", "--keep-last", "1", "--yes"]) == 0
    assert capfd.readouterr().out.splitlines()[1:] == [f"{runs[1]}\tkept\t-\tbaseline main"]


def test_prune_without_saying_which_is_refused(
    project: Project, runs: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """No options, a time that is none, or a condition that is none: exit 2, and all runs stay."""
    for words in ([], ["--yes"], ["--older-than", "90"], ["--where", "accuracy"], ["--keep-last", "0"]):
        assert main(["prune", *words]) == 2
    assert left(project) == runs


@pytest.mark.parametrize("answer", ["n\n", "y\n"])
def test_a_person_is_asked(project: Project, runs: list[str], answer: str) -> None:
    """What would go is shown first; anything but yes removes nothing and exits with 3."""
    ours, theirs = os.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "evalprov", "prune", "--where", "accuracy>0.2"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "NO_COLOR": "1"},
    )
    os.close(theirs)
    seen = b""
    while b"[y/N]" not in seen:
        seen += os.read(ours, 65536)
    assert left(project) == runs
    assert b"1 of 4" in seen
    assert runs[0].encode() in seen
    os.write(ours, answer.encode())
    assert child.wait() == (0 if answer == "y\n" else 3)
    os.close(ours)
    assert left(project) == (runs[1:] if answer == "y\n" else runs)


def test_a_store_that_cannot_be_changed_says_so(
    project: Project, runs: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """One line that says what is safe; here the history is no file."""
    history = project.path / "metrics/eval_history.jsonl"
    lines = history.read_bytes()
    history.unlink()
    history.mkdir()
    assert main(["prune", "--keep-last", "1", "--yes"]) == 2
    assert "cannot read" in capfd.readouterr().err
    shutil.rmtree(history)
    Path(history).write_bytes(lines)
    assert left(project) == runs
