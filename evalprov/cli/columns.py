"""What --columns and --sort name: columns of a table of runs, by name or by key path."""

from __future__ import annotations

import re

from evalprov.errors import UsageError
from evalprov.named import NamedTuple
from evalprov.store.where import Path, last_name, path, value_at
from evalprov.views.columns import NAMED, TableColumn, valued

COLUMNS = ("run", "status", "took", "scenario", "git", "metrics", "command")
_LISTED = re.compile(r"""(?:\["(?:[^"\\]|\\.)*"\]|\['[^']*'\]|[^,])+""")
_PATHS = {"run": "run_id", "took": "duration_seconds", "program": "identity.program"}


class ColumnAsked(NamedTuple):
    """A column, and the path that it shows the value of; null for one that shows several."""

    shown: TableColumn
    path: Path | None


def column(name: str) -> ColumnAsked:
    """Return the column that is meant by a name or a key path."""
    if name in NAMED:
        return ColumnAsked(NAMED[name], None)
    where = path(name)
    return ColumnAsked(valued(name, last_name(where), lambda line: value_at(line, where)), where)


def chosen(text: str) -> list[ColumnAsked]:
    """Return the columns of a list with commas; one within brackets is part of a key."""
    found = [column(one.strip()) for one in _LISTED.findall(text) if one.strip()]
    if not found:
        raise UsageError("--columns names no column", f"for example: --columns {','.join(COLUMNS)}")
    return found


def key_path(name: str) -> Path:
    """Return the path that a column's name stands for, or that is written."""
    return path(_PATHS.get(name, name))
