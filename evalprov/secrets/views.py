"""The same text as a person or a program would read it: without colour codes, unescaped, decoded."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING

from evalprov.secrets.values import compiled

if TYPE_CHECKING:
    from collections.abc import Callable

    from evalprov.secrets.shapes import Spans

_COLOUR = rb"\x1b\[[0-9;:?]{0,24}[A-Za-z]|\x1b\]8;[^\x1b\x07]{0,2048}(?:\x07|\x1b\\)"
_ESCAPE = (
    rb"%[2-7][0-9A-Fa-f]|&(?:#[0-9]{2,3}|#x[0-9a-fA-F]{2}|quot|amp|lt|gt|apos);"
    rb"|\\{1,8}(?:u00[2-7][0-9a-fA-F]|x[2-7][0-9a-fA-F]|[\"'])"
)
# Of every escape one of these is the beginning.
ESCAPES = (*(b"%%%d" % digit for digit in range(2, 8)), b"&#", b"&quot", b"&amp", b"&lt", b"&gt", b"&apos")
ESCAPES += (b"\\u00", b"\\x", b'\\"', b"\\'")
# What is text when it is decoded begins so: the first bits of each of its bytes are those of a sign that can be read.
_SECOND, _THIRD = rb"[ACDEFGHQSTUVWXgijklmnwyz0123]", rb"[ABEFIJMNQRUVYZcdghklopstwx014589]"
_AFTER_FIRST = _SECOND + _THIRD + rb"[\w+/-](?:[CDI-Za-f]" + _SECOND + _THIRD + rb"[\w+/-]){3}"
TEXT_IN_BASE64 = rb"[CDH-Za-f](?<![A-Za-z0-9+/_-].)(?=4sI|" + _AFTER_FIRST + rb")[A-Za-z0-9+/_-]{15,}={0,2}"
TEXT_IN_HEX = (
    rb"[02-7](?<![0-9A-Za-z].)(?=.(?:[2-7].|0[9AaDd]){11})"
    rb"(?:[0-9a-f](?:[0-9a-f]{2}){11,}|[0-9A-F](?:[0-9A-F]{2}){11,})(?![0-9A-Za-z])"
)
_LONGEST = 1 << 16


class View:
    """A text with some pieces of it left out or read as others, and where each stood."""

    def __init__(self, text: bytes, pattern: bytes, read: Callable[[bytes], bytes]) -> None:
        pieces: list[bytes] = []
        self._here = [0]  # where a stretch begins in the view, and where it stood
        self._there = [0]
        at = size = 0
        for found in compiled(pattern).finditer(text):
            new = read(found[0])
            pieces += (text[at : found.start()], new)
            size += found.start() - at
            if new:
                self._here.append(size)
                self._there.append(found.start())
            size += len(new)
            at = found.end()
            self._here.append(size)
            self._there.append(at)
        pieces.append(text[at:])
        self.text = b"".join(pieces)

    def place(self, span: tuple[int, int]) -> tuple[int, int]:
        """Return where a span of the view stands in the text."""
        return self._at(span[0]), self._at(span[1] - 1) + 1

    def _at(self, place: int) -> int:
        from bisect import bisect_right

        number = bisect_right(self._here, place) - 1
        return self._there[number] + place - self._here[number]


def without_colours(text: bytes) -> View:
    """Return a text as a terminal shows it."""
    return View(text, _COLOUR, _nothing)


def _nothing(_: bytes) -> bytes:
    return b""


def unescaped(text: bytes) -> View | None:
    """Return a text with %3D, &quot; and \\u003d read as the signs they stand for; none if it has none."""
    return View(text, _ESCAPE, _sign) if compiled(_ESCAPE).search(text) else None


def _sign(found: bytes) -> bytes:
    if found[:1] == b"&":
        from html import unescape

        return unescape(found.decode()).encode()
    if found[-1:] in {b'"', b"'"}:
        return found[-1:]
    return bytes.fromhex(found[-2:].decode())


def find_encoded(text: bytes, spans: Spans, has_secret: Callable[[bytes], bool]) -> None:
    """Add what is a secret when it is decoded: text in base64 or hex, packed by gzip or not."""
    for pattern, decode in ((TEXT_IN_BASE64, _from_base64), (TEXT_IN_HEX, _from_hex)):
        for found in compiled(pattern).finditer(text):
            inside = decode(found[0])
            if inside and has_secret(inside):
                spans.append(found.span())


def _from_base64(token: bytes) -> bytes:
    token = token.translate(bytes.maketrans(b"-_", b"+/"))
    if token.startswith(b"H4sI"):
        import zlib

        packed = _decoded(token[:_LONGEST])
        try:
            return zlib.decompressobj(31).decompress(packed, _LONGEST)
        except zlib.error:
            return b""
    return _decoded(token[:_LONGEST]) if _is_text(_decoded(token[:24])) else b""


def _decoded(token: bytes) -> bytes:
    token = token.rstrip(b"=")
    token = token[: len(token) // 4 * 4 + (0 if len(token) % 4 == 1 else len(token) % 4)]
    try:
        return binascii.a2b_base64(token + b"=" * (-len(token) % 4))
    except binascii.Error:
        return b""


def _from_hex(token: bytes) -> bytes:
    token = token[:_LONGEST]
    return binascii.unhexlify(token) if _is_text(binascii.unhexlify(token[:24])) else b""


def _is_text(start: bytes) -> bool:
    return start.isascii() and not start.translate(None, bytes(range(32, 127)) + b"\t\r\n") and start != b""
