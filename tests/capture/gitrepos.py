"""Real repositories for the git tests, the collector run on them, and git itself as the judge."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any, TypeVar

from evalprov.capture.ask import Question, Reply, Running, wait_any
from evalprov.capture.code.git import collect
from evalprov.capture.collector import CaptureContext, Findings
from evalprov.private import private_folder, remove_folder
from evalprov.secrets import Scrubber
from evalprov.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

T = TypeVar("T")


class Repo:
    """A repository of a test."""

    def __init__(self, path: Path | str, *, init: bool = True) -> None:
        self.path = str(path)
        if init:
            os.makedirs(self.path, exist_ok=True)
            self.git("init", "-q", "-b", "main")

    def git(self, *words: str | bytes, stdin: bytes | None = None, ok: bool = True) -> bytes:
        """Run git here."""
        done = subprocess.run(
            ["git", "-C", self.path, "-c", "protocol.file.allow=always", *words],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
        )
        if ok and done.returncode:
            raise AssertionError(f"git {words}: {done.stderr.decode()}")
        return done.stdout.strip()

    def at(self, name: str | bytes) -> bytes:
        """Return a path in the work tree."""
        return os.path.join(os.fsencode(self.path), os.fsencode(name))

    def write(self, name: str | bytes, content: bytes | str = b"x\n", mode: int | None = None) -> None:
        """Write a file, with the folders it needs."""
        file = self.at(name)
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "wb") as to:
            to.write(content.encode() if isinstance(content, str) else content)
        if mode is not None:
            os.chmod(file, mode)

    def commit(self, message: str = "more") -> str:
        """Commit all of it, as is; return the commit."""
        self.git("add", "-A")
        self.git("commit", "-qm", message, "--allow-empty")
        return self.head()

    def give_to(self, uid: int) -> None:
        """Make it all another user's."""
        for folder, folders, files in os.walk(self.path):
            for name in (".", *folders, *files):
                os.chown(os.path.join(folder, name), uid, uid, follow_symlinks=False)

    def head(self, what: str = "HEAD") -> str:
        """Return an id."""
        return self.git("rev-parse", what).decode()

    def context(self, **changed: Any) -> CaptureContext:
        """Return the context of a run at the top of the work tree."""
        environ = changed.get("environ", dict(os.environ))
        usual = {
            "argv": ("true",),
            "cwd": self.path,
            "root": self.path,
            "store": os.path.join(self.path, "metrics"),
            "environ": environ,
            "settings": Settings(root=self.path),
            "scrub": Scrubber(environ),
        }
        return CaptureContext(**{**usual, **changed})

    def found(self, **changed: Any) -> Findings:
        """Run the collector here."""
        return gathered(self.context(**changed))[0]

    def facts(self, **changed: Any) -> dict[str, Any]:
        """Run the collector here; return the facts alone."""
        return self.found(**changed).facts

    def tree_git_makes(self, *without: str) -> str:
        """Really add and commit everything but some paths; return the tree."""
        self.git("add", "-A")
        for path in without:
            self.git("rm", "-r", "-q", "--cached", "--ignore-unmatch", "--", path)
        self.git("commit", "-qm", "all of it", "--allow-empty", "--allow-empty-message")
        return self.head("HEAD^{tree}")


def small_repo(path: Path) -> Repo:
    """Return a repository with a few files in one commit."""
    made = Repo(path)
    made.write("eval.py", "print(1)\n" * 20)
    made.write("src/a.py", "a = 1\n")
    made.write("src/deep/b.py", "b = 1\n")
    made.write("run.sh", "#!/bin/sh\n", 0o755)
    made.write("data.bin", bytes(range(256)) * 4)
    made.write(".gitignore", "*.log\nbuild/\n")
    os.symlink("eval.py", made.at("link"))
    made.commit("first")
    return made


def gathered(context: CaptureContext) -> tuple[Findings, list[list[tuple[str, ...]]]]:
    """Run the collector to its end; return what it found and what it asked in each round."""
    rounds: list[list[tuple[str, ...]]] = []
    scratch = private_folder(context.environ.get("TMPDIR"), outside=context.root)
    try:
        return answered(collect(context._replace(scratch=scratch)), rounds), rounds
    finally:
        remove_folder(scratch)


def answered(steps: Generator[list[Question], list[Reply], T], rounds: list[Any] | None = None) -> T:
    """Answer all that is asked; return the result."""
    answers: list[Reply] | None = None
    while True:
        try:
            commands = steps.send(answers)  # type: ignore[arg-type]
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        if rounds is not None:
            rounds.append([command.argv for command in commands])
        running = [Running(command) for command in commands]
        while waiting := [one for one in running if one.answer is None]:
            wait_any(waiting)
        answers = [one.answer for one in running if one.answer]


def as_other_user(uid: int, ask: Callable[[], Any]) -> Any:
    """Call something as another user in a process of its own; return what it returned."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            os.write(write, json.dumps(ask()).encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as said:
        told = said.read()
    os.waitpid(child, 0)
    return json.loads(told)


def restored_tree(original: Repo, found: Findings) -> str:
    """Bring the run's work tree back in a fresh clone from what was kept; return its tree."""
    git = found.facts["git"]
    with tempfile.TemporaryDirectory() as folder:
        there = Repo(os.path.join(folder, "back"))
        if sha := found.facts["git_sha"]:
            there.git("fetch", "-q", original.path, sha)
            there.git("checkout", "-q", "--detach", sha)
        if git["patch"]:
            patch = found.blobs[git["patch"]["file"]]
            there.git("apply", "--whitespace=nowarn", stdin=patch)
        for name, saved in git["saved"].items():
            content = found.blobs[saved["file"]]
            file = there.at(name.encode("utf-8").decode("unicode_escape").encode("latin-1") if "\\" in name else name)
            if os.path.lexists(file):
                os.unlink(file)
            os.makedirs(os.path.dirname(file), exist_ok=True)
            if saved["mode"] == "120000":
                os.symlink(content, file)
            else:
                there.write(file, content, int(saved["mode"], 8) & 0o777)
        there.git("add", "-A")
        return there.git("write-tree").decode()


def snapshot(*tops: str) -> dict[str, tuple[Any, ...]]:
    """Return every file below with its bytes and all that a write would change."""
    seen: dict[str, tuple[Any, ...]] = {}
    for top in tops:
        for folder, _, files in os.walk(top):
            for name in [".", *files]:
                path = os.path.join(folder, name)
                status = os.lstat(path)
                content: bytes | str | None = None
                if stat.S_ISREG(status.st_mode):
                    with open(path, "rb") as source:
                        content = source.read()
                elif stat.S_ISLNK(status.st_mode):
                    content = os.readlink(path)
                times = (status.st_mtime_ns, status.st_ctime_ns)
                # Every git marks a shared index as used when it reads it, and offers no way not to.
                seen[path] = (
                    status.st_ino,
                    status.st_mode,
                    content,
                    *([] if "sharedindex" in name else times),
                )
    return seen
