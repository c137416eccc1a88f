"""Two sides, metric by metric: how far each moved, how sure that is, and which way is better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from evalprov.compare.noise import LEVEL
from evalprov.compare.rules import NO_RULES, Direction

if TYPE_CHECKING:
    from evalprov.compare.rules import Rules
    from evalprov.record.manifest import Manifest, MetricValue

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
    a: MetricValue  # the summary's value; over trials their mean
    b: MetricValue
    delta: float | None  # b - a
    unit: str | None
    direction: Direction | None
    direction_from: Literal["settings", "reported", "name"] | None
    verdict: Verdict
    reason: str | None  # why it cannot be told, or what to know about the verdict
    effect: float | None  # what was judged: the mean move over what was compared
    interval: tuple[float, float] | None  # of the effect, 95 %
    p: float | None  # two-sided
    p_adjusted: float | None  # for all metrics judged together (Holm)
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


def can_judge() -> bool:
    """Say whether scipy is there, without which no verdict is given."""
    raise NotImplementedError


def compare_metrics(a: Side, b: Side, rules: Rules = NO_RULES, level: float = LEVEL) -> list[MetricDiff]:
    """Compare every metric of two sides, in A's order, then those of B alone."""
    raise NotImplementedError
