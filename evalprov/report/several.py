"""The page of several programs: which is the best and what that is worth, each with its interval on one scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov import render
from evalprov.numbers import and_more
from evalprov.report import html, svg
from evalprov.views import compare as view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.report.html import Markup
    from evalprov.views.compare import ComparedRow, FoundComparison

SHOWN = 1_000  # rows
NAME = 120  # letters
_WIDTH, _HEIGHT = 260.0, 22.0
_SIDE, _WIDE = 320.0, 520.0  # of the drawing of two metrics
_ROOM = 56.0  # for the words of its left axis


def page(found: FoundComparison) -> str:
    """Return the page."""
    parts = [
        ("programs", "programs", _table(found)),
        ("front", "two metrics", _front(found)),
        ("beware", "beware", html.facts([(html.cut(name, NAME), words) for name, words in view.about(found)])),
        ("notes", "notes", html.facts([("", words) for words in found.notes])),
    ]
    answer = view.leader(found)
    told = html.element("p", view.head(found))
    return html.page(answer, html.element("header", html.element("h1", answer), told), *html.parts(parts))


def _table(found: FoundComparison) -> Markup:
    rows = found.rows[:SHOWN]
    cells = view.cells_of(found)
    place = [name for name, _, _ in cells].index("verdict")
    names = [html.text(name, NAME) for name, _, _ in cells]
    names.insert(place, html.text(f"{found.metric}, one scale"))
    drawn = _drawings(found, rows)
    lines = []
    for number, row in enumerate(rows):
        line: list[object] = [html.text(values[number], NAME) for _, values, _ in cells]
        line[place] = html.element("span", line[place], class_=f"verdict {_style(found, row)}")
        line.insert(place, drawn[number])
        lines.append(line)
    told = (
        "The best first. A bar is the number's own 95 % interval, the upright line the number of the one that all "
        "others are held against; a hollow dot has no interval."
    )
    right = [html.text(name, NAME) for name, _, is_number in cells if is_number]
    table = html.table(told, names, lines, right=right, class_="forest")
    return html.join((
        html.element("div", table, class_="scrolled", tabindex=0, role="region", aria_label="programs"),
        *(html.element("p", words) for words in and_more(len(found.rows) - SHOWN, "--json has all", "program")),
    ))  # fmt: skip


def _style(found: FoundComparison, row: ComparedRow) -> str:
    words = view.verdict(found, row)
    return next((one for one in ("better", "worse", "moved") if words.startswith(one)), "calm")


def _drawings(found: FoundComparison, held: Sequence[ComparedRow]) -> list[Markup]:
    """Draw each number with its interval, all on one scale."""
    ends = [end for row in held if row.entered for end in (row.entered.interval or ())]
    values = [float(row.entered.value) for row in held if row.entered and row.entered.value is not None]
    x = svg.scale([*ends, *values], 8, _WIDTH - 8)
    first = found.by_name[found.first].entered
    at = None if first is None or first.value is None else x.at(float(first.value))
    return [_drawn(found, row, x, at) for row in held]


def _drawn(found: FoundComparison, row: ComparedRow, x: svg.Scale, first: float | None) -> Markup:
    if row.entered is None or row.entered.value is None:
        return html.NOTHING
    css, middle = _style(found, row), _HEIGHT / 2
    value, interval = float(row.entered.value), row.entered.interval
    pieces = [svg.line(((first, 1), (first, _HEIGHT - 1)), "faint")] if first is not None else []
    if interval:
        pieces.append(svg.line(((x.at(interval[0]), middle), (x.at(interval[1]), middle)), f"{css} thick"))
    shape: svg.Shape = "diamond" if css != "calm" else "circle"
    pieces.append(svg.mark(shape, (x.at(value), middle), 5, class_=css if interval else f"{css} hollow"))
    words = f"{row.label}: {render.number(value)}"
    return svg.drawing(_WIDTH, _HEIGHT, words, *pieces)


def _front(found: FoundComparison) -> Markup:
    """Draw two metrics against each other, those on the front marked."""
    if found.pareto is None:
        return html.NOTHING
    known = [
        (row, float(a), float(b))
        for row in found.rows[:SHOWN]
        for a, b in [row.pareto]
        if a is not None and b is not None
    ]
    if not known:
        return html.NOTHING
    x = svg.scale([a for _, a, _ in known], _ROOM, _WIDE - 16, room=0.05)
    y = svg.scale([b for _, _, b in known], _SIDE - 40, 24, room=0.05)
    marks = [
        svg.mark(
            "diamond" if row.on_front else "circle",
            (x.at(a), y.at(b)),
            5 if row.on_front else 4,
            class_="better" if row.on_front else "calm",
            words=f"{row.label}: {render.number(a)}, {render.number(b)}",
        )
        for row, a, b in known
    ]
    names = [html.cut(name, 60) for name in found.pareto]
    on = sum(row.on_front for row, _, _ in known)
    told = f"{names[1]} over {names[0]} of {len(known)} programs; {on} diamonds: no other is as good in both"
    axes = (
        svg.bottom_axis(x.ticks(), y.start, names[0], top=y.end),
        svg.left_axis(y.ticks(), _ROOM, names[1], right=x.end),
    )
    return svg.figure(svg.drawing(_WIDE, _SIDE, told, *axes, *marks), told)
