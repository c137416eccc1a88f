"""The history file read from its end, piece by piece; a long one is read by several processes at once."""

from __future__ import annotations

import gc
import marshal
import os
import signal
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple
from evalprov.platform import affinity
from evalprov.store.decode import Newer, Unreadable
from evalprov.store.folder import LARGEST
from evalprov.store.query import Query, check

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from typing import BinaryIO

    Stretch = tuple[int, int]

BLOCK = 1 << 16
PIECE = 1 << 20  # what is in memory at once
ALONE = 16 << 20  # what one process has read before others are there to help
_SOUGHT = 1 << 14
_PIECES_KEPT = 4


class Hit(NamedTuple):
    """A line of which all holds that is asked for, and the values to bring along."""

    run_id: str
    offset: int
    length: int
    values: tuple[Any, ...]


class Piece(NamedTuple):
    """What was found in the lines that begin in a stretch of the file."""

    begin: int
    hits: list[Hit]
    runs: int = 0
    low: str = ""  # among their ids
    high: str = ""
    took: float | None = None  # the longest of them; null where none says
    malformed: int = 0
    newer: int = 0
    torn: bool = False


class _Lines(NamedTuple):
    """Lines and what they say; those that cannot be read are left out and counted."""

    rows: list[Any]
    texts: list[bytes]
    offsets: list[int]
    malformed: int = 0
    newer: int = 0
    torn: bool = False


class Scan:
    """A pass over the history as long as it was when the pass began."""

    def __init__(
        self, fd: int, query: Query, *, crew: int | None = None, piece: int = PIECE, alone: int = ALONE
    ) -> None:
        self.fd = fd
        self.query = query
        self.size = os.fstat(fd).st_size
        self.stretches = list(_stretches(self.size, piece))
        self._alone = alone
        self._crew = (affinity() or os.cpu_count() or 1) if crew is None else crew
        self._done: list[tuple[str, str, Stretch]] = []  # the lowest and the highest id of each piece
        self._lowest = "~"
        self._places = lru_cache(_PIECES_KEPT)(self._places_in)

    def pieces(self) -> Generator[Piece]:
        """Yield the pieces from the last to the first; of the lines of one run the last sound one counts."""
        near = sum(self.size - begin <= self._alone for begin, _ in self.stretches)
        for stretch in self.stretches[:near]:
            yield self._last_of_each(stretch, self.piece(stretch))
        far = self.stretches[near:]
        crew = ScanHelpers(self, far, self._crew) if far and self._crew > 1 else None
        try:
            for number, stretch in enumerate(far):
                found = crew.piece(number) if crew else None
                yield self._last_of_each(stretch, found or self.piece(stretch))
        finally:
            if crew:
                crew.dismiss()

    def line(self, hit: Hit) -> bytes:
        """Return a line's bytes."""
        return _read(self.fd, hit.offset, hit.length)

    def piece(self, stretch: Stretch) -> Piece:
        """Read what begins in a stretch."""
        query = self.query
        data, start, too_long = self._whole_lines(stretch)
        last = stretch[1] == self.size and not data.endswith(b"\n")  # the last line of all is not ended
        rows = query.rows(data)
        places: Sequence[int] = () if rows is None else query.chosen(rows)
        found = _Lines(rows or [], [], [])
        if rows is None or places:
            found = _lined(data, start, rows, query, last=last)
            if found.rows is not rows:
                places = query.chosen(found.rows)
        if too_long:
            found = found._replace(malformed=found.malformed + 1)
        return _summed(stretch[0], found, places, query)

    def _last_of_each(self, stretch: Stretch, piece: Piece) -> Piece:
        """Leave out the hits of which a later piece has a line that counts."""
        hits = piece.hits
        for low, high, other in self._done if hits and piece.high >= self._lowest else ():
            if piece.low <= high and low <= piece.high:
                inside = {hit.run_id for hit in hits if low <= hit.run_id <= high}
                later = self._places(other) if inside else {}
                gone = {run_id for run_id in inside if any(map(self._is_sound, later.get(run_id, ())))}
                hits = [hit for hit in hits if hit.run_id not in gone]
        if piece.low:
            self._lowest = min(self._lowest, piece.low)
            self._done.append((piece.low, piece.high, stretch))
        return piece._replace(hits=hits, runs=piece.runs - len(piece.hits) + len(hits))

    def _places_in(self, stretch: Stretch) -> dict[str, list[Stretch]]:
        """Return where in a stretch the lines of each run stand."""
        every = Query()
        data, start, _ = self._whole_lines(stretch)
        found = _lined(data, start, every.rows(data), every, last=False)
        places: dict[str, list[Stretch]] = {}
        for row, text, offset in zip(found.rows, found.texts, found.offsets, strict=True):
            places.setdefault(every.id(row), []).append((offset, len(text)))
        return places

    def _is_sound(self, place: Stretch) -> bool:
        return _is_sound(_read(self.fd, *place))

    def _whole_lines(self, stretch: Stretch) -> tuple[bytes, int, bool]:
        """Return the lines that begin in a stretch, where, and whether one more does that is too long to be ours."""
        begin, end = stretch
        start = self._line_start(begin, end)
        if start is None:
            return b"", end, False
        stop = self._line_start(end, min(self.size, end + LARGEST) + 1)
        if stop is None and self.size <= end + LARGEST:
            stop = self.size
        if stop is not None:
            return _read(self.fd, start, stop - start), start, False
        data = _read(self.fd, start, end - start)
        return data[: data.rfind(b"\n") + 1], start, True

    def _line_start(self, at: int, until: int) -> int | None:
        """Return where the first line begins from here on, before a bound."""
        if at in (0, self.size):
            return at
        place = at - 1
        while place < until - 1:
            block = _read(self.fd, place, min(_SOUGHT, until - 1 - place))
            if not block:
                return None
            if (found := block.find(b"\n")) >= 0:
                return place + found + 1
            place += len(block)
        return None


