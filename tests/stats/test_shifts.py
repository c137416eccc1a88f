"""Level shifts in a series: found where they are, and none in noise of whatever kind."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalprov.stats.shifts import LEAST, level_shifts

KINDS: dict[str, Callable[[random.Random], float]] = {
    "normal": lambda chance: chance.gauss(0, 1),
    "without a mean": lambda chance: math.tan(math.pi * (chance.random() - 0.5)),
    "with outliers": lambda chance: chance.gauss(0, 20 if chance.random() < 0.05 else 1),
    "many ties": lambda chance: sum(chance.random() < 0.8 for _ in range(5)) / 5,
    "mostly the same": lambda chance: chance.random() if chance.random() < 0.02 else 0.9,
}


@pytest.mark.parametrize("kind", KINDS)
def test_noise_has_no_shift(kind: str) -> None:
    """However the values are spread, series of 30 and of 400 of them have none."""
    chance = random.Random(kind)
    for count, series in ((30, 30), (400, 10)):
        for _ in range(series):
            assert level_shifts([KINDS[kind](chance) for _ in range(count)]) == []


def test_shifts_are_found_where_they_are() -> None:
    """Two steps are found within a few values of their places, with the levels between them."""
    chance = random.Random(1)
    levels = [0.8] * 100 + [0.7] * 60 + [0.75] * 80
    one, other = level_shifts([chance.gauss(level, 0.02) for level in levels])
    assert abs(one.at - 100) <= 2
    assert abs(other.at - 160) <= 4
    assert (one.before, one.after) == pytest.approx((0.8, 0.7), abs=0.01)
    assert (other.before, other.after) == pytest.approx((0.7, 0.75), abs=0.01)
    assert one.t < 0 < other.t
    assert (one.count_before, one.count_after, other.count_after) == (one.at, other.at - one.at, 240 - other.at)


def test_odd_values_make_and_hide_no_shift() -> None:
    """One value a million times the others moves nothing, and a few bad runs in a row are no level."""
    chance = random.Random(2)
    flat = [chance.gauss(0.8, 0.02) for _ in range(60)]
    assert level_shifts([*flat[:30], 1e6, *flat[30:]]) == []
    assert level_shifts([*flat[:30], *[0.0] * (LEAST - 2), *flat[30:]]) == []
    [shift] = level_shifts([*flat[:30], 1e6, *(value - 0.1 for value in flat[30:])])
    assert abs(shift.at - 31) <= 1
    assert shift.before == pytest.approx(0.8, abs=0.01)


def test_too_few_are_nothing_and_a_clean_cut_of_enough_is_one() -> None:
    """Twenty values that part cleanly are a shift; eighteen could be chance; like values have none."""
    assert [shift.at for shift in level_shifts([0.0] * 10 + [1.0] * 10)] == [10]
    assert level_shifts([0.0] * 9 + [1.0] * 9) == []
    assert level_shifts([0.5] * 1000) == []
    assert level_shifts([]) == []


def test_what_is_no_number_is_passed_over() -> None:
    """NaN shifts no place: what is told counts from the series as it was given; infinities are values like others."""
    nan, inf = math.nan, math.inf
    values = [nan, *[0.0] * 12, nan, *[1.0] * 12, nan]
    assert [(shift.at, shift.count_after) for shift in level_shifts(values)] == [(14, 12)]
    assert [shift.at for shift in level_shifts([0.0] * 12 + [inf] * 12)] == [12]


@given(st.lists(st.floats() | st.booleans() | st.integers(-9, 9), max_size=60))
def test_any_values_have_an_answer(values: list[float]) -> None:
    """Places are in order, apart, and inside; nothing fails."""
    places = [shift.at for shift in level_shifts(values)]
    assert places == sorted(set(places))
    assert all(LEAST <= place <= len(values) - LEAST for place in places)
