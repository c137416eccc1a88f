"""Whether a run may pass: the judgement that `diff` prints, made into one verdict.

The printed words, the JSON, the JUnit file and the exit code are all made from that one value.

**Could not evaluate** (exit 3). The run as a whole cannot be held against the baseline: it did not complete, it has no
metrics, too many of its scenarios failed or are missing, some are new to it, or it is another experiment (scenario,
golden version, data, grader), or may be one. Or a metric that blocks cannot be judged: the run lacks it, there is too
little data, or it moved and nobody knows which way is better, or only guesses it from the metric's name, which may
mislead. Or nothing blocks, so there is nothing to judge. What the run retrieves from is part of the program under test:
a change there is told, and judged.

**Regression** (exit 1). A metric that blocks is worse: by more than noise may (the p-value is adjusted for all metrics
judged together), and by more than its tolerance, where it has one. With a tolerance and no way to tell the noise, the
number alone decides, which is said. A metric blocks unless its rule says otherwise, if it is known which way is better
and if it is no time or cost: those are told, and block where the rule says so or has a tolerance.

**Pass** (exit 0). Otherwise. So a fall that is real but within the tolerance passes, and so does one beyond it that may
be noise; both are told. Improvements, and metrics that the baseline does not have, are told as well.

Where scenarios are missing, and may be, a metric passes only if it would not regress with them at their worst. A number
that may be in another unit than the baseline's is asked about and passes nothing.

Where the run had another machine, a fall that is smaller than the noise band is told and does not block: machines alone
do that to scores. If it is not known whether it had another, such a fall cannot be judged.

A metric that is proven worse outweighs another that cannot be judged. A run that cannot be compared as a whole
outweighs both: then nothing is proven.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.explain.wording import brief, facts, shortened
from evalprov.judge.collapsed import Falls, falls_of
from evalprov.judge.comparable import Experiment
from evalprov.judge.direction import guess, is_spent, rule_of
from evalprov.judge.gate_words import (
    GateVerdict,
    Judged,
    JudgedOutcome,
    asked_for,
    nothing_blocks,
    of_machine,
    of_rules,
    why_none_blocks,
    why_of,
)
from evalprov.judge.groups import Groups
from evalprov.judge.inside import inside, sentences
from evalprov.judge.left_out import at_worst, left_out
from evalprov.judge.raters import NO_RATERS, RaterEvidence, raters
from evalprov.judge.rules import MetricRule
from evalprov.judge.samples import NO_SAMPLE, samples
from evalprov.judge.units import doubted, questions
from evalprov.judge.verdicts import Terms, can_judge, compare_samples
from evalprov.named import NamedTuple
from evalprov.numbers import rounded
from evalprov.stats.columns import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from evalprov.judge.comparable import Lack, Machine
    from evalprov.judge.looks import Look
    from evalprov.judge.metric_diff import MetricDiff, Side
    from evalprov.judge.rules import Rules
    from evalprov.judge.samples import Sample
    from evalprov.stats.whole_run import Spread

EXIT_CODES: Mapping[GateVerdict, int] = {"pass": 0, "regression": 1, "not_evaluated": 3}
WORDS: Mapping[GateVerdict, str] = {
    "pass": "pass",
    "regression": "regression",
    "not_evaluated": "could not evaluate",
}

_SIDES = {"A": "the baseline, ", "B": "the run, "}
INSTALL = "the verdicts need scipy: pip install '.[stats]' in evalprov's checkout"


class Gate(NamedTuple):
    """What the gate says of a run, and why."""

    verdict: GateVerdict
    why: str
    baseline: tuple[str, ...]  # run ids
    runs: tuple[str, ...]
    problems: list[str]  # why the run as a whole could not be compared
    metrics: list[Judged]
    machine: Machine | None
    lacks: list[Lack]
    falls: list[Falls]
    notes: list[str]
    raters: RaterEvidence = NO_RATERS  # what people's labels tell of the graders
    look: Look | None = None  # where all looks at the baseline together keep the level

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        return EXIT_CODES[self.verdict]


def judge(  # noqa: PLR0913 - what is compared, and what is known besides
    a: Side,
    b: Side,
    rules: Rules,
    spreads: Mapping[str, Spread] | None = None,
    *,
    look: Look | None = None,
    look_inside: bool = True,
) -> Gate:
    """Hold a run (B) against a baseline (A); how far runs of one program lie apart may be known from earlier ones.

    A look is judged at its share of the level. What the means hide decides nothing, and takes a test a group.
    """
    experiment = Experiment(a, b)
    problems = experiment.problems(rules.gate)
    if not can_judge():
        problems.append(INSTALL)
    machine = experiment.machine()
    ours, theirs = samples(a.runs), samples(b.runs)
    groups = Groups(a.runs, b.runs)

    def gates(diff: MetricDiff) -> bool:
        return _blocks(diff, rule_of(rules.metrics, diff.name) or MetricRule())

    alone = Terms(rules, rules.gate.level, spreads or {}, gates)
    terms = alone._replace(level=look.level(alone.level)) if look else alone
    diffs = compare_samples(ours, theirs, groups, terms)
    lacking = left_out(a, b, diffs, ours, theirs)
    asked = questions(diffs, ours, theirs, rules)
    diffs = doubted(diffs, asked)

    def judged(one: MetricDiff) -> Judged:
        pair = ours.get(one.name, NO_SAMPLE), theirs.get(one.name, NO_SAMPLE)
        found = _judged(one, rule_of(rules.metrics, one.name) or MetricRule(), _band(one, pair, rules), machine)
        if rules.gate.require == "no_worse_than":
            found = _excluded(found)
        if found.blocks and one.name in asked and one.verdict != "same":
            return found._replace(outcome="not_evaluated", why=asked[one.name])
        return found

    metrics = [judged(one) for one in diffs]
    if problems:
        metrics = [one._replace(outcome="not_judged") for one in metrics]
    elif worst := at_worst(diffs, ours, theirs):
        again = doubted(compare_samples(ours, {**theirs, **worst}, groups, terms), asked)
        metrics = [_at_worst(one, judged(with_all)) for one, with_all in zip(metrics, again, strict=True)]
    absent = asked_for(rules, diffs)
    if not problems and not any(one.blocks for one in metrics):
        problems.append(nothing_blocks(metrics))
    verdict = _verdict(problems, absent, metrics)
    why = why_of(verdict, [*problems, *absent], metrics)
    if not problems and (told := lacking.told("the baseline", "the run")):
        why = f"{told}; on the other {lacking.shared}: {why}"
    hidden = inside(diffs, ours, theirs, groups.known, rules.gate.level) if look_inside else []
    graded = raters(a, b, rules.labels, diffs, graders_differ=False) if rules.labels and look_inside else NO_RATERS
    of_look = look.notes(alone.level, diffs, compare_samples(ours, theirs, groups, alone)) if look else []
    return Gate(
        verdict,
        shortened(why),
        tuple(run["run_id"] for run in a.runs),
        tuple(run["run_id"] for run in b.runs),
        [*problems, *absent],
        metrics,
        machine,
        experiment.lacks,
        falls_of(diffs, ours, theirs),
        [
            *lacking.with_them("the baseline", "the run"),
            *sentences(hidden),
            *experiment.notes(),
            *of_rules(rules, diffs),
            *of_machine(machine, metrics),
            *(f"{_SIDES.get(side, '')}{words}" for side, words in graded.told()),
            *of_look,
        ],
        graded,
        look,
    )


def unreadable(why: str, hint: str) -> Gate:
    """Return what the gate says where a record cannot be read."""
    return Gate("not_evaluated", why, (), (), [why], [], None, [], [], [hint] if hint else [])


def _verdict(problems: Sequence[str], absent: Sequence[str], metrics: Sequence[Judged]) -> GateVerdict:
    outcomes = {one.outcome for one in metrics}
    if problems:
        return "not_evaluated"
    if "regression" in outcomes:
        return "regression"
    return "not_evaluated" if absent or "not_evaluated" in outcomes else "pass"


# --- one metric


def _judged(diff: MetricDiff, rule: MetricRule, band: float | None, machine: Machine) -> Judged:
    tolerance = _tolerance(diff, rule)
    blocks = _blocks(diff, rule)
    outcome, why = _outcome(diff, rule, tolerance)
    if outcome == "regression" and band is not None and _beyond(band, _fall(diff), diff):
        outcome, why = _within_band(band, machine, why)
    if blocks and outcome in ("pass", "regression") and (guessed := _on_a_guess(diff, tolerance, outcome)):
        outcome, why = "not_evaluated", guessed
    if diff.a is None and rule.blocking is None:
        return Judged(diff, "reported", blocks=False, tolerance=tolerance, why="the baseline does not have it")
    if outcome == "regression" and not blocks and rule.blocking is None:
        why = f"worse for real; {why_none_blocks(rule, diff)}"
    return Judged(diff, outcome if blocks else "reported", blocks, tolerance, why)


def _excluded(judged: Judged) -> Judged:
    """Let a metric that blocks pass only if a fall beyond its tolerance is excluded: a test of its own."""
    diff, allowed = judged.diff, judged.tolerance
    if (
        not judged.blocks
        or diff.verdict == "same"
        or judged.outcome == "regression"
        or diff.a is None
        or diff.b is None
    ):
        return judged
    if allowed is None:
        return judged._replace(outcome="not_evaluated", why="no_worse_than needs its tolerance in the settings")
    if diff.at_worst is None:
        return judged._replace(outcome="not_evaluated", why=diff.reason or "how far it may have fallen is not known")
    if _beyond(diff.at_worst, allowed, diff):
        why = f"a fall of up to {rounded(diff.at_worst)} is not excluded, and its tolerance is {rounded(allowed)}"
        return judged._replace(outcome="not_evaluated", why=why)
    return judged._replace(outcome="pass", why=f"a fall beyond its tolerance of {rounded(allowed)} is excluded")


def _at_worst(one: Judged, with_all: Judged) -> Judged:
    """Let no metric pass that would regress if the scenarios without a value were as bad as they can be."""
    if one.outcome != "pass" or with_all.outcome != "regression":
        return one
    step = f"{brief(with_all.diff.a)} -> {brief(with_all.diff.b)}"
    why = f"it holds, but with the {one.diff.only_a} scenarios that are missing at their worst it regresses: {step}"
    return one._replace(outcome="not_evaluated", why=why)


def _on_a_guess(diff: MetricDiff, tolerance: float | None, outcome: JudgedOutcome) -> str | None:
    """Say of a real move that only the metric's name tells whether it is for the worse: a name may mislead."""
    beyond = tolerance is None or _beyond(abs(_fall(diff)), tolerance, diff)
    if diff.direction_from != "name" or not beyond or (diff.verdict != "better" and outcome != "regression"):
        return None
    return f"it moved, and {guess(diff.name, diff.direction)}"


