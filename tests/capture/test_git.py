"""What git tells of the code that runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from gitrepos import Repo, gathered, restored_tree, small_repo, snapshot

if TYPE_CHECKING:
    from pathlib import Path

from evalprov.capture import start

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A repository with a few files in one commit."""
    return small_repo(tmp_path / "repo")


# --- a clean repository -------------------------------------------------------------------------------------


def test_a_clean_repository_is_told_in_one_round(repo: Repo) -> None:
    """Commit, branch, description and tree of a clean repository are known after one round of questions."""
    repo.git("tag", "v1")
    found, rounds = gathered(repo.context())
    assert len(rounds) == 1
    assert found.reason is None
    assert found.warnings == ()
    assert found.facts["git_sha"] == repo.head()
    assert found.facts["git_dirty"] is False
    assert found.facts["git"] == {
        "source": "git",
        "root": repo.path,
        "branch": "main",
        "describe": "v1",
        "tree": repo.head("HEAD^{tree}"),
        "remotes": {},
        "staged": [],
        "changed": [],
        "untracked": [],
        "counts": {"staged": 0, "changed": 0, "untracked": 0, "withheld": 0},
        "submodules": [],
        "patch": None,
        "saved": {},
        "withheld": [],
    }


def test_a_dirty_repository_is_told_in_two_rounds(repo: Repo) -> None:
    """Patch, hashes and folders are asked for side by side, after the status."""
    repo.write("eval.py", "print(2)\n")
    repo.write("new/file", "n\n")
    _, rounds = gathered(repo.context())
    assert [len(commands) for commands in rounds] == [4, 3]


@pytest.mark.parametrize("where", ["src/deep", "."])
def test_the_whole_repository_counts_from_any_folder(repo: Repo, where: str) -> None:
    """A change above the current folder is seen, and every name starts at the top."""
    repo.write("eval.py", "print(2)\n")
    repo.write("top.txt")
    facts = repo.facts(cwd=os.path.join(repo.path, where))
    assert facts["git"]["changed"] == ["eval.py"]
    assert facts["git"]["untracked"] == ["top.txt"]
    assert facts["git"]["root"] == repo.path
    assert facts["git"]["tree"] == repo.tree_git_makes()


def test_a_detached_head_has_no_branch(repo: Repo) -> None:
    """A detached head is told by its commit alone."""
    repo.git("checkout", "-q", "--detach")
    facts = repo.facts()
    assert facts["git_sha"] == repo.head()
    assert facts["git"]["branch"] is None
    assert facts["git_dirty"] is False


def test_before_the_first_commit_there_is_a_tree_but_no_commit(tmp_path: Path) -> None:
    """A repository without a commit is told as such; what lies in it has a tree and can be brought back."""
    repo = Repo(tmp_path / "repo")
    found = repo.found()
    assert found.facts["git_sha"] is None
    assert found.facts["git_dirty"] is False
    assert found.facts["git"]["branch"] == "main"
    assert found.facts["git"]["tree"] == EMPTY_TREE
    assert found.reason is None
    repo.write("staged", "s\n")
    repo.write("run.sh", "s\n", 0o755)
    os.symlink("staged", repo.at("link"))
    repo.git("add", "-A")
    repo.write("staged", "s, and more\n")
    repo.write("new/file", "n\n")
    found = repo.found()
    assert found.facts["git_dirty"] is True
    assert found.facts["git"]["staged"] == ["link", "run.sh", "staged"]
    assert restored_tree(repo, found) == found.facts["git"]["tree"]
    assert found.facts["git"]["tree"] == repo.tree_git_makes()


def test_a_repository_of_sha256_objects_has_its_own_tree(tmp_path: Path) -> None:
    """The tree is right in the newer object format too, before and after the first commit."""
    path = tmp_path / "repo"
    subprocess.run(["git", "init", "-q", "--object-format=sha256", path], check=True)
    repo = Repo(path, init=False)
    repo.write("a/b", "1\n")
    assert repo.facts()["git"]["tree"] == repo.tree_git_makes()
    repo.write("a/b", "2\n")
    repo.write("a/c", "3\n")
    assert repo.facts()["git"]["tree"] == repo.tree_git_makes()


