"""Where git does not tell: no repository, a broken one, somebody else's, no git at all."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from gitrepos import Repo, small_repo, snapshot

from evalprov.capture.code import gitless
from evalprov.capture.code.gittree import GitError
from evalprov.capture.collector import Absent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A repository with a few files in one commit."""
    return small_repo(tmp_path / "repo")


@pytest.fixture
def folder(tmp_path: Path) -> Repo:
    """A folder that is no repository."""
    (tmp_path / "plain").mkdir()
    return Repo(tmp_path / "plain", init=False)


# --- no repository ------------------------------------------------------------------------------------------


def test_without_a_repository_git_is_absent(folder: Repo) -> None:
    """Outside a repository git is absent, which is no failure."""
    with pytest.raises(Absent, match="no git repository here"):
        folder.found()


@pytest.mark.parametrize("name", gitless.VARIABLES)
def test_the_environment_can_name_the_commit(folder: Repo, name: str) -> None:
    """The usual variables tell commit and branch; whether anything was changed stays unknown."""
    branches = dict.fromkeys(gitless.VARIABLES[name], "side")
    found = folder.found(environ={**os.environ, name: SHA.upper(), **branches})
    assert found.facts == {
        "git_sha": SHA,
        "git_dirty": None,
        "git": {"source": "environment", "branch": "side" if branches else None},
    }
    assert name in (found.reason or "")


@pytest.mark.parametrize("value", ["", "unknown", "HEAD", "v1.2.3", "main", SHA + "0", "abc"])
def test_what_is_no_commit_is_ignored(folder: Repo, value: str) -> None:
    """A variable that holds no commit says nothing."""
    with pytest.raises(Absent):
        folder.found(environ={**os.environ, "GIT_SHA": value, "CI_COMMIT_SHA": value})


def test_a_short_commit_counts_only_where_a_person_sets_it(folder: Repo) -> None:
    """A date in SOURCE_VERSION is no commit; a short id in GIT_SHA is one."""
    with pytest.raises(Absent):
        folder.found(environ={**os.environ, "SOURCE_VERSION": "20260101"})
    assert folder.facts(environ={**os.environ, "GIT_SHA": SHA[:9]})["git_sha"] == SHA[:9]


def test_variables_that_disagree_are_warned_of(folder: Repo) -> None:
    """The first of two commits is taken and the other named."""
    environ = {**os.environ, "GIT_SHA": SHA[:9], "GITHUB_SHA": "f" * 40, "CI_COMMIT_SHA": SHA}
    found = folder.found(environ=environ)
    assert found.facts["git_sha"] == SHA[:9]
    assert found.warnings == ("GITHUB_SHA names another commit than GIT_SHA, which was taken",)


def test_a_repository_beats_the_environment(repo: Repo) -> None:
    """In a repository the variables do not count."""
    facts = repo.facts(environ={**os.environ, "GIT_SHA": SHA})
    assert facts["git_sha"] == repo.head()
    assert facts["git"]["source"] == "git"


def test_a_ceiling_hides_a_repository(repo: Repo) -> None:
    """Where git is told not to look there is no repository."""
    environ = {**os.environ, "GIT_CEILING_DIRECTORIES": repo.path}
    with pytest.raises(Absent):
        repo.found(cwd=os.fsdecode(repo.at("src")), environ=environ)


def test_no_work_tree_is_absent(repo: Repo, tmp_path: Path) -> None:
    """A bare repository, or the inside of .git, has no code that could run."""
    bare = Repo(tmp_path / "bare.git", init=False)
    subprocess.run(["git", "clone", "-q", "--bare", repo.path, bare.path], check=True)
    with pytest.raises(Absent, match="work tree"):
        bare.found()
    with pytest.raises(Absent, match="work tree"):
        repo.found(cwd=os.fsdecode(repo.at(".git/refs")))


# --- no git -------------------------------------------------------------------------------------------------


