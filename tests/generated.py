"""Pairs of records made up from a seed: two runs of one program, or of one that became worse by a stated amount."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import NamedTuple

from evalprov.judge.metric_diff import Side
from evalprov.judge.verdicts import compare_metrics
from evalprov.record.form import blank
from evalprov.record.manifest import Manifest
from evalprov.record.schema.outcome import MetricInfo
from evalprov.record.schema.values import MetricValue
from evalprov.reported.ledger import summed_up

Table = dict[str, dict[str, MetricValue]]
RATES = ("accuracy", "passed", "resolved")
NUMBERS = ("latency_ms", "cost_usd", "error_size")


def manifest(
    metrics: Table | None = None,
    summary: dict[str, MetricValue] | None = None,
    *,
    groups: dict[str, str] | None = None,
    info: dict[str, MetricInfo] | None = None,
    run_id: str = "20260920T143000Z",
) -> Manifest:
    """Return the record of a completed run; the summary is computed as evalprov does unless it is given."""
    m = blank(run_id, "2026-09-20T14:30:00Z")
    m["status"] = "completed"
    m["exit_code"] = 0
    m["scenario"] = "generated"
    m["metrics"] = metrics
    m["metric_summary"] = summed_up(metrics or {}) if summary is None else summary
    m["metric_info"] = info or {}
    m["scenarios_run"] = list(metrics or {})
    m["scenario_groups"] = groups or {}
    return m


def known(stderr: float | None = None, n: int | None = None) -> MetricInfo:
    """Return what an eval may say of a metric."""
    return {"stderr": stderr, "n": n, "direction": None, "unit": None}


class Pair(NamedTuple):
    """Two sides to compare."""

    a: Side
    b: Side


def paired_rates(draw: random.Random, n: int = 60, worse: float = 0.0) -> Pair:
    """Return the same scenarios twice, three metrics that are true or false; the first falls by so much."""
    ease = [[draw.betavariate(3, 1) for _ in range(n)] for _ in RATES]
    tables = [_table(RATES, [_drawn(draw, row) for row in ease]) for _ in range(2)]
    _spoil(draw, tables[1], RATES[0], worse, of=0.75)
    return _pair([tables[0]], [tables[1]])


def paired_numbers(draw: random.Random, n: int = 60, worse: float = 0.0) -> Pair:
    """Return the same scenarios twice, three numbers with heavy tails, such as latencies."""
    levels = [[draw.gauss(0, 1) for _ in range(n)] for _ in NUMBERS]
    tables = [_table(NUMBERS, [_around(draw, row) for row in levels]) for _ in range(2)]
    _raise(tables[1], NUMBERS[0], worse)
    return _pair([tables[0]], [tables[1]])


def clustered(draw: random.Random, n: int = 120, worse: float = 0.0) -> Pair:
    """Return the same scenarios twice, of which every six share a source that does well or badly as one."""
    groups = {f"s{i}": f"g{i // 6}" for i in range(n)}
    names = ("accuracy", "latency_ms")
    tables = []
    for _ in range(2):
        shared = [[draw.gauss(0, 1) for _ in range(n // 6 + 1)] for _ in names]
        rates: list[MetricValue] = [draw.gauss(0, 1) + shared[0][i // 6] < 1 for i in range(n)]
        numbers: list[MetricValue] = [math.exp(draw.gauss(0, 0.7) + shared[1][i // 6]) for i in range(n)]
        tables.append(_table(names, [rates, numbers]))
    _raise(tables[1], names[1], worse)
    return _pair([tables[0]], [tables[1]], groups=groups)


def unpaired_rates(draw: random.Random, n: int = 60, worse: float = 0.0) -> Pair:
    """Return scenarios of another name on each side, three metrics that are true or false."""
    tables = [
        _table(RATES, [_drawn(draw, [draw.betavariate(3, 1) for _ in range(n)]) for _ in RATES], prefix=side)
        for side in "ab"
    ]
    _spoil(draw, tables[1], RATES[0], worse, of=0.75)
    return _pair([tables[0]], [tables[1]])


def unpaired_numbers(draw: random.Random, n: int = 60, worse: float = 0.0) -> Pair:
    """Return scenarios of another name on each side, three numbers with heavy tails."""
    tables = [_table(NUMBERS, [_around(draw, [0.0] * n) for _ in NUMBERS], prefix=side) for side in "ab"]
    _raise(tables[1], NUMBERS[0], worse)
    return _pair([tables[0]], [tables[1]])


def trials(draw: random.Random, n: int = 20, worse: float = 0.0, counts: tuple[int, int] = (5, 5)) -> Pair:
    """Return several trials of the same scenarios on each side, of rates and of heavy-tailed numbers."""
    names = (RATES[0], NUMBERS[0])
    ease = [draw.betavariate(3, 1) for _ in range(n)]
    levels = [draw.gauss(0, 1) for _ in range(n)]
    sides = [[_table(names, [_drawn(draw, ease), _around(draw, levels)]) for _ in range(count)] for count in counts]
    for table in sides[1]:
        _spoil(draw, table, RATES[0], worse, of=0.75)
    return _pair(*sides)


def uneven_trials(draw: random.Random, n: int = 20, worse: float = 0.0) -> Pair:
    """Return one run against five trials of the same scenarios."""
    return trials(draw, n, worse, counts=(1, 5))


def few_scenarios(draw: random.Random, n: int = 3, worse: float = 0.0) -> Pair:
    """Return five trials on each side of very few scenarios."""
    return trials(draw, n, worse)


def summaries(draw: random.Random, n: int = 5, worse: float = 0.0) -> Pair:
    """Return several trials on each side that report nothing but three numbers."""
    sides = [
        [
            {name: draw.gauss(0.7, 0.03) - (worse if side and name == RATES[0] else 0.0) for name in RATES}
            for _ in range(n)
        ]
        for side in range(2)
    ]
    return Pair(*(Side(tuple(manifest(None, dict(one)) for one in side)) for side in sides))


def statistics(draw: random.Random, n: int = 60, worse: float = 0.0) -> Pair:
    """Return one run on each side that reports means with their standard errors and counts, and nothing by scenario."""
    sides = []
    for side in range(2):
        hits = sum(draw.random() < 0.75 - worse * side for _ in range(n))
        numbers = [draw.lognormvariate(0, 1) for _ in range(n)]
        mean = math.fsum(numbers) / n
        error = math.sqrt(math.fsum((value - mean) ** 2 for value in numbers) / (n - 1) / n)
        info = {"accuracy": known(n=n), "latency_ms": known(stderr=error, n=n)}
        sides.append(Side((manifest(None, {"accuracy": hits / n, "latency_ms": mean}, info=info),)))
    return Pair(*sides)


class Kind(NamedTuple):
    """A kind of pair."""

    make: Callable[..., Pair]
    metric: str  # the one that becomes worse


KINDS = {
    "paired rates": Kind(paired_rates, "accuracy_mean"),
    "paired numbers": Kind(paired_numbers, "latency_ms_mean"),
    "clustered": Kind(clustered, "latency_ms_mean"),
    "unpaired rates": Kind(unpaired_rates, "accuracy_mean"),
    "unpaired numbers": Kind(unpaired_numbers, "latency_ms_mean"),
    "trials": Kind(trials, "accuracy_mean"),
    "uneven trials": Kind(uneven_trials, "accuracy_mean"),
    "few scenarios": Kind(few_scenarios, "accuracy_mean"),
    "summaries": Kind(summaries, "accuracy"),
    "statistics": Kind(statistics, "accuracy"),
}


def alarms(kind: str, pairs: int, **size: int) -> tuple[int, list[float]]:
    """Return how many of so many pairs of one program have a metric that moved, and what they could have seen."""
    draw = random.Random(kind)
    raised, sizes = 0, []
    for _ in range(pairs):
        found = compare_metrics(*KINDS[kind].make(draw, **size))
        raised += any(diff.verdict in ("better", "worse", "moved") for diff in found)
        sizes += [diff.detectable for diff in found if diff.name == KINDS[kind].metric and diff.detectable]
    return raised, sizes


def hits(kind: str, pairs: int, worse: float, **size: int) -> int:
    """Return in how many of so many pairs a metric that fell by so much is called worse."""
    draw = random.Random(f"{kind}, worse")
    found = [compare_metrics(*KINDS[kind].make(draw, worse=worse, **size)) for _ in range(pairs)]
    return sum(diff.verdict == "worse" for one in found for diff in one if diff.name == KINDS[kind].metric)


def _drawn(draw: random.Random, ease: list[float]) -> list[MetricValue]:
    return [draw.random() < one for one in ease]


def _around(draw: random.Random, levels: list[float]) -> list[MetricValue]:
    return [math.exp(level + draw.gauss(0, 1)) for level in levels]


def _table(names: tuple[str, ...], columns: list[list[MetricValue]], prefix: str = "s") -> Table:
    rows = zip(*columns, strict=True)
    return {f"{prefix}{i}": dict(zip(names, row, strict=True)) for i, row in enumerate(rows)}


def _spoil(draw: random.Random, table: Table, name: str, worse: float, of: float) -> None:
    """Turn successes into failures, so that the rate falls by so much."""
    for row in table.values():
        if row[name] and draw.random() < worse / of:
            row[name] = False


def _raise(table: Table, name: str, worse: float) -> None:
    for row in table.values():
        row[name] = (row[name] or 0) + worse


def _pair(a: list[Table], b: list[Table], groups: dict[str, str] | None = None) -> Pair:
    return Pair(*(Side(tuple(manifest(table, groups=groups) for table in side)) for side in (a, b)))