def test_a_linked_worktree_is_a_work_tree(repo: Repo, tmp_path: Path) -> None:
    """A linked worktree has its own branch, top and changes."""
    repo.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = Repo(tmp_path / "side", init=False)
    side.write("eval.py", "print('side')\n")
    side.write("new", "n\n")
    assert repo.facts()["git_dirty"] is False
    found = side.found()
    assert found.facts["git"]["branch"] == "side"
    assert found.facts["git"]["root"] == side.path
    assert restored_tree(side, found) == found.facts["git"]["tree"]
    assert found.facts["git"]["tree"] == side.tree_git_makes()


def test_git_dir_and_work_tree_of_the_environment_count(repo: Repo, tmp_path: Path) -> None:
    """The repository that the command would see is the one that is told, also a relative GIT_DIR."""
    os.rename(repo.at(".git"), os.fsencode(tmp_path / "elsewhere.git"))
    environ = {**os.environ, "GIT_DIR": "../elsewhere.git", "GIT_WORK_TREE": "."}
    repo.write("eval.py", "print(2)\n")
    facts = repo.facts(environ=environ)
    assert facts["git_dirty"] is True
    assert facts["git"]["root"] == repo.path
    os.rename(tmp_path / "elsewhere.git", repo.at(".git"))
    assert facts["git"]["tree"] == repo.tree_git_makes()


# --- submodules and repositories in the repository ----------------------------------------------------------


@pytest.fixture
def outer(repo: Repo, tmp_path: Path) -> Repo:
    """A repository with two submodules, one of them not checked out."""
    inner = Repo(tmp_path / "inner")
    inner.write("lib.py", "l = 1\n")
    inner.commit()
    repo.git("submodule", "--quiet", "add", str(tmp_path / "inner"), "libs/inner")
    repo.git("submodule", "--quiet", "add", str(tmp_path / "inner"), "libs/absent")
    repo.commit("submodules")
    repo.git("submodule", "--quiet", "deinit", "-f", "libs/absent")
    return repo


def test_clean_submodules_are_told_with_their_commits(outer: Repo) -> None:
    """A submodule stands with the commit that is checked out, null where none is; the repository is clean."""
    facts = outer.facts()
    commit = outer.head("HEAD:libs/inner")
    assert facts["git_dirty"] is False
    assert facts["git"]["submodules"] == [
        {"path": "libs/absent", "commit": None, "dirty": []},
        {"path": "libs/inner", "commit": commit, "dirty": []},
    ]
    assert facts["git"]["tree"] == outer.head("HEAD^{tree}")


def test_dirt_inside_a_submodule_is_dirt(outer: Repo) -> None:
    """Changed files of a submodule make the run dirty, are warned of and named as withheld."""
    commit = outer.head("HEAD:libs/inner")
    outer.git("config", "submodule.libs/inner.ignore", "all")
    outer.git("config", "diff.ignoreSubmodules", "all")
    outer.write("libs/inner/lib.py", "l = 2\n")
    outer.write("libs/inner/new", "n\n")
    before = snapshot(outer.path)
    found = outer.found()
    assert snapshot(outer.path) == before
    assert found.facts["git_dirty"] is True
    git = found.facts["git"]
    assert git["submodules"][1] == {"path": "libs/inner", "commit": commit, "dirty": ["changed", "untracked"]}
    (withheld,) = git["withheld"]
    assert (withheld["path"], withheld["reason"]) == ("libs/inner", "changes inside a submodule are not kept")
    assert "libs/inner" in found.warnings[0]
    assert git["tree"] == outer.head("HEAD^{tree}")


