"""The columns that a table of runs can have: those with a name, and any key path of the history."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import sys
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from evalprov import render
from evalprov.errors import UsageError
from evalprov.explain.elide import apart
from evalprov.named import NamedTuple
from evalprov.store.where import METRICS, Path, last_name, path, value_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

COLUMNS = ("run", "status", "took", "scenario", "git", "metrics", "command")
METRICS_SHOWN = 4
_ENOUGH = 24  # of a wide column, before another one has to go
_BETWEEN = 3
_EDGES = 2
_LISTED = re.compile(r"""(?:\["(?:[^"\\]|\\.)*"\]|\['[^']*'\]|[^,])+""")
_PATHS = {"run": "run_id", "took": "duration_seconds", "program": "identity.program"}


class TableColumn(NamedTuple):
    """One column: its heading and its cell of a run, for a table and for a program."""

    name: str
    path: Path | None  # null for one that shows several values
    cell: Callable[[dict[str, Any]], str]
    plain: Callable[[dict[str, Any]], str]


def column(name: str) -> TableColumn:
    """Return the column that is meant by a name or a key path."""
    if name in _CELLS:
        return TableColumn(name, None, _CELLS[name], _PLAIN.get(name, _CELLS[name]))
    where = path(name)
    return TableColumn(
        name, where, lambda line: shown(value_at(line, where)), lambda line: exactly(value_at(line, where), "")
    )


def chosen(text: str) -> list[TableColumn]:
    """Return the columns of a list with commas; one within brackets is part of a key."""
    found = [column(one.strip()) for one in _LISTED.findall(text) if one.strip()]
    if not found:
        raise UsageError("--columns names no column", f"for example: --columns {','.join(COLUMNS)}")
    return found


def key_path(name: str) -> Path:
    """Return the path that a column's name stands for, or that is written."""
    return path(_PATHS.get(name, name))


def shown(value: Any) -> str:
    """Return a value as a person reads it, or as it is where a program does."""
    if sys.stdout.isatty():
        if isinstance(value, float):
            return render.number(value)
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return ", ".join(value) or "-"
        if isinstance(value, dict) and value:
            return " ".join(f"{key}={shown(inner)}" for key, inner in value.items())
    return exactly(value, "-")


def exactly(value: Any, absent: str) -> str:
    """Return a value as it is: a string without quotes, all else as JSON."""
    if value is None or value is UNSET:
        return absent
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def table(columns: Sequence[TableColumn], lines: Iterable[dict[str, Any]], *, spare: Sequence[str]) -> list[str]:
    """Print runs as a table; return the columns that a narrow terminal has no room for, first those to be spared."""
    if not sys.stdout.isatty():
        render.table([one.name for one in columns], ([one.cell(line) for one in columns] for line in lines))
        return []
    held = list(lines)
    if spare and len({_command(line) for line in held}) < 2:  # it would say the same in every row
        columns = [one for one in columns if one.name != "command"]
    names = _short(columns)
    cells = [[one.cell(line) for line in held] for one in columns]
    widths = [max(map(len, [name, *column])) for name, column in zip(names, cells, strict=True)]
    order = [number for name in spare for number, one in enumerate(columns) if one.name == name]
    order += [number for number in range(len(columns) - 1, 0, -1) if number not in order and columns[number].path]
    room = render.width() - _EDGES
    kept = list(range(len(columns)))
    while order and sum(min(widths[number], _ENOUGH) + _BETWEEN for number in kept) - _BETWEEN > room:
        kept.remove(order.pop(0))
    for number in kept:
        left = room - sum(min(widths[other], _ENOUGH) + _BETWEEN for other in kept if other != number)
        if columns[number].name == "metrics":
            cells[number] = [metrics(line, max(left, _ENOUGH)) for line in held]
        elif columns[number].name == "command":
            cells[number] = apart(cells[number], max(left, _ENOUGH))
    right = [names[number] for number in kept if _is_number(columns[number], held)]
    render.table([names[number] for number in kept], zip(*(cells[number] for number in kept), strict=True), right=right)
    return [one.name for number, one in enumerate(columns) if number not in kept]


def _short(columns: Sequence[TableColumn]) -> list[str]:
    """Return headings for people: a path's last name where no other column ends so."""
    last = [last_name(one.path) if one.path else one.name for one in columns]
    return [name if last.count(name) == 1 else one.name for name, one in zip(last, columns, strict=True)]


def _is_number(one: TableColumn, lines: Sequence[dict[str, Any]]) -> bool:
    if one.path is None:
        return one.name == "took"
    values = [value_at(line, one.path) for line in lines]
    return all(value is None or value is UNSET or type(value) in (int, float) for value in values)


def row_of_csv(cells: Sequence[str]) -> str:
    """Return a row as RFC 4180 has it, less the end of its line's last character."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r").writerow([render.neutral(cell, lines=True) for cell in cells])
    return text.getvalue()


def metrics(line: Mapping[str, Any], room: int | None = None) -> str:
    """Return a run's metrics in one cell: a terminal gets the first, as many as there is room for, a pipe all."""
    summed = line.get("metric_summary")
    if not summed:
        return f"{line['counts'][METRICS]} metrics" if METRICS in line["counts"] else "-"
    shown = METRICS_SHOWN if sys.stdout.isatty() else len(summed)
    named = [f"{name}={render.number(value)}" for name, value in list(summed.items())[:shown]]
    while True:
        more = [f"+{len(summed) - len(named)}"] if len(summed) > len(named) else []
        cell = " ".join([*named, *more])
        if room is None or len(cell) <= room or len(named) == 1:
            return cell
        named.pop()


def _git(line: dict[str, Any]) -> str:
    sha = line.get("git_sha") or ""
    dirt = {True: "+dirty", False: "", None: "+?"}[line.get("git_dirty")] if sha else ""
    return f"{sha[:7]}{dirt}" or "-"


def _command(line: dict[str, Any]) -> str:
    argv = line["command"].get("argv")
    return shlex.join([os.path.basename(argv[0]) or argv[0], *argv[1:]]) if argv else "-"


def _program(line: dict[str, Any]) -> str:
    hashed = line["identity"]["program"]
    return hashed.removeprefix("sha256:")[:12] if hashed else "-"


_CELLS: dict[str, Callable[[dict[str, Any]], str]] = {
    "run": lambda line: str(line["run_id"]),
    "status": lambda line: str(line["status"]),
    "took": lambda line: render.duration(line["duration_seconds"]),
    "scenario": lambda line: line.get("scenario") or "-",
    "git": _git,
    "metrics": metrics,
    "command": _command,
    "program": _program,
}
_PLAIN: dict[str, Callable[[dict[str, Any]], str]] = {
    "took": lambda line: exactly(line["duration_seconds"], ""),
    "scenario": lambda line: line.get("scenario") or "",
    "git": lambda line: "" if _git(line) == "-" else _git(line),
    "metrics": lambda line: exactly(line.get("metric_summary"), ""),
    "command": lambda line: shlex.join(line["command"].get("argv", ())),
    "program": lambda line: line["identity"]["program"] or "",
}
