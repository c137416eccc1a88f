"""One metric on two sides: what moved from scenario to scenario, and which test the values allow."""

from __future__ import annotations

from heapq import nlargest, nsmallest
from math import frexp, isclose, ldexp, nan, sqrt
from operator import countOf, sub
from typing import TYPE_CHECKING, Literal

from evalprov.judge.groups import Groups, scenarios_told
from evalprov.named import NamedTuple
from evalprov.stats.columns import NO_COLUMN, ROUNDING, Column, Pairing, Pairs, is_rounded, mean_of, number
from evalprov.stats.evidence import Noise, rate_growth, times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.judge.samples import Sample
    from evalprov.record.schema.values import MetricValue
    from evalprov.stats.evidence import Evidence
    from evalprov.stats.unpaired import Mean
    from evalprov.stats.whole_run import Spread

SHOWN = 10  # scenarios that moved most
NOT_INSTALLED = "scipy is not installed: pip install '.[stats]' in evalprov's checkout adds the verdict"
FEW = 5  # of fewer scenarios no way that they moved is proof, but their trials can be
NO_NOISE = "one number on each side; per-scenario values or `evalprov run --repeat 5` would tell"
OFF = "a run that was off as a whole looks the same"
ONE_RUN = f"one run on each side: {OFF}; 3 of each would tell"
ONE_GROUP = "nearly all scenarios are of one group, so their noise is unknown; those of other groups would tell"
_WHOLE = 1.25  # times the scenarios' noise: what is more is whole runs' own
_LEAST_DF = 0.5  # with fewer a group has four fifths of the scenarios
_MOST_SAMPLES = 10**9  # a larger count is none
_SAFE_EXPONENT = 200  # up to 2 to the power of this, and down to its inverse, no square leaves the range of a float


Unit = Literal["scenario", "group", "trial", "sample"]


class Moved(NamedTuple):
    """How the scenarios of a metric moved."""

    pairs: Pairs
    differences: Sequence[float]
    scale: float  # what the differences were divided by, so that they and their squares stay finite
    up: int
    down: int
    most: list[tuple[str, float, float]]  # those that moved most: scenario, A, B
    only_a: int
    only_b: int


class Weighed(NamedTuple):
    """What the values of a metric say."""

    evidence: Evidence | None
    reason: str | None  # why there is none, or what to know about it
    unit: Unit = "scenario"
    per_unit: float = 1.0  # scenarios to a unit
    trials: int | None = None  # of the same scenarios, on the side with fewer; null where more of them tell nothing
    whole: bool = False  # the noise of whole runs is the larger part: more scenarios tell nothing
    known: bool = False  # how far runs lie apart is known from elsewhere
    alone: bool = False  # one run on each side, and nothing tells how far runs lie apart
    moves: Sequence[float] = ()  # by scenario, where those say how metrics go together


def moved(a: Column, b: Column, pairing: Pairing) -> Moved:
    """Hold two columns against each other."""
    if not (a.values and b.values):
        return Moved(Pairs((), (), ()), (), 1.0, 0, 0, [], len(a.values), len(b.values))
    pairs = pairing.of(a, b)
    largest = _largest(pairs.a, pairs.b)
    scale = _scale(largest)
    differences = _differences(pairs, scale, largest / scale)
    sizes = list(map(abs, differences))
    up = sum(map((0.0).__lt__, differences))
    return Moved(
        pairs,
        differences,
        scale,
        up,
        len(sizes) - sizes.count(0.0) - up,
        _most(pairs, sizes),
        len(a.values) - len(sizes),
        len(b.values) - len(sizes),
    )


def _largest(*columns: Sequence[float]) -> float:
    return max(max(map(abs, column), default=0.0) for column in columns)


def _scale(largest: float) -> float:
    """Return what to divide by: 1, but for numbers near the ends of what a float holds."""
    exponent = frexp(largest)[1]
    return ldexp(1.0, exponent - 1) if abs(exponent) > _SAFE_EXPONENT else 1.0


def _differences(pairs: Pairs, scale: float, largest: float) -> list[float]:
    """Return how far each scenario moved; what is no more than rounding is no move."""
    a, b = pairs.a, pairs.b
    if scale != 1:
        a, b = [value / scale for value in a], [value / scale for value in b]
    plain = list(map(sub, b, a))
    if min(map(abs, filter(None, plain)), default=0.0) > ROUNDING * largest:
        return plain
    return [0.0 if isclose(x, y, rel_tol=ROUNDING) else y - x for x, y in zip(a, b, strict=True)]


