"""The history put in order: what is torn or repeated taken out, what is missing put in, the rest kept."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from evalprov.errors import EvalprovError
from evalprov.named import NamedTuple
from evalprov.store import ids
from evalprov.store.decode import Newer, Unreadable, decode_line, named_id
from evalprov.store.folder import LARGEST, Folder, write_all
from evalprov.store.index import HISTORY, Lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO

_ATTEMPTS = 5
_BLOCK = 1 << 20


class HistoryEntry(NamedTuple):
    """A run's line in the history, or, without a place, one to be made from its manifest."""

    run_id: str
    offset: int = -1
    length: int = 0


class HistoryScan(NamedTuple):
    """The history as it stands: the lines to keep, in order, and what is wrong."""

    sound: dict[str, HistoryEntry]
    weak: dict[str, HistoryEntry]  # whole, with a run's id, but not what a record is; kept where there is no manifest
    malformed: int
    repeated: int
    unended: bool

    @property
    def orderly(self) -> bool:
        """Whether there is nothing to be taken out."""
        return not (self.malformed or self.repeated or self.unended)


class Snapshot:
    """The history file as it was at one moment; it only grows, so this much of it stays."""

    def __init__(self, root: Folder) -> None:
        self.root = root
        self.size = 0
        with Lock(root):  # so that no line is half written
            try:
                self._fd: int | None = root.open(HISTORY, os.O_RDONLY)
            except FileNotFoundError:
                self._fd = None
            else:
                self.size = os.fstat(self._fd).st_size

    def close(self) -> None:
        """Let go of the file."""
        if self._fd is not None:
            os.close(self._fd)

    def scan(self) -> HistoryScan:
        """Read every line."""
        sound: dict[str, HistoryEntry] = {}
        weak: dict[str, HistoryEntry] = {}
        malformed = repeated = 0
        unended = False
        for offset, line, ended, _ in self._lines(0, self.size):
            unended = not ended
            run_id, good = _judge(line)
            if run_id is None:
                malformed += 1
                continue
            kind = sound if good else weak
            repeated += run_id in kind
            kind.pop(run_id, None)  # the last line of a run counts, in its place
            kind[run_id] = HistoryEntry(run_id, offset, len(line or b""))
        for run_id in sound.keys() & weak.keys():
            del weak[run_id]
            malformed += 1
        return HistoryScan(sound, weak, malformed, repeated, unended)

    def lines(self) -> Iterator[bytes | None]:
        """Yield every line, null for one too long to be ours."""
        return (line for _, line, _, _ in self._lines(0, self.size))

    def entries(self) -> Iterator[HistoryEntry]:
        """Yield the place of every line, sound or not; one that names no run has none."""
        for at, line, _, length in self._lines(0, self.size):
            yield HistoryEntry(_named(line), at, length)

    def replace(self, entries: Iterable[HistoryEntry], make: Callable[[str], bytes | None]) -> bool | None:
        """Put these entries in place of what was there; false if they are it, null if another was quicker."""
        temp, fd = self.root.new()
        try:
            made = self._fill(fd, entries, make)
            if self._same(fd):
                self.root.drop(temp)
                return False
            with Lock(self.root):
                if not self._current():
                    self.root.drop(temp)
                    return None
                self._follow(fd, made)
                os.fsync(fd)
                self.root.place(temp, HISTORY)
                self.root.settle()
        except BaseException:
            self.root.drop(temp)
            raise
        finally:
            os.close(fd)
        return True

    def _fill(self, fd: int, entries: Iterable[HistoryEntry], make: Callable[[str], bytes | None]) -> set[int]:
        """Write the lines; return the hashes of those that were made."""
        made = set()
        kept = bytearray()
        for entry in entries:
            if entry.offset >= 0:
                kept += self._read(entry.offset, entry.length) + b"\n"
            elif line := make(entry.run_id):
                made.add(hash(line))
                kept += line
            if len(kept) > _BLOCK:
                write_all(fd, bytes(kept))
                kept.clear()
        if kept:
            write_all(fd, bytes(kept))
        return made

    def _follow(self, fd: int, made: set[int]) -> None:
        """Take over the lines that were added meanwhile, but for those we have made ourselves."""
        if self._fd is None:
            return
        for _, line, _, _ in self._lines(self.size, os.fstat(self._fd).st_size):
            if line and hash(line + b"\n") not in made:
                write_all(fd, line + b"\n")

    def _same(self, fd: int) -> bool:
        """Say whether the new file is what the old one was."""
        if os.fstat(fd).st_size != self.size:
            return False
        places = range(0, self.size, _BLOCK)
        return all(os.pread(fd, _BLOCK, at) == self._read(at, min(_BLOCK, self.size - at)) for at in places)

    def _current(self) -> bool:
        """Say whether the file we read is the history still."""
        try:
            there = os.stat(HISTORY, dir_fd=self.root.fd, follow_symlinks=False)
        except FileNotFoundError:
            return self._fd is None
        return self._fd is not None and os.path.samestat(there, os.fstat(self._fd))

    def _read(self, offset: int, length: int) -> bytes:
        assert self._fd is not None
        data = b""
        while len(data) < length and (piece := os.pread(self._fd, length - len(data), offset + len(data))):
            data += piece
        return data

    def _lines(self, begin: int, end: int) -> Iterator[tuple[int, bytes | None, bool, int]]:
        """Yield each line with its place, null for one too long to be ours, whether it is ended, and its length."""
        if self._fd is None:
            return
        with open(self._fd, "rb", closefd=False) as file:
            file.seek(begin)
            while begin < end:
                line, length = _next_line(file, end - begin)
                if not length:
                    return
                if line is None:
                    yield begin, None, True, length - (self._read(begin + length - 1, 1) == b"\n")
                elif line.strip():
                    whole = line.rstrip(b"\n")
                    yield begin, whole, whole != line, len(whole)
                begin += length


