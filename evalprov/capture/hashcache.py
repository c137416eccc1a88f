"""Hashes of large content kept between runs, in the user's cache folder.

There is one file for each path that was asked for, named by the hash of that path. It holds the files below it in
the order in which they are listed, each with the stamp it had; so to look all of them up is to read it once from
front to end. A new one replaces it in one step: processes side by side may do the same work twice and never
spoil it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from evalprov.capture.hashing import FileDigest, FileEntry, Md5
from evalprov.regular import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = "evalprov/content-v1"
HEAD = b"evalprov content 1\0"
PIECE = 1 << 18
UNSURE = 2.0  # seconds: a file as young as this can be written to again and keep its stamp
DAY = 86400
FRESH, KEPT = 30 * DAY, 180 * DAY


class HashCache:
    """What is known of the content at one path."""

    def __init__(self, path: bytes, environ: Mapping[str, str], md5: Md5 | None) -> None:
        self.problem: str | None = None  # why there is no cache
        self._md5 = md5.encode() if md5 else b""
        self._folder = _folder(environ)
        self._file = os.path.join(self._folder, hashlib.sha256(path).hexdigest())
        self._open = self._is_safe()

    def _is_safe(self) -> bool:
        """Say whether nobody else could have put a hash there."""
        if not self._folder:
            self.problem = "there is no home folder"
            return False
        try:
            found = os.stat(self._folder)
        except FileNotFoundError:
            return True
        except OSError as error:
            self.problem = f"{self._folder}: {error.strerror}"
            return False
        if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            self.problem = f"{self._folder}: others can write there"
        return self.problem is None

    def known(self, entries: Iterator[FileEntry]) -> Iterator[tuple[FileEntry, FileDigest | None]]:
        """Give each entry its digest if it is known and the file is still as it was."""
        have = self._read()
        name, stamp, digest = b"", b"", None
        for entry in entries:
            if entry.fixed:
                yield entry, entry.fixed
                continue
            while have and (digest is None or name < entry.name):
                name, stamp, digest = next(have, (b"", b"", None))
                if digest is None:
                    have = None
            yield entry, digest if name == entry.name and stamp == entry.stamp else None

    def _read(self) -> Iterator[tuple[bytes, bytes, FileDigest]] | None:
        return self._records() if self._open else None

    def _records(self) -> Iterator[tuple[bytes, bytes, FileDigest]]:
        """Give name, stamp and digest of every file; what cannot be read is only hashed again."""
        try:
            with reading(self._file) as file:
                if file.read(len(HEAD)) != HEAD:
                    return
                rest = b""
                while piece := file.read(PIECE):
                    fields = (rest + piece).split(b"\0")
                    whole = (len(fields) - 1) // 3 * 3
                    rest = b"\0".join(fields[whole:])
                    field = iter(fields[:whole])
                    for name, stamp, sums in zip(field, field, field, strict=True):
                        if digest := self._digest(sums):
                            yield name, stamp, digest
        except OSError:
            return

    def _digest(self, sums: bytes) -> FileDigest | None:
        """Read a file's sums; null where one that is wanted is missing."""
        sha256, _, more = sums.partition(b" ")
        kind, _, md5 = more.partition(b":")
        if len(sha256) != 64 or (self._md5 and (kind != self._md5 or len(md5) != 32)):
            return None
        return FileDigest(sha256, md5 if self._md5 else b"")

    def was_used(self) -> None:
        """Keep it from being cleared away as one that nobody uses."""
        try:
            if time.time() - os.stat(self._file).st_mtime > FRESH:
                os.utime(self._file)
        except OSError as error:
            self.problem = f"{self._file}: {error.strerror}"

    def writer(self) -> Writer | None:
        """Return what takes the new hashes; null, with the problem told, where they cannot be kept."""
        if not self._open:
            return None
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            return Writer(self._file, self._md5)
        except OSError as error:
            self.problem = f"{self._folder}: {error.strerror}"
            return None


class Writer:
    """Writes the hashes of one path anew; nothing is seen of it before `keep`."""

    def __init__(self, file: str, md5: bytes) -> None:
        self.problem: str | None = None
        self._target = file
        self._temp = f"{file}.{os.getpid()}.tmp"
        self._md5 = md5
        self._sure = time.time() - UNSURE
        self._out = open(self._temp, "wb", buffering=PIECE)  # noqa: SIM115 - closed by keep or drop
        self._out.write(HEAD)

    def add(self, entry: FileEntry, digest: FileDigest) -> None:
        """Take one file, unless it is too young or was written to while it was read."""
        if self.problem or entry.fixed or not digest.settled or entry.newest >= self._sure:
            return
        sums = b"%s %s:%s" % (digest.sha256, self._md5, digest.md5) if self._md5 else digest.sha256
        try:
            self._out.write(b"%s\0%s\0%s\0" % (entry.name, entry.stamp, sums))
        except OSError as error:
            self.problem = error.strerror

    def keep(self) -> None:
        """Put it in its place, and clear away what nobody has used for long."""
        try:
            self._out.flush()
            os.fsync(self._out.fileno())
            self._out.close()
            if not self.problem:
                os.replace(self._temp, self._target)
                _clear(os.path.dirname(self._target))
        except OSError as error:
            self.problem = error.strerror

    def drop(self) -> None:
        """Leave nothing of it behind; harmless once it is kept."""
        try:
            self._out.close()
        except OSError as error:
            self.problem = error.strerror
        with suppress(FileNotFoundError):
            os.unlink(self._temp)


def _folder(environ: Mapping[str, str]) -> str:
    """Return where the cache is; empty where there is no place for it."""
    base = environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        home = environ.get("HOME", "")
        base = os.path.join(home, ".cache") if os.path.isabs(home) else ""
    return os.path.join(base, FOLDER) if base else ""


def _clear(folder: str) -> None:
    old = time.time() - KEPT
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.stat(follow_symlinks=False).st_mtime < old:
                os.unlink(entry.path)
