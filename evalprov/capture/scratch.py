"""A private folder outside the project, for what git would else write in the repository."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalprov.capture.collector import CaptureContext


def make_scratch(context: CaptureContext) -> str | None:
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


def remove(scratch: str | None) -> None:
    """Remove it, with what is in it."""
    if scratch is None:
        return
    with suppress(OSError):  # a filter of the user's may still be writing there
        for folder, folders, files in os.walk(scratch, topdown=False):
            for name in files:
                os.unlink(os.path.join(folder, name))
            for name in folders:
                os.rmdir(os.path.join(folder, name))
        os.rmdir(scratch)
