"""Several programs against one: verdicts are corrected for each other, and the best is told as one that was picked."""

from __future__ import annotations

import random
from math import sqrt
from typing import Any

import pytest
from generated import manifest
from scipy.stats import binomtest

from evalprov.judge.contest import Contest, Entered, Lead, front, wilson
from evalprov.judge.metric_diff import REAL, Side
from evalprov.judge.rules import MetricRule, Rules
from evalprov.judge.verdicts import compare_metrics
from evalprov.record.identity import identify
from evalprov.record.manifest import Manifest

OF = 200


def program(number: int, right: float, *, trials: int = 1, of: int = OF, **edits: Any) -> Side:
    """Return runs of a program that gets so many right; scenarios are as hard for all of them."""
    runs = []
    for trial in range(trials):
        draw = random.Random(f"{number} {trial}")
        hard = random.Random(0)
        table = {f"s{place}": {"accuracy": draw.random() < right * (0.6 + 0.4 * hard.random())} for place in range(of)}
        made: Any = manifest(table, run_id=f"202609{number + 1:02}T12{trial:02}00Z")
        made |= edits
        made["identity"] = identify(made)
        runs.append(made)
    return Side(tuple(runs))


def contest(*sides: Side, **how: Any) -> Contest:
    """Return sides, the first of which all others are held against."""
    found = Contest("0", sides[0], "accuracy_mean", **how)
    for number, side in enumerate(sides[1:], 1):
        found.enter(str(number), side)
    found.settle()
    return found


def lead(found: Contest) -> Lead:
    """Return the best, which there is."""
    leader = found.lead()
    assert leader is not None
    return leader


def test_two_are_judged_as_a_difference_is() -> None:
    """Of two programs with one metric the table says exactly what `diff` says of them."""
    for trials in (1, 3):
        a, b = program(0, 0.8, trials=trials), program(1, 0.95, trials=trials)
        (metric,) = compare_metrics(a, b)
        judged = contest(a, b).judged["1"]
        # `moves` tell how metrics go together, and there is one.
        assert judged == metric


def test_verdicts_are_corrected_for_all_of_them() -> None:
    """A move that is real alone is not proven among many, and one that is large is proven all the same."""
    first, near, far = program(0, 0.7), program(1, 0.85), program(2, 1.0)
    alone = contest(first, near).judged["1"]
    assert alone.verdict == "better"
    assert alone.p is not None
    assert 0.001 < alone.p < 0.05
    many = contest(first, near, far, *(program(number, 0.7) for number in range(3, 25)))
    judged = many.judged["1"]
    assert (judged.verdict, judged.corrected_for, judged.p) == ("within_noise", 24, alone.p)
    assert many.judged["2"].verdict == "better"
    assert not [one for name, one in many.judged.items() if name != "2" and one.verdict in REAL]


def test_the_best_of_equal_programs_is_not_called_better() -> None:
    """Of equal programs the one with the best number leads by luck: it is proven better than none."""
    found = contest(*(program(number, 0.8) for number in range(20)))
    leader = lead(found)
    values = [one.value for one in found.entered.values()]
    assert found.entered[leader.name].value == max(value for value in values if value is not None)
    assert (leader.of, leader.pairs) == (20, 190)
    assert not leader.proven
    assert len(leader.level_with) == 19


def test_the_best_is_told_from_others_only_beyond_all_pairs() -> None:
    """A leader that is better for real stays level with its equals, and is told from those far behind."""
    found = contest(program(0, 0.5), *(program(number, 0.95) for number in range(1, 6)), program(6, 0.5))
    leader = lead(found)
    assert leader.proven
    assert sorted([leader.name, *leader.level_with]) == ["1", "2", "3", "4", "5"]
    behind = lead(contest(program(0, 1.0), program(1, 0.5), program(2, 0.5)))
    assert behind == Lead("0", 3, 0, proven=True, level_with=[])


def test_less_is_better_where_that_is_so_and_nobody_leads_where_it_is_unknown() -> None:
    """The direction is that of the settings; without one there is no best."""
    sides = [program(0, 0.9), program(1, 0.5)]
    assert lead(contest(*sides)).name == "0"
    assert (
        lead(contest(*sides, rules=Rules({"accuracy": MetricRule(direction="lower")}, Rules({}, ()).gate))).name == "1"
    )  # type: ignore[arg-type]
    for side in sides:
        for run in side.runs:
            run["metrics"] = {name: {"zork": row["accuracy"]} for name, row in (run["metrics"] or {}).items()}
            run["metric_summary"] = {"zork_mean": (run["metric_summary"] or {})["accuracy_mean"]}
    unknown = Contest("0", sides[0], "zork_mean")
    unknown.enter("1", sides[1])
    unknown.settle()
    assert unknown.way.direction is None
    assert unknown.lead() is None


