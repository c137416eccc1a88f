"""Two sides, metric by metric: what is called a move, what is not, and what cannot be told."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from generated import KINDS, Table, known, manifest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evalprov.judge.choose_test import ONE_RUN
from evalprov.judge.metric_diff import MetricDiff, Needed, ScenarioMove, Side
from evalprov.judge.rules import NO_RULES, GateRule, MetricRule, Rules
from evalprov.judge.verdicts import can_judge, compare_metrics
from evalprov.record.manifest import Manifest

HUGE = [1.7e308, -1.7e308, 1e-320, 10**400, -(10**400), 2**63, 0.1, True]


def one(*runs: Manifest) -> Side:
    """Return a side."""
    return Side(runs)


def ok(right: int, of: int = 40, start: int = 0) -> Table:
    """Return scenarios of which so many are right, from a place on."""
    return {f"t{i:03}": {"ok": start <= i < start + right} for i in range(of)}


def only(a: Side, b: Side, rules: Rules = NO_RULES) -> MetricDiff:
    """Return the one metric of two sides."""
    (found,) = compare_metrics(a, b, rules)
    return found


def test_a_fall_far_beyond_noise_is_worse_with_all_that_is_to_know() -> None:
    """The values, the move and how sure it is, what was held against what, and the scenarios that moved."""
    found = only(one(manifest(ok(40))), one(manifest(ok(25))))
    assert (found.name, found.a, found.b, found.delta) == ("ok_mean", 1.0, 0.625, -0.375)
    assert (found.verdict, found.direction, found.direction_from) == ("worse", "higher", "definition")
    assert (found.method, found.pairing, found.n) == ("McNemar, mid-p", "scenarios", 40)
    assert (found.effect, found.p, found.p_adjusted) == (-0.375, pytest.approx(2**-15), found.p)
    assert found.interval is not None
    assert -0.6 < found.interval[0] < -0.375 < found.interval[1] < -0.15
    assert (found.up, found.down, found.only_a, found.only_b) == (0, 15, 0, 0)
    assert found.moves == [ScenarioMove(f"t{i:03}", 1.0, 0.0) for i in range(25, 35)]
    assert (found.reason, found.detectable, found.needed) == (ONE_RUN, None, None)


def test_the_same_move_the_other_way_is_better() -> None:
    """And of a metric of which less is better, worse; of one of unknown direction, moved."""
    assert only(one(manifest(ok(25))), one(manifest(ok(40)))).verdict == "better"
    for name, verdict in (("latency_ms", "worse"), ("tickets", "moved")):
        tables: list[Table] = [{f"t{i}": {name: 10.0 * i + shift} for i in range(30)} for shift in (0, 5)]
        assert only(one(manifest(tables[0])), one(manifest(tables[1]))).verdict == verdict


def test_the_settings_decide_which_way_is_better() -> None:
    """A rule for the scenarios' metric counts for its mean."""
    rules = Rules({"ok": MetricRule(direction="lower", unit="points")}, GateRule())
    found = only(one(manifest(ok(25))), one(manifest(ok(40))), rules)
    assert (found.verdict, found.direction_from, found.unit) == ("worse", "settings", "points")


def test_what_the_eval_says_decides_where_the_settings_do_not() -> None:
    """Runs that contradict each other leave it unknown, and say so."""
    lower, higher = ({**known(n=40), "direction": way} for way in ("lower", "higher"))
    a = manifest(ok(25), {"ok": 0.625}, info={"ok": lower})  # type: ignore[dict-item]
    b = manifest(ok(40), {"ok": 1.0}, info={"ok": higher})  # type: ignore[dict-item]
    assert only(one(a), one(manifest(ok(40), {"ok": 1.0}))).verdict == "worse"
    found = only(one(a), one(b))
    assert (found.verdict, found.direction) == ("moved", None)
    assert found.reason == f"what the runs say of which way is better differs; {ONE_RUN}"


