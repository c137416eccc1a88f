"""Files hashed by their bytes, in threads where that helps, and never one that is no regular file."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from evalprov.capture.commands import Answer, Command

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

Md5 = Literal["md5", "dos2unix"]  # plain, or with the line ends that DVC before 3.0 counted as one
Progress = "Callable[[int, int], None]"  # bytes done, bytes in all

BLOCK = 1 << 20  # also DVC's: its rule on line ends goes block by block
PROBED = 512  # bytes by which DVC tells text from binary
PRINTING = bytes(range(32, 127)) + b"\n\r\t\f\b"
FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
WORKERS = 4  # more than the cores of a small machine: a cold disk answers several at once faster
BREATH = 0.05  # seconds after which other collectors have their turn


class Entry(NamedTuple):
    """One thing to hash, as it stood when it was listed."""

    name: bytes  # from the folder on; empty for a file by itself
    path: bytes
    mode: int
    size: int
    stamp: bytes  # what changes when the file is written to
    newest: float  # seconds; the later of its two times of change


class Digest(NamedTuple):
    """What a file's bytes gave."""

    sha256: bytes  # hexadecimal digits
    md5: bytes  # likewise; empty where it was not wanted
    settled: bool  # false if it was written to meanwhile


class Changed(Exception):  # noqa: N818 - the caller words it
    """A file is no longer what it was when it was listed; the words say what."""


def entry_of(name: bytes, path: bytes, found: os.stat_result) -> Entry:
    """Return the entry of a file by its status."""
    return Entry(
        name,
        path,
        found.st_mode,
        found.st_size,
        b"%d %d %d %d %d" % (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev),
        max(found.st_mtime, found.st_ctime),
    )


class Meter:
    """Counts the bytes read, and lets whoever reads know that nobody waits any more."""

    def __init__(self) -> None:
        self.done = 0
        self.stopped = False

    def add(self, count: int) -> None:
        """Count a block; two threads that meet here lose one at most, and it is for a bar on a screen."""
        if self.stopped:
            raise Changed("called off")
        self.done += count


def hash_entry(entry: Entry, sha256: bool, md5: Md5 | None, meter: Meter) -> Digest:  # noqa: FBT001
    """Hash one file as it is now; raises OSError if it cannot be read."""
    file = os.open(entry.path, FLAGS)
    try:
        before = os.fstat(file)
        if not stat.S_ISREG(before.st_mode):
            raise OSError(0, "no longer a regular file", os.fsdecode(entry.path))
        sums = _Sums(sha256, md5)
        # A block of the file's own size: a larger one costs more to provide than a small file to read.
        while block := os.read(file, min(entry.size + 1, BLOCK)):
            if len(block) < BLOCK <= entry.size:
                block += _rest(file, BLOCK - len(block))
            sums.add(block)
            meter.add(len(block))
        settled = entry_of(entry.name, entry.path, os.fstat(file)).stamp == entry.stamp
    finally:
        os.close(file)
    return Digest(sums.sha256(), sums.md5(), settled)


def _rest(file: int, missing: int) -> bytes:
    """Read on to a whole block where the system gave less."""
    pieces = []
    while missing and (piece := os.read(file, missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


class _Sums:
    """The hashes of one file under way."""

    def __init__(self, sha256: bool, md5: Md5 | None) -> None:  # noqa: FBT001
        self._sha256 = hashlib.sha256() if sha256 else None
        self._md5 = hashlib.md5(usedforsecurity=False) if md5 else None
        self._ends = md5 == "dos2unix"

    def add(self, block: bytes) -> None:
        if self._sha256:
            self._sha256.update(block)
        if self._md5:
            self._md5.update(block.replace(b"\r\n", b"\n") if self._ends and is_text(block) else block)

    def sha256(self) -> bytes:
        return self._sha256.hexdigest().encode() if self._sha256 else b""

    def md5(self) -> bytes:
        return self._md5.hexdigest().encode() if self._md5 else b""


def is_text(block: bytes) -> bool:
    """Say whether DVC before 3.0 took a block for text."""
    head = block[:PROBED]
    return b"\0" not in head and len(head.translate(None, PRINTING)) <= 0.3 * len(head)


class _Batch(NamedTuple):
    """Entries in order; what is known of them, and the work that gives the rest."""

    entries: list[tuple[Entry, Digest | None]]
    work: list[Any]  # futures, or lists of digests that are ready

    def digests(self) -> Iterator[Digest]:
        """Give the digests of what was not known."""
        done = [one if isinstance(one, list) else one.result() for one in self.work]
        if len(done) == 1:
            return iter(done[0])
        whole, extra = done[0][0], done[1][0]
        return iter([Digest(whole.sha256, extra.md5, whole.settled and extra.settled)])


BATCH_FILES = 64
BATCH_BYTES = 4 << 20
BATCH_ENTRIES = 4096
LARGE = 64 << 20  # from here on each hash has a thread of its own
INLINE = 16 << 20  # less than this is done before threads are ready
INLINE_FILES = 2000


class Hashing:
    """Hashes what is not known yet, in the order it is listed in."""

    def __init__(self, md5: Md5 | None, files: int, size: int, progress: Callable[[int, int], None] | None) -> None:
        self.meter = Meter()
        self._md5 = md5
        self._size = size
        self._progress = progress
        self._threaded = size > INLINE or files > INLINE_FILES
        self._pool: Any = None
        self._shown = 0.0

    def run(self, entries: Iterable[tuple[Entry, Digest | None]]) -> Generator[list[Command], list[Answer], None]:
        """Hash them; `take` has each with its digest. Lets others have their turn by yielding nothing to ask."""
        raise NotImplementedError
