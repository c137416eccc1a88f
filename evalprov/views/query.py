"""The rows of a query's result: a table for a person, where it fits, else row by row; plain cells for a program."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.explain import elide
from evalprov.page import FactBlock, TableBlock, line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evalprov.page import Block

ROWS, FACT_ROWS = 200, 20  # that a person is shown
CELL = 60  # letters of a cell in a table
_LEAST = 8  # letters of a column that is still of use
_BETWEEN, _MARGIN = 3, 4


def page(names: Sequence[str], rows: Sequence[Sequence[Any]], width: int) -> Iterator[Block]:
    """Give it for a person: as a table where the columns have room, else a block a row."""
    if len(names) * (_LEAST + _BETWEEN) <= width:
        room = max(_LEAST, width - (len(names) - 1) * (_LEAST + _BETWEEN))
        cells = [[elide.cut(seen(value), min(CELL, room)) for value in row] for row in rows[:ROWS]]
        numbers = [name for name, column in zip(names, zip(*rows, strict=True), strict=False) if _number(column)]
        yield TableBlock(names, cells, numbers)
        shown = ROWS
    else:
        room = max(_LEAST, width - _MARGIN - max(map(len, names)))
        for number, row in enumerate(rows[:FACT_ROWS], 1):
            pairs = [(name, elide.cut(seen(value), room)) for name, value in zip(names, row, strict=True)]
            yield FactBlock(f"row {number}", pairs)
        shown = FACT_ROWS
    if len(rows) > shown:
        yield line(f"and more: LIMIT {shown} or fewer, or a pipe, which gets all of them")


def _number(column: Sequence[Any]) -> bool:
    return all(value is None or isinstance(value, int | float) for value in column)


def seen(value: Any) -> str:
    """Return a value as a person reads it."""
    return render.number(value) if isinstance(value, float) else render.neutral(cell(value, "-"))


def cell(value: Any, absent: str) -> str:
    """Return a value as a program reads it: a text as it is, all else as JSON."""
    if value is None:
        return absent
    plain = document(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def document(value: Any) -> Any:
    """Return a value as JSON has it; what JSON has no form for becomes text."""
    if isinstance(value, dict):
        return {str(key): document(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [document(inner) for inner in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):  # noqa: PLR0124 - NaN
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
