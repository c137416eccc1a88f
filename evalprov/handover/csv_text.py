"""Tables as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from evalprov.handover.parcel import FileContent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evalprov.handover.parcel import Rows

_TOGETHER = 1000  # rows in a piece
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what makes a text a formula in a spreadsheet


def table(columns: Sequence[str], rows: Rows) -> FileContent:
    """Return rows as RFC 4180 has them, under the names of the columns."""

    def chunks() -> Iterator[bytes]:
        text = io.StringIO()
        write = csv.writer(text, lineterminator="\r\n").writerow
        write(map(_cell, columns))
        for number, row in enumerate(rows.each(), 1):
            write([_cell(row.get(name)) for name in columns])
            if number % _TOGETHER == 0:
                yield _taken(text)
        yield _taken(text)

    return FileContent(chunks)


def _taken(text: io.StringIO) -> bytes:
    data = text.getvalue().encode("utf-8", "backslashreplace")
    text.seek(0)
    text.truncate()
    return data


def _cell(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
