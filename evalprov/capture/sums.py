"""Hashes of many files for real: within bounds, and what was hashed once is known in the next run."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from evalprov.capture.hashcache import HashCache
from evalprov.capture.hashing import FileEntry, hash_file
from evalprov.capture.made import CACHES
from evalprov.numbers import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

FEW, SMALL = 64, 1 << 20  # so much is hashed as fast as it is looked up


class NotRead(Exception):  # noqa: N818 - it is a finding and no error
    """Not all of it was read; the words say why."""


class Bounds:
    """How much may still be read."""

    def __init__(self, files: int, size: int, nobody_waits: Callable[[], bool]) -> None:
        self.files, self.size = files, size
        self._nobody_waits = nobody_waits

    def allow(self, size: int) -> bool:
        """Say whether one more file may be read."""
        self.files -= 1
        self.size -= size
        return self.files >= 0 and self.size >= 0 and not self._nobody_waits()


def entry_of(name: str, path: str) -> FileEntry | None:
    """Return a file as it stands, for a link what it leads to; null where there is no regular file."""
    place = os.path.realpath(path)
    try:
        found = os.stat(place)
    except FileNotFoundError:
        return None
    return FileEntry.of(os.fsencode(name), os.fsencode(place), found) if stat.S_ISREG(found.st_mode) else None


def sums(place: str, entries: Iterable[FileEntry], environ: Mapping[str, str], bounds: Bounds) -> dict[bytes, bytes]:
    """Return the SHA-256 of files by their names; `place` is what they are remembered by."""
    wanted = sorted(entries)
    cache = None
    if len(wanted) > FEW or sum(one.size for one in wanted) > SMALL:
        cache = HashCache(os.fsencode(place), environ, None)
    known = list(cache.known(iter(wanted))) if cache else [(one, None) for one in wanted]
    if cache and all(digest for _, digest in known):
        cache.was_used()
        return {one.name: digest.sha256 for one, digest in known if digest}
    writer = cache.writer() if cache else None
    found: dict[bytes, bytes] = {}
    missing, first = 0, b""
    try:
        for one, remembered in known:
            digest = remembered or (hash_file(one, None) if bounds.allow(one.size) else None)
            if digest is None or not digest.settled:
                missing, first = missing + 1, first or one.name
                continue
            found[one.name] = digest.sha256
            if writer:
                writer.add(one, digest)
        if writer:
            writer.keep()
    finally:
        if writer:
            writer.drop()
    if missing:
        raise NotRead(listed([os.fsdecode(first)], 1, missing))
    return found


def walk(top: str, skip: Callable[[str, str], bool]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Give the files below a folder with their names from there on, links followed, each folder once.

    Left out are caches, and the folders that `skip` says of by where they are and their name.
    """
    seen: set[tuple[int, int]] = set()
    pending = [(top, "")]
    while pending:
        folder, inside = pending.pop()
        try:
            status = os.stat(folder)
            entries = list(os.scandir(folder))
        except OSError as error:
            raise NotRead(f"{folder}: {error.strerror}") from None
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        for entry in entries:
            if not entry.is_dir():
                yield inside + entry.name, entry
            elif entry.name not in CACHES and not skip(inside, entry.name):
                pending.append((entry.path, f"{inside}{entry.name}/"))
