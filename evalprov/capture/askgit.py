"""How git is asked: nothing of the user's is started or written by it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evalprov.capture.ask import GIT_PATIENCE, Question

if TYPE_CHECKING:
    from evalprov.capture.ask import Reply
    from evalprov.capture.collector import CaptureContext

MARK = "--evalprov-mark"  # rev-parse repeats an option that it does not know
# Nothing of the user's may be started or written: no watcher, no hook, no shared index.
OPTIONS = (
    *("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.splitIndex=false"),
    *("-c", "core.safecrlf=false", "-c", "status.showUntrackedFiles=all"),
)
ENVIRON = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    # A partial clone would otherwise fetch what it lacks.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
}


_STATUS = (
    *("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--ignored=matching", "--no-renames"),
    *("--no-ahead-behind", "--ignore-submodules=none"),
)


def status(context: CaptureContext) -> Question:
    """Ask what differs from the commit, and what is ignored."""
    return ask(context, *_STATUS)


def where(context: CaptureContext) -> Question:
    """Ask where the repository is, and for its commit."""
    # The store relative to the current folder: the top is not known yet.
    store = os.path.relpath(unlinked_above(context.store), os.path.realpath(context.cwd))
    known = ("--show-object-format", MARK, "--show-toplevel", MARK, "--absolute-git-dir", MARK)
    return ask(context, "rev-parse", *known, "HEAD", "HEAD^{tree}", MARK, f"HEAD:./{store}")


def parts_of(answer: Reply) -> list[str]:
    """Return what git said of where it is: format, top, folder, commit and tree; empty where it did not."""
    parts = [] if answer.problem else os.fsdecode(answer.out).split(f"\n{MARK}\n")
    return parts if len(parts) > 3 else []


def ask(context: CaptureContext, *words: str, folder: str | None = None, stdin: bytes = b"") -> Question:
    """Put a question to git in a folder: where the command runs, or another."""
    argv = ("git", *options_of(context), "-C", folder or context.cwd, *words)
    return Question(argv, env=environ_of(context), stdin=stdin, timeout=GIT_PATIENCE)


def options_of(context: CaptureContext) -> tuple[str, ...]:
    """Return the options with which git is asked."""
    # A filter for large files would keep what it hashes in the repository.
    return (*OPTIONS, "-c", f"lfs.storage={context.scratch}/lfs") if context.scratch else OPTIONS


def environ_of(context: CaptureContext) -> dict[str, str]:
    """Return the environment in which git is asked."""
    environ = {name: value for name, value in context.environ.items() if not name.startswith("GIT_TRACE")}
    return environ | ENVIRON


def unlinked_above(path: str) -> str:
    """Return a path with the links of the folders above it resolved, and not its own."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)