def test_a_scenario_or_two_are_noise_and_it_is_said_what_would_be_seen() -> None:
    """Within noise comes with the move that would have been seen, and how much would show the one at hand."""
    found = only(one(manifest(ok(30))), one(manifest(ok(28))))
    assert (found.verdict, found.p, found.reason) == ("within_noise", 0.25, None)
    assert found.detectable is not None
    assert 0.1 < found.detectable < 0.3
    assert found.needed is not None
    assert found.needed.scenarios is not None
    assert 60 < found.needed.scenarios < 1000
    assert found.needed.trials == max(4, math.ceil(found.needed.scenarios / 40))


def test_all_values_alike_are_the_same() -> None:
    """By scenario, and down to rounding."""
    found = only(one(manifest(ok(30))), one(manifest(ok(30))))
    assert (found.verdict, found.delta, found.n, found.p, found.moves) == ("same", 0.0, 40, None, [])
    tables: list[Table] = [{f"t{i}": {"x": i / 7 * shift} for i in range(9)} for shift in (1, 1 + 1e-15)]
    assert only(one(manifest(tables[0])), one(manifest(tables[1]))).verdict == "same"


def test_the_same_mean_of_other_values_is_not_the_same() -> None:
    """Twenty that fell and twenty that rose are within noise."""
    found = only(one(manifest(ok(20))), one(manifest(ok(20, start=20))))
    assert (found.delta, found.verdict, found.p, found.up, found.down) == (0.0, "within_noise", 1.0, 20, 20)
    assert found.needed is None


@pytest.mark.parametrize("count", [1, 2, 4])
def test_too_few_scenarios_cannot_tell_whatever_they_did(count: int) -> None:
    """Four that all fell could be chance; five or more could tell, or trials of these."""
    found = only(one(manifest(ok(count, count))), one(manifest(ok(0, count))))
    assert found.verdict == "cannot_tell"
    assert found.reason is not None
    assert "too few to tell a move from chance" in found.reason
    assert found.needed is not None
    assert found.needed.scenarios is not None
    assert found.needed.scenarios >= 5
    trials = found.needed.trials
    assert trials is not None
    sides = [Side(tuple(manifest(ok(right, count)) for _ in range(trials))) for right in (count, 0)]
    assert only(*sides).verdict == "worse"


def test_five_scenarios_that_all_fell_are_worse() -> None:
    """The fewest that can tell."""
    assert only(one(manifest(ok(5, 5))), one(manifest(ok(0, 5)))).verdict == "worse"


def test_more_metrics_need_more_scenarios() -> None:
    """Five scenarios can tell of one metric; of three judged together they cannot, and it is said how many can."""
    names = {"ok": 1, "passed": 2, "correct": 3}  # other numbers each, or they would be judged once

    def sides(scenarios: int) -> list[Side]:
        rows = [{name: right * times for name, times in names.items()} for right in (1, 0)]
        return [one(manifest({f"t{i}": row for i in range(scenarios)})) for row in rows]

    found = compare_metrics(*sides(5))
    assert {diff.verdict for diff in found} == {"cannot_tell"}
    assert [diff.p_adjusted for diff in found] == pytest.approx([3 * 2**-5] * 3)
    assert found[0].reason == "5 scenarios are too few to tell a move from chance, with 3 metrics judged together"
    assert found[0].needed is not None
    enough = max(diff.needed.scenarios or 0 for diff in found if diff.needed)
    assert {diff.verdict for diff in compare_metrics(*sides(enough))} == {"worse"}


def test_what_is_the_same_does_not_count_against_the_others() -> None:
    """A metric of which every value is alike is not judged."""
    a = manifest({f"t{i}": {"ok": True, "other": i} for i in range(6)})
    b = manifest({f"t{i}": {"ok": False, "other": i} for i in range(6)})
    assert [diff.verdict for diff in compare_metrics(one(a), one(b))] == ["worse", "same"]


