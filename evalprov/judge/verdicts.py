"""Two sides, metric by metric: how far each moved, how sure that is, and which way is better."""

from __future__ import annotations

from bisect import bisect_left
from importlib.util import find_spec
from itertools import accumulate
from math import ceil
from typing import TYPE_CHECKING, Literal

from evalprov.judge.choose_test import (
    FEW,
    NOT_INSTALLED,
    ONE_RUN,
    alike,
    compared,
    how_many,
    joined,
    moved,
    summed,
    weigh,
)
from evalprov.judge.direction import rule_of, way_of
from evalprov.judge.groups import Groups
from evalprov.judge.made_of import of_aggregate
from evalprov.judge.rules import NO_RULES, Direction, Role, Rules
from evalprov.judge.samples import NO_SAMPLE, samples
from evalprov.judge.twins import Twins
from evalprov.named import NamedTuple
from evalprov.stats.columns import NO_COLUMN, Pairing, finite, number
from evalprov.stats.evidence import agreed, units_needed
from evalprov.stats.noise import LEVEL
from evalprov.stats.together import TogetherAsked, adjusted
from evalprov.stats.whole_run import UNKNOWN, fewest_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from evalprov.judge.choose_test import Compared, Moved, Weighed
    from evalprov.judge.rules import MetricRule
    from evalprov.judge.samples import Sample
    from evalprov.record.manifest import Manifest
    from evalprov.record.schema.values import MetricValue
    from evalprov.stats.evidence import Evidence
    from evalprov.stats.whole_run import Spread

_LEAST_LEVEL = 1e-12  # nobody has the data for less

Verdict = Literal[
    "better",  # it moved for real, the right way
    "worse",  # it moved for real, the wrong way
    "moved",  # it moved for real; which way is better is not known
    "within_noise",  # it moved no more than noise may, and there was enough data to see
    "same",  # every value alike
    "cannot_tell",  # too little data, or too little known
    "one_sided",  # only one of the two has it
]
REAL: tuple[Verdict, ...] = ("better", "worse", "moved")


class Side(NamedTuple):
    """One side of a comparison: a run, or the trials of one program taken together."""

    runs: tuple[Manifest, ...]  # at least one, oldest first


class ScenarioMove(NamedTuple):
    """One scenario's value on both sides (its mean over the trials)."""

    scenario: str
    a: float
    b: float


class Needed(NamedTuple):
    """How much data would tell, if the metric really moved as far as it seems to have."""

    scenarios: int | None  # on each side
    trials: int | None  # of the same scenarios, on each side


class MetricDiff(NamedTuple):
    """How one metric fared from A to B."""

    name: str  # in the summary
    a: MetricValue  # the summary's value, over trials their mean; where that is of other scenarios, of those compared
    b: MetricValue
    delta: float | None  # from a to b
    unit: str | None
    direction: Direction | None
    direction_from: Literal["settings", "reported", "definition", "name"] | None  # the name alone is a guess
    verdict: Verdict
    reason: str | None  # why it cannot be told, or what to know about the verdict
    effect: float | None  # what was judged: the delta, as far as there is evidence
    interval: tuple[float, float] | None  # of the effect, at the level of the verdict: 95 %, unless another was asked
    p: float | None  # two-sided
    p_adjusted: float | None  # for all metrics judged together (Holm)
    corrected_for: int | None  # how many those are, where that decides: alone it would have moved
    method: str | None
    pairing: Literal["scenarios", "groups", "none"] | None  # what was held against what
    n: int | None  # how many pairs; unpaired, the smaller side
    detectable: float | None  # a move of this size would have been seen four times in five
    needed: Needed | None
    up: int  # scenarios with a higher value in B
    down: int
    moves: list[ScenarioMove]  # the scenarios that moved most, first
    only_a: int  # scenarios that only one side has a value for
    only_b: int
    same_as: str | None  # the metric with the same numbers on both sides, with which it was judged
    own: tuple[MetricValue, MetricValue] | None  # the runs' own numbers, where a and b are not
    role: Role  # info is told, and takes no part in the correction for the others
    reported: bool  # by the eval; else it is made from the scenarios beside a summary that lacks it
    one_sided: bool  # it is asked whether it fell, and a rise is held to the two-sided test
    at_worst: float | None  # the largest fall that is not excluded, one-sided and alone; null where that is not known
    interval_level: float | None  # what the interval holds: what is left of 95 % after the correction, or more


