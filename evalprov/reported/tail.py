"""The end of the output looked at once more: objects over many lines, or behind other text on their line."""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple
from evalprov.reported.text import ESCAPE, NotAnObject, may_be_object, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.reported.text import Reader

ON_ITS_LINE, OVER_LINES, BEHIND_TEXT = "last-json-object", "json-object-over-lines", "json-object-behind-text"
_TRIES = 200
_STARTS = 8  # places on a line where an object may begin
_CLOSERS = 4  # lines that may end an object: without indentation its inner ones end alike
_COLOURED = 256 << 10  # bytes of coloured output that are looked at
# The first line of an object over many lines, and the last; neither stands further in, as inner ones do.
_OPENS = re.compile(rb'(?:\A|(?<=\n))(?![ \t"])[^\n]*\{[ \t]*\n(?=[ \t]*["}])')
_CLOSES = re.compile(rb"(?<=\n)\}[ \t]*(?=\n|\Z)")
_ENDS_LINE = re.compile(rb'\{[ \t]*"[^\n]*\}[ \t]*(?=\n|\Z)')
_FILLS_LINE = re.compile(rb'(?:\A|(?<=\n))[ \t]*\{[ \t]*"[^\n]*\}[ \t]*(?=\n|\Z)')
_BEGINNING = re.compile(rb'\{[ \t]*"')
# What tqdm, rich and their like leave on a line.
_BAR = re.compile(
    rb"[0-9]%\||\[[0-9][0-9:]*[<,][^\[\]{}]*\][^{}\"]{0,80}\Z"
    rb"|(?:\xe2\x94\x81|\xe2\x96\x88|#{3}|={3}).{0,200}[0-9]%|[0-9]%.{0,200}(?:\xe2\x94\x81|\xe2\x96\x88|#{3}|={3})"
)
_LOG_KEYS = ("event", "level", "levelname", "severity", "msg", "message", "logger")


class FoundObject(NamedTuple):
    """An object in the output: its text, the number of its last line, and how it stands there."""

    text: bytes
    line: int
    how: str
    first: int  # of its lines
    said: dict[str, Any]


class Tail:
    """The last lines of the output, less what was overwritten, and the number of the first of them."""

    def __init__(self, text: bytes, first: int) -> None:
        if b"\x1b" in text:
            cut = text.find(b"\n", max(0, len(text) - _COLOURED)) + 1 if len(text) > _COLOURED else 0
            first += text.count(b"\n", 0, cut)
            text = re.sub(ESCAPE, b"", text[cut:])
        self._text = text
        self._first = first

    def after(self, line: int) -> Tail:
        """Return what stands behind a line."""
        at, left = 0, line - self._first + 1
        step = len(self._text)
        while left > 0 and at < len(self._text):
            count = self._text.count(b"\n", at, at + step)
            if count > left or (count == left and step > 1):
                step = max(1, step // 2)
            else:
                at, left = at + step, left - count
        return Tail(self._text[at:], max(self._first, line + 1))

    def over_lines(self, reader: Reader) -> Iterator[FoundObject]:
        """Yield the objects with numbers that are written over several lines, in their order.

        One quoted in a Markdown fence is none of the eval's own.
        """
        text = self._text
        if b"{" not in text:
            return
        done = tries = 0
        for opens in _OPENS.finditer(text):
            if opens.start() < done:
                continue
            before = shown(text[text.rfind(b"\n", 0, max(0, opens.start() - 1)) + 1 : opens.start()])
            if before.startswith((b"```", b"~~~")):
                continue
            stop = opens.end() - 1
            for _ in range(_CLOSERS):
                closes = _CLOSES.search(text, stop)
                tries += 1
                if closes is None or tries > _TRIES:
                    break
                stop = closes.end()
                body = b"{\n" + text[opens.end() : stop].rstrip()
                try:
                    said = reader.read(body)
                except NotAnObject:
                    continue
                if has_numbers(said) or isinstance(said.get("metrics"), dict):
                    start = shown(opens[0])
                    behind = start != b"{" and not is_bar(start[:-1])
                    how = BEHIND_TEXT if behind else OVER_LINES
                    yield FoundObject(body, self._line(closes.start()), how, self._line(opens.start()), said)
                done = stop
                break

    def behind_text(self, reader: Reader, *, bar: bool) -> FoundObject | None:
        """Return the last object with numbers that has text before it on its line: a progress bar's, or any."""
        for place in reversed(deque(_ENDS_LINE.finditer(self._text), maxlen=_TRIES)):
            text = shown(self._text[self._text.rfind(b"\n", 0, place.start()) + 1 : place.end()])
            if may_be_object(text):
                continue
            found = after_text(text, reader)
            if found and (not bar or is_bar(found[0])) and has_numbers(found[1][-1]):
                line = self._line(place.start())
                return FoundObject(text[found[2] :], line, BEHIND_TEXT, line, found[1][-1])
        return None

    def on_lines(self, reader: Reader) -> Iterator[FoundObject]:
        """Yield the last objects that fill a line, the last first, reports left out."""
        matches = (found for found in _FILLS_LINE.finditer(self._text) if b'"metrics"' not in found[0])
        for place in reversed(deque(matches, maxlen=_TRIES)):
            text, line = shown(place[0]), self._line(place.start())
            try:
                yield FoundObject(text, line, ON_ITS_LINE, line, reader.read_all(text)[-1])
            except NotAnObject:
                continue

    def _line(self, at: int) -> int:
        return self._first + self._text.count(b"\n", 0, at)


def has_numbers(said: dict[str, Any]) -> bool:
    """Say whether an object holds a number, at any depth that is flattened."""
    return any(
        has_numbers(value) if isinstance(value, dict) else isinstance(value, (bool, int, float))
        for value in said.values()
    )


def may_sum_up(said: dict[str, Any]) -> bool:
    """Say whether an object beside report lines can be their summary: it has numbers, and is no entry of a log."""
    if "scenario" in said or any(isinstance(said.get(key), str) for key in _LOG_KEYS):
        return False
    return has_numbers(said)


def begins(text: bytes) -> bool:
    """Say whether an object begins anywhere in it."""
    return _BEGINNING.search(text) is not None


def after_text(text: bytes, reader: Reader) -> tuple[bytes, list[dict[str, Any]], int] | None:
    """Return the objects that a shown line ends in, the text before them, and where they begin."""
    if text[-1:] != b"}":
        return None
    for count, start in enumerate(_BEGINNING.finditer(text)):
        if count == _STARTS:
            break
        try:
            return text[: start.start()], reader.read_all(text[start.start() :]), start.start()
        except NotAnObject:
            continue
    return None


def is_bar(text: bytes) -> bool:
    """Say whether the text before an object is what a progress bar left there."""
    return _BAR.search(text[-1000:]) is not None
