"""What a sweep tries: values written as lists and ranges, and the grid of all that is tried together."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from itertools import product
from math import isfinite, prod
from typing import TYPE_CHECKING, Literal

from evalprov.errors import UsageError
from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Way = Literal["--set", "--env", "word"]

MOST = 100_000  # values of one name, and points of a grid
_NUMBER = r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,3})?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?::({_NUMBER}))?")
_NEARLY = re.compile(r"[+-]?[\d.]*\d[^/]*\.\.[^/]*")  # what somebody may take for a range
_NAMES = {"--env": re.compile(r"[A-Za-z_][A-Za-z0-9_]*"), "word": re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)}
_EXAMPLES = {"--set": "--set model.temperature=0,0.3,0.7", "--env": "--env SEED=1..5", "word": "lr=1e-4,1e-3"}
_TAKEN = ("trial", "point")
_CLOSING = {"[": "]", "{": "}"}
_PLAIN_DIGITS = 16


class TriedValue(NamedTuple):
    """One value: as it was written, and the text that it stands for."""

    written: str
    text: str


class Tried(NamedTuple):
    """What is tried of one name."""

    way: Way
    name: str
    values: tuple[TriedValue, ...]


def tried(way: Way, given: str) -> Tried:
    """Read NAME=VALUES: values parted by commas, ranges with both their ends; what is quoted stands for itself."""
    name, equals, text = given.partition("=")
    shown = given if way == "word" else f"{way} {given}"
    pattern = _NAMES.get(way)
    if not name or not equals or (pattern and not pattern.fullmatch(name)):
        raise UsageError(f"{shown}: it takes NAME=VALUES", f"for example: {_EXAMPLES[way]}")
    if name in _TAKEN or (way == "--env" and name.startswith("EVALPROV_")):
        raise UsageError(f"{shown}: {name} is evalprov's own word", "give it another name")
    values = tuple(value for piece in _pieces(text, shown) for value in _values(piece, shown))
    texts = [value.text for value in values]
    for twice in (text for text, count in Counter(texts).items() if count > 1):
        raise UsageError(f"{shown}: {twice or 'nothing'} is there twice", "--repeat N runs each point N times")
    return Tried(way, name, values)


def _pieces(text: str, shown: str) -> Iterator[str]:
    """Give what commas part; none within quotes or brackets does."""
    begin, open_, quote, escaped = 0, list[str](), "", False
    for place, letter in enumerate(text):
        if quote:
            if escaped or (letter == "\\" and quote == '"'):
                escaped = not escaped
            elif letter == quote:
                quote = ""
        elif letter in "\"'" and (open_ or not text[begin:place].strip()):
            quote = letter
        elif letter in _CLOSING:
            open_.append(_CLOSING[letter])
        elif open_ and letter == open_[-1]:
            open_.pop()
        elif letter == "," and not open_:
            yield text[begin:place]
            begin = place + 1
    if quote or open_:
        raise UsageError(f"{shown}: {quote or open_[-1]} is missing", "in quotes anything stands for itself")
    yield text[begin:]


def _values(piece: str, shown: str) -> Iterator[TriedValue]:
    bare = piece.strip()
    if found := _RANGE.fullmatch(bare):
        yield from (TriedValue(text, text) for text in _range(found, shown))
    elif _NEARLY.fullmatch(bare):
        hint = f"a range is of numbers, as 1..5 or 0..1:0.25; in quotes it is a text: '\"{bare}\"'"
        raise UsageError(f"{shown}: {bare} is no range", hint)
    else:
        yield TriedValue(bare, _unquoted(bare))


def _unquoted(text: str) -> str:
    """Return what a text in quotes stands for; any other text as it is."""
    if len(text) < 2 or text[0] not in "\"'" or text[-1] != text[0]:
        return text
    import tomllib  # most values have no quotes

    try:
        return str(tomllib.loads(f"value = {text}")["value"])
    except tomllib.TOMLDecodeError:
        return text[1:-1]


def _range(found: re.Match[str], shown: str) -> Iterator[str]:
    """Give the numbers of a range, its end too where a step leads there."""
    start, end = Decimal(found[1]), Decimal(found[2])
    whole = all(re.fullmatch(r"[+-]?\d+", one) for one in (found[1], found[2], found[3] or "1"))
    if not found[3] and not whole:
        raise UsageError(f"{shown}: {found[0]} needs a step", f"for example: {found[0]}:0.1")
    step = Decimal(found[3]) if found[3] else Decimal(1 if end >= start else -1)
    if not all(isfinite(float(one)) for one in (start, end, step)) or not step or (end - start) * step < 0:
        raise UsageError(f"{shown}: no step of {step} leads from {found[1]} to {found[2]}")
    count = int((end - start) / step) + 1
    if count > MOST:
        raise UsageError(f"{shown}: {found[0]} has {count:,} values", f"a sweep takes {MOST:,} at most")
    for number in range(count):
        value = start + number * step
        yield str(int(value)) if whole else _spelled(value)


def _spelled(value: Decimal) -> str:
    plain = value.normalize()
    return format(plain, "f") if abs(plain.adjusted()) < _PLAIN_DIGITS else str(plain)


def size(grid: Sequence[Tried]) -> int:
    """Return how many points a grid has; one that is too large is refused, and a name that is tried in two ways."""
    names = [one.name for one in grid]
    if twice := next((name for place, name in enumerate(names) if name in names[:place]), None):
        raise UsageError(f"{twice} is given twice", "give all of its values together, with commas")
    count = prod(len(one.values) for one in grid)
    if count > MOST:
        raise UsageError(f"that are {count:,} points", f"a sweep takes {MOST:,} at most")
    return count


def points(grid: Sequence[Tried]) -> Iterator[tuple[TriedValue, ...]]:
    """Give every combination of values, the last name's changing first."""
    return product(*(one.values for one in grid))
