"""What a mean can hide: a group that fell, as many up as down, a tail that grew, groups that all went the other way."""

from __future__ import annotations

from math import comb, erfc, fsum, sqrt
from typing import TYPE_CHECKING, Literal

from evalprov.explain.wording import brief
from evalprov.judge.choose_test import moved, weigh
from evalprov.judge.groups import Groups
from evalprov.judge.samples import Sample
from evalprov.judge.verdicts import can_judge
from evalprov.named import NamedTuple
from evalprov.numbers import rounded
from evalprov.stats.columns import Column, Pairing, mean_of
from evalprov.stats.noise import holm
from evalprov.stats.whole_run import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from evalprov.judge.verdicts import MetricDiff
    from evalprov.stats.columns import Pairs

Kind = Literal["group", "churn", "tail", "mix"]
_LEAST = 5  # scenarios of a group that is looked at, and of those beyond a tail's bound
_CHURN = 0.2  # of the scenarios moved, and hardly more one way than the other
_TAILS = (0.1, 0.05, 0.025)  # of both sides' values together
_EXACT = 500  # flips; from more the normal distribution tells as well
_FAR = 3  # times as far as the whole
_MOST_GROUPS = 200  # each is a test
_SETTLED = ("better", "worse", "moved")


class Inside(NamedTuple):
    """One thing that a metric's mean does not show."""

    metric: str
    kind: Kind
    sentence: str


class _Tested(NamedTuple):
    p: float
    finding: Inside
    size: float  # of the move
    told: bool = True  # whether it is more than what is said of the metric as a whole


def inside(
    diffs: Sequence[MetricDiff],
    ours: Mapping[str, Sample],
    theirs: Mapping[str, Sample],
    groups: Mapping[str, str],
    level: float,
) -> list[Inside]:
    """Return what the means hide, of every metric; all tests are corrected for each other."""
    plain: list[Inside] = []
    tested: list[_Tested] = []
    pairing = Pairing()
    for diff in diffs:
        one, other = ours.get(diff.name), theirs.get(diff.name)
        if diff.same_as is not None or not (one and one.column and other and other.column):
            continue
        pairs = pairing.of(one.column, other.column)
        if len(pairs.a):
            plain += _churn(diff, pairs)
            tested += _tail(diff, pairs)
            tested += _by_group(diff, pairs, groups)
        plain += _mix(diff, one.column, other.column, groups)
    adjusted = holm([one.p for one in tested])
    proven = [(one, p) for one, p in zip(tested, adjusted, strict=True) if p < level and one.told]
    told = [
        one.finding._replace(sentence=f"{one.finding.sentence}, p = {p:.2g} among {len(tested)} such tests")
        for one, p in sorted(proven, key=lambda pair: (pair[1], -pair[0].size))
    ]
    return [*(one for one in plain if one.kind == "mix"), *told, *(one for one in plain if one.kind == "churn")]


def _by_group(diff: MetricDiff, pairs: Pairs, groups: Mapping[str, str]) -> Iterator[_Tested]:
    """Test each group by itself; the metric as a whole may hold."""
    if not groups or not can_judge():
        return
    places: dict[str, list[int]] = {}
    for place, scenario in enumerate(pairs.scenarios):
        if scenario in groups:
            places.setdefault(groups[scenario], []).append(place)
    large = {name: at for name, at in places.items() if _LEAST <= len(at) < len(pairs.scenarios)}
    for name, at in list(large.items())[:_MOST_GROUPS]:
        names = [pairs.scenarios[place] for place in at]
        a, b = ([side[place] for place in at] for side in (pairs.a, pairs.b))
        p = _p(names, a, b)
        if p is not None:
            ends = f"{rounded(mean_of(a))} -> {rounded(mean_of(b))}"
            sentence = f"{diff.name} of group {brief(name)}: {ends} (by its own {len(at)} scenarios)"
            move, whole = mean_of(b) - mean_of(a), diff.effect or 0.0
            as_all = diff.verdict in _SETTLED and move * whole > 0 and abs(move) < _FAR * abs(whole)
            yield _Tested(p, Inside(diff.name, "group", sentence), abs(move), told=not as_all)


