"""What a test found, and how much data it would have taken to find more."""

from __future__ import annotations

from math import ceil, inf, isfinite, log2, sqrt
from typing import TYPE_CHECKING, Literal, NamedTuple

from evalprov.compare.distributions import t_quantile
from evalprov.compare.samples import finite

if TYPE_CHECKING:
    from collections.abc import Callable

Pairing = Literal["scenarios", "groups", "none"]

POWER = 0.8  # four times in five
_CONFIDENCE = 0.95
_ROUNDS = 20
_MOST_NEEDED = 10**9  # beyond this nobody will gather it


class Noise(NamedTuple):
    """How far chance moves an effect."""

    error: float  # the standard error
    df: float  # its degrees of freedom
    doubt: float = 0.0  # the variance of the ratio of two such errors: what we know of noise is an estimate
    growth: Callable[[float], float] | None = None  # what a move adds to the error's square


class Evidence(NamedTuple):
    """What a test found."""

    effect: float
    p: float  # two-sided
    least: float  # the smallest p that so much data could have given, had all of it moved one way
    method: str
    pairing: Pairing
    n: int  # how many units were compared; unpaired, on the smaller side
    noise: Noise
    interval: tuple[float, float] | None
    detectable: Callable[[float], float | None]  # at a level: the move that would have been seen four times in five
    fewest: Callable[[float], int]  # at a level: how many units could tell anything at all


def times(evidence: Evidence, scale: float) -> Evidence:
    """Return what was found about values that had been divided by a number."""
    if scale == 1:
        return evidence

    def detectable(level: float) -> float | None:
        move = evidence.detectable(level)
        return None if move is None else finite(move * scale)

    ends = evidence.interval and (finite(evidence.interval[0] * scale), finite(evidence.interval[1] * scale))
    return evidence._replace(effect=finite(evidence.effect * scale), interval=ends, detectable=detectable)


def t_interval(effect: float, noise: Noise) -> tuple[float, float]:
    """Return the interval of an effect."""
    reach = t_quantile((1 + _CONFIDENCE) / 2, noise.df) * noise.error if noise.error else 0.0
    return finite(effect - reach), finite(effect + reach)


def no_surer(noise: Noise, effect: float, p: float) -> Noise:
    """Return noise that is no less than a p-value allows, so that the interval does not contradict it."""
    reach = t_quantile(1 - p / 2, noise.df) if 0 < p < 1 else 0.0
    return noise._replace(error=finite(max(noise.error, abs(effect) / reach))) if reach > 0 else noise


def t_detectable(noise: Noise, level: float) -> float | None:
    """Return the move that a t test sees four times in five."""
    if not (0 < level < 1 and noise.error > 0):
        return None
    critical, power = t_quantile(1 - level / 2, noise.df), t_quantile(POWER, inf)
    known = 1 - power**2 * noise.doubt
    if known <= 0:
        return None
    # The move x solves x = critical * e + power * sqrt(e^2 + doubt * x^2).
    ratio = (critical + sqrt(critical * critical * (1 - known) + known * power**2)) / known
    move = ratio * noise.error
    for _ in range(_ROUNDS if noise.growth else 0):
        move = ratio * sqrt(noise.error**2 + noise.growth(move)) if noise.growth else move
    return move if isfinite(move) else None


def more(n: int, detectable: float | None, effect: float, fewest: int) -> int | None:
    """Return how many units would show a move of the size seen, given what n of them could have shown."""
    if detectable is None or effect == 0:
        return None
    ratio = detectable / abs(effect)
    if not ratio < 1e9 or n * ratio**2 > _MOST_NEEDED:
        return None
    return max(fewest, n + 1, ceil(n * ratio**2))


def flips_needed(level: float) -> int:
    """Return how many signs to flip make a p-value below a level possible."""
    return max(2, 1 + ceil(log2(1 / level) + 1e-9))


def rate_growth(rate: float, values: float) -> Callable[[float], float]:
    """Return what a move either way adds to the squared error of a rate of so many values: it leaves an end."""

    def noise(at: float) -> float:
        return at * (1 - at) if 0 < at < 1 else 0.0

    return lambda move: max(0.0, noise(rate - move) - noise(rate), noise(rate + move) - noise(rate)) / values
