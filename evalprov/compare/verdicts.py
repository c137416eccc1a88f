"""Two sides, metric by metric: how far each moved, how sure that is, and which way is better."""

from __future__ import annotations

from bisect import bisect_left
from importlib.util import find_spec
from itertools import accumulate
from math import ceil
from typing import TYPE_CHECKING, Literal

from evalprov.compare.direction import rule_of, way_of
from evalprov.compare.evidence import agreed, more
from evalprov.compare.noise import LEVEL, holm
from evalprov.compare.rules import NO_RULES, Direction
from evalprov.compare.samples import NO_COLUMN, NO_SAMPLE, Pairing, finite, number, samples
from evalprov.compare.twins import Twins
from evalprov.compare.weigh import (
    FEW,
    NOT_INSTALLED,
    Groups,
    alike,
    compared,
    how_many,
    joined,
    moved,
    summed,
    weigh,
)
from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evalprov.compare.evidence import Evidence
    from evalprov.compare.rules import MetricRule, Rules
    from evalprov.compare.samples import Sample
    from evalprov.compare.weigh import Compared, Moved, Weighed
    from evalprov.record.manifest import Manifest, MetricValue

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


def can_judge() -> bool:
    """Say whether scipy is there, without which no verdict is given."""
    return find_spec("scipy") is not None


def compare_metrics(a: Side, b: Side, rules: Rules = NO_RULES, level: float = LEVEL) -> list[MetricDiff]:
    """Compare every metric of two sides, in A's order, then those of B alone."""
    return compare_samples(samples(a.runs), samples(b.runs), Groups(a.runs, b.runs), rules, level)


def compare_samples(
    ours: Mapping[str, Sample], theirs: Mapping[str, Sample], groups: Groups, rules: Rules, level: float
) -> list[MetricDiff]:
    """Compare every metric of two sides by their values."""
    pairing, twins, installed = Pairing(), Twins(), can_judge()
    drafts: list[tuple[MetricDiff, Weighed | None]] = []
    known: dict[str, Weighed] = {}
    for name in dict.fromkeys([*ours, *theirs]):
        one, other = ours.get(name, NO_SAMPLE), theirs.get(name, NO_SAMPLE)
        scenarios = moved(one.column or NO_COLUMN, other.column or NO_COLUMN, pairing)
        numbers = compared(name, one, other, scenarios)
        rule = rule_of(rules.metrics, name)
        draft = _draft(name, one, other, scenarios, numbers, rule)
        unjudged = _unjudged(draft, one, other, scenarios, rule)
        if unjudged is None and not installed:
            unjudged = draft._replace(reason=joined(NOT_INSTALLED, draft.reason))
        if unjudged:
            drafts.append((unjudged, None))
            continue
        twin = twins.of(name, one, other)
        known[name] = known[twin] if twin else weigh(one, other, scenarios, groups)
        drafts.append((draft._replace(same_as=twin), summed(known[name], numbers.of)))
    return _settled(drafts, level)


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


def _settled(drafts: Sequence[tuple[MetricDiff, Weighed | None]], level: float) -> list[MetricDiff]:
    """Adjust every p-value for all that were judged, each number once, and say of each metric what follows."""
    found = {
        draft.name: weighed.evidence
        for draft, weighed in drafts
        if weighed and weighed.evidence and draft.same_as is None
    }
    share = max(level, _LEAST_LEVEL) / max(1, len(found))
    ps = holm([evidence.p for evidence in found.values()])
    adjusted = dict(zip(found, zip(ps, _best_adjusted(list(found.values())), strict=True), strict=True))
    settled = []
    for draft, weighed in drafts:
        if weighed is None:
            settled.append(draft)
            continue
        said = draft._replace(reason=joined(weighed.reason, draft.reason))
        if weighed.evidence is None:
            settled.append(said)
        else:
            p, best = adjusted[draft.same_as or draft.name]
            judged = _with_evidence(said, weighed.evidence, p, level)
            if p < level:
                settled.append(_moved(judged))
            else:
                judged = judged._replace(corrected_for=len(found) if weighed.evidence.p < level else None)
                settled.append(_unmoved(judged, weighed, share, len(found), could_tell=best < level))
    return settled


def _best_adjusted(found: Sequence[Evidence]) -> list[float]:
    """Return the adjusted p-value that each metric would have had if all of it had moved one way."""
    ps = sorted(evidence.p for evidence in found)
    before = [0.0, *accumulate(((len(ps) - rank) * p for rank, p in enumerate(ps)), max)]
    ranks = [bisect_left(ps, evidence.least) for evidence in found]
    return [max(before[rank], (len(ps) - rank) * one.least) for rank, one in zip(ranks, found, strict=True)]


def _with_evidence(draft: MetricDiff, evidence: Evidence, p: float, level: float) -> MetricDiff:
    return draft._replace(
        delta=evidence.effect,
        effect=evidence.effect,
        interval=agreed(evidence, level),
        p=evidence.p,
        p_adjusted=p,
        method=evidence.method,
        pairing=evidence.pairing,
        n=evidence.n,
    )


def _moved(judged: MetricDiff) -> MetricDiff:
    """Say which way a metric moved that did so for certain."""
    verdict: Verdict = "moved"
    if judged.direction is not None:
        verdict = "better" if ((judged.effect or 0.0) > 0) == (judged.direction == "higher") else "worse"
    return judged._replace(verdict=verdict)


def _unmoved(judged: MetricDiff, weighed: Weighed, share: float, metrics: int, *, could_tell: bool) -> MetricDiff:
    """Say of a metric that did not move for certain what would have been seen, and what more would show.

    The share is what Holm leaves of the level to the first of so many metrics.
    """
    evidence = weighed.evidence
    assert evidence is not None
    fewest = evidence.fewest(share)
    detectable = evidence.detectable(share)
    enough = more(evidence.n, detectable, evidence.effect, fewest)
    if could_tell:
        needed = None if enough is None else _needed(weighed, evidence.n, enough, weighed.trials)
        return judged._replace(verdict="within_noise", detectable=detectable, needed=needed)
    together = f", with {metrics} metrics judged together" if metrics > 1 else ""
    few = f"{_counted(evidence.n, weighed.unit)} too few to tell a move from chance{together}"
    # Trials of very few scenarios are judged by themselves; those of more only make each scenario's mean surer.
    trials = weighed.trials if weighed.unit == "scenario" and evidence.n < FEW else None
    return judged._replace(
        reason=joined(few, judged.reason),
        needed=_needed(weighed, evidence.n, max(enough or 0, fewest), trials),
    )


def _counted(count: int, unit: str) -> str:
    return f"1 {unit} is" if count == 1 else f"{count} {unit}s are"


def _needed(weighed: Weighed, units: int, enough: int, trials: int | None) -> Needed:
    if weighed.unit == "trial":
        return Needed(None, enough)
    return Needed(ceil(enough * weighed.per_unit), trials and ceil(trials * enough / units))
