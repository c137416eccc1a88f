"""The noise of a whole run: a slow machine, a bad hour, a server's mood move all scenarios of a run together.

Scenarios cannot tell it, however many there are; only runs can. Their numbers are compared by Student's t, which takes
them as normal and as noisy on both sides, and which few runs are enough for.
"""

from __future__ import annotations

from math import comb, erfc, inf, sqrt
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.stats.columns import ROUNDING, mean_of
from evalprov.stats.distributions import t_quantile, t_two_sided
from evalprov.stats.evidence import POWER, Evidence, Noise, t_interval, t_reach

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evalprov.stats.evidence import Interval

METHOD = "t over runs"
_FEWEST = 2
_STEPS = 30
_NORMAL = t_quantile(POWER, inf)


class Spread(NamedTuple):
    """How far the number of a run lies from that of another one of the same program."""

    variance: float
    df: float  # how many runs beyond the first of each program tell it
    runs: int = 0  # earlier ones, that are not compared

    def with_runs(self, *sides: Sequence[float]) -> Spread:
        """Return the spread that these runs tell as well, each side's about its own mean."""
        squares, df = self.variance * self.df, self.df
        for side in sides:
            if len(side) > 1:
                middle = mean_of(side)
                squares += sum((value - middle) * (value - middle) for value in side)  # may be infinite, and no error
                df += len(side) - 1
        return self._replace(variance=squares / df if df else 0.0, df=df)


UNKNOWN = Spread(0.0, 0.0)


def of_runs(a: Sequence[float], b: Sequence[float], known: Spread = UNKNOWN) -> Evidence | None:
    """Compare the numbers of runs; null where nothing tells how far runs of one program lie apart."""
    spread = known.with_runs(a, b)
    if not spread.df:
        return None
    ones, others = mean_of(a), mean_of(b)
    effect = others - ones
    error = sqrt(spread.variance * (1 / len(a) + 1 / len(b)))
    alike = error <= ROUNDING * max(abs(ones), abs(others))
    # Of runs that are all alike no spread is known: then it is how rarely chance parts them so neatly.
    least = min(1.0, 2 / comb(len(a) + len(b), len(a))) if alike else 0.0
    noise = Noise(0.0, inf) if alike else Noise(error, spread.df, 1 / (2 * spread.df))
    p = (max(least, float(effect == 0)) if alike else t_two_sided(effect / error, spread.df)) if effect else 1.0
    return Evidence(
        effect=effect,
        p=p,
        min_p=least,
        method=METHOD,
        pairing="none",
        n=min(len(a), len(b)),
        noise=noise,
        interval=lambda level: t_interval(effect, noise, level),
        detectable=lambda level: t_reach(level, spread.df) * error if least <= level and not alike else None,
        fewest=lambda level: fewest_runs(level) if alike else _FEWEST,
    )


def fewest_runs(level: float) -> int:
    """Return how many runs on each side can tell anything, be they all alike."""
    return next(n for n in range(_FEWEST, 1000) if 2 / comb(2 * n, n) <= level)


def both(one: Evidence, other: Evidence) -> Evidence:
    """Return what two tests prove together: no more than the less sure of them, of the first one's effect."""
    sure, unsure = sorted((one, other), key=lambda evidence: evidence.p)
    offset = one.effect - other.effect

    def interval(level: float) -> Interval | None:
        ends = [one.interval(level), other.interval(level)]
        if ends[0] is None or ends[1] is None:
            return None
        return min(ends[0][0], ends[1][0] + offset), max(ends[0][1], ends[1][1] + offset)

    return one._replace(
        p=unsure.p,
        min_p=max(one.min_p, other.min_p),
        method=f"{one.method}, and {other.method}",
        noise=max(sure.noise, unsure.noise, key=lambda noise: noise.error),
        interval=interval,
        detectable=_seen_by_both(one, other),
        fewest=lambda level: max(one.fewest(level), other.fewest(level)),
    )


def _seen_by_both(one: Evidence, other: Evidence) -> Callable[[float], float | None]:
    """Return the move that both tests see four times in five; where one sees it barely, the other may not."""
    errors = one.noise.error, other.noise.error

    def detectable(level: float) -> float | None:
        moves = [move for test in (one, other) if (move := test.detectable(level)) is not None]
        if len(moves) < 2:
            return None
        low = max(moves)
        if not min(errors):
            return low
        high = low + max(errors)
        for _ in range(_STEPS):
            middle = (low + high) / 2
            shares = [_below((middle - move) / error + _NORMAL) for move, error in zip(moves, errors, strict=True)]
            low, high = (low, middle) if shares[0] * shares[1] >= POWER else (middle, high)
        return high

    return detectable


def _below(z: float) -> float:
    return erfc(-z / sqrt(2)) / 2
