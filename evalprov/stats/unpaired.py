"""Other scenarios on each side, or none recorded: the means are compared, allowing for what each happened to have."""

from __future__ import annotations

from math import comb, inf, sqrt
from typing import TYPE_CHECKING

import numpy as np

from evalprov.named import NamedTuple
from evalprov.stats.columns import ROUNDING
from evalprov.stats.distributions import t_quantile, t_two_sided
from evalprov.stats.evidence import Evidence, Interval, Noise, rate_growth, t_detectable, t_interval
from evalprov.stats.paired import clustered_noise, noise_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_BOSCHLOO = 2000  # values on both sides together; of more its test is slow, and Fisher's hardly differs
_FISHER = 300_000  # tables that are gone through; of more the normal limit is as good
_GRID = 128
_SLACK = 1e-9


class Mean(NamedTuple):
    """A mean of so many independent units, with its noise."""

    value: float
    n: int
    noise: Noise


def mean_of(values: Floats, groups: Sequence[int] | None = None) -> Mean:
    """Return the mean of two values or more; those of one group (numbered from 0) are alike."""
    value = float(values.mean())
    if groups is None:
        return Mean(value, len(values), noise_of(values))
    return Mean(value, max(groups) + 1, clustered_noise(values, groups))


def of_means(a: Mean, b: Mean, method: str = "Welch's t") -> Evidence:
    """Compare two means by Welch's test; where no value varies by how rarely chance would part them so neatly."""
    effect = b.value - a.value
    error = sqrt(a.noise.error**2 + b.noise.error**2)
    rounding = ROUNDING * max(abs(a.value), abs(b.value))
    least = _least_of_orders(a.n, b.n)
    if error > rounding:
        shares = [(side.noise.error / error) ** 4 for side in (a, b)]
        df = 1 / sum(share / side.noise.df for share, side in zip(shares, (a, b), strict=True))
        doubt = sum(share * side.noise.relative_error_variance for share, side in zip(shares, (a, b), strict=True))
        noise = Noise(error, df, doubt)
        p = t_two_sided(effect / error, df)
    else:
        noise = Noise(0.0, inf)
        p = float(abs(effect) <= rounding)
    return Evidence(
        effect=effect,
        p=max(least, p),
        min_p=least,
        method=method,
        pairing="none",
        n=min(a.n, b.n),
        noise=noise,
        interval=lambda level: t_interval(effect, noise, level),
        detectable=lambda level: t_detectable(noise, level) if least <= level else None,
        fewest=lambda level: next(n for n in range(2, 10**6) if _least_of_orders(n, n) <= level),
    )


def _least_of_orders(a: int, b: int) -> float:
    """Return the p-value of two sides that do not overlap, if any order of the values were as likely."""
    return min(1.0, 2 / comb(a + b, a)) if a + b < 1000 else 0.0


def of_counts(hits_a: int, a: int, hits_b: int, b: int) -> Evidence:
    """Compare two rates."""
    least = _least_of_rates(a, b)
    p, method = _rates_p(hits_a, a, hits_b, b)
    growth = rate_growth((hits_a + hits_b + 1) / (a + b + 2), min(a, b))
    noise = Noise(_rate_error(hits_a, a, hits_b, b), inf, growth=growth)

    def detectable(level: float) -> float | None:
        move = t_detectable(noise, level) if least <= level else None
        return move and move + (1 / a + 1 / b) / 2  # counts move in steps

    return Evidence(
        effect=hits_b / b - hits_a / a,
        p=p,
        min_p=least,
        method=method,
        pairing="none",
        n=min(a, b),
        noise=noise,
        interval=lambda level: agresti_caffo(hits_a, a, hits_b, b, level),
        detectable=detectable,
        fewest=lambda level: next(n for n in range(2, 10**6) if _least_of_rates(n, n) <= level),
    )


def _rates_p(hits_a: int, a: int, hits_b: int, b: int) -> tuple[float, str]:
    if a + b <= _BOSCHLOO:
        return boschloo(hits_a, a, hits_b, b), "Boschloo, exact"
    hits = hits_a + hits_b
    if min(hits, a + b - hits, a, b) <= _FISHER:
        return fisher(hits_a, a, hits_b, b), "Fisher, exact"
    rate = hits / (a + b)
    error = sqrt(rate * (1 - rate) * (1 / a + 1 / b))
    return t_two_sided((hits_b / b - hits_a / a) / error, inf), "two rates, normal"