def _p(names: Sequence[str], a: Sequence[float], b: Sequence[float]) -> float | None:
    ones, others = Column(names, a), Column(names, b)
    if list(a) == list(b):
        return 1.0
    samples = [Sample(mean_of(one.values), [mean_of(one.values)], one, [], []) for one in (ones, others)]
    weighed = weigh(samples[0], samples[1], moved(ones, others, Pairing()), Groups((), ()), UNKNOWN)
    return weighed.evidence.p if weighed.evidence else None


def _churn(diff: MetricDiff, pairs: Pairs) -> Iterator[Inside]:
    """Tell of many moves that cancel each other."""
    both = diff.up + diff.down
    if diff.verdict in _SETTLED or both < max(2 * _LEAST, _CHURN * len(pairs.scenarios)):
        return
    if _are_rates(pairs) and min(diff.up, diff.down) * 2 >= max(diff.up, diff.down):
        sentence = f"{diff.name}: {both} of {len(pairs.scenarios)} scenarios flipped, {diff.up} up and {diff.down} down"
        yield Inside(diff.name, "churn", sentence)


def _tail(diff: MetricDiff, pairs: Pairs) -> list[_Tested]:
    """Test whether more scenarios lie beyond a bound that few of all values lie beyond, which is fair to both sides."""
    if diff.verdict in _SETTLED or not can_judge() or _are_rates(pairs):
        return []
    import numpy as np

    upwards = diff.direction != "higher"
    sign = 1.0 if upwards else -1.0
    a, b = (sign * np.asarray(side) for side in (pairs.a, pairs.b))
    every = np.concatenate([a, b])
    places = [len(every) - 1 - int(share * len(every)) for share in _TAILS]
    every.partition(places)
    tests = []
    for bound in (float(every[place]) for place in places):
        was, now = a > bound, b > bound
        before, after, both = (int(np.count_nonzero(one)) for one in (was, now, was & now))
        if after > before and after >= _LEAST:
            where = f"{'above' if upwards else 'below'} {rounded(sign * bound)}"
            words = f"{diff.name}: {before} -> {after} of {len(pairs.a)} scenarios are {where}"
            p = _sign_test(after - both, before - both)
            tests.append(_Tested(p, Inside(diff.name, "tail", words), after - before))
    surest = min(tests, key=lambda one: one.p, default=None)
    return [one._replace(told=one is surest) for one in tests]


def _are_rates(pairs: Pairs) -> bool:
    return all(set(side[:_LEAST]) <= {0.0, 1.0} and set(side) <= {0.0, 1.0} for side in (pairs.a, pairs.b))


def _sign_test(one: int, other: int) -> float:
    """Return how often chance divides so many as unevenly, two-sided."""
    n = one + other
    if n > _EXACT:
        return erfc((abs(one - other) - 1) / sqrt(2 * n))
    return min(1.0, 2 * fsum(comb(n, k) * 0.5**n for k in range(max(one, other), n + 1)))


def _mix(diff: MetricDiff, one: Column, other: Column, groups: Mapping[str, str]) -> Iterator[Inside]:
    """Name Simpson's case: the whole goes one way and what it is made of goes the other."""
    if diff.own is not None and None not in diff.own and diff.delta:
        own = float(diff.own[1] or 0) - float(diff.own[0] or 0)
        if own * diff.delta < 0:
            ways = ("rises", "falls") if own > 0 else ("falls", "rises")
            step = f"{diff.name} {ways[0]} as reported and {ways[1]} on the same scenarios"
            sentence = f"{step}: the mix is another (Simpson's case)"
            yield Inside(diff.name, "mix", sentence)
    if not groups or diff.pairing == "scenarios":
        return
    means = [_means(column, groups) for column in (one, other)]
    both = means[0].keys() & means[1].keys()
    whole = mean_of(other.values) - mean_of(one.values)
    moves = [means[1][name] - means[0][name] for name in both]
    if len(both) > 1 and both == means[0].keys() == means[1].keys() and all(move * whole < 0 for move in moves):
        ways = ("rises", "falls") if whole > 0 else ("falls", "rises")
        step = f"{diff.name} {ways[0]} as a whole and {ways[1]} in each of its {len(both)} groups"
        sentence = f"{step}: their mix is another (Simpson's case)"
        yield Inside(diff.name, "mix", sentence)


def _means(column: Column, groups: Mapping[str, str]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for scenario, value in zip(column.scenarios, column.values, strict=True):
        values.setdefault(groups.get(scenario, ""), []).append(value)
    return {name: mean_of(own) for name, own in values.items()}
