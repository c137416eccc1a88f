"""Scrubbing in pieces: the same result wherever the pieces begin and end, in bounded memory.

Two passes, one behind the other. The first takes out the secrets of several lines and holds text back from
where one may have begun. The second looks at whole lines; a line longer than a window is cut where no secret
stands. Both decide by the content alone, never by what has arrived so far.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Protocol

from evalprov.secrets.values import MARK

if TYPE_CHECKING:
    from evalprov.secrets.lines import Context
    from evalprov.secrets.needles import Needles
    from evalprov.secrets.shapes import Spans

WINDOW = 1 << 16
_CONTEXT = 128  # before a secret, where its key may stand

# A private key is far shorter than this; where no end comes within it, only what reads as a key's lines is blinded.
_KEY_LIMIT = 1 << 14
_KEY_BEGIN = rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_KEY_END = rb"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_MARKER_LENGTH = 96
_BREAK = rb"(?:[\s>|+\"',-]|\\+[nrt]){1,80}"
_KEY_BODY = (
    rb"(?:" + _BREAK + rb"(?:Proc-Type|DEK-Info|Version|Comment): [^\r\n\\]{1,100})*"
    rb"(?:" + _BREAK + rb"[A-Za-z0-9/=][A-Za-z0-9+/=]{23,}+)+"
    rb"(?:[ \t]{0,64}(?:\r?\n|(?:\\+r)?\\+n)[-+>| \t]{0,64}[A-Za-z0-9+/]{1,76}=*(?=[\r\n\\\"']|\Z))?"
)
_LINE_BREAKS = (rb"[ \t]{0,64}\r?\n[ \t]{0,64}", rb"[ \t]{0,64}\r?\n[-+][ \t]{0,64}")  # the second in a patch
_UNKNOWN = -1  # more text must come
_NONE = 0


@cache
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern)


class LineScrubber(Protocol):
    """What scrubs whole lines, and pieces of those that are longer than a window."""

    @property
    def needles(self) -> Needles:
        """Return the values of the environment that are secret."""

    def suspects(self, text: bytes) -> bool:
        """Say whether there may be a secret in a text."""

    def find(self, line: bytes, before: Context | None = None) -> Spans:
        """Return where secrets stand."""

    def scrub_lines(self, text: bytes, before: Context | None) -> tuple[bytes, Context | None]:
        """Return lines without secrets, and what the last one tells of the next."""

    def scrub_piece(self, piece: bytes, spans: Spans) -> bytes:
        """Return a part of a line without the secrets found in it."""


class StreamScrubber:
    """Scrubs a stream across the boundaries of its pieces.

    All text up to the last line break is released, unless a private key or a secret of several lines may have
    begun there: that waits for its end, at most 16 KiB of a key, at most its own length of any other.
    """

    def __init__(self, scrubber: LineScrubber) -> None:
        self._scrubber = scrubber
        self._arrived: list[bytes] = []
        self._pending = 0
        self._raw = b""  # held back by the first pass
        self._line = b""  # held back by the second
        self._before: Context | None = None  # what the last line told
        self._inside = b""  # what a secret longer than a window goes on with

    def feed(self, data: bytes) -> bytes:
        """Take a piece; return what is safe to write by now."""
        self._arrived.append(data)
        self._pending += len(data)
        # A piece without a line's end would be held anyway: joining it at once makes many small ones slow.
        if self._pending < WINDOW and b"\n" not in data:
            return b""
        return self.take(b"", final=False)

    def close(self) -> bytes:
        """Return the rest."""
        return self.take(b"", final=True)

    def take(self, data: bytes, *, final: bool) -> bytes:
        """Return what can be said by now, all of it if this is the end."""
        raw = b"".join((self._raw, *self._arrived, data))
        self._arrived.clear()
        self._pending = 0
        return self._without_secrets(self._without_blocks(raw, final=final), final=final)

    def _without_blocks(self, raw: bytes, *, final: bool) -> bytes:
        """Replace secrets of several lines; keep what may be the beginning of one."""
        pieces: list[bytes] = []
        at = 0
        needles = self._scrubber.needles
        begun = [needles.blocks[number] for number in needles.first_lines.within(raw)]
        if b"-----BEGIN" in raw or begun:
            firsts = sorted({lines[0] for lines in begun}, key=len, reverse=True)
            starts = b"|".join([_KEY_BEGIN, *(re.escape(first) + rb"[ \t]{0,64}\r?\n" for first in firsts)])
            while found := _compiled(starts).search(raw, at):
                end = _block_end(raw, found.start(), begun, final=final)
                if end == _UNKNOWN:
                    self._raw = raw[found.start() :]
                    return b"".join((*pieces, raw[at : found.start()]))
                if end == _NONE:
                    pieces.append(raw[at : found.start() + 1])
                    at = found.start() + 1
                else:
                    pieces += (raw[at : found.start()], MARK)
                    at = end
        reach = max(_MARKER_LENGTH, needles.longest_first + 66)
        keep = len(raw) if final else max(at, raw.rfind(b"\n") + 1, len(raw) - reach)
        self._raw = raw[keep:]
        return b"".join((*pieces, raw[at:keep]))

    def _without_secrets(self, text: bytes, *, final: bool) -> bytes:
        """Scrub whole lines, and a longer line than a window by pieces; keep the last one while it is not whole."""
        text = self._line + text
        window = max(WINDOW, 32 * self._scrubber.needles.longest)
        pieces: list[bytes] = []
        at = 0
        while at < len(text):
            if self._inside:
                at = self._skip(text, at)
                continue
            newline = text.rfind(b"\n", at, at + window)
            if newline < 0 and len(text) - at >= window:
                cut, spans = self._cut(text[at : at + window])
                pieces.append(self._scrubber.scrub_piece(text[at : at + cut], spans))
                self._before = None
                at += cut
                continue
            if final and len(text) - at < window:
                stop = len(text)
            elif newline >= 0:
                stop = newline + 1
            else:
                break
            clean, self._before = self._scrubber.scrub_lines(text[at:stop], self._before)
            pieces.append(clean)
            at = stop
        self._line = text[at:]
        return b"".join(pieces)

    def _skip(self, text: bytes, at: int) -> int:
        rest = _compiled(self._inside).match(text, at)
        end = rest.end() if rest else at
        if end < len(text):
            self._inside = b""
        return end

    def _cut(self, window: bytes) -> tuple[int, Spans]:
        """Return where a piece of a long line may end (in no secret nor between one and its key) and its secrets."""
        size = len(window)
        spans = self._scrubber.find(window, self._before) if self._before or self._scrubber.suspects(window) else []
        taken = spans + [found.span() for found in re.finditer(re.escape(MARK), window)]
        blank = max(window.rfind(sign, size // 2, size // 4 * 3) for sign in (b" ", b",", b"\r"))
        cut = blank if blank > 0 else size // 4 * 3
        for start, end in sorted(taken, reverse=True):
            if start - _CONTEXT < cut < end:
                cut = start - _CONTEXT
        if cut < size // 4:  # too much is taken: go up instead
            cut = size // 2
            for start, end in sorted(taken):
                if start - _CONTEXT < cut < end:
                    cut = end
        if spans and cut == size == spans[-1][1]:
            quote = window[spans[-1][0] - 1 : spans[-1][0]]
            self._inside = b"[^" + quote + rb"\n]*" if quote in {b'"', b"'"} else rb"[^\s\"'<>,;&]*"
        return cut, [(start, end) for start, end in spans if end <= cut]


def _block_end(raw: bytes, at: int, begun: list[list[bytes]], *, final: bool) -> int:
    """Return where the secret of several lines that may begin here ends."""
    end = _key_end(raw, at, final=final)
    for lines in begun:
        if end != _NONE:
            break
        end = _lines_end(raw, at, lines, final=final)
    return end


def _key_end(raw: bytes, at: int, *, final: bool) -> int:
    """Return where a private key ends."""
    begin = _compiled(_KEY_BEGIN).match(raw, at)
    if not begin:
        return _NONE
    limit = at + _KEY_LIMIT
    dashes = raw.find(b"-----", begin.end(), limit)
    if dashes < 0 and len(raw) < limit and not final:
        return _UNKNOWN
    if dashes >= 0:
        if end := _compiled(_KEY_END).match(raw, dashes):
            if MARK not in raw[begin.end() : dashes]:
                return end.end()
        elif len(raw) < dashes + _MARKER_LENGTH and not final:
            return _UNKNOWN
    body = _compiled(_KEY_BODY).match(raw, begin.end(), dashes if dashes >= 0 else limit)
    return body.end() if body else _NONE


def _lines_end(raw: bytes, at: int, lines: list[bytes], *, final: bool) -> int:
    """Return where these lines end if they stand here, however indented; the end of all where the text ends within."""
    if not raw.startswith(lines[0], at):
        return _NONE
    end = at + len(lines[0])
    for line in lines[1:]:
        ends = [_line_end(raw, end, line, pattern) for pattern in _LINE_BREAKS]
        if max(ends) > 0:
            end = max(ends)
        elif _UNKNOWN not in ends:
            return _NONE
        elif not final:
            return _UNKNOWN
        else:
            return len(raw) if end - at >= 16 else _NONE
    return end


def _line_end(raw: bytes, at: int, line: bytes, line_break: bytes) -> int:
    broken = _compiled(line_break).match(raw, at)
    if not broken:
        return _UNKNOWN if not raw[at:].strip(b" \t\r\n") and len(raw) - at <= 66 else _NONE
    if raw.startswith(line, broken.end()):
        return broken.end() + len(line)
    return _UNKNOWN if len(raw) - broken.end() < len(line) and line.startswith(raw[broken.end() :]) else _NONE
