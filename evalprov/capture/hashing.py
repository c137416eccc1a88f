"""Files hashed by their bytes, several at once where that helps, and never one that is no regular file."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import Any, Literal

from evalprov.capture.ask import Question, Reply
from evalprov.named import NamedTuple
from evalprov.platform import read_ahead

Md5 = Literal["md5", "dos2unix"]  # of the bytes; or of a text with the line ends that DVC before 3.0 gave it
Progress = Callable[[int, int], None]  # bytes done, bytes in all; called at most ten times a second
Pausing = Generator[list[Question], list[Reply], None]  # yields no command: only gives the others their turn

BLOCK = 1 << 20  # DVC's as well, and its rule on line ends goes block by block
PROBED = 512  # bytes by which DVC tells text from binary
PRINTING = bytes(range(32, 127)) + b"\n\r\t\f\b"
FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

OPEN = 64  # small files open ahead, and large ones waiting for a thread
LISTED = 4096
WORKERS = 4  # also on two cores: a disk answers several at once faster
LARGE = 1 << 20  # a smaller file is hashed before a thread has begun
HUGE = 64 << 20  # from here on the two hashes of a file have a thread each
THREADED = 16 << 20  # so much in all is hashed before threads are ready
PAUSE = 0.1  # seconds


class FileDigest(NamedTuple):
    """What a file's bytes gave, in hexadecimal digits."""

    sha256: bytes
    md5: bytes = b""  # empty where it was not wanted
    settled: bool = True  # false if the file was written to meanwhile


class FileEntry(NamedTuple):
    """One thing to hash, as it stood when it was listed."""

    name: bytes  # from its folder on; empty for a file that was named by itself
    path: bytes
    mode: bytes  # as git has it
    size: int = 0
    stamp: bytes = b""  # another one after every write
    newest: float = 0.0  # the later of its two times of change
    fixed: FileDigest | None = None  # of what is no regular file: there is nothing to read
    oddity: str = ""

    @classmethod
    def of(cls, name: bytes, path: bytes, found: os.stat_result) -> FileEntry:
        """Return the entry of a regular file by its status."""
        stamp = b"%d %d %d %d %d" % (
            found.st_size,
            found.st_mtime_ns,
            found.st_ctime_ns,
            found.st_ino,
            found.st_dev,
        )
        mode = b"100755" if found.st_mode & stat.S_IXUSR else b"100644"
        return cls(name, path, mode, found.st_size, stamp, max(found.st_mtime, found.st_ctime))


class Todo(NamedTuple):
    """How much there is to hash."""

    files: int
    bytes: int


class _CalledOff(Exception):  # noqa: N818
    """Nobody waits for the hash any more."""


class _Meter:
    """Counts the bytes read, and stops whoever reads on for nobody."""

    def __init__(self) -> None:
        self.done = 0
        self.stopped = False

    def add(self, count: int) -> None:
        if self.stopped:
            raise _CalledOff
        self.done += count


class _Sums:
    """The hashes of one file under way."""

    def __init__(self, md5: Md5 | None, *, sha256: bool = True) -> None:
        self._sha256 = hashlib.sha256() if sha256 else None
        self._md5 = hashlib.md5(usedforsecurity=False) if md5 else None
        self._ends = md5 == "dos2unix"

    def add(self, block: bytes) -> None:
        if self._sha256:
            self._sha256.update(block)
        if self._md5:
            self._md5.update(block.replace(b"\r\n", b"\n") if self._ends and _is_text(block) else block)

    def digest(self, *, settled: bool) -> FileDigest:
        sha256, md5 = (one.hexdigest().encode() if one else b"" for one in (self._sha256, self._md5))
        return FileDigest(sha256, md5, settled)


def _is_text(block: bytes) -> bool:
    head = block[:PROBED]
    return b"\0" not in head and len(head.translate(None, PRINTING)) <= 0.3 * len(head)


def hash_file(entry: FileEntry, md5: Md5 | None) -> FileDigest:
    """Hash one file here and now; raises OSError if it cannot be read."""
    return _hash(entry, _open(entry), _Sums(md5), _Meter())


def _open(entry: FileEntry) -> int:
    """Open a file, and have the disk fetch its first block while others are hashed."""
    file = os.open(entry.path, FLAGS)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(0, "no longer a regular file", os.fsdecode(entry.path))
    read_ahead(file, BLOCK)
    return file


