"""What the project's settings say of its metrics, `[metrics.NAME]`, and of the gate, `[gate]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Direction = Literal["higher", "lower"]
Role = Literal[
    "primary",  # what the eval is for
    "guard",  # it must not fall
    "info",  # it is told, and neither blocks nor takes part in the correction
]
Require = Literal[
    "no_proven_fall",  # a run passes unless it is proven worse
    "no_worse_than",  # it passes only if a fall beyond the tolerance is excluded
]


class MetricRule(NamedTuple):
    """What is asked of one metric; null is what evalprov decides by itself."""

    direction: Direction | None = None  # which is better
    unit: str | None = None
    tolerance: float | None = None  # a move for the worse of up to so much is accepted
    tolerance_relative: float | None = None  # likewise, as a share of the baseline's value
    noise_band: float | None = None  # what another machine alone may do to it
    min_n: int | None = None  # of fewer scenarios (or trials) no verdict is given
    blocking: bool | None = None  # whether a regression fails the gate; null: see there
    role: Role | None = None
    aggregate: str | None = None  # what the summary's number is of its scenarios' values, where it is no mean or sum
    of: tuple[str, ...] = ()  # the scenarios' metrics that it is made of
    function: Callable[[Sequence[Sequence[float]]], float] | None = None  # what `python:module:function` names


class GateRule(NamedTuple):
    """What the gate asks of a run as a whole."""

    level: float = 0.05  # how often it may fire where nothing is wrong, over all metrics together
    noise_band: float = 0.03  # of a rate, where its own rule names none
    max_errors: float = 0.0  # share of scenarios that may end in an error of the task
    max_infra_errors: float = 0.05  # likewise of the machine: memory, time, disk
    require: Require = "no_proven_fall"
    sequential: bool = False  # all looks at one baseline together keep the level, not each of them
    allow_failed: bool | None = None  # judge runs whose command failed, or none; null: those whose metrics were read


class Label(NamedTuple):
    """What somebody said that a scenario's output is worth."""

    scenario: str
    value: float
    rater: str
    metric: str | None  # null: the only one that scenarios have
    run: str | None  # whose output it is of; null: of any run's


class Rules(NamedTuple):
    """All of it."""

    metrics: Mapping[str, MetricRule]  # by the metric's name in the summary, or in the scenarios
    gate: GateRule
    labels: Sequence[Label] = ()  # what people said that outputs are worth


NO_RULES = Rules({}, GateRule())


def rules_of(declared: Mapping[str, Any]) -> Rules:
    """Return the rules in a project's checked settings."""
    metrics = {}
    for name, table in declared.get("metrics", {}).items():
        rule: dict[str, Any] = {**table, "of": tuple(table.get("of", ()))}
        metrics[name] = MetricRule(**rule)
    return Rules(metrics, GateRule(**declared.get("gate", {})))
