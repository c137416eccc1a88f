"""The same scenarios on both sides: each is compared with itself, so how hard it is does not count as noise.

If the program is what it was, every difference could as well have had the other sign. That gives McNemar's exact
test for 0/1 values and the exact sign-flip test for others, while the ways to flip can be counted through; beyond
that the paired t test, which for differences with such symmetry is the same in the limit. Scenarios that come in
groups are alike: a group is flipped as a whole, and the standard error is the clustered one.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, lgamma, log, sqrt
from typing import TYPE_CHECKING

import numpy as np

from evalprov.named import NamedTuple
from evalprov.stats.columns import finite
from evalprov.stats.distributions import t_quantile, t_two_sided
from evalprov.stats.evidence import (
    POWER,
    Evidence,
    Interval,
    Noise,
    changes_needed,
    flips_needed,
    t_detectable,
    t_interval,
    t_moves,
)
from evalprov.stats.noise import mcnemar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Growth = Callable[[float], float]

COUNTED = 17  # so many signs are flipped in every way: 2^16 of them, as all flipped is none flipped
_EXACT_INTERVAL = 16
_FIVE = 5  # changes all one way are 1 in 16: more than 1 in 20, if what was seen counts in full
_FEW_GROUPS = 8  # fewer are compared by t
_STRAIGHT = 1e-6
_LONG_ENOUGH = 20  # values that tell of their tail
_SLACK = 1e-9


def of_rates(d: Floats) -> Evidence:
    """Compare 0/1 values by their differences, -1, 0 or 1."""
    n, up, down = len(d), int(np.count_nonzero(d > 0)), int(np.count_nonzero(d < 0))
    from evalprov.stats.power import mcnemar_detectable

    return Evidence(
        effect=(up - down) / n,
        p=mcnemar_mid(up, down),
        min_p=2.0**-n if n else 1.0,
        method="McNemar, mid-p",
        pairing="scenarios",
        n=n,
        noise=noise_of(d),
        interval=lambda level: bonett_price(up, down, n, level),
        detectable=lambda level: mcnemar_detectable(up + down, n, level),
        fewest=changes_needed,
    )


def mcnemar_mid(up: int, down: int) -> float:
    """Return the two-sided mid-p-value of so many changes up and so many down: what was seen itself counts by half.

    The exact test is far rarer than stated to call a rate changed; this one is as rare as it says (Fagerland 2013).
    """
    n, fewer = up + down, min(up, down)
    if up == down:
        return 1.0
    return mcnemar(up, down) - exp(lgamma(n + 1) - lgamma(fewer + 1) - lgamma(n - fewer + 1) - n * log(2))


def bonett_price(up: int, down: int, n: int, level: float) -> Interval:
    """Return the interval of a difference of paired rates: Wald's, with one change each way added."""
    more, less = (up + 1) / (n + 2), (down + 1) / (n + 2)
    middle = more - less
    reach = t_quantile(1 - level / 2, np.inf) * sqrt((more + less - middle**2) / (n + 2))
    return max(-1.0, middle - reach), min(1.0, middle + reach)


def of_numbers(d: Floats, growth: Growth | None = None) -> Evidence:
    """Compare values by their differences; a move may add to their noise."""
    return _compared(d, np.ones(len(d)), noise_of(d)._replace(growth=growth), grouped=False)


def factor_growth(values: Floats) -> Growth | None:
    """Return what a move adds to the noise of numbers that move by a factor, as latencies do; null for others.

    They are those above 0 with a long tail: a factor moves the large ones further.
    """
    if len(values) < _LONG_ENOUGH or float(values.min()) <= 0:
        return None
    mean, spread = float(values.mean()), float(values.std())
    if not spread or float(np.mean(((values - mean) / spread) ** 3)) < 1:
        return None
    share = (spread / mean) ** 2 / len(values)
    return lambda move: move * move * share


def of_groups(d: Floats, groups: Sequence[int], growth: Growth | None = None) -> Evidence:
    """Compare values by their differences, where the scenarios come in groups (numbered from 0)."""
    places = np.asarray(groups)
    sums = np.bincount(places, weights=d).astype(float)
    sizes = np.bincount(places).astype(float)
    return _compared(sums, sizes, clustered_noise(d, groups)._replace(growth=growth), grouped=True)


def noise_of(values: Floats) -> Noise:
    """Return the noise of a mean."""
    if len(values) < 2:
        return Noise(0.0, 0.0)
    error = float(np.std(values, ddof=1)) / sqrt(len(values))
    return Noise(error, len(values) - 1, doubt_of(values - values.mean()))


def clustered_noise(values: Floats, groups: Sequence[int]) -> Noise:
    """Return the noise of a mean of values in groups (numbered from 0).

    It is how far the mean moves when each group in turn is left out. Groups of one size have the usual clustered
    standard error and one degree of freedom less than there are of them; where a few hold most of the values the usual
    one is far too small, and they are worth no more than so many groups of one size (Kish).
    """
    places = np.asarray(groups)
    shares = np.bincount(places) / len(values)
    count = len(shares)
    if count < 2:
        return Noise(0.0, 0.0)
    without = np.bincount(places, weights=values - values.mean()) / (1 - shares) / len(values)
    error = sqrt(float(without @ without) * (count - 1) / count)
    return Noise(error, 1 / float(shares @ shares) - 1, doubt_of(without))


def doubt_of(residuals: Floats) -> float:
    """Return the variance of the ratio of two standard errors, each from such residuals: large for heavy tails."""
    squares = residuals**2
    spread = float(squares.mean())
    if not spread:
        return 0.0
    return max(0.0, float(((squares / spread) ** 2).mean()) - 1) / (2 * len(squares))


