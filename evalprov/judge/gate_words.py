"""The gate's verdict in words: what fell, what could not be judged, and what the settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from evalprov.explain.wording import brief, facts
from evalprov.judge.direction import is_spent, rule_of
from evalprov.named import NamedTuple
from evalprov.numbers import listed, rounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from evalprov.judge.comparable import Machine
    from evalprov.judge.metric_diff import MetricDiff
    from evalprov.judge.rules import MetricRule, Rules

GateVerdict = Literal["pass", "regression", "not_evaluated"]
JudgedOutcome = Literal[
    "pass",
    "regression",
    "not_evaluated",
    "reported",  # it does not block
    "not_judged",  # the run as a whole could not be compared
]


class Judged(NamedTuple):
    """What the gate makes of one metric."""

    diff: MetricDiff
    outcome: JudgedOutcome
    blocks: bool
    tolerance: float | None  # in the metric's own unit
    why: str | None  # where there is more to say than the numbers


def told(metrics: Iterable[Judged]) -> list[str]:
    """Return what there is to say of metrics, with their names before it; what is said of several is said once."""
    said: dict[str, list[str]] = {}
    for one in metrics:
        if one.why:
            said.setdefault(one.why, []).append(one.diff.name)
    return [why if why.startswith(f"{names[0]} ") else f"{_some(names)}: {why}" for why, names in said.items()]


def why_none_blocks(rule: MetricRule, diff: MetricDiff) -> str:
    """Say of a metric that is worse why it does not block, where the settings do not say so outright."""
    if rule.role == "info":
        return "its role is info"
    if not diff.reported:
        return 'it is not in the summary that the eval reports, and blocks where role = "primary" is set for it'
    return "time and cost block where blocking = true or a tolerance is set for them"


def nothing_blocks(metrics: Sequence[Judged]) -> str:
    """Say why there is nothing to judge."""
    unknown = [one.diff.name for one in metrics if one.diff.direction is None and one.diff.a is not None]
    spent = [one.diff.name for one in metrics if one.diff.a is not None and is_spent(one.diff.name, one.diff.unit)]
    if unknown:
        return (
            f"nothing to judge: which way is better is not known of {_some(unknown)}; set direction in [metrics.NAME]"
        )
    if spent:
        are = "is" if len(spent) == 1 else "are"
        return f"nothing to judge: {_some(spent)} {are} time or cost; set blocking = true in [metrics.NAME]"
    return "nothing to judge: no metric blocks"


def asked_for(rules: Rules, diffs: Sequence[MetricDiff]) -> list[str]:
    """Name the metrics that must be judged, by the settings, and that nobody has."""
    return [
        f"the settings ask for {brief(name)}, and neither run has it"
        for name in _unused(rules, diffs)
        if rules.metrics[name].blocking
    ]


def of_rules(rules: Rules, diffs: Sequence[MetricDiff]) -> list[str]:
    """Name the rules that fit no metric."""
    unused = [name for name in _unused(rules, diffs) if not rules.metrics[name].blocking]
    return [f"rules for what neither run has: {_some(unused)}"] if unused else []


def _unused(rules: Rules, diffs: Sequence[MetricDiff]) -> list[str]:
    return [name for name, rule in rules.metrics.items() if not any(rule_of({name: rule}, one.name) for one in diffs)]


def of_machine(machine: Machine, metrics: Sequence[Judged]) -> list[str]:
    """Say that a move may be another machine's doing."""
    if machine.state != "changed" or all(one.diff.verdict in ("same", "better") for one in metrics):
        return []
    return [f"the run had another machine: {facts(machine.changes)}"]


def why_of(verdict: GateVerdict, problems: Sequence[str], metrics: Sequence[Judged]) -> str:
    """Say in a line what the verdict rests on."""
    if verdict == "pass":
        blocking = [one for one in metrics if one.blocks]
        remarks = told(blocking)
        alone = len({one.diff.name for one in blocking}) == 1
        if not remarks and alone and (missed := blocking[0].diff.detectable) is not None:
            remarks = [f"a fall below {rounded(missed)} would be missed"]
        more = f"; {(alone and blocking[0].why) or remarks[0]}" if len(remarks) == 1 else ""
        blocking = [one for one in blocking if one.diff.same_as is None] or blocking
        which = blocking[0].diff.name if len(blocking) == 1 else f"none of {len(blocking)} metrics"
        return f"{which} {'did not regress' if len(blocking) == 1 else 'regressed'}{more}"
    if verdict == "regression":
        proven_first = sorted(metrics, key=lambda one: one.diff.verdict != "worse")
        fallen = [one.diff for one in proven_first if one.outcome == "regression"]
        names = {one.name for one in fallen}
        return _joined([_step(one) for one in fallen if one.same_as not in names])
    return _joined([*problems, *told(one for one in metrics if one.outcome == "not_evaluated")])


def _step(diff: MetricDiff) -> str:
    unit = f" {diff.unit}" if diff.unit else ""
    sure = "" if diff.p_adjusted is None else f", p = {diff.p_adjusted:.2g}"
    moved = "" if diff.delta is None else f" ({rounded(diff.delta, '+')}{sure})"
    return f"{diff.name} {brief(diff.a)} -> {brief(diff.b)}{unit}{moved}"


def _joined(parts: Sequence[str]) -> str:
    return listed(parts, between="; ")


def _some(names: Sequence[str]) -> str:
    return listed(list(map(brief, names)))