def can_judge() -> bool:
    """Say whether scipy is there, without which no verdict is given."""
    return find_spec("scipy") is not None


class Terms(NamedTuple):
    """On which terms metrics are judged."""

    rules: Rules = NO_RULES
    level: float = LEVEL
    spreads: Mapping[str, Spread] = {}  # how far runs of one program lie apart, by metric, where earlier runs tell
    gates: Callable[[MetricDiff], bool] | None = None  # of a gate: which metrics may fail it; only falls are asked for


def compare_metrics(
    a: Side, b: Side, rules: Rules = NO_RULES, level: float = LEVEL, spreads: Mapping[str, Spread] | None = None
) -> list[MetricDiff]:
    """Compare every metric of two sides, in A's order, then those of B alone."""
    terms = Terms(rules, level, spreads or {})
    return compare_samples(samples(a.runs), samples(b.runs), Groups(a.runs, b.runs), terms)


def compare_samples(
    ours: Mapping[str, Sample], theirs: Mapping[str, Sample], groups: Groups, terms: Terms
) -> list[MetricDiff]:
    """Compare every metric of two sides by their values."""
    rules = terms.rules
    pairing, twins, installed = Pairing(), Twins(), can_judge()
    drafts: list[tuple[MetricDiff, Weighed | None]] = []
    known: dict[str, Weighed] = {}
    for name in dict.fromkeys([*ours, *theirs]):
        one, other = ours.get(name, NO_SAMPLE), theirs.get(name, NO_SAMPLE)
        sides = (one, other)
        if any(side.is_redundant_total for side in sides) and all(
            side.is_redundant_total or not side.trials for side in sides
        ):
            continue
        scenarios = moved(one.column or NO_COLUMN, other.column or NO_COLUMN, pairing)
        numbers = compared(one, other, scenarios)
        rule = rule_of(rules.metrics, name)
        draft = _with_role(_draft(name, one, other, scenarios, numbers, rule), (one, other), rule, terms)
        unjudged = _unjudged(draft, one, other, scenarios, rule)
        if unjudged is None and not installed:
            unjudged = draft._replace(reason=joined(NOT_INSTALLED, draft.reason))
        if unjudged:
            drafts.append((unjudged, None))
            continue
        twin = twins.of(name, one, other)
        spread = terms.spreads.get(name, UNKNOWN)
        known[name] = (
            known[twin]
            if twin
            else of_aggregate(name, one, other, rule, groups)
            or weigh(one, other, scenarios, groups, spread._replace(variance=spread.variance / numbers.of**2))
        )
        drafts.append((draft._replace(same_as=twin), summed(known[name], numbers.of)))
    return _settled(drafts, terms.level)


def _with_role(draft: MetricDiff, sides: tuple[Sample, Sample], rule: MetricRule | None, terms: Terms) -> MetricDiff:
    """Say what part a metric has among all that are judged."""
    reported = any(side.reported for side in sides if side.trials)
    role: Role = (rule and rule.role) or ("primary" if reported or rule else "info")
    draft = draft._replace(role=role, reported=reported)
    if terms.gates is None:
        return draft._replace(one_sided=role == "guard" and draft.direction is not None)
    gates = terms.gates(draft)
    return draft._replace(role=role if gates else "info", one_sided=gates and draft.direction is not None)


def _draft(  # noqa: PLR0913, PLR0917 - all that is known of a metric
    name: str, a: Sample, b: Sample, scenarios: Moved, numbers: Compared, rule: MetricRule | None
) -> MetricDiff:
    """Return all of a metric that needs no test."""
    way = way_of(name, rule, [*a.info, *b.info])
    lacking = [side for side, value in (("A", a.value), ("B", b.value)) if value is None]
    other = None if numbers.own else "A and B are of what is compared, and not the runs' own numbers"
    reason = joined("what the runs say of which way is better differs" if way.conflict else None, other)
    if lacking:
        reason = f"{' and '.join(lacking)} {'have' if len(lacking) > 1 else 'has'} no value"
    return MetricDiff(
        name=name,
        a=numbers.a,
        b=numbers.b,
        delta=_delta(numbers.a, numbers.b),
        unit=way.unit,
        direction=way.direction,
        direction_from=way.source,
        verdict="one_sided" if len(lacking) == 1 else "cannot_tell",
        reason=reason,
        effect=None,
        interval=None,
        p=None,
        p_adjusted=None,
        corrected_for=None,
        method=None,
        pairing=None,
        n=None if lacking else how_many(a, b, scenarios),
        detectable=None,
        needed=None,
        up=scenarios.up,
        down=scenarios.down,
        moves=[ScenarioMove(*move) for move in scenarios.most],
        only_a=scenarios.only_a,
        only_b=scenarios.only_b,
        same_as=None,
        own=None if numbers.own else (a.value, b.value),
        role="primary",
        reported=True,
        one_sided=False,
        at_worst=None,
        interval_level=None,
    )