def _most(pairs: Pairs, sizes: Sequence[float]) -> list[tuple[str, float, float]]:
    """Return the scenarios that moved most; of those that moved as far, the first by name."""
    least = nlargest(SHOWN, sizes)[-1] if sizes else 0.0
    places = [place for place, size in enumerate(sizes) if size >= least and size]
    above = sorted((-sizes[place], pairs.scenarios[place], place) for place in places if sizes[place] > least)
    tied = ((pairs.scenarios[place], place) for place in places if sizes[place] == least)
    most = [*(row[2] for row in above), *(row[1] for row in nsmallest(SHOWN - len(above), tied))]
    return [(pairs.scenarios[place], pairs.a[place], pairs.b[place]) for place in most]


def alike(a: Sample, b: Sample, scenarios: Moved) -> bool:
    """Say whether every value is the same on both sides."""
    if a.column and b.column:
        return not (scenarios.up or scenarios.down or scenarios.only_a or scenarios.only_b)
    values = [*a.trials, *b.trials]
    return all(isclose(value, values[0], rel_tol=ROUNDING) for value in values)


class Compared(NamedTuple):
    """The two numbers of a metric that are held against each other."""

    a: MetricValue
    b: MetricValue
    of: int  # scenarios that each is the sum of; 1 where it is a mean
    own: bool = True  # whether they are the runs' own numbers, rounding aside


def compared(a: Sample, b: Sample, scenarios: Moved) -> Compared:
    """Return a metric's numbers over what is judged: the scenarios that both sides have, where those are compared."""
    own = Compared(a.value, b.value, 1)
    if a.value is None or b.value is None or a.sums != b.sums:
        return own
    columns = [side.column and side.column.values for side in (a, b)]
    if a.column and b.column and are_paired(a.column, b.column, scenarios):
        columns = [scenarios.pairs.a, scenarios.pairs.b]
    sums = a.sums and b.sums
    of = min(len(values) for values in columns if values) if sums else 1
    told = [number(a.value), number(b.value)]
    exactly = [mean_of(values) * of if values else value for values, value in zip(columns, told, strict=True)]
    if all(isclose(one, other, rel_tol=1e-9) for one, other in zip(exactly, told, strict=True)):
        return own._replace(of=of)
    return Compared(exactly[0], exactly[1], of, own=all(map(is_rounded, told, exactly)))


def summed(weighed: Weighed, of: int) -> Weighed:
    """Return what was found of means, said of sums over so many scenarios."""
    return weighed._replace(evidence=weighed.evidence and times(weighed.evidence, of))


def are_paired(a: Column, b: Column, scenarios: Moved) -> bool:
    """Say whether both sides have enough scenarios in common to be compared by them."""
    return 2 * len(scenarios.differences) >= min(len(a.values), len(b.values))


def weigh(a: Sample, b: Sample, scenarios: Moved, groups: Groups, known: Spread) -> Weighed:
    """Judge a metric by what is known of it on both sides, and of how far runs of one program lie apart."""
    several = max(len(a.trials), len(b.trials)) > 1
    if a.column and b.column:
        if are_paired(a.column, b.column, scenarios):
            return _with_pairs(a, b, scenarios, groups, known)
        weighed = _without_pairs(a.column, b.column, groups)
        if not several:
            weighed = allowed_for(weighed, mean_of(a.column.values), mean_of(b.column.values), known)
        elif weighed.evidence is not None:
            from evalprov.stats.whole_run import both, of_runs

            means = [
                [mean_of(one.values) for one in side.by_trial] or [mean_of(column.values)]
                for side, column in ((a, a.column), (b, b.column))
            ]
            runs = of_runs(means[0], means[1], known)
            weighed = weighed._replace(evidence=both(weighed.evidence, runs) if runs else weighed.evidence)
        shared = len(scenarios.differences)
        told = "no scenario" if not shared else f"only {scenarios_told(shared)}"
        return weighed._replace(reason=joined(f"{told} in common: the means are compared", weighed.reason))
    if several:
        return _of_trials(a.trials, b.trials, known)
    weighed = _of_statistics(a, b)
    if weighed.evidence is None and known.df:
        return _of_trials(a.trials, b.trials, known)
    return allowed_for(weighed, a.trials[0], b.trials[0], known)


