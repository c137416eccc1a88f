"""The shapes that drawings are made of."""

from __future__ import annotations

from math import isfinite

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evalprov.report import svg

ENDS = st.floats(allow_nan=False, allow_infinity=False)


@given(ENDS, ENDS, st.booleans(), st.lists(ENDS, min_size=1, max_size=5))
@example(0.0, 5e-324, False, [0.0])
def test_every_number_has_a_place(one: float, other: float, logarithmic: bool, values: list[float]) -> None:
    """Whatever the ends, places lie between start and end, and ticks are few, in order and on the scale."""
    low, high = sorted((one, other))
    scale = svg.Scale(low, high, 10, 110, logarithmic)
    assert all(10 <= scale.at(value) <= 110 for value in values)
    places = [place for place, _ in scale.ticks()]
    assert len(places) <= 40
    assert places == sorted(places)
    assert all(isfinite(place) for place in places)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.0, 1.0, ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        (0.0, 97.0, ["0", "20", "40", "60", "80"]),
        (-3.0, 3.0, ["-2", "0", "2"]),
        (5.0, 5.0, ["5"]),
    ],
)
def test_ticks_are_round(low: float, high: float, words: list[str]) -> None:
    """They stand at numbers that people count in."""
    assert [said for _, said in svg.Scale(low, high, 0, 100).ticks()] == words


def test_a_logarithmic_scale_counts_in_powers() -> None:
    """Ten times as much is as far again."""
    assert svg.Scale(1, 10_000, 0, 100, logarithmic=True).ticks() == [
        (0, "1"), (25, "10"), (50, "100"), (75, "1000"), (100, "10000"),
    ]  # fmt: skip
    assert [said for _, said in svg.Scale(20, 300, 0, 100, logarithmic=True).ticks()] == ["20", "50", "100", "200"]


def test_shapes_differ_without_colour() -> None:
    """Each shape has an outline of its own."""
    assert len({svg.outline(shape, (10, 10)) for shape in svg.SHAPES}) == len(svg.SHAPES) == 8


def test_a_drawing_says_what_it_shows() -> None:
    """Who does not see it is told in words; who points at a mark is told which it is."""
    drawn = svg.drawing(100, 50, "accuracy <fell>", svg.mark("circle", (5, 5), words="a & b", to="row-1"))
    assert 'role="img" aria-label="accuracy &lt;fell&gt;"' in drawn
    assert '<circle data-to="row-1" cx="5" cy="5" r="4"><title>a &amp; b</title></circle>' in drawn
