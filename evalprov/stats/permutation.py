"""Several trials of each scenario: those of the two sides are exchanged within it.

If the program is what it was, a scenario's values could have come from either side. That holds whatever the number of
trials on each side, where the sign of a difference of means tells something only if the numbers are alike: the mean
of five trials of which one failed lies below that of most single ones.
"""

from __future__ import annotations

from itertools import combinations
from math import comb, erfc, inf, sqrt
from typing import TYPE_CHECKING

import numpy as np

from evalprov.stats.evidence import Evidence, Noise, rate_growth, t_detectable, t_interval
from evalprov.stats.paired import doubt_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

_COUNTED = 1 << 16  # ways to exchange that are all gone through
_SLACK = 1e-9
_MANY = 1000  # trials of one scenario
_ENOUGH = 1e300  # ways


def exchanged(a: Floats, b: Floats) -> Evidence:
    """Compare two sides by tables of their values, a row a trial and a column a scenario; NaN where there is none.

    Each scenario has a value on both sides at least.
    """
    n = a.shape[1]
    sizes_a, sizes_b = ((~np.isnan(side)).sum(axis=0) for side in (a, b))
    sizes = sizes_a + sizes_b
    sums_a, sums_b = (np.nansum(side, axis=0) for side in (a, b))
    effect = float((sums_b / sizes_b - sums_a / sizes_a).mean())
    values = np.concatenate([a, b])
    away = values - (sums_a + sums_b) / sizes
    squares = np.nansum(away**2, axis=0)
    variance = float((squares / (sizes - 1) * (1 / sizes_a + 1 / sizes_b)).sum())
    ways = _ways(sizes_a, sizes_b)
    least, exact = min(1.0, 2 / ways), ways <= _COUNTED
    limit = erfc(abs(effect) * n / sqrt(2 * variance)) if variance else 1.0
    p = _counted(a, b) if exact else max(least, limit)
    noise = Noise(sqrt(variance) / n, inf, doubt_of(away[~np.isnan(away)]), _growth(values))
    within = _within(a, b, sizes_a, sizes_b) or noise
    return Evidence(
        effect=effect,
        p=p,
        min_p=least,
        method="trials exchanged, exact" if exact else "trials exchanged",
        pairing="scenarios",
        n=n,
        noise=noise,
        interval=lambda level: t_interval(effect, within, level),
        detectable=lambda level: t_detectable(noise, level) if least <= level else None,
        fewest=lambda level: next(count for count in range(1, 1000) if 2 / _most_ways(a, b, count) <= level),
    )


def _growth(values: Floats) -> Callable[[float], float] | None:
    known = values[~np.isnan(values)]
    if not np.isin(known, (0, 1)).all():
        return None
    fewer = len(known) / 2
    return rate_growth(float(known.mean()), fewer)


def _within(a: Floats, b: Floats, sizes_a: Counts, sizes_b: Counts) -> Noise | None:
    """Return the noise by how the trials of either side differ among themselves; null where that tells too little.

    Of 0/1 values it does: all alike they seem to have none.
    """
    df = float((sizes_a + sizes_b - 2).sum())
    values = np.concatenate([a, b])
    if not df or bool(np.isin(values[~np.isnan(values)], (0, 1)).all()):
        return None
    squares = sum(float(np.nansum((side - np.nanmean(side, axis=0)) ** 2)) for side in (a, b))
    shares = float((1 / sizes_a + 1 / sizes_b).sum())
    return Noise(sqrt(squares / df * shares) / a.shape[1], df)


def _ways(sizes_a: Counts, sizes_b: Counts) -> float:
    ways = 1.0
    for a, b in zip(sizes_a.tolist(), sizes_b.tolist(), strict=True):
        ways *= float(comb(a + b, a)) if a + b < _MANY else inf
        if ways > _ENOUGH:
            return inf
    return ways


def _most_ways(a: Floats, b: Floats, scenarios: int) -> float:
    """Return in how many ways as many trials of so many scenarios could be exchanged."""
    each = float(comb(len(a) + len(b), len(a))) if len(a) + len(b) < _MANY else inf
    return each ** min(scenarios, 100) if each < _ENOUGH else inf


def _counted(a: Floats, b: Floats) -> float:
    """Return the share of all exchanges that move the mean as far as seen."""
    sums = np.zeros(1)
    seen = size = 0.0
    for place in range(a.shape[1]):
        xs, ys = (side[~np.isnan(side[:, place]), place] for side in (a, b))
        values = np.concatenate([xs, ys])
        picked = np.array(list(combinations(range(len(values)), len(ys))))
        of_b = values[picked].sum(axis=1)
        moves = of_b / len(ys) - (values.sum() - of_b) / len(xs)
        seen += float(moves[-1])  # the last are B's own
        size += float(np.abs(moves).max())
        sums = (sums[:, None] + moves).ravel()
    return float(np.count_nonzero(np.abs(sums) >= abs(seen) - _SLACK * size)) / len(sums)