class ScanHelpers:
    """Processes that read stretches in turn, each ahead of the other by as much as a pipe holds.

    Kept by hand: a plain loop takes 2.1 s of CPU a GB, and this parts it among the cores for 0.1 s more in all.
    """

    def __init__(self, scan: Scan, stretches: Sequence[Stretch], count: int) -> None:
        self._scan = scan
        self._files: list[BinaryIO] = []
        self._pids: list[int] = []
        try:
            for number in range(count):
                self._hire(stretches[number::count])
        except OSError:  # no more processes here: all is read by one
            self.dismiss()

    def piece(self, number: int) -> Piece | None:
        """Return what a stretch holds; null where nobody is left to read it."""
        if not self._files:
            return None
        try:
            piece, hits, seen = marshal.load(self._files[number % len(self._files)])  # noqa: S302 - our own
        except (EOFError, ValueError, TypeError):  # one of them was killed
            self.dismiss()
            return None
        self._scan.query.learn(*seen)
        return Piece(*piece)._replace(hits=list(map(Hit._make, hits)))

    def dismiss(self) -> None:
        """Let all of them go."""
        for pid in self._pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        for file in self._files:
            file.close()
        self._pids, self._files = [], []

    def _hire(self, stretches: Sequence[Stretch]) -> None:
        source, sink = os.pipe()
        self._files.append(os.fdopen(source, "rb", BLOCK))
        try:
            pid = os.fork()
        except OSError:
            os.close(sink)
            raise
        if pid == 0:
            self._work(stretches, sink)
        self._pids.append(pid)
        os.close(sink)

    def _work(self, stretches: Sequence[Stretch], sink: int) -> None:
        """Read and report, in a process of its own that ends with its work, or when nobody listens."""
        try:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            for file in self._files:  # else a pipe would stay open when its reader is gone
                os.close(file.fileno())
            gc.disable()  # nothing here goes in circles
            with open(sink, "wb", BLOCK) as file:
                for stretch in stretches:
                    piece = self._scan.piece(stretch)
                    hits = list(map(tuple, piece.hits))
                    marshal.dump((tuple(piece._replace(hits=[])), hits, self._scan.query.seen()), file)
                    file.flush()
        finally:
            os._exit(0)  # whatever happened: what is missing is read by who waits for it


def _stretches(size: int, largest: int) -> Iterator[Stretch]:
    """Part a file, from its end, the last parts small so that a look at the last lines costs little."""
    length = min(BLOCK, largest)
    while size > 0:
        begin = max(0, size - length)
        yield begin, size
        size = begin
        length = min(length * 2, largest)


def _lined(data: bytes, start: int, rows: list[Any] | None, query: Query, *, last: bool) -> _Lines:
    """Return the lines with their rows, looked at one by one where they do not lie plainly side by side."""
    texts = data.split(b"\n")
    offsets = list(accumulate((len(text) + 1 for text in texts), initial=start))[:-1]
    if rows is not None:
        ended = texts[:-1] if texts[-1] == b"" else texts
        # Within a JSON value no } stands before the end of a line and a { behind it, so with as many values as lines
        # each line is one.
        ends = {text[:1] + text[-1:] for text in ended}
        if len(rows) == len(ended) and ends == {b"{}"}:
            return _Lines(rows, ended, offsets[: len(ended)])
    found = _Lines([], [], [])
    malformed = newer = 0
    torn = False
    for number, (text, offset) in enumerate(zip(texts, offsets, strict=True), 1):
        if text == b"":
            continue
        try:
            row = query.row(text)
        except Newer:
            newer += 1
        except Unreadable:
            torn = last and number == len(texts)
            malformed += not torn
        else:
            found.rows.append(row)
            found.texts.append(text)
            found.offsets.append(offset)
    return found._replace(malformed=malformed, newer=newer, torn=torn)


def _summed(begin: int, found: _Lines, places: Sequence[int], query: Query) -> Piece:
    """Return what is to be said of some lines; those that are hits are looked at in full."""
    named = list(map(query.id, found.rows))
    repeated: dict[str, list[int]] = {}
    if len(set(named)) < len(named):
        for number, run_id in enumerate(named):
            repeated.setdefault(run_id, []).append(number)
    malformed = newer = 0
    hits: list[Hit] = []
    for place in places:
        text = found.texts[place]
        try:
            run_id = check(text)
        except Newer:
            newer += 1
        except Unreadable:
            malformed += 1
        else:
            if not any(_is_sound(found.texts[other]) for other in repeated.get(run_id, ()) if other > place):
                hits.append(Hit(run_id, found.offsets[place], len(text), query.brought(found.rows[place])))
    took = max([took for took in map(query.took, found.rows) if took is not None], default=None)
    runs = len(set(named)) - malformed
    low, high = (min(named), max(named)) if named else ("", "")
    return Piece(begin, hits, runs, low, high, took, found.malformed + malformed, found.newer + newer, found.torn)


def _is_sound(text: bytes) -> bool:
    try:
        check(text)
    except Unreadable:
        return False
    return True


def _read(fd: int, at: int, length: int) -> bytes:
    data = os.pread(fd, length, at)
    while len(data) < length and (more := os.pread(fd, length - len(data), at + len(data))):
        data += more
    return data
