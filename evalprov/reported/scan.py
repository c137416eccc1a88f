"""Watches the output go by for what the eval reports: fast on ordinary text, in flat memory on any."""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING

from evalprov.reported.text import BOM, ESCAPE, LINE_LIMIT, OBJECT_LIMIT, NotAnObject, Reader, may_be_object, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from evalprov.reported.choosing import Known
    from evalprov.reported.ledger import Ledger
    from evalprov.reported.tail import FoundObject, Tail

KEY = b'"metrics"'
_ERROR, _SCENARIO = b'"error', b'"scenario"'
_UNSEARCHED = 4 << 20  # bytes kept back before they are searched for the last object
_TAIL = 4 << 20  # bytes at the end of the output that are looked at once more
_PIECES = 4096
_TAIL_PIECES = 1 << 16
_TRIES = 1000  # lines a MiB that may turn out to be no JSON
_GLANCES = 16  # lines looked at from the end before the whole is searched
_STRIDE = 256  # bytes that the search through the whole takes as long for as a glance
# A line that may be an object; blanks and escape sequences may stand around its braces, a BOM before them.
_OBJECT = rb'(?:[ \t\v\f]|%b|%b)*+\{(?:[ \t\v\f]|%b)*+(?=["}])[^\r\n]*\}(?:[ \t\v\f\r]|%b)*+(?=\n)'
_OBJECT %= ESCAPE, BOM, ESCAPE, ESCAPE
_AFTER_LINE_END = rb"\n" + _OBJECT
_AFTER_OVERWRITE = rb"[\r\n]" + _OBJECT  # twice as slow


# What a report looks like among other text, and what one written over many lines has on one of them.
_LIKE_REPORT = re.compile(rb'[{,][ \t]*"metrics"[ \t]*:[ \t]*[{\[]')  # all of it between two overwrites
_OVERWRITTEN = b'{"metrics": {\r'  # stands for a report that was overwritten before its line had ended
_PART_OF_REPORT = re.compile(rb'"metrics"\s*:\s*\{')
_WAY_OUT = "make several lines of it, or write them to the file $EVALPROV_REPORT"

Line = tuple[bytes, int]  # as it is shown, and its number
_Region = tuple[bytes, int, int, int]  # whole lines: a chunk, from where, to where, and how many came before


