"""Repositories in the states that strangers keep them in."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

NO_PRIVILEGES = 'exec setpriv --inh-caps=-all --bounding-set=-all -- "$@"'  # root honours no mode bits otherwise


class State(NamedTuple):
    """A repository's state, and where in it a command runs."""

    setup: Callable[[Path], None]
    cwd: str = "."
    store: str = "metrics"
    around: str = ""
    env: Mapping[str, str | None] = {}
    adds: float = 3.0


def git(folder: Path, *words: str, ok: bool = True) -> None:
    """Run git there."""
    done = subprocess.run(["git", "-C", folder, "-c", "protocol.file.allow=always", *words], capture_output=True)
    if ok and done.returncode:
        raise AssertionError(f"git {words}: {done.stderr.decode()}")


def write(folder: Path, name: str, text: str | bytes = "x\n", mode: int = 0o644) -> Path:
    """Write a file there."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.is_fifo():  # another state's, which nobody reads
        file.unlink()
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(mode)
    return file


def none(folder: Path) -> None:
    """No repository, and two files."""
    write(folder, "eval.py", "print(1)\n")
    write(folder, "sub/conf.yaml", "temperature: 0\n")


def clean(folder: Path) -> None:
    """All of it committed."""
    none(folder)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "all")


def with_files(**files: str | bytes) -> Callable[[Path], None]:
    """A clean repository with some untracked files."""

    def made(folder: Path) -> None:
        clean(folder)
        for name, text in files.items():
            write(folder, name, text)

    return made


def after(*steps: Callable[[Path], object] | tuple[str, ...]) -> Callable[[Path], None]:
    """A clean repository, then git commands and other steps."""

    def made(folder: Path) -> None:
        clean(folder)
        for step in steps:
            if isinstance(step, tuple):
                git(folder, *step)
            else:
                step(folder)

    return made


def dirty(folder: Path) -> None:
    """Changed, staged, removed, renamed and untracked."""
    clean(folder)
    for name in ("a", "b", "c"):
        write(folder, name)
    git(folder, "add", "a", "b", "c")
    git(folder, "commit", "-qm", "more")
    write(folder, "eval.py", "print(2)\n")
    write(folder, "a", "staged\n")
    git(folder, "add", "a")
    write(folder, "a", "staged and changed\n")
    (folder / "b").unlink()
    git(folder, "mv", "c", "d")
    write(folder, "new/untracked.py", "y = 1\n")


def conflict(folder: Path) -> None:
    """A merge that stopped in the middle."""
    clean(folder)
    for branch, text in (("side", "print(2)\n"), ("main", "print(3)\n")):
        git(folder, "checkout", "-q", *(["-b"] if branch == "side" else []), branch)
        write(folder, "eval.py", text)
        git(folder, "commit", "-qam", branch)
    git(folder, "merge", "side", ok=False)


def rebasing(folder: Path) -> None:
    """A rebase that stopped in the middle."""
    conflict(folder)
    git(folder, "merge", "--abort")
    git(folder, "rebase", "side", ok=False)


def many(folder: Path) -> None:
    """A thousand untracked files."""
    clean(folder)
    for number in range(1000):
        write(folder, f"logs/{number % 7}/{number}.log", f"{number}\n")


def worktree(folder: Path) -> None:
    """A linked work tree beside its repository."""
    clean(folder / "first")
    git(folder / "first", "worktree", "add", "-q", "../second", "-b", "second")


def submodule(folder: Path) -> None:
    """A repository in the repository, with a change inside."""
    clean(folder / "other")
    clean(folder / "top")
    git(folder / "top", "submodule", "add", "-q", "../other", "inside")
    git(folder / "top", "commit", "-qm", "submodule")
    write(folder / "top", "inside/eval.py", "print(4)\n")


def cloned(*options: str) -> Callable[[Path], None]:
    """A clone made in some way."""

    def made(folder: Path) -> None:
        clean(folder / "origin")
        git(folder / "origin", "commit", "-qm", "second", "--allow-empty")
        git(folder, "clone", "-q", *options, f"file://{folder}/origin", "clone")

    return made


def git_that(does: str) -> Callable[[Path], None]:
    """Another git comes first in the search path."""

    def made(folder: Path) -> None:
        clean(folder)
        write(folder, "bin/git", f"#!/bin/sh\n{does}\n").chmod(0o755)

    return made


def sockets(folder: Path) -> None:
    """Things that are no files: a FIFO nobody writes to, a socket, links that lead nowhere and in circles."""
    clean(folder)
    os.mkfifo(folder / "fifo.yaml")
    (folder / "dangling").symlink_to("no/such/place")
    (folder / "circle").symlink_to("circle")
    (folder / "up").symlink_to("..")
    here = os.getcwd()
    os.chdir(folder)  # a socket's path has a short limit
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket.json")
    os.chdir(here)


def odd_names(folder: Path) -> None:
    """Names that are no text, and text that looks like options, globs and more than one line."""
    clean(folder)
    for name in (b"caf\xe9.py", b"two\nlines.py", b"-rf", b"*", b"tab\there", "日本.yaml".encode(), b"quo'te\".py"):
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:
            file.write(b"z\n")


def unreadable(folder: Path) -> None:
    """A tracked file, an untracked one and a folder that may not be read."""
    clean(folder)
    write(folder, "secret.txt", "s\n", 0o000)
    write(folder, "closed/inside.txt")
    (folder / "closed").chmod(0o000)
    (folder / "eval.py").chmod(0o000)


def broken(name: str, text: bytes) -> Callable[[Path], None]:
    """A clean repository with one of git's own files spoilt."""
    return after(lambda folder: write(folder, f".git/{name}", text))


