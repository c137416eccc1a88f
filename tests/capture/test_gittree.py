"""The tree of a dirty repository, and the way back to it; git itself is the judge."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from gitrepos import Repo, answered, gathered, restored_tree, small_repo, snapshot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalprov.capture.code import gitpatch, gittree
from evalprov.capture.code.gittree import Repository, TreeEntry, tree_steps

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A repository with a few files in one commit."""
    return small_repo(tmp_path / "repo")


def modified(repo: Repo) -> None:
    repo.write("src/deep/b.py", "b = 2\n")


def staged(repo: Repo) -> None:
    repo.write("src/deep/b.py", "b = 2\n")
    repo.write("fresh.py", "f\n")
    repo.git("add", "-A")


def staged_then_modified(repo: Repo) -> None:
    staged(repo)
    repo.write("src/deep/b.py", "b = 3\n")
    repo.write("fresh.py", "g\n")


def staged_then_taken_back(repo: Repo) -> None:
    staged(repo)
    repo.write("src/deep/b.py", "b = 1\n")
    repo.write("src/a.py", "a = 9\n")
    os.unlink(repo.at("fresh.py"))


def deleted(repo: Repo) -> None:
    os.unlink(repo.at("src/deep/b.py"))
    repo.git("rm", "-q", "data.bin")


def untracked_again(repo: Repo) -> None:
    repo.git("rm", "-q", "--cached", "src/a.py", "eval.py")
    repo.write("eval.py", "changed as well\n")


def renamed(repo: Repo) -> None:
    repo.git("mv", "src/deep/b.py", "src/c.py")
    os.rename(repo.at("eval.py"), repo.at("main.py"))


def modes(repo: Repo) -> None:
    os.chmod(repo.at("run.sh"), 0o644)
    os.chmod(repo.at("eval.py"), 0o755)
    repo.write("new.sh", "n\n", 0o755)


def links(repo: Repo) -> None:
    os.unlink(repo.at("link"))
    os.symlink("nowhere/at all", repo.at("link"))
    os.symlink("/etc/passwd", repo.at("outside"))
    os.unlink(repo.at("src/a.py"))
    os.symlink("deep", repo.at("src/a.py"))


def link_to_file(repo: Repo) -> None:
    os.unlink(repo.at("link"))
    repo.write("link", "now a file\n")


def intent_to_add(repo: Repo) -> None:
    repo.write("later", "not yet\n", 0o755)
    repo.write("gone", "not any more\n")
    repo.git("add", "-N", "later", "gone")
    os.unlink(repo.at("gone"))


def untracked_deep(repo: Repo) -> None:
    repo.write("x/y/z/1", "1\n")
    repo.write("x/y/2", "2\n")
    repo.write("src/new/3", "")
    repo.write("src/noise.log", "ignored\n")
    repo.write("build/out", "ignored\n")


def file_to_folder(repo: Repo) -> None:
    os.unlink(repo.at("eval.py"))
    repo.write("eval.py/inner/x", "x\n")
    repo.write("eval.py/y", "y\n")


def folder_to_file(repo: Repo) -> None:
    shutil.rmtree(repo.at("src"))
    repo.write("src", "a file now\n")


def folder_to_link(repo: Repo) -> None:
    os.rename(repo.at("src"), repo.at("moved"))
    os.symlink("moved", repo.at("src"))


def odd_names(repo: Repo) -> None:
    for name in (
        b"with space",
        b"new\nline",
        b'quo"te',
        b"tab\t",
        b"caf\xe9",
        b"\xff\xfe/\xfd",
        b"d\nir/f",
        "é/ü".encode(),
    ):
        repo.write(name, b"1\n")
    repo.git("add", "caf*", 'quo"te', "d\nir")
    repo.write(b'quo"te', b"2\n")
    repo.write(b"dir /x ", b"3\n")


def conflict(repo: Repo) -> None:
    repo.git("checkout", "-q", "-b", "other")
    repo.write("eval.py", "theirs\n")
    repo.write("src/a.py", "theirs\n")
    repo.write("both", "theirs\n")
    repo.git("rm", "-q", "data.bin")
    repo.commit("theirs")
    repo.git("checkout", "-q", "main")
    repo.write("eval.py", "ours\n")
    repo.write("both", "ours\n")
    repo.write("data.bin", "ours\n")
    repo.git("rm", "-q", "src/a.py")
    repo.commit("ours")
    repo.git("merge", "-q", "other", ok=False)
    assert repo.git("ls-files", "-u")