def test_a_metric_of_one_side_is_shown_and_not_judged() -> None:
    """Also where the other has it as null; where both do, nothing can be told."""
    a = manifest({"t1": {"ok": True}}, {"ok_mean": 1.0, "gone": 3, "null": None, "nothing": None})
    b = manifest({"t1": {"ok": True}}, {"ok_mean": 1.0, "null": 2, "nothing": None, "new": False})
    found = {diff.name: diff for diff in compare_metrics(one(a), one(b))}
    assert list(found) == ["ok_mean", "gone", "null", "nothing", "new"]
    assert [diff.verdict for diff in found.values()] == ["same", "one_sided", "one_sided", "cannot_tell", "one_sided"]
    assert [diff.reason for diff in found.values()][1:] == [
        "B has no value",
        "A has no value",
        "A and B have no value",
        "A has no value",
    ]
    assert (found["gone"].a, found["gone"].b, found["gone"].delta) == (3, None, None)


def test_scenarios_of_one_side_are_counted_and_the_shared_ones_judged() -> None:
    """And it is said that the others are left out."""
    b = dict(list(ok(15).items())[:30]) | {f"new{i}": {"ok": True} for i in range(5)}
    found = only(one(manifest(ok(30))), one(manifest(b)))
    assert (found.n, found.only_a, found.only_b, found.down, found.effect) == (30, 10, 5, 15, -0.5)
    assert (found.a, found.b, found.delta) == (1.0, 0.5, -0.5)
    assert found.reason is not None
    assert found.reason.startswith("judged on the 30 scenarios that both have; 15 on one side only")
    assert found.own == (0.75, pytest.approx(20 / 35))


def test_a_summary_that_moved_the_other_way_is_told() -> None:
    """What is judged, and shown, are the scenarios that both sides have."""
    a, b = ok(30, 30), ok(15, 30)
    for i in range(25):
        a[f"a{i}"], b[f"b{i}"] = {"ok": False}, {"ok": True}
    found = only(one(manifest(a)), one(manifest(b)))
    assert (found.verdict, found.effect, found.delta) == ("worse", -0.5, -0.5)
    assert (found.a, found.b) == (1.0, 0.5)
    assert found.own == (pytest.approx(30 / 55), pytest.approx(40 / 55))
    assert "A and B are of what is compared, and not the runs' own numbers" in str(found.reason)


def test_shared_scenarios_that_are_alike_are_not_the_same_as_all() -> None:
    """Where each side has others besides, nothing more than noise is said."""
    a, b = ok(30) | {"x": {"ok": True}}, ok(30) | {"y": {"ok": False}}
    found = only(one(manifest(a)), one(manifest(b)))
    assert (found.verdict, found.p) == ("within_noise", 1.0)


def test_with_few_scenarios_in_common_the_means_are_compared() -> None:
    """Rates by Boschloo's test, numbers by Welch's, and it is said why."""
    a, b = ok(38), {f"u{i}": {"ok": i < 20} for i in range(40)}
    found = only(one(manifest(a)), one(manifest(b)))
    assert (found.verdict, found.method, found.pairing, found.n) == ("worse", "Boschloo, exact", "none", 40)
    assert str(found.reason).startswith("no scenario in common: the means are compared; one run on each side")
    b["t001"] = {"ok": True}
    found = only(one(manifest(a)), one(manifest(b)))
    assert str(found.reason).startswith("only 1 scenario in common: the means are compared; ")
    draw = random.Random(4)
    numbers: list[Table] = [{f"{side}{i}": {"size": draw.gauss(0, 1)} for i in range(20)} for side in "ab"]
    found = only(one(manifest(numbers[0])), one(manifest(numbers[1])))
    assert (found.verdict, found.method) == ("within_noise", "Welch's t")


def test_one_number_on_each_side_cannot_be_judged() -> None:
    """No p-value is made up, and it is said what would tell; equal numbers are the same."""
    found = only(one(manifest(None, {"accuracy": 0.9})), one(manifest(None, {"accuracy": 0.1})))
    assert (found.verdict, found.p, found.delta) == ("cannot_tell", None, -0.8)
    assert found.reason == "one number on each side; per-scenario values or `evalprov run --repeat 5` would tell"
    assert only(one(manifest(None, {"accuracy": 0.9})), one(manifest(None, {"accuracy": 0.9}))).verdict == "same"


