"""Trials summed up: means, both standard errors, and quantiles only where there are values enough."""

from __future__ import annotations

import json
import random
import statistics
from typing import Any

import numpy as np
import pytest
from gate_runs import record
from hypothesis import given, settings
from hypothesis import strategies as st

from evalprov.judge.summary import MetricSummary, quantile, standard_error, summed
from evalprov.record.form import blank
from evalprov.record.manifest import Manifest

FINITE = st.floats(-1e6, 1e6)


def flat(summary: dict[str, Any]) -> Manifest:
    """Return a run that reported single numbers."""
    run = blank("20260920T120000Z", "2026-09-20T12:00:00Z")
    run["metric_summary"] = summary
    return run


def of(metrics: list[MetricSummary], name: str) -> MetricSummary:
    """Return one of them."""
    return next(one for one in metrics if one.name == name)


@settings(max_examples=200, deadline=None)
@given(st.lists(FINITE, min_size=2, max_size=60), st.integers(0, 100))
def test_a_quantile_is_numpys(values: list[float], percent: int) -> None:
    """The definition is the usual one: linear between neighbours, the ends at 0 and 100 %."""
    ordered = sorted(values)
    expected = float(np.quantile(values, percent / 100))
    assert quantile(ordered, percent) == pytest.approx(expected, rel=1e-9, abs=1e-6)
    if 0 < percent < 100:
        inclusive = statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
        assert quantile(ordered, percent) == pytest.approx(inclusive, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(
    ("count", "known"),
    [(1, 0), (2, 1), (9, 1), (10, 2), (19, 2), (20, 3), (99, 3), (100, 4)],
)
def test_a_quantile_that_the_values_cannot_support_is_not_given(count: int, known: int) -> None:
    """At least one value has to be expected beyond it: the 99th percentile takes a hundred values."""
    (one,) = summed(flat({"latency_s": float(number)}) for number in range(count))
    assert one.quantiles is not None
    assert [value is not None for value in one.quantiles.at] == [True] * known + [False] * (4 - known)
    assert (one.quantiles.of, one.quantiles.n) == ("trials", count)


@settings(max_examples=100, deadline=None)
@given(st.lists(FINITE, min_size=2, max_size=40))
def test_mean_and_standard_error_are_those_of_the_textbook(values: list[float]) -> None:
    """Held against the standard library."""
    (one,) = summed(flat({"accuracy": value}) for value in values)
    assert one.mean == pytest.approx(statistics.fmean(values), rel=1e-9, abs=1e-6)
    assert one.stderr == pytest.approx(statistics.stdev(values) / len(values) ** 0.5, rel=1e-6, abs=1e-6)
    assert (one.low, one.high, one.trials) == (min(values), max(values), len(values))
    assert one.quantiles is None
    assert (one.scenarios, one.stderr_scenarios) == (0, None)


def test_the_clustered_standard_error_is_that_of_statsmodels() -> None:
    """Scenarios of one group may be alike, and then say less than so many of their own."""
    import statsmodels.api as sm

    rng = random.Random(3)
    groups = [f"g{number // 4}" for number in range(40)]
    base = {group: rng.gauss(0, 1) for group in groups}
    values = [base[group] + rng.gauss(0, 0.3) for group in groups]
    codes = [int(group[1:]) for group in groups]
    fit = sm.OLS(values, np.ones(40)).fit(cov_type="cluster", cov_kwds={"groups": codes})
    assert standard_error(values, groups) == pytest.approx(float(fit.bse[0]), rel=1e-9)
    assert standard_error(values, groups) > 1.5 * (standard_error(values) or 0)


def test_both_errors_are_told_apart() -> None:
    """One is of other trials of these scenarios, the other of other scenarios."""
    steady = [record(f"2026092{day}T120000Z", {"right": [True, False] * 50}) for day in range(1, 5)]
    (one,) = summed(steady)
    assert one.stderr == 0
    assert one.stderr_scenarios == pytest.approx(0.5 * (100 / 99) ** 0.5 / 10)
    assert one.scenarios == 100
    (single,) = summed(steady[:1])
    assert single.stderr is None
    assert single.stderr_scenarios == one.stderr_scenarios
    grouped = [{**run, "scenario_groups": {f"t{n}": f"g{n % 2}" for n in range(100)}} for run in steady]
    assert (summed(grouped)[0].stderr_scenarios or 0) > 0.4  # type: ignore[arg-type]


def test_latencies_are_pooled_over_scenarios_and_trials() -> None:
    """Where scenarios have values, the quantiles are of all of them, and say so."""
    rng = random.Random(4)
    rows = [[rng.lognormvariate(0, 1) for _ in range(40)] for _ in range(3)]
    runs = [record(f"2026092{day}T120000Z", {"latency_ms": row}) for day, row in enumerate(rows, 1)]
    one = of(summed(runs), "latency_ms_mean")
    assert one.quantiles is not None
    assert (one.quantiles.of, one.quantiles.n, one.unit) == ("scenarios", 120, "ms")
    pooled = [value for row in rows for value in row]
    assert one.quantiles.at == pytest.approx([float(np.quantile(pooled, q)) for q in (0.5, 0.9, 0.95, 0.99)])


@pytest.mark.parametrize("name", ["latency", "planLatencyMs", "cost_usd", "total_tokens", "time_s", "duration"])
def test_what_an_eval_spends_has_quantiles(name: str) -> None:
    """Time, money and tokens, by their names."""
    assert summed([flat({name: 1.5})])[0].quantiles is not None


@pytest.mark.parametrize("name", ["accuracy", "error_rate", "times_up_score", "milestone", "costume"])
def test_what_it_scores_has_none(name: str) -> None:
    """A score, or a name that only begins like one of them."""
    assert summed([flat({name: 0.5})])[0].quantiles is None


def test_a_reported_unit_makes_a_latency_of_any_name() -> None:
    """`metric_info` says seconds."""
    run = flat({"p": 1.0})
    run["metric_info"] = {"p": {"stderr": None, "n": None, "direction": None, "unit": "s"}}
    (one,) = summed([run])
    assert one.unit == "s"
    assert one.quantiles is not None


def test_gaps_and_odd_values_are_taken_as_they_are() -> None:
    """A metric some trials lack, nulls, booleans, and numbers too large to add up."""
    runs = [
        flat({"a": 1, "ok": True, "gone": None}),
        flat({"b": 2.0, "ok": False}),
        flat({"a": 3, "huge": 1.7e308}),
        flat({"huge": -1.7e308}),
    ]
    runs[0]["metric_summary"]["huge"] = 10**400  # type: ignore[index]
    found = summed(runs)
    assert [(one.name, one.trials, one.mean) for one in found if one.name != "huge"] == [
        ("a", 2, 2.0),
        ("ok", 2, 0.5),
        ("b", 1, 2.0),
    ]
    assert of(found, "huge").trials == 3
    json.dumps([one._asdict() for one in found], allow_nan=False)
    assert summed([]) == []
    assert summed([blank("20260920T120000Z", "2026-09-20T12:00:00Z")]) == []


def test_a_total_beside_its_mean_says_no_more() -> None:
    """It is left out."""
    run = record("20260920T120000Z", {"n": [1, 2, 3]})
    run["metric_summary"] = {"n_mean": 2.0, "n_total": 6}
    assert [one.name for one in summed([run])] == ["n_mean"]
