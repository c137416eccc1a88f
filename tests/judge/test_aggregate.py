"""Numbers made of all scenarios at once: what they are, and how sure a move of one is."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from generated import Table, known, manifest

from evalprov.judge.metric_diff import MetricDiff, Side
from evalprov.judge.rules import GateRule, MetricRule, Rules
from evalprov.judge.verdicts import compare_metrics
from evalprov.stats.aggregate import Aggregate, of_quantiles, pass_at
from evalprov.stats.whole_run import Spread

BLEU = tuple(f"bleu_correct_{n}" for n in range(1, 5)) + tuple(f"bleu_total_{n}" for n in range(1, 5))


def counted(draw: random.Random, hit: float, scenarios: int = 80) -> Table:
    """Return what was found, wrongly found and missed, by scenario."""
    table: Table = {}
    for number in range(scenarios):
        there = draw.randint(1, 15)
        found = sum(draw.random() < hit for _ in range(there))
        table[f"s{number}"] = {"tp": found, "fp": draw.randint(0, 2), "fn": there - found}
    return table


def micro_f1(table: Table) -> float:
    """Return it by its definition."""
    tp, fp, fn = (sum(float(row[name] or 0) for row in table.values()) for name in ("tp", "fp", "fn"))
    return 2 * tp / (2 * tp + fp + fn)


def side(table: Table, **summary: float) -> Side:
    """Return a side that reports a summary of its own."""
    return Side((manifest(table, dict(summary)),))


def named(name: str, a: Side, b: Side, rule: MetricRule | None = None) -> MetricDiff:
    """Return what is said of one metric."""
    rules = Rules({name: rule} if rule else {}, GateRule())
    return next(one for one in compare_metrics(a, b, rules) if one.name == name)


def test_micro_f1_is_judged_by_what_it_is_made_of() -> None:
    """It is proven to be so by its value, and moves by its own noise: the jackknife's, near that of drawing anew."""
    draw = random.Random(1)
    a, b = counted(draw, 0.8), counted(draw, 0.7)
    found = named("f1", side(a, f1=micro_f1(a)), side(b, f1=micro_f1(b)))
    assert (found.verdict, found.delta) == ("worse", pytest.approx(micro_f1(b) - micro_f1(a)))
    assert str(found.method).startswith("micro_f1, jackknifed by scenario")
    rng = np.random.default_rng(1)
    counts = [np.array([[row[name] for name in ("tp", "fp", "fn")] for row in t.values()], dtype=float) for t in (a, b)]
    picked = rng.integers(len(a), size=(2000, len(a)))
    ones, others = (2 * s[:, 0] / (2 * s[:, 0] + s[:, 1] + s[:, 2]) for s in (c[picked].sum(axis=1) for c in counts))
    moves = others - ones
    assert found.interval == pytest.approx(tuple(np.quantile(moves, (0.025, 0.975))), abs=0.012)


def test_a_number_that_scenarios_of_its_name_do_not_make_cannot_be_told() -> None:
    """The scenarios' own mean rose, what was reported fell: nothing is better, and a line of settings is named."""
    a: Table = {f"s{i}": {"f1": 0.4 + 0.001 * i} for i in range(40)}
    b: Table = {f"s{i}": {"f1": 0.6 + 0.002 * i} for i in range(40)}
    reported, ours = compare_metrics(side(a, f1=0.85), side(b, f1=0.567))
    assert (reported.name, reported.verdict, reported.delta) == ("f1", "cannot_tell", pytest.approx(-0.283))
    assert '[metrics.f1] aggregate = "micro_f1"' in str(reported.reason)
    assert (ours.name, ours.role, ours.reported) == ("f1_mean", "info", False)


def test_a_mean_by_name_is_one_only_where_it_equals_it() -> None:
    """X_mean that is no mean of X is a number of its own, and so is a total that is no sum."""
    table: Table = {f"s{i}": {"x": i % 5} for i in range(20)}
    other: Table = {f"s{i}": {"x": (i + 1) % 7} for i in range(20)}
    assert named("x_mean", side(table, x_mean=2.0), side(other, x_mean=9.0)).verdict == "cannot_tell"
    assert named("x_total", side(table, x_total=40), side(other, x_total=1)).verdict == "cannot_tell"
    total = sum((i + 1) % 7 for i in range(20))
    assert named("x_total", side(table, x_total=40), side(other, x_total=total)).p is not None
    half = named("x_total", side(table, x_total=40), side(other, x_total=1000))
    assert (half.a, half.b, half.verdict) == (40, 1000, "cannot_tell")
    assert "A's is the mean or sum of its scenarios and B's is not" in str(half.reason)


