"""What the trials of a repeat come to: counts, metrics, what is odd about them, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov import render
from evalprov.judge.summary import PERCENTS
from evalprov.named import NamedTuple
from evalprov.numbers import and_more, counted
from evalprov.page import Remark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from evalprov.judge.summary import MetricSummary

METRICS_SHOWN = 12
NAME_SHOWN = 24  # characters


class TrialsTold(NamedTuple):
    """What is known of the trials when all have ended."""

    trials: int
    seconds: float
    statuses: Mapping[str, int]  # the most frequent first
    metrics: Sequence[MetricSummary]
    results: int  # trials that have one
    fingerprints: int  # different ones
    warned: Sequence[tuple[str, str]]  # run, its first warning
    last: str  # run


def remarks(told: TrialsTold) -> Iterator[Remark]:
    """Give all of it beside what the commands printed."""
    counts = ", ".join(f"{count} {status}" for status, count in told.statuses.items())
    head = f"{counted(told.trials, 'trial')} in {render.duration(told.seconds)}: {counts or 'none recorded'}"
    yield Remark(head, [*_table(told.metrics), *_odd(told), *_next(told)])


def _odd(told: TrialsTold) -> Iterator[str]:
    if told.results and not told.metrics:
        yield "no metrics seen"
    if told.fingerprints > 1:
        yield "their fingerprints differ: something of the program changed while they ran"
    if told.warned:
        run_id, warning = told.warned[0]
        yield f"warning: {warning} (in {counted(len(told.warned), 'trial')}); see: evalprov show {run_id}"


def _next(told: TrialsTold) -> Iterator[str]:
    if told.results > 1:
        yield f"next: evalprov noise {told.last}"
        yield f"      evalprov diff --trials BASELINE {told.last}"


def _table(metrics: Sequence[MetricSummary]) -> list[str]:
    """Return the metrics summed up, in aligned lines of fewer than 80 characters."""
    shown = metrics[:METRICS_SHOWN]
    if not shown:
        return []
    by_scenario = any(one.scenarios for one in shown)
    rows = [["", "mean", "± trials", *(["± scenarios"] if by_scenario else []), "min", "max"]]
    for one in shown:
        errors = [one.stderr, *([one.stderr_scenarios] if by_scenario else [])]
        rows.append([_name(one.name), *map(render.number, (one.mean, *errors, one.low, one.high))])
    spent = [(one.name, one.quantiles) for one in shown if one.quantiles]
    places = [["", *(f"p{percent}" for percent in PERCENTS), "of"]] if spent else []
    for name, quantiles in spent:
        of = counted(quantiles.n, "value" if quantiles.of == "scenarios" else "trial")
        places.append([_name(name), *map(render.number, quantiles.at), of])
    return [*render.columns(rows), *render.columns(places), *and_more(len(metrics) - METRICS_SHOWN)]


def _name(name: str) -> str:
    return name if len(name) <= NAME_SHOWN else f"{name[: NAME_SHOWN - 3]}..."


def so_far(done: int, total: int, seconds: float) -> str:
    """Say how far the trials are, and about how long the others take."""
    if not done:
        return f"{done} of {total}"
    left = render.duration(seconds / done * (total - done))
    return f"{done} of {total}, {render.duration(seconds)}, about {left} left"
