"""Whether runs of one program differ more than their own noise allows, judged by their per-scenario values.

The same scenarios in every run: how hard a scenario is does not count as noise, so each is compared with itself.
If the program is what it was, a scenario's values could have come from the runs in any order. That gives McNemar's
exact test for two runs of 0/1 values, the exact permutation test while its orders can be counted through, and else
its chi-square limit (for 0/1 values Cochran's test for repeated measures).

Other scenarios in each run: the runs' means are compared, allowing for the scenarios that each happened to have.
For 0/1 values by Cochran's Q over rates with two successes and two failures added (Agresti and Coull), so that a
rate of 0 or 1 has a standard error too; for others by the F test, the same Q with its standard error estimated.
"""

from __future__ import annotations

from collections import Counter
from itertools import product
from math import comb, exp, factorial, fsum, isnan, lgamma, log, prod
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.stats.distributions import chi2_sf, f_sf

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LEVEL = 0.05  # how often all that is judged together may raise any alarm where nothing is wrong
ORDERS = 10_000  # an exact test counts through at most so many
_CLOSE = 1e-15  # what adds less is left out
_ROUNDING = 1e-12  # what differs by less, as a share of the largest value, is alike


class Judgement(NamedTuple):
    """What the values say about whether the runs are alike."""

    p: float  # how often noise alone makes runs differ so much or more
    method: str
    scenarios: int  # how many were compared
    unstable: int | None  # of them, how many had not the same value in every run; null where runs share too few


def judge(runs: Sequence[Sequence[float]]) -> Judgement | None:
    """Compare runs, each a row of values by scenario (NaN for a scenario it lacks).

    Null where nothing follows: there are so few values that even the most unlike runs could be noise.
    """
    whole = [row for row in zip(*runs, strict=True) if not any(map(isnan, row))]
    own = [[value for value in run if not isnan(value)] for run in runs]
    rates = all(value in (0, 1) for values in own for value in values)
    if len(whole) >= 2 and 2 * len(whole) >= max(map(len, own)):
        return _same_scenarios(whole, rates=rates)
    if min(map(len, own)) < 2:
        return None
    return _other_scenarios(own, rates=rates)


