"""A program compared with itself: how often the gate would fire where nothing is wrong, and what its noise is made of.

Trials of one program are exchangeable: which of two is called the baseline is chance. So the gate judges every pair of
them, in both orders, and then many made-up pairs, in which each scenario gives each side one of two different trials'
values, drawn anew every time. Made-up pairs have the scenarios' noise and nothing else; where real pairs fare worse,
whole trials differ, and that is tested as such (see `noise`).
"""

from __future__ import annotations

import random
from itertools import permutations
from math import ceil, floor, inf, isnan, log10, nan, sqrt
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from evalprov.judge.direction import rule_of, unit_of
from evalprov.judge.gate import judge as gated
from evalprov.judge.metric_diff import Needed, Side
from evalprov.judge.planning import needed as scenarios_needed
from evalprov.judge.planning import parts_of, sees, trials_needed
from evalprov.judge.rules import NO_RULES, MetricRule
from evalprov.judge.samples import own_names
from evalprov.judge.summary import gathered, standard_error
from evalprov.named import NamedTuple
from evalprov.stats.columns import mean_of, number
from evalprov.stats.distributions import t_quantile
from evalprov.stats.noise import LEVEL, holm, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from evalprov.judge.gate import Gate
    from evalprov.judge.rules import Rules
    from evalprov.judge.summary import Trials
    from evalprov.record.manifest import Manifest
    from evalprov.record.schema.values import MetricValue

    Progress = Callable[[int, int], None]

PAIRS = 200  # of many trials, so many pairs are judged
RESAMPLED = 1000
_CELLS = 1_000_000  # values that made-up pairs may have together, beyond the fewest
_FEWEST = 100
_SEED = 20
_SMALL = 0.05  # of its mean: the move that is to be seen of what is no rate
_FEWEST_TRIALS = 3  # to say what to tolerate
_SURE = 0.002  # that alike trials look unlike is tested at the level itself, and what else may alarm hardly adds to it
_DRAWS = 4000
UNSTABLE_KEPT = 50

Verdict = Literal[
    "holds",  # it fires no more often than stated
    "fires_more",
    "trials_differ",  # whole trials differ by more than their scenarios' noise
    "cannot_tell",  # no pair can be judged
]


class Rate(NamedTuple):
    """How often the gate fired."""

    of: int  # comparisons
    fired: int
    undecided: int  # that the gate could not evaluate
    interval: tuple[float, float] | None  # of the share that fired, 95 % (Wilson); null where they are not independent


class Unstable(NamedTuple):
    """A scenario that does not always come out alike."""

    scenario: str
    mean: float
    low: float
    high: float
    deviation: float  # from trial to trial


class MetricNoise(NamedTuple):
    """What one metric's noise is made of."""

    name: str
    unit: str | None
    trials: int  # that have it
    mean: float
    deviation: float | None  # of the run's number, from trial to trial
    scenarios: int  # that every trial has
    within: float | None  # share of the scenarios' variance that is within a scenario, from trial to trial
    unstable: int  # scenarios that did not come out alike
    most_unstable: list[Unstable]
    detectable: float | None  # the move that one run against one would show four times in five
    size: float | None  # a move that is to be seen: what is tolerated, 0.03 of a rate, else 5 % of the mean
    needed: Needed | None  # what would show that
    p: float | None  # how often trials that are alike differ so much (Holm, over all metrics)
    fired: int  # pairs of trials in which it made the gate fire
    tolerance: float | None  # a suggestion, where its scenarios do not tell its noise
    whole: float | None  # of the deviation, what moves whole runs and is no noise of their scenarios

    @property
    def differs(self) -> bool:
        """Whether whole trials differ in it by more than noise."""
        return self.p is not None and self.p < LEVEL


