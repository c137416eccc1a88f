"""`evalprov diff` of two observed runs: real repositories, real files, real commands."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import Project
from diffing import called

OBSERVED = ("--observe", "auto")
MAIN = (
    "import helper, json, os\n"
    "weight = open('w.local').read() + os.environ.get('KIND', '')\n"
    "print(json.dumps({'metrics': {f't{i}': {'ok': weight != '1' and i % 3 > 0 or i % 9 > 0} for i in range(200)}}))\n"
)


def compared(project: Project, **env: str) -> dict[str, Any]:
    """Run it once more and hold that against the run before."""
    done = project.run("python3", "main.py", options=OBSERVED, env=env, cwd="app")
    assert done.returncode == 0, done.stderr
    code, out, err = called(project, "latest~1", "latest", "--json", cwd="app")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.fixture
def once(project: Project) -> Project:
    """A project in a folder of a repository, with one observed run; its helper is imported from beside it."""
    project.write("app/evalprov.toml", "")
    project.write("app/main.py", MAIN)
    project.write("app/helper.py", "X = 1\n")
    project.write("README.md", "one\n")
    project.write(".gitignore", "metrics/\n*.local\n")
    project.write("app/w.local", "1")
    project.commit_all()
    assert project.run("python3", "main.py", options=OBSERVED, cwd="app").returncode == 0
    return project


@pytest.mark.linux("the project's folders are watched")
def test_a_page_that_was_not_read_is_not_the_code(once: Project) -> None:
    """Committed or not; a helper that was imported is."""
    once.write("README.md", "two\n")
    found = compared(once)
    assert found["answer"]["levers"] == []
    assert "README.md changed and was not read by either run" in found["answer"]["sentence"]
    once.write("app/helper.py", "X = 2\n")
    once.commit_all()
    found = compared(once)
    assert found["answer"]["levers"] == ["code"]
    assert "not read" not in found["answer"]["sentence"]


def test_what_nobody_declared_is_what_did_it(once: Project) -> None:
    """An ignored file, or a variable, is named in the first line."""
    once.write("app/w.local", "2")
    found = compared(once)
    assert found["answer"]["levers"] == ["undeclared inputs"]
    assert "w.local changed" in found["answer"]["sentence"]
    assert "variable KIND added" in compared(once, KIND="x")["answer"]["sentence"]
