"""Files that a program left behind, opened with care: is it one, and did this run write it?"""

from __future__ import annotations

import errno
import os
import stat
from fnmatch import fnmatch
from typing import IO, TYPE_CHECKING

from evalprov.metrics.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from evalprov.metrics.notes import Notes

FILE_LIMIT = 1 << 30  # of a file's bytes, more are not read
_CLOCK_STEP = 0.05  # a file's time stamp may be that much behind the clock
_LOOKED_AT = 20_000  # names in a folder


class Unusable(Exception):  # noqa: N818 - what a file is, not a failure of ours
    """Nothing can be read here; the words say why, and perhaps what would do instead."""

    def __init__(self, why: str, wanted: str | None = None) -> None:
        super().__init__(why)
        self.wanted = wanted


def opened(path: str, flags: int = 0) -> IO[bytes]:
    """Open a regular file without waiting on anything else that may stand there."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | flags)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise Unusable("it is no regular file")
    return open(fd, "rb")


def opened_fresh(path: str, started: float | None) -> IO[bytes]:
    """Open a file of this run; one that is older was written by another."""
    file = opened(path)
    if not _is_fresh(os.fstat(file.fileno()), started):
        file.close()
        raise Unusable("it was not written by this run")
    return file


def newest(folder: str, patterns: Iterable[str], started: float | None, notes: Notes) -> str:
    """Return the newest file of this run in a folder or below whose name fits; note what else would do."""
    wanted = tuple(patterns)
    found: list[tuple[float, str]] = []
    for count, path in enumerate(_names(folder)):
        if count == _LOOKED_AT:
            notes.add("many", f"{printable(folder)} holds too many files to look at them all")
            break
        if any(fnmatch(os.path.basename(path), pattern) for pattern in wanted):
            try:
                state = os.stat(path)
            except OSError:
                continue
            if stat.S_ISREG(state.st_mode) and _is_fresh(state, started):
                found.append((state.st_mtime, path))
    if not wanted:
        raise Unusable("it is a folder")
    if not found:
        raise Unusable(f"the folder holds no file of this run that is called {' or '.join(wanted)}")
    _, last = max(found)
    if len(found) > 1:
        text = f"{printable(folder)} holds {len(found)} results of this run; the newest was read, {printable(last)}"
        notes.add("several", text)
    return last


def words_of(why: Exception) -> str:
    """Return why a file was not read."""
    if isinstance(why, OSError):
        # O_NOFOLLOW answers a link with "Too many levels of symbolic links".
        return "it is a link" if why.errno == errno.ELOOP else (why.strerror or str(why))
    return str(why)


def _is_fresh(state: os.stat_result, started: float | None) -> bool:
    return started is None or state.st_mtime >= started - _CLOCK_STEP


def _names(folder: str) -> Iterator[str]:
    for below, _, names in os.walk(folder):
        for name in names:
            yield os.path.join(below, name)