def _rate_error(hits_a: int, a: int, hits_b: int, b: int) -> float:
    rates = [(hits + 1) / (n + 2) for hits, n in ((hits_a, a), (hits_b, b))]
    return sqrt(sum(rate * (1 - rate) / (n + 2) for rate, n in zip(rates, (a, b), strict=True)))


def _least_of_rates(a: int, b: int) -> float:
    """Return Boschloo's p-value of none on one side and all on the other."""
    return min(1.0, 2 * (a / (a + b)) ** a * (b / (a + b)) ** b)


def agresti_caffo(hits_a: int, a: int, hits_b: int, b: int, level: float) -> Interval:
    """Return the interval of a difference of rates: Wald's, with one success and one failure added on each side."""
    middle = (hits_b + 1) / (b + 2) - (hits_a + 1) / (a + 2)
    reach = t_quantile(1 - level / 2, inf) * _rate_error(hits_a, a, hits_b, b)
    return max(-1.0, middle - reach), min(1.0, middle + reach)


def fisher(hits_a: int, a: int, hits_b: int, b: int) -> float:
    """Return the two-sided p-value of Fisher's exact test."""
    hits = hits_a + hits_b
    tables = np.arange(max(0, hits - b), min(a, hits) + 1)
    logs = _log_choose(a, tables) + _log_choose(b, hits - tables)
    chances = np.exp(logs - logs.max())
    seen = chances[hits_a - tables[0]] * (1 + _SLACK)
    return min(1.0, float(chances[chances <= seen].sum() / chances.sum()))


def boschloo(hits_a: int, a: int, hits_b: int, b: int) -> float:
    """Return the two-sided p-value of Boschloo's exact test: twice that of the better side."""
    less = boschloo_less(hits_a, a, hits_b, b)
    greater = boschloo_less(hits_b, b, hits_a, a)
    return min(1.0, 2 * min(less, greater))


def boschloo_less(hits_a: int, a: int, hits_b: int, b: int) -> float:
    """Return how often A's rate is as far below B's as seen, at the common rate that makes it most often.

    Tables are ordered by Fisher's one-sided p-value. Of those with the same hits in A, the ones as extreme are all
    from some number of hits in B on.
    """
    from scipy.special import bdtrc

    starts = _starts(hits_a, a, hits_b, b)
    some = np.flatnonzero(starts <= b)
    starts = starts[some]
    logs = _log_choose(a, some)

    def chance(rates: Floats) -> Floats:
        column = rates[:, None]
        weights = np.exp(logs + some * np.log(column) + (a - some) * np.log1p(-column))
        tails = np.where(starts > 0, bdtrc(np.maximum(starts - 1, 0), b, column), 1.0)
        return np.asarray((weights * tails).sum(axis=1))

    edges = np.sin(np.linspace(0, np.pi / 2, _GRID + 1)[1:-1]) ** 2  # closer where a rate has less noise
    best = int(np.argmax(chance(edges)))
    low = edges[best - 1] if best else 0.0
    high = edges[best + 1] if best + 1 < len(edges) else 1.0
    return float(chance(np.linspace(low, high, _GRID + 1)[1:-1]).max())


def _starts(hits_a: int, a: int, hits_b: int, b: int) -> NDArray[np.int64]:
    """Return, by hits in A, from how many hits in B on a table is as extreme as the one seen (b + 1 for none)."""
    seen = None
    starts = np.full(a + 1, b + 1)
    choose_a, choose_b = _log_choose(a, np.arange(a + 1)), _log_choose(b, np.arange(b + 1))
    totals = [hits_a + hits_b, *(total for total in range(a + b + 1) if total != hits_a + hits_b)]
    for total in totals:
        tables = np.arange(max(0, total - b), min(a, total) + 1)
        logs = choose_a[tables] + choose_b[total - tables]
        chances = np.exp(logs - logs.max())
        tails = np.cumsum(chances) / chances.sum()  # of so many hits in A or fewer
        if seen is None:
            seen = tails[hits_a - tables[0]] * (1 + _SLACK)
        extreme = tables[tails <= seen]
        starts[extreme] = np.minimum(starts[extreme], total - extreme)
    return starts


def _log_choose(n: int, k: NDArray[np.int64]) -> Floats:
    """Return the logarithm of how many ways there are to choose k of n."""
    from scipy.special import gammaln

    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))