def test_a_submodule_at_another_commit_is_told_with_that_commit(outer: Repo) -> None:
    """A submodule that was moved changes the tree, as it does for git."""
    inner = Repo(os.fsdecode(outer.at("libs/inner")), init=False)
    inner.write("lib.py", "l = 3\n")
    commit = inner.commit("moved")
    facts = outer.facts()
    assert facts["git_dirty"] is True
    assert facts["git"]["submodules"][1] == {"path": "libs/inner", "commit": commit, "dirty": ["commit"]}
    assert facts["git"]["tree"] == outer.tree_git_makes()
    assert outer.head("HEAD:libs/inner") == commit


def test_a_submodule_taken_away_or_replaced_is_a_change(outer: Repo) -> None:
    """A submodule whose folder is gone or is a file now gives the tree that git would make."""
    shutil.rmtree(outer.at("libs/inner"))
    assert outer.facts()["git_dirty"] is True
    outer.write("libs/inner", "a file\n")
    facts = outer.facts()
    assert facts["git_dirty"] is True
    assert facts["git"]["tree"] == outer.tree_git_makes()


def test_a_nested_repository_counts_by_its_commit(repo: Repo) -> None:
    """A repository in the repository enters the tree as git would add it; its content is withheld."""
    nested = Repo(os.fsdecode(repo.at("nested")))
    nested.write("x")
    nested.commit()
    facts = repo.facts()
    assert facts["git"]["untracked"] == ["nested/"]
    assert facts["git"]["withheld"] == [{"path": "nested/", "reason": "a repository of its own", "blob": None}]
    assert facts["git"]["tree"] == repo.tree_git_makes()


def test_a_nested_repository_without_a_commit_leaves_the_tree_unknown(repo: Repo) -> None:
    """What git would refuse to add has no tree, and the reason says so; the rest is told."""
    Repo(os.fsdecode(repo.at("nested"))).write("x")
    found = repo.found()
    assert found.facts["git_dirty"] is True
    assert found.facts["git"]["tree"] is None
    assert "nested" in (found.reason or "")
    assert found.facts["git_sha"] == repo.head()


# --- evalprov's own folder ----------------------------------------------------------------------------------


def test_the_store_never_makes_the_repository_dirty(repo: Repo) -> None:
    """Files of the store, untracked or staged, are no dirt and not in the tree."""
    tree = repo.head("HEAD^{tree}")
    repo.write("metrics/.gitignore", "*\n!.gitignore\n!baselines/\n")
    repo.write("metrics/baselines/main.json", "{}\n")
    facts = repo.facts()
    assert facts["git_dirty"] is False
    assert facts["git"]["tree"] == tree
    repo.git("add", "-A")
    assert repo.facts()["git_dirty"] is False
    assert repo.facts()["git"]["tree"] == tree


def test_a_tracked_store_is_left_out_of_the_tree(repo: Repo) -> None:
    """Committed baselines change no tree, in a clean repository or a changed one."""
    tree = repo.head("HEAD^{tree}")
    repo.write("metrics/baselines/main.json", "{}\n")
    repo.commit("baselines")
    facts = repo.facts()
    assert facts["git_dirty"] is False
    assert facts["git"]["tree"] == tree
    repo.write("metrics/baselines/main.json", "{1}\n")
    facts = repo.facts()
    assert facts["git_dirty"] is False
    assert facts["git"]["patch"] is None
    assert facts["git"]["tree"] == tree
    repo.write("src/a.py", "a = 2\n")
    assert repo.facts()["git"]["tree"] == repo.tree_git_makes("metrics")


@pytest.mark.parametrize("store", ["deep/er/store", "linked"])
def test_the_store_may_lie_deep_or_be_a_link(repo: Repo, store: str) -> None:
    """A store in a sub-folder, or behind a link, is no dirt either, tracked or not."""
    tree = repo.head("HEAD^{tree}")
    if store == "linked":
        os.mkdir(repo.at("real"))
        os.symlink("real", repo.at("linked"))
    repo.write(f"{store}/runs/x", "x")
    place = os.path.join(repo.path, store)
    assert repo.facts(store=place)["git_dirty"] is False
    if store == "linked":
        repo.git("add", "real")
        repo.git("commit", "-qm", "what the link leads to")
        assert repo.facts(store=place)["git"]["tree"] == tree
    repo.commit("the store as well")
    facts = repo.facts(store=place)
    assert facts["git_dirty"] is False
    assert facts["git"]["tree"] == tree
    assert repo.facts(store=place, cwd=os.fsdecode(repo.at("src")))["git"]["tree"] == tree


