"""Private folders outside project and store, for what may be written in neither."""

from __future__ import annotations

import os
from contextlib import suppress


def private_folder(tmpdir: str | None, name: str = "", *, outside: str = "") -> str | None:
    """Make a folder that nobody else can look into, not inside of another one; null where none can be made."""
    around = outside and os.path.join(os.path.realpath(outside), "")
    for place in (tmpdir, "/tmp", "/var/tmp", "/dev/shm"):  # noqa: S108 - made anew, for us alone
        folder = place and os.path.join(os.path.realpath(place), f"evalprov-{name}{os.urandom(8).hex()}")
        if folder and not (around and folder.startswith(around)):
            with suppress(OSError):  # the next place may do
                os.mkdir(folder, 0o700)
                return folder
    return None


def remove_folder(folder: str | None) -> None:
    """Remove it with what is in it, as far as that can be removed."""
    if folder is None:
        return
    for inside, folders, files in os.walk(folder, topdown=False):
        for name in (*files, *folders):
            path = os.path.join(inside, name)
            with suppress(OSError):  # somebody may still be writing there
                (os.unlink if name in files or os.path.islink(path) else os.rmdir)(path)
    with suppress(OSError):
        os.rmdir(folder)
