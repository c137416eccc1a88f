"""Which moves of a rate McNemar's mid-p test sees four times in five."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, floor, sqrt
from typing import TYPE_CHECKING

import numpy as np

from evalprov.stats.distributions import t_quantile
from evalprov.stats.evidence import POWER, Noise, t_detectable

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEPS = 18
_CORRECTIONS = 12  # the normal limit is off by less
_EXACT = 2000  # up to so many changes are counted through


@lru_cache(maxsize=4096)
def mcnemar_detectable(changed: int, n: int, level: float) -> float | None:
    """Return the smallest such move of a paired rate, with as many chance changes as were seen."""
    if not 0 < level < 1:
        return None
    noise = (changed + 1) / (n + 2)
    if n * noise > _EXACT:
        return t_detectable(Noise(sqrt(noise / n), np.inf), level)
    if _mcnemar_power(n, noise, 1.0, level) < POWER:
        return None
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if _mcnemar_power(n, noise, middle, level) >= POWER else (middle, high)
    return high


def _mcnemar_power(n: int, noise: float, move: float, level: float) -> float:
    """Return how often a move is seen: a change is against it where it was chance alone."""
    from scipy.special import bdtr, gammaln, xlog1py, xlogy

    against = noise / 2 * (1 - move)
    share = against + min(1 - against, against + move)  # that change at all
    spread = 8 * sqrt(n * share * (1 - share)) + 8
    changes = np.arange(max(0, floor(n * share - spread)), min(n, ceil(n * share + spread)) + 1)
    logs = gammaln(n + 1) - gammaln(changes + 1) - gammaln(n - changes + 1)
    weights = np.exp(logs + xlogy(changes, share) + xlog1py(n - changes, -share))
    most = _critical(changes, level)
    up = 1 - against / share
    seen = np.where(most >= 0, bdtr(np.maximum(most, 0), changes, 1 - up) + bdtr(np.maximum(most, 0), changes, up), 0.0)
    return float(weights @ seen)


def _critical(changes: NDArray[np.int64], level: float) -> NDArray[np.float64]:
    """Return how many changes against the rest are still significant, by the number of all changes; -1 for none."""
    from scipy.special import bdtr

    def p(fewer: NDArray[np.float64]) -> NDArray[np.float64]:
        most = np.maximum(fewer, 0)
        below = np.where(most > 0, bdtr(np.maximum(most - 1, 0), changes, 0.5), 0.0)
        return np.asarray(bdtr(most, changes, 0.5) + below)

    guess = np.floor(changes / 2 + t_quantile(level / 2, np.inf) * np.sqrt(changes) / 2) + 2
    guess = np.minimum(guess, changes)
    for _ in range(_CORRECTIONS):
        wrong = (guess >= 0) & (p(guess) >= level)
        if not wrong.any():
            break
        guess = guess - wrong
    return np.asarray(guess)
