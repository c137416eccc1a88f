"""Scenarios that collapsed, which a mean can hide: as many others may have risen."""

from __future__ import annotations

from operator import sub
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
    both = (pairs.a, pairs.b)
    deep = max(map(max, both)) / 2 - min(map(min, both)) / 2
    falls = list(map(sub, *(both[::-1] if diff.direction == "lower" else both)))
    fallen = [place for place, fall in enumerate(falls) if fall >= deep and fall > 0] if max(falls) >= deep else []
    fallen.sort(key=lambda place: -falls[place])
    moves = [ScenarioMove(pairs.scenarios[place], pairs.a[place], pairs.b[place]) for place in fallen]
    worse, better = sum(map((0.0).__lt__, falls)), sum(map((0.0).__gt__, falls))
    return Falls(diff.name, len(falls), better, worse, moves)
