"""The answer in one line: what moved for real, and which layer did it, as far as that can be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from evalprov.explain.changes import CERTAIN
from evalprov.explain.used import NOT_SEEN, UsedStanding
from evalprov.explain.wording import LINE, NAME, SHOWN, brief, facts, shortened
from evalprov.judge.choose_test import OFF, ONE_RUN
from evalprov.judge.left_out import NOTHING, LeftOut
from evalprov.judge.metric_diff import REAL
from evalprov.judge.one_experiment import levers
from evalprov.named import NamedTuple
from evalprov.numbers import listed, rounded
from evalprov.record.facts import TREE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evalprov.explain.attribution import LayerState
    from evalprov.explain.changes import Change
    from evalprov.judge.inside import Inside
    from evalprov.judge.metric_diff import MetricDiff, Side

AnswerKind = Literal[
    "attributed",  # a score moved, and one layer changed; no other did as far as is recorded
    "confounded",  # a score moved, and several layers changed
    "unattributable",  # a score moved, and a layer is not known
    "untracked",  # a score moved, and nothing that is recorded changed
    "cannot_tell",  # whether a score moved
    "not_moved",  # no score did
    "no_metrics",  # there is nothing to compare
    "present_same",  # a run now would be the same program
    "present_changed",  # it would be another
    "present_unknown",  # nothing known has changed; the rest shows when it runs
]
REASONS = (0, 60, 120)  # letters of a reason, the more facts are shown
CHANGED, VERDICT = 45, 60  # letters that either keeps, whatever else there is to say
HIDDEN = (60, 90, 120)  # likewise of what a mean hides


class Answer(NamedTuple):
    """What follows from two runs."""

    kind: AnswerKind
    sentence: str
    moved: list[str]  # the metrics that moved for real
    unclear: list[str]  # those of which nobody can tell
    levers: list[str]  # what changed: prompts, model, data set, retriever, grader ...
    unknown: list[str]  # layers that may have
    named: list[str]  # layers that are the same by name alone: they may have
    undeclared: list[str]  # layers that nobody declared on either side: they are outside the experiment
    caveats: list[str]  # why the scores are not of one experiment, or not whole


class LayerDiff(NamedTuple):
    """How the two stand to each other in one layer."""

    state: LayerState
    reason: str | None  # why it is not known, or what of it is the same by name alone


class AnswerEvidence(NamedTuple):
    """What an answer is made of."""

    metrics: Sequence[MetricDiff]
    layers: Mapping[str, LayerDiff]
    changes: Sequence[Change]
    beside: Sequence[Change]
    caveats: Sequence[str]
    files: Sequence[str] = ()  # of the code, that differ
    left_out: LeftOut = NOTHING
    questions: Mapping[str, str] = {}  # of a metric's unit
    inside: Sequence[Inside] = ()  # what the means hide
    used: UsedStanding = NOT_SEEN
    shown: int = SHOWN - 1  # facts in the line


class _FirstLine(NamedTuple):
    """The first line's parts."""

    caveats: str  # what comes before any verdict
    verdict: str
    changed: str  # with what joins it to the verdict

    @property
    def words(self) -> str:
        """Return it as one."""
        return "; ".join(filter(None, [self.caveats, self.verdict])) + self.changed

    def fitted(self) -> str:
        """Return it in as many letters as a line may have: first the end gives way, and never all of it."""
        line = self
        for part, least in (("changed", CHANGED), ("verdict", VERDICT), ("caveats", 0)):
            if (beyond := len(line.words) - LINE) > 0:
                words = getattr(line, part)
                line = line._replace(**{part: shortened(words, max(least, len(words) - beyond))})
        return line.words


def answer(a: Side, b: Side, evidence: AnswerEvidence, *, present: bool) -> Answer:
    """Say what follows, in a line that has as much in it as there is room for."""
    if present:
        return _of_present(_blank(evidence), evidence, a.runs[0]["run_id"])
    found, line = _answer(a, b, evidence)
    for shown in range(evidence.shown - 1, -1, -1):
        if len(line.words) <= LINE:
            break
        found, line = _answer(a, b, evidence._replace(shown=shown))
    words = line.words if len(line.words) <= LINE else line.fitted()
    moved, _ = _moved_and_unclear(evidence)
    off = f"; {OFF}" if moved and all(ONE_RUN in (metric.reason or "") for metric in moved) else ""
    return found._replace(sentence=words + off * (len(words + off) <= LINE))


