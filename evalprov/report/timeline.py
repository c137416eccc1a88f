"""What a page of the history is drawn from: runs in their order, what they scored, and what parts them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from evalprov.judge.shifts import RunLayers, explained
from evalprov.named import NamedTuple
from evalprov.stats.shifts import level_shifts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evalprov.judge.rules import Direction
    from evalprov.judge.shifts import ToldShift

GROUPS = 8  # with a colour and a shape of their own, all others together being the last
OTHERS = "others"
BESIDE = ("software", "infra")  # layers of which every change is marked


class TimelineRun(NamedTuple):
    """One run."""

    run_id: str
    time: str
    group: str
    values: tuple[float | None, ...]  # of each metric
    layers: Mapping[str, str | None]


class BaselineLine(NamedTuple):
    """A baseline, as a line beside the runs."""

    name: str
    run_id: str
    values: tuple[float | None, ...]


class Timeline(NamedTuple):
    """Runs over time, oldest first."""

    metrics: tuple[str, ...]
    ways: tuple[Direction | None, ...]  # which way each of them is better
    parted: str  # what the groups are of
    runs: Sequence[TimelineRun]
    older: bool  # whether there are more runs before these
    without: int  # of them have none of these metrics
    baselines: Sequence[BaselineLine]
    not_drawn: Sequence[str] = ()  # metrics that the newest run has, too
    asked: str = ""  # what is asked of the runs, in words


class MetricCourse(NamedTuple):
    """One metric over the runs that have it."""

    metric: str
    way: Direction | None
    places: Sequence[int]  # among all the runs
    values: Sequence[float]
    shifts: Sequence[ToldShift]
    at: Sequence[int]  # of the shifts, among all the runs

    def went(self, shift: ToldShift) -> str:
        """Say which way a shift went, where that is known."""
        if self.way is None:
            return "moved"
        return "better" if (shift.after > shift.before) == (self.way == "higher") else "worse"


def course_of(line: Timeline, number: int) -> MetricCourse:
    """Return one metric's values, and where their level shifted."""
    told = [(place, run.values[number]) for place, run in enumerate(line.runs)]
    held = [(place, float(value)) for place, value in told if value is not None]
    places, values = [place for place, _ in held], [value for _, value in held]
    shifts = level_shifts(values)
    runs = [RunLayers(line.runs[place].run_id, line.runs[place].layers) for place in places]
    at = [places[shift.at] for shift in shifts]
    return MetricCourse(line.metrics[number], line.ways[number], places, values, explained(runs, shifts), at)


def groups(line: Timeline) -> list[tuple[str, int]]:
    """Return the groups with how many runs each has, in the order in which they came; rare ones are one."""
    counts = Counter(run.group for run in line.runs)
    if len(counts) <= GROUPS:
        return list(counts.items())
    most = {name for name, _ in counts.most_common(GROUPS - 1)}
    kept = [(name, count) for name, count in counts.items() if name in most]
    return [*kept, (OTHERS, sum(count for name, count in counts.items() if name not in most))]


def changes(line: Timeline, layer: str) -> list[int]:
    """Return the runs whose hash of a layer is another than that of the run before; unknown ones are passed over."""
    found = []
    before = None
    for place, run in enumerate(line.runs):
        now = run.layers.get(layer)
        if now is not None:
            if before is not None and now != before:
                found.append(place)
            before = now
    return found


def firsts(line: Timeline, layer: str, places: Sequence[int]) -> list[int]:
    """Return those of some runs that have a hash which no run before had."""
    new = []
    seen = set()
    at = set(places)
    for place, run in enumerate(line.runs):
        now = run.layers.get(layer)
        if place in at and now not in seen:
            new.append(place)
        seen.add(now)
    return new
