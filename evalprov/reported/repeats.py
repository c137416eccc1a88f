"""Scenarios that are reported more than once: trials of each, or later words on the same."""

from __future__ import annotations

from math import fsum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.record.schema.values import MetricValue

    Row = dict[str, MetricValue]

MARKS = ("seed", "trial", "repeat", "epoch")  # beside a scenario: which of its trials it is
_FEWEST = 3  # reports of each scenario that are trials without a mark: two may be a draft and the result
_MOST = 1_000_000  # values kept: more is progress, and no trials


class Repeats:
    """What was said of scenarios before it was said anew."""

    def __init__(self) -> None:
        self.are_trials = False  # as it turns out
        self._earlier: dict[str, list[Row]] = {}
        self._all_marked = True
        self._kept = 0

    def keep(self, scenario: str, row: Row, said: dict[str, Any]) -> None:
        """Keep a scenario's values, which a line is about to replace."""
        before, self._kept = self._kept, self._kept + len(row)
        if before <= _MOST < self._kept:
            self._earlier = {name: [] for name in self._earlier}
        rows = self._earlier.setdefault(scenario, [])
        if self._kept <= _MOST:
            rows.append(dict(row))
        self._all_marked &= any(said.get(mark) is not None for mark in MARKS)

    def settle(self, scenarios: dict[str, Row]) -> str | None:
        """Put the means of trials in place of the last one, and say so; null where nothing was repeated.

        They are trials if each is marked as one, or if several scenarios were all reported equally often, and not just
        twice.
        """
        if not self._earlier:
            return None
        counts = {len(rows) for rows in self._earlier.values()}
        most = max(counts) + 1
        each = len(counts) == 1 and self._earlier.keys() == scenarios.keys()
        unmarked = each and len(scenarios) > 1 and most >= _FEWEST
        if self._kept > _MOST or not (unmarked or self._all_marked):
            some = f"{len(self._earlier)} of {len(scenarios)} scenarios were reported more than once"
            return (
                f'{some}, and the last word on each counts; "trial": 1, "trial": 2 beside them would make trials of it'
            )
        self.are_trials = True
        for scenario, rows in self._earlier.items():
            scenarios[scenario] = _mean([*rows, scenarios[scenario]])
        often = f"each scenario was reported {most} times" if each else f"scenarios were reported up to {most} times"
        return f"{often}: these are trials, and their means count"


def _mean(rows: list[Row]) -> Row:
    means: Row = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [value for row in rows if (value := row.get(name)) is not None]
        alike = all(value == values[0] and type(value) is type(values[0]) for value in values)
        means[name] = (values[0] if values else None) if alike else mean(values)
    return means


def mean(values: Sequence[bool | int | float]) -> float | None:
    """Return the mean; null of nothing."""
    if not values:
        return None
    try:
        return fsum(values) / len(values)
    except OverflowError:
        return fsum(value / len(values) for value in values)