def repair_history(root: Folder, plan: Callable[[Snapshot], bool]) -> None:
    """Carry out a plan on the history as it stands, again where another process replaced it meanwhile."""
    for _ in range(_ATTEMPTS):
        snapshot = Snapshot(root)
        try:
            if plan(snapshot):
                return
        finally:
            snapshot.close()
    raise EvalprovError(f"{root.path}/{HISTORY} is being repaired by another process", "try again when it is done")


def in_place(kept: Iterable[HistoryEntry], missing: Iterable[HistoryEntry]) -> Iterator[HistoryEntry]:
    """Put the missing among the kept, whose order stays, each before the first that started later."""
    waiting = sorted(missing, key=started, reverse=True)
    for entry in kept:
        while waiting and started(waiting[-1]) < started(entry):
            yield waiting.pop()
        yield entry
    yield from reversed(waiting)


def started(entry: HistoryEntry) -> tuple[str, int]:
    """Return a key that sorts entries by the start of their run."""
    return ids.order(entry.run_id)


def _judge(line: bytes | None) -> tuple[str | None, bool]:
    """Return the run that a line is about, and whether it is as it should be, or beyond our judgement."""
    try:
        run_id: str = decode_line(line)["run_id"]
    except Unreadable as why:
        return named_id(line), isinstance(why, Newer)
    return run_id, True


class _Name(msgspec.Struct):
    run_id: str


_name = msgspec.json.Decoder(_Name)


def _named(line: bytes | None) -> str:
    """Return the run that a line says it is about, nothing else of it looked at; empty where it says none."""
    try:
        return _name.decode(line or b"").run_id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""


def _next_line(file: BinaryIO, left: int) -> tuple[bytes | None, int]:
    """Read a line; null, and how long it was, for one that is too long to be ours."""
    line = file.readline(min(left, LARGEST + 1))
    length = len(line)
    if length <= LARGEST:
        return line, length
    while line and not line.endswith(b"\n") and length < left:
        line = file.readline(min(left - length, _BLOCK))
        length += len(line)
    return None, length
