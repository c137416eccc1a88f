"""What is kept of a dirty work tree, and what is withheld."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from gitrepos import Repo, as_other_user, small_repo

from evalprov.secrets import Scrubber

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A repository with a few files in one commit."""
    return small_repo(tmp_path / "repo")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user can reach."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_what_is_too_large_odd_or_secret_is_withheld_by_name(repo: Repo) -> None:
    """Large files and those named like secrets are withheld with the reason, a link is kept as a link."""
    repo.write("tracked.pem", "-----BEGIN\n")
    repo.write("large", "small\n")
    repo.commit()
    repo.write("tracked.pem", "other\n")
    repo.write("large", b"x" * (11 << 20))
    repo.write(".env", "A=1\n")
    repo.write(".env.example", "A=\n")
    repo.write("keys/id_rsa", "k\n")
    repo.write("big", b"y" * ((1 << 20) + 1))
    for number in range(11):
        repo.write(f"full/{number:02}", bytes([number]) * (1 << 20))
    os.symlink("/etc/shadow", repo.at("shadow"))
    found = repo.found()
    git = found.facts["git"]
    withheld = {one["path"]: one["reason"] for one in git["withheld"]}
    assert withheld == {
        "tracked.pem": "its name says that it holds secrets",
        "large": "larger than 10 MiB",
        ".env": "its name says that it holds secrets",
        "keys/id_rsa": "its name says that it holds secrets",
        "big": "larger than 1 MiB",
        "full/09": "the untracked files together are larger than 10 MiB",
        "full/10": "the untracked files together are larger than 10 MiB",
    }
    assert git["counts"]["withheld"] == 7
    assert git["patch"] is None
    assert found.blobs[git["saved"][".env.example"]["file"]] == b"A=\n"
    link = git["saved"]["shadow"]
    assert link["mode"] == "120000"
    assert found.blobs[link["file"]] == b"/etc/shadow"
    assert git["tree"] == repo.tree_git_makes()


def test_neither_pipes_nor_sockets_are_opened(repo: Repo) -> None:
    """A pipe in a tracked file's place holds nothing up: it is withheld, and there is no tree, as for git."""
    os.unlink(repo.at("eval.py"))
    os.mkfifo(repo.at("eval.py"))
    os.mkfifo(repo.at("pipe"))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(os.path.join(repo.path, "socket")))
        found = repo.found()
    git = found.facts["git"]
    assert git["changed"] == ["eval.py"]
    assert git["untracked"] == []
    assert git["withheld"] == [{"path": "eval.py", "reason": "not a regular file", "blob": None}]
    assert git["tree"] is None
    assert "eval.py" in (found.reason or "")


def test_a_patch_that_is_too_large_is_withheld_with_every_path(repo: Repo) -> None:
    """The patch is kept whole or not at all; then each of its files is named with the reason."""
    for number in range(3):
        repo.write(f"big/{number}", os.urandom(3 << 20))
    repo.commit()
    for number in range(3):
        repo.write(f"big/{number}", os.urandom(3 << 20))
    found = repo.found()
    assert found.facts["git"]["patch"] is None
    assert [(one["path"], one["reason"]) for one in found.facts["git"]["withheld"]] == [
        (f"big/{number}", "the patch is larger than 10 MiB") for number in range(3)
    ]
    assert found.facts["git"]["tree"] == repo.tree_git_makes()


def test_no_more_than_a_thousand_untracked_files_are_kept(repo: Repo) -> None:
    """The number of kept files is bounded, and so is the list of what is not kept; the count is true."""
    for number in range(2100):
        repo.write(f"many/{number:04}", str(number % 7))
    found = repo.found()
    git = found.facts["git"]
    assert len(git["saved"]) == 1000
    assert len(git["withheld"]) == 1000
    assert git["counts"]["withheld"] == 1100
    assert len(found.blobs) == 7
    assert git["tree"] == repo.tree_git_makes()