def _hash(entry: FileEntry, file: int, sums: _Sums, meter: _Meter) -> FileDigest:
    """Hash an open file and close it."""
    try:
        # No more room than the file needs: to provide it costs more than to read a small file.
        room = min(entry.size + 1, BLOCK)
        while block := os.read(file, room):
            if len(block) < room == BLOCK:
                block += _rest(file, BLOCK - len(block))
            sums.add(block)
            meter.add(len(block))
        after = FileEntry.of(entry.name, entry.path, os.fstat(file))
    finally:
        os.close(file)
    return sums.digest(settled=after.stamp == entry.stamp)


def _rest(file: int, missing: int) -> bytes:
    """Read on to the end of a block where the system gave less."""
    pieces = []
    while missing and (piece := os.read(file, missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


class _Ahead(NamedTuple):
    """An entry in its turn: its digest is known, or its file is open, or threads are at it."""

    entry: FileEntry
    known: FileDigest | None = None
    file: int = -1
    work: tuple[Any, ...] = ()  # futures; two for the two hashes of a very large file


class Hashing:
    """Hashes what is not known yet and hands over everything in the order it was listed.

    Small files are hashed here, with some more of them open ahead so that the disk never waits; threads would
    only wait for each other. Large ones have threads.
    """

    def __init__(self, md5: Md5 | None, todo: Todo, progress: Progress | None = None) -> None:
        self._md5 = md5
        self._todo = todo
        self._progress = progress
        self._meter = _Meter()
        self._pool: Any = None
        self._ahead: deque[_Ahead] = deque()
        self._next_pause = time.monotonic() + PAUSE

    def run(
        self, entries: Iterable[tuple[FileEntry, FileDigest | None]], take: Callable[[FileEntry, FileDigest], None]
    ) -> Pausing:
        """Hash every entry without a digest; raises OSError if one cannot be read."""
        busy = 0
        try:
            for entry, known in entries:
                self._ahead.append(_Ahead(entry, known) if known else self._begin(entry))
                busy += known is None
                while busy > OPEN or len(self._ahead) > LISTED:
                    busy -= self._ahead[0].known is None
                    yield from self._finish(take)
            while self._ahead:
                yield from self._finish(take)
            if self._progress:
                self._progress(self._todo.bytes, self._todo.bytes)
        finally:
            self._meter.stopped = True
            for one in self._ahead:
                if one.file >= 0:
                    os.close(one.file)
            if self._pool:
                self._pool.shutdown(cancel_futures=True)

    def _begin(self, entry: FileEntry) -> _Ahead:
        if entry.size < LARGE or self._todo.bytes < THREADED:
            return _Ahead(entry, file=_open(entry))
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(WORKERS)
        if self._md5 and entry.size >= HUGE:
            second = self._pool.submit(_work, entry, _Sums(self._md5, sha256=False), _Second(self._meter))
            return _Ahead(entry, work=(self._pool.submit(_work, entry, _Sums(None), self._meter), second))
        return _Ahead(entry, work=(self._pool.submit(_work, entry, _Sums(self._md5), self._meter),))

    def _finish(self, take: Callable[[FileEntry, FileDigest], None]) -> Pausing:
        """Hand over the first of those ahead."""
        for future in self._ahead[0].work:
            yield from self._await(future)
        one = self._ahead.popleft()
        if one.work:
            first, last = one.work[0].result(), one.work[-1].result()
            take(one.entry, FileDigest(first.sha256, last.md5, first.settled and last.settled))
            return
        take(one.entry, one.known or _hash(one.entry, one.file, _Sums(self._md5), self._meter))
        if time.monotonic() > self._next_pause:
            yield from self._pause()

    def _await(self, future: Any) -> Pausing:
        from concurrent.futures import wait

        while not wait([future], PAUSE).done:
            yield from self._pause()

    def _pause(self) -> Pausing:
        if self._progress:
            self._progress(min(self._meter.done, self._todo.bytes), self._todo.bytes)
        yield []
        self._next_pause = time.monotonic() + PAUSE


def _work(entry: FileEntry, sums: _Sums, meter: _Meter) -> FileDigest:
    return _hash(entry, _open(entry), sums, meter)


class _Second(_Meter):
    """The meter of a second reading of a file: it stops with the first and counts nothing."""

    def __init__(self, first: _Meter) -> None:
        super().__init__()
        self._first = first

    def add(self, count: int) -> None:
        if self._first.stopped:
            raise _CalledOff
        self.done += count