def nested(folder: Path) -> None:
    """Repositories in it that it does not know as submodules, one of them empty."""
    clean(folder)
    clean(folder / "vendor/one")
    git(folder, "init", "-q", "vendor/empty")


def git_file(folder: Path) -> None:
    """A .git that is a file, and leads to a repository elsewhere."""
    clean(folder / "tree")
    (folder / "tree/.git").rename(folder / "elsewhere.git")
    write(folder, "tree/.git", f"gitdir: {folder}/elsewhere.git\n")


def hooks(folder: Path) -> None:
    """Every hook fails loudly, and so does the watcher of files."""
    clean(folder)
    for name in ("post-index-change", "pre-commit", "post-checkout", "reference-transaction", "fsmonitor-watchman"):
        write(folder, f".git/hooks/{name}", "#!/bin/sh\necho hook says no\nexit 1\n", 0o755)
    git(folder, "config", "core.fsmonitor", ".git/hooks/fsmonitor-watchman")


def filters(command: str) -> Callable[[Path], None]:
    """Files that pass through a filter of the user's."""

    def made(folder: Path) -> None:
        clean(folder)
        git(folder, "config", "filter.own.clean", command)
        git(folder, "config", "filter.own.required", "true")
        write(folder, ".gitattributes", "*.bin filter=own\n")
        write(folder, "weights.bin", "w\n")
        write(folder, "more.bin", "v\n")

    return made


def read_only(folder: Path) -> None:
    """Nothing may be written anywhere in the tree."""
    clean(folder / "tree")
    subprocess.run(["chmod", "-R", "a-w", folder / "tree"], check=True)


def bare(folder: Path) -> None:
    """A repository without a work tree."""
    git(folder, "init", "-q", "--bare", "bare.git")


def flagged(flag: str) -> Callable[[Path], None]:
    """A changed file under a flag that hides it from git."""
    return after(("update-index", flag, "eval.py"), lambda folder: write(folder, "eval.py", "print(5)\n"))


def sha256(folder: Path) -> None:
    """A repository of the other hash."""
    git(folder.parent, "init", "-q", "--object-format=sha256", "-b", "main", str(folder))
    none(folder)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "all")


def crlf(folder: Path) -> None:
    """Line ends that git changes on the way in."""
    clean(folder)
    git(folder, "config", "core.autocrlf", "true")
    write(folder, ".gitattributes", "*.txt text eol=crlf\n*.py text=auto\n")
    write(folder, "a.txt", "one\r\ntwo\n")
    write(folder, "eval.py", "print(1)\r\n")


def stale_lock(folder: Path) -> None:
    """A lock that a killed git left behind."""
    dirty(folder)
    write(folder, ".git/index.lock", "")


def sparse_file(folder: Path) -> None:
    """An untracked file of 4 GiB, holes all through."""
    clean(folder)
    with (folder / "model.bin").open("wb") as file:
        file.truncate(4 << 30)