def line_ends(repo: Repo) -> None:
    repo.write("crlf.txt", "kept\r\nas\r\nit is\r\n")
    repo.write("lf.txt", "a\nb\n")
    repo.commit("before the attributes")
    repo.write(".gitattributes", "*.txt text=auto\n*.dos text eol=crlf\n")
    repo.write("x.dos", "a\r\nb\r\n")
    repo.git("add", ".gitattributes", "x.dos")
    repo.git("commit", "-qm", "attributes")
    repo.write("crlf.txt", "kept\r\nas\r\nit was\r\n")
    repo.write("lf.txt", "a\r\nc\r\n")
    repo.write("new.txt", "n\r\n")
    repo.write("x.dos", "a\r\nc\r\n")


def clean_filter(repo: Repo) -> None:
    repo.git("config", "filter.upper.clean", "tr a-z A-Z")
    repo.write(".gitattributes", "*.up filter=upper\n*.id ident\n")
    repo.write("a.up", "abc\n")
    repo.write("a.id", "$Id$\n")
    repo.commit("filtered")
    repo.write("a.up", "abd\n")
    repo.write("b.up", "new\n")
    repo.write("a.id", "$Id: something $\nmore\n")


def binary(repo: Repo) -> None:
    repo.write("data.bin", bytes(range(255, -1, -1)) * 3)
    repo.write("other.bin", b"\0\r\n\r\0\n no end")
    repo.git("add", "other.bin")
    repo.write(".gitattributes", "*.py binary\n")
    repo.write("eval.py", "print(3)\n")


def no_end_of_line(repo: Repo) -> None:
    repo.write("eval.py", "print(1)\n" * 19 + "print(1)")
    repo.write("src/a.py", "")
    repo.write("empty", "")
    repo.git("add", "empty")


def sparse(repo: Repo) -> None:
    repo.write("docs/page", "p\n")
    repo.commit("docs")
    repo.git("sparse-checkout", "set", "src/deep")
    assert not os.path.exists(repo.at("docs"))
    repo.write("src/deep/b.py", "b = 2\n")
    repo.write("src/deep/new", "n\n")


def skipped(repo: Repo) -> None:
    repo.git("update-index", "--skip-worktree", "src/a.py")
    repo.git("update-index", "--assume-unchanged", "data.bin")
    repo.write("src/a.py", "a = 5\n")
    repo.write("data.bin", "not looked at\n")
    repo.write("eval.py", "print(4)\n")


def everything_deleted(repo: Repo) -> None:
    repo.git("rm", "-r", "-q", ".")


def split_index(repo: Repo) -> None:
    repo.git("config", "core.splitIndex", "true")
    repo.git("update-index", "--split-index")
    repo.write("src/a.py", "a = 2\n")
    repo.git("add", "src/a.py")
    repo.write("n", "n\n")


def store_beside(repo: Repo) -> None:
    repo.write("metrics/runs/1.json", "{}\n")
    repo.write("metricsx", "not the store\n")
    repo.write("src/metrics/x", "not the store either\n")


DIRTY = [
    *(
        modified,
        staged,
        staged_then_modified,
        staged_then_taken_back,
        deleted,
        untracked_again,
        renamed,
        modes,
    ),
    *(links, link_to_file, intent_to_add, untracked_deep, file_to_folder, folder_to_file, folder_to_link),
    *(odd_names, conflict, line_ends, clean_filter, binary, no_end_of_line, sparse, skipped),
    *(everything_deleted, split_index, store_beside),
]


@pytest.mark.parametrize("make", DIRTY, ids=lambda make: make.__name__)
def test_the_tree_is_the_one_git_would_commit_and_comes_back(repo: Repo, make: Callable[[Repo], None]) -> None:
    """A dirty repository's tree is what add and commit make; what is kept gives it again in a fresh clone."""
    make(repo)
    before = snapshot(repo.path)
    found = repo.found()
    assert snapshot(repo.path) == before
    git = found.facts["git"]
    assert found.reason is None
    assert found.facts["git_dirty"] is True
    assert git["withheld"] == []
    if make is not clean_filter:  # the clone does not have the filter
        assert restored_tree(repo, found) == git["tree"]
    if make is skipped:  # what git is told not to look at the run reads all the same
        repo.git("update-index", "--no-skip-worktree", "src/a.py")
        repo.git("update-index", "--no-assume-unchanged", "data.bin")
    assert git["tree"] == repo.tree_git_makes("metrics")


def test_modes_that_the_file_system_cannot_tell_stay_as_they_were(repo: Repo) -> None:
    """Without core.fileMode the executable bit is the index's, as it is for git."""
    repo.git("config", "core.fileMode", "false")
    repo.write("run.sh", "#!/bin/sh\necho\n")
    os.chmod(repo.at("run.sh"), 0o644)
    repo.write("new.sh", "n\n", 0o755)
    found = repo.found()
    assert found.facts["git"]["saved"]["new.sh"]["mode"] == "100644"
    assert found.facts["git"]["tree"] == repo.tree_git_makes()