def _blocks(diff: MetricDiff, rule: MetricRule) -> bool:
    if rule.blocking is not None:
        return rule.blocking
    if diff.role == "info" or rule.role is not None:
        return diff.role != "info"
    asked = rule.tolerance is not None or rule.tolerance_relative is not None
    return diff.direction is not None and (asked or not is_spent(diff.name, diff.unit))


def _outcome(diff: MetricDiff, rule: MetricRule, tolerance: float | None) -> tuple[JudgedOutcome, str | None]:
    """Say what a metric that blocks would come to, the machine aside."""
    if (lacking := _lacking(diff, rule)) is not None:
        return "not_evaluated", lacking
    beyond = tolerance is not None and _beyond(_fall(diff), tolerance, diff)
    outcome: JudgedOutcome = "pass"
    why, allowed = None, rounded(tolerance or 0.0)
    if diff.verdict == "within_noise" and beyond:
        why = f"beyond its tolerance of {allowed}, and within noise"
    elif diff.verdict == "worse":
        outcome = "regression" if tolerance is None or beyond else "pass"
        why = None if outcome == "regression" else f"worse for real, and within its tolerance of {allowed}"
    elif diff.verdict == "cannot_tell":
        outcome = "regression" if beyond else "pass"
        why = f"its noise is not known ({diff.reason or 'there is too little data'}): the number alone decides"
    return outcome, why


