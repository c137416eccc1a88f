"""What a test found, and how much data it would have taken to find more."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, inf, isfinite, log2, sqrt
from typing import TYPE_CHECKING, Literal

from evalprov.named import NamedTuple
from evalprov.stats.columns import ROUNDING, finite
from evalprov.stats.distributions import t_quantile

if TYPE_CHECKING:
    from collections.abc import Callable

Pairing = Literal["scenarios", "groups", "none"]
Interval = tuple[float, float]

POWER = 0.8  # four times in five
_SUREST = 1e-12  # no test of ours tells a smaller p-value from none
_ROUNDS = 20
_STEPS = 40
_MANY = 1000  # degrees of freedom: from here on it is the normal distribution
_NORMAL = t_quantile(POWER, inf)
_MOST_NEEDED = 10**9  # beyond this nobody will gather it


class Noise(NamedTuple):
    """How far chance moves an effect."""

    error: float  # the standard error
    df: float  # its degrees of freedom
    relative_error_variance: float = (
        0.0  # the variance of the ratio of two such errors: what we know of noise is an estimate
    )
    growth: Callable[[float], float] | None = None  # what a move adds to the error's square


class Evidence(NamedTuple):
    """What a test found."""

    effect: float
    p: float  # two-sided
    min_p: float  # the smallest p that so much data could have given, had all of it moved one way
    method: str
    pairing: Pairing
    n: int  # how many units were compared; unpaired, on the smaller side
    noise: Noise
    interval: Callable[[float], Interval | None]  # at a level: what is left when so much doubt is allowed
    detectable: Callable[[float], float | None]  # at a level: the move that would have been seen four times in five
    fewest: Callable[[float], int]  # at a level: how many units could tell anything at all


def times(evidence: Evidence, scale: float) -> Evidence:
    """Return what was found about values that had been divided by a number."""
    if scale == 1:
        return evidence

    def detectable(level: float) -> float | None:
        move = evidence.detectable(level)
        return None if move is None else finite(move * scale)

    def interval(level: float) -> Interval | None:
        ends = evidence.interval(level)
        return ends and (finite(ends[0] * scale), finite(ends[1] * scale))

    return evidence._replace(effect=finite(evidence.effect * scale), interval=interval, detectable=detectable)


def t_interval(effect: float, noise: Noise, level: float) -> Interval:
    """Return the interval of an effect."""
    reach = t_quantile(1 - level / 2, noise.df) * noise.error if noise.error else 0.0
    return finite(effect - reach), finite(effect + reach)


def agreed(evidence: Evidence, tails: tuple[float, float], proven: bool) -> Interval | None:  # noqa: FBT001
    """Return the interval, with 0 in it just where the move is not proven; each end leaves so large a tail beyond it.

    A test and an interval that is as good as any for its kind of value can differ by a hair about 0. Then the end that
    is next to 0 is put where the p-value has it: an effect that so often arises by chance lies so many errors away.
    """
    effect = evidence.effect
    ends = [evidence.interval(min(1.0, 2 * tail)) for tail in tails]
    if ends[0] is None or ends[1] is None:
        return None
    low, high = min(ends[0][0], effect), max(ends[1][1], effect)
    if (low > 0 if effect > 0 else high < 0) == proven and (proven or low <= 0 <= high):
        return low, high
    if effect == 0:
        return min(low, 0.0), max(high, 0.0)
    next_to_0 = 2 * tails[0 if effect > 0 else 1]
    seen, wanted = (t_quantile(1 - max(p, _SUREST) / 2, inf) if p < 1 else 0.0 for p in (evidence.p, next_to_0))
    if proven:
        end = effect * (1 - min(wanted / seen, 1 - ROUNDING)) if seen else effect
        return (end, high) if effect > 0 else (low, end)
    beyond = max(0.0, wanted / seen - 1) if seen > 0 else inf
    if effect > 0:
        return max(-high, -effect * beyond) + 0.0, high
    return low, min(-low, -effect * beyond) + 0.0


def t_detectable(noise: Noise, level: float) -> float | None:
    """Return the move that a t test sees four times in five."""
    if not (0 < level < 1 and noise.error > 0):
        return None
    critical, power = t_quantile(1 - level / 2, noise.df), t_quantile(POWER, inf)
    known = 1 - power**2 * noise.relative_error_variance
    if known <= 0:
        return None
    # The move x solves x = critical * e + power * sqrt(e^2 + doubt * x^2).
    ratio = (critical + sqrt(critical * critical * (1 - known) + known * power**2)) / known
    move = ratio * noise.error
    for _ in range(_ROUNDS if noise.growth else 0):
        move = ratio * sqrt(noise.error**2 + noise.growth(move)) if noise.growth else move
    return move if isfinite(move) else None


@lru_cache(maxsize=256)
def t_reach(level: float, df: float) -> float:
    """Return how many errors away a move has to be, for Student's t of so few degrees to see it four times in five.

    The error is an estimate too, so it is the noncentral t that tells.
    """
    from scipy.special import nctdtr

    critical = t_quantile(1 - level / 2, df)
    low, high = critical / 2, 2 * critical + 2
    for _ in range(_STEPS):
        middle = (low + high) / 2
        seen = 1 - float(nctdtr(df, middle, critical)) if df < _MANY else POWER + (middle - critical - _NORMAL)
        low, high = (low, middle) if seen >= POWER else (middle, high)
    return high


def t_moves(noise: Noise, level: float) -> float | None:
    """Return the move that a t test of few degrees of freedom sees four times in five."""
    return t_reach(level, noise.df) * noise.error if 0 < level < 1 and noise.error and noise.df else None


def units_needed(n: int, detectable: float | None, effect: float, fewest: int) -> int | None:
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


def changes_needed(level: float) -> int:
    """Return how many changes one way make a mid-p-value below a level possible."""
    return max(2, ceil(log2(1 / level) + 1e-9))


def rate_growth(rate: float, values: float) -> Callable[[float], float]:
    """Return what a move either way adds to the squared error of a rate of so many values: it leaves an end."""

    def noise(at: float) -> float:
        return at * (1 - at) if 0 < at < 1 else 0.0

    return lambda move: max(0.0, noise(rate - move) - noise(rate), noise(rate + move) - noise(rate)) / values
