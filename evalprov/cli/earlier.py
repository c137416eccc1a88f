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
    from collections.abc import Iterable, Mapping

    from evalprov.judge.metric_diff import Side

LOOKED_AT = 300  # of the last runs: one that is older may be of another time
_FEWEST_DF = 2.0


class EarlierRuns:
    """What the last runs of some programs scored: how far runs of one program lie apart."""

    def __init__(self, folder: str, runs: Iterable[Mapping[str, Any]], *, allow_failed: bool | None = None) -> None:
        self._scores: dict[object, list[tuple[str, Mapping[str, Any]]]] = {}
        wanted = {_program(run) for run in runs} - {None}
        if not wanted:
            return
        lines = read.iterate(folder, [])
        try:
            for count, line in enumerate(lines):
                if count == LOOKED_AT:
                    break
                program = _program(line)
                if program in wanted and has_result(line, allow_failed=allow_failed):
                    self._scores.setdefault(program, []).append((line["run_id"], line.get("metric_summary") or {}))
        finally:
            lines.close()

    def spreads(self, a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Spread]:
        """Return how far runs of the programs of two runs lie apart, by metric, where others than these tell."""
        judged = {a["run_id"], b["run_id"]}
        values: dict[tuple[object, str], list[float]] = {}
        for program in dict.fromkeys((_program(a), _program(b))):
            for run_id, scores in self._scores.get(program, ()):
                for name, value in scores.items() if run_id not in judged else ():
                    if value is not None:
                        values.setdefault((program, name), []).append(number(value))
        return _spreads(values)


def spreads(folder: str, a: Side, b: Side, *, allow_failed: bool | None = None) -> dict[str, Spread]:
    """Return how far runs of one program lie apart, by metric, where each side is one run and earlier ones tell."""
    if len(a.runs) > 1 or len(b.runs) > 1:
        return {}
    return EarlierRuns(folder, (*a.runs, *b.runs), allow_failed=allow_failed).spreads(a.runs[0], b.runs[0])


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
