"""How much data shows a move of a given size: from what a program's noise is made of to scenarios and trials."""

from __future__ import annotations

from math import inf, sqrt
from typing import TYPE_CHECKING

from evalprov.judge.summary import standard_error
from evalprov.named import NamedTuple
from evalprov.stats.columns import mean_of
from evalprov.stats.evidence import Noise, rate_growth, t_detectable, t_reach

if TYPE_CHECKING:
    from collections.abc import Sequence

TRIALS = (1, 2, 3, 5, 10)
MOST = 10_000_000  # scenarios: nobody has more


class Parts(NamedTuple):
    """What the noise of one run's number is made of, as variances."""

    mean: float
    scenarios: int
    within: float  # of a scenario's value, from trial to trial
    whole: float  # of whole runs
    rates: bool
    sure: bool  # both were measured: else `within` is the most that it can be, and nothing is known of whole runs


class PlanRow(NamedTuple):
    """A way to run the eval, on each side."""

    trials: int
    sees: float | None  # the move that as many scenarios as now would show four times in five
    scenarios: int | None  # that would show the move wanted; null where none would


def parts_of(rows: Sequence[Sequence[float]], runs: Sequence[float]) -> Parts:
    """Part the noise of a metric: each row a scenario's values over the trials, and the numbers of whole runs."""
    values = [value for row in rows for value in row]
    rates = all(value in (0, 1) for value in values)
    several = bool(rows) and len(rows[0]) > 1
    if several:
        within = _left_over(rows)
        # Few trials of a rate happen to be all alike: Agresti's half of a success and a failure more.
        if rates:
            within = max(within, 0.5 / (len(values) + 1))
    else:
        rate = mean_of(values)
        within = rate * (1 - rate) if rates else _variance(values) if len(values) > 1 else 0.0
    whole = max(0.0, _variance(runs) - within / len(rows)) if several and len(runs) > 2 else 0.0
    return Parts(mean_of(values), len(rows), within, whole, rates, several)


def _left_over(rows: Sequence[Sequence[float]]) -> float:
    """Return the variance that neither the scenario nor the run explains."""
    columns = list(zip(*rows, strict=True))
    middle = mean_of([mean_of(row) for row in rows])
    shifts = [mean_of(column) - middle for column in columns]
    if len(rows) < 2:
        return _variance(rows[0])
    squares = 0.0
    for row in rows:
        own = mean_of(row)
        squares += sum((value - own - shift) ** 2 for value, shift in zip(row, shifts, strict=True))
    return squares / (len(rows) - 1) / (len(columns) - 1)


def _variance(values: Sequence[float]) -> float:
    error = standard_error(values)
    return 0.0 if error is None else error * error * len(values)


def sees(parts: Parts, scenarios: int, trials: int, level: float) -> float | None:
    """Return the move that so many scenarios, so many times on each side, show four times in five."""
    spread = 2 * (parts.within / scenarios + parts.whole) / trials
    growth = rate_growth(parts.mean, scenarios * trials) if parts.rates else None
    if trials > 1:
        return t_reach(level, 2 * (trials - 1)) * sqrt(spread) if spread else None
    if parts.rates and not parts.whole:
        from evalprov.stats.power import mcnemar_detectable

        return mcnemar_detectable(round(2 * parts.within * scenarios), scenarios, level)
    return t_detectable(Noise(sqrt(spread), inf, growth=growth), level)


def needed(parts: Parts, move: float, trials: int, level: float) -> int | None:
    """Return how many scenarios show a move, so many times on each side; null where no number of them does."""
    low, high = 0, 8
    while not _enough(parts, move, high, trials, level):
        low, high = high, 2 * high
        if high > MOST:
            return None
    while high - low > max(1, high // 200):
        middle = (low + high) // 2
        low, high = (low, middle) if _enough(parts, move, middle, trials, level) else (middle, high)
    return high


def _enough(parts: Parts, move: float, scenarios: int, trials: int, level: float) -> bool:
    seen = sees(parts, scenarios, trials, level)
    return seen is not None and seen <= move


def plan(parts: Parts, move: float, level: float) -> list[PlanRow]:
    """Return what each number of trials sees now, and how many scenarios of so many trials would show a move."""
    return [
        PlanRow(trials, sees(parts, parts.scenarios, trials, level), needed(parts, move, trials, level))
        for trials in TRIALS
    ]
