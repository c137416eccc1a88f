"""Whether runs differ more than their own noise: against known answers, and against noise itself."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalprov.stats.noise import holm, judge, mcnemar

# What scipy 1.17 gives.
BINOMIAL = [
    (0, 1, 1.0), (3, 10, 0.09228515625), (0, 9, 0.00390625), (50, 80, 0.010694055123829345),
    (4000, 4300, 0.001029736761268162), (7, 7, 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("better", "worse", "p"), BINOMIAL)
def test_mcnemar_is_the_exact_binomial_test(better: int, worse: int, p: float) -> None:
    """Changes one way and the other are weighed as scipy's two-sided binomial test does."""
    assert mcnemar(better, worse) == pytest.approx(p, rel=1e-9)
    assert mcnemar(worse, better) == mcnemar(better, worse)


def test_p_values_are_adjusted_as_holm_says() -> None:
    """The answers are those of statsmodels, in the order of the questions."""
    assert holm([0.01, 0.04, 0.03, 0.005, 0.6]) == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.6])
    assert holm([]) == []


def test_two_runs_of_numbers_are_compared_by_the_exact_sign_flip_test() -> None:
    """The p-value is that of scipy's permutation test over all orders."""
    gains = [0.3, -0.1, 0.45, 0.2, 0.6, 0.15, -0.05, 0.4]
    judged = judge([[10.0 * i for i in range(8)], [10.0 * i + gain for i, gain in enumerate(gains)]])
    assert judged is not None
    assert judged.p == pytest.approx(0.0390625)
    assert judged.method == "paired: permutations, exact"


def test_many_runs_of_rates_are_compared_by_cochrans_test() -> None:
    """Beyond what can be counted through, 0/1 values give statsmodels' p-value."""
    rows = ["110", "100", "111", "101", "000", "110", "100", "110", "100", "110", "110", "100", "110", "101"]
    judged = judge([[float(row[run]) for row in rows] for run in range(3)])
    assert judged is not None
    assert judged.p == pytest.approx(0.001776103545734378)
    assert (judged.scenarios, judged.unstable) == (14, 12)


def test_runs_over_other_scenarios_are_compared_by_their_means() -> None:
    """The p-value is that of scipy's one-way analysis of variance."""
    runs = [[1.0, 2.0, 3.0, 4.5], [2.0, 3.0, 5.0, 7.0, 8.0], [1.5, 2.0, 2.5]]
    judged = judge(_apart(runs))
    assert judged is not None
    assert judged.p == pytest.approx(0.10973299546129966)
    assert judged.unstable is None


def _apart(runs: list[list[float]]) -> list[list[float]]:
    """Give every run scenarios of its own."""
    total = sum(map(len, runs))
    before = [sum(map(len, runs[:i])) for i in range(len(runs))]
    return [
        [math.nan] * start + run + [math.nan] * (total - start - len(run))
        for start, run in zip(before, runs, strict=True)
    ]


def test_rates_of_nought_and_one_have_noise_too() -> None:
    """Perfect runs over other scenarios are no proof when short, and one when long."""
    assert judge(_apart([[1.0] * 3, [0.0] * 3])) is None
    long = judge(_apart([[1.0] * 50, [0.0] * 50]))
    assert long is not None
    assert long.p < 1e-9
    close = judge(_apart([[1.0] * 50, [1.0] * 48 + [0.0] * 2]))
    assert close is not None
    assert close.p > 0.3


@pytest.mark.parametrize(
    "runs",
    [
        [[1.0, 2.0], [1.5, 2.5]],
        [[1.0] * 5, [0.0] * 5],
        [[3.0], [4.0], [5.0]],
        _apart([[1.5] * 9, [2.5] * 9]),
        _apart([[0.1] * 9, [0.3] * 7]),
        _apart([[1.0], [2.0]]),
    ],
    ids=["two scenarios", "five rates", "one scenario", "no variance", "rounding alone", "one scenario each"],
)
def test_too_little_to_go_by_is_no_judgement(runs: list[list[float]]) -> None:
    """Where even the most unlike runs could be noise, or noise cannot be told, nothing is judged."""
    assert judge(runs) is None


def test_the_largest_numbers_are_compared_too() -> None:
    """Values near the end of what a float holds overflow nothing on their way."""
    big = 1.7e308
    for runs in (
        _apart([[big, -big, big], [-big, big, big]]),
        [[big, -big, big, 1.0] * 2, [-big, big, big, 2.0] * 2],
    ):
        judged = judge(runs)
        assert judged is not None
        assert judged.p > 0.2


def _rates(draw: random.Random, runs: int, scenarios: int) -> list[list[float]]:
    hard = [draw.random() for _ in range(scenarios)]
    return [[float(draw.random() < ease) for ease in hard] for _ in range(runs)]


def _numbers(draw: random.Random, runs: int, scenarios: int) -> list[list[float]]:
    hard = [draw.gauss(0, 3) for _ in range(scenarios)]
    return [[level + draw.gauss(0, 1) for level in hard] for _ in range(runs)]


def _elsewhere(draw: random.Random, runs: int, scenarios: int) -> list[list[float]]:
    return _apart(_rates(draw, runs, scenarios))


@pytest.mark.long
@pytest.mark.parametrize("make", [_rates, _numbers, _elsewhere])
@pytest.mark.parametrize(("runs", "scenarios"), [(2, 12), (3, 30), (8, 4)])
def test_mere_noise_is_rarely_called_more(
    make: Callable[[random.Random, int, int], list[list[float]]], runs: int, scenarios: int
) -> None:
    """Of many sets of runs that differ by noise alone, about one in twenty is significant at 5 %, or fewer."""
    draw = random.Random(runs * scenarios)
    judged = [judge(make(draw, runs, scenarios)) for _ in range(200)]
    assert sum(one is not None and one.p < 0.05 for one in judged) <= 20


def test_many_runs_over_many_scenarios_are_judged_as_well() -> None:
    """A hundred runs of three hundred scenarios are compared, by noise alone and with one run apart."""
    draw = random.Random(5)
    runs = _numbers(draw, 100, 300)
    alike = judge(runs)
    assert alike is not None
    assert alike.p > 0.01
    apart = judge([*runs[:-1], [value + 1 for value in runs[-1]]])
    assert apart is not None
    assert apart.p < 1e-9


@given(
    st.lists(st.lists(st.floats(-1e300, 1e300), min_size=3, max_size=3), min_size=3, max_size=6),
    st.permutations(range(3)),
)
def test_the_order_of_runs_does_not_matter(rows: list[list[float]], order: list[int]) -> None:
    """Runs given in another order give the same p-value, whatever the numbers, and it is a probability."""
    one = judge([[row[run] for row in rows] for run in range(3)])
    other = judge([[row[run] for row in rows] for run in order])
    assert (one is None) == (other is None)
    if one and other:
        assert 0 <= one.p <= 1
        assert other.p == pytest.approx(one.p, abs=0.03)
