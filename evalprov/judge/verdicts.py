"""Two sides, metric by metric: how far each moved, how sure that is, and which way is better."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from evalprov.judge.choose_test import (
    NOT_INSTALLED,
    alike,
    allowed_for,
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
from evalprov.judge.metric_diff import MetricDiff, Needed, ScenarioMove
from evalprov.judge.rules import NO_RULES, Role, Rules
from evalprov.judge.samples import NO_SAMPLE, samples
from evalprov.judge.settling import settle
from evalprov.judge.twins import Twins
from evalprov.named import NamedTuple
from evalprov.stats.columns import NO_COLUMN, Pairing, finite, number
from evalprov.stats.noise import LEVEL
from evalprov.stats.whole_run import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evalprov.judge.choose_test import Compared, Moved, Weighed
    from evalprov.judge.metric_diff import Side
    from evalprov.judge.rules import MetricRule
    from evalprov.judge.samples import Sample
    from evalprov.record.schema.values import MetricValue
    from evalprov.stats.whole_run import Spread


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
    return settle(drafted(ours, theirs, groups, terms), terms.level)


def drafted(
    ours: Mapping[str, Sample], theirs: Mapping[str, Sample], groups: Groups, terms: Terms
) -> list[tuple[MetricDiff, Weighed | None]]:
    """Return what is known of every metric of two sides before it is corrected for all that is judged together."""
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
        draft = _with_role(_draft(name, one, other, scenarios, numbers, rule), sides, rule, terms)
        unjudged = _unjudged(draft, one, other, scenarios, rule)
        if unjudged is None and not installed:
            unjudged = draft._replace(reason=joined(NOT_INSTALLED, draft.reason))
        if unjudged:
            drafts.append((unjudged, None))
            continue
        twin = twins.of(name, one, other)
        spread = terms.spreads.get(name, UNKNOWN)
        spread = spread._replace(variance=spread.variance / numbers.of**2)
        known[name] = known[twin] if twin else _weighed(draft, sides, scenarios, rule, groups, spread)
        alone = len(one.trials) == len(other.trials) == 1 and not known[name].known
        drafts.append((draft._replace(same_as=twin), summed(known[name], numbers.of)._replace(alone=alone)))
    return drafts


def _weighed(  # noqa: PLR0913, PLR0917 - all that is known of a metric
    draft: MetricDiff,
    sides: tuple[Sample, Sample],
    scenarios: Moved,
    rule: MetricRule | None,
    groups: Groups,
    spread: Spread,
) -> Weighed:
    """Judge a metric by what it is made of, else by what its runs say of it."""
    a, b = sides
    made = of_aggregate(draft.name, a, b, rule, groups)
    if made is not None and made.evidence is not None:
        return allowed_for(made, a.trials[0], b.trials[0], spread)
    plain = weigh(a, b, scenarios, groups, spread)
    if made is None or (plain.evidence is not None and not (rule and rule.aggregate)):
        return plain
    return made if plain.evidence is None else plain._replace(reason=joined(made.reason, plain.reason))


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