def test_values_by_scenario_on_one_side_alone_do_not_tell() -> None:
    """It is said which side lacks them; with a standard error for the other the means are compared."""
    a = manifest({f"t{i}": {"size": i % 7} for i in range(30)}, {"size": 2.8333333})
    found = only(one(a), one(manifest(None, {"size": 9.0})))
    assert (found.verdict, found.reason) == ("cannot_tell", "only A has values by scenario; those of B would tell")
    found = only(one(a), one(manifest(None, {"size": 9.0}, info={"size": known(0.4, 25)})))
    assert (found.verdict, found.method) == ("moved", "Welch's t, from the standard errors")
    assert found.n == 25


def test_standard_errors_and_counts_tell() -> None:
    """Numbers by Welch's test, shares of a count by Boschloo's, and a count alone where it fits the share."""

    def judged(a: tuple[float, Any], b: tuple[float, Any]) -> tuple[str, str | None]:
        found = only(*(one(manifest(None, {"x": value}, info={"x": info})) for value, info in (a, b)))
        return found.verdict, found.method

    welch, boschloo = "Welch's t, from the standard errors", "Boschloo, exact"
    assert judged((7.1, known(0.2, 50)), (9.3, known(0.3, 50))) == ("moved", welch)
    assert judged((0.9, known(0.0302, 100)), (0.5, known(0.0503, 100))) == ("moved", boschloo)
    assert judged((0.9, known(None, 100)), (0.88, known(None, 100))) == ("within_noise", boschloo)
    # A standard error larger than a share's own is one of groups, and is believed.
    assert judged((0.9, known(0.06, 100)), (0.8, known(0.08, 100))) == ("within_noise", welch)
    # No share of 100 is 0.905.
    assert judged((0.905, known(None, 100)), (0.5, known(None, 100))) == ("cannot_tell", None)
    assert judged((1.5, known(None, 100)), (0.5, known(None, 100))) == ("cannot_tell", None)
    for odd in (0, -5, 10**30):
        assert judged((0.5, known(0.1, odd)), (0.9, known(0.1, odd))) == ("cannot_tell", None)


def test_trials_pair_the_scenarios_means() -> None:
    """Three trials on each side, judged by scenario; the values are the trials' means."""
    draw = random.Random(9)
    sides = [
        Side(tuple(manifest({f"t{i}": {"ok": draw.random() < ease} for i in range(40)}) for _ in range(3)))
        for ease in (0.9, 0.5)
    ]
    found = only(*sides)
    assert (found.verdict, found.pairing, found.n, found.method) == (
        "worse",
        "scenarios",
        40,
        "trials exchanged, and t over runs",
    )
    assert found.a == pytest.approx(sum(run["metric_summary"]["ok_mean"] for run in sides[0].runs) / 3)  # type: ignore[index,misc,operator]
    assert found.moves[0].a - found.moves[0].b == 1.0


def test_trials_without_scenarios_are_the_samples() -> None:
    """Three numbers on each side are enough for a large move, and one against many is judged by how those vary."""

    def side(*values: float) -> Side:
        return Side(tuple(manifest(None, {"accuracy": value}) for value in values))

    found = only(side(0.9, 0.91, 0.92, 0.9, 0.93), side(0.8, 0.81, 0.79, 0.8, 0.82))
    assert (found.verdict, found.n, found.pairing, found.method) == ("worse", 5, "none", "t over runs")
    assert only(side(0.902, 0.903, 0.901), side(0.302, 0.301, 0.304)).verdict == "worse"
    found = only(side(0.9, 0.91, 0.92), side(0.9, 0.89, 0.91))
    assert found.verdict == "within_noise"
    assert found.needed is not None
    assert (found.needed.trials or 0) > 3
    found = only(side(0.9, 0.9, 0.9), side(0.8, 0.8, 0.8))  # which vary by nothing at all
    assert (found.verdict, found.needed) == ("cannot_tell", Needed(None, 4))
    assert found.reason == "3 trials are too few to tell a move from chance"
    assert only(side(0.9, 0.91, 0.92, 0.9, 0.93), side(0.8)).verdict == "worse"
    assert only(side(0.9, 0.91, 0.92, 0.9, 0.93), side(0.89)).verdict == "within_noise"


