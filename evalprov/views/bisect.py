"""What a search between two runs found: for a person, a pipe and a program."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.page import TableBlock, line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.judge.bisection import Bisection, TriedPoint
    from evalprov.page import Block

COLUMNS = ("point", "value", "stands", "run")
_SIDES = {"good": "as good", "bad": "as bad", None: "not told"}


def page(found: Bisection, width: int) -> Iterator[Block]:
    """Give it for a person: the answer, and the points it rests on."""
    yield from map(line, wrap(render.neutral(found.answer), width, break_on_hyphens=False))
    yield TableBlock(COLUMNS, map(_cells, found.points), ("value",))


def lines_of(found: Bisection) -> Iterator[Block]:
    """Give it for a pipe: the answer, and a line a point."""
    yield TableBlock(("answer", render.neutral(found.answer)), [])
    yield TableBlock(COLUMNS, map(_cells, found.points))


def told(point: TriedPoint) -> str:
    """Return one point in a line."""
    number = "" if point.value is None else f" {render.number(point.value)}"
    return f"{point.what}:{number} {_SIDES[point.side]} ({point.how})"


def _cells(point: TriedPoint) -> list[str]:
    stands = _SIDES[point.side] + ("" if point.side else f": {point.how}")
    return [point.what, render.number(point.value), stands, ", ".join(point.runs)]


def document(found: Bisection) -> dict[str, Any]:
    """Give it for a program."""
    commit = found.commit
    return {
        "version": 1,
        "metric": found.metric,
        "outcome": found.outcome.replace(" ", "_"),
        "answer": found.answer,
        "exit_code": found.exit_code,
        "layers": found.layers,
        "found": found.found,
        "commit": commit
        and {
            "sha": commit.sha,
            "subject": commit.subject,
            "files": [{"path": path, "plus": plus, "minus": minus} for path, plus, minus in commit.files],
        },
        "points": [point._asdict() for point in found.points],
    }
