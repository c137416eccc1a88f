"""Which of many things move a score: found by halves, also where it takes several, or where nobody can tell."""

from __future__ import annotations

from math import ceil, log2

import pytest
from diffing import answers, put, record
from hypothesis import given
from hypothesis import strategies as st

from evalprov.judge.halfway import MetricRules, moved, stand
from evalprov.judge.halving import DifferingPiece, all_of, flip, smallest
from evalprov.judge.metric_diff import Side
from evalprov.judge.rules import NO_RULES


def pieces(count: int) -> list[DifferingPiece]:
    """Return so many things that changed."""
    return [DifferingPiece("code", "file", str(number), str(number)) for number in range(count)]


@given(st.integers(1, 200), st.data())
def test_one_of_many_is_found_in_few_questions(count: int, data: st.DataObject) -> None:
    """It takes no more than halving does, and one question whether it alone does it."""
    every = pieces(count)
    culprit = data.draw(st.sampled_from(every))
    asked: list[frozenset[DifferingPiece]] = []

    def moves(taken: frozenset[DifferingPiece]) -> bool:
        asked.append(taken)
        return culprit in taken

    found = smallest(every, moves)
    assert (found.groups, found.upon) == ([[culprit]], frozenset())
    assert len(asked) <= ceil(log2(count)) + 1
    assert len(set(asked)) == len(asked)


@given(st.integers(2, 60), st.data())
def test_several_that_only_do_it_together_are_all_found(count: int, data: st.DataObject) -> None:
    """None that is found can be spared, and none is missing."""
    every = pieces(count)
    needed = data.draw(st.sets(st.sampled_from(every), min_size=2, max_size=4))
    found = smallest(every, lambda taken: needed <= taken)
    assert set(all_of(found.groups)) == needed
    assert all(len(group) == 1 for group in found.groups)


def test_what_does_not_run_is_passed_by() -> None:
    """Where points cannot be told, it is one of those between the two nearest that can."""
    assert flip(10, lambda count: None if count in (4, 5, 6) else count > 4) == (3, 7)
    assert flip(10, lambda count: count > 4) == (4, 5)
    assert flip(10, lambda count: None) == (0, 10)


def test_what_does_not_run_by_itself_is_told_with_what_it_needs() -> None:
    """A piece that runs only on top of others is found, and the others are named."""
    first, second, third = pieces(3)

    def moves(taken: frozenset[DifferingPiece]) -> bool | None:
        return None if third in taken and first not in taken else third in taken

    found = smallest([first, second, third], moves)
    assert (found.groups, found.upon) == ([[third]], frozenset((first, second)))


BY = MetricRules("correct_mean", NO_RULES, lambda a, b: {})


@pytest.mark.parametrize(("right", "side"), [(164, "good"), (162, "good"), (128, "bad"), (126, "bad"), (100, "bad")])
def test_the_statistics_decide_a_point(right: int, side: str) -> None:
    """A point is as the good run or as the bad one, also where it is not to the digit."""
    good, bad = (Side((record(metrics=answers(number), run=number % 7),)) for number in (164, 128))
    point = Side((record(metrics=answers(right), run=8),))
    assert stand(good, point, bad, BY).side == side
    assert moved(good, bad, BY).side == "bad"


@pytest.mark.parametrize(("value", "side"), [(0.82, "good"), (0.80, "good"), (0.78, None), (0.74, "bad"), (0.7, "bad")])
def test_a_number_alone_is_told_as_that(value: float, side: str | None) -> None:
    """Without scenarios the nearer end counts, and between the two nobody can tell."""
    good, bad, point = (
        Side((record(put("metric_summary", {"correct_mean": number}), metrics={}, run=run),))
        for run, number in enumerate((0.82, 0.74, value))
    )
    assert stand(good, point, bad, BY).side == side


def test_ends_that_lie_no_further_apart_than_noise_have_not_moved() -> None:
    """There is nothing to search for then."""
    good, bad = (Side((record(metrics=answers(number), run=number % 7),)) for number in (150, 150))
    assert moved(good, bad, BY).side == "good"
