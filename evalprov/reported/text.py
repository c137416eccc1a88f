"""Lines of output as JSON objects: what a terminal would show of a line, and whether that is an object."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

LINE_LIMIT = 1 << 20  # a longer line is kept only if an object begins in it
OBJECT_LIMIT = 256 << 20  # a longer one is not read
_VALUES_LIMIT = 8_000_000  # of a long object, so that it takes no more memory than a few times its length
NESTING_LIMIT = 100  # deeper values crash other people's readers, and a recursive walk of ours
NAME_LIMIT = 200
BOM = b"\xef\xbb\xbf"
# Operating system commands and their like up to their terminator, then CSI sequences, then the short ones.
ESCAPE = rb"\x1b(?:[\]PX^_][^\x07\x1b\r\n]*+(?:\x07|\x1b\\)|\[[0-?]*+[ -/]*+[@-~]|[ -/]*+[0-~])"


def shown(line: bytes, *, left: bool = True) -> bytes:
    """Return what stands after a line's last overwrite, less escape sequences, byte order mark and blanks.

    Blanks on the left may stay: they tell an outer brace from an inner one.
    """
    line = line.rstrip(b"\r\n")
    if b"\r" in line:
        line = line[line.rfind(b"\r") + 1 :]
    if b"\x1b" in line:
        line = re.sub(ESCAPE, b"", line)
    if not left:
        return line.rstrip().removeprefix(BOM)
    line = line.strip()
    return line.removeprefix(BOM).strip() if line[:1] == BOM[:1] else line


def may_be_object(text: bytes) -> bool:
    """Say whether a shown line can be a JSON object at all, which most lines with a brace cannot."""
    return text[:1] == b"{" and text[-1:] == b"}" and (text[1:2] == b'"' or text[1:64].lstrip()[:1] in b'"}')


class NotAnObject(ValueError):  # noqa: N818 - most lines are none
    """The text is no JSON object; the words say why."""


class Reader:
    """Parses JSON objects, and remembers the keys that one of them repeated."""

    def __init__(self) -> None:
        self.repeated: list[str] = []
        self._decoder = json.JSONDecoder(object_pairs_hook=self._pairs)
        self._quick: Any = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # spares a call a line

    def _pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    self.repeated.append(key)
                seen.add(key)
        return made

    def read(self, text: bytes) -> dict[str, Any]:
        """Return the object that the text is."""
        said, *more = self.read_all(text)
        if more:
            raise NotAnObject("it is more than one object")
        return said

    def read_all(self, text: bytes) -> list[dict[str, Any]]:
        """Return the objects that the text is made of, one at least; nothing stands between them."""
        self.repeated.clear()
        if len(text) > LINE_LIMIT and text.count(b",") > _VALUES_LIMIT:
            raise NotAnObject(f"it holds more than {_VALUES_LIMIT // 1_000_000} million values")
        try:
            said = self._objects(text.decode("utf-8"))
        except NotAnObject:
            raise
        except json.JSONDecodeError as error:
            raise NotAnObject(f"{error.msg} at character {error.pos + 1}") from None
        except UnicodeDecodeError as error:
            raise NotAnObject(f"it is not UTF-8 at byte {error.start + 1}") from None
        except ValueError:
            raise NotAnObject("a number in it has thousands of digits") from None
        except RecursionError:
            raise NotAnObject("it is nested too deeply") from None
        if text.count(b"{") + text.count(b"[") > NESTING_LIMIT and any(map(is_deep, said)):
            raise NotAnObject(f"it is nested more than {NESTING_LIMIT} deep")
        return said

    def _objects(self, text: str) -> list[dict[str, Any]]:
        # Most texts are one object with as many keys as colons: none of them is there twice.
        try:
            said, end = self._quick(text, 0)
            if end == len(text) and type(said) is dict and _keys(said) == text.count(":"):
                return [said]
        except (StopIteration, json.JSONDecodeError):
            pass  # said in full below
        found: list[dict[str, Any]] = []
        at = 0
        while at < len(text) or not found:
            said, at = self._decoder.raw_decode(text, at)
            if not isinstance(said, dict):
                raise NotAnObject(f"it is {kind_of(said)}")
            found.append(said)
            while text[at : at + 1].isspace():
                at += 1
        return found


def _keys(value: dict[str, Any] | list[Any]) -> int:
    """Return how many keys there are in a JSON value, at any depth."""
    count = 0
    inside: Iterable[Any] = value
    if isinstance(value, dict):
        count, inside = len(value), value.values()
    for inner in inside:
        if type(inner) is dict or type(inner) is list:
            count += _keys(inner)
    return count


def is_deep(value: object) -> bool:
    """Say whether a JSON value is nested deeper than is read."""
    level = [value]
    for _ in range(NESTING_LIMIT):
        below: list[object] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        if not below:
            return False
        level = below
    return True


def kind_of(value: object) -> str:
    """Return what a JSON value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list) else "an object"


def printable(text: str) -> str:
    """Return the text with whatever could act on a terminal or break a line spelled out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def brief(value: object, limit: int = 80) -> str:
    """Return a JSON value as short, harmless text for a message."""
    if isinstance(value, (dict, list)) and len(value) > limit:
        return kind_of(value)
    text = printable(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def name(text: str) -> str:
    """Return a name fit for the record: printable, and if too long cut to something still distinct."""
    if len(text) <= NAME_LIMIT and text.isprintable():
        return text
    clean = printable(text)
    if len(clean) <= NAME_LIMIT:
        return clean
    from hashlib import sha256

    digits = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{clean[: NAME_LIMIT - 13]}…{digits}"
