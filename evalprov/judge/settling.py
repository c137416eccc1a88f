"""The tests of all metrics together: p-values adjusted for each other, and what follows of each metric."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from math import ceil
from typing import TYPE_CHECKING

from evalprov.judge.choose_test import FEW, ONE_RUN, joined
from evalprov.judge.metric_diff import Needed
from evalprov.named import NamedTuple
from evalprov.stats.evidence import agreed, units_needed
from evalprov.stats.together import TogetherAsked, adjusted
from evalprov.stats.whole_run import fewest_runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evalprov.judge.choose_test import Weighed
    from evalprov.judge.metric_diff import MetricDiff, Verdict
    from evalprov.stats.evidence import Evidence

_LEAST_LEVEL = 1e-12  # nobody has the data for less


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


def settle(
    drafts: Sequence[tuple[MetricDiff, Weighed | None]], level: float, what: str = "metrics"
) -> list[MetricDiff]:
    """Adjust every p-value for all that are judged together, each number once, and say what follows of each metric.

    `what` names what is judged together.
    """
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
            settled.append(_unmoved(judged, weighed, test, what))
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
    return judged._replace(verdict=verdict, reason=joined(judged.reason, ONE_RUN if weighed.alone else None))


def _unmoved(judged: MetricDiff, weighed: Weighed, test: _Test, what: str) -> MetricDiff:
    """Say of a metric that did not move for certain what would have been seen, and what more would show."""
    evidence = test.evidence
    fewest = evidence.fewest(test.share)
    detectable = evidence.detectable(test.share)
    enough = units_needed(evidence.n, detectable, evidence.effect, fewest)
    if test.could_tell:
        needed = None if enough is None else _needed(weighed, evidence.n, enough, weighed.trials, test.share)
        return judged._replace(verdict="within_noise", detectable=detectable, needed=needed)
    together = f", with {test.together} {what} judged together" if test.together > 1 else ""
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
