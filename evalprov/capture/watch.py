"""Files that were there, or were named, before launch; looked at again after."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Stamp(NamedTuple):
    """How a file stood: another one after every write."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    mode: int


def stamp(path: str | bytes, *, follow: bool = False) -> Stamp | None:
    """Return how a file or link stands; null where there is none, or it is something else."""
    try:
        found = os.stat(path) if follow else os.lstat(path)
    except (OSError, ValueError):
        return None
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
        return None
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_mode)


class Watch:
    """Remembers how files stood, by their full paths."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._before = {path: stamp(path, follow=True) for path in paths}

    def changed(self) -> dict[str, tuple[Stamp | None, Stamp | None]]:
        """Return the files that are no longer as they were: how each stood, and how it stands."""
        now = {path: stamp(path, follow=True) for path in self._before}
        return {path: (was, now[path]) for path, was in self._before.items() if not _is_same(was, now[path])}


def _is_same(was: Stamp | None, now: Stamp | None) -> bool:
    # The time of change is another one also where a file got a second name.
    return was == now or (was is not None and now is not None and was._replace(ctime_ns=0) == now._replace(ctime_ns=0))