def _blank(evidence: AnswerEvidence) -> Answer:
    told = {change.layer for change in evidence.changes if change.kind in CERTAIN}
    changed = levers(evidence.changes)
    by_state = {
        state: [name for name, layer in evidence.layers.items() if layer.state == state]
        for state in ("changed", "unknown", "named", "undeclared")
    }
    changed += [name for name in by_state["changed"] if name not in told]
    moved, unclear = _moved_and_unclear(evidence)
    left_out = evidence.left_out.told()
    return Answer(
        "no_metrics",
        "",
        [metric.name for metric in moved],
        [metric.name for metric in unclear],
        changed,
        by_state["unknown"],
        by_state["named"],
        by_state["undeclared"],
        [*evidence.caveats, *evidence.questions.values(), *([left_out] if left_out else [])],
    )


def _told_once(evidence: AnswerEvidence) -> list[MetricDiff]:
    return [metric for metric in evidence.metrics if metric.same_as is None and metric.role != "info"]


def _moved_and_unclear(evidence: AnswerEvidence) -> tuple[list[MetricDiff], list[MetricDiff]]:
    """Return the metrics that moved for real, and those of which nobody can say."""
    told = _told_once(evidence)
    real = [metric for metric in told if metric.verdict in REAL]
    # Of means over other scenarios nobody can say that a score moved.
    moved = [] if evidence.left_out.apart else real
    doubted = real if evidence.left_out.apart else []
    unknown = [metric for metric in told if metric.verdict == "cannot_tell" and not _unchanged(metric)]
    return moved, [metric for metric in told if metric in doubted or metric in unknown]


def _answer(a: Side, b: Side, evidence: AnswerEvidence) -> tuple[Answer, _FirstLine]:
    found = _blank(evidence)
    told_once = _told_once(evidence)
    moved, unclear = _moved_and_unclear(evidence)
    apart = evidence.left_out.apart
    also = _one_sided(told_once)
    changed = f"; {_all_the_same(found, evidence)}"
    if moved:
        found, changed = _cause(found, evidence)
        verdict = _moves(moved, evidence.shown + 1) + (f" ({also})" if also else "")
    elif apart and any(metric.delta is not None for metric in told_once):
        found, verdict = found._replace(kind="cannot_tell"), _means(told_once)
    elif unclear:
        found, verdict = found._replace(kind="cannot_tell"), _not_told(unclear, evidence)
    elif any(metric.verdict != "one_sided" for metric in evidence.metrics):
        found, verdict = found._replace(kind="not_moved"), _still(evidence, also)
    else:
        verdict = "no metric stands on both sides" if evidence.metrics else "there are no metrics to compare"
    if a.runs == b.runs:
        return found, _FirstLine("", "A and B are the same run: there is nothing to compare", "")
    if evidence.left_out.told() and not apart and found.kind != "no_metrics" and not verdict.startswith("the "):
        verdict = f"on the other {evidence.left_out.shared}: {verdict}"
    return found, _FirstLine("; ".join(found.caveats), verdict, changed)


def _cause(blank: Answer, evidence: AnswerEvidence) -> tuple[Answer, str]:
    """Say which layer did it."""
    if blank.unknown:
        also = f"; changed: {listed(blank.levers)}" if blank.levers else ""
        said = f"{also}; it cannot be attributed: not known is {_unknown(blank, evidence)}"
        return blank._replace(kind="unattributable"), said
    if len(blank.levers) > 1:
        changed = listed(blank.levers, len(blank.levers))
        several = "several things changed at once, and any may have done it" if evidence.shown else "changed"
        said = f"; {several}: {changed}"
        return blank._replace(kind="confounded"), said + _by_name(blank) + _of_used(evidence)
    if blank.levers:
        said = f": {_only(blank, evidence)}the {_called(blank.levers[0], evidence)} changed{_facts(evidence)}"
        return blank._replace(kind="attributed"), said + _unproven(blank) + _of_used(evidence)
    said = ": no layer that is recorded did: nondeterminism, or something untracked"
    return blank._replace(kind="untracked"), said + _unproven(blank) + _of_used(evidence)


def _of_used(evidence: AnswerEvidence) -> str:
    """Say what was not read, and what else was and is equal."""
    return "".join(f"; {words}" for words in (evidence.used.unread_words, evidence.used.rest) if words)


