"""A JSON document read piece by piece, so that a large one needs no more memory than its largest piece."""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING, Any, Protocol

from evalprov.reported.open_results import FILE_LIMIT, Unusable
from evalprov.reported.text import NESTING_LIMIT, is_deep

if TYPE_CHECKING:
    from collections.abc import Iterator


class Readable(Protocol):
    """Whatever bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """Return up to so many bytes, none at the end."""


Path = tuple[str, ...]

PIECE_LIMIT = 64 << 20  # characters
_CHUNK = 1 << 20


def pieces(file: Readable, entered: tuple[Path, ...] = ()) -> Iterator[tuple[Path, Any]]:
    """Yield (path, value) for all values of an object or list, those at an entered path one by one.

    An entered list yields its items under its own path, an entered object its values under their keys. The document
    itself is entered always.
    """
    text = _Text(file)
    yield from _inside(text, (), frozenset(entered))
    if text.peek():
        raise Unusable(f"there is more after its end, at character {text.place}")


def whole(file: Readable) -> dict[str, Any]:
    """Return the object that fills a file."""
    found: dict[str, Any] = {}
    for path, value in pieces(file):
        if not path:
            raise Unusable("it is a JSON list")
        found[path[0]] = value
    return found


def _inside(text: _Text, path: Path, entered: frozenset[Path]) -> Iterator[tuple[Path, Any]]:
    opening = text.peek()
    if opening not in ("{", "["):
        raise Unusable("it is empty" if not opening else f"it is no JSON object: it begins with {opening!r}")
    closing = "}" if opening == "{" else "]"
    text.step()
    if text.peek() == closing:
        text.step()
        return
    while True:
        inner = path
        if opening == "{":
            key = text.value()
            if not isinstance(key, str):
                raise text.broken("a key is missing")
            inner = (*path, key)
            text.pass_over(":")
        # A list is entered for its items, so only an object's values can be entered further.
        if opening == "{" and inner in entered and text.peek() in ("{", "["):
            yield from _inside(text, inner, entered)
        else:
            yield inner, text.value()
        if text.peek() == closing:
            text.step()
            return
        text.pass_over(",")


class _Text:
    """The document's text, of which only a window is held."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._held = ""
        self._at = 0
        self._dropped = 0
        self._read = 0
        self._ended = False
        self._json = json.JSONDecoder()

    @property
    def place(self) -> int:
        """Where in the document this is, from 1."""
        return self._dropped + self._at + 1

    def peek(self) -> str:
        """Return the next character that is no blank, nothing at the end."""
        while True:
            while self._at < len(self._held):
                found = self._held[self._at]
                if found not in " \t\n\r":
                    return found
                self._at += 1
            if self._ended:
                return ""
            self._fill(_CHUNK)

    def step(self) -> None:
        """Go past the next character."""
        self._at += 1

    def pass_over(self, wanted: str) -> None:
        """Go past a character that must stand here."""
        if self.peek() != wanted:
            raise self.broken(f"{wanted!r} is missing")
        self._at += 1

    def value(self) -> Any:
        """Return the value that stands here."""
        self.peek()
        more = _CHUNK
        while True:
            try:
                found, end = self._json.raw_decode(self._held, self._at)
            except json.JSONDecodeError as why:
                if self._ended or len(self._held) - self._at > PIECE_LIMIT:
                    torn = why.msg.startswith("Unterminated") or why.pos >= len(self._held.rstrip())
                    raise self.broken(why.msg, torn=torn) from None
            except RecursionError:
                raise Unusable("it is nested too deeply") from None
            except ValueError:
                raise Unusable("a number in it has thousands of digits") from None
            else:
                if end - self._at > PIECE_LIMIT:
                    raise self.broken("")
                # A number may go on beyond what is held: 1 as 1.5, or as 1e+5.
                if end + 3 <= len(self._held) or self._ended:
                    break
            self._fill(more)
            more *= 2
        brackets = self._held.count("{", self._at, end) + self._held.count("[", self._at, end)
        if brackets > NESTING_LIMIT and is_deep(found):
            raise Unusable(f"it is nested more than {NESTING_LIMIT} deep")
        self._at = end
        return found

    def broken(self, why: str, *, torn: bool = False) -> Unusable:
        """Return what is wrong here."""
        if len(self._held) - self._at > PIECE_LIMIT:
            return Unusable(f"a part of it is longer than {PIECE_LIMIT >> 20} MiB, at character {self.place}")
        if self._ended and (torn or not self.peek()):
            return Unusable("it ends in the middle")
        return Unusable(f"it is no JSON: {why} at character {self.place}")

    def _fill(self, size: int) -> None:
        if self._at > _CHUNK:
            self._dropped += self._at
            self._held = self._held[self._at :]
            self._at = 0
        data = self._file.read(size)
        self._read += len(data)
        if self._read > FILE_LIMIT:
            raise Unusable("it is larger than 1 GiB")
        try:
            self._held += self._decoder.decode(data, final=not data)
        except UnicodeDecodeError:
            raise Unusable("it is not UTF-8") from None
        self._ended = not data