def test_one_run_against_many_trials_does_not_cry_wolf() -> None:
    """Where the single run happened to have no failure, its scenarios all seem better; that is no proof."""
    single = manifest({f"t{i}": {"ok": True} for i in range(50)})
    many = [manifest({f"t{i}": {"ok": i % 5 != trial or i > 11} for i in range(50)}) for trial in range(5)]
    found = only(one(single), Side(tuple(many)))
    assert (found.verdict, found.down) == ("within_noise", 12)
    assert found.p is not None
    assert found.p > 0.05


def test_scenarios_in_groups_count_by_their_groups() -> None:
    """What is proof of sixty scenarios is none if they are of five sources, or if the groups fell as one."""
    a, b = manifest(ok(60, 60)), manifest(ok(40, 60))
    assert only(one(a), one(b)).verdict == "worse"
    groups = {f"t{i:03}": f"source {i // 12}" for i in range(60)}
    grouped = [manifest(table, groups=groups) for table in (ok(60, 60), ok(40, 60))]
    found = only(one(grouped[0]), one(grouped[1]))
    assert (found.verdict, found.pairing, found.n) == ("within_noise", "groups", 5)
    assert found.method == "t over 5 groups, which takes the mean of each as normal"
    assert found.needed is not None
    assert found.needed.scenarios is not None
    assert found.needed.scenarios >= 72
    finer = {f"t{i:03}": f"source {i // 6}" for i in range(60)}
    grouped = [manifest(table, groups=finer) for table in (ok(60, 60), ok(40, 60))]
    found = only(one(grouped[0]), one(grouped[1]))
    assert (found.verdict, found.method) == ("within_noise", "sign flips of whole groups, exact")


def test_groups_that_only_one_run_knows_count_and_those_at_odds_are_told() -> None:
    """A scenario's group is known if either says it; the first is taken where they differ."""
    groups = {f"t{i:03}": f"g{i // 4}" for i in range(40)}
    found = only(one(manifest(ok(40), groups=groups)), one(manifest(ok(20))))
    assert (found.pairing, found.n, found.reason) == ("groups", 10, None)
    other = {**groups, "t000": "g9"}
    found = only(one(manifest(ok(40), groups=groups)), one(manifest(ok(20), groups=other)))
    assert found.reason == "the runs place 1 scenario in different groups; the first is taken"
    alone = {f"t{i:03}": f"g{i}" for i in range(40)}
    found = only(one(manifest(ok(40), groups=alone)), one(manifest(ok(20), groups=alone)))
    assert (found.pairing, found.method) == ("scenarios", "McNemar, mid-p")


def test_groups_without_pairs_count_too() -> None:
    """Other scenarios on each side, in groups: the means with clustered errors; one group alone says nothing."""
    draw = random.Random(2)
    tables: list[Table] = [{f"{side}{i}": {"ok": draw.random() < 0.7} for i in range(60)} for side in "ab"]
    grouped = [
        manifest(table, groups={name: f"{side}{int(name[1:]) // 5}" for name in table})
        for side, table in zip("ab", tables, strict=True)
    ]
    found = only(one(grouped[0]), one(grouped[1]))
    assert (found.method, found.n) == ("Welch's t, clustered by group", 12)
    single = manifest(tables[1], groups=dict.fromkeys(tables[1], "all"))
    found = only(one(grouped[0]), one(single))
    assert found.verdict == "cannot_tell"
    assert "nearly all scenarios are of one group" in str(found.reason)
    few = [manifest(run["metrics"], groups={name: name[:2] for name in run["metrics"] or {}}) for run in grouped]
    assert only(one(few[0]), one(few[1])).verdict == "within_noise"