def _unknown(blank: Answer, evidence: AnswerEvidence) -> str:
    """Name the layers that are not known, those with like reasons together."""
    by_reason: dict[str, list[str]] = {}
    for name in blank.unknown:
        by_reason.setdefault(evidence.layers[name].reason or "", []).append(name)
    room = REASONS[evidence.shown]
    return "; ".join(
        f"{listed(names)} ({shortened(reason, room)})" if room else listed(names) for reason, names in by_reason.items()
    )


def _called(lever: str, evidence: AnswerEvidence) -> str:
    """Call a lever by what of it changed, where that is one thing that is told by a name of its own."""
    items = {change.item for change in evidence.changes if change.layer == "model" and change.kind in CERTAIN}
    return "served model" if lever == "model" and items == {"served"} else lever


def _by_name(blank: Answer) -> str:
    are = "is" if len(blank.named) == 1 else "are"
    return f"; {listed(blank.named, len(blank.named))} {are} the same by name only" if blank.named else ""


def _unproven(blank: Answer) -> str:
    """Name the layers that may have changed all the same, where that matters: something moved and one is blamed."""
    undeclared = listed(blank.undeclared, len(blank.undeclared))
    return _by_name(blank) + (f"; nobody declared {undeclared}" if undeclared else "")


def _all_the_same(blank: Answer, evidence: AnswerEvidence) -> str:
    """Say what changed beside scores that did not, or not for sure."""
    unknown = f"; not known: {listed(blank.unknown)}" if blank.unknown else ""
    if not blank.levers:
        return f"{_nothing(evidence)}{unknown}{_by_name(blank)}"
    if len(blank.levers) == 1:
        return f"the {_called(blank.levers[0], evidence)} changed{_facts(evidence)}{unknown}"
    return f"changed: {listed(blank.levers, len(blank.levers))}{unknown}"


def _nothing(evidence: AnswerEvidence) -> str:
    """Say that no layer changed; not that nothing did where something else is recorded to differ."""
    if evidence.used.unread:
        return f"{evidence.used.unread_words}; no other layer changed"
    if not evidence.beside:
        return "nothing that is recorded changed"
    return f"no layer changed; beside them differ {listed([change.field for change in evidence.beside])}"


def _facts(evidence: AnswerEvidence) -> str:
    """Tell the first few changes in a line; of the code its files, where they are known."""
    tree = next((change for change in evidence.changes if change.field == TREE and change.kind in CERTAIN), None)
    if not (tree and evidence.files):
        told = facts(evidence.changes, evidence.shown, "served" if _called("model", evidence) != "model" else "")
    else:
        others = facts([change for change in evidence.changes if change is not tree], evidence.shown)
        told = ", ".join(filter(None, [listed(evidence.files, max(1, evidence.shown)), others]))
    return f" ({told})" if told else ""


def _of_present(blank: Answer, evidence: AnswerEvidence, run: str) -> Answer:
    unknown = f"; not known: {listed(blank.unknown, len(blank.unknown))}" if blank.unknown else ""
    if blank.levers:
        said = _facts(evidence) if len(blank.levers) == 1 else ""
        sentence = f"changed since {run}: {listed(blank.levers, len(blank.levers))}{said}{unknown}"
        found = blank._replace(kind="present_changed", sentence=sentence)
    elif blank.unknown or blank.caveats:
        found = blank._replace(kind="present_unknown", sentence=f"nothing known has changed since {run}{unknown}")
    else:
        sentence = f"nothing has changed since {run}: a run now would be the same program"
        found = blank._replace(kind="present_same", sentence=sentence + _unproven(blank))
    return found._replace(sentence="; ".join([*found.caveats, found.sentence]))


# --- words


def _moves(moved: Sequence[MetricDiff], shown: int) -> str:
    if len(moved) == 1:
        (metric,) = moved
        words = {"better": "is better for real", "worse": "is worse for real", "moved": "moved for real"}
        guess = f" (if {_better(metric)} is better)" if _is_guess(metric) else ""
        return f"{brief(metric.name, NAME)} {words[metric.verdict]}{guess}, {brief(metric.a)} -> {brief(metric.b)}"
    first = [
        f"{_step(metric)} ({metric.verdict}{f' if {_better(metric)} is better' * _is_guess(metric)})"
        for metric in moved[:shown]
    ]
    more = f" and {len(moved) - shown} more" if len(moved) > shown else ""
    return f"{len(moved)} metrics moved for real: {', '.join(first)}{more}"


