"""Regular files, opened without waiting for whatever else may have their name."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import BufferedReader

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
NOT_REGULAR = "not a regular file"


def open_regular(path: str | bytes, flags: int = 0) -> int:
    """Open a file for reading; raises OSError for anything else. A link is followed, but with O_NOFOLLOW."""
    # A pipe must not even be opened: its writer would take us for the reader it waits for.
    mode = os.stat(path, follow_symlinks=not flags & os.O_NOFOLLOW).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISLNK(mode):
        raise OSError(0, NOT_REGULAR)
    file = os.open(path, _READ | flags)  # which refuses a link that is not followed
    if not stat.S_ISREG(os.fstat(file).st_mode):  # it was replaced just then
        os.close(file)
        raise OSError(0, NOT_REGULAR)
    return file


def reading(path: str | bytes, flags: int = 0) -> BufferedReader:
    """Open a file for reading, as `open` does, if it is a regular one."""
    return open(open_regular(path, flags), "rb")


def sha256_of(path: str) -> str:
    """Return the SHA-256 of a regular file's bytes, in hex; raises OSError."""
    import hashlib

    with reading(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
