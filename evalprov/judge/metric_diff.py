"""How one metric moved from one side to the other: the values that judging makes and all else reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from evalprov.judge.rules import Direction, Role
    from evalprov.record.manifest import Manifest
    from evalprov.record.schema.values import MetricValue

Verdict = Literal[
    "better",  # it moved for real, the right way
    "worse",  # it moved for real, the wrong way
    "moved",  # it moved for real; which way is better is not known
    "within_noise",  # it moved no more than noise may, and there was enough data to see
    "same",  # every value alike
    "cannot_tell",  # too little data, or too little known
    "one_sided",  # only one of the two has it
]
REAL: tuple[Verdict, ...] = ("better", "worse", "moved")


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
    """How one metric moved from A to B."""

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
    role: Role  # info is told, and takes no part in the correction for the others
    reported: bool  # by the eval; else it is made from the scenarios beside a summary that lacks it
    one_sided: bool  # it is asked whether it fell, and a rise is held to the two-sided test
    at_worst: float | None  # the largest fall that is not excluded, one-sided and alone; null where that is not known
    interval_level: float | None  # what the interval holds: what is left of 95 % after the correction, or more
