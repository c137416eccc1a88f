"""What a row says hangs together: the verdict, the interval, the delta, and the two numbers it is of."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from generated import Table, manifest
from scipy import stats

from evalprov.judge.gate import judge
from evalprov.judge.metric_diff import MetricDiff, Side
from evalprov.judge.rules import NO_RULES
from evalprov.judge.verdicts import compare_metrics
from evalprov.views import diff_words
from evalprov.views.gate import _row

PAIRS = 400
SHAPES: dict[str, Callable[[random.Random], float]] = {
    "accuracy": lambda draw: float(draw.random() < 0.8),
    "score": lambda draw: draw.lognormvariate(0, 1.5),  # skewed
    "loss": lambda draw: float(draw.randrange(4)),  # ties
    "recall": lambda draw: draw.gauss(0.7, 0.1),
    "errors": lambda draw: 50.0 if draw.random() < 0.05 else 0.0,  # few large ones
}


def drawn(draw: random.Random) -> tuple[Side, Side]:
    """Return two runs, or trials of two programs, at random: some metrics twice, some scenarios on one side only."""
    names = draw.sample(list(SHAPES), draw.randint(1, len(SHAPES)))
    count, moved, amount = draw.choice((3, 6, 12, 17, 30, 60)), draw.random(), draw.choice((0.0, 0.3, 2.0))
    before = {f"t{i}": {name: SHAPES[name](draw) for name in names} for i in range(count)}
    groups = {name: f"g{draw.randrange(6)}" for name in before} if draw.random() < 0.2 else {}
    trials = draw.choice((1, 1, 1, 2, 4)), draw.choice((1, 1, 1, 2, 4))
    lost = draw.choice((0.0, 0.0, 0.2, 0.45))

    def table(*, later: bool) -> Table:
        rows: Table = {}
        for scenario, values in before.items():
            row = {name: value if draw.random() < 0.7 else SHAPES[name](draw) for name, value in values.items()}
            if later and draw.random() < moved:
                row = {name: min(1.0, v + amount) if name == "accuracy" else v + amount for name, v in row.items()}
            if draw.random() >= lost:
                rows[scenario] = {**row, **({"pass": row["accuracy"]} if "accuracy" in row else {})}
        return rows or {"t0": dict(before["t0"])}

    sides = [tuple(manifest(table(later=bool(side)), groups=groups) for _ in range(trials[side])) for side in (0, 1)]
    return Side(sides[0]), Side(sides[1])


def wrong_with(metric: MetricDiff) -> list[str]:
    """Return what of a metric's row contradicts the rest of it."""
    said = f"{diff_words.verdict(metric)}; {metric.reason}"
    found = []
    if metric.delta is None or metric.a is None or metric.b is None:
        return found
    close = 1e-9 * max(1.0, abs(metric.a), abs(metric.b))
    if abs(metric.b - metric.a - metric.delta) > close:
        found.append("the delta is not from A to B")
    if metric.verdict in ("better", "worse") and metric.direction is not None:
        up = (metric.verdict == "better") == (metric.direction == "higher")
        if (metric.delta > 0) != up:
            found.append("the delta goes the other way than the verdict")
    if metric.interval is not None:
        low, high = metric.interval
        if not low - close <= metric.delta <= high + close:
            found.append("the delta is not within the interval")
        leaves_out = low > 0 or high < 0
        moved = metric.verdict in ("better", "worse", "moved")
        explained = "alone, " in said or "metrics judged together" in said or metric.same_as is not None
        if moved != leaves_out and not (leaves_out and explained):
            found.append("the interval says other than the verdict about 0")
    return found


@pytest.mark.long
def test_no_row_contradicts_itself() -> None:
    """Over hundreds of made-up pairs: skewed values, ties, few large moves, lost scenarios, groups, trials."""
    draw = random.Random(11)
    corrected = moved = twins = 0
    for number in range(PAIRS):
        gate = judge(*drawn(draw), NO_RULES)
        for one in gate.metrics:
            assert wrong_with(one.diff) == [], (number, one.diff._replace(moves=[]))
            corrected += one.diff.corrected_for is not None
            twins += one.diff.same_as is not None
            moved += one.diff.verdict in ("better", "worse")
            row = _row(one)
            if one.diff.corrected_for and one.diff.verdict == "within_noise" and not one.diff.same_as:
                assert row[6].startswith("not proven: p = "), row
    assert min(corrected, moved, twins) > 20, (corrected, moved, twins)


def test_an_interval_of_one_metric_is_the_tests_own() -> None:
    """Where nothing but chance is between them, 95 % intervals leave out 0 in 5 % of pairs at most, and near it."""
    draw = random.Random(5)
    out, pairs = 0, 600
    for _ in range(pairs):
        tables = [{f"t{i}": {"score": draw.gauss(0, 1)} for i in range(25)} for _ in range(2)]
        (one,) = compare_metrics(*(Side((manifest(table),)) for table in tables))
        assert one.interval is not None
        out += one.interval[0] > 0 or one.interval[1] < 0
    assert stats.binomtest(out, pairs, 0.05).pvalue > 0.01