def test_without_git_a_repository_is_a_failure(repo: Repo, folder: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """No git installed is a failure where there is a .git, and else an absence; a variable helps in both."""
    monkeypatch.setenv("PATH", folder.path)
    with pytest.raises(GitError, match="git could not be started"):
        repo.found(cwd=os.fsdecode(repo.at("src/deep")))
    with pytest.raises(Absent, match="git could not be started"):
        folder.found()
    found = repo.found(environ={**os.environ, "GIT_COMMIT": SHA})
    assert (found.facts["git_sha"], found.facts["git_dirty"]) == (SHA, None)
    assert found.facts["git"]["source"] == "environment"


# --- somebody else's ----------------------------------------------------------------------------------------

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.fixture
def foreign(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repo]:
    """A repository of another user."""
    monkeypatch.delenv("SUDO_UID", raising=False)
    repo.give_to(1234)
    yield repo
    repo.give_to(os.geteuid())


@only_root
def test_a_repository_of_another_user_fails_in_gits_words(foreign: Repo) -> None:
    """It is never told as clean, nor by a commit; git's own words say why, and no variable hides it."""
    says = "detected dubious ownership in repository at .*; if you trust it: git config --global --add safe.directory '"
    with pytest.raises(GitError, match=says):
        foreign.found()
    with pytest.raises(GitError, match="dubious ownership"):
        foreign.found(cwd=os.fsdecode(foreign.at("src")), environ={**os.environ, "GIT_SHA": SHA})


@only_root
def test_a_repository_of_another_user_can_be_declared_safe(foreign: Repo, tmp_path: Path) -> None:
    """With safe.directory, or as root by sudo from its owner, it is told as any other."""
    config = tmp_path / "config"
    config.write_text(f"[safe]\n directory = {foreign.path}\n")
    facts = foreign.facts(environ={**os.environ, "GIT_CONFIG_GLOBAL": str(config)})
    assert facts["git_dirty"] is False
    assert foreign.facts(environ={**os.environ, "SUDO_UID": "1234"})["git_dirty"] is False


# --- broken -------------------------------------------------------------------------------------------------


def broken_head(repo: Repo) -> None:
    repo.write(".git/HEAD", "nonsense\n")


def head_to_nowhere(repo: Repo) -> None:
    repo.write(".git/refs/heads/main", SHA + "\n")


def no_objects(repo: Repo) -> None:
    shutil.rmtree(repo.at(".git/objects"))
    os.mkdir(repo.at(".git/objects"))


def broken_index(repo: Repo) -> None:
    repo.write(".git/index", b"DIRC\0\0\0\2\0\0\0\1 and so on")


def broken_config(repo: Repo) -> None:
    repo.write(".git/config", "[core\n")


def lost_git_folder(repo: Repo) -> None:
    shutil.rmtree(repo.at(".git"))
    repo.write(".git", "gitdir: /no/where\n")


def emptied_git_folder(repo: Repo) -> None:
    shutil.rmtree(repo.at(".git"))
    os.mkdir(repo.at(".git"))


BROKEN = {
    broken_head: "not a git repository",
    head_to_nowhere: "bad object|unable to read|could not",
    no_objects: "bad object|unable to read|could not",
    broken_index: "index",
    broken_config: "bad config",
    lost_git_folder: "not a git repository: /no/where",
    emptied_git_folder: "not a git repository .* although there is a .git",
}


@pytest.mark.parametrize("spoil", BROKEN, ids=lambda spoil: spoil.__name__)
def test_a_broken_repository_fails_in_gits_words(repo: Repo, spoil: object) -> None:
    """A broken repository is neither clean nor absent: it fails, and git says how."""
    spoil(repo)  # type: ignore[operator]
    with pytest.raises(GitError, match=BROKEN[spoil]):  # type: ignore[index]
        repo.found()


def test_a_missing_tree_leaves_the_tree_unknown_and_the_rest_told(repo: Repo) -> None:
    """Where git lacks a part that only the tree needs, that alone is unknown, with the reason."""
    lost = repo.head("HEAD:src")
    os.unlink(repo.at(f".git/objects/{lost[:2]}/{lost[2:]}"))
    repo.write("src/a.py", "a = 2\n")
    found = repo.found()
    assert found.facts["git_sha"] == repo.head()
    assert found.facts["git_dirty"] is True
    assert found.facts["git"]["tree"] is None
    assert "tree: git lacks the tree of src" in (found.reason or "")


def test_a_partial_clone_is_not_filled(repo: Repo, tmp_path: Path) -> None:
    """What a partial clone lacks is not fetched: the patch is unknown, with the reason."""
    repo.git("config", "uploadpack.allowFilter", "true")
    path = tmp_path / "partial"
    command = ["git", "clone", "-q", "--filter=blob:none", "--no-checkout", f"file://{repo.path}", str(path)]
    subprocess.run(command, check=True)
    partial = Repo(path, init=False)
    partial.git("read-tree", "HEAD")
    partial.write("eval.py", "print(2)\n")
    before = snapshot(partial.path)
    found = partial.found()
    assert snapshot(partial.path) == before
    assert found.facts["git_dirty"] is True
    assert found.facts["git"]["patch"] is None
    assert "patch: fatal: could not fetch" in (found.reason or "")
    assert found.facts["git"]["tree"] is not None


def test_a_status_that_does_not_end_leaves_the_commit(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the status is too much to take in the commit still stands, and whether it is clean is unknown."""
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\ncase " $* " in *" status "*) exec yes;; esac\nexec {shutil.which("git")} "$@"\n')
    wrapper.chmod(0o755)
    sha = repo.head()
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    found = repo.found()
    assert found.facts == {"git_sha": sha, "git_dirty": None, "git": {"source": "git", "branch": None}}
    assert "64 MiB" in (found.reason or "")
