"""Why a score moved, and whether it did: two runs held against each other, pure."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from evalprov.explain.attribution import THEN_AND_NOW, LayerState, Standing, standings
from evalprov.explain.changes import CERTAIN, Change, beside, changes
from evalprov.explain.used import standing, used_changes
from evalprov.judge.answer import Answer, AnswerEvidence, LayerDiff, answer
from evalprov.judge.collapsed import Falls, falls_of
from evalprov.judge.groups import Groups
from evalprov.judge.inside import Inside, inside
from evalprov.judge.left_out import NOTHING, LeftOut, left_out
from evalprov.judge.one_experiment import experiment
from evalprov.judge.raters import NO_RATERS, RaterEvidence, raters
from evalprov.judge.rules import NO_RULES
from evalprov.judge.samples import samples
from evalprov.judge.units import doubted, questions
from evalprov.judge.verdicts import Terms, can_judge, compare_samples
from evalprov.named import NamedTuple
from evalprov.record import decision_spec
from evalprov.stats.noise import LEVEL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evalprov.judge.metric_diff import MetricDiff, Side
    from evalprov.judge.rules import Rules
    from evalprov.record.manifest import Manifest
    from evalprov.stats.whole_run import Spread

NAMES = 10  # of the scenarios that one side alone has


class Scenarios(NamedTuple):
    """Which scenarios were run."""

    both: int
    only_a: int
    only_b: int
    first_a: list[str]  # of those that only A has
    first_b: list[str]


class Spec(NamedTuple):
    """The two runs as TraceLens DecisionSpecs."""

    compatible: bool | None  # they hold model and agent fixed; null where a spec is refused
    differences: dict[str, tuple[Any, Any]]
    problem: str | None


class Diff(NamedTuple):
    """All that can be said of two runs."""

    answer: Answer
    metrics: list[MetricDiff]
    scenarios: Scenarios
    left_out: LeftOut
    inside: list[Inside]  # what the means hide
    falls: list[Falls]  # the scenarios that collapsed
    raters: RaterEvidence  # what people's labels tell of the graders
    layers: dict[str, LayerDiff]
    changes: list[Change]
    beside: list[Change]  # what differs and is in no layer
    infra_mismatch: list[str]  # the facts of the machine that differ or are not known on both sides
    decision_spec: Spec


def diff(  # noqa: PLR0913 - what is compared, and what is known besides
    a: Side,
    b: Side,
    rules: Rules = NO_RULES,
    *,
    present: bool = False,
    everything: bool = False,
    files: Sequence[str] = (),
    all_files: Sequence[str] = (),
    spreads: Mapping[str, Spread] | None = None,
) -> Diff:
    """Compare two sides; where B is the present state it has no results yet. With everything, list what is the same.

    `files` are those of the code that differ, in words, where somebody could look them up, and
    `all_files` their paths, where these are surely all; `spreads` how far runs of
    one program lie apart, by metric, where earlier runs tell.
    """
    one, other = a.runs[0], b.runs[0]
    found = [*used_changes(one, other), *changes(one, other, everything=everything)]
    ours, theirs = ({}, {}) if present else (samples(a.runs), samples(b.runs))
    groups = Groups(a.runs, b.runs)
    metrics = compare_samples(ours, theirs, groups, Terms(rules, spreads=spreads or {}))
    lacking = NOTHING if present else left_out(a, b, metrics, ours, theirs)
    hidden = inside(metrics, ours, theirs, groups.known, LEVEL)
    asked = questions(metrics, ours, theirs, rules)
    metrics = doubted(metrics, asked)
    layers = _layers(a, b, found, present=present)
    outside = [] if present else beside(one, other)
    differing = [change for change in found if change.kind != "same"]
    graded = NO_RATERS
    if not present and can_judge():
        differ = layers["grader"].state == "changed"
        graded = raters(a, b, rules.labels, metrics, graders_differ=differ)
    caveats = [*experiment(a, b, differing, present=present), *graded.caveats()]
    states = {name: layer.state for name, layer in layers.items()}
    used = standing((*a.runs, *b.runs), differing, states, all_files)
    blamed, counted = (differing, layers)
    if used.unread:  # the code is another, and what ran of it is not
        blamed = [change for change in differing if change.layer != "code"]
        counted = {**layers, "code": LayerDiff("equal", None)}
        files = ()
    evidence = AnswerEvidence(metrics, counted, blamed, outside, caveats, files, lacking, asked, hidden, used)
    said = answer(a, b, evidence, present=present)
    infra = [f"{one.item} {one.field}" for one in differing if one.layer == "infra"]
    return Diff(
        said,
        metrics,
        _scenarios(one, other),
        lacking,
        hidden,
        falls_of(metrics, ours, theirs),
        graded,
        layers,
        found,
        outside,
        infra,
        _spec(one, other),
    )


def differs(found: Diff) -> bool:
    """Say whether anything is not proven alike: a metric beyond noise, a layer, the experiment."""
    alike = {"same", "within_noise"}
    return (
        any(metric.verdict not in alike for metric in found.metrics)
        or any(layer.state in ("changed", "unknown") for layer in found.layers.values())
        or bool(found.answer.caveats)
    )


_WORST_LAST: tuple[LayerState, ...] = ("undeclared", "equal", "named", "unknown", "changed")


def _layers(a: Side, b: Side, found: list[Change], *, present: bool) -> dict[str, LayerDiff]:
    """Return how all trials stand to each other, layer by layer; one that is surely another, if not whole, changed."""
    first = a.runs[0]
    called = THEN_AND_NOW if present else ("A", "B")
    pairs = [standings(first, run, called) for run in (*a.runs[1:], *b.runs)]
    worst = {name: max((pair[name] for pair in pairs), key=_badness) for name in pairs[0]}
    certain = {change.layer for change in found if change.kind in CERTAIN}
    return {
        name: LayerDiff("changed", None)
        if standing.state == "unknown" and name in certain
        else LayerDiff(standing.state, standing.reason)
        for name, standing in worst.items()
    }


def _badness(standing: Standing) -> int:
    return _WORST_LAST.index(standing.state)


def _scenarios(a: Manifest, b: Manifest) -> Scenarios:
    ones, others = a["metrics"] or {}, b["metrics"] or {}
    if ones.keys() == others.keys():
        return Scenarios(len(ones), 0, 0, [], [])
    both = len(ones.keys() & others.keys())
    first_a = list(islice((name for name in ones if name not in others), NAMES))
    first_b = list(islice((name for name in others if name not in ones), NAMES))
    return Scenarios(both, len(ones) - both, len(others) - both, first_a, first_b)


def _spec(a: Manifest, b: Manifest) -> Spec:
    try:
        one, other = decision_spec.decision_spec(a), decision_spec.decision_spec(b)
        differences = decision_spec.diff(one, other)  # which refuses what is no spec
        return Spec(decision_spec.is_compatible(one, other), differences, None)
    except ValueError as problem:
        return Spec(None, {}, str(problem))
