"""How often chance alone is called a move, and how often a move is seen: a small version of tests/bench/power.py."""

from __future__ import annotations

from statistics import median

import numpy as np
import pytest
from generated import KINDS, alarms, hits
from scipy.stats import binom

from evalprov.stats.noise import LEVEL
from evalprov.stats.power import mcnemar_detectable

PAIRS = 100
CHANCE = 1e-4  # that a proof fails where nothing is wrong; the seeds are fixed, so it fails always or never
ABOUT = 0.75  # four times in five, less what the noise of one pair can say of it
FAST = ("paired numbers", "clustered", "unpaired numbers", "trials", "uneven trials", "summaries")
SMALL = {"paired rates": 30, "unpaired rates": 20, "statistics": 20}


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_two_runs_of_one_program_are_rarely_called_different(kind: str) -> None:
    """Of many pairs no more than one in twenty, but for chance, has any metric that moved."""
    raised, _ = alarms(kind, PAIRS, **({"n": SMALL[kind]} if kind in SMALL else {}))
    assert raised <= binom.isf(CHANCE, PAIRS, LEVEL)


@pytest.mark.long
@pytest.mark.parametrize("kind", FAST)
def test_a_move_of_the_stated_size_is_seen(kind: str) -> None:
    """Of many pairs about four in five are called worse, when one is by what pairs of it say they would see."""
    _, sizes = alarms(kind, 40)
    assert len(sizes) > 30
    assert hits(kind, PAIRS, median(sizes)) >= binom.ppf(CHANCE, PAIRS, ABOUT)
    assert hits(kind, PAIRS, median(sizes) / 10) <= PAIRS / 4


@pytest.mark.parametrize(("up", "down", "n"), [(0, 0, 50), (3, 4, 40), (30, 25, 1000), (0, 1, 20_000)])
def test_a_move_of_a_paired_rate_is_seen_four_times_in_five(up: int, down: int, n: int) -> None:
    """By McNemar's mid-p test, with as many chance changes besides as there were."""
    size = mcnemar_detectable(up + down, n, LEVEL)
    assert size is not None
    noise = (up + down + 1) / (n + 2)
    against = noise / 2 * (1 - size)
    changes = np.arange(min(n, 400) + 1)
    # The most against the rest that are still significant.
    critical = []
    for n_changed in changes.tolist():
        fewer = np.arange(n_changed // 2 + 1)
        ps = 2 * binom.cdf(fewer, n_changed, 0.5) - binom.pmf(fewer, n_changed, 0.5)
        critical.append(int(np.count_nonzero(ps < LEVEL)) - 1)
    share = against / (2 * against + size)
    tails = binom.cdf(critical, changes, share) + binom.cdf(critical, changes, 1 - share)
    assert binom.pmf(changes, n, 2 * against + size) @ tails == pytest.approx(0.8, abs=0.01)


def test_too_few_scenarios_see_nothing() -> None:
    """Four could not tell whatever they did; where there is no level, neither is there a move."""
    assert mcnemar_detectable(0, 4, LEVEL) is None
    assert mcnemar_detectable(6, 50, 0.0) is None
