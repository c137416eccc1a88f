"""Where what is printed cannot be written, the exit code is ours all the same, and one line says why."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import Project

COMMANDS = ("history", "history --json", "show latest", "show latest --json", "diff latest latest", "--help")


@pytest.fixture(params=["", "1"], ids=["buffered", "unbuffered"])
def shell(request: pytest.FixtureRequest, project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with a run, whose interpreter holds back what it prints, or does not."""
    if request.param:
        monkeypatch.setenv("PYTHONUNBUFFERED", request.param)
    project.run("true")
    return project


def line(project: Project, words: str) -> tuple[int, str]:
    """Carry out a line of the shell; return its exit code and what it said on stderr."""
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m evalprov {words}"], cwd=project.path, capture_output=True, text=True
    )
    return done.returncode, done.stderr


def test_a_full_disk_behind_stdout_is_one_line(shell: Project) -> None:
    """No traceback, no word of a fault of ours, and not Python's own exit code."""
    said = ["evalprov: error: cannot go on: No space left on device", "  what was recorded is safe"]
    for words in COMMANDS:
        code, err = line(shell, f"{words} > /dev/full")
        assert (code, err.splitlines()) == (2, said), words


def test_who_listens_to_nothing_is_told_nothing(shell: Project) -> None:
    """A closed stream takes what is printed, and the exit code tells what it would tell."""
    assert line(shell, "history >&-") == (0, "")
    assert line(shell, "no-such >&- 2>&-") == (2, "")
    assert line(shell, "no-such 2>/dev/full") == (2, "")
    assert line(shell, "run -- sh -c 'exit 7' 2>/dev/full") == (7, "")
    assert line(shell, "gate latest --baseline run:latest >&- 2>&-") == (3, "")