STATES: dict[str, State] = {
    "none": State(none),
    "clean": State(clean),
    "in a folder of it": State(clean, "sub"),
    "empty untracked file": State(with_files(**{"__init__.py": "", "logs/run.log": ""})),
    "dirty": State(dirty),
    "a thousand untracked files": State(many),
    "conflict": State(conflict),
    "rebasing": State(rebasing),
    "detached": State(after(("checkout", "-q", "--detach"))),
    "unborn": State(lambda folder: git(folder, "init", "-q")),
    "unborn with files": State(lambda folder: (none(folder), git(folder, "init", "-q"), git(folder, "add", "-A"))[0]),
    "bare": State(bare, "bare.git", "bare.git/metrics"),
    "in .git": State(clean, ".git"),
    "worktree": State(worktree, "second", "second/metrics"),
    "worktree whose repository is gone": State(
        lambda folder: (worktree(folder), subprocess.run(["rm", "-rf", folder / "first"], check=True))[0],
        "second",
        "second/metrics",
    ),
    "submodule": State(submodule, "top", "top/metrics"),
    "in a submodule": State(submodule, "top/inside", "top/inside/metrics"),
    "shallow": State(cloned("--depth=1"), "clone", "clone/metrics"),
    "without blobs": State(cloned("--filter=blob:none"), "clone", "clone/metrics"),
    "without blobs, its origin gone": State(
        lambda folder: (
            cloned("--filter=blob:none", "--no-checkout")(folder),
            subprocess.run(["rm", "-rf", folder / "origin"], check=True),
        )[0],
        "clone",
        "clone/metrics",
    ),
    "sparse": State(after(("sparse-checkout", "set", "sub"))),
    "sha256": State(sha256),
    "assume-unchanged": State(flagged("--assume-unchanged")),
    "skip-worktree": State(flagged("--skip-worktree")),
    "odd names": State(odd_names),
    "no files at all": State(sockets),
    "unreadable": State(unreadable, around=NO_PRIVILEGES),
    "another's": State(after(lambda folder: subprocess.run(["chown", "-R", "12345", folder], check=True))),
    "stale lock": State(stale_lock),
    "HEAD empty": State(broken("HEAD", b"")),
    "HEAD to nowhere": State(broken("HEAD", b"ref: refs/heads/../../../etc/passwd\n")),
    "HEAD of noise": State(broken("HEAD", b"\xff\xfe\0\0")),
    "index spoilt": State(broken("index", b"DIRC\0\0\0\x02 not an index")),
    "config spoilt": State(broken("config", b"[core\nthis is no config")),
    "config of a newer git": State(broken("config", b"[core]\n\trepositoryformatversion = 99\n")),
    "objects gone": State(after(lambda folder: subprocess.run(["rm", "-rf", folder / ".git/objects"], check=True))),
    ".git empty": State(lambda folder: (none(folder), (folder / ".git").mkdir())[0]),
    ".git a file": State(git_file, "tree", "tree/metrics"),
    ".git a file to nowhere": State(lambda folder: (none(folder), write(folder, ".git", "gitdir: /no/such\n"))[0]),
    ".git a link": State(
        lambda folder: (clean(folder), (folder / ".git").rename(folder / "real"), (folder / ".git").symlink_to("real"))[0]
    ),
    "huge file": State(sparse_file),
    "line ends": State(crlf),
    "failing hooks": State(hooks),
    "filter missing": State(filters("no-such-filter")),
    "filter that fails": State(filters("false")),
    "filter that hangs": State(filters("sleep 600"), adds=9),
    "a pipe as .gitignore": State(lambda folder: (clean(folder), os.mkfifo(folder / ".gitignore"))[0], adds=9),
    "a pipe as .gitattributes": State(lambda folder: (clean(folder), os.mkfifo(folder / ".gitattributes"))[0], adds=9),
    "pipes as settings": State(
        lambda folder: (clean(folder), os.mkfifo(folder / "evalprov.toml"), os.mkfifo(folder / "pyproject.toml"))[0]
    ),
    "a folder as settings": State(
        lambda folder: (clean(folder), (folder / "evalprov.toml").mkdir(), (folder / "pyproject.toml").mkdir())[0]
    ),
    "git that hangs": State(git_that("sleep 600"), around="PATH=$PWD/bin:$PATH", adds=9),
    "git that leaves something behind": State(
        git_that('(sleep 20 &); exec /usr/bin/git "$@"'), around="PATH=$PWD/bin:$PATH"
    ),
    "filter that talks": State(filters("cat; echo talking >&2")),
    "nested": State(nested),
    "read-only": State(
        read_only, "tree", "kept", NO_PRIVILEGES
    ),
    "ignores everything": State(with_files(**{".gitignore": "*\n", "data.bin": "d"})),
    "attributes of noise": State(with_files(**{".gitattributes": b"\xff\xfe * binary\n[attr]x y z\n"})),
    "in a deep folder": State(lambda folder: (clean(folder), (folder / ("d/" * 60)).mkdir(parents=True))[0], "d/" * 60),
    "replaced commits": State(
        after(
            ("commit", "-qm", "next", "--allow-empty"), ("replace", "HEAD", "HEAD~1"), ("tag", "-am", "t", "v1")
        )
    ),
    "remote with a password": State(after(("remote", "add", "origin", "https://me:pass word@example.org/x.git"))),
    "hundred branches": State(
        after(*((("branch", f"b/{number}")) for number in range(60)), ("pack-refs", "--all"), ("gc", "-q"))
    ),
}  # fmt: skip