class Scanner:
    """A sink for the child's stdout: merges report lines as they come, and remembers the last object after them."""

    def __init__(self, text_bytes: int | None = None) -> None:
        self.text_bytes = text_bytes  # of what is said for a scenario; null for as many as usual
        self._ledger: Ledger | None = None
        self._reader = Reader()
        self._lines = 0
        self._held = bytearray()  # an unfinished line, from its last overwrite on
        self._overwrites = False  # the unfinished line ends in a carriage return
        self._overwrote = False  # something like a report, in the unfinished line
        self._begun = False  # the unfinished line is long, and an object begins in it
        self._dropped = 0  # bytes of the unfinished line that were too many to hold
        self._unsearched: list[_Region] = []
        self._unsearched_bytes = 0
        self._tail: deque[_Region] = deque()
        self._tail_bytes = 0
        self._tries = _TRIES
        self._untried = False
        self._last: Line | None = None
        self._large: Line | None = None  # the last long line that may be an object
        self._behind: list[int] = []  # lines that hold a report behind other text
        self._part = 0  # the last line that is part of a report over many lines

    @property
    def ledger(self) -> Ledger:
        """What the report lines said so far."""
        if self._ledger is None:
            from evalprov.reported.ledger import Ledger

            self._ledger = Ledger("stdout", text_bytes=self.text_bytes)
        return self._ledger

    def feed(self, data: bytes, newlines: int | None = None) -> None:
        """Take the next bytes of the stream, cut anywhere; who has counted their line ends already may say so."""
        if len(data) <= LINE_LIMIT:
            self._take(data, data.count(b"\n") if newlines is None else newlines)
            return
        for start in range(0, len(data), LINE_LIMIT):
            piece = data[start : start + LINE_LIMIT]
            self._take(piece, piece.count(b"\n"))

    def close(self, known: Known = tuple) -> FoundObject | None:
        """Take in an unfinished last line; return the JSON object that stands after all reports, or in place of them.

        Where several might be meant, the names of metrics that are `known` from earlier runs tell.
        """
        from evalprov.reported.ending import LastObjects, last_object  # not needed before the child has started

        if self._held or self._dropped:
            self._end_line()
        self._search()
        if self._untried:
            last = self._last[1] if self._last else 0
            where = f"the metrics come from stdout line {last}" if last else "no metrics were found"
            if self.ledger.reports:
                where = "no summary was found behind the report lines"
            text = f"{where}; too many lines {'after it ' if last else ''}look like JSON objects to try them all"
            self.ledger.notes.add("untried", text)
        objects = [one for one in (self._last, self._large) if one]
        return last_object(
            self.ledger, self._reader, LastObjects(self._tail_of(), objects, self._behind, self._part, known)
        )

    def _take(self, data: bytes, newlines: int) -> None:
        first = data.find(b"\n")
        if first < 0:
            self._hold(data)
            return
        start, end = 0, data.rfind(b"\n") + 1
        if self._held or self._overwrites or self._dropped:
            self._hold(data[:first])
            self._end_line()
            start = first + 1
            newlines -= 1
        if start < end:
            self._look((data, start, end, self._lines))
            self._lines += newlines
        if end < len(data):
            self._hold(data[end:])

    def _hold(self, piece: bytes) -> None:
        """Keep a piece of an unfinished line, less what it overwrites."""
        body = piece.rstrip(b"\r")
        if body:
            restart = body.rfind(b"\r")
            if restart >= 0 or self._overwrites:
                gone = self._held + b"\r" * self._overwrites + body[: max(restart, 0)]
                self._overwrote = self._overwrote or (KEY in gone and bool(_LIKE_REPORT.search(gone)))
                self._let_go()
            if self._dropped:
                self._dropped += len(body)
            else:
                self._held += body[restart + 1 :]
                if len(self._held) > LINE_LIMIT:
                    self._keep_or_drop()
        if piece:
            self._overwrites = len(body) < len(piece)

    def _keep_or_drop(self) -> None:
        """Go on holding a long line if an object begins in it."""
        if not self._begun:
            from evalprov.reported.tail import begins

            self._begun = begins(bytes(self._held[:LINE_LIMIT]))
        if not self._begun or len(self._held) > OBJECT_LIMIT:
            self._dropped = len(self._held)
            self._held = bytearray()

    def _let_go(self) -> None:
        self._held = bytearray()
        self._begun = False
        self._dropped = 0

    def _end_line(self) -> None:
        line, begun, dropped = bytes(self._held), self._begun, self._dropped
        if self._overwrote and line:
            line = _OVERWRITTEN + line
        self._let_go()
        self._overwrites = self._overwrote = False
        if dropped and begun:
            unread = f"stdout line {self._lines + 1} looks like metrics and was not read"
            size = f"it is {dropped / 1e6:.0f} MB long, and the bound is {OBJECT_LIMIT >> 20} MiB"
            self.ledger.notes.add("too long", f"{unread}: {size}; {_WAY_OUT}")
        elif len(line) > LINE_LIMIT:
            self._look_at_long(line)
        elif line:
            self._look((line, 0, len(line), self._lines))
        if not line or len(line) > LINE_LIMIT:
            self._remember((b"", 0, 0, self._lines))  # it counts
        self._lines += 1

    def _look_at_long(self, line: bytes) -> None:
        """Read a long line if it is a report; else it is kept unread until it turns out to be the last."""
        number = self._lines + 1
        if line.find(KEY) >= 0 and self._read_line(line, number):
            self._forget()
            return
        text = shown(line)
        if may_be_object(text):
            self._search()
            self._large = text, number

    def _look(self, region: _Region) -> None:
        data, start, end, before = region
        self._remember(region)
        if data.find(b"{", start, end) < 0:
            return
        after = self._read_reports(region)
        if after > start:
            self._forget()
            region = data, after, end, before + data.count(b"\n", start, after)
            start = after
        if data.find(b"}", start, end) >= 0:
            self._unsearched.append(region)
            self._unsearched_bytes += len(data)
            if self._unsearched_bytes > _UNSEARCHED or len(self._unsearched) > _PIECES:
                self._search()

    def _remember(self, region: _Region) -> None:
        """Keep the last of the output as it is shown, to be looked at again when it has ended."""
        if region[0].find(b"\r", region[1], region[2]) >= 0:
            text = _less_overwritten(region[0][region[1] : region[2]])
            region = text, 0, len(text), region[3]
        self._tail.append(region)
        self._tail_bytes += region[2] - region[1]
        while self._tail_bytes - (self._tail[0][2] - self._tail[0][1]) > _TAIL:
            _, begin, stop, _ = self._tail.popleft()
            self._tail_bytes -= stop - begin
        if len(self._tail) > _TAIL_PIECES:
            text = self._tail_text()
            self._tail = deque([(text, 0, len(text), self._tail[0][3])])
            self._tail_bytes = len(text)

    def _tail_text(self) -> bytes:
        pieces: list[bytes] = []
        for data, start, end, _ in self._tail:
            pieces += (data[start:end], b"" if data[end - 1 : end] == b"\n" and end > start else b"\n")
        return b"".join(pieces)

    def _forget(self) -> None:
        """Forget all objects before a report: they are no summary of it."""
        self._unsearched.clear()
        self._unsearched_bytes = 0
        self._last = self._large = None
        self._untried = False

    def _read_reports(self, region: _Region) -> int:
        """Take in the lines that are reports or failures; return where the last report ends, or the beginning."""
        data, after, end, _ = region
        failures = deque(_failures(region))
        for begin, stop, line in _lines_with(KEY, region):
            while failures and failures[0][1] < line:  # in their order, for later words count
                self.ledger.read_failure(*failures.popleft())
            if self._read_line(data[begin:stop], line):
                after = min(stop + 1, end)
        for text, line in failures:
            self.ledger.read_failure(text, line)
        return after

    def _read_line(self, raw: bytes, line: int) -> bool:
        """Take in a line with the key of a report; say whether it was one."""
        text = shown(raw)
        if may_be_object(text) and KEY in text:
            return self.ledger.read(text, line)
        if not _LIKE_REPORT.search(raw):
            if _PART_OF_REPORT.match(text):
                self._part = line
            return False
        from evalprov.reported.tail import after_text, is_bar

        found = after_text(text, self._reader) if KEY in text else None
        if found and is_bar(found[0]):
            return self.ledger.read(text[found[2] :], line)
        if found and isinstance(found[1][-1].get("metrics"), dict):
            self._behind.append(line)
        elif KEY not in text:
            self.ledger.unread(line, "a carriage return lets what follows overwrite it")
        elif text[:1] == b"{":
            self.ledger.unread(line, "other text stands behind it on its line")
        return False

    def _tail_of(self) -> Tail:
        """Return the end of the output, from a line's beginning on."""
        from evalprov.reported.tail import Tail

        text = self._tail_text()
        cut = text.find(b"\n", len(text) - _TAIL) + 1 if len(text) > _TAIL else 0
        first = self._tail[0][3] + 1 if self._tail else 1
        return Tail(text[cut:], first + text.count(b"\n", 0, cut))

    def _search(self) -> None:
        """Find the last object among the lines kept back."""
        self._tries = min(self._tries + self._unsearched_bytes // (LINE_LIMIT // _TRIES), 4 * _TRIES)
        missed, self._untried = self._untried, False
        found = None
        for region in reversed(self._unsearched):
            found = self._last_in(region)
            if found or self._untried:
                break
        self._unsearched.clear()
        self._unsearched_bytes = 0
        if found:
            self._last, self._large = found, None
        else:
            self._untried |= missed

    def _last_in(self, region: _Region) -> Line | None:
        data, start, end, _ = region
        stop, patience = end, _GLANCES
        while patience > 0:
            brace = data.rfind(b"}", start, stop)
            if brace < 0 or self._untried:
                return None
            if found := self._object_at(region, brace):
                return found
            begin = data.rfind(b"\n", start, brace) + 1 or start
            patience += (stop - begin) // _STRIDE - 1
            stop = begin
        pattern = _AFTER_LINE_END if data.find(b"\r", start, stop) < 0 else _AFTER_OVERWRITE
        before = max(start - 1, 0)  # the line end before the first line
        matches = deque(re.compile(pattern).finditer(data, before, stop), maxlen=self._tries + 1)
        for match in reversed(matches):
            if found := self._object_at(region, match.end() - 1):
                return found
            if self._untried:
                return None
        return self._object_at(region, start)  # the first line of all has no line end before it

    def _object_at(self, region: _Region, place: int) -> Line | None:
        """Return the line around a place if it is an object."""
        data, start, end, before = region
        begin = data.rfind(b"\n", start, place) + 1 or start
        stop = data.find(b"\n", place, end)
        text = shown(data[begin : end if stop < 0 else stop])
        if not may_be_object(text):
            return None
        if self._tries <= 0:
            self._untried = True
            return None
        try:
            said = self._reader.read_all(text)[-1]
        except NotAnObject:
            self._tries -= 1
            return None
        if not self._is_wanted(said):
            self._tries -= 1
            return None
        return (text, before + data.count(b"\n", start, begin) + 1)

    def _is_wanted(self, said: dict[str, Any]) -> bool:
        """Say whether an object may be the summary: any, but behind reports only one that can sum them up."""
        if not (self._ledger and self._ledger.reports):
            return True
        from evalprov.reported.tail import may_sum_up

        return may_sum_up(said)


def _failures(region: _Region) -> Iterator[Line]:
    """Yield the lines that may say of a scenario, without metrics, that it failed."""
    for begin, stop, line in _lines_with(_ERROR, region):
        raw = region[0][begin:stop]
        if _SCENARIO not in raw or (KEY in raw and b"\r" not in raw):
            continue
        text = shown(raw)  # a report may have stood where a carriage return let this overwrite it
        if KEY not in text and may_be_object(text):
            yield text, line


def _lines_with(key: bytes, region: _Region) -> Iterator[tuple[int, int, int]]:
    """Yield where each line with a key begins and ends, and its number."""
    data, start, end, line = region
    counted = start
    at = data.find(key, start, end)
    while at >= 0:
        begin = data.rfind(b"\n", start, at) + 1 or start
        stop = data.find(b"\n", at, end)
        stop = end if stop < 0 else stop
        line += data.count(b"\n", counted, begin)
        counted = begin
        yield begin, stop, line + 1
        at = data.find(key, stop, end)


def _less_overwritten(text: bytes) -> bytes:
    """Return whole lines less what a carriage return let others overwrite, as a line that comes in pieces is held."""
    text = text.replace(b"\r\n", b"\n")
    if b"\r" not in text:
        return text
    lines = (line.rstrip(b"\r") for line in text.split(b"\n"))
    return b"\n".join(line[line.rfind(b"\r") + 1 :] for line in lines)