@pytest.mark.long
def test_a_great_many_changes_are_patched_whole(repo: Repo) -> None:
    """More changed files than fit a command line are all in the patch; lists are cut, counts are not."""
    for number in range(1100):
        repo.write(f"many/{'long' * 30}-{number}", f"{number}\n")
    repo.commit("many")
    for number in range(1100):
        repo.write(f"many/{'long' * 30}-{number}", f"{number} changed\n")
    found = repo.found()
    git = found.facts["git"]
    assert len(git["changed"]) == 1000
    assert git["counts"]["changed"] == 1100
    assert found.blobs[git["patch"]["file"]].count(b"diff --git ") == 1100
    assert git["tree"] == repo.tree_git_makes()


NAMES = st.sampled_from(["a", "b", "a/b", "a/c", "d/e/f", "d/e", "d", "x.txt", "y z", "a.b", "a-b", "a0"])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["write", "write", "delete", "stage", "unstage", "chmod", "link", "announce", "rename"]),
        NAMES,
        st.sampled_from([b"", b"1\n", b"2\n", b"1\r\n2\r\n", b"no end", b"\0\xff\r\n\n", b"1\n" * 30]),
    ),
    min_size=1,
    max_size=12,
)


def _clear(repo: Repo, name: str) -> bytes:
    """Make room for a file, whatever stands there or above."""
    path = repo.at(name)
    parts = name.split("/")
    for count in range(1, len(parts)):
        higher = repo.at("/".join(parts[:count]))
        if os.path.lexists(higher) and (os.path.islink(higher) or not os.path.isdir(higher)):
            os.unlink(higher)
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def _play(repo: Repo, steps: list[tuple[str, str, bytes]]) -> None:
    for what, name, content in steps:
        path = repo.at(name)
        if what == "write":
            _clear(repo, name)
            repo.write(name, content)
        elif what == "delete":
            _clear(repo, name)
        elif what == "stage":
            repo.git("add", "-A", "--", name, ok=False)
        elif what == "unstage":
            repo.git("rm", "-r", "-q", "-f", "--cached", "--ignore-unmatch", "--", name)
        elif what == "chmod" and os.path.isfile(path) and not os.path.islink(path):
            os.chmod(path, 0o755)
        elif what == "link":
            os.symlink(content.replace(b"\0", b"") or b"x", _clear(repo, name))
        elif what == "announce":
            repo.git("add", "-N", "--", name, ok=False)
        elif what == "rename" and os.path.lexists(path):
            os.rename(path, _clear(repo, "renamed"))


@pytest.mark.long
@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(committed=STEPS, dirty=STEPS, eol=st.booleans())
def test_any_dirty_repository_has_gits_tree_and_comes_back(
    tmp_path: Path, committed: list[tuple[str, str, bytes]], dirty: list[tuple[str, str, bytes]], eol: bool
) -> None:
    """Whatever was done to a repository, its tree is git's, can be brought back, and nothing was written."""
    shutil.rmtree(tmp_path / "any", ignore_errors=True)
    repo = Repo(tmp_path / "any")
    _play(repo, committed)
    if eol:
        repo.write(".gitattributes", "*.txt text=auto\n")
    repo.commit()
    _play(repo, dirty)
    before = snapshot(repo.path)
    found = repo.found()
    assert snapshot(repo.path) == before
    assert found.reason is None
    assert found.facts["git_dirty"] is bool(repo.git("status", "--porcelain", "-uall"))
    assert restored_tree(repo, found) == found.facts["git"]["tree"]
    assert found.facts["git"]["tree"] == repo.tree_git_makes()


def test_paths_can_be_left_out_of_the_tree(repo: Repo) -> None:
    """The same tree is computed with files or folders left out, tracked or not, there or not."""
    repo.write("prompts/p.txt", "p\n")
    repo.write("conf/deep/only.yaml", "y\n")
    repo.commit()
    repo.write("src/a.py", "a = 2\n")
    repo.write("prompts/new.txt", "n\n")
    without = (b"prompts/", b"conf/deep/only.yaml", b"eval.py", b"not/there", b"src/deep", b"run.sh/below")
    asked = Repository(repo.path, repo.path + "/.git", repo.head("HEAD^{tree}"), "sha1", (), os.environ)
    edits = {b"src/a.py": TreeEntry(0o100644, bytes.fromhex(repo.git("hash-object", "src/a.py").decode()))}
    edits[b"prompts/new.txt"] = edits[b"src/a.py"]
    tree = answered(tree_steps(asked, edits, without))
    assert tree == repo.tree_git_makes("prompts", "conf", "eval.py", "src/deep")
    everything = answered(tree_steps(asked, {}, (b"src", b"prompts", b"conf", b"eval.py", b"link", b"data.bin")))
    repo.git("rm", "-r", "-q", "--cached", ".")
    repo.git("add", ".gitignore", "run.sh")
    assert everything == repo.git("write-tree").decode()


