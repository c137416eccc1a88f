"""The cells of a table of runs, for a person and for a program, and how many columns a terminal has room for."""

from __future__ import annotations

import json
import os
import shlex
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from evalprov import render
from evalprov.explain.elide import apart
from evalprov.named import NamedTuple
from evalprov.page import TableBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

METRICS_SHOWN = 4
_ENOUGH = 24  # of a wide column, before another one has to go
_BETWEEN = 3
_EDGES = 2


class TableColumn(NamedTuple):
    """One column: its heading, a shorter one, and its cell of a run, for a person, a pipe and a program."""

    name: str
    short: str
    value: Callable[[dict[str, Any]], Any] | None  # null for one that shows several values
    seen: Callable[[dict[str, Any]], str]
    cell: Callable[[dict[str, Any]], str]
    plain: Callable[[dict[str, Any]], str]


def valued(name: str, short: str, value: Callable[[dict[str, Any]], Any]) -> TableColumn:
    """Return a column of one value."""
    return TableColumn(
        name,
        short,
        value,
        lambda line: shown(value(line)),
        lambda line: exactly(value(line), "-"),
        lambda line: exactly(value(line), ""),
    )


def shown(value: Any) -> str:
    """Return a value as a person reads it."""
    if isinstance(value, float):
        return render.number(value)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value) or "-"
    if isinstance(value, dict) and value:
        return " ".join(f"{key}={shown(inner)}" for key, inner in value.items())
    return "; ".join(exactly(value, "-").splitlines())  # a note has a line for each time that somebody added to it


def exactly(value: Any, absent: str) -> str:
    """Return a value as it is: a string without quotes, all else as JSON."""
    if value is None or value is UNSET:
        return absent
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def lines_of(columns: Sequence[TableColumn], lines: Iterable[dict[str, Any]]) -> TableBlock:
    """Return runs as lines for a pipe."""
    return TableBlock([one.name for one in columns], ([one.cell(line) for one in columns] for line in lines))


def fitted(
    columns: Sequence[TableColumn], lines: Iterable[dict[str, Any]], width: int, *, spare: Sequence[str]
) -> tuple[TableBlock, list[str]]:
    """Return runs as a table, and the columns that a terminal has no room for, first those to be spared."""
    held = list(lines)
    if spare and len({_command(line) for line in held}) < 2:  # it would say the same in every row
        columns = [one for one in columns if one.name != "command"]
    names = _short(columns)
    cells = [[one.seen(line) for line in held] for one in columns]
    widths = [max(map(len, [name, *column])) for name, column in zip(names, cells, strict=True)]
    order = [number for name in spare for number, one in enumerate(columns) if one.name == name]
    order += [number for number in range(len(columns) - 1, 0, -1) if number not in order and columns[number].value]
    room = width - _EDGES
    kept = list(range(len(columns)))
    while order and sum(min(widths[number], _ENOUGH) + _BETWEEN for number in kept) - _BETWEEN > room:
        kept.remove(order.pop(0))
    for number in kept:
        left = room - sum(min(widths[other], _ENOUGH) + _BETWEEN for other in kept if other != number)
        if columns[number].name == "metrics":
            cells[number] = [metrics(line, METRICS_SHOWN, max(left, _ENOUGH)) for line in held]
        elif columns[number].name == "command":
            cells[number] = apart(cells[number], max(left, _ENOUGH))
    right = [names[number] for number in kept if _is_number(columns[number], held)]
    rows = zip(*(cells[number] for number in kept), strict=True)
    table = TableBlock([names[number] for number in kept], rows, right)
    return table, [one.name for number, one in enumerate(columns) if number not in kept]


def _short(columns: Sequence[TableColumn]) -> list[str]:
    """Return what each is called in a heading: its last key, where no other ends so."""
    last = [one.short for one in columns]
    return [name if last.count(name) == 1 else one.name for name, one in zip(last, columns, strict=True)]


def _is_number(one: TableColumn, lines: Sequence[dict[str, Any]]) -> bool:
    if one.value is None:
        return one.name == "took"
    values = map(one.value, lines)
    return all(value is None or value is UNSET or type(value) in (int, float) for value in values)


def metrics(line: Mapping[str, Any], most: int | None = None, room: int | None = None) -> str:
    """Return a run's metrics in one cell: all of them, or the first, as many as there is room for."""
    summed = line.get("metric_summary")
    if not summed:
        return f"{line['counts']['metric_summary']} metrics" if "metric_summary" in line["counts"] else "-"
    named = [f"{name}={render.number(value)}" for name, value in list(summed.items())[:most]]
    while True:
        more = [f"+{len(summed) - len(named)}"] if len(summed) > len(named) else []
        cell = " ".join([*named, *more])
        if room is None or len(cell) <= room or len(named) == 1:
            return cell
        named.pop()


def _git(line: dict[str, Any]) -> str:
    sha = line.get("git_sha") or ""
    dirt = {True: "+dirty", False: "", None: "+?"}[line.get("git_dirty")] if sha else ""
    return f"{sha[:7]}{dirt}"


def _command(line: dict[str, Any]) -> str:
    if imported := line.get("imported"):
        return f"(imported from {imported['tool']})"
    argv = line["command"].get("argv")
    return shlex.join([os.path.basename(argv[0]) or argv[0], *argv[1:]]) if argv else "-"


def _program(line: dict[str, Any]) -> str:
    hashed = line["identity"]["program"]
    return hashed.removeprefix("sha256:")[:12] if hashed else "-"


def _named(name: str, cell: Callable[[dict[str, Any]], str], plain: Callable[[dict[str, Any]], str]) -> TableColumn:
    return TableColumn(name, name, None, cell, cell, plain)


NAMED = {
    one.name: one
    for one in (
        _named("run", lambda line: str(line["run_id"]), lambda line: str(line["run_id"])),
        _named("status", lambda line: str(line["status"]), lambda line: str(line["status"])),
        _named(
            "took",
            lambda line: render.duration(line["duration_seconds"]),
            lambda line: exactly(line["duration_seconds"], ""),
        ),
        _named("scenario", lambda line: line.get("scenario") or "-", lambda line: line.get("scenario") or ""),
        _named("git", lambda line: _git(line) or "-", _git),
        _named("metrics", metrics, lambda line: exactly(line.get("metric_summary"), ""))._replace(
            seen=lambda line: metrics(line, METRICS_SHOWN)
        ),
        _named(
            "command",
            _command,
            lambda line: _command(line) if line.get("imported") else shlex.join(line["command"].get("argv", ())),
        ),
        _named("program", _program, lambda line: line["identity"]["program"] or ""),
    )
}