def _with_pairs(a: Sample, b: Sample, scenarios: Moved, groups: Groups, known: Spread) -> Weighed:
    names = scenarios.pairs.scenarios
    remark = groups.remark(names)
    if scenarios.only_a or scenarios.only_b:
        one_sided = scenarios.only_a + scenarios.only_b
        remark = joined(
            f"judged on the {scenarios_told(len(names))} that both have; {one_sided} on one side only", remark
        )
    trials = [side.by_trial or [side.column or NO_COLUMN] for side in (a, b)]
    columns = [column.values for side in trials for column in side]
    scale = max(scenarios.scale, _scale(_largest(*columns)))
    spread = known._replace(variance=known.variance / scale / scale)
    if max(map(len, trials)) > 1:
        found = _of_runs(trials, names, scale, spread)
    else:
        found = _of_scenarios(scenarios, scale, groups, rates=all(map(_are_rates, columns)))
        if spread.df:
            means = [mean_of(side) / scale for side in (scenarios.pairs.a, scenarios.pairs.b)]
            found = allowed_for(found, means[0], means[1], spread)
    return found._replace(evidence=found.evidence and times(found.evidence, scale), reason=joined(found.reason, remark))


def _of_runs(trials: Sequence[Sequence[Column]], names: Sequence[str], scale: float, known: Spread) -> Weighed:
    """Judge trials of the same scenarios: by their values within each, and by the numbers of whole runs."""
    import numpy as np

    from evalprov.stats.permutation import exchanged
    from evalprov.stats.whole_run import both, of_runs

    tables = [np.array([_row(column, names, scale) for column in side]) for side in trials]
    values = exchanged(*tables)
    filled = [np.where(np.isnan(table), np.nanmean(table, axis=0), table) for table in tables]
    numbers = [list(table.mean(axis=1)) for table in filled]
    runs = of_runs(numbers[0], numbers[1], known)
    assert runs is not None  # one side has two runs at least
    if not runs.noise.error:  # runs that come out alike to the last digit have no noise of their own
        return Weighed(values, None, trials=min(map(len, trials)))
    whole = runs.noise.error > _WHOLE * values.noise.error
    return Weighed(both(values, runs), None, trials=min(map(len, trials)), whole=whole)


def _row(column: Column, names: Sequence[str], scale: float) -> Sequence[float]:
    if column.scenarios == names:
        return column.values if scale == 1 else [value / scale for value in column.values]
    values = dict(zip(column.scenarios, column.values, strict=True))
    return [values.get(name, nan) / scale for name in names]


def _of_scenarios(scenarios: Moved, scale: float, groups: Groups, *, rates: bool) -> Weighed:
    """Judge one run on each side by how each scenario moved."""
    import numpy as np

    from evalprov.stats import paired as test

    names = scenarios.pairs.scenarios
    numbers = groups.of(names)
    d = np.asarray(scenarios.differences) / (scale / scenarios.scale)
    rate = (sum(scenarios.pairs.a) + sum(scenarios.pairs.b)) / (2 * len(names)) if rates else 0.0
    if numbers is not None:
        found = test.of_groups(d, numbers, rate_growth(rate, len(names)) if rates else None)
        if found.noise.df < _LEAST_DF:
            return Weighed(None, ONE_GROUP)
    elif rates:
        found = test.of_rates(d)
    else:
        found = test.of_numbers(d, test.factor_growth(np.asarray(scenarios.pairs.a) / scale))
    unit: Unit = "scenario" if numbers is None else "group"
    return Weighed(found, None, unit, len(names) / found.n, 1, moves=scenarios.differences if numbers is None else ())


def allowed_for(weighed: Weighed, a: float, b: float, known: Spread) -> Weighed:
    """Return what was found of one run on each side, allowing for how far runs of one program lie apart."""
    from evalprov.stats.whole_run import both, of_runs

    runs = of_runs([a], [b], known) if weighed.evidence else None
    if runs is None or weighed.evidence is None:
        return weighed
    told = f"allows for how far {known.runs} earlier runs of one program lie apart"
    whole = runs.noise.error > _WHOLE * weighed.evidence.noise.error
    return weighed._replace(
        evidence=both(weighed.evidence, runs), reason=joined(told, weighed.reason), whole=whole, known=True
    )


def _without_pairs(a: Column, b: Column, groups: Groups) -> Weighed:
    import numpy as np

    from evalprov.stats import unpaired as test

    in_groups = [groups.of(column.scenarios) for column in (a, b)]
    if in_groups == [None, None] and _are_rates(a.values) and _are_rates(b.values):
        hits = [round(sum(column.values)) for column in (a, b)]
        return Weighed(test.of_counts(hits[0], len(a.values), hits[1], len(b.values)), None)
    if min(len(a.values), len(b.values)) < 2:
        return Weighed(None, f"only one scenario on side {'A' if len(a.values) < 2 else 'B'}: its noise is unknown")
    scale = _scale(_largest(a.values, b.values))
    means = [
        test.mean_of(np.asarray(column.values) / scale, numbers)
        for column, numbers in zip((a, b), in_groups, strict=True)
    ]
    if in_groups == [None, None]:
        return Weighed(times(test.of_means(means[0], means[1], "Welch's t"), scale), None)
    if min(mean.noise.df for mean in means) < _LEAST_DF:
        return Weighed(None, ONE_GROUP)
    found = test.of_means(means[0], means[1], "Welch's t, clustered by group")
    return Weighed(times(found, scale), None, "group", min(len(a.values), len(b.values)) / found.n)