def _compared(sums: Floats, sizes: Floats, noise: Noise, *, grouped: bool) -> Evidence:
    """Compare units, each the sum of so many differences."""
    units, changed = len(sums), sums[sums != 0]
    effect = float(sums.sum() / sizes.sum())
    t = effect / noise.error if noise.error else np.inf
    by_t = grouped and units < _FEW_GROUPS and noise.df > 0
    if len(changed) == _FIVE and not grouped:
        # The exact test cannot speak yet: it counts what was seen by half, and the t test has to agree.
        own = noise_of(changed)
        own_t = float(changed.mean()) / own.error if own.error else np.inf
        p = max(flips_p(changed) - 2.0**-_FIVE, t_two_sided(own_t, _FIVE - 1))
        method = "sign flips, mid-p, and paired t, which takes differences as normal"
    elif by_t:
        p = t_two_sided(t, noise.df) if noise.error else _least(units) if len(changed) else 1.0
        method = f"t over {units} groups, which takes the mean of each as normal"
    elif len(changed) <= COUNTED:
        p = flips_p(changed)
        method = "sign flips of whole groups, exact" if grouped else "sign flips, exact"
    else:
        p = max(t_two_sided(t, noise.df), _least(len(changed)))
        method = "paired t, clustered by group" if grouped else "paired t"
    few = units <= _EXACT_INTERVAL
    shape = lru_cache(maxsize=1)(lambda: shape_of(sums))

    def interval(level: float) -> Interval | None:
        if by_t:
            return t_interval(effect, noise, level)
        exact = flips_interval(sums, sizes, level) if few else None
        if exact is not None or units < _FIVE or grouped:
            return exact if few else t_interval(effect, noise, level)
        return t_interval(effect, noise, level) if few else skewed_interval(shape(), level)

    return Evidence(
        effect=effect,
        p=p,
        min_p=0.0 if by_t and noise.error else 2.0**-_FIVE if units == _FIVE and not grouped else _least(units),
        method=method,
        pairing="groups" if grouped else "scenarios",
        n=units,
        noise=noise,
        interval=interval,
        detectable=lambda level: t_moves(noise, level) if by_t else _detectable(units, noise, level),
        fewest=lambda level: 2 if by_t else _FIVE if level > 2.0**-_FIVE and not grouped else flips_needed(level),
    )


class _Shape(NamedTuple):
    """What the interval of a mean is made of."""

    mean: float
    error: float
    n: float
    skew: float


def skewed_interval(shape: _Shape, level: float) -> Interval:
    """Return the interval of a mean of values that may be lopsided.

    The end on the side of the longer tail lies as far out as Hall's (1992) transformation has it, within reason.
    """
    mean, error, n, skew = shape
    z = t_quantile(1 - level / 2, n - 1)
    low, high = mean - z * error, mean + z * error
    if abs(skew) > _STRAIGHT:
        ends = [mean - 3 / skew * float(np.cbrt(1 + skew * (at - skew / 6)) - 1) * error for at in (z, -z)]
        low, high = max(min(low, ends[0]), low - z * error), min(max(high, ends[1]), high + z * error)
    return finite(low), finite(high)


def shape_of(d: Floats) -> _Shape:
    """Return what is known of the mean of differences.

    Of many zeros and a few large values the sample may have caught too few, or none: a pair of them, one each way, is
    added in the measure that there are zeros.
    """
    changed = int(np.count_nonzero(d))
    added = 2 * (1 - changed / len(d)) ** 2
    n = len(d) + added
    squares, plain = float(d @ d), float(d.mean())
    mean = plain * len(d) / n
    error = sqrt(max(0.0, (squares + added * squares / max(1, changed)) / n - mean**2) / (n - 1))
    spread = squares / len(d) - plain**2
    if not spread > 0:
        return _Shape(mean, error, n, 0.0)
    away = d - plain
    away /= sqrt(spread)
    return _Shape(mean, error, n, float(away * away @ away) / len(d) / sqrt(n))


def flips_p(d: Floats) -> float:
    """Return the share of all ways to flip the signs that give a sum as far from zero as the one seen."""
    if not len(d):
        return 1.0
    sums = np.array([float(d[0])])
    for one in d[1:]:
        sums = np.concatenate([sums + one, sums - one])
    seen = abs(float(d.sum())) - _SLACK * float(np.abs(d).sum())
    return float(np.count_nonzero(np.abs(sums) >= seen)) / len(sums)


def flips_interval(sums: Floats, sizes: Floats, level: float) -> Interval | None:
    """Return the means that flipping signs does not rule out: between those of all subsets (Hartigan 1969).

    Null where so few units rule out nothing.
    """
    totals, counts = np.zeros(1), np.zeros(1)
    for total, count in zip(sums, sizes, strict=True):
        totals, counts = np.concatenate([totals, totals + total]), np.concatenate([counts, counts + count])
    means = np.sort(totals[1:] / counts[1:])
    beyond = int(level / 2 * (len(means) + 1) + _SLACK)
    return (float(means[beyond - 1]), float(means[-beyond])) if beyond else None


def _least(units: int) -> float:
    return 2.0 ** (1 - units) if units else 1.0


def _detectable(units: int, noise: Noise, level: float) -> float | None:
    """Return the move that is seen four times in five; of few units the attainable level is below the one asked for."""
    least = _least(units)
    if units == _FIVE and least > level > 2.0**-_FIVE:
        least = 2.0**-_FIVE
    if not 0 < level < 1 or least > level:
        return None
    if units > COUNTED:
        return t_detectable(noise, level)
    steps = int(level / least)
    reach = t_detectable(noise, steps * least)
    if reach is None or steps > 1:
        return reach
    # All have to move one way.
    return max(reach, t_quantile(POWER ** (1 / units), np.inf) * noise.error * sqrt(units))
