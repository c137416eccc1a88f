"""How one metric went: a mark a run, its levels, its shifts, the baselines, and where software or machine changed."""

from __future__ import annotations

from statistics import quantiles
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.numbers import counted
from evalprov.report import html, svg, timeline
from evalprov.views import shifts as words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.report.html import Markup
    from evalprov.report.svg import Scale
    from evalprov.report.timeline import MetricCourse, Timeline

MARKS = 1500  # that have words of their own, on all drawings of a page together
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 712.0, 34.0, 232.0
_CHANGES = _BOTTOM + 11
_HEIGHT = _BOTTOM + 42
_WIDTH = 720.0
_DATES = 5
_SPARSE = 150  # runs whose marks may be larger
_TRIANGLES = 60  # of a layer: of more only those where something is new
_FAR = 4.0  # times the middle half of the values, from it, is still drawn in its place
_LINES = 6  # baselines
_APART = 12.0  # at least, for words not to cover each other
# Of very many runs each mark is a stroke of a few letters: how far its end lies from its begin.
_STROKES = ((0, 0), (3, 0), (0, 3), (2, 2), (2, -2), (6, 0), (0, 6), (1, 1))
_SHAPES = {"software": svg.SHAPES[2], "infra": svg.SHAPES[4]}
_WORDS = {"software": "software changed", "infra": "the machine changed"}


def course(line: Timeline, one: MetricCourse) -> Markup:
    """Draw a metric over the runs, in the order in which they began."""
    x = svg.Scale(0, max(len(line.runs) - 1, 1), _LEFT, _RIGHT)
    low, high = _ends(one)
    y = svg.scale((low, high), _BOTTOM, _TOP, room=0.05)
    ticks = y.ticks()
    pieces = [
        svg.left_axis(ticks, _LEFT, right=_RIGHT),
        svg.bottom_axis(_dates(line, x), _BOTTOM + 20),
        _marks(line, one, x, y),
        *_levels(one, x, y),
        *_baselines(line, one, y),
        *(piece for layer in timeline.BESIDE for piece in _triangles(line, layer, x)),
    ]
    told = (
        f"{html.cut(one.metric, 80)} over {counted(len(one.values))}: lowest {_number(min(one.values))}, "
        f"highest {_number(max(one.values))}, last {_number(one.values[-1])}"
    )
    return svg.figure(svg.drawing(_WIDTH, _HEIGHT, told, *pieces, class_="wide"), told)


def legend(line: Timeline) -> Markup:
    """Say what colours and shapes stand for."""
    entries = [
        html.element("li", _key(number, strokes=_many(line)), " ", html.text(name, 60), f" ({counted(count)})")
        for number, (name, count) in enumerate(timeline.groups(line))
    ]
    for layer in timeline.BESIDE:
        if timeline.changes(line, layer):
            key = _small(svg.mark(_SHAPES[layer], (6, 6), 4, class_="calm"))
            entries.append(html.element("li", key, " ", _WORDS[layer]))
    return html.element("ul", *entries, class_="links")


def beyond(one: MetricCourse) -> str:
    """Say how many values lie beyond the drawing, at its edge; nothing where all are in it."""
    low, high = _ends(one) if one.values else (0.0, 0.0)
    outside = [value for value in one.values if not low <= value <= high]
    if not outside:
        return ""
    ends = f"from {_number(min(outside))} to {_number(max(outside))}"
    return f"{counted(len(outside), 'value')} far off, {ends}, drawn at the edge"


def _number(value: float) -> str:
    return render.number(float(value))


def _many(line: Timeline) -> bool:
    return len(line.runs) * len(line.metrics) > MARKS


def _ends(one: MetricCourse) -> tuple[float, float]:
    """Return the ends of what is drawn in its place: a few values far off must not press the others flat."""
    low, high = min(one.values), max(one.values)
    if len(one.values) < 4:
        return low, high
    first, _, third = quantiles(one.values)
    reach = third - first
    if not 0 < reach < float("inf"):
        return low, high
    return max(low, first - _FAR * reach), min(high, third + _FAR * reach)