def _is_guess(metric: MetricDiff) -> bool:
    return metric.direction_from == "name" and metric.verdict in ("better", "worse")


def _better(metric: MetricDiff) -> str:
    return "more" if metric.direction == "higher" else "less"


def _only(blank: Answer, evidence: AnswerEvidence) -> str:
    """Say of the one layer that changed whether it is the only one, and of what: no record knows what else was read."""
    if blank.named or blank.undeclared:
        return ""
    if not evidence.used.whole:
        return "of what is recorded, only "
    return "only " if evidence.used.rest and evidence.used.all_held else ""


def _not_told(unclear: Sequence[MetricDiff], evidence: AnswerEvidence) -> str:
    first = unclear[0]
    more = f" (and {len(unclear) - 1} more)" if len(unclear) > 1 else ""
    room = REASONS[evidence.shown]
    asked = first.name in evidence.questions  # which stands before it
    why = f": {shortened(first.reason, room)}" if first.reason and room and not asked else ""
    hidden = _hidden(evidence)
    return f"it cannot be told whether {_step(first)} is real{more}{hidden or why}"


def _means(metrics: Sequence[MetricDiff]) -> str:
    """Say how means over other scenarios differ, which is no move."""
    told = [f"{_step(metric)} ({rounded(metric.delta, '+')})" for metric in metrics if metric.delta is not None]
    return f"their means differ: {listed(told, 1)}"


def _one_sided(metrics: Sequence[MetricDiff]) -> str:
    """Name the metrics that one side lacks; those that B lacks come first."""
    said = []
    for words, side in (("missing", "b"), ("new", "a")):
        names = [metric.name for metric in metrics if metric.verdict == "one_sided" and getattr(metric, side) is None]
        if names:
            are = "is" if len(names) == 1 else "are"
            said.append(f"{listed([brief(name, NAME) for name in names])} {are} {words} in B")
    return "; ".join(said)


def _still(evidence: AnswerEvidence, also: str) -> str:
    noisy = [
        metric
        for metric in evidence.metrics
        if metric.verdict == "within_noise" and metric.same_as is None and not _unchanged(metric)
    ]
    noisy.sort(key=lambda metric: metric.corrected_for is None)
    hidden = _hidden(evidence)
    if not noisy:
        same = [brief(metric.name, NAME) for metric in evidence.metrics if metric.verdict == "same"]
        if evidence.left_out.told():
            said = f"the other {evidence.left_out.shared} are unchanged"
        else:
            said = f"{listed(same)} {'is' if len(same) == 1 else 'are'} the same" if also else "the scores are the same"
        return said + hidden + (f"; {also}" if also else "")
    first, more = noisy[0], f" (and {len(noisy) - 1} more)" if len(noisy) > 1 else ""
    if first.corrected_for:
        said = f"no score moved for real: {_step(first)} is not proven, {chance(first)}{more}"
    else:
        # Where room is short, what the mean hides counts for more than what would stay unseen.
        blind = _blind(first) if evidence.shown or not hidden else ""
        said = f"no score moved for real: {_step(first)} is within noise{more}{blind}"
    return said + hidden + (f"; {also}" if also else "")


def _hidden(evidence: AnswerEvidence) -> str:
    """Say what is proven of the inside of a mean that tells nothing."""
    proven = [one.sentence for one in evidence.inside if one.proven]
    return f", but {shortened(proven[0], HIDDEN[evidence.shown])}" if proven else ""


def _unchanged(metric: MetricDiff) -> bool:
    """Say whether every scenario that both sides have is the same, though others are on one side only."""
    return bool(metric.only_a or metric.only_b) and not (metric.up or metric.down) and metric.pairing is not None


def chance(metric: MetricDiff) -> str:
    """Say how sure a move is by itself, and among all that were judged together."""
    alone, among = (f"{p:.2g}" if p is not None else "-" for p in (metric.p, metric.p_adjusted))
    return f"p = {alone} alone, {among} among {metric.corrected_for} metrics"


def _blind(metric: MetricDiff) -> str:
    """Say how large a move could have stayed unseen."""
    if metric.detectable is None or metric.n is None:
        return ""
    unit = "trials" if "trials" in (metric.method or "") else metric.pairing if metric.pairing != "none" else "values"
    return f": {metric.n} {unit} would miss a move below {rounded(metric.detectable)}"


def _step(metric: MetricDiff) -> str:
    return f"{brief(metric.name, NAME)} {brief(metric.a)} -> {brief(metric.b)}"