def _unjudged(draft: MetricDiff, a: Sample, b: Sample, scenarios: Moved, rule: MetricRule | None) -> MetricDiff | None:
    """Return a metric of which all is said without a test; null for one that is to be judged."""
    if draft.a is None or draft.b is None:
        return draft
    least = rule.min_n if rule else None
    if least is not None and (draft.n is None or draft.n < least):
        had = "how many there are is not known" if draft.n is None else f"there are {draft.n}"
        reason = f"the settings ask for {least} values or more, and {had}"
        return draft._replace(reason=reason, needed=_asked_for(least, a, b))
    if alike(a, b, scenarios):
        return draft._replace(verdict="same")
    return None


def _asked_for(count: int, a: Sample, b: Sample) -> Needed:
    by_trial = not (a.column or b.column) and len(a.trials) > 1 and len(b.trials) > 1
    return Needed(None, count) if by_trial else Needed(count, None)


def _delta(a: MetricValue, b: MetricValue) -> float | None:
    if a is None or b is None:
        return None
    if isinstance(a, int) and isinstance(b, int):
        return number(b - a)
    return finite(number(b) - number(a))


class _Test(NamedTuple):
    """A test of a metric, and what follows from it among all that are judged together."""

    evidence: Evidence
    fall: int  # which way is a fall where that alone is asked for, -1 or 1; 0 where any move counts
    p: float = 1.0  # adjusted, of any move
    p_fall: float = 1.0  # adjusted, of a fall alone
    share: float = 0.0  # of the level, that the first of so many has
    together: int = 1  # so many are judged
    could_tell: bool = False  # if all of it had moved one way

    @property
    def own(self) -> float:
        """The p-value alone."""
        return _one_sided(self.evidence, self.fall) if self.falls else self.evidence.p

    @property
    def falls(self) -> bool:
        """Whether a fall is asked for, and it fell."""
        return self.fall * self.evidence.effect > 0

    @property
    def decides(self) -> float:
        """The p-value that the verdict is read off."""
        return self.p_fall if self.falls else self.p


def _one_sided(evidence: Evidence, fall: int) -> float:
    return evidence.p / 2 if fall * evidence.effect > 0 else 1 - evidence.p / 2


def _settled(drafts: Sequence[tuple[MetricDiff, Weighed | None]], level: float) -> list[MetricDiff]:
    """Adjust every p-value for all that are judged together, each number once, and say what follows of each metric."""
    tests: dict[str, _Test] = {}
    for aside in (False, True):
        family = {
            draft.name: (draft, weighed)
            for draft, weighed in drafts
            if weighed and weighed.evidence and draft.same_as is None and (draft.role == "info") == aside
        }
        tests |= _adjusted(family, level)
    settled = []
    for draft, weighed in drafts:
        if weighed is None:
            settled.append(draft)
            continue
        said = draft._replace(reason=joined(weighed.reason, draft.reason))
        test = tests.get(draft.same_as or draft.name)
        if weighed.evidence is None or test is None:
            settled.append(said)
            continue
        test = test._replace(evidence=weighed.evidence)
        judged = _with_evidence(said, test, level)
        if test.decides < level:
            settled.append(_moved(judged, weighed))
        else:
            judged = judged._replace(corrected_for=test.together if test.own < level else None)
            settled.append(_unmoved(judged, weighed, test))
    return settled


def _adjusted(family: Mapping[str, tuple[MetricDiff, Weighed]], level: float) -> dict[str, _Test]:
    tests: dict[str, _Test] = {}
    any_move, falls, least = [], [], []
    for name, (draft, weighed) in family.items():
        assert weighed.evidence is not None
        fall = {"higher": -1, "lower": 1}[draft.direction] if draft.one_sided and draft.direction else 0
        test = tests[name] = _Test(weighed.evidence, fall)
        moves = weighed.moves
        any_move.append(TogetherAsked(test.evidence.p, 0, moves))
        falls.append(TogetherAsked(_one_sided(test.evidence, fall) if fall else test.evidence.p, fall, moves))
        least.append(test.evidence.min_p / 2 if fall else test.evidence.min_p)
    share = max(level, _LEAST_LEVEL) / max(1, len(tests))
    ps = adjusted(any_move, level)
    of_falls = adjusted(falls, level) if any(one.side for one in falls) else ps
    best = _best_adjusted([one.p for one in falls], least)
    rows = zip(tests.items(), ps, of_falls, best, strict=True)
    return {
        name: test._replace(
            p=p, p_fall=fall, share=2 * share if test.fall else share, together=len(tests), could_tell=could < level
        )
        for (name, test), p, fall, could in rows
    }


