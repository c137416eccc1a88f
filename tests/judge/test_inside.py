"""What a mean hides: a group that fell, as many up as down, a tail that grew, Simpson's case."""

from __future__ import annotations

import random
from typing import Any

import pytest
from diffing import diff, record
from gate_runs import BASELINE, RUN, held
from gate_runs import record as run_of

from evalprov.judge.diff import diff as compared
from evalprov.judge.inside import sentences
from evalprov.judge.metric_diff import Side
from evalprov.record.manifest import Manifest

Rows = dict[str, dict[str, Any]]


def grouped(run: Manifest, groups: dict[str, str]) -> Manifest:
    """Say which group each scenario is of."""
    run["scenario_groups"] = groups
    return run


def rows(values: list[float]) -> Rows:
    """Return a metric by scenario."""
    return {f"t{i}": {"score": value} for i, value in enumerate(values)}


def by_group(sizes: dict[str, int]) -> dict[str, str]:
    """Put scenarios into groups, one after the other."""
    names = [group for group, size in sizes.items() for _ in range(size)]
    return {f"t{i}": group for i, group in enumerate(names)}


def test_a_group_that_fell_to_zero_is_named() -> None:
    """Though the mean is just the same, because another group rose as far."""
    groups = by_group({"refunds": 20, "billing": 20, "rest": 160})
    a = [1.0] * 20 + [0.0] * 20 + [1.0, 0.0] * 80
    b = [0.0] * 20 + [1.0] * 20 + [1.0, 0.0] * 80
    found = diff(grouped(record(metrics=rows(a)), groups), grouped(record(run=1, metrics=rows(b)), groups))
    told = [one.sentence for one in found.inside if one.kind == "group"]
    assert {sentence.partition(", p")[0] for sentence in told} == {
        "score_mean of group refunds: 1 -> 0 (by its own 20 scenarios)",
        "score_mean of group billing: 0 -> 1 (by its own 20 scenarios)",
    }
    assert found.answer.kind in ("not_moved", "cannot_tell")


def test_the_gate_tells_what_the_diff_tells() -> None:
    """Of a pass the notes say which group fell."""
    groups = by_group({"refunds": 20, "billing": 20, "rest": 160})
    a = {"ok": [True] * 20 + [False] * 20 + [True, False] * 80}
    b = {"ok": [False] * 20 + [True] * 20 + [True, False] * 80}
    gate = held(grouped(run_of(BASELINE, a), groups), grouped(run_of(RUN, b), groups))
    assert any(
        note.startswith("ok_mean of group refunds: 1 -> 0 (by its own 20 scenarios), p = ") for note in gate.notes
    )


def test_groups_of_an_unchanged_program_are_seldom_named() -> None:
    """Their tests are corrected for each other: of thirty pairs in which nothing changed a few at most alarm."""
    draw = random.Random(7)
    groups = by_group({f"g{i}": 10 for i in range(20)})
    alarms = 0
    for _ in range(30):
        sides = [rows([draw.gauss(0.5, 0.2) for _ in range(200)]) for _ in range(2)]
        found = diff(grouped(record(metrics=sides[0]), groups), grouped(record(run=1, metrics=sides[1]), groups))
        alarms += any(one.kind in ("group", "tail") for one in found.inside)
    assert alarms <= 5  # 5 % would be one or two; more than five comes once in three hundred times


def test_as_many_up_as_down_is_told() -> None:
    """Twenty-one each way are no quiet run, though the mean holds; of one run a side it may be chance all the same."""
    a = [float(i % 2) for i in range(100)]
    b = [1 - value if i < 42 else value for i, value in enumerate(a)]
    found = diff(record(metrics=rows(a)), record(run=1, metrics=rows(b)))
    assert [one.proven for one in found.inside] == [False]
    (said,) = sentences(found.inside)
    assert said.startswith("score_mean: 42 of 100 scenarios flipped, 21 up, 21 down (runs of one program may differ")
    assert "flipped" not in found.answer.sentence
    calm = [1 - value if i < 4 else value for i, value in enumerate(a)]
    assert diff(record(metrics=rows(a)), record(run=1, metrics=rows(calm))).inside == []


def trials(b_differs: bool, seed: int) -> tuple[Side, Side]:
    """Return three trials a side of scenarios that each come out right at a rate of their own, in B at another's."""
    draw = random.Random(seed)
    rates = [draw.choice((0.1, 0.9)) for _ in range(60)]
    others = [1 - rate if b_differs and i < 30 else rate for i, rate in enumerate(rates)]

    def run(number: int, rates: list[float]) -> Manifest:
        return record(run=number, metrics=rows([float(draw.random() < rate) for rate in rates]))

    return Side(tuple(run(i, rates) for i in range(3))), Side(tuple(run(3 + i, others) for i in range(3)))


