"""Which of the lines with nothing but a long run of letters and digits in them may hold a secret at all.

Most are ids, digests, encoded pictures and long names. They are looked at together, by searches that go through them at
full speed; a line is left out only if none of the rules could find anything on it, nor learn anything from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.secrets.idioms import COMMANDING, may_be_command
from evalprov.secrets.pointed import FORMS_IN_SMALL_LETTERS, NEAR, NOUNS
from evalprov.secrets.shapes import BEGUN, BEGUN_ESCAPED, HASHES, MARKS
from evalprov.secrets.values import compiled, signs_in
from evalprov.secrets.views import ESCAPES, TEXT_IN_BASE64, TEXT_IN_HEX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# In small letters: what announces a secret, a form of its own or a command that takes one.
_TELLING = (
    *(noun for noun in NOUNS if noun != b"tok"),
    *(b"recovery", b"activation", b"backup", b"unlock", b"access"),  # whose codes are secret
    *(
        b"totp",
        b"?code=",
        b"&code=",
        b"pat",
        b"srf",
        b"--",
        b"hook",
        b"connect",
        b"signin",
        b"sign_in",
        b"pdo",
        b"stdin",
        b"sudo",
        b"master",
        b"signing",
    ),
    *(form for form in FORMS_IN_SMALL_LETTERS if form != b"|"),
)
_NO_ASCII = rb"[\x80-\xff][^\n]*"
_TOK = rb"tok(?!en(?:s|izer))"
_MIXED = rb"[A-Za-z0-9](?<![A-Za-z0-9+_-].)(?=[\w+/-]*[A-Z])(?=[\w+/-]*[a-z])(?=[\w+/-]*[0-9])[\w+/-]{19,}"


def loud(text: bytes, starts: Iterable[int]) -> Iterator[int]:
    """Yield those of the beginnings of lines from which on something may be found."""
    places: dict[int, int] = {}  # where a line begins among these lines, and where in the text
    lines: list[bytes] = []
    size = 0
    for start in starts:
        line = text[start : text.find(b"\n", start) + 1 or len(text)]
        places[size] = start
        lines.append(line)
        size += len(line)
    together = b"".join(lines)
    found = set(_telling(together))
    for at, start in places.items():
        if at in found:
            yield start


def _telling(text: bytes) -> Iterator[int]:
    """Yield where lines begin with a sign of a secret in them."""
    lower = text.lower()
    for word in _TELLING:
        yield from _lines_with(lower, word)
    for mark in (*MARKS, *HASHES, *ESCAPES):
        yield from _lines_with(text, mark)
    escaped = b"\\" in text or b"%" in text
    # A token begins behind a sign, a line's end among them.
    for found in compiled(BEGUN_ESCAPED if escaped else BEGUN).finditer(b"\n" + text):
        yield _line_of(text, found.start())
    for pattern in (TEXT_IN_BASE64, TEXT_IN_HEX, _NO_ASCII):
        for found in compiled(pattern).finditer(text):
            yield _line_of(text, found.start())
    for found in compiled(COMMANDING).finditer(text):
        start = _line_of(text, found.start())
        line = text[start : text.find(b"\n", start) + 1 or len(text)]
        if may_be_command(line, signs_in(line)):
            yield start
    yield from _near_tokens(text, lower)


def _near_tokens(text: bytes, lower: bytes) -> Iterator[int]:
    """Yield where lines begin that speak of tokens: beside a random text, or not as of something that is counted."""
    if b"tok" not in lower:
        return
    for found in compiled(_TOK).finditer(lower):
        yield _line_of(text, found.start())
    for found in compiled(_MIXED).finditer(text):
        if b"tok" in lower[max(0, found.start() - NEAR) : found.end() + NEAR]:
            yield _line_of(text, found.start())


def _line_of(text: bytes, at: int) -> int:
    return text.rfind(b"\n", 0, at) + 1


def _lines_with(text: bytes, piece: bytes) -> Iterator[int]:
    at = text.find(piece)
    while at >= 0:
        yield _line_of(text, at)
        end = text.find(b"\n", at)
        at = text.find(piece, end) if end >= 0 else -1