def _lacking(diff: MetricDiff, rule: MetricRule) -> str | None:
    """Say why a metric cannot be judged."""
    if diff.a is None or diff.b is None:
        return f"{'the run' if diff.b is None else 'the baseline'} does not have it"
    if rule.min_n is not None and diff.p is None and (diff.n or 0) < rule.min_n:
        return diff.reason  # what it has was not even looked at
    if diff.verdict == "moved":
        return "it moved, and which way is better is not known: set its direction"
    if diff.verdict == "cannot_tell":
        if diff.direction is None:
            return "it may have moved, and which way is better is not known: set its direction"
        if diff.delta is None or (rule.tolerance is None and rule.tolerance_relative is None):
            return diff.reason or "there is too little data to tell"
    return None


def _within_band(band: float, machine: Machine, why: str | None) -> tuple[JudgedOutcome, str | None]:
    """Say what becomes of a fall that another machine alone may bring about."""
    if machine.state == "changed":
        return (
            "pass",
            f"worse, and less than the noise band of {rounded(band)}, on another machine: {facts(machine.changes)}",
        )
    if machine.state == "unknown":
        return (
            "not_evaluated",
            f"worse by less than the noise band of {rounded(band)}; it may be another machine's doing",
        )
    return "regression", why


def _fall(diff: MetricDiff) -> float:
    """Return by how much a metric is worse: by what was judged, else by the summary's numbers; below 0 it is better."""
    move = diff.delta if diff.effect is None or diff.verdict == "cannot_tell" else diff.effect
    return (move or 0.0) * (1.0 if diff.direction == "lower" else -1.0)