def test_a_store_elsewhere_hides_nothing(repo: Repo, tmp_path: Path) -> None:
    """With the store outside, or at the very top, every change counts."""
    repo.write("metrics/x", "x")
    for store in (tmp_path / "store", repo.path, tmp_path):
        facts = repo.facts(store=str(store))
        assert facts["git"]["untracked"] == ["metrics/x"]


# --- whatever the user's configuration ----------------------------------------------------------------------

HOSTILE = """\
[core]
    fsmonitor = true
    untrackedCache = true
    hooksPath = HOOKS
    pager = touch PAGED
    quotePath = false
    safecrlf = true
[index]
    version = 4
    threads = 2
[feature]
    manyFiles = true
[status]
    showUntrackedFiles = no
    renames = copies
    relativePaths = false
    short = true
    branch = false
    showStash = true
    submoduleSummary = true
[diff]
    external = touch DIFFED
    noprefix = true
    mnemonicPrefix = true
    renames = copies
    context = 0
    interHunkContext = 40
    algorithm = histogram
    orderFile = ORDER
    submodule = log
    relative = true
    colorMoved = zebra
    suppressBlankEmpty = true
    ignoreSubmodules = all
    wsErrorHighlight = all
[color]
    ui = always
[advice]
    statusHints = true
[push]
    default = nothing
"""