@pytest.mark.parametrize("version", ["2", "4"])
@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_edits_that_git_was_told_not_to_look_at_are_seen(
    tmp_path: Path, version: str, flag: str, algorithm: str
) -> None:
    """A flagged file that was edited counts as changed, in both trees and the patch; flagged alone it does not."""
    repo = Repo(tmp_path / "repo", init=False)
    subprocess.run(["git", "init", "-q", f"--object-format={algorithm}", repo.path], check=True)
    repo.write("src/a.py", "a = 1\n")
    repo.write("b.py", "b = 1\n")
    os.symlink("b.py", repo.at("link"))
    repo.commit()
    repo.git("update-index", f"--index-version={version}")
    repo.git("update-index", flag, "src/a.py", "link", "b.py")
    assert repo.facts()["git_dirty"] is False
    repo.write("src/a.py", "a = 2\n")
    os.unlink(repo.at("link"))
    os.symlink("src", repo.at("link"))
    found = repo.found()
    assert found.facts["git_dirty"] is True
    assert found.facts["git"]["changed"] == ["link", "src/a.py"]
    repo.git("update-index", flag.replace("--", "--no-"), "src/a.py", "link", "b.py")
    tree = repo.tree_git_makes()
    assert found.facts["git"]["tree"] == found.facts["code"]["tree"] == tree
    assert found.reason is None
    assert b"a = 2" in next(iter(found.blobs.values()))


def test_what_a_sparse_checkout_leaves_out_is_not_deleted(tmp_path: Path) -> None:
    """A file that is not there because it is skipped stands as the index has it; one assumed unchanged is gone."""
    repo = small_repo(tmp_path / "repo")
    before = repo.facts()
    repo.git("sparse-checkout", "set", "--no-cone", "/eval.py", "/run.sh")
    assert not os.path.exists(repo.at("src/a.py"))
    assert repo.facts()["git"]["tree"] == before["git"]["tree"]
    assert repo.facts()["git_dirty"] is False
    repo.git("update-index", "--assume-unchanged", "eval.py")
    os.unlink(repo.at("eval.py"))
    repo.write("src/a.py", "brought back and edited\n")
    found = repo.facts()
    assert found["git"]["changed"] == ["eval.py", "src/a.py"]


def test_a_staged_file_that_is_flagged_counts_as_both(tmp_path: Path) -> None:
    """What was staged, flagged and then edited again is staged and changed."""
    repo = small_repo(tmp_path / "repo")
    repo.write("eval.py", "staged\n")
    repo.git("add", "eval.py")
    repo.git("update-index", "--assume-unchanged", "eval.py")
    repo.write("eval.py", "edited\n")
    found = repo.found()
    assert found.facts["git"]["staged"] == found.facts["git"]["changed"] == ["eval.py"]
    repo.git("update-index", "--no-assume-unchanged", "eval.py")
    assert found.facts["git"]["tree"] == repo.tree_git_makes()


def test_a_repository_without_flags_is_asked_nothing_more(tmp_path: Path) -> None:
    """Without a flag git is not asked for any; with a shared index it is, for the flags may stand there."""
    repo = small_repo(tmp_path / "repo")
    assert not any("ls-files" in argv for one in gathered(repo.context())[1] for argv in one)
    repo.git("update-index", "--split-index")
    repo.git("update-index", "--assume-unchanged", "eval.py")
    assert any("ls-files" in argv for one in gathered(repo.context())[1] for argv in one)


def test_too_many_files_are_not_hashed_and_few_are_kept(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound the trees are not known, with the count; what is not kept is counted with the reason."""
    monkeypatch.setattr(gittree, "HASH_COUNT", 20)
    monkeypatch.setattr(gitpatch, "FILES_COUNT", 5)
    for number in range(30):
        repo.write(f"new/{number}", b"")
    found = repo.found()
    git = found.facts["git"]
    assert git["tree"] is found.facts["code"]["tree"] is None
    assert "30 changed and untracked files; more than 20 are not hashed before a start" in str(found.reason)
    assert (git["counts"]["untracked"], git["counts"]["withheld"], len(git["saved"])) == (30, 25, 5)
    assert {one["reason"] for one in git["withheld"]} == {"the untracked files together are over 5"}
