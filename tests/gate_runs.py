"""Runs to hold against each other: records as a run would leave them, without running anything."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

from evalprov.cli import main
from evalprov.judge.gate import Gate, judge
from evalprov.judge.metric_diff import Side
from evalprov.judge.rules import GateRule, MetricRule, Rules
from evalprov.record.form import blank, encode, history_line
from evalprov.record.identity import identify
from evalprov.record.manifest import Manifest
from evalprov.record.schema.outcome import ErrorEntry
from evalprov.record.schema.values import MetricValue

BASELINE, RUN = "20260920T120000Z", "20260921T120000Z"
NO_GPUS = {"devices": [], "driver": None, "cuda": None, "visible": None}
Values = Mapping[str, Sequence[MetricValue]]  # metric to its value in each scenario; a null is no value


def record(run_id: str, values: Values | None = None, **facts: Any) -> Manifest:
    """Return a completed run; a fact's name may be dotted with `__`: infra__image."""
    m = blank(run_id, "2026-09-20T12:00:00Z")
    m.update({"status": "completed", "exit_code": 0, "scenario": "tickets", "git_dirty": False, "metric_summary": {}})
    m["infra"]["gpu"] = cast("Any", NO_GPUS)
    m["code"]["tree"] = "0" * 40
    m["software"]["packages_hash"] = "sha256:0"
    if values:
        count = max(map(len, values.values()))
        names = [f"t{number}" for number in range(count)]
        m["metrics"] = {
            name: {metric: of[i] for metric, of in values.items() if i < len(of)} for i, name in enumerate(names)
        }
        m["scenarios_run"] = names
        for metric, of in values.items():
            known = [value for value in of if value is not None]
            if known:
                m["metric_summary"][f"{metric}_mean"] = sum(known) / len(known)
    for name, value in facts.items():
        *path, last = name.split("__")
        section: Any = m
        for part in path:
            section = section[part]
        section[last] = deepcopy(value)
    m["identity"] = identify(m)
    return m


def rate(right: int, of: int = 100) -> list[bool]:
    """Return 0/1 values of which the first so many are right."""
    return [number < right for number in range(of)]


def summed_up(run: Manifest) -> Manifest:
    """Let the summary of a run be the means of the scenarios that it has now."""
    values: dict[str, list[float]] = {}
    for row in (run["metrics"] or {}).values():
        for name, value in row.items():
            if value is not None:
                values.setdefault(name, []).append(float(value))
    run["metric_summary"] = {f"{name}_mean": sum(of) / len(of) for name, of in values.items()}
    return run


def error(kind: str, scenario: str | None) -> ErrorEntry:
    """Return an entry of a record's errors."""
    return cast("ErrorEntry", {"kind": kind, "message": "no", "scenario": scenario, "stderr_tail": None})


def rules(gate: Mapping[str, Any] | None = None, **metrics: Mapping[str, Any]) -> Rules:
    """Return rules as the settings give them."""
    return Rules({name: MetricRule(**table) for name, table in metrics.items()}, GateRule(**(gate or {})))


def held(a: Manifest | Sequence[Manifest], b: Manifest | Sequence[Manifest], given: Rules | None = None) -> Gate:
    """Hold B against A."""
    sides = [Side(tuple(one) if isinstance(one, list | tuple) else (cast("Manifest", one),)) for one in (a, b)]
    return judge(*sides, given or rules())


def outcomes(gate: Gate) -> dict[str, str]:
    """Return what became of each metric."""
    return {one.diff.name: one.outcome for one in gate.metrics}


class Store:
    """A store that records are put in as they are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "runs").mkdir(parents=True)

    def put(self, *records: Any) -> None:
        """Put the records in."""
        for one in records:
            (self.path / "runs" / f"{one['run_id']}.json").write_bytes(encode(one))
        (self.path / "eval_history.jsonl").write_bytes(b"".join(map(history_line, records)))


@contextmanager
def within(folder: str | Path) -> Iterator[None]:
    """Be in a folder, and leave the signals as they were."""
    before, pipe = os.getcwd(), signal.getsignal(signal.SIGPIPE)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        signal.signal(signal.SIGPIPE, pipe)


def called(project: Any, *words: str) -> tuple[int, str, str]:
    """Carry out a command line in this process, where scipy is loaded; return its exit code and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with within(getattr(project, "path", project)), redirect_stdout(out), redirect_stderr(err):
        code = main(list(words))
    return code, out.getvalue(), err.getvalue()
