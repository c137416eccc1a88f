"""Which code runs: the commit, what differs from it, the tree of it all, and what brings it back.

Git itself is asked, so its own rules hold; nothing is ever written to the repository.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from evalprov.capture.ask import GIT_PATIENCE, Question
from evalprov.capture.askgit import MARK, OPTIONS, environ_of, unlinked_above

if TYPE_CHECKING:
    from evalprov.capture.collector import CaptureContext, Steps

_STATUS = (
    *("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--no-renames"),
    *("--no-ahead-behind", "--ignore-submodules=none"),
)


def collect(context: CaptureContext) -> Steps:
    """Ask git where we are and what has changed, then about the changes, if any, more closely."""
    scratch = _make_scratch(context)
    try:
        return (yield from _ask(context, scratch))
    finally:
        _remove(scratch)


def _ask(context: CaptureContext, scratch: str | None) -> Steps:
    # A filter for large files would keep what it hashes in the repository.
    options = (*OPTIONS, "-c", f"lfs.storage={scratch}/lfs") if scratch else OPTIONS
    environ = environ_of(context)
    here = ("git", *options, "-C", context.cwd)
    status, where, described, remotes = yield [
        Question((*here, *_STATUS), env=environ, timeout=GIT_PATIENCE),
        Question((*here, *_where(context)), env=environ, timeout=GIT_PATIENCE),
        Question((*here, "describe", "--tags", "--always"), env=environ, timeout=GIT_PATIENCE),
        Question((*here, "config", "-z", "--get-regexp", r"^remote\..*\.url$"), env=environ, timeout=GIT_PATIENCE),
    ]
    # Loaded while git answers.
    from evalprov.capture.code.gitlook import look

    return (yield from look(context, scratch, options, environ, [status, where, described, remotes]))


# --- the first questions ------------------------------------------------------------------------------------


def _where(context: CaptureContext) -> tuple[str, ...]:
    # The store relative to the current folder: the top is not known yet.
    store = os.path.relpath(unlinked_above(context.store), os.path.realpath(context.cwd))
    known = ("--show-object-format", MARK, "--show-toplevel", MARK, "--absolute-git-dir", MARK)
    return ("rev-parse", *known, "HEAD", "HEAD^{tree}", MARK, f"HEAD:./{store}")


# --- the temporary folder -----------------------------------------------------------------------------------


def _make_scratch(context: CaptureContext) -> str | None:
    """Make a private folder outside the project; null where none can be made."""
    home = os.path.join(os.path.realpath(context.root), "")
    places = (context.environ.get("TMPDIR") or "/tmp", "/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - made 0700
    for place in places:
        scratch = os.path.join(os.path.realpath(place), f"evalprov-{os.urandom(8).hex()}")
        if not scratch.startswith(home):
            with suppress(OSError):  # the next one may do; that none did is told where one is needed
                os.mkdir(scratch, 0o700)
                return scratch
    return None


def _remove(scratch: str | None) -> None:
    if scratch is None:
        return
    with suppress(OSError):  # a filter of the user's may still be writing there
        for folder, folders, files in os.walk(scratch, topdown=False):
            for name in files:
                os.unlink(os.path.join(folder, name))
            for name in folders:
                os.rmdir(os.path.join(folder, name))
        os.rmdir(scratch)