def test_another_experiment_does_not_lead() -> None:
    """A program on other data, of another scenario or on other scenarios has its number, and leads nobody."""
    data = {"sets": {"d": _data("a")}, "retrieval": {}, "reported": {}}
    other = {**data, "sets": {"d": _data("b")}}
    found = contest(
        program(0, 0.5, data=data), program(1, 0.6, data=data), program(2, 0.9, data=other),
        program(3, 0.9, data=data, scenario="another"),
    )  # fmt: skip
    assert [one.fair for one in found.entered.values()] == [True, True, False, False]
    assert "another data set" in found.entered["2"].caveats[0]
    assert "the scenario is another" in found.entered["3"].caveats[0]
    assert lead(found).of == 2
    away = program(4, 0.9)
    for run in away.runs:
        run["metrics"] = {f"other {name}": row for name, row in (run["metrics"] or {}).items()}
    apart = contest(program(0, 0.5), away).entered["1"]
    assert (apart.apart, apart.fair) == (True, False)


def _data(digit: str) -> dict[str, Any]:
    return {
        "path": "d.jsonl", "kind": "file", "sha256": f"sha256:{digit * 64}", "version": None, "files": 1, "bytes": 1,
        "pointer": None, "stale": None, "source": "settings",
    }  # fmt: skip


def test_scenarios_that_are_missing_are_told() -> None:
    """Of a program that lacks scenarios the others are judged, and how many are missing is said."""
    found = contest(program(0, 0.8), program(1, 0.8, of=180))
    assert found.entered["1"].left_out == "20 of 200 scenarios are missing in it"
    assert found.judged["1"].n == 180


def test_runs_that_are_not_of_one_program_are_told() -> None:
    """Trials whose machines differ are taken together, and that is said; they are of the experiment all the same."""
    side = program(1, 0.8, trials=2)
    for limit, run in enumerate(side.runs):
        made: Any = run
        made["infra"]["gpu"] = {"devices": [], "driver": None, "cuda": None, "visible": None}
        made["infra"]["memory"]["hard_limit_mb"] = 77 + limit
        made["identity"] = identify(made)
    entered = contest(program(0, 0.8, trials=2), side).entered["1"]
    assert entered.mixed == "its runs are not of one program (infra)"
    assert entered.fair


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (150, 200), (999, 1000)])
def test_the_interval_of_a_rate_is_wilsons(hits: int, n: int) -> None:
    """It is what SciPy computes."""
    expected = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert wilson(hits, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_own_intervals_are_of_scenarios_else_of_runs() -> None:
    """A rate of one run has Wilson's interval, a mean over trials Student's, a bare number none."""
    found = contest(program(0, 0.8), program(1, 0.8, trials=3), _bare(2, [0.5]), _bare(3, [0.5, 0.7]))
    value = found.entered["0"].value
    assert found.entered["0"].interval == wilson(round(float(value or 0) * OF), OF)
    assert found.entered["1"].interval is not None
    assert found.entered["2"].interval is None
    low, high = found.entered["3"].interval or (0.0, 0.0)
    assert (low + high) / 2 == pytest.approx(0.6)
    assert high - low == pytest.approx(2 * 12.706204736 * 0.1 * sqrt(2) / sqrt(2), rel=1e-6)


def _bare(number: int, values: list[float]) -> Side:
    """Return runs that report one number."""
    runs: list[Manifest] = []
    for trial, value in enumerate(values):
        made = manifest({}, {"accuracy_mean": value}, run_id=f"202609{number + 1:02}T12{trial:02}00Z")
        made["metrics"] = None
        made["identity"] = identify(made)
        runs.append(made)
    return Side(tuple(runs))


def test_a_program_without_a_number_takes_no_part() -> None:
    """It has no value, and neither leads nor counts among those that could."""
    side = program(3, 0.9)
    for run in side.runs:
        run["metrics"], run["metric_summary"] = None, {"latency_ms": 3}
    found = Contest("0", program(0, 0.8), "accuracy_mean")
    found.enter("1", side)
    found.settle()
    assert found.entered["1"] == Entered(None, None, [], "", found.entered["1"].left_out, apart=False)
    assert found.lead() is None


def test_the_front_is_what_no_other_beats_in_both() -> None:
    """Ties are both on it, what lacks a number is not, and each way counts as it is."""
    rows: dict[str, tuple[float | None, ...]] = {
        "cheap": (1.0, 0.5), "twin": (1.0, 0.5), "good": (3.0, 0.9), "beaten": (3.0, 0.8), "worse": (2.0, 0.5),
        "middle": (2.0, 0.7), "unknown": (None, 1.0),
    }  # fmt: skip
    assert sorted(front(rows, ("lower", "higher"))) == ["cheap", "good", "middle", "twin"]
    assert front({}, ("lower", "higher")) == []
