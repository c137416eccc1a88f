"""Several programs held against one of them: each judged as two runs are, all corrected for each other.

Which program is the best of several is asked once its number is known, so what is said of it is corrected for every
pair that there is: of N equal programs one is always ahead.
"""

from __future__ import annotations

from math import comb, sqrt
from typing import TYPE_CHECKING

from evalprov.explain.changes import changes
from evalprov.judge.direction import Way, rule_of, way_of
from evalprov.judge.groups import Groups
from evalprov.judge.left_out import left_out
from evalprov.judge.one_experiment import experiment
from evalprov.judge.rules import NO_RULES, Rules
from evalprov.judge.samples import NO_SAMPLE, samples
from evalprov.judge.settling import settle
from evalprov.judge.verdicts import Terms, can_judge, drafted
from evalprov.named import NamedTuple
from evalprov.stats.columns import Column, finite, number
from evalprov.stats.noise import LEVEL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from evalprov.explain.changes import Change
    from evalprov.judge.choose_test import Weighed
    from evalprov.judge.metric_diff import MetricDiff, Side
    from evalprov.judge.samples import Sample
    from evalprov.record.schema.values import MetricValue
    from evalprov.stats.evidence import Interval
    from evalprov.stats.whole_run import Spread


class Entered(NamedTuple):
    """A program that takes part: what it came to in the metric that is judged."""

    value: MetricValue  # over its runs the mean
    interval: Interval | None  # of that, at 95 %: what other scenarios, or other runs, would make of it
    caveats: Sequence[str] = ()  # why its number is not of the experiment that the first one's is of
    mixed: str = ""  # that its runs are not of one program, in words
    left_out: str = ""  # the scenarios that only one of the two has, in words
    apart: bool = False  # the two have no scenario in common

    @property
    def fair(self) -> bool:
        """Whether its number can be held against the first one's."""
        return self.value is not None and not self.caveats and not self.apart


class Lead(NamedTuple):
    """The best of several by its number, and what that is worth."""

    name: str
    of: int  # programs of one experiment that have a number
    pairs: int  # that what is said of it is corrected for; 0 where it is the first, which nobody chose by its number
    proven: bool  # it is better than the first for real, or it is the first
    level_with: list[str]  # those that it is not proven better than, the best first


class Contest:
    """Programs held against the first one by a metric; of each no more is kept than its values of that metric."""

    def __init__(self, name: str, first: Side, metric: str, rules: Rules = NO_RULES) -> None:
        self.first = name
        self.metric = metric
        self.entered: dict[str, Entered] = {}
        self.judged: dict[str, MetricDiff] = {}  # by program, less the first
        self.way = Way(None, None, None, conflict=False)
        self._side = first
        self._terms = Terms(rules)
        self._groups = Groups((), ())
        self._samples: dict[str, Sample] = {}
        self._drafts: list[tuple[MetricDiff, Weighed | None]] = []
        self._names: list[Sequence[str]] = []  # of scenarios: one list serves all that have the same
        one = self._take(name, first)
        _, mixed = _told(experiment(first, first, [], present=False))
        self.entered[name] = Entered(one.value, own_interval(one, self._groups), mixed=mixed)

    def enter(self, name: str, side: Side, spreads: Mapping[str, Spread] | None = None) -> None:
        """Hold another program against the first one."""
        one = self._take(name, side)
        ours, theirs = {self.metric: self._samples[self.first]}, {self.metric: one}
        ((draft, weighed),) = drafted(ours, theirs, self._groups, self._terms._replace(spreads=spreads or {}))
        # Comparisons with one program go together, and how is not known where scenarios are missing: plain Holm.
        weighed = weighed and weighed._replace(moves=())
        self._drafts.append((draft._replace(name=name, role="primary"), weighed))
        lacking = left_out(self._side, side, [draft], ours, theirs)
        caveats, mixed = _told(experiment(self._side, side, self._judged_on(side), present=False))
        interval, words = own_interval(one, self._groups), lacking.told("the first", "it")
        self.entered[name] = Entered(one.value, interval, caveats, mixed, words, lacking.apart)

    def settle(self) -> int:
        """Correct every verdict for all of them; return how many were judged."""
        settled = settle(self._drafts, self._terms.level, "comparisons")
        self.judged = {one.name: one._replace(name=self.metric) for one in settled}
        info = [one for sample in self._samples.values() for one in sample.info]
        self.way = way_of(self.metric, rule_of(self._terms.rules.metrics, self.metric), info)
        return sum(one.p is not None for one in settled)

    def lead(self, spreads: Callable[[str, str], Mapping[str, Spread]] = lambda _, __: {}) -> Lead | None:
        """Return the best; null where nobody knows which way is better, or there are not two numbers.

        `spreads` tells of two programs how far runs of one lie apart.
        """
        fair = [name for name, one in self.entered.items() if one.fair]
        if self.way.direction is None or len(fair) < 2 or not can_judge():
            return None
        sign = 1 if self.way.direction == "higher" else -1
        best, *others = sorted(fair, key=lambda name: -sign * number(self.entered[name].value or 0))
        if best == self.first:
            level_with = [name for name in others if self.judged[name].verdict != "worse"]
            return Lead(best, len(fair), 0, proven=True, level_with=level_with)
        pairs = comb(len(fair), 2)
        proven = self.judged[best].verdict == "better"
        level_with = [name for name in others if not (proven and self._ahead(best, name, pairs, spreads(best, name)))]
        return Lead(best, len(fair), pairs, proven, level_with)

    def _ahead(self, best: str, name: str, pairs: int, spreads: Mapping[str, Spread]) -> bool:
        """Say whether the best is proven better than another, had it been any pair that is looked at."""
        if name == self.first:
            return True
        one, other = ({self.metric: self._samples[who]} for who in (best, name))
        ((_, weighed),) = drafted(one, other, self._groups, self._terms._replace(spreads=spreads))
        return bool(weighed and weighed.evidence and weighed.evidence.p * pairs < self._terms.level)

    def _take(self, name: str, side: Side) -> Sample:
        """Keep what is judged of a program; scenarios of the same names share one list of them."""
        self._groups.add(side.runs)
        found = samples(side.runs).get(self.metric, NO_SAMPLE)
        column, by_trial = found.column and self._shared(found.column), list(map(self._shared, found.by_trial))
        self._samples[name] = kept = found._replace(column=column, by_trial=by_trial, is_redundant_total=False)
        return kept

    def _shared(self, column: Column) -> Column:
        for names in self._names:
            if names == column.scenarios:
                return Column(names, column.values)
        self._names.append(column.scenarios)
        return column

    def _judged_on(self, side: Side) -> list[Change]:
        """Return what differs of that by which scores are made, where anything does."""
        one, other = (of.runs[0]["identity"]["layers"] for of in (self._side, side))
        if all(one.get(layer) is not None and one.get(layer) == other.get(layer) for layer in ("data", "grader")):
            return []
        found = changes(self._side.runs[0], side.runs[0])
        return [change for change in found if change.layer in ("data", "grader") and change.kind != "same"]


