"""Whether two sides may have measured in other units: a share here and per cent there, seconds and milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.judge.direction import is_spent, rule_of, table_of
from evalprov.numbers import rounded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evalprov.judge.metric_diff import MetricDiff
    from evalprov.judge.rules import Rules
    from evalprov.judge.samples import Sample

_PERCENT = (20.0, 2000.0)  # times as large is what was a share
_THOUSAND = (200.0, 5000.0)  # what were seconds, or gigabytes


def other_unit(diff: MetricDiff, a: Sample, b: Sample, rules: Rules) -> str | None:
    """Ask whether a metric's unit is another in B; null where it is not likely, or where the settings name the unit."""
    rule = rule_of(rules.metrics, diff.name)
    if (rule and rule.unit) or diff.a is None or diff.b is None:
        return None
    said = [{one["unit"] for one in side.info if one["unit"]} for side in (a, b)]
    if said[0] and said[1] and said[0].isdisjoint(said[1]):
        return f"{diff.name} is in {min(said[0])} in A and in {min(said[1])} in B"
    low, high = sorted([_values(a), _values(b)], key=max)
    if min(low) < 0 or max(low) == 0 or not any(_likely(low, high, diff)):
        return None
    step = f"{rounded(float(diff.a))} -> {rounded(float(diff.b))}"
    return f'{diff.name} {step}: is it in another unit? if not, unit = "..." in {table_of(diff.name)} says so'


def _likely(low: Sequence[float], high: Sequence[float], diff: MetricDiff) -> tuple[bool, bool]:
    times = (sum(high) / len(high)) / ((sum(low) / len(low)) or 1.0)
    share = max(low) <= 1 < max(high) <= 100 and diff.direction == "higher"
    spent = is_spent(diff.name, diff.unit) or (diff.unit is not None and diff.unit in ("s", "ms"))
    return share and _PERCENT[0] <= times <= _PERCENT[1], spent and _THOUSAND[0] <= times <= _THOUSAND[1]


def _values(side: Sample) -> Sequence[float]:
    return side.column.values if side.column and len(side.column.values) else side.trials


def questions(
    diffs: Sequence[MetricDiff], ours: Mapping[str, Sample], theirs: Mapping[str, Sample], rules: Rules
) -> dict[str, str]:
    """Return the question of each metric that may be in another unit."""
    asked = {}
    for diff in diffs:
        if diff.name in ours and diff.name in theirs:
            question = other_unit(diff, ours[diff.name], theirs[diff.name], rules)
            if question:
                asked[diff.name] = question
    return asked


def doubted(diffs: Sequence[MetricDiff], asked: Mapping[str, str]) -> list[MetricDiff]:
    """Return the metrics, of which nothing is said where their unit is asked about."""
    return [
        one._replace(verdict="cannot_tell", reason=asked[one.name])
        if one.name in asked and one.verdict not in ("same", "one_sided")
        else one
        for one in diffs
    ]