def holm(ps: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number, so that any below 5 % is an error in 5 % of histories at most."""
    adjusted = [0.0] * len(ps)
    least = 0.0
    for rank, (p, place) in enumerate(sorted((p, place) for place, p in enumerate(ps))):
        least = max(least, min(1.0, (len(ps) - rank) * p))
        adjusted[place] = least
    return adjusted


def _same_scenarios(rows: list[tuple[float, ...]], *, rates: bool) -> Judgement | None:
    if (len(rows) - 1) * log(_most_orders(len(rows[0]), rates=rates)) < log(1 / LEVEL):
        return None
    varying = [row for row in rows if min(row) != max(row)]
    if not varying:
        return Judgement(1.0, "paired: every value alike", len(rows), 0)
    runs = len(rows[0])
    if rates and runs == 2:
        p, method = (
            mcnemar(sum(a > b for a, b in varying), sum(a < b for a, b in varying)),
            "paired: McNemar, exact",
        )
    elif _can_be_counted(varying[1:]):
        p, method = _by_counting(_deviations(varying)), "paired: permutations, exact"
    else:
        p, method = chi2_sf(_spread(_deviations(varying)), runs - 1), "paired: permutations, chi-square"
    return Judgement(p, method, len(rows), len(varying))


def _most_orders(runs: int, *, rates: bool) -> int:
    return comb(runs, runs // 2) if rates else factorial(runs)


def mcnemar(better: int, worse: int) -> float:
    """Return the two-sided p-value of so many changes one way and so many the other."""
    n, fewer = better + worse, min(better, worse)
    term = total = exp(lgamma(n + 1) - lgamma(fewer + 1) - lgamma(n - fewer + 1) - n * log(2))
    for i in range(fewer, 0, -1):  # each less likely than the one before
        term *= i / (n - i + 1)
        total += term
        if term < total * _CLOSE / n:
            break
    return min(1.0, 2 * total)


def _deviations(rows: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Return each row less its mean, all on one scale on which squares stay finite."""
    scale = max(max(map(abs, row)) for row in rows)
    small = [[value / scale for value in row] for row in rows]
    means = [fsum(row) / len(row) for row in small]
    return [tuple(value - mean for value in row) for row, mean in zip(small, means, strict=True)]


def _spread(rows: list[tuple[float, ...]]) -> float:
    """Return how far the runs' sums lie apart, in units of what a random order of every row gives."""
    expected = fsum(value * value for row in rows for value in row) / (len(rows[0]) - 1)
    if expected == 0:  # differences too small for their squares
        return 0.0
    return fsum(fsum(column) ** 2 for column in zip(*rows, strict=True)) / expected


def _can_be_counted(rows: list[tuple[float, ...]]) -> bool:
    orders = 1
    for row in rows:
        orders *= _orders(row)
        if orders > ORDERS:
            return False
    return True


def _orders(row: tuple[float, ...]) -> int:
    return factorial(len(row)) // prod(factorial(count) for count in Counter(row).values())


def _by_counting(rows: list[tuple[float, ...]]) -> float:
    """Return the share of all orders of the rows' values that spread the runs as much as the one seen.

    The first row may stay: to order every row alike only renames the runs.
    """
    seen = fsum(fsum(column) ** 2 for column in zip(*rows, strict=True))
    as_much = total = 0
    for others in product(*(list(_distinct(Counter(row))) for row in rows[1:])):
        sums = [fsum(column) for column in zip(rows[0], *others, strict=True)]
        total += 1
        as_much += fsum(one * one for one in sums) >= seen * (1 - 1e-9)
    return as_much / total


def _distinct(left: Counter[float]) -> Iterator[tuple[float, ...]]:
    """Yield every different order of the values."""
    if not left:
        yield ()
    for value in list(left):
        for rest in _distinct(left - Counter((value,))):
            yield (value, *rest)


def _other_scenarios(runs: list[list[float]], *, rates: bool) -> Judgement | None:
    count, df = sum(map(len, runs)), len(runs) - 1
    if rates:
        sizes = [len(values) for values in runs]
        if _of_rates([size * (place % 2) for place, size in enumerate(sizes)], sizes) > LEVEL:
            return None
        p = _of_rates([fsum(values) for values in runs], sizes)
        return Judgement(p, "unpaired: Cochran's Q, chi-square", count, None)
    scale = max((abs(value) for values in runs for value in values), default=0.0) or 1.0
    runs = [[value / scale for value in values] for values in runs]  # so that squares stay finite
    means = [fsum(values) / len(values) for values in runs]
    squares = ((value - mean) ** 2 for values, mean in zip(runs, means, strict=True) for value in values)
    variance = fsum(squares) / (count - len(runs))
    if variance < _ROUNDING**2:
        return None
    q = heterogeneity(means, [variance / len(values) for values in runs])
    return Judgement(f_sf(q / df, df, count - len(runs)), "unpaired: Cochran's Q, F", count, None)


def _of_rates(successes: Sequence[float], sizes: Sequence[int]) -> float:
    rates = [(wins + 2) / (size + 4) for wins, size in zip(successes, sizes, strict=True)]
    errors = [rate * (1 - rate) / (size + 4) for rate, size in zip(rates, sizes, strict=True)]
    return chi2_sf(heterogeneity(rates, errors), len(rates) - 1)


def heterogeneity(means: Sequence[float], squared_errors: Sequence[float]) -> float:
    """Return Cochran's Q: the means' squared distances from their weighted mean, in squared standard errors."""
    weights = [1 / error for error in squared_errors]
    centre = fsum(w * x for w, x in zip(weights, means, strict=True)) / fsum(weights)
    return fsum(w * (x - centre) ** 2 for w, x in zip(weights, means, strict=True))