def _best_adjusted(found: Sequence[float], least: Sequence[float]) -> list[float]:
    """Return the adjusted p-value that each metric would have had if all of it had moved one way."""
    ps = sorted(found)
    before = [0.0, *accumulate(((len(ps) - rank) * p for rank, p in enumerate(ps)), max)]
    ranks = [bisect_left(ps, one) for one in least]
    return [max(before[rank], (len(ps) - rank) * one) for rank, one in zip(ranks, least, strict=True)]


def _with_evidence(draft: MetricDiff, test: _Test, level: float) -> MetricDiff:
    evidence = test.evidence

    def corrected(p: float, own: float) -> float:
        return level / min(max(p / own if own else 1.0, 1.0), test.together)

    tail = corrected(test.p, evidence.p) / 2
    tails = [tail, tail]
    if test.fall:
        # The end that a fall has to leave 0 behind.
        tails[1 if test.fall < 0 else 0] = corrected(test.p_fall, _one_sided(evidence, test.fall))
    return draft._replace(
        delta=evidence.effect,
        effect=evidence.effect,
        interval=agreed(evidence, (tails[0], tails[1]), test.decides < level),
        at_worst=_at_worst(draft, evidence, level),
        interval_level=1 - sum(tails),
        p=evidence.p,
        p_adjusted=test.decides,
        method=evidence.method,
        pairing=evidence.pairing,
        n=evidence.n,
    )


def _at_worst(draft: MetricDiff, evidence: Evidence, level: float) -> float | None:
    ends = evidence.interval(min(1.0, 2 * level))
    if ends is None or draft.direction is None:
        return None
    return -min(ends[0], evidence.effect) if draft.direction == "higher" else max(ends[1], evidence.effect)


def _moved(judged: MetricDiff, weighed: Weighed) -> MetricDiff:
    """Say which way a metric moved that did so for certain."""
    verdict: Verdict = "moved"
    if judged.direction is not None:
        verdict = "better" if ((judged.effect or 0.0) > 0) == (judged.direction == "higher") else "worse"
    one_run = weighed.trials == 1 and not weighed.known
    return judged._replace(verdict=verdict, reason=joined(judged.reason, ONE_RUN if one_run else None))


def _unmoved(judged: MetricDiff, weighed: Weighed, test: _Test) -> MetricDiff:
    """Say of a metric that did not move for certain what would have been seen, and what more would show."""
    evidence = test.evidence
    fewest = evidence.fewest(test.share)
    detectable = evidence.detectable(test.share)
    enough = units_needed(evidence.n, detectable, evidence.effect, fewest)
    if test.could_tell:
        needed = None if enough is None else _needed(weighed, evidence.n, enough, weighed.trials, test.share)
        return judged._replace(verdict="within_noise", detectable=detectable, needed=needed)
    together = f", with {test.together} metrics judged together" if test.together > 1 else ""
    few = f"{_counted(evidence.n, weighed.unit)} too few to tell a move from chance{together}"
    # Trials of very few scenarios are judged by themselves; those of more only make each scenario's mean surer.
    trials = weighed.trials if weighed.unit == "scenario" and evidence.n < FEW else None
    return judged._replace(
        reason=joined(few, judged.reason),
        needed=_needed(weighed, evidence.n, max(enough or 0, fewest), trials, test.share),
    )


def _counted(count: int, unit: str) -> str:
    return f"1 {unit} is" if count == 1 else f"{count} {unit}s are"


def _needed(weighed: Weighed, units: int, enough: int, trials: int | None, share: float) -> Needed:
    if weighed.unit == "trial":
        return Needed(None, enough)
    if weighed.whole and weighed.trials:
        return Needed(None, max(fewest_runs(share), ceil(weighed.trials * enough / units)))
    return Needed(ceil(enough * weighed.per_unit), trials and max(fewest_runs(share), ceil(trials * enough / units)))
