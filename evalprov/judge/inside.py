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
from evalprov.numbers import listed, rounded
from evalprov.stats.columns import Column, Pairing, mean_of
from evalprov.stats.noise import holm
from evalprov.stats.whole_run import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from evalprov.judge.metric_diff import MetricDiff
    from evalprov.stats.columns import Pairs

Kind = Literal["group", "churn", "fall", "tail", "mix"]
_LEAST = 5  # scenarios of a group that is looked at, and of those beyond a tail's bound
_CHURN = 0.2  # of the scenarios moved far, and hardly more one way than the other
_FALL = 0.1  # of the scenarios fell far
_FEWEST = 3  # scenarios that fell far
_DRAWS = 400
_DRAWN = 5000  # scenarios that are drawn from
_SEED = 20
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
    proven: bool = True  # else chance may have done it: of one run a side nobody can tell


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
            far = _far(diff, pairs)
            churned = _churn(diff, far, len(pairs.a), (one, other))
            plain += [one for one in churned if isinstance(one, Inside)]
            tested += [one for one in churned if isinstance(one, _Tested)]
            tested += _fall(diff, far, len(pairs.a))
            tested += _tail(diff, pairs)
            tested += _by_group(diff, pairs, groups)
        plain += _mix(diff, one.column, other.column, groups)
    adjusted = holm([one.p for one in tested])
    proven = [(one, p) for one, p in zip(tested, adjusted, strict=True) if p < level and one.told]
    told = [
        one.finding._replace(sentence=f"{one.finding.sentence}, p = {p:.2g}{_among(len(tested))}")
        for one, p in sorted(proven, key=lambda pair: (pair[1], -pair[0].size))
    ]
    return [*(one for one in plain if one.kind == "mix"), *told, *(one for one in plain if one.kind == "churn")]


def _among(tests: int) -> str:
    return f" among {tests} such tests" if tests > 1 else ""


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


class _Far(NamedTuple):
    """How many scenarios moved by half of the range of all values or more: of 0/1 values, that flipped."""

    up: int
    down: int
    by: float
    rates: bool

    @property
    def words(self) -> str:
        """Say what they did."""
        return "flipped" if self.rates else f"moved by {rounded(self.by)} or more"


def _far(diff: MetricDiff, pairs: Pairs) -> _Far:
    if _are_rates(pairs):
        return _Far(diff.up, diff.down, 0.5, rates=True)
    if not can_judge():
        return _Far(0, 0, 0.0, rates=False)
    import numpy as np

    a, b = (np.asarray(side) for side in (pairs.a, pairs.b))
    half = float(max(a.max(), b.max()) / 2 - min(a.min(), b.min()) / 2)
    ups, downs = (int(np.count_nonzero(sign * b / 2 - sign * a / 2 >= half / 2)) for sign in (1, -1))
    return _Far(ups, downs, half, rates=False) if half else _Far(0, 0, 0.0, rates=False)


def _churn(diff: MetricDiff, far: _Far, of: int, sides: tuple[Sample, Sample]) -> list[Inside | _Tested]:
    """Tell of many moves that cancel each other; where there are trials it is tested whether trials do so anyway."""
    both = far.up + far.down
    if diff.verdict in _SETTLED or both < max(2 * _FEWEST, _CHURN * of) or 2 * min(far.up, far.down) < max(far[:2]):
        return []
    found = Inside(
        diff.name, "churn", f"{diff.name}: {both} of {of} scenarios {far.words}, {far.up} up, {far.down} down"
    )
    p = _unlike(sides[0].by_trial, sides[1].by_trial)
    return [found._replace(proven=False) if p is None else _Tested(p, found, both / of)]


def _unlike(a: Sequence[Column], b: Sequence[Column]) -> float | None:
    """Return how often scenarios lie as far apart where their trials could have come from either side.

    What moved all of them alike is no part of it. Null where a side has one run alone.
    """
    if min(len(a), len(b)) < 2 or not can_judge():
        return None
    import numpy as np

    values = [dict(zip(one.scenarios, one.values, strict=True)) for one in (*a, *b)]
    shared = [name for name in a[0].scenarios if all(name in one for one in values)]
    shared = shared[:: 1 + len(shared) // _DRAWN]
    table = np.array([[one[name] for name in shared] for one in values])

    def apart(rows: NDArray[np.float64]) -> float:
        moves = rows[len(a) :].mean(axis=0) - rows[: len(a)].mean(axis=0)
        return float(np.cbrt(((moves - moves.mean()) ** 2).sum()))  # sums of squares are nearly normal so

    if len(shared) < 2 * _FEWEST:
        return None
    draw = np.random.default_rng(_SEED)
    drawn = np.array([apart(draw.permuted(table, axis=0)) for _ in range(_DRAWS)])
    spread = float(drawn.std(ddof=1))
    return 0.5 * erfc((apart(table) - float(drawn.mean())) / spread / sqrt(2)) if spread else 1.0


def _fall(diff: MetricDiff, far: _Far, of: int) -> list[_Tested]:
    """Test whether more scenarios fell far than rose as far, though the mean holds."""
    falls, rises = (far.up, far.down) if diff.direction == "lower" else (far.down, far.up)
    if diff.direction is None or diff.verdict in _SETTLED or not falls > rises or falls < max(_FEWEST, _FALL * of):
        return []
    words = f"{diff.name}: {falls} of {of} scenarios {far.words} for the worse, {rises} for the better"
    return [_Tested(_sign_test(falls, rises), Inside(diff.name, "fall", words), falls / of)]


def sentences(found: Sequence[Inside]) -> list[str]:
    """Say it all: what is proven, and in one line what chance may have done."""
    said = [one.sentence for one in found if one.proven]
    unsure = [one.sentence for one in found if not one.proven]
    may = "runs of one program may differ as much, and 3 trials of each would tell"
    return [*said, f"{listed(unsure, between='; ')} ({may})"] if unsure else said


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