def test_a_quantile_is_judged_by_drawing_scenarios_anew() -> None:
    """Its name and its value prove what it is, whichever way it is taken; one that did not move is noise."""
    draw = np.random.default_rng(3)
    values = [draw.lognormal(3, 0.5, size=200) for _ in range(2)]
    slow = values[1] * np.where(draw.random(200) < 0.15, 4, 1)
    tables = [{f"s{i}": {"latency_ms": float(v)} for i, v in enumerate(one)} for one in (values[0], values[1], slow)]
    sides = [
        side(
            table,
            latency_p95_ms=float(np.quantile([row["latency_ms"] for row in table.values()], 0.95, method="lower")),
        )
        for table in tables
    ]
    assert named("latency_p95_ms", sides[0], sides[1]).verdict == "within_noise"
    found = named("latency_p95_ms", sides[0], sides[2])
    assert (found.verdict, found.method) == ("worse", "p95: sides exchanged by scenario")


def test_many_scenarios_give_a_quantile_the_same_noise_by_their_density() -> None:
    """The standard error is near that of drawing anew."""
    draw = np.random.default_rng(4)
    a, b = draw.lognormal(size=2_500), draw.lognormal(size=2_500)
    whole, half = (of_quantiles(x, y, Aggregate("p90", ("x",), 0.9)) for x, y in ((a, b), (a[:1_900], b[:1_900])))
    assert "density" in whole.method
    assert whole.noise.error * math.sqrt(25 / 19) == pytest.approx(half.noise.error, rel=0.25)


def test_declared_aggregates_come_out_as_reported_or_tell_nothing() -> None:
    """A weighted mean, pass@2 and BLEU (by sacrebleu's counts) do; one that does not is named with what it is."""
    draw = random.Random(5)
    rows: list[Table] = [
        {
            f"s{i}": {"x": draw.random() + shift, "w": draw.randint(1, 5), "c": draw.randint(0, 4), "n": 4}
            for i in range(50)
        }
        for shift in (0.0, 0.4)
    ]
    column = lambda table, name: np.array([float(row[name] or 0) for row in table.values()])  # noqa: E731
    weighted = [float((column(t, "x") * column(t, "w")).sum() / column(t, "w").sum()) for t in rows]
    passed = [float(np.mean([1 - math.comb(4 - int(c), 2) / 6 for c in column(t, "c")])) for t in rows]
    a, b = (side(t, quality=w, solved=p) for t, w, p in zip(rows, weighted, passed, strict=True))
    assert named("quality", a, b, MetricRule(aggregate="weighted_mean", of=("x", "w"))).verdict == "better"
    assert named("solved", a, b, MetricRule(aggregate="pass@2", of=("c", "n"))).verdict == "within_noise"
    wrong = named("quality", a, b, MetricRule(aggregate="ratio", of=("x", "w")))
    assert wrong.verdict == "cannot_tell"
    assert "and not what the runs report" in str(wrong.reason)
    function = MetricRule(aggregate="python:m:f", of=("x",), function=lambda columns: sum(columns[0]) / len(columns[0]))
    means = [side(t, quality=float(column(t, "x").mean())) for t in rows]
    assert named("quality", *means, function).verdict == "better"
    assert "evalprov trust" in str(named("quality", *means, function._replace(function=None)).reason)


def test_bleu_is_sacrebleus() -> None:
    """Of the counts of two sentences it is what sacrebleu 2.5 says; without any 4 words in a row, smoothed as there."""
    of = (*BLEU, "bleu_sys_len", "bleu_ref_len")
    counts = [[6, 5, 4, 3, 6, 5, 4, 3, 6, 7], [3, 1, 0, 0, 5, 4, 3, 2, 5, 5]]
    columns = [np.array(column, dtype=float) for column in zip(*counts, strict=True)]
    precision = [9 / 11, 6 / 9, 4 / 7, 3 / 5]
    expected = 100 * math.exp(1 - 12 / 11) * math.prod(precision) ** 0.25
    assert Aggregate("bleu", of).value(columns) == pytest.approx(expected)
    alone = [column[1:] for column in columns]
    smoothed = 100 * (3 / 5 * 1 / 4 * 1 / (2 * 3) * 1 / (4 * 2)) ** 0.25
    assert Aggregate("bleu", of).value(alone) == pytest.approx(smoothed)


