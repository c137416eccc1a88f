"""From a record to the values of its metrics: what is the mean of what."""

from __future__ import annotations

import pytest
from generated import known, manifest

from evalprov.judge.samples import mean_or_sum_of, own_names, samples
from evalprov.stats.columns import Column, Pairing, number


def values_of(name: str, *runs: object) -> list[float] | None:
    """Return a metric's values by scenario."""
    column = samples(runs)[name].column  # type: ignore[arg-type]
    return None if column is None else list(column.values)


def test_a_mean_is_of_the_scenarios_metric_without_the_ending() -> None:
    """Its values are the scenarios', booleans as 0 and 1, and what is null is left out."""
    run = manifest({"a": {"ok": True, "ms": 2}, "b": {"ok": False, "ms": None}, "c": {"ms": 4.5}})
    assert list(samples((run,))) == ["ok_mean", "ms_mean"]
    assert values_of("ok_mean", run) == [1.0, 0.0]
    assert samples((run,))["ms_mean"].column == Column(["a", "c"], samples((run,))["ms_mean"].column.values)  # type: ignore[union-attr]
    assert values_of("ms_mean", run) == [2.0, 4.5]


def test_a_total_says_no_more_than_its_mean() -> None:
    """It is known to beside its mean, if it is the sum of the same values, and is a metric without it."""
    table = {"a": {"calls": 3}, "b": {"calls": 5}}
    assert {name: one.is_redundant_total for name, one in samples((manifest(table),)).items()} == {
        "calls_mean": False,
        "calls_total": True,
    }
    other = manifest(table, {"calls_mean": 4.0, "calls_total": 9})
    assert not samples((other,))["calls_total"].is_redundant_total
    alone = manifest(table, {"calls_total": 8})
    assert list(samples((alone,))) == ["calls_total"]
    assert values_of("calls_total", alone) == [3.0, 5.0]


def test_a_summary_of_the_same_name_is_the_mean_only_where_it_agrees() -> None:
    """A rounded mean is; another number is not, and then the scenarios' own mean is a metric beside it."""
    table = {f"s{i}": {"score": i / 7} for i in range(7)}
    rounded = manifest(table, {"score": 0.43})
    assert values_of("score", rounded) == [i / 7 for i in range(7)]
    assert list(samples((rounded,))) == ["score"]
    other = manifest(table, {"score": 0.5})
    assert values_of("score", other) is None
    assert list(samples((other,))) == ["score", "score_mean"]
    assert values_of("score_mean", other) == [i / 7 for i in range(7)]
    assert samples((other,))["score_mean"].value == pytest.approx(3 / 7)


def test_a_scenarios_metric_without_a_summary_is_a_metric_too() -> None:
    """It is called as its mean would be."""
    run = manifest({"a": {"ok": True}}, {"other": 1})
    assert {name: one.value for name, one in samples((run,)).items()} == {"other": 1, "ok_mean": 1.0}


def test_over_trials_a_scenarios_value_is_its_mean() -> None:
    """Over those trials that have it; the summary's value is the mean of the summaries."""
    runs = [manifest({"a": {"ok": True}, "b": {"ok": False}}), manifest({"a": {"ok": False}, "c": {"ok": True}})]
    found = samples(runs)["ok_mean"]
    assert found.column is not None
    assert dict(zip(found.column.scenarios, found.column.values, strict=True)) == {"a": 0.5, "b": 0.0, "c": 1.0}
    assert (found.value, found.trials, len(found.by_trial)) == (0.5, [0.5, 0.5], 2)


def test_summaries_alone_are_numbers_with_what_is_known_of_them() -> None:
    """No scenarios, no column."""
    run = manifest(None, {"accuracy": 0.5, "none": None}, info={"accuracy": known(0.05, 100)})
    found = samples((run,))
    assert (found["accuracy"].value, found["accuracy"].column, found["none"].value) == (0.5, None, None)
    assert found["accuracy"].info == [known(0.05, 100)]


def test_where_most_scenarios_lack_most_metrics_it_takes_no_longer() -> None:
    """Twenty thousand scenarios with a metric of their own each are read metric by metric."""
    run = manifest({f"s{i}": {f"m{i}": i} for i in range(20_000)}, {})
    found = samples((run,))
    assert len(found) == 20_000
    assert values_of("m77_mean", run) == [77.0]


def test_the_largest_numbers_stay_finite() -> None:
    """A whole number beyond what a float holds counts as the largest one."""
    assert number(10**400) == -number(-(10**400)) == 1.7976931348623157e308
    run = manifest({"a": {"x": 10**400}, "b": {"x": -(10**400)}, "c": {"x": True}}, {})
    assert values_of("x_mean", run) == [number(10**400), number(-(10**400)), 1.0]


def test_scenarios_are_paired_by_name() -> None:
    """In A's order, whatever B's; metric after metric, of the same scenarios or of others."""
    pairing = Pairing()
    ones, others = ["a", "b", "c"], ["c", "x", "a"]
    for factor in (1.0, 2.0):
        pairs = pairing.of(Column(ones, [1.0, 2.0, 3.0]), Column(others, [30.0 * factor, 0.0, 10.0]))
        assert (list(pairs.scenarios), list(pairs.a), list(pairs.b)) == (["a", "c"], [1.0, 3.0], [10.0, 30.0 * factor])
    pairs = pairing.of(Column(ones, [1.0, 2.0, 3.0]), Column(["b"], [7.0]))
    assert (list(pairs.scenarios), list(pairs.a), list(pairs.b)) == (["b"], [2.0], [7.0])


def test_the_names_of_a_metric_in_the_scenarios() -> None:
    """The mean's and the total's, without a name twice."""
    assert own_names("ok_mean") == ["ok", "ok_mean"]
    assert own_names("ok_total") == ["ok_total", "ok"]
    assert own_names("ok") == ["ok"]
    assert mean_or_sum_of("ok", "ok", 0.67, [1.0, 1.0, 0.0])
    assert not mean_or_sum_of("ok", "ok", 0.68, [1.0, 1.0, 0.0])
    assert not mean_or_sum_of("ok", "ok", 0.0, [])
