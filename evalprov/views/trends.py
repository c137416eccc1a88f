"""How a metric went over time: a line of bars for a person, a row a run for a program."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.judge.shifts import RECENT
from evalprov.named import NamedTuple
from evalprov.numbers import and_more, counted
from evalprov.page import BOLD, DIM, line
from evalprov.views import shifts
from evalprov.views.columns import exactly
from evalprov.views.sparkline import BARS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from evalprov.judge.shifts import ToldShift
    from evalprov.page import Block

COLUMNS = ("run", "time", "group", "value")
GROUPS_SHOWN = 20
_COLOURS = ("36", "33", "35", "32", "34", "31")
_NAME_WIDTH = 24
_LEAST_WIDTH = 10
_LARGEST = 1e300  # of what can be drawn


class Point(NamedTuple):
    """One run's value, and the group it belongs to."""

    run_id: str
    time: str
    group: Any
    value: float


class TrendGroup(NamedTuple):
    """The runs that share a value of what they are parted by, newest first."""

    places: array[int]  # among all the runs shown, from the last, which is -1
    values: array[float]


class Frame(NamedTuple):
    """What all lines of bars have in common."""

    runs: int
    width: int
    low: float
    high: float


class Points:
    """The runs that have a number, newest first, and how many there were of those and of others."""

    def __init__(self, runs: Iterable[tuple[str, str, Any, Any]]) -> None:
        self.count = self.without = 0
        self.recent: list[Point] = []  # the newest, so many that shifts are looked for among them
        self._runs = runs

    def __iter__(self) -> Iterator[Point]:
        """Yield each run that has a number."""
        for run_id, time, group, value in self._runs:
            if isinstance(value, int | float) and abs(value) < _LARGEST:
                self.count += 1
                point = Point(run_id, time, group, value)
                if self.count <= RECENT:
                    self.recent.append(point)
                yield point
            else:
                self.without += 1


def documents(found: Iterable[Point], new_levels: Mapping[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give a row a run, for JSON; the first run of a new level has the shift to it."""
    for run_id, time, group, value in found:
        yield {"run_id": run_id, "timestamp": time, "group": group, "value": value, "shift": new_levels.get(run_id)}


def rows(found: Points, absent: str) -> Iterator[tuple[str, ...]]:
    """Give a row a run, of COLUMNS."""
    for run_id, time, group, value in found:
        yield run_id, time, exactly(group, absent), exactly(value, absent)


def page(
    found: Points, metric: str, by: str | None, width: int, told: Callable[[], list[ToldShift]]
) -> Iterator[Block]:
    """Give the answer in a line, then bars over the runs, oldest first, a line of them for each group; then shifts."""
    groups: dict[str, TrendGroup] = {}
    first = last = None
    for point in found:
        last, first = last or point, point
        group = groups.setdefault(exactly(point.group, "(none)"), TrendGroup(array("q"), array("d")))
        group.places.append(-found.count)
        group.values.append(point.value)
    if first is None or last is None:
        return
    low = min(min(group.values) for group in groups.values())
    high = max(max(group.values) for group in groups.values())
    frame = Frame(found.count, min(found.count, width), low, high)
    went = _number(first.value) if found.count == 1 else f"{_number(first.value)} -> {_number(last.value)}"
    yield line(f"{metric}  {went} in {counted(found.count)} {_days(first, last)}", BOLD)
    yield line("")
    if by is None:
        (only,) = groups.values()
        yield line(_bars(only, frame))
        if under := shifts.marks(told(), [point.run_id for point in found.recent], found.count, frame.width):
            yield line(under)
        yield line(f"lowest {_number(low)}, highest {_number(high)}", DIM)
    else:
        yield from _parted(groups, by, frame)
    yield from shifts.page(told(), found.count, width)


def _parted(groups: dict[str, TrendGroup], by: str, frame: Frame) -> Iterator[Block]:
    most = sorted(groups, key=lambda name: len(groups[name].values), reverse=True)[:GROUPS_SHOWN]
    names = sorted(most, key=lambda name: groups[name].places[-1])
    heading = (render.neutral(by)[:_NAME_WIDTH], "", "runs", "first", "last", "lowest", "highest")
    cells = [(render.neutral(name)[:_NAME_WIDTH], "", *_figures(groups[name])) for name in names]
    taken = max(map(len, render.columns([heading, *cells])))
    frame = frame._replace(width=min(frame.runs, max(_LEAST_WIDTH, frame.width - taken)))
    bars = [_bars(groups[name], frame).ljust(frame.width) for name in names]
    filled = [(name, bar, *figures) for (name, _, *figures), bar in zip(cells, bars, strict=True)]
    head, *lines = render.columns([heading, *filled])
    yield line(head, DIM)
    for number, words in enumerate(lines):
        yield line(words, _COLOURS[number % len(_COLOURS)])
    yield from map(line, (f"{words}, of fewer runs" for words in and_more(len(groups) - len(names))))


def _bars(group: TrendGroup, frame: Frame) -> str:
    """Return one character a run, or for several that follow each other their mean; blank where others ran."""
    means, runs = [0.0] * frame.width, [0] * frame.width
    for place, value in zip(group.places, group.values, strict=True):
        at = (frame.runs + place) * frame.width // frame.runs
        runs[at] += 1
        means[at] += (value - means[at]) / runs[at]
    top = len(BARS) - 1
    step = (frame.high - frame.low) / top
    levels = [round((mean - frame.low) / step) if step else top // 2 for mean in means]
    return "".join(BARS[level] if some else " " for level, some in zip(levels, runs, strict=True)).rstrip()


def _figures(group: TrendGroup) -> tuple[str, ...]:
    values = group.values
    return (str(len(values)), *map(_number, (values[-1], values[0], min(values), max(values))))


def _number(value: float) -> str:
    return render.number(float(value))


def _days(first: Point, last: Point) -> str:
    begin, end = (point.time[:10] for point in (first, last))
    return f"on {begin}" if begin == end else f"from {begin} to {end}"
