"""What part a metric has: what the gate asks of it, and what it costs the others."""

from __future__ import annotations

import random

import numpy as np
import pytest
from gate_runs import record
from generated import Table, manifest
from scipy import stats

from evalprov.judge.gate import Gate, judge
from evalprov.judge.metric_diff import MetricDiff, Side
from evalprov.judge.planning import Parts, needed, parts_of, plan, sees
from evalprov.judge.rules import NO_RULES, GateRule, MetricRule, Rules
from evalprov.judge.self_comparison import measure
from evalprov.judge.verdicts import compare_metrics
from evalprov.stats.noise import LEVEL
from evalprov.stats.whole_run import Spread, t_reach


def rates(fell: int, rose: int, of: int = 100, *, others: int = 0) -> tuple[Side, Side]:
    """Return two runs of which so many scenarios fell and rose, and other metrics that differ by chance."""
    draw = random.Random(3)
    before = [i < of // 2 + fell for i in range(of)]
    after = [(i < of // 2) or (i >= of - rose) for i in range(of)]
    sides = []
    for day, values in enumerate((before, after)):
        table: dict[str, list[bool] | list[float]] = {"accuracy": values}
        table |= {f"other{i}_score": [draw.gauss(0, 1) for _ in range(of)] for i in range(others)}
        sides.append(Side((record(f"2026090{day + 1}T120000Z", table),)))
    return sides[0], sides[1]


def first(gate: Gate) -> MetricDiff:
    """Return what is said of the first metric."""
    return gate.metrics[0].diff


def test_the_gate_asks_for_a_fall_alone() -> None:
    """What any move leaves open a fall does not; the end of the interval that a fall needs is that of its test."""
    a, b = rates(10, 3)
    (two_sided,) = compare_metrics(a, b)
    assert (two_sided.verdict, two_sided.one_sided) == ("within_noise", False)
    gate = judge(a, b, NO_RULES)
    found = first(gate)
    assert (gate.verdict, found.verdict, found.one_sided) == ("regression", "worse", True)
    assert found.p == two_sided.p
    assert found.p_adjusted == pytest.approx((found.p or 0) / 2)
    assert found.interval is not None
    assert two_sided.interval is not None
    assert found.interval[1] < 0 < two_sided.interval[1]
    assert found.interval[0] == two_sided.interval[0]
    assert found.interval_level == pytest.approx(0.925)
    back = judge(b, a, NO_RULES)
    assert (back.verdict, first(back).verdict) == ("pass", "within_noise")


def test_metrics_for_information_take_no_share_of_the_correction() -> None:
    """Nine more of them hide a fall, unless they are for information, or do not block."""
    a, b = rates(13, 3, others=9)
    assert first(judge(a, b, NO_RULES)).verdict == "within_noise"
    for rule in (MetricRule(role="info"), MetricRule(blocking=False)):
        rules = Rules({f"other{i}_score": rule for i in range(9)}, GateRule())
        gate = judge(a, b, rules)
        assert (gate.verdict, first(gate).verdict) == ("regression", "worse")
        assert [one.outcome for one in gate.metrics[1:]] == ["reported"] * 9


def test_a_guard_is_asked_whether_it_fell() -> None:
    """By diff as well; a rise is held to the test of any move."""
    a, b = rates(10, 3)
    rules = Rules({"accuracy": MetricRule(role="guard")}, GateRule())
    assert compare_metrics(a, b, rules)[0].verdict == "worse"
    assert compare_metrics(b, a, rules)[0].verdict == "within_noise"


def test_a_gate_can_ask_that_a_fall_be_excluded() -> None:
    """It passes only if the worst that is not excluded is within the tolerance; else it is not known, or proven."""

    def gate(fell: int, rose: int, tolerance: float | None, of: int = 100) -> Gate:
        rules = Rules({"accuracy": MetricRule(tolerance=tolerance)}, GateRule(require="no_worse_than"))
        return judge(*rates(fell, rose, of), rules)

    assert gate(3, 3, 0.1).verdict == "pass"
    found = gate(3, 3, 0.02)
    assert (found.verdict, found.exit_code) == ("not_evaluated", 3)
    assert "is not excluded, and its tolerance is 0.02" in found.why
    assert gate(30, 0, 0.1).verdict == "regression"
    assert gate(0, 0, 0.01).verdict == "pass"
    assert "needs its tolerance" in gate(3, 3, None).why
    worst = first(gate(3, 3, 0.1)).at_worst
    assert worst is not None
    assert gate(3, 3, worst * 1.01).verdict == "pass"
    assert gate(3, 3, worst * 0.99).verdict == "not_evaluated"


def test_whole_runs_that_lie_apart_make_one_run_no_proof() -> None:
    """A latency that rose in every scenario is no fall beyond what earlier runs of the program show; and is said so."""
    draw = random.Random(2)
    level = [draw.lognormvariate(3, 0.5) for _ in range(60)]
    tables: list[Table] = [
        {f"s{i}": {"latency_ms": value * factor * draw.lognormvariate(0, 0.02)} for i, value in enumerate(level)}
        for factor in (1.0, 1.1)
    ]
    a, b = (Side((manifest(table),)) for table in tables)
    (alone,) = compare_metrics(a, b)
    assert alone.verdict == "worse"
    assert "a run that was off as a whole looks the same" in str(alone.reason)
    mean = float(alone.a or 0)
    (known,) = compare_metrics(a, b, spreads={"latency_ms_mean": Spread((0.1 * mean) ** 2, 9, 10)})
    assert (known.verdict, known.reason) == (
        "within_noise",
        "allows for how far 10 earlier runs of one program lie apart",
    )
    assert known.interval is not None
    assert known.interval[0] < 0 < known.interval[1]
    (calm,) = compare_metrics(a, b, spreads={"latency_ms_mean": Spread((0.01 * mean) ** 2, 9, 10)})
    assert calm.verdict == "worse"


def test_noise_parts_what_moves_whole_runs() -> None:
    """Of a program whose runs are moved as a whole it finds by how much; of one whose scenarios alone vary, little."""
    rng = random.Random(0)
    levels = [rng.gauss(0, 1) for _ in range(40)]
    found = []
    for shock in (0.0, 0.5):
        runs = []
        for trial in range(12):
            moved = rng.gauss(0, shock)
            runs.append(record(f"20260920T1200{trial:02d}Z", {"score": [v + moved + rng.gauss(0, 1) for v in levels]}))
        found.append(measure(Side(tuple(runs)), most=1).metrics[0].whole or 0.0)
    assert found[0] < 0.2  # the noise of 40 scenarios is 0.16, and twelve runs tell no better
    assert 0.25 < found[1] < 0.8


def test_few_runs_need_a_move_as_large_as_the_noncentral_t_says() -> None:
    """Simulated, a move of so many errors is seen four times in five."""
    draw = np.random.default_rng(8)
    for trials in (2, 3, 10):
        df = 2 * (trials - 1)
        reach = t_reach(LEVEL, df)
        t = (draw.normal(reach, 1, 20_000)) / np.sqrt(draw.chisquare(df, 20_000) / df)
        assert np.mean(np.abs(t) > stats.t.ppf(0.975, df)) == pytest.approx(0.8, abs=0.01)


def test_a_plan_holds_what_it_says() -> None:
    """Made-up evals of the planned size see a move of that size about four times in five."""
    draw = np.random.default_rng(6)
    rows = [[float(draw.random() < 0.75) for _ in range(4)] for _ in range(200)]
    parts = parts_of(rows, [float(np.mean(column)) for column in zip(*rows, strict=True)])
    assert parts.within == pytest.approx(0.75 * 0.25, rel=0.1)
    size = needed(parts, 0.1, 1, LEVEL)
    assert size is not None
    seen = 0
    for _ in range(200):
        a, b = draw.random(size) < 0.75, draw.random(size) < 0.65
        tables: list[Table] = [{f"s{i}": {"ok": bool(v)} for i, v in enumerate(side)} for side in (a, b)]
        seen += compare_metrics(*(Side((manifest(table),)) for table in tables))[0].verdict == "worse"
    assert 0.7 < seen / 200 < 0.92


def test_no_number_of_scenarios_shows_what_whole_runs_hide() -> None:
    """More runs do; and what the present eval sees grows with them."""
    parts = Parts(1.0, 50, 0.04, 0.01, rates=False, sure=True, df=4)
    assert needed(parts, 0.05, 1, LEVEL) is None
    rows = plan(parts, 0.2, LEVEL)
    assert [row.trials for row in rows] == [1, 2, 3, 5, 10]
    assert rows[-1].scenarios is not None
    assert (sees(parts, 50, 10, LEVEL) or 1) < (sees(parts, 50, 3, LEVEL) or 0)
