"""`evalprov history`: what ran, and what it scored."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from evalprov import render
from evalprov.cli.common import StoreOption, open_store
from evalprov.store import read

COLUMNS = ("run", "status", "took", "scenario", "git", "metrics")
METRICS_SHOWN = 4


def history(
    number: Annotated[int, typer.Option("-n", "--number", min=1, help="How many runs to show.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print the history lines, one JSON object a line.")] = False,
    store: StoreOption = None,
) -> None:
    """Show the last runs, newest first.

    In a pipe the columns are separated by tabs. Example: evalprov history -n 5 | cut -f1,6
    """
    found = read.history(open_store(store), number)
    if as_json:
        for line in found.lines:
            render.out(json.dumps(line, ensure_ascii=False))
    else:
        render.table(COLUMNS, [_row(line) for line in found.lines], right=("took",))
    for note in found.notes:
        render.note(note)


def _row(line: dict[str, Any]) -> tuple[str, ...]:
    sha = line.get("git_sha") or ""
    dirt = {True: "+dirty", False: "", None: "+?"}[line.get("git_dirty")] if sha else ""
    return (
        str(line.get("run_id")),
        str(line.get("status")),
        render.duration(line.get("duration_seconds")),
        line.get("scenario") or "-",
        f"{sha[:7]}{dirt}" or "-",
        metrics(line),
    )


def metrics(line: dict[str, Any]) -> str:
    """Return a run's headline metrics in one cell."""
    summed = line.get("metric_summary")
    if not summed:
        return "-"
    shown = [f"{name}={render.number(value)}" for name, value in list(summed.items())[:METRICS_SHOWN]]
    more = [f"+{len(summed) - METRICS_SHOWN}"] if len(summed) > METRICS_SHOWN else []
    return " ".join([*shown, *more])
