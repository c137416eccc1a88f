"""What a view gives and the printer shows: lines, blocks of facts, tables and remarks, without a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.numbers import and_more

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Pairs = list[tuple[str, str]]

BOLD, DIM = "1", "2"
_MARGIN = 4  # letters around a name


class Line(NamedTuple):
    """One line, in pieces: each a text and its style."""

    pieces: Sequence[tuple[str, str]]


class FactBlock(NamedTuple):
    """A titled block of names and values; nothing where there are none."""

    title: str
    pairs: Iterable[tuple[str, str]]


class TableBlock(NamedTuple):
    """Rows of cells under the names of their columns; some columns are set to the right."""

    columns: Sequence[str]
    rows: Iterable[Sequence[str]]
    right: Sequence[str] = ()


class CellsLine(NamedTuple):
    """One line for a program: cells with tabs between them."""

    cells: Sequence[str]


class Remark(NamedTuple):
    """What is said beside a result, so that a pipe has the result alone; what goes with it stands in lines below."""

    text: str
    below: Sequence[str] = ()


if TYPE_CHECKING:
    Block = Line | FactBlock | TableBlock | CellsLine | Remark


def line(text: str, style: str = "") -> Line:
    """Return a line of one piece."""
    return Line([(text, style)])


def fitted(title: str, pairs: Iterable[tuple[str, str]], width: int) -> FactBlock:
    """Return a block of facts as wide as that: values go on in the next line."""
    from textwrap import wrap  # a pipe does without

    held = list(pairs)
    room = max(width - _MARGIN - max((len(name) for name, _ in held), default=0), 20)
    return FactBlock(
        title,
        [
            ("" if number else name, words)
            for name, value in held
            for number, words in enumerate([value] if len(value) <= room else wrap(value, room, break_on_hyphens=False))
        ],
    )


def rest(count: int, hint: str = "", what: str = "") -> Pairs:
    """Say below a block of facts how many are left out, where any are."""
    return [("", words) for words in and_more(count, hint, what)]