def _of_trials(a: Sequence[float], b: Sequence[float], known: Spread) -> Weighed:
    """Judge by the runs' own numbers."""
    from evalprov.stats.whole_run import of_runs

    scale = _scale(_largest(a, b))
    spread = known._replace(variance=known.variance / scale / scale)
    found = of_runs([value / scale for value in a], [value / scale for value in b], spread)
    if found is None:
        return Weighed(None, NO_NOISE)
    told = f"allows for how far {known.runs} earlier runs of one program lie apart" if known.runs else None
    return Weighed(times(found, scale), told, "trial", whole=True, known=known.runs > 0)


def _of_statistics(a: Sample, b: Sample) -> Weighed:
    """Judge by standard errors and counts, as the eval reports them or the scenarios give them."""
    from evalprov.stats import unpaired as test

    n_a, n_b = sample_size(a), sample_size(b)
    if n_a and n_b:
        hits_a, hits_b = _hits(a, n_a), _hits(b, n_b)
        if hits_a is not None and hits_b is not None:
            return Weighed(test.of_counts(hits_a, n_a, hits_b, n_b), None, "sample")
        largest = _largest([side.trials[0] for side in (a, b)], [one["stderr"] or 0.0 for one in (*a.info, *b.info)])
        scale = _scale(max(largest, *(_largest(side.column.values) for side in (a, b) if side.column), 0.0))
        means = [_mean(side, scale) for side in (a, b)]
        if means[0] and means[1]:
            found = test.of_means(means[0], means[1], "Welch's t, from the standard errors")
            return Weighed(times(found, scale), None, "sample")
    if a.column or b.column:
        one, other = ("A", "B") if a.column else ("B", "A")
        if (b if a.column else a).table is not None:
            return Weighed(None, f"{one}'s is the mean or sum of its scenarios and {other}'s is not: {NO_NOISE}")
        return Weighed(None, f"only {one} has values by scenario; those of {other} would tell")
    return Weighed(None, NO_NOISE)


def sample_size(side: Sample) -> int | None:
    """Return how many values a side's number is of."""
    if side.column:
        return len(side.column.values)
    size = side.info[0]["n"] if len(side.info) == 1 else None
    return size if size is not None and 0 < size <= _MOST_SAMPLES else None


def _mean(side: Sample, scale: float) -> Mean | None:
    """Return a side's mean with its standard error."""
    import numpy as np

    from evalprov.stats import unpaired as test

    if side.column:
        return test.mean_of(np.asarray(side.column.values) / scale) if len(side.column.values) > 1 else None
    error, n = side.info[0]["stderr"], side.info[0]["n"]
    if error is None or n is None or n < 2:
        return None
    return test.Mean(side.trials[0] / scale, n, Noise(error / scale, n - 1, 1 / n))


def _hits(side: Sample, n: int) -> int | None:
    """Return how many of a side's samples were a success, where its number can be nothing but a share of them."""
    if side.column:
        return round(sum(side.column.values)) if _are_rates(side.column.values) else None
    rate = side.trials[0]
    hits = round(rate * n) if 0 <= rate <= 1 else -1
    if hits < 0 or not isclose(hits / n, rate, rel_tol=1e-9, abs_tol=1e-12):
        return None
    error = side.info[0]["stderr"]
    plain = sqrt(rate * (1 - rate) / max(1, n - 1))
    return hits if error is None or isclose(error, plain, rel_tol=max(0.02, 2 / n), abs_tol=1e-12) else None


def how_many(a: Sample, b: Sample, scenarios: Moved) -> int | None:
    """Return how many values a metric is judged by; unpaired, on the side with fewer."""
    if a.column and b.column:
        return len(scenarios.differences) or min(len(a.column.values), len(b.column.values))
    if len(a.trials) > 1 and len(b.trials) > 1:
        return min(len(a.trials), len(b.trials))
    sizes = [sample_size(side) for side in (a, b)]
    return None if sizes[0] is None or sizes[1] is None else min(sizes[0], sizes[1])


def _are_rates(values: Sequence[float]) -> bool:
    return values[0] in (0, 1) and countOf(values, 0) + countOf(values, 1) == len(values)


def joined(*remarks: str | None) -> str | None:
    """Return remarks as one; null where there are none."""
    return "; ".join(remark for remark in remarks if remark) or None
