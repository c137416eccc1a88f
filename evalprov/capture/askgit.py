"""How git is asked: nothing of the user's is started or written by it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evalprov.capture.ask import GIT_PATIENCE, Question

if TYPE_CHECKING:
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


def command_in(context: CaptureContext, folder: str, *words: str, stdin: bytes = b"") -> Question:
    """Put a question to git in a folder."""
    return Question(("git", *OPTIONS, "-C", folder, *words), env=environ_of(context), stdin=stdin, timeout=GIT_PATIENCE)


def environ_of(context: CaptureContext) -> dict[str, str]:
    """Return the environment in which git is asked."""
    environ = {name: value for name, value in context.environ.items() if not name.startswith("GIT_TRACE")}
    return environ | ENVIRON


def unlinked_above(path: str) -> str:
    """Return a path with the links of the folders above it resolved, and not its own."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)
