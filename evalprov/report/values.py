"""What is drawn of each metric: its values by scenario on both sides, as they were judged."""

from __future__ import annotations

from heapq import nlargest, nsmallest
from operator import countOf
from typing import TYPE_CHECKING

from evalprov.judge.choose_test import moved
from evalprov.judge.direction import is_spent
from evalprov.judge.samples import NO_SAMPLE, Sample, samples
from evalprov.named import NamedTuple
from evalprov.stats.columns import NO_COLUMN, Pairing
from evalprov.views.diff_screen import in_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evalprov.judge.metric_diff import MetricDiff
    from evalprov.stats.columns import Pairs
    from evalprov.views.diff_words import FoundDifference

LISTED = 500  # scenarios that moved most


class MovedScenario(NamedTuple):
    """One scenario that moved."""

    name: str
    a: float
    b: float
    way: str  # better, worse, or moved where nobody knows which way is better


class MetricValues(NamedTuple):
    """One metric with its values."""

    metric: MetricDiff
    a: Sample
    b: Sample
    pairs: Pairs  # of the scenarios that both sides have
    differences: Sequence[float]  # what is no more than rounding is none
    rates: bool  # every value is 0 or 1
    most: list[MovedScenario]  # those that moved most, first

    @property
    def trials(self) -> int:
        """How many runs there are on the side with more."""
        return max(len(self.a.trials), len(self.b.trials))

    @property
    def spent(self) -> bool:
        """Whether it is time, money or memory: what few scenarios take much of counts as much as the mean."""
        return is_spent(self.metric.name, self.metric.unit) and not self.rates

    def way(self, difference: float) -> str:
        """Say which way a difference goes."""
        if self.metric.direction is None:
            return "moved"
        return "better" if (difference > 0) == (self.metric.direction == "higher") else "worse"


def values(found: FoundDifference) -> Iterator[MetricValues]:
    """Give the metrics that are more than a number on each side, those that moved first."""
    ours, theirs = samples(found.a.runs), samples(found.b.runs)
    pairing = Pairing()
    for metric in in_order(found.diff.metrics):
        a, b = ours.get(metric.name, NO_SAMPLE), theirs.get(metric.name, NO_SAMPLE)
        if metric.same_as is None and metric.verdict != "same":
            scenarios = moved(a.column or NO_COLUMN, b.column or NO_COLUMN, pairing)
            rates = all(map(are_rates, (scenarios.pairs.a, scenarios.pairs.b)))
            held = MetricValues(metric, a, b, scenarios.pairs, scenarios.differences, rates, [])
            yield held._replace(most=_most(held))


def are_rates(values: Sequence[float]) -> bool:
    """Say whether every value is 0 or 1."""
    return len(values) > 0 and values[0] in (0, 1) and countOf(values, 0) + countOf(values, 1) == len(values)


def _most(held: MetricValues) -> list[MovedScenario]:
    """Return the scenarios that moved most, of those that moved as far first what is worse."""
    better = held.metric.direction == "higher"
    names, ones, others = held.pairs
    by = held.differences
    sizes = list(map(abs, by))
    least = 1.0 if held.rates else min(nlargest(LISTED, sizes), default=0.0)
    far = [place for place, size in enumerate(sizes) if size >= least and size]
    first = nsmallest(LISTED, far, key=lambda place: (-sizes[place], (by[place] > 0) == better, names[place]))
    return [MovedScenario(names[place], ones[place], others[place], held.way(by[place])) for place in first]
