"""Files hashed by their bytes, several at once where that helps, and never one that is no regular file."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, Literal, NamedTuple

from evalprov.capture.commands import Answer, Command

Md5 = Literal["md5", "dos2unix"]  # of the bytes; or of a text with the line ends that DVC before 3.0 gave it
Progress = Callable[[int, int], None]  # bytes done, bytes in all; called at most ten times a second
Pausing = Generator[list[Command], list[Answer], None]  # yields no command: only gives the others their turn

BLOCK = 1 << 20  # DVC's as well, and its rule on line ends goes block by block
PROBED = 512  # bytes by which DVC tells text from binary
PRINTING = bytes(range(32, 127)) + b"\n\r\t\f\b"
FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

WORKERS = 4  # also on two cores: a cold disk answers several at once faster
BATCH_FILES = 64
BATCH_BYTES = 4 << 20
BATCH_ENTRIES = 4096
LARGE = 64 << 20  # from here on the two hashes of a file have a thread each
INLINE_BYTES = 16 << 20  # so much is done before threads are ready
INLINE_FILES = 1000
PAUSE = 0.1  # seconds


class Digest(NamedTuple):
    """What a file's bytes gave, in hexadecimal digits."""

    sha256: bytes
    md5: bytes = b""  # empty where it was not wanted
    settled: bool = True  # false if the file was written to meanwhile


class Entry(NamedTuple):
    """One thing to hash, as it stood when it was listed."""

    name: bytes  # from its folder on; empty for a file that was named by itself
    path: bytes
    mode: bytes  # as git has it
    size: int = 0
    stamp: bytes = b""  # another one after every write
    newest: float = 0.0  # the later of its two times of change
    fixed: Digest | None = None  # of what is no regular file: there is nothing to read
    oddity: str = ""

    @classmethod
    def of(cls, name: bytes, path: bytes, found: os.stat_result) -> Entry:
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

    def digest(self, *, settled: bool) -> Digest:
        sha256, md5 = (one.hexdigest().encode() if one else b"" for one in (self._sha256, self._md5))
        return Digest(sha256, md5, settled)


def _is_text(block: bytes) -> bool:
    head = block[:PROBED]
    return b"\0" not in head and len(head.translate(None, PRINTING)) <= 0.3 * len(head)


def hash_file(entry: Entry, md5: Md5 | None) -> Digest:
    """Hash one file here and now; raises OSError if it cannot be read."""
    return _hash(entry, _Sums(md5), _Meter())


def _hash(entry: Entry, sums: _Sums, meter: _Meter) -> Digest:
    file = os.open(entry.path, FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(0, "no longer a regular file", os.fsdecode(entry.path))
        # No more room than the file needs: to provide it costs more than to read a small file.
        room = min(entry.size + 1, BLOCK)
        while block := os.read(file, room):
            if len(block) < room == BLOCK:
                block += _rest(file, BLOCK - len(block))
            sums.add(block)
            meter.add(len(block))
        after = Entry.of(entry.name, entry.path, os.fstat(file))
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


class _Batch(NamedTuple):
    """Entries in order with what is known of them, and the work that finds the rest."""

    entries: list[tuple[Entry, Digest | None]]
    work: list[Any]  # futures of lists of digests; two for the two hashes of one large file

    def digests(self) -> Iterator[Digest]:
        results = [one.result() for one in self.work]
        if len(results) == 2:
            first, second = results[0][0], results[1][0]
            yield Digest(first.sha256, second.md5, first.settled and second.settled)
            return
        for result in results:
            yield from result


class Hashing:
    """Hashes what is not known yet and hands over everything in the order it was listed."""

    def __init__(self, md5: Md5 | None, todo: Todo, progress: Progress | None = None) -> None:
        self._md5 = md5
        self._todo = todo
        self._progress = progress
        self._meter = _Meter()
        self._pool: Any = None

    def run(self, entries: Iterable[tuple[Entry, Digest | None]], take: Callable[[Entry, Digest], None]) -> Pausing:
        """Hash every entry without a digest; raises OSError if one cannot be read."""
        if self._todo.bytes <= INLINE_BYTES and self._todo.files <= INLINE_FILES:
            for entry, known in entries:
                take(entry, known or _hash(entry, _Sums(self._md5), self._meter))
            return
        from concurrent.futures import ThreadPoolExecutor

        self._pool = ThreadPoolExecutor(WORKERS)
        try:
            yield from self._side_by_side(entries, take)
            if self._progress:
                self._progress(self._todo.bytes, self._todo.bytes)
        finally:
            self._meter.stopped = True
            self._pool.shutdown(cancel_futures=True)

    def _side_by_side(
        self, entries: Iterable[tuple[Entry, Digest | None]], take: Callable[[Entry, Digest], None]
    ) -> Pausing:
        under_way: deque[_Batch] = deque()
        for group in _grouped(entries):
            under_way.append(_Batch(group, self._start(group)))
            if len(under_way) > 4 * WORKERS:
                yield from self._finish(under_way.popleft(), take)
        while under_way:
            yield from self._finish(under_way.popleft(), take)

    def _start(self, group: list[tuple[Entry, Digest | None]]) -> list[Any]:
        missing = [entry for entry, known in group if known is None]
        if not missing:
            return []
        if self._md5 and missing[0].size >= LARGE:
            return [
                self._pool.submit(self._work, missing, None),
                self._pool.submit(self._work, missing, self._md5, sha256=False),
            ]
        return [self._pool.submit(self._work, missing, self._md5)]

    def _work(self, entries: list[Entry], md5: Md5 | None, *, sha256: bool = True) -> list[Digest]:
        # The bytes of the second reading of a file count no more than once.
        meter = self._meter if sha256 else _Second(self._meter)
        return [_hash(entry, _Sums(md5, sha256=sha256), meter) for entry in entries]

    def _finish(self, batch: _Batch, take: Callable[[Entry, Digest], None]) -> Pausing:
        for one in batch.work:
            while not self._done(one):
                yield []
        found = batch.digests()
        for entry, known in batch.entries:
            take(entry, known or next(found))

    def _done(self, one: Any) -> bool:
        from concurrent.futures import wait

        finished = bool(wait([one], PAUSE).done)
        if self._progress and not finished:
            self._progress(min(self._meter.done, self._todo.bytes), self._todo.bytes)
        return finished


class _Second(_Meter):
    """The meter of a second reading: it stops with the first and counts nothing."""

    def __init__(self, first: _Meter) -> None:
        super().__init__()
        self._first = first

    def add(self, count: int) -> None:
        if self._first.stopped:
            raise _CalledOff
        self.done += count


def _grouped(
    entries: Iterable[tuple[Entry, Digest | None]],
) -> Iterator[list[tuple[Entry, Digest | None]]]:
    """Put entries together to pieces of work that are worth a thread's while; a large file is one by itself."""
    group: list[tuple[Entry, Digest | None]] = []
    files = size = 0
    for entry, known in entries:
        large = known is None and entry.size >= LARGE
        if group and (large or files >= BATCH_FILES or size >= BATCH_BYTES or len(group) >= BATCH_ENTRIES):
            yield group
            group, files, size = [], 0, 0
        group.append((entry, known))
        if known is None:
            files += 1
            size += entry.size
    if group:
        yield group
