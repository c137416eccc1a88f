"""What earlier runs tell: how far runs of one program lie apart, and how often a baseline was looked at."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from evalprov.judge.looks import Look
from evalprov.record.baseline import account_of
from evalprov.record.result import has_result
from evalprov.stats.columns import number
from evalprov.stats.whole_run import UNKNOWN, Spread
from evalprov.store import ids, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evalprov.judge.metric_diff import Side

LOOKED_AT = 300  # of the last runs: one that is older may be of another time
_FEWEST_DF = 2.0


def spreads(folder: str, a: Side, b: Side, *, allow_failed: bool | None = None) -> dict[str, Spread]:
    """Return how far runs of one program lie apart, by metric, where each side is one run and earlier ones tell."""
    if len(a.runs) > 1 or len(b.runs) > 1:
        return {}
    wanted = {_program(run) for run in (*a.runs, *b.runs)} - {None}
    if not wanted:
        return {}
    judged = {a.runs[0]["run_id"], b.runs[0]["run_id"]}
    values: dict[tuple[object, str], list[float]] = {}
    lines = read.iterate(folder, [])
    try:
        for count, line in enumerate(lines):
            if count == LOOKED_AT:
                break
            program = _program(line)
            if line["run_id"] in judged or program not in wanted or not has_result(line, allow_failed=allow_failed):
                continue
            for name, value in (line["metric_summary"] or {}).items():
                if value is not None:
                    values.setdefault((program, name), []).append(number(value))
    finally:
        lines.close()
    return _spreads(values)


def look(folder: str, a: Side, b: Side, *, allow_failed: bool | None = None) -> Look:
    """Return which look at a baseline (A) judging B is: every run that could have been held against it was one.

    It follows from the history alone, so a run that is judged twice is one look, and judging writes nothing.
    """
    baseline = a.runs[0]
    account = account_of(baseline)
    own = {run["run_id"] for run in (*a.runs, *b.runs)}
    began = min(ids.order(run["run_id"]) for run in b.runs)
    since = ids.order(baseline["run_id"])
    if account and (set_at := ids.order(_as_id(account["set_at"]))) <= began:
        since = max(since, set_at)
    looks = set()
    lines = read.iterate(folder, [])
    try:
        for line in lines:
            at = ids.order(line["run_id"])
            if at < since:
                break
            if at < began and line["run_id"] not in own and line["scenario"] == baseline["scenario"]:
                repeat = line["repeat"] if len(b.runs) > 1 else None
                if has_result(line, allow_failed=allow_failed):
                    looks.add(repeat["id"] if repeat else line["run_id"])
    finally:
        lines.close()
    is_whole = os.path.exists(f"{folder}/runs/{baseline['run_id']}.json")
    return Look(len(looks) + 1, is_whole)


def _as_id(timestamp: str) -> str:
    return timestamp.replace("-", "").replace(":", "")


def _program(run: Mapping[str, Any]) -> tuple[str, object] | None:
    """Return what runs of one program on one machine have in common; null where it is not known."""
    fingerprint = run["identity"]["fingerprint"]
    machine = run["identity"]["layers"].get("infra")
    return (fingerprint, machine) if fingerprint is not None and machine is not None else None


def _spreads(values: Mapping[tuple[object, str], list[float]]) -> dict[str, Spread]:
    found: dict[str, Spread] = {}
    for (_, name), ones in values.items():
        known = found.get(name, UNKNOWN).with_runs(ones)
        found[name] = known._replace(runs=known.runs + (len(ones) if len(ones) > 1 else 0))
    return {name: spread for name, spread in found.items() if spread.df >= _FEWEST_DF and spread.variance > 0}
