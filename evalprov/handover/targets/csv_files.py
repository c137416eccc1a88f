"""CSV: a row for the run, and a table with a row a scenario."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from evalprov.handover import content
from evalprov.handover.parcel import FileContent, Parcel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from evalprov.handover.parcel import SendOptions
    from evalprov.record.manifest import Manifest

_TOGETHER = 1000  # rows in a piece
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what makes a text a formula in a spreadsheet


def packed(m: Manifest, options: SendOptions) -> Parcel:
    """Return the two files."""
    run = {
        **{name.removeprefix("evalprov."): value for name, value in content.tags(m).items()},
        "timestamp": m["timestamp"],
        "duration_seconds": m["duration_seconds"],
        **{f"metric.{name}": value for name, value in (m["metric_summary"] or {}).items()},
        **content.params(m),
    }
    parts = {f"{m['run_id']}.run.csv": _table(run, [run])}
    if m["metrics"]:
        rows = content.table(m)
        columns = ("run_id", "scenario", "group", *content.metric_names(m))
        own = m["run_id"]
        parts[f"{own}.scenarios.csv"] = _table(columns, lambda: ({"run_id": own, **row} for row in rows.each()))
    return Parcel(m["run_id"], content.uid(m), f"{options.folder}/{next(iter(parts))}", parts)


def _table(columns: Iterable[str], rows: Any) -> FileContent:
    names = list(columns)

    def chunks() -> Iterator[bytes]:
        text = io.StringIO()
        write = csv.writer(text, lineterminator="\r\n").writerow
        write(map(_cell, names))
        for number, row in enumerate(rows() if callable(rows) else rows, 1):
            write([_cell(row.get(name)) for name in names])
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
