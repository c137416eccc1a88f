"""The files that the answer names where the code changed: committed, edited, new, removed, on either side."""

from __future__ import annotations

import json

import pytest
from conftest import Project
from diffing import called

PROGRAM = "import sys\nprint('{\"accuracy\": 0.5}')\n"


@pytest.fixture
def repository(project: Project) -> Project:
    """A repository with a program and three helpers."""
    project.write("eval.py", PROGRAM)
    for name in "abc":
        project.write(f"lib/{name}.py", "one\ntwo\nthree\n")
    project.commit_all()
    return project


def run(project: Project) -> None:
    """Record a run."""
    assert project.run("python3", "eval.py").returncode == 0


def files(project: Project) -> list[tuple[str, str, int | None, int | None]]:
    """Return the files of the code that differ between the last two runs."""
    code, out, err = called(project, "latest~1", "latest", "--json")
    assert code == 0, err
    return [tuple(one.values()) for one in json.loads(out)["files"]]


def test_an_edit_is_named_with_its_lines_committed_or_not(repository: Project) -> None:
    """The same edit reads the same before it is committed, after, and the other way round."""
    run(repository)
    repository.write("lib/a.py", "one\n2\n3\nthree\n")
    run(repository)
    assert files(repository) == [("lib/a.py", "changed", 2, 1)]
    code, out, _ = called(repository, "latest~1", "latest")
    assert code == 0
    assert "the code changed (lib/a.py (+2 -1))" in out
    repository.commit_all()
    run(repository)
    assert files(repository) == [], "the same content, now committed"
    repository.write("lib/a.py", "one\ntwo\nthree\n")
    run(repository)
    assert files(repository) == [("lib/a.py", "changed", 1, 2)]
    repository.commit_all()
    repository.write("lib/b.py", "another\n")
    repository.commit_all()
    run(repository)
    assert files(repository) == [("lib/b.py", "changed", 1, 3)]


def test_new_and_removed_files_are_named(repository: Project) -> None:
    """A file that git does not know yet, one with an odd name, and one that is gone."""
    run(repository)
    repository.write("lib/d e\u00e9.py", "1\n2\n")
    (repository.path / "lib/c.py").unlink()
    run(repository)
    assert files(repository) == [("lib/c.py", "removed", 0, 3), ("lib/d e\u00e9.py", "added", 2, 0)]
    repository.write("lib/d e\u00e9.py", "1\n2\n3\n")
    run(repository)
    assert files(repository) == [("lib/d e\u00e9.py", "changed", None, None)]
    repository.commit_all()
    run(repository)
    assert files(repository) == []


def test_a_file_of_another_layer_is_not_named_as_code(repository: Project) -> None:
    """A changed prompt is told by the prompts."""
    repository.write("plan.txt", "first")
    repository.commit_all()
    for text in ("second", "third"):
        repository.write("plan.txt", text)
        assert repository.run("python3", "eval.py", options=("--prompt", "plan=plan.txt")).returncode == 0
    assert files(repository) == []


def test_many_files_are_counted(repository: Project) -> None:
    """A headline names two and says how many more."""
    run(repository)
    for name in "abc":
        repository.write(f"lib/{name}.py", "x\n")
    run(repository)
    _, out, _ = called(repository, "latest~1", "latest")
    assert "the code changed (lib/a.py (+1 -3), lib/b.py (+1 -3) and 1 more)" in out