def _told(caveats: Sequence[str]) -> tuple[list[str], str]:
    """Part what makes another experiment from what is said of the second side's runs alone."""
    of_runs = [words.replace("the trials of B", "its runs") for words in caveats if words.startswith("the trials of B")]
    return [words for words in caveats if not words.startswith("the trials of ")], "; ".join(of_runs)


def own_interval(one: Sample, groups: Groups) -> Interval | None:
    """Return the interval of one side's number at 95 %: by how its scenarios differ, else by how its runs do."""
    if not can_judge():
        return None
    import numpy as np

    from evalprov.stats.evidence import t_interval
    from evalprov.stats.unpaired import mean_of

    if one.column and len(one.column.values) > 1:
        values = np.asarray(one.column.values)
        of = len(values) if one.sums else 1
        numbers = groups.of(one.column.scenarios)
        if numbers is None and not one.by_trial and {*one.column.values} <= {0.0, 1.0}:
            low, high = wilson(int(values.sum()), len(values))
        else:
            found = mean_of(values, numbers)
            if not found.noise.df:
                return None
            low, high = t_interval(found.value, found.noise, LEVEL)
        return finite(low * of), finite(high * of)
    if len(one.trials) > 1:
        found = mean_of(np.asarray(one.trials))
        return t_interval(found.value, found.noise, LEVEL)
    return None


def wilson(hits: int, n: int) -> Interval:
    """Return the interval of a rate, of so many hits among n (Wilson 1927)."""
    z = 1.959963984540054
    rate, extra = hits / n, z * z / n
    middle = (rate + extra / 2) / (1 + extra)
    reach = z * sqrt(rate * (1 - rate) / n + extra / (4 * n)) / (1 + extra)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def front(rows: Mapping[str, Sequence[float | None]], ways: Sequence[str]) -> list[str]:
    """Return the programs than which no other is as good in every number and better in one (the Pareto front)."""
    signs = [1 if way == "higher" else -1 for way in ways]
    held = {
        name: tuple(sign * value for sign, value in zip(signs, values, strict=True) if value is not None)
        for name, values in rows.items()
    }
    whole = sorted(((values, name) for name, values in held.items() if len(values) == len(ways)), reverse=True)
    found: list[str] = []
    best: list[tuple[float, ...]] = []
    for values, name in whole:
        if not any(all(a >= b for a, b in zip(one, values, strict=True)) and one != values for one in best):
            found.append(name)
            best.append(values)
    return found
