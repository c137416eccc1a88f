"""Scenarios that collapsed, which a mean can hide: as many others may have risen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.judge.metric_diff import ScenarioMove
from evalprov.named import NamedTuple
from evalprov.stats.columns import Pairing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from evalprov.judge.metric_diff import MetricDiff
    from evalprov.judge.samples import Sample

MANY = 0.1  # of the scenarios
_FEW = 3


class Falls(NamedTuple):
    """How many scenarios of a metric fell, the fallen named: worse by half of the range of all values, or by more."""

    metric: str
    scenarios: int  # that both sides have
    better: int
    worse: int
    fallen: list[ScenarioMove]  # the deepest first

    @property
    def many(self) -> bool:
        """Whether so many fell that a mean that holds should not reassure."""
        return len(self.fallen) >= max(_FEW, MANY * self.scenarios)


def falls_of(diffs: Iterable[MetricDiff], ours: Mapping[str, Sample], theirs: Mapping[str, Sample]) -> list[Falls]:
    """Return how many scenarios of each metric fell that has any, and of which it is known which way is better."""
    pairing = Pairing()
    return [found for diff in diffs if (found := _of(diff, ours, theirs, pairing))]


def _of(diff: MetricDiff, ours: Mapping[str, Sample], theirs: Mapping[str, Sample], pairing: Pairing) -> Falls | None:
    one, other = ours.get(diff.name), theirs.get(diff.name)
    if diff.direction is None or not (one and one.column and other and other.column):
        return None
    pairs = pairing.of(one.column, other.column)
    if not len(pairs.a):
        return None
    sign = 1.0 if diff.direction == "lower" else -1.0
    both = (pairs.a, pairs.b)
    low, high = min(map(min, both)), max(map(max, both))
    deep = high / 2 - low / 2
    rows = list(zip(pairs.scenarios, pairs.a, pairs.b, strict=True))
    worse = better = 0
    fallen = []
    for row in rows:
        fall = sign * (row[2] - row[1])
        if fall > 0:
            worse += 1
            if fall >= deep:
                fallen.append((fall, row))
        elif fall < 0:
            better += 1
    fallen.sort(key=lambda one: -one[0])
    return Falls(diff.name, len(rows), better, worse, [ScenarioMove(*row) for _, row in fallen])