def test_scenarios_that_are_nearly_all_of_one_group_tell_nothing() -> None:
    """However many fell, and however many other groups there are besides."""
    groups = {f"t{i:03}": "large" if i < 90 else f"g{i}" for i in range(100)}
    for right in (60, 0):
        found = only(one(manifest(ok(100, 100), groups=groups)), one(manifest(ok(right, 100), groups=groups)))
        assert (found.verdict, found.p, found.interval) == ("cannot_tell", None, None)
        assert "nearly all scenarios are of one group" in str(found.reason)


def test_fewer_than_the_settings_ask_for_is_no_verdict() -> None:
    """Scenarios, samples or trials; and where the number is not known it is not assumed."""
    rules = Rules({"ok_mean": MetricRule(min_n=41), "x": MetricRule(min_n=3)}, GateRule())
    for right in (40, 0):
        found = only(one(manifest(ok(40))), one(manifest(ok(right))), rules)
        assert (found.verdict, found.p) == ("cannot_tell", None)
        assert found.reason == "the settings ask for 41 values or more, and there are 40"
        assert found.needed == Needed(41, None)
    assert only(one(manifest(ok(41, 41))), one(manifest(ok(20, 41))), rules).verdict == "worse"
    found = only(one(manifest(None, {"x": 1})), one(manifest(None, {"x": 1})), rules)
    assert found.reason == "the settings ask for 3 values or more, and how many there are is not known"


def test_two_sides_without_anything_have_nothing_to_compare() -> None:
    """No metrics at all, an empty table, no scenarios."""
    for table in (None, {}, {"t1": {}}):
        assert compare_metrics(one(manifest(table, {})), one(manifest(None, {}))) == []
    run = manifest(None)
    run["metric_summary"] = None
    assert compare_metrics(one(run), one(run)) == []


def test_the_order_of_scenarios_does_not_matter() -> None:
    """The same values in another order give the same result."""
    draw = random.Random(3)
    a: Table = {f"t{i}": {"size": draw.lognormvariate(0, 2), "ok": draw.random() < 0.5} for i in range(33)}
    b: Table = {f"t{i}": {"size": draw.lognormvariate(0, 2), "ok": draw.random() < 0.5} for i in range(33)}
    shuffled = list(b.items())
    draw.shuffle(shuffled)
    plain = compare_metrics(one(manifest(a)), one(manifest(b)))
    mixed = compare_metrics(one(manifest(a)), one(manifest(dict(shuffled))))
    for left, right in zip(plain, mixed, strict=True):
        assert left._replace(b=None, delta=None) == right._replace(b=None, delta=None)


@pytest.mark.parametrize("kind", KINDS)
def test_swapping_the_sides_swaps_the_verdict(kind: str) -> None:
    """The p-value, and how far it moved, do not depend on which side comes first."""
    pair = KINDS[kind].make(random.Random(7), worse=0.3)
    opposite = {"better": "worse", "worse": "better"}
    for there, back in zip(compare_metrics(*pair), compare_metrics(pair.b, pair.a), strict=True):
        assert back.verdict == opposite.get(there.verdict, there.verdict)
        assert back.p == pytest.approx(there.p)
        assert back.effect == pytest.approx(-there.effect)
        assert back.interval == pytest.approx((-there.interval[1], -there.interval[0]), abs=1e-12)
        assert (back.up, back.down) == (there.down, there.up)


@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1e-160, 1e160, 1e300, 1.5e307])
def test_tiny_and_huge_numbers_are_judged_like_others(scale: float) -> None:
    """No square leaves the range of a float, and nothing is warned of."""
    draw = random.Random(6)
    values = [[draw.randrange(1, 9) + 3 * side for _ in range(24)] for side in (0, 1)]
    plain, scaled = (
        only(*(one(manifest({f"t{i}": {"size": value * by} for i, value in enumerate(side)})) for side in values))
        for by in (1.0, scale)
    )
    assert (scaled.verdict, scaled.p) == (plain.verdict, pytest.approx(plain.p, rel=1e-3))
    assert scaled.effect == pytest.approx(plain.effect * scale, rel=0.01)


