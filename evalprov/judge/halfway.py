"""How a rerun halfway between a good run and a bad one stands to both: as the one, as the other, or nobody can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from evalprov.judge.diff import diff
from evalprov.judge.metric_diff import REAL, MetricDiff, Side
from evalprov.judge.rules import MetricRule, Rules
from evalprov.named import NamedTuple
from evalprov.numbers import rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evalprov.record.schema.values import MetricValue
    from evalprov.stats.whole_run import Spread

    Spreads = Callable[[Side, Side], Mapping[str, Spread]]

ALIKE = ("same", "within_noise")
NEAR = 1 / 3  # of the way: a number alone that is further than this from both ends tells nothing
SAME = 0.003  # a share: what a rerun is held to, too


class MetricRules(NamedTuple):
    """What a search is judged by."""

    metric: str
    rules: Rules
    spreads: Spreads  # what earlier runs tell of the noise

    def between(self, a: Side, b: Side) -> MetricDiff | None:
        """Return how the metric fared; it is asked about alone, and not corrected for others."""
        names = {name for run in (*a.runs, *b.runs) for name in run["metric_summary"] or {}} - {self.metric}
        info = {name: self.rules.metrics.get(name, MetricRule())._replace(role="info") for name in names}
        rules = self.rules._replace(metrics={**self.rules.metrics, **info}, labels=())
        found = diff(a, b, rules, spreads=self.spreads(a, b))
        return next((one for one in found.metrics if one.name == self.metric), None)


class Stand(NamedTuple):
    """How a point stands between the ends."""

    side: Literal["good", "bad"] | None  # null where nobody can tell
    value: float | None
    how: str


def stand(a: Side, point: Side, b: Side, by: MetricRules) -> Stand:
    """Hold a point against both ends: by the statistics, and where they cannot tell, by the number alone."""
    since, left = by.between(a, point), by.between(point, b)
    if since is None or left is None or None in (since.a, since.b, left.b):
        return Stand(None, None, f"it has no {by.metric}")
    value = float(since.b or 0)
    share = _share(since.a, value, left.b)
    match since.verdict in ALIKE, since.verdict in REAL, left.verdict in ALIKE, left.verdict in REAL:
        case True, _, _, True:
            return Stand("good", value, "as the good run")
        case _, True, True, _:
            return Stand("bad", value, "as the bad run")
        case _, True, _, True if share is not None:
            return Stand("bad" if share > 0.5 else "good", value, f"moved, {share:.0%} of the way")
    if share is None or NEAR < share < 1 - NEAR:
        return Stand(None, value, "between the two, and the noise hides which")
    return Stand("good" if share <= NEAR else "bad", value, "by its number alone")


def moved(a: Side, b: Side, by: MetricRules) -> Stand:
    """Say whether the ends lie apart at all: bad where they do, good where they do not."""
    found = by.between(a, b)
    if found is None or found.a is None or found.b is None:
        return Stand(None, None, f"it has no {by.metric}")
    value = float(found.b)
    if found.verdict in REAL:
        return Stand("bad", value, "moved")
    if found.verdict in ALIKE:
        return Stand("good", value, "as the good run")
    apart = abs(value - float(found.a)) > SAME * abs(float(found.a))
    return Stand("bad" if apart else "good", value, "by its number alone")


def _share(a: MetricValue, value: float, b: MetricValue) -> float | None:
    """Return how far from one end to the other a value lies."""
    low, high = float(a or 0), float(b or 0)
    return (value - low) / (high - low) if high != low else None


def step(a: float | None, b: float | None) -> str:
    """Tell two values as a step."""
    return " -> ".join("-" if one is None else rounded(one) for one in (a, b))