def _dates(line: Timeline, x: Scale) -> list[svg.Tick]:
    """Return days below some of the runs; a day is told once."""
    count = len(line.runs)
    places = dict.fromkeys((2 * number + 1) * count // (2 * _DATES) for number in range(_DATES))
    days = {line.runs[place].time[:10]: place for place in reversed(places)}
    return [(x.at(place), day) for day, place in sorted(days.items())]


def _baselines(line: Timeline, one: MetricCourse, y: Scale) -> Iterator[Markup]:
    number = line.metrics.index(one.metric)
    placed: list[tuple[float, str]] = []
    for baseline in line.baselines:
        value = baseline.values[number]
        if value is not None and len(placed) < _LINES:
            placed.append((y.at(value), f"{html.cut(baseline.name, 30)} {_number(value)}"))
    said: list[tuple[float, str]] = []
    for at, name in sorted(placed):
        yield svg.line([(_LEFT, at), (_RIGHT, at)], "calm dashed thick")
        if said and at - said[-1][0] < _APART:
            said[-1] = (said[-1][0], f"{said[-1][1]}, {name}")
        else:
            said.append((at, name))
    yield from (svg.words_at(_RIGHT, at - 4, name, anchor="end", class_="tick halo") for at, name in said)


def _marks(line: Timeline, one: MetricCourse, x: Scale, y: Scale) -> Markup:
    """Draw every run once, coloured and shaped by its group."""
    order = {name: number for number, (name, _) in enumerate(timeline.groups(line))}
    last = len(order) - 1
    held: list[list[tuple[int, float]]] = [[] for _ in order]
    for place, value in zip(one.places, one.values, strict=True):
        held[order.get(line.runs[place].group, last)].append((place, value))
    if _many(line):
        return html.join(
            _strokes([(x.at(place), y.at(value)) for place, value in points], number)
            for number, points in enumerate(held)
        )
    size = 3.4 if len(line.runs) <= _SPARSE else 2.6
    return html.join(
        svg.mark(
            svg.SHAPES[number],
            (x.at(place), y.at(value)),
            size,
            class_=f"c{number} dot",
            words=f"{line.runs[place].run_id}: {_number(value)}, {html.cut(line.runs[place].group, 40)}",
        )
        for number, points in enumerate(held)
        for place, value in points
    )


def _strokes(points: list[svg.Point], number: int) -> Markup:
    """Draw many marks as one path of whole steps from one to the next; what falls on another is drawn once."""
    right, down = _STROKES[number]
    way = f"h{right}" if not down else f"v{down}" if not right else f"l{right}{down:+}".replace("+", " ")
    pieces = []
    at_x = at_y = 0
    for x, y in sorted({(round(x), round(y)) for x, y in points}):
        by_x, by_y = x - at_x, y - at_y
        pieces.append(f"m{by_x}{'' if by_y < 0 else ' '}{by_y}{way}")
        at_x, at_y = x + right, y + down
    return html.Markup(f'<path class="dots strokes c{number}" d="{"".join(pieces)}"/>') if pieces else html.NOTHING


def _key(number: int, *, strokes: bool) -> Markup:
    if strokes:
        return _small(_strokes([(1 if _STROKES[number][0] else 4, 1 if _STROKES[number][1] > 0 else 4)], number), 8)
    return _small(svg.mark(svg.SHAPES[number], (6, 6), 4.4, class_=f"c{number}"))


def _small(inside: Markup, side: int = 12) -> Markup:
    return html.Markup(f'<svg class="key" aria-hidden="true" viewBox="0 0 {side} {side}">{inside}</svg>')


def _levels(one: MetricCourse, x: Scale, y: Scale) -> Iterator[Markup]:
    """Draw each level as a line, and each shift with its number, which leads to its row."""
    ends = [one.places[0], *one.at, one.places[-1] + 1]
    levels = [shift.before for shift in one.shifts[:1]] + [shift.after for shift in one.shifts]
    for level, begin, end in zip(levels, ends, ends[1:], strict=False):
        yield svg.line([(x.at(begin), y.at(level)), (x.at(end - 1), y.at(level))], "level")
    for number, (at, shift) in enumerate(zip(one.at, one.shifts, strict=True)):
        place = x.at(at - 0.5)
        css = one.went(shift)
        told = f"shift {number + 1}: {words.step(shift)} at {shift.run_id}; {words.there(shift)}"
        yield svg.line([(place, _TOP - 8), (place, _BOTTOM)], f"{css} dashed")
        to = html.identifier("shift", one.metric, str(number + 1))
        yield svg.mark("diamond", (place, _TOP - 14), 5, class_=css, words=told, to=to)
        yield svg.words_at(place + 9, _TOP - 10, number + 1)


def _triangles(line: Timeline, layer: str, x: Scale) -> Iterator[Markup]:
    """Mark where software or machine changed; where that is all the time, only where it was new."""
    places = timeline.changes(line, layer)
    if len(places) > _TRIANGLES:
        places = timeline.firsts(line, layer, places)[:_TRIANGLES]
    for place in places:
        told = f"{_WORDS[layer]} at {line.runs[place].run_id}"
        yield svg.mark(_SHAPES[layer], (x.at(place), _CHANGES), 4, class_="calm", words=told)