def test_moves_beyond_a_float_are_kept_at_its_end() -> None:
    """The difference of the largest and the smallest number."""
    found = only(one(manifest(None, {"x": 10**400})), one(manifest(None, {"x": -1.7e308})))
    assert (found.delta, found.verdict) == (-sys.float_info.max, "cannot_tell")
    tables: list[Table] = [{f"t{i}": {"x": sign * 1.7e308} for i in range(9)} for sign in (1, -1)]
    found = only(one(manifest(tables[0])), one(manifest(tables[1])))
    assert (found.effect, found.verdict) == (-sys.float_info.max, "moved")


numbers = st.one_of(
    st.booleans(),
    st.none(),
    st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(HUGE),
)
names = st.sampled_from(["a", "a_mean", "a_total", "ok", "latency_ms"])
tables = st.dictionaries(st.sampled_from([f"t{i}" for i in range(9)]), st.dictionaries(names, numbers), max_size=9)
counts = st.one_of(st.none(), st.integers(-2, 10**12))
infos = st.builds(
    lambda stderr, n, way: {"stderr": stderr, "n": n, "direction": way, "unit": None},
    st.one_of(st.none(), st.floats(0, 1e308)),
    counts,
    st.sampled_from([None, "higher", "lower"]),
)
runs = st.builds(
    lambda table, summary, groups, info: manifest(table, summary, groups=groups, info=info),
    st.one_of(st.none(), tables),
    st.dictionaries(names, numbers),
    st.dictionaries(st.sampled_from([f"t{i}" for i in range(9)]), st.sampled_from("gh")),
    st.dictionaries(names, infos),
)
sides = st.lists(runs, min_size=1, max_size=3).map(lambda some: Side(tuple(some)))


@pytest.mark.long
@given(sides, sides)
@settings(max_examples=100, deadline=None)
def test_whatever_was_recorded_there_is_an_answer(a: Side, b: Side) -> None:
    """Never a crash or a warning; every number is one, and every verdict has what it rests on."""
    for diff in compare_metrics(a, b):
        json.dumps(diff._asdict(), allow_nan=False)
        if diff.verdict in ("better", "worse", "moved"):
            assert diff.p_adjusted is not None
            assert diff.p_adjusted < 0.05
            assert diff.effect
        if diff.verdict == "within_noise":
            assert diff.p_adjusted is not None
            assert diff.p_adjusted >= 0.05
        if diff.verdict in ("cannot_tell", "one_sided"):
            assert diff.reason
        if diff.p is not None:
            assert 0 <= diff.p <= diff.p_adjusted <= 1  # type: ignore[operator]
            assert diff.method
            assert diff.n
        if diff.interval is not None:
            assert diff.interval[0] <= diff.interval[1]


WITHOUT = """
import json, sys
sys.modules["numpy"] = sys.modules["scipy"] = None
from evalprov.judge.metric_diff import Side
from evalprov.judge.verdicts import can_judge, compare_metrics
from generated import manifest
assert not can_judge()
table = lambda right: {f"t{i}": {"ok": i < right, "alike": i} for i in range(40)}
a, b = manifest(table(40)), manifest(table(20), {"ok_mean": 0.5, "alike_mean": 19.5, "new": 1})
print(json.dumps([diff._asdict() for diff in compare_metrics(Side((a,)), Side((b,)))]))
"""


def test_without_scipy_the_moves_are_shown_and_it_is_said_what_adds_the_verdicts() -> None:
    """Deltas, counts and scenarios as ever; same and one-sided as ever; no verdict beyond that."""
    assert can_judge()
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert [diff["verdict"] for diff in found] == ["cannot_tell", "same", "one_sided"]
    assert (
        found[0]["reason"] == "scipy is not installed: pip install '.[stats]' in evalprov's checkout adds the verdict"
    )
    assert (found[0]["delta"], found[0]["down"], found[0]["n"], len(found[0]["moves"])) == (-0.5, 20, 40, 10)
    assert found[0]["p"] is None


