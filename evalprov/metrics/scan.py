"""Watches the output go by for what the eval reports: fast on ordinary text, in flat memory on any."""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING

from evalprov.metrics.text import BOM, ESCAPE, LINE_LIMIT, NotAnObject, Reader, may_be_object, shown

if TYPE_CHECKING:
    from evalprov.metrics.ledger import Ledger

KEY = b'"metrics"'
_UNSEARCHED = 4 << 20  # bytes kept back before they are searched for the last object
_PIECES = 4096
_TRIES = 1000  # lines a MiB that may turn out to be no JSON
_GLANCES = 16  # lines looked at from the end before the whole is searched
_STRIDE = 256  # bytes that the search through the whole takes as long for as a glance
# A line that may be an object; blanks and escape sequences may stand around its braces, a BOM before them.
_OBJECT = rb'(?:[ \t\v\f]|%b|%b)*+\{(?:[ \t\v\f]|%b)*+(?=["}])[^\r\n]*\}(?:[ \t\v\f\r]|%b)*+(?=\n)'
_OBJECT %= ESCAPE, BOM, ESCAPE, ESCAPE
_AFTER_LINE_END = rb"\n" + _OBJECT
_AFTER_OVERWRITE = rb"[\r\n]" + _OBJECT  # twice as slow


Line = tuple[bytes, int]  # as it is shown, and its number
_Region = tuple[bytes, int, int, int]  # whole lines: a chunk, from where, to where, and how many came before


class Scanner:
    """A sink for the child's stdout: merges report lines as they come, else remembers the last object."""

    def __init__(self) -> None:
        self._ledger: Ledger | None = None
        self._reader = Reader()
        self._lines = 0
        self._held = bytearray()  # an unfinished line, from its last overwrite on
        self._overwrites = False  # the unfinished line ends in a carriage return
        self._too_long: tuple[bool, bool] | None = None  # the unfinished line: like an object, like a report
        self._unsearched: list[_Region] = []
        self._unsearched_bytes = 0
        self._tries = _TRIES
        self._untried = False
        self._last: Line | None = None
        self._last_unread = 0  # the last line like an object that was too long

    @property
    def ledger(self) -> Ledger:
        """What the report lines said so far."""
        if self._ledger is None:
            from evalprov.metrics.ledger import Ledger

            self._ledger = Ledger("stdout")
        return self._ledger

    def feed(self, data: bytes, newlines: int | None = None) -> None:
        """Take the next bytes of the stream, cut anywhere; who has counted their line ends already may say so."""
        if len(data) <= LINE_LIMIT:
            self._take(data, data.count(b"\n") if newlines is None else newlines)
            return
        for start in range(0, len(data), LINE_LIMIT):
            piece = data[start : start + LINE_LIMIT]
            self._take(piece, piece.count(b"\n"))

    def close(self) -> Line | None:
        """Take in an unfinished last line; return the last JSON object, unless there were reports."""
        if self._held or self._too_long:
            self._end_line()
        self._search()
        if self.ledger.reports:
            return None
        last = self._last[1] if self._last else 0
        where = f"the metrics come from stdout line {last}" if last else "no metrics were found"
        if self._untried:
            text = f"{where}; too many lines {'after it ' if last else ''}look like JSON objects to try them all"
            self.ledger.notes.add("untried", text)
        if self._last_unread > last:
            unread = f"line {self._last_unread} looks like a JSON object and was not read"
            self.ledger.notes.add("unread", f"{where}; {unread}: it is longer than 1 MiB")
        return self._last

    def _take(self, data: bytes, newlines: int) -> None:
        first = data.find(b"\n")
        if first < 0:
            self._hold(data)
            return
        start, end = 0, data.rfind(b"\n") + 1
        if self._held or self._overwrites or self._too_long:
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
                self._held.clear()
                self._too_long = None
            if not self._too_long:
                self._held += body[restart + 1 :]
                if len(self._held) > LINE_LIMIT:
                    like_object = shown(bytes(self._held[:4096])).startswith(b"{")
                    self._too_long = like_object, like_object and self._held.find(KEY, 0, LINE_LIMIT) >= 0
                    self._held.clear()
        if piece:
            self._overwrites = len(body) < len(piece)

    def _end_line(self) -> None:
        line, too_long = bytes(self._held), self._too_long
        self._held.clear()
        self._overwrites = False
        self._too_long = None
        if too_long:
            self._pass_over(*too_long)
        elif line:
            self._look((line, 0, len(line), self._lines))
        self._lines += 1

    def _pass_over(self, like_object: bool, like_report: bool) -> None:  # noqa: FBT001 - two findings
        if like_object:
            self._last_unread = self._lines + 1
        if like_report:
            unread = f"stdout line {self._lines + 1} looks like a report and was not read"
            self.ledger.notes.add("too long", f"{unread}: it is longer than 1 MiB")

    def _look(self, region: _Region) -> None:
        data, start, end, _ = region
        if data.find(b"{", start, end) < 0:
            return
        self._read_reports(region)
        if self._ledger and self._ledger.reports:
            self._unsearched.clear()
        elif data.find(b"}", start, end) >= 0:
            self._unsearched.append(region)
            self._unsearched_bytes += len(data)
            if self._unsearched_bytes > _UNSEARCHED or len(self._unsearched) > _PIECES:
                self._search()

    def _read_reports(self, region: _Region) -> None:
        data, start, end, line = region
        counted = start
        at = data.find(KEY, start, end)
        while at >= 0:
            begin = data.rfind(b"\n", start, at) + 1 or start
            stop = data.find(b"\n", at, end)
            stop = end if stop < 0 else stop
            text = shown(data[begin:stop])
            if may_be_object(text) and KEY in text:
                line += data.count(b"\n", counted, begin)
                counted = begin
                self.ledger.read(text, line + 1)
            at = data.find(KEY, stop, end)

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
            self._last = found
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
            self._reader.read(text)
        except NotAnObject:
            self._tries -= 1
            return None
        return (text, before + data.count(b"\n", start, begin) + 1)
