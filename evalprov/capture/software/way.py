"""How far a command line has been followed on the way to its Python, and what every step of it uses."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class PythonChoice(NamedTuple):
    """The Python a command will run on, or why that is not known."""

    argv: tuple[str, ...]  # the interpreter, and those of its options that shape its module path
    found_by: str
    certain: bool
    reason: str | None
    first: str  # what the program has in front of its module path; empty for nothing
    environ: Mapping[str, str]
    cwd: str
    program: str | None = None  # the file that is started where that is no Python


class CommandWay:
    """How far a command line has been followed: what is left of it and what it runs in."""

    __slots__ = ("certain", "cwd", "environ", "found_by", "prefix", "program", "reasons", "root", "words")

    def __init__(self, words: Sequence[str], cwd: str, environ: Mapping[str, str], root: str) -> None:
        self.words = list(words)
        self.cwd = cwd
        self.environ = environ
        self.root = root
        self.found_by = "command"
        self.certain = True
        self.reasons: list[str] = []
        self.prefix: str | None = None  # the environment that a manager put in front
        self.program: str | None = None

    def unknown(self, reason: str) -> PythonChoice:
        """End here: the Python cannot be told."""
        return PythonChoice((), self.found_by, False, reason, "", {}, self.cwd, self.program)  # noqa: FBT003

    def home(self) -> str:
        """Return the user's folder, as programs find it."""
        return self.environ.get("HOME") or os.path.expanduser("~")

    def enter(self, prefix: str, found_by: str) -> None:
        """Go on inside an environment."""
        path = self.environ.get("PATH", os.defpath)
        self.environ = {**self.environ, "PATH": f"{prefix}/bin{os.pathsep}{path}"}
        self.prefix, self.found_by = prefix, found_by

    def found(self, argv: Sequence[str], first: str = "") -> PythonChoice:
        """End here: this is the Python."""
        reason = "; ".join(self.reasons) or None
        return PythonChoice(
            tuple(argv), self.found_by, self.certain, reason, first, self.environ, self.cwd, self.program
        )


def which(word: str, cwd: str, environ: Mapping[str, str]) -> str | None:
    """Find the file that starting this word would run, as execvp does."""
    folders = [""] if "/" in word else environ.get("PATH", os.defpath).split(os.pathsep)
    for folder in folders:
        path = os.path.join(cwd, folder, word)
        try:
            if stat.S_ISREG(os.stat(path).st_mode) and os.access(path, os.X_OK):
                return path
        except (OSError, ValueError):
            continue
    return None


def read_head(path: str, size: int = 4096) -> bytes:
    """Return a file's first bytes; none where it cannot be read."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(file, size)
    except OSError:
        return b""
    finally:
        os.close(file)


def options(words: Sequence[str], short: str, long: Sequence[str]) -> tuple[list[tuple[str, str]], int]:
    """Read the options in front; those named take a word. Return them and how many words they were."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] != "-":
        word = words[at]
        at += 1
        if word == "--":
            break
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if not equals and name in long:
                value = words[at] if at < len(words) else ""
                at += 1
            found.append((name, value))
            continue
        for place, letter in enumerate(word[1:], 2):
            value = word[place:]
            if letter in short:
                if not value:
                    value = words[at] if at < len(words) else ""
                    at += 1
                found.append((letter, value))
                break
            found.append((letter, ""))
    return found, at


def python_in(prefix: str) -> str | None:
    """Return the interpreter of an environment, if it has one."""
    for name in ("python", "python3"):
        path = which(os.path.join(prefix, "bin", name), "/", {})
        if path:
            return path
    return None
