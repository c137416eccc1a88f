"""Files that a program left behind, opened with care: is it one, and did this run write it?"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import IO, TYPE_CHECKING

from evalprov.regular import reading
from evalprov.reported.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from evalprov.reported.warnings import Notes

FILE_LIMIT = 1 << 30  # of a file's bytes, more are not read
_CLOCK_STEP = 0.05  # a file's time stamp may be that much behind the clock
LOOKED_AT = 20_000  # names in a folder


class Unusable(Exception):  # noqa: N818 - what a file is, not a failure of ours
    """Nothing can be read here; the words say why, and perhaps what would do instead."""

    def __init__(self, why: str, wanted: str | None = None) -> None:
        super().__init__(why)
        self.wanted = wanted


def opened(path: str, flags: int = 0) -> IO[bytes]:
    """Open a regular file without waiting on anything else that may stand there."""
    try:
        return reading(path, flags)
    except OSError as error:
        if error.errno:
            raise
        raise Unusable("it is no regular file") from None


def opened_fresh(path: str, before: Before | None) -> IO[bytes]:
    """Open a file of this run; one that stood there before was written by another."""
    file = opened(path)
    if before and not before.is_new(path, os.fstat(file.fileno())):
        file.close()
        raise Unusable("it was not written by this run")
    return file


def written(folder: str, patterns: Iterable[str], before: Before | None, notes: Notes) -> list[str]:
    """Return the files of this run in a folder or below whose names fit, in the order of their names."""
    wanted = tuple(patterns)
    found = []
    for count, path in enumerate(_names(folder)):
        if count == LOOKED_AT:
            notes.add("many", f"{printable(folder)} holds too many files to look at them all")
            break
        if is_called(path, wanted):
            try:
                state = os.stat(path)
            except OSError:
                continue
            if stat.S_ISREG(state.st_mode) and (before is None or before.is_new(path, state)):
                found.append(path)
    if not found:
        raise Unusable(f"the folder holds no file of this run that is called {' or '.join(wanted)}")
    return sorted(found)


def is_called(path: str, patterns: Iterable[str]) -> bool:
    """Say whether a file's name fits one of the patterns."""
    return any(fnmatchcase(os.path.basename(path), pattern) for pattern in patterns)


class Before:
    """What stood in a place before the command started, by which its own files are known.

    No clock decides where a file was seen before: one that was copied with its old time stamp is this run's, and one
    that another run wrote a moment ago is not.
    """

    def __init__(self, started: float, *places: str) -> None:
        """Look at the places; of files elsewhere the time counts, in seconds since the epoch."""
        self._started = started - _CLOCK_STEP
        self._seen: dict[str, tuple[int, ...]] = {}
        self._whole = tuple(place for place in places if self._look(place))

    def is_new(self, path: str, state: os.stat_result) -> bool:
        """Say whether a file was written since."""
        seen = self._seen.get(path)
        if seen is not None:
            return seen != _stamp(state)
        return state.st_mtime >= self._started or any(f"{path}/".startswith(f"{one}/") for one in self._whole)

    def _look(self, place: str) -> bool:
        """Take in a file, or all in a folder; say whether that was all there is."""
        for count, path in enumerate((place, *_names(place))):
            if count == LOOKED_AT:
                return False
            with suppress(OSError):
                self._seen[path] = _stamp(os.stat(path))
        return True


def _stamp(state: os.stat_result) -> tuple[int, ...]:
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def words_of(why: Exception) -> str:
    """Return why a file was not read."""
    if isinstance(why, OSError):
        # O_NOFOLLOW answers a link with "Too many levels of symbolic links".
        return "it is a link" if why.errno == errno.ELOOP else (why.strerror or str(why))
    return str(why)


def _names(folder: str) -> Iterator[str]:
    for below, _, names in os.walk(folder):
        for name in names:
            yield os.path.join(below, name)
