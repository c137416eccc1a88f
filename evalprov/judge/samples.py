"""From runs to the values of each metric: one number a run, and one a scenario where there are any."""

from __future__ import annotations

from array import array
from itertools import chain, compress
from operator import itemgetter
from typing import TYPE_CHECKING, Literal

from evalprov.named import NamedTuple
from evalprov.stats.columns import NO_COLUMN, Column, floats, is_rounded, mean_of, number

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from evalprov.record.manifest import Manifest
    from evalprov.record.schema.outcome import MetricInfo
    from evalprov.record.schema.values import MetricValue

    Row = Mapping[str, MetricValue]


class Sample(NamedTuple):
    """What one side says of one metric."""

    value: MetricValue  # of the run's summary; over trials their mean
    trials: list[float]  # the summary's value in each run that has one
    column: Column | None  # the values it is the mean of
    info: list[MetricInfo]  # what the runs say of it
    by_trial: list[Column]  # the columns of each trial, where there are several
    sums: bool = False  # it is the sum of its column, and not the mean
    reported: bool = True  # by the eval; else it is ours, made from scenarios beside a summary that lacks it
    is_redundant_total: bool = False  # than the mean of the same values, which stands beside it
    table: Table | None = None  # the scenarios of the one run that says it, where it is no mean or sum of theirs


NO_SAMPLE = Sample(None, [], None, [], [])


def own_names(name: str) -> list[str]:
    """Return the names that a summary's metric may have in the scenarios."""
    return list(dict.fromkeys((name.removesuffix("_mean"), name, name.removesuffix("_total"))))


def is_redundant_total(name: str, names: Collection[str]) -> bool:
    """Say whether a metric is a total beside its mean."""
    return name.endswith("_total") and f"{name.removesuffix('_total')}_mean" in names


def mean_or_sum_of(name: str, own: str, value: float, column: Sequence[float]) -> Literal["mean", "sum"] | None:
    """Say whether a summary's metric is the mean or the sum of scenarios' values, be it rounded; a name proves neither.

    The column is without gaps.
    """
    if not column:
        return None
    if (own == name or name.endswith("_mean")) and is_rounded(value, mean_of(column)):
        return "mean"
    if (own == name or name.endswith("_total")) and is_rounded(value, mean_of(column) * len(column)):
        return "sum"
    return None


def samples(runs: Sequence[Manifest]) -> dict[str, Sample]:
    """Return every metric of one side: those of the summary in its order, then those that only scenarios have."""
    tables = [Table(run["metrics"] or {}) for run in runs]
    summaries: list[Row] = [run["metric_summary"] or {} for run in runs]
    names = dict.fromkeys(chain.from_iterable(summaries))
    found: dict[str, Sample] = {}
    taken: set[str] = set()
    for name in names:
        own, kind, columns = _columns(name, summaries, tables)
        if own is not None:
            taken.add(own)
        sample = _sample(name, runs, [summary.get(name) for summary in summaries], columns)
        alone = tables[0] if own is None and len(runs) == 1 and tables[0].names else None
        found[name] = sample._replace(sums=kind == "sum", table=alone)
    for name, sample in found.items():
        beside = (
            found.get(f"{name.removesuffix('_total')}_mean")
            if sample.sums and is_redundant_total(name, names)
            else None
        )
        found[name] = sample._replace(is_redundant_total=beside is not None and beside.column is not None)
    for own in dict.fromkeys(chain.from_iterable(table.names for table in tables)):
        if own not in taken and f"{own}_mean" not in found:
            columns = [column for table in tables if (column := table.column(own)).values]
            means: list[MetricValue] = [mean_of(column.values) for column in columns]
            ours = _sample(f"{own}_mean", runs, means, columns)
            found[f"{own}_mean"] = ours._replace(reported=not names)
    return found


def _sample(name: str, runs: Sequence[Manifest], values: Sequence[MetricValue], columns: list[Column]) -> Sample:
    known = [value for value in values if value is not None]
    trials = [number(value) for value in known]
    value = known[0] if len(known) == 1 else mean_of(trials) if known else None
    info = [run["metric_info"][name] for run in runs if name in run["metric_info"]]
    return Sample(value, trials, _merged(columns), info, columns if len(columns) > 1 else [])


def _columns(
    name: str, summaries: Sequence[Row], tables: Sequence[Table]
) -> tuple[str | None, Literal["mean", "sum"] | None, list[Column]]:
    """Return a summary metric's name in the scenarios, what it is of them, and its columns, by run."""
    for own in own_names(name):
        pairs = [
            (value, column)
            for summary, table in zip(summaries, tables, strict=True)
            if (value := summary.get(name)) is not None and (column := table.column(own)).values
        ]
        kinds = {mean_or_sum_of(name, own, number(value), column.values) for value, column in pairs}
        if len(kinds) == 1 and (kind := kinds.pop()):
            return own, kind, [column for _, column in pairs]
    return None, None, []


def _merged(columns: Sequence[Column]) -> Column | None:
    if len(columns) < 2:
        return columns[0] if columns else None
    values: dict[str, list[float]] = {}
    for column in columns:
        for scenario, value in zip(column.scenarios, column.values, strict=True):
            values.setdefault(scenario, []).append(value)
    return Column(list(values), array("d", map(mean_of, values.values())))


class Table:
    """One run's scenarios, read by metric."""

    def __init__(self, metrics: Mapping[str, Row]) -> None:
        self._scenarios = list(metrics)
        self._rows = list(metrics.values())
        self.names = dict.fromkeys(chain.from_iterable(self._rows))
        values, places = sum(map(len, self._rows)), len(self.names) * len(self._rows)
        self._full = values == places
        self._sparse = self._by_metric() if places > 4 * values else None
        self._columns: dict[str, Column] = {}

    def column(self, own: str) -> Column:
        """Return a metric's values, less the nulls."""
        if own not in self.names:
            return NO_COLUMN
        if own not in self._columns:
            self._columns[own] = self._column(own)
        return self._columns[own]

    def _column(self, own: str) -> Column:
        if self._sparse is not None:
            return _column(*self._sparse[own])
        values = map(itemgetter(own), self._rows) if self._full else (row.get(own) for row in self._rows)
        return _column(self._scenarios, list(values))

    def _by_metric(self) -> dict[str, tuple[list[str], list[MetricValue]]]:
        """Turn the table over, where most scenarios lack most metrics."""
        columns: dict[str, tuple[list[str], list[MetricValue]]] = {name: ([], []) for name in self.names}
        for scenario, row in zip(self._scenarios, self._rows, strict=True):
            for name, value in row.items():
                scenarios, values = columns[name]
                scenarios.append(scenario)
                values.append(value)
        return columns


def _column(scenarios: list[str], values: list[MetricValue]) -> Column:
    if None in values:
        known = [value is not None for value in values]
        scenarios, values = list(compress(scenarios, known)), list(compress(values, known))
    return Column(scenarios, floats(values))  # type: ignore[arg-type] # the nulls are gone
