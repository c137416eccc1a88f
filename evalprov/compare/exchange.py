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

from evalprov.compare.evidence import Noise, t_detectable, t_interval
from evalprov.compare.paired import doubt_of
from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from evalprov.compare.evidence import Evidence

    Floats = NDArray[np.float64]

_COUNTED = 1 << 16  # ways to exchange that are all gone through
_SLACK = 1e-9


class Exchange(NamedTuple):
    """What exchanging the trials found."""

    p: float
    least: float  # the smallest p that so many trials could have given
    noise: Noise  # of the mean of the scenarios' differences, if the sides are alike
    within: Noise  # the same, whether they are or not
    equal: bool  # every scenario has as many trials on both sides
    exact: bool

    def evidence(self, found: Evidence) -> Evidence:
        """Return what the trials say by themselves, where there are too few scenarios to flip."""
        noise = self.noise._replace(growth=found.noise.growth)
        return found._replace(
            p=self.p,
            least=self.least,
            method="trials exchanged, exact" if self.exact else "trials exchanged",
            noise=noise,
            interval=lambda level: t_interval(found.effect, self.within, level),
            detectable=lambda level: t_detectable(noise, level) if self.least <= level else None,
        )

    def tempered(self, found: Evidence) -> Evidence:
        """Return what was found by the scenarios' means, as sure as the trials allow."""
        return found._replace(
            p=max(found.p, self.p),
            least=max(found.least, self.least),
            method=f"{found.method}, and trials exchanged",
        )


def exchanged(a: Sequence[Sequence[float]], b: Sequence[Sequence[float]]) -> Exchange:
    """Compare two sides by the values of each scenario's trials."""
    sizes_a, sizes_b = np.array([len(one) for one in a]), np.array([len(one) for one in b])
    ways = _ways(zip(sizes_a.tolist(), sizes_b.tolist(), strict=True))
    places = np.repeat(np.arange(len(a) * 2) // 2, np.stack([sizes_a, sizes_b], axis=1).ravel())
    values = np.array([value for pair in zip(a, b, strict=True) for side in pair for value in side])
    sizes = sizes_a + sizes_b
    middle = np.bincount(places, weights=values) / sizes
    residuals = values - middle[places]
    squares = np.bincount(places, weights=residuals**2)
    variance = float((squares / (sizes - 1) * (1 / sizes_a + 1 / sizes_b)).sum())
    least, exact = min(1.0, 2 / ways), ways <= _COUNTED
    if exact:
        p = _counted(a, b)
    else:
        moved = sum(sum(ys) / len(ys) - sum(xs) / len(xs) for xs, ys in zip(a, b, strict=True))
        p = max(least, erfc(abs(moved) / sqrt(2 * variance)) if variance else 1.0)
    equal = bool((sizes_a == sizes_b).all())
    noise = Noise(sqrt(variance) / len(a), inf, doubt_of(residuals))
    return Exchange(p, least, noise, _within(a, b, values) or noise, equal, exact)


def _within(a: Sequence[Sequence[float]], b: Sequence[Sequence[float]], values: Floats) -> Noise | None:
    """Return the noise by how the trials of either side differ among themselves; null where that tells too little.

    Of 0/1 values it does: all alike they seem to have none.
    """
    df = sum(len(one) - 1 for side in (a, b) for one in side)
    if not df or bool(np.isin(values, (0, 1)).all()):
        return None
    squares = sum(float(np.var(one)) * len(one) for side in (a, b) for one in side)
    shares = sum(1 / len(one) for side in (a, b) for one in side)
    return Noise(sqrt(squares / df * shares) / len(a), df)


def _ways(sizes: Iterable[tuple[int, int]]) -> float:
    ways = 1.0
    for a, b in sizes:
        ways *= float(comb(a + b, a)) if a + b < 1000 else inf
    return ways


def _counted(a: Sequence[Sequence[float]], b: Sequence[Sequence[float]]) -> float:
    """Return the share of all exchanges that move the mean as far as seen."""
    sums = np.zeros(1)
    seen = size = 0.0
    for xs, ys in zip(a, b, strict=True):
        values = np.array([*xs, *ys])
        picked = np.array(list(combinations(range(len(values)), len(ys))))
        of_b = values[picked].sum(axis=1)
        moves = of_b / len(ys) - (values.sum() - of_b) / len(xs)
        seen += float(moves[-1])  # the last are B's own
        size += float(np.abs(moves).max())
        sums = (sums[:, None] + moves).ravel()
    return float(np.count_nonzero(np.abs(sums) >= abs(seen) - _SLACK * size)) / len(sums)