class SelfComparison(NamedTuple):
    """What came of comparing a program with itself."""

    verdict: Verdict
    level: float  # how often the gate may fire, as stated
    runs: list[str]
    metrics: list[MetricNoise]
    pairs: Rate
    resampled: Rate | None  # null where no metric has values by scenario
    why: str | None  # why the gate could not evaluate, most often


def measure(
    side: Side, rules: Rules = NO_RULES, progress: Progress | None = None, most: int = RESAMPLED
) -> SelfComparison:
    """Compare the trials of one program with each other; there are two at least, and so many made-up pairs at most."""
    count = len(side.runs)
    rng = random.Random(_SEED)  # noqa: S311 - the same result everywhere is the point
    found = gathered(side.runs)
    places = list(permutations(range(count), 2)) if count * (count - 1) <= PAIRS else _some_pairs(count, rng)
    made_up = _MadeUp(side.runs, found, most)
    todo = len(places) + made_up.count
    step = max(1, todo // 100)

    def told(gates: Iterable[Gate], done: int) -> list[Gate]:
        kept = []
        for gate in gates:
            kept.append(gate)
            if progress and (done + len(kept)) % step == 0:
                progress(done + len(kept), todo)
        return kept

    pairs = told((gated(Side((side.runs[a],)), Side((side.runs[b],)), rules, look_inside=False) for a, b in places), 0)
    others = told((gated(*made_up.pair(rng), rules, look_inside=False) for _ in range(made_up.count)), len(pairs))
    metrics = _metrics(found, side, pairs, rules)
    resampled = _rate(others, independent=True) if others else None
    real = _rate(pairs, independent=False)
    undecided = [gate.why for gate in pairs if gate.verdict == "not_evaluated"]
    return SelfComparison(
        _verdict(metrics, real, resampled, count, rules.gate.level),
        rules.gate.level,
        [run["run_id"] for run in side.runs],
        metrics,
        real,
        resampled,
        max(undecided, key=undecided.count) if undecided else None,
    )


def _some_pairs(count: int, rng: random.Random) -> list[tuple[int, int]]:
    pairs: dict[tuple[int, int], None] = {}
    while len(pairs) < PAIRS:
        pairs[_two(count, rng)] = None
    return list(pairs)


def _two(count: int, rng: random.Random) -> tuple[int, int]:
    """Draw two different numbers below a count."""
    one, other = int(rng.random() * count), int(rng.random() * (count - 1))
    return one, other + (other >= one)


class _MadeUp:
    """Makes pairs of runs in which every scenario has the values of any two of the trials."""

    def __init__(self, runs: Sequence[Manifest], found: Mapping[str, Trials], most: int) -> None:
        self._runs = runs
        tables = [run["metrics"] or {} for run in runs]
        self._scenarios = [name for name in tables[0] if all(name in table for table in tables[1:])]
        self._rows = [[table[name] for table in tables] for name in self._scenarios]
        self._own = {name: own for name, trials in found.items() if trials.columns and (own := self._own_name(name))}
        cells = len(self._scenarios) * len(self._own)
        self.count = min(most, max(_FEWEST, _CELLS // cells)) if cells else 0

    def pair(self, rng: random.Random) -> tuple[Side, Side]:
        """Make one."""
        count = len(self._runs)
        drawn = [_two(count, rng) for _ in self._scenarios]
        return self._side(0, [one for one, _ in drawn]), self._side(1, [other for _, other in drawn])

    def _own_name(self, name: str) -> str | None:
        return next((own for own in own_names(name) if any(own in row[0] for row in self._rows)), None)

    def _side(self, host: int, drawn: Sequence[int]) -> Side:
        rows = [row[trial] for row, trial in zip(self._rows, drawn, strict=True)]
        summary: dict[str, MetricValue] = {}
        for name, own in self._own.items():
            values = [number(value) for row in rows if (value := row.get(own)) is not None]
            summary[name] = mean_of(values) if values else None
        run: dict[str, Any] = {**self._runs[host]}
        run |= {"metrics": dict(zip(self._scenarios, rows, strict=True)), "metric_summary": summary}
        return Side((run,))  # type: ignore[arg-type]


def _rate(gates: Sequence[Gate], *, independent: bool) -> Rate:
    verdicts = [gate.verdict for gate in gates]
    fired = verdicts.count("regression")
    interval = wilson(fired, len(gates)) if independent else None
    return Rate(len(gates), fired, verdicts.count("not_evaluated"), interval)


def wilson(hits: float, of: float) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    z = 1.959963984540054
    share = hits / of
    middle = share + z * z / (2 * of)
    reach = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    # Rounding apart, none and all are its ends themselves.
    return 0.0 if hits <= 0 else (middle - reach) / scale, 1.0 if hits >= of else (middle + reach) / scale


def _verdict(metrics: Sequence[MetricNoise], pairs: Rate, resampled: Rate | None, trials: int, level: float) -> Verdict:
    if any(one.differs for one in metrics):
        return "trials_differ"
    if pairs.undecided == pairs.of:
        return "cannot_tell"
    if resampled and by_chance(resampled, level) < _SURE:
        return "fires_more"
    return "fires_more" if _among_alike(pairs, trials, level) < _SURE else "holds"


def by_chance(found: Rate, level: float) -> float:
    """Return how often so many comparisons of their own fire where each does at the stated rate."""
    from scipy.special import bdtrc

    return float(bdtrc(found.fired - 1, found.of, level)) if found.fired else 1.0


def _among_alike(found: Rate, trials: int, level: float) -> float:
    """Return how often trials that are alike fire in as large a share of their pairs, which have trials in common."""
    if found.fired <= level * found.of:
        return 1.0
    import numpy as np

    numbers = np.sort(np.random.default_rng(_SEED).standard_normal((_DRAWS, trials)))
    bound = t_quantile(1 - level, inf) * sqrt(2)
    fired = sum(np.count_nonzero(numbers[:, k:] - numbers[:, :-k] > bound, axis=1) for k in range(1, trials))
    share = fired / (trials * (trials - 1))
    return (1 + int(np.count_nonzero(share >= found.fired / found.of))) / (1 + _DRAWS)


def _metrics(found: Mapping[str, Trials], side: Side, pairs: Sequence[Gate], rules: Rules) -> list[MetricNoise]:
    groups = {scenario: group for run in side.runs for scenario, group in run["scenario_groups"].items()}
    named = {name: trials for name, trials in found.items() if len(trials.values) > 1}
    judged = {name: _likeness(trials, groups) for name, trials in named.items()}
    known = [p for p in judged.values() if p is not None]
    adjusted = iter(holm(known))
    ps = {name: None if p is None else next(adjusted) for name, p in judged.items()}
    blocking = sum(one.blocks for one in pairs[0].metrics)
    return [_metric(name, trials, ps[name], pairs, (rules, max(1, blocking))) for name, trials in named.items()]


def _likeness(trials: Trials, groups: Mapping[str, str]) -> float | None:
    """Return how often trials that are alike differ so much; null where their scenarios cannot tell.

    Scenarios of one group are taken together, as they may have their noise in common.
    """
    rows: dict[object, list[float]] = {}
    for scenario, values in trials.by_scenario().items():
        if len(values) == len(trials.values):
            row = rows.setdefault(groups.get(scenario, (scenario,)), [0.0] * len(values))
            row[:] = [sum_ + value for sum_, value in zip(row, values, strict=True)]
    judged = judge(list(zip(*rows.values(), strict=True))) if rows else None
    return judged and judged.p


def _metric(name: str, trials: Trials, p: float | None, pairs: Sequence[Gate], asked: tuple[Rules, int]) -> MetricNoise:
    rules, blocking = asked
    values, count = trials.values, len(trials.values)
    mean, error = mean_of(values), standard_error(values)
    deviation = None if error is None else error * sqrt(count)
    rows = {scenario: own for scenario, own in trials.by_scenario().items() if len(own) == count}
    within, unstable = _parts(rows)
    here = [one for gate in pairs for one in gate.metrics if one.diff.name == name]
    seen = [one.diff.detectable for one in here if one.diff.detectable is not None]
    detectable = median(seen) if seen else None
    size = _size(name, mean, [v for own in rows.values() for v in own] or values, rules)
    parts = parts_of(list(rows.values()), values) if rows and count > 2 else None
    differs = p is not None and p < LEVEL
    if parts and differs:  # a pair's own scenarios do not tell what moves whole runs
        level = rules.gate.level / blocking
        detectable = max(detectable or 0.0, sees(parts, len(rows), 1, level) or 0.0) or None
        needed = Needed(scenarios_needed(parts, size, 1, level), trials_needed(parts, size, level)) if size else None
    else:
        needed = _needed(detectable, size, len(rows)) if rows else None
    unsure = not rows or differs
    return MetricNoise(
        name,
        next(iter(trials.units), None) or unit_of(name),
        count,
        mean,
        deviation,
        len(rows),
        within,
        len(unstable),
        unstable[:UNSTABLE_KEPT],
        detectable,
        size,
        needed,
        p,
        sum(one.outcome == "regression" for one in here),
        tolerable(deviation, count, rules.gate.level / blocking) if unsure else None,
        sqrt(parts.whole) if parts else None,
    )


def _parts(rows: Mapping[str, Sequence[float]]) -> tuple[float | None, list[Unstable]]:
    """Part the variance of scenarios' values into that within a scenario and that between them.

    Returns the share of the first, and the scenarios that have some, the most unstable first.
    """
    if len(rows) < 2:
        return None, []
    means = {scenario: mean_of(own) for scenario, own in rows.items()}
    errors = {scenario: standard_error(own) or 0.0 for scenario, own in rows.items()}
    trials = len(next(iter(rows.values())))
    noise = mean_of([error * error for error in errors.values()])  # of a scenario's mean over the trials
    spread = (standard_error(list(means.values())) or 0.0) ** 2 * len(rows)
    within, between = noise * trials, max(0.0, spread - noise)
    unstable = [
        Unstable(scenario, means[scenario], min(own), max(own), errors[scenario] * sqrt(trials))
        for scenario, own in rows.items()
        if min(own) != max(own)
    ]
    share = within / (within + between) if within + between > 0 else nan
    unstable.sort(key=lambda one: (-one.deviation, one.scenario))
    return None if isnan(share) else share, unstable


def _size(name: str, mean: float, values: Sequence[float], rules: Rules) -> float | None:
    """Return the move that is to be seen."""
    rule = rule_of(rules.metrics, name) or MetricRule()
    if rule.tolerance:
        return rule.tolerance
    if rule.tolerance_relative:
        return rule.tolerance_relative * abs(mean) or None
    return rules.gate.noise_band if all(0 <= value <= 1 for value in values) else _SMALL * abs(mean) or None


def _needed(detectable: float | None, size: float | None, scenarios: int) -> Needed | None:
    """Return how much data would show a move of a size: noise shrinks with the root of either number."""
    if not detectable or not size:
        return None
    times = (detectable / size) ** 2
    return Needed(max(1, ceil(scenarios * times)), max(1, ceil(times)))


def tolerable(deviation: float | None, trials: int, level: float) -> float | None:
    """Return by how much one run may be worse than another, so that chance exceeds it so rarely.

    The difference of two more runs, in units of what the trials' deviation leads to expect, has Student's t.
    """
    if not deviation or trials < _FEWEST_TRIALS:
        return None
    reach = t_quantile(1 - level, trials - 1) * sqrt(2) * deviation
    unit = 10.0 ** (floor(log10(reach)) - 1)  # two digits, rounded up
    return round(ceil(reach / unit - 1e-9) * unit, max(0, -floor(log10(unit))))