def test_what_holds_a_secret_is_withheld_with_its_hash_and_never_half_cleaned(repo: Repo) -> None:
    """A secret of the environment is in no kept byte and no name; what holds none is kept byte for byte beside it."""
    secret = "s3cr3t-Value-0123456789"
    environ = {**os.environ, "SERVICE_API_KEY": secret}
    for name in ("kept.py", "ä b.txt", 'quo"te\\.txt', "tab\t.txt"):
        repo.write(name, "1\n")
    repo.commit()
    repo.write("kept.py", "2\n")
    repo.write("ä b.txt", f"{secret}\n")
    repo.write('quo"te\\.txt', f"x = {secret}\n")
    repo.write("tab\t.txt", "2\n")
    repo.write("data.bin", b"\0\1\2" + secret.encode() + b"\0")
    repo.write("new.txt", f"key = {secret}\n")
    repo.write("clean.txt", "nothing\n")
    repo.write(f"named-{secret}", "n\n")
    os.symlink(f"/x/{secret}", repo.at("to"))
    repo.git("remote", "add", "origin", f"https://host/{secret}/x")
    repo.git("checkout", "-q", "-b", f"b-{secret}")
    found = repo.found(environ=environ, scrub=Scrubber(environ))
    git = found.facts["git"]
    assert secret.encode() not in b"".join(found.blobs.values())
    assert secret not in repr(found._replace(before=None)), "what is kept for the second look goes to no disk"
    why = "it holds what looks like a secret"
    kept = {one["path"]: (one["reason"], one["blob"]) for one in git["withheld"]}
    blobs = {
        name: repo.git("hash-object", "--no-filters", name).decode() for name in ("ä b.txt", 'quo"te\\.txt', "new.txt")
    }
    assert {name: kept[name] for name in blobs} == {name: (why, blob) for name, blob in blobs.items()}
    assert {"data.bin", "to"} < set(kept)
    assert git["saved"].keys() == {"clean.txt", "named-[secret]"}
    patch = found.blobs[git["patch"]["file"]]
    assert patch.count(b"diff --git ") == 2
    assert b"a/kept.py b/kept.py" in patch
    assert b'"a/tab\\t.txt"' in patch
    assert not any(one["scrubbed"] for one in (git["patch"], *git["saved"].values()))


def test_code_that_speaks_of_secrets_is_kept_and_a_secret_on_its_own_line_is_not(repo: Repo) -> None:
    """A program's `token = token` withholds no file; a value below its name does, also behind a patch's signs."""
    repo.write("client.py", "x = 1\n")
    repo.write("new.yaml", "a: 1\n")
    repo.write("old.yaml", "env:\n- name: DB_PASSWORD\n  value: sunsetmoon\n")
    repo.commit()
    repo.write("client.py", "def f(token: str | None):\n    auth_token = token\n    self.api_key = key or get('X')\n")
    repo.write("other.ts", "const apiKey = process.env.KEY\n")
    repo.write("real.py", 'password = "sunsetmoon"\n')
    repo.write("new.yaml", "env:\n- name: DB_PASSWORD\n  value: sunsetmoon\n")
    repo.write("old.yaml", "env: {}\n")
    git = repo.found().facts["git"]
    assert {one["path"] for one in git["withheld"]} == {"new.yaml", "old.yaml", "real.py"}
    assert git["saved"].keys() == {"other.ts"}


def test_a_pointer_to_large_content_is_no_content(repo: Repo) -> None:
    """Where a filter leaves a pointer in the patch the file is named as withheld."""
    spec = "version https://git-lfs.github.com/spec/v1"
    repo.git("config", "filter.far.clean", f"echo {spec}; sha256sum")
    repo.write(".gitattributes", "*.far filter=far\n")
    repo.write("old.far", "1\n")
    repo.commit()
    repo.write("old.far", "2\n")
    repo.write("new.far", "3\n")
    repo.git("add", "new.far")
    reason = "its content is in Git LFS, the patch has the pointer alone"
    git = repo.facts()["git"]
    assert [(one["path"], one["reason"]) for one in git["withheld"]] == [("new.far", reason), ("old.far", reason)]
    assert git["tree"] == repo.tree_git_makes()


def test_a_kept_piece_is_named_by_the_hash_of_what_is_stored(repo: Repo) -> None:
    """Every kept piece has its size and hash, and equal content is stored once."""
    repo.write("eval.py", "print(2)\n")
    repo.write("one", "same\n")
    repo.write("two", "same\n", 0o755)
    found = repo.found()
    git = found.facts["git"]
    pieces = [git["patch"], *git["saved"].values()]
    for piece in pieces:
        content = found.blobs[piece["file"]]
        assert piece["bytes"] == len(content)
        assert piece["sha256"] == hashlib.sha256(content).hexdigest()
    assert git["patch"]["file"] == f"patches/{git['patch']['sha256']}.patch"
    assert git["saved"]["one"]["file"] == git["saved"]["two"]["file"] == f"objects/{pieces[1]['sha256']}"
    assert (git["saved"]["one"]["mode"], git["saved"]["two"]["mode"]) == ("100644", "100755")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_unreadable_file_is_withheld_and_leaves_the_tree_unknown(open_folder: Path) -> None:
    """What may not be read is named, and git's own words say why there is no tree."""
    repo = small_repo(open_folder / "repo")
    repo.write("locked", "l\n", 0)
    repo.write("shut/inside", "i\n")
    os.chmod(repo.at("shut"), 0)
    repo.give_to(1234)

    def ask() -> Any:
        found = repo.found(environ={**os.environ, "HOME": "/"})
        return found.facts, found.reason, found.warnings

    facts, reason, warnings = as_other_user(1234, ask)
    assert facts["git_dirty"] is True
    assert facts["git"]["withheld"] == [
        {"path": "locked", "reason": "could not be read: Permission denied", "blob": None}
    ]
    assert facts["git"]["tree"] is None
    assert "locked" in reason
    assert "could not open directory 'shut/'" in warnings[0]
