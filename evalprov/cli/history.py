"""`evalprov history`: what ran, and what it scored."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from evalprov import render
from evalprov.cli.common import StoreOption, open_store
from evalprov.errors import EvalprovError
from evalprov.store import read

COLUMNS = ("run", "status", "took", "scenario", "git", "metrics")
METRICS_SHOWN = 4
SCENARIOS_SHOWN = 5


def history(
    number: Annotated[int, typer.Option("-n", "--number", min=1, help="How many runs to show.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print the history lines, one JSON object a line.")] = False,
    scenario: Annotated[
        str | None, typer.Option("--scenario", metavar="NAME", help="Runs of this scenario only.")
    ] = None,
    program: Annotated[
        str | None,
        typer.Option("--program", metavar="HASH", help="Runs of this program only, by its hash's beginning."),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Show the last runs, newest first.

    In a pipe the columns are separated by tabs; asked for a scenario or a program, the program's hash is the last one.

    Examples: evalprov history -n 5 | cut -f1,6; evalprov history --scenario support-tickets
    """
    folder = open_store(store)
    if scenario is None and program is None:
        found = read.history(folder, number)
        _print(found.lines, COLUMNS, as_json=as_json)
        notes = found.notes
    else:
        lines, notes = _chosen(folder, number, scenario, None if program is None else _digits(program))
        _print(lines, (*COLUMNS, "program"), as_json=as_json)
    for note in notes:
        render.note(note)


def _print(lines: list[dict[str, Any]], columns: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        for line in lines:
            render.out(json.dumps(line, ensure_ascii=False))
    else:
        rows = [(*_row(line), _short(line["identity"]["program"]))[: len(columns)] for line in lines]
        render.table(columns, rows, right=("took",))


def _digits(program: str) -> str:
    """Return the beginning of a hash, in any spelling of it."""
    digits = program.strip().lower().removeprefix("sha256:")
    if not 1 <= len(digits) <= 64 or not set(digits) <= set("0123456789abcdef"):
        raise EvalprovError(
            f"not the beginning of a program's hash: {program}", "evalprov show prints it: identity, program"
        )
    return digits


def _chosen(
    store: str, number: int, scenario: str | None, program: str | None
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the last runs that are meant, and what is to be said of the reading."""
    notes: list[str] = []
    chosen: list[dict[str, Any]] = []
    scenarios: dict[str, None] = {}
    runs = read.iterate(store, notes)
    count = 0
    for line in runs:
        count += 1
        if line["scenario"] is not None:
            scenarios[line["scenario"]] = None
        if scenario is not None and line["scenario"] != scenario:
            continue
        if program is not None and not (line["identity"]["program"] or "").startswith(f"sha256:{program}"):
            continue
        chosen.append(line)
        if len(chosen) == number:
            break
    runs.close()  # it says what was odd when it is left
    if not chosen:
        notes.append(f"none of {count} runs is of {_meant(scenario, program)}{_others(scenario, list(scenarios))}")
    return chosen, notes


def _meant(scenario: str | None, program: str | None) -> str:
    named = [] if scenario is None else [f"scenario {scenario}"]
    return " and ".join([*named, *([] if program is None else [f"program {program}"])])


def _others(scenario: str | None, names: list[str]) -> str:
    if scenario is None or scenario in names or not names:
        return ""
    more = f" and {len(names) - SCENARIOS_SHOWN} more" if len(names) > SCENARIOS_SHOWN else ""
    return f"; the scenarios are {', '.join(names[:SCENARIOS_SHOWN])}{more}"


def _short(hashed: str | None) -> str:
    return hashed.removeprefix("sha256:")[:12] if hashed else "-"


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