def _beyond(larger: float, smaller: float, diff: MetricDiff) -> bool:
    """Say whether one number exceeds another, by more than rounding can do."""
    scale = max(abs(number(value)) for value in (diff.a or 0, diff.b or 0, larger, smaller))
    return larger - smaller > 1e-9 * scale


def _tolerance(diff: MetricDiff, rule: MetricRule) -> float | None:
    given = [] if rule.tolerance is None else [rule.tolerance]
    if rule.tolerance_relative is not None and diff.a is not None:
        given.append(rule.tolerance_relative * abs(number(diff.a)))
    return max(given, default=None)


def _band(diff: MetricDiff, pair: tuple[Sample, Sample], rules: Rules) -> float | None:
    """Return what another machine may do to a metric: its rule's word, or the gate's for a rate."""
    rule = rule_of(rules.metrics, diff.name)
    if rule is not None and rule.noise_band is not None:
        return rule.noise_band
    return rules.gate.noise_band if _is_rate(diff, pair) else None


def _is_rate(diff: MetricDiff, pair: Iterable[Sample]) -> bool:
    """Say whether a metric is a share: of 0/1 values, or a score from 0 to 1 of which more is better."""
    values = [value for one in pair for value in (one.column.values if one.column else one.trials)]
    if not values or not all(0 <= value <= 1 for value in values):
        return False
    of_scenarios = all(one.column is not None for one in pair)
    return diff.direction == "higher" or (of_scenarios and all(value in (0, 1) for value in values))