def test_pass_at_k_is_that_of_its_authors() -> None:
    """The share of all picks of k among n that hold one of c."""
    assert list(pass_at(1, np.array([1.0, 0.0]), np.array([4.0, 4.0]))) == [0.25, 0.0]
    assert list(pass_at(3, np.array([2.0]), np.array([4.0]))) == [1.0]


def test_macro_f1_is_judged_class_by_class() -> None:
    """The mean F1 of three classes is told by its name and value; less a scenario it is what it is of the others."""
    draw = np.random.default_rng(2)
    true = draw.integers(0, 3, 90)
    takes = [np.where(draw.random(90) < share, true, draw.integers(0, 3, 90)) for share in (0.95, 0.5)]
    tables: list[Table] = [
        {
            f"s{i}": {"label": int(is_), "predicted": int(said)}
            for i, (is_, said) in enumerate(zip(true, take, strict=True))
        }
        for take in takes
    ]
    by_class = [[2 * sum((true == c) & (t == c)) / (sum(true == c) + sum(t == c)) for c in range(3)] for t in takes]
    a, b = (side(t, macro_f1=float(np.mean(f1))) for t, f1 in zip(tables, by_class, strict=True))
    found = named("macro_f1", a, b)
    assert (found.verdict, str(found.method)[:8]) == ("worse", "macro_f1")
    one = Aggregate("macro_f1", ("label", "predicted"))
    columns = [np.array([0.0, 0, 1, 1, 1, 7]), np.array([0.0, 1, 1, 1, 0, 7])]
    without = [one.value([np.delete(column, place) for column in columns]) for place in range(6)]
    whole = one.value(columns)
    assert whole == pytest.approx((1 / 2 + 2 / 3 + 1) / 3)
    shares = 6 * whole - 5 * np.array(without)
    assert one.shares(columns) == pytest.approx(shares - shares.mean() + whole)


def test_pass_at_k_is_told_by_its_name_and_value() -> None:
    """pass_at_2 of so many right among so many samples needs no setting."""
    draw = random.Random(6)
    tables: list[Table] = [
        {f"s{i}": {"correct": sum(draw.random() < hit for _ in range(4)), "samples": 4} for i in range(80)}
        for hit in (0.6, 0.2)
    ]
    means = [float(np.mean([1 - math.comb(4 - int(row["correct"] or 0), 2) / 6 for row in t.values()])) for t in tables]
    a, b = (side(table, pass_at_2=mean) for table, mean in zip(tables, means, strict=True))
    assert named("pass_at_2", a, b).verdict == "worse"


def test_a_number_of_no_scenario_is_judged_by_what_the_run_says_of_it() -> None:
    """Its standard error counts as it does without scenarios; without one, the line that would tell is named."""
    rows: Table = {f"s{i}": {"latency_ms": float(i)} for i in range(30)}
    info = {"f1": known(stderr=0.01, n=500)}
    a, b = (Side((manifest(rows, {"f1": value}, info=info),)) for value in (0.8, 0.6))
    assert named("f1", a, b).verdict == "worse"
    bare = [side(rows, quality=value) for value in (0.8, 0.6)]
    assert '[metrics.quality] aggregate = "..."' in str(named("quality", *bare).reason)


def test_earlier_runs_widen_the_interval_of_what_scenarios_make() -> None:
    """A micro-F1 that moved by no more than runs of one program do is not called worse."""
    draw = random.Random(1)
    a, b = counted(draw, 0.8), counted(draw, 0.7)
    sides = side(a, f1=micro_f1(a)), side(b, f1=micro_f1(b))
    spread = Spread(0.05**2, 6.0, 8)
    found = compare_metrics(*sides, spreads={"f1": spread})[0]
    assert (found.name, found.verdict) == ("f1", "within_noise")
    assert "8 earlier runs" in str(found.reason)
