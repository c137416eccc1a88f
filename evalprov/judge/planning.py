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
MOST_TRIALS = 1000
_FEWEST = 3  # runs that tell how far whole runs lie apart


class Parts(NamedTuple):
    """What the noise of one run's number is made of, as variances."""

    mean: float
    scenarios: int
    within: float  # of a scenario's value, from trial to trial
    whole: float  # of whole runs
    rates: bool
    sure: bool  # both were measured: else `within` is the most that it can be, and nothing is known of whole runs
    df: float  # of what is known of whole runs, which one run on each side is held against; 0 where nothing is


class PlanRow(NamedTuple):
    """A way to run the eval, on each side."""

    trials: int
    sees: float | None  # the move that as many scenarios as now would show four times in five
    scenarios: int | None  # that would show the move wanted; null where none would


def parts_of(rows: Sequence[Sequence[float]], runs: Sequence[float]) -> Parts:
    """Part the noise of a metric: each row a scenario's values over the trials, and the numbers of whole runs.

    Without any row all noise is that of whole runs.
    """
    if not rows:
        return Parts(mean_of(runs), 0, 0.0, _variance(runs), rates=False, sure=True, df=len(runs) - 1)
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
    told = several and len(runs) >= _FEWEST
    whole = max(0.0, _variance(runs) - within / len(rows)) if told else 0.0
    return Parts(mean_of(values), len(rows), within, whole, rates, several, len(runs) - 1 if told else 0)


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
    spread = 2 * ((parts.within / scenarios if scenarios else 0.0) + parts.whole) / trials
    # One run on each side is held against earlier ones only where those are of as many scenarios.
    df = 2 * (trials - 1) or (parts.df if scenarios == parts.scenarios else 0)
    runs = t_reach(level, df) * sqrt(spread) if df and spread else None
    if trials > 1 or not scenarios:
        return runs
    if parts.rates and (df or not parts.whole):
        from evalprov.stats.power import mcnemar_detectable

        alone = mcnemar_detectable(round(2 * parts.within * scenarios), scenarios, level)
    else:
        growth = rate_growth(parts.mean, scenarios) if parts.rates else None
        alone = t_detectable(Noise(sqrt(spread), inf, growth=growth), level)
    return alone if alone is None or runs is None else max(alone, runs)


def trials_needed(parts: Parts, move: float, level: float) -> int | None:
    """Return how many runs of as many scenarios on each side show a move; null where too many would have to."""
    low, high = 0, 1
    while not _enough(parts, move, parts.scenarios, high, level):
        low, high = high, 2 * high
        if high > MOST_TRIALS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _enough(parts, move, parts.scenarios, middle, level) else (middle, high)
    return high


def needed(parts: Parts, move: float, trials: int, level: float) -> int | None:
    """Return how many scenarios show a move, so many times on each side; null where no number of them does."""
    low, high = 0, 8
    if not parts.scenarios:
        return None
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