def test_nothing_heavy_is_loaded_until_something_is_judged() -> None:
    """Importing this room, and comparing what needs no test, loads no numpy; judging loads no scipy.stats."""
    probe = (
        "import sys; from evalprov.judge.metric_diff import Side; from generated import manifest;"
        "from evalprov.judge.verdicts import *;"
        "run = manifest({'t': {'ok': True}}); compare_metrics(Side((run,)), Side((run,)));"
        "print('numpy' in sys.modules or 'scipy' in sys.modules);"
        "tables = [{f't{i}': {'ok': i % 3 == side, 'x': i * side} for i in range(40)} for side in (0, 1)];"
        "compare_metrics(*(Side((manifest(one),)) for one in tables)); print('scipy.stats' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]


def test_the_same_numbers_under_two_names_are_judged_once() -> None:
    """They take one share of the correction, and the second says which it is the same as."""
    tables = [{f"t{i}": {"acc": i < right, "ms": draw} for i, draw in enumerate(times)} for right, times in _TWO]
    alone = {diff.name: diff for diff in compare_metrics(*(one(manifest(table)) for table in tables))}
    again = [{name: {**row, "score": row["acc"]} for name, row in table.items()} for table in tables]
    found = {diff.name: diff for diff in compare_metrics(*(one(manifest(table)) for table in again))}
    assert found["score_mean"].same_as == "acc_mean"
    assert found["acc_mean"] == alone["acc_mean"]
    assert found["score_mean"].p_adjusted == alone["acc_mean"].p_adjusted
    assert {name for name, diff in found.items() if diff.same_as} == {"score_mean"}
    other = [dict(table) for table in again]
    other[1]["t0"] = {**other[1]["t0"], "score": 0.5}
    assert not any(diff.same_as for diff in compare_metrics(*(one(manifest(table)) for table in other)))


_TWO = ((20, range(100, 130)), (12, range(101, 131)))


def test_a_total_is_compared_as_a_total() -> None:
    """Its move and the interval are in its own unit, not a scenario's."""
    rows = [{f"t{i}": {"calls": calls + i % 3} for i in range(30)} for calls in (3, 5)]
    sums = [sum(row["calls"] for row in table.values()) for table in rows]
    found = only(*(one(manifest(table, {"calls_total": total})) for table, total in zip(rows, sums, strict=True)))
    assert (found.a, found.b, found.delta) == (sums[0], sums[1], sums[1] - sums[0])
    assert found.interval is not None
    assert found.interval[0] <= found.delta <= found.interval[1]
    assert found.interval[0] > 50


@pytest.mark.parametrize("level", [0.05, 0.001])
def test_the_interval_is_of_the_level_of_the_verdict(level: float) -> None:
    """A stricter gate shows a wider interval."""
    a, b = ({f"t{i}": {"x": i % 7 + side * (1 + i % 5)} for i in range(40)} for side in (0, 1))
    found = compare_metrics(one(manifest(a)), one(manifest(b)), level=level)[0]
    assert found.interval is not None
    d = [1 + i % 5 for i in range(40)]
    expected = stats.ttest_1samp(d, 0).confidence_interval(1 - level)
    assert found.interval == pytest.approx(tuple(expected))


def test_a_few_groups_of_which_nothing_moved_are_no_move() -> None:
    """Though other scenarios stand on one side only, and no group has any noise."""
    sides = []
    for name, extra in (("a", 3), ("b", 4)):
        scenarios = [f"t{i}" for i in range(12)] + [f"{name}{i}" for i in range(extra)]
        groups = {scenario: f"g{place % 6}" for place, scenario in enumerate(scenarios)}
        table: Table = {one: {"accuracy": one.startswith("t")} for one in scenarios}
        sides.append(Side((manifest(table, groups=groups),)))
    found = compare_metrics(*sides)[0]
    assert (found.verdict, found.p, found.delta) == ("within_noise", 1.0, 0.0)
