"""What lies between two commits, asked of real repositories."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Project

from evalprov.repository import ChangedFile, Commit, between


@pytest.fixture
def line(project: Project) -> tuple[Project, list[str]]:
    """A repository with three commits in a line."""
    shas = []
    for number in range(3):
        project.write("eval.py", f"print({number})\n")
        project.write(f"new {number}.txt", "x")
        project.commit_all()
        project.git("commit", "-q", "--amend", "-m", f"commit {number}")
        shas.append(project.git("rev-parse", "HEAD"))
    return project, shas


def test_later_commits_are_counted_and_named(line: tuple[Project, list[str]]) -> None:
    """The commits from A to B, newest first, and the files that differ."""
    project, (first, second, third) = line
    found = between(str(project.path), first, third)
    assert (found.ahead, found.behind, found.problem) == (2, 0, None)
    assert found.commits == [Commit(third, "commit 2"), Commit(second, "commit 1")]
    assert found.files == [ChangedFile("eval.py", "M"), ChangedFile("new 1.txt", "A"), ChangedFile("new 2.txt", "A")]
    assert found.files_count == 3


def test_earlier_commits_are_counted_the_other_way(line: tuple[Project, list[str]]) -> None:
    """Where B comes before A, those of A are named."""
    project, (first, _, third) = line
    found = between(str(project.path), third, first)
    assert (found.ahead, found.behind) == (0, 2)
    assert [commit.subject for commit in found.commits] == ["commit 2", "commit 1"]
    assert found.files
    assert found.files[-1].how == "D"


def test_histories_that_went_apart_are_told(line: tuple[Project, list[str]]) -> None:
    """Each side's own commits are counted."""
    project, (first, _, third) = line
    project.git("checkout", "-q", "-b", "side", first)
    project.write("side.txt", "x")
    other = project.commit_all()
    found = between(str(project.path), third, other)
    assert (found.ahead, found.behind) == (1, 2)
    assert [commit.sha for commit in found.commits] == [other]


def test_a_commit_that_is_not_here_is_told(line: tuple[Project, list[str]]) -> None:
    """A commit of another clone is no error; what is missing is said."""
    project, (first, *_) = line
    found = between(str(project.path), first, "0" * 40)
    assert found.ahead is None
    assert found.files is None
    assert found.problem == "this repository does not have commit 000000000000"


def test_a_shallow_clone_does_not_guess(line: tuple[Project, list[str]], tmp_path: Path) -> None:
    """What a shallow clone lacks is told to be missing, and that it is one."""
    project, (first, _, third) = line
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{project.path}", tmp_path / "clone"], check=True)
    found = between(str(tmp_path / "clone"), first, third)
    assert found.problem == f"this repository (it is a shallow clone) does not have commit {first[:12]}"
    subprocess.run(["git", "fetch", "-q", "--depth=1", "origin", first], cwd=tmp_path / "clone", check=True)
    both = between(str(tmp_path / "clone"), first, third)
    assert (both.ahead, both.behind) == (None, None)
    assert both.problem == "it is a shallow clone: how the two commits are related is not known"
    assert both.files_count == 3


@pytest.mark.parametrize("name", ["", "HEAD", "--output=/tmp/x", "0" * 39, "A" * 40, "0" * 40 + "\n"])
def test_what_is_no_commit_is_never_given_to_git(line: tuple[Project, list[str]], name: str) -> None:
    """A record may say anything; only the name of a commit reaches git."""
    project, (first, *_) = line
    assert between(str(project.path), first, name).problem == "that is no commit's name"


def test_no_repository_is_said_in_gits_words(tmp_path: Path) -> None:
    """Where there is none, nothing is raised."""
    problem = between(str(tmp_path), "0" * 40, "1" * 40).problem
    assert problem
    assert "not a git repository" in problem
    assert "\n" not in problem
    assert between(str(tmp_path / "gone"), "0" * 40, "1" * 40).problem


def test_no_git_is_said(tmp_path: Path) -> None:
    """Without git there is no answer, and no traceback."""
    code = "from evalprov.repository import between; print(between('.', '0' * 40, '1' * 40).problem)"
    environ = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True)
    assert done.stdout == "git is not installed here\n", done.stderr


def test_nothing_is_written_to_the_repository(line: tuple[Project, list[str]]) -> None:
    """Asking leaves every file of the repository as it was, and starts no hook of its settings."""
    project, (first, _, third) = line
    hook = project.write("hook.sh", f"#!/bin/sh\ntouch {project.path}/called\n", 0o755)
    project.git("config", "core.fsmonitor", str(hook))
    project.git("config", "diff.external", str(hook))

    def state() -> dict[str, int]:
        return {str(file): file.stat().st_mtime_ns for file in (project.path / ".git").rglob("*")}

    (project.path / "called").unlink(missing_ok=True)
    before = state()
    assert between(str(project.path), first, third).ahead == 2
    assert state() == before
    assert not (project.path / "called").exists()


def test_many_commits_and_files_are_bounded(project: Project) -> None:
    """The first are named, all are counted."""
    first = project.commit_all()
    for number in range(60):
        project.write(f"f{number}", "x")
    last = project.commit_all()
    found = between(str(project.path), first, last)
    assert found.files is not None
    assert (len(found.files), found.files_count) == (50, 60)