@pytest.mark.long
def test_with_trials_it_is_tested_whether_scenarios_moved_more_than_trials_do() -> None:
    """Of a program that is the same it is seldom said; of one that does others right it is."""
    said = {differs: [compared(*trials(differs, seed)).inside for seed in range(40)] for differs in (False, True)}
    alarms = {differs: sum(any(one.kind == "churn" for one in found) for found in said[differs]) for differs in said}
    assert alarms[False] <= 6
    assert alarms[True] >= 30
    assert all(one.proven for found in said[True] for one in found)


def test_scenarios_that_collapsed_are_tested_against_those_that_rose_as_far() -> None:
    """Ten of a hundred fell to nothing and the rest rose a little: the mean holds."""
    draw = random.Random(2)
    a = [{"score": draw.uniform(0.7, 0.8)} for _ in range(100)]
    b = [{"score": 0.0 if i < 10 else row["score"] + 0.08} for i, row in enumerate(a)]
    sides = [{f"t{i}": row for i, row in enumerate(side)} for side in (a, b)]
    found = diff(record(metrics=sides[0]), record(run=1, metrics=sides[1]))
    told = [one.sentence for one in found.inside if one.kind == "fall"]
    assert len(told) == 1
    assert told[0].startswith("score_mean: 10 of 100 scenarios moved by 0.4")
    assert " or more for the worse, 0 for the better, p = " in told[0]


def test_a_tail_that_grew_is_told_where_the_mean_holds() -> None:
    """A tenth became much slower while the rest became a little faster."""
    draw = random.Random(3)
    a = [{"latency_s": draw.uniform(1, 2)} for _ in range(200)]
    b = [{"latency_s": row["latency_s"] * (3.5 if i < 24 else 0.7)} for i, row in enumerate(a)]
    sides = [{f"t{i}": row for i, row in enumerate(side)} for side in (a, b)]
    found = diff(record(metrics=sides[0]), record(run=1, metrics=sides[1]))
    (tail,) = (one for one in found.inside if one.kind == "tail")
    assert tail.sentence.startswith("latency_s_mean: ")
    assert " of 200 scenarios are above " in tail.sentence
    back = diff(record(metrics=sides[1]), record(run=1, metrics=sides[0]))
    assert not [one for one in back.inside if one.kind == "tail"], "a tail that shrank is no harm"


def test_simpsons_case_is_named() -> None:
    """Each group falls and the whole rises, because B has more of the easy one."""
    groups = {f"{side}{kind}{i}": kind for side in "ab" for kind in ("easy", "hard") for i in range(100)}

    def side(name: str, easy: tuple[int, int], hard: tuple[int, int]) -> Rows:
        parts = (("easy", *easy), ("hard", *hard))
        return {f"{name}{kind}{i}": {"score": float(i < right)} for kind, right, of in parts for i in range(of)}

    a = grouped(record(metrics=side("a", (18, 20), (30, 100))), groups)
    b = grouped(record(run=1, metrics=side("b", (80, 100), (4, 20))), groups)
    told = [one.sentence for one in diff(a, b).inside if one.kind == "mix"]
    assert told == [
        "score_mean rises as a whole and falls in each of its 2 groups: their mix is another (Simpson's case)"
    ]


def test_a_mean_that_rises_only_by_what_was_left_out_is_named() -> None:
    """As reported it rose; on the scenarios that both have it fell."""
    a = rows([1.0] * 60 + [0.0] * 40)
    b = rows([1.0] * 50 + [0.0] * 10)
    found = diff(record(metrics=a), record(run=1, metrics=b))
    assert any("rises as reported and falls on the same scenarios" in one.sentence for one in found.inside)


def test_few_groups_are_judged_as_a_whole_as_well() -> None:
    """Three groups that all fell alike are a fall; three that fell unlike are within noise, and not untold."""
    groups = by_group({"refunds": 40, "billing": 40, "rest": 40})
    a = {"score": [0.9 + i % 5 / 100 for i in range(120)]}
    alike = {"score": [0.5 + i % 7 / 100 for i in range(120)]}
    unlike = {"score": [0.3 if i < 40 else 0.9 for i in range(120)]}
    for b, verdict in ((alike, "worse"), (unlike, "within_noise")):
        found = held(grouped(run_of(BASELINE, a), groups), grouped(run_of(RUN, b), groups)).metrics[0].diff
        assert (found.verdict, found.pairing, found.n) == (verdict, "groups", 3)
        assert found.interval is not None
        assert (found.interval[0] <= 0 <= found.interval[1]) == (verdict == "within_noise")