def test_the_users_configuration_changes_nothing(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of git's changes what is told, and no hook, watcher or tool is started."""
    repo.write("eval.py", "print(1)\n" * 10 + "\n\nchange\n" + "print(1)\n" * 9)
    repo.git("mv", "src/a.py", "src/z.py")
    repo.write("src/new", "n\n")
    expected = repo.found()._replace(before=None)
    marks = tmp_path / "marks"
    marks.mkdir()
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for hook in ("post-index-change", "fsmonitor-watchman", "pre-commit"):
        (hooks / hook).write_text(f"#!/bin/sh\ntouch {marks}/{hook}\n")
        (hooks / hook).chmod(0o755)
    order = tmp_path / "order"
    order.write_text("src/*\n")
    text = HOSTILE.replace("HOOKS", str(hooks)).replace("ORDER", str(order))
    config = tmp_path / "config"
    config.write_text(text.replace("PAGED", f"{marks}/paged").replace("DIFFED", f"{marks}/diffed"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", f"touch {marks}/diffed")
    monkeypatch.setenv("GIT_TRACE", f"{marks}/trace")
    monkeypatch.setenv("LANGUAGE", "de")
    before = snapshot(repo.path)
    assert repo.found(cwd=os.fsdecode(repo.at("src")))._replace(before=None) == expected
    assert snapshot(repo.path) == before
    assert os.listdir(marks) == []


def test_nothing_is_written_to_a_repository_whose_index_is_stale(repo: Repo) -> None:
    """Files whose times alone changed are clean, and not even the index is brought up to date."""
    for name in ("eval.py", "src/a.py"):
        os.utime(repo.at(name), (1_000_000_000, 1_000_000_000))
    before = snapshot(repo.path)
    facts = repo.facts()
    assert facts["git_dirty"] is False
    assert facts["git"]["tree"] == repo.head("HEAD^{tree}")
    repo.write("src/deep/b.py", "b = 7\n")
    repo.write("fresh", "f\n")
    before = snapshot(repo.path)
    assert repo.facts()["git_dirty"] is True
    assert snapshot(repo.path) == before


def test_the_temporary_folder_lies_outside_and_is_removed(repo: Repo, tmp_path: Path) -> None:
    """What is written lies outside the repository, and is gone after success and after failure."""
    place = tmp_path / "temporary"
    place.mkdir()
    environ = {**os.environ, "TMPDIR": str(place)}
    repo.write("eval.py", "print(2)\n")
    repo.write("new", "n\n")
    _, rounds = gathered(repo.context(environ=environ))
    assert any(str(place) in word for command in rounds[0] for word in command)
    assert list(place.iterdir()) == []
    os.unlink(repo.at("new"))
    Repo(os.fsdecode(repo.at("new")))  # has no commit, so the tree fails
    assert repo.facts(environ=environ)["git"]["tree"] is None
    assert list(place.iterdir()) == []
    with start(repo.context(environ=environ), ["git"]):
        assert [entry.stat().st_mode & 0o777 for entry in place.iterdir()] == [0o700]
    assert list(place.iterdir()) == []
    inside = os.path.join(repo.path, "tmp")
    os.mkdir(inside)
    _, rounds = gathered(repo.context(environ={**os.environ, "TMPDIR": inside}))
    assert not any(inside in word for commands in rounds for command in commands for word in command)


def test_without_a_temporary_folder_the_rest_is_told(repo: Repo) -> None:
    """Where no folder outside the project can be made, patch and tree are unknown with the reason."""
    assert repo.found(root="/").reason is None
    repo.write("new", "n\n")
    found = repo.found(root="/")
    assert found.facts["git_dirty"] is True
    assert found.facts["git"]["tree"] is None
    assert found.facts["git"]["saved"]["new"]["bytes"] == 2
    assert "no writable temporary folder" in (found.reason or "")


# --- addresses, descriptions, names -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://host/a.git", "https://host/a.git"),
        ("https://user:pass@host:8443/a.git", "https://host:8443/a.git"),
        ("https://token@host/a@b.git", "https://host/a@b.git"),
        ("https://u:p@ss@host/a.git", "https://host/a.git"),
        ("https://u:pa/ss@host/a.git", "https://host/a.git"),
        ("ssh://git:pw@host/a.git", "ssh://git@host/a.git"),
        ("git@host:a/b.git", "git@host:a/b.git"),
        ("../other", "../other"),
        ("https://[::1]:80/a@b", "https://[::1]:80/a@b"),
    ],
)
def test_remotes_stand_without_credentials(repo: Repo, url: str, told: str) -> None:
    """The address of a remote is told without a password or token."""
    repo.git("remote", "add", "up.stream", url)
    repo.git("config", "--add", "remote.up.stream.url", "https://second")
    assert repo.facts()["git"]["remotes"] == {"up.stream": told}


def test_a_shallow_clone_is_described_by_its_commit(repo: Repo, tmp_path: Path) -> None:
    """Where no tag can be reached the description is the short commit."""
    repo.git("tag", "v1")
    repo.write("eval.py", "print(2)\n")
    repo.commit("second")
    assert repo.facts()["git"]["describe"].startswith("v1-1-g")
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{repo.path}", tmp_path / "shallow"], check=True)
    found = Repo(tmp_path / "shallow", init=False).found()
    assert repo.head().startswith(found.facts["git"]["describe"])
    assert found.facts["git"]["remotes"] == {"origin": f"file://{repo.path}"}
    assert found.reason is None


def test_names_are_valid_text(repo: Repo) -> None:
    """A name that is not UTF-8 is told with its odd bytes escaped, never as half a character."""
    repo.write(b"caf\xe9", b"1")
    repo.write("süß", b"1")
    names = repo.facts()["git"]["untracked"]
    assert names == ["caf\\xe9", "süß"]
    assert "".join(names).encode("utf-8")


def test_a_repository_that_cannot_be_hashed_in_time_has_no_tree(repo: Repo) -> None:
    """Beyond a gibibyte of changed files the tree is unknown, with the reason; the rest is told."""
    with open(repo.at("huge"), "wb") as file:
        file.truncate((1 << 30) + 1)
    found = repo.found()
    assert found.facts["git_dirty"] is True
    assert found.facts["git"]["tree"] is None
    assert "1024 MiB" in (found.reason or "")
