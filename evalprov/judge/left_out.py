"""What a comparison leaves out: scenarios without a value on one side, and what they could make of a metric."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Literal

from evalprov.named import NamedTuple
from evalprov.numbers import rounded
from evalprov.stats.columns import Column, Pairing, mean_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from evalprov.judge.metric_diff import MetricDiff, Side
    from evalprov.judge.samples import Sample
    from evalprov.record.manifest import Manifest

    Names = Mapping[str, None]


class SideLacks(NamedTuple):
    """The scenarios that have no value on one side."""

    side: Literal["A", "B"]
    crashed: list[str]  # an error was reported
    missing: list[str]  # the other side has a value, this one neither value nor error


class Range(NamedTuple):
    """What a metric would be over all scenarios, had those without a value one end or the other of all values."""

    metric: str
    scenarios: int
    a: tuple[float, float]
    b: tuple[float, float]


class LeftOut(NamedTuple):
    """All that is left out."""

    scenarios: int  # that either side knows of
    shared: int  # with a value on both
    sides: list[SideLacks]
    ranges: list[Range]

    @property
    def apart(self) -> bool:
        """Whether the two sides have no scenario in common."""
        return not self.shared and all(side.missing for side in self.sides)

    def told(self, a: str = "A", b: str = "B") -> str:
        """Say it in words; empty where nothing is left out."""
        if self.apart:
            counts = f"{len(self.sides[1].missing)} in {a}, {len(self.sides[0].missing)} in {b}"
            return f"other scenarios on each side ({counts})"
        said = ""
        for count, words in self._counts(a, b):
            what = f"{count} of {self.scenarios} scenarios " if not said else f", {count} "
            said += what + (words if count != 1 else words.replace("are ", "is "))
        return said

    def with_them(self, a: str = "A", b: str = "B") -> list[str]:
        """Say of each metric what it would be over all scenarios, at worst and at best."""
        return [
            f"{one.metric} over all {one.scenarios} scenarios: {_span(one.a)} in {a}, {_span(one.b)} in {b}"
            for one in self.ranges
        ]

    def _counts(self, a: str, b: str) -> Iterator[tuple[int, str]]:
        one, other = self.sides
        for count, words in (
            (len(other.crashed), f"crashed in {b}"),
            (len(other.missing), f"are missing in {b}"),
            (len(one.crashed), f"crashed in {a}"),
            (len(one.missing), f"are new in {b}"),
        ):
            if count:
                yield count, words


def _span(ends: tuple[float, float]) -> str:
    low, high = (rounded(end) for end in ends)
    return low if low == high else f"{low} to {high}"


NOTHING = LeftOut(0, 0, [SideLacks("A", [], []), SideLacks("B", [], [])], [])


def left_out(
    a: Side, b: Side, diffs: Sequence[MetricDiff], ours: Mapping[str, Sample], theirs: Mapping[str, Sample]
) -> LeftOut:
    """Find the scenarios that are left out, and what each metric could be with them."""
    if not any(diff.only_a or diff.only_b for diff in diffs) and not any(run["errors"] for run in (*a.runs, *b.runs)):
        count = len(a.runs[0]["metrics"] or {})  # the plain case: every metric has the same scenarios on both sides
        return NOTHING._replace(scenarios=count, shared=count)
    valued = [with_values(side.runs) for side in (a, b)]
    failed = [_failed(side) for side in (a, b)]
    silent = any(not (known or bad) for known, bad in zip(valued, failed, strict=True))  # it tells of no scenario
    if silent or (valued[0] == valued[1] and not any(failed)):
        return NOTHING._replace(scenarios=len(valued[0]), shared=len(valued[0]))
    every = {**valued[0], **valued[1], **failed[0], **failed[1]}
    sides = [
        _absent("A", valued[0], valued[1], failed[0]),
        _absent("B", valued[1], valued[0], failed[1]),
    ]
    shared = len(valued[0].keys() & valued[1].keys())
    return LeftOut(len(every), shared, sides, ranges(diffs, ours, theirs) if shared else [])


def _absent(name: Literal["A", "B"], own: Names, other: Names, failed: Names) -> SideLacks:
    missing = [one for one in other if one not in own and one not in failed]
    return SideLacks(name, [one for one in failed if one not in own], missing)


def with_values(runs: Iterable[Manifest]) -> dict[str, None]:
    """Return the scenarios that have a value of any metric, in their order."""
    found: dict[str, None] = {}
    for run in runs:
        for name, row in (run["metrics"] or {}).items():
            for value in row.values():
                if value is not None:
                    found[name] = None
                    break
    return found


def _failed(side: Side) -> dict[str, None]:
    return dict.fromkeys(
        str(error["scenario"]) for run in side.runs for error in run["errors"] if error["scenario"] is not None
    )


def ranges(diffs: Sequence[MetricDiff], ours: Mapping[str, Sample], theirs: Mapping[str, Sample]) -> list[Range]:
    """Return what each metric would be with its missing values at one end or the other."""
    found = []
    pairing = Pairing()
    for diff in diffs:
        if not (diff.only_a or diff.only_b) or diff.same_as is not None:
            continue
        one, other = (side[diff.name].column if diff.name in side else None for side in (ours, theirs))
        if not (one and other) or not len(pairing.of(one, other).a):
            continue
        low, high = ends(one, other, diff)
        every = len(one.values) + diff.only_b
        bounds = [
            tuple(mean_of(column.values) * (1 - lacking / every) + end * (lacking / every) for end in (low, high))
            for column, lacking in ((one, diff.only_b), (other, diff.only_a))
        ]
        found.append(Range(diff.name, every, bounds[0], bounds[1]))  # type: ignore[arg-type]
    return found


def ends(one: Column, other: Column, diff: MetricDiff) -> tuple[float, float]:
    """Return what a value can be at least and at most: of a share 0 and 1, else the ends of those that were seen."""
    low, high = min(*one.values, *other.values), max(*one.values, *other.values)
    share = low >= 0 and high <= 1 and (diff.direction == "higher" or {*one.values, *other.values} <= {0.0, 1.0})
    return (0.0, 1.0) if share else (low, high)


def at_worst(
    diffs: Sequence[MetricDiff], ours: Mapping[str, Sample], theirs: Mapping[str, Sample]
) -> dict[str, Sample]:
    """Return B's samples of those metrics that lack scenarios of A's, these put at their worst."""
    found = {}
    for diff in diffs:
        one, other = ours.get(diff.name), theirs.get(diff.name)
        if diff.direction is None or not diff.only_a or not (one and one.column and other and other.column):
            continue
        low, high = ends(one.column, other.column, diff)
        known = set(other.column.scenarios)
        lost = [name for name in one.column.scenarios if name not in known]
        worst = low if diff.direction == "higher" else high

        def filled(column: Column, lost: Sequence[str] = lost, worst: float = worst) -> Column:
            return Column([*column.scenarios, *lost], array("d", [*column.values, *[worst] * len(lost)]))

        whole = filled(other.column)
        trials = [filled(column) for column in other.by_trial]
        means = [mean_of(column.values) for column in trials or [whole]]
        found[diff.name] = other._replace(value=mean_of(means), trials=means, column=whole, by_trial=trials)
    return found
