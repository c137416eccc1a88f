"""Several trials of one program summed up, metric by metric."""

from __future__ import annotations

from array import array
from math import fsum, hypot, isfinite, sqrt
from typing import TYPE_CHECKING, Literal

from evalprov.judge.direction import is_spent, unit_of
from evalprov.judge.samples import samples
from evalprov.named import NamedTuple
from evalprov.stats.columns import Column, mean_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from evalprov.record.manifest import Manifest

PERCENTS = (50, 90, 95, 99)


class Quantiles(NamedTuple):
    """Where the values lie; null where there are too few of them to say."""

    at: tuple[float | None, ...]  # for each of PERCENTS
    of: Literal["scenarios", "trials"]  # of every scenario's value in every trial, or of one value a trial
    n: int


class MetricSummary(NamedTuple):
    """One metric over the trials."""

    name: str  # in the summary
    unit: str | None
    trials: int  # how many have it
    mean: float
    stderr: float | None  # of the mean, by how the trials differ: what other trials of these scenarios would do
    low: float
    high: float
    scenarios: int  # with a value
    stderr_scenarios: float | None  # of the mean, by how the scenarios differ: what other scenarios would do
    quantiles: Quantiles | None  # of what an eval spends: time, money, tokens


class Trials:
    """The values of one metric over several runs of the same program."""

    def __init__(self) -> None:
        self.runs: list[int] = []  # which of the runs have it
        self.values: list[float] = []  # of each run's summary
        self.units: dict[str, None] = {}  # as reported
        self._columns: list[Column] = []

    def add(self, run: int, value: float, column: Column | None, units: Iterable[str | None]) -> None:
        """Take in one run."""
        self.runs.append(run)
        self.values.append(value)
        self.units.update(dict.fromkeys(filter(None, units)))
        if column is not None:
            alike = self._columns and self._columns[-1].scenarios == column.scenarios
            # One list of names serves all runs of the same scenarios.
            self._columns.append(Column(self._columns[-1].scenarios, column.values) if alike else column)

    @property
    def columns(self) -> list[Column]:
        """The values by scenario of each run; none, unless every run's summary is the mean of some."""
        return self._columns if len(self._columns) == len(self.values) else []

    def by_scenario(self) -> dict[str, array[float]]:
        """Return each scenario's values, over the runs."""
        found: dict[str, array[float]] = {}
        for column in self.columns:
            for scenario, value in zip(column.scenarios, column.values, strict=True):
                found.setdefault(scenario, array("d")).append(value)
        return found


def gathered(runs: Iterable[Manifest]) -> dict[str, Trials]:
    """Return what is known of every metric over the runs; only one run's record is held at a time."""
    found: dict[str, Trials] = {}
    for number, run in enumerate(runs):
        for name, sample in samples((run,)).items():
            if sample.trials and not sample.is_redundant_total:
                units = [info["unit"] for info in sample.info]
                found.setdefault(name, Trials()).add(number, sample.trials[0], sample.column, units)
    return found


def summed(runs: Iterable[Manifest]) -> list[MetricSummary]:
    """Sum up the runs, metric by metric; which of them count is for the caller to say."""
    groups: dict[str, str] = {}

    def noted(run: Manifest) -> Manifest:
        groups.update(run["scenario_groups"])
        return run

    return [_summary(name, trials, groups) for name, trials in gathered(map(noted, runs)).items()]


def _summary(name: str, trials: Trials, groups: Mapping[str, str]) -> MetricSummary:
    values = trials.values
    means = {scenario: mean_of(own) for scenario, own in trials.by_scenario().items()}
    unit = next(iter(trials.units), None) or unit_of(name)
    quantiles = None
    if is_spent(name, unit):  # where the slow and dear cases say more than the mean does
        pooled = [value for column in trials.columns for value in column.values]
        quantiles = _quantiles(pooled, "scenarios") if pooled else _quantiles(values, "trials")
    return MetricSummary(
        name,
        unit,
        len(values),
        mean_of(values),
        standard_error(values),
        min(values),
        max(values),
        len(means),
        standard_error(list(means.values()), [groups.get(scenario, (scenario,)) for scenario in means]),
        quantiles,
    )


def standard_error(values: Sequence[float], clusters: Sequence[object] | None = None) -> float | None:
    """Return the standard error of the values' mean; values of one cluster are allowed to be alike.

    Null for fewer than two clusters, which say nothing of how far others may lie.
    """
    mean = mean_of(values) if values else 0.0
    away: dict[object, list[float]] = {}
    for place, value in enumerate(values):
        away.setdefault(place if clusters is None else clusters[place], []).append(value - mean)
    if len(away) < 2:
        return None
    try:
        error = hypot(*map(fsum, away.values())) / len(values) * sqrt(len(away) / (len(away) - 1))
    except OverflowError:
        return None
    return error if isfinite(error) else None


def quantile(ordered: Sequence[float], percent: float) -> float:
    """Return the value that so many percent lie below, between two neighbours in a straight line.

    It is the definition of numpy, R (type 7) and Excel: the least value is at 0 %, the largest at 100 %.
    """
    place = (len(ordered) - 1) * percent / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    share = place - low
    return ordered[low] * (1 - share) + ordered[high] * share


def _quantiles(values: Sequence[float], of: Literal["scenarios", "trials"]) -> Quantiles:
    """Return the quantiles that the values can support: one value at least has to be expected beyond."""
    ordered = sorted(values)
    enough = [len(ordered) * (100 - percent) >= 100 for percent in PERCENTS]
    at = tuple(quantile(ordered, percent) if is_so else None for percent, is_so in zip(PERCENTS, enough, strict=True))
    return Quantiles(at, of, len(ordered))
