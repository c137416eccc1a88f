"""One metric, scenario by scenario: a cell for each answer, A against B for numbers, and what moved most."""

from __future__ import annotations

from collections import Counter
from math import ceil, log, sqrt
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.numbers import and_more
from evalprov.report import html, said, svg
from evalprov.report.spread import quantile
from evalprov.report.values import LISTED
from evalprov.stats.columns import finite

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from evalprov.report.html import Markup
    from evalprov.report.values import MetricValues, MovedScenario

BINNED = 1500  # from so many scenarios on, squares that hold several are drawn in place of dots
_NAMED = 300  # cells that say which scenario they are, of those that did not move
_CELLS = 10_000  # of more scenarios a cell is several
_ACROSS = 330.0  # how wide a block of cells is
_PITCHES = ((400, 12.0), (600, 8.0), (2500, 5.0))  # up to so many cells are so large
_SMALLEST = 3.0
_SIDE = 320.0  # of the square that A stands against B in
_DOT, _LARGEST = 3.0, 14.0  # how large one scenario is, and many at most
_BINS = 48
_SHADES = 5
_TITLED = 30  # of what moved most, where the others are binned
_WIDE = 20  # times the median: from there on a scale counts in powers


def drawn(held: MetricValues, anchor: str) -> Markup:
    """Draw a metric's scenarios; nothing where both sides have none in common."""
    if not len(held.pairs.a):
        return html.NOTHING
    return _groups(held, anchor) if held.rates else _against(held, anchor)


def row_id(anchor: str, scenario: str) -> str:
    """Return where a scenario's row is."""
    return html.identifier(anchor, scenario)


# --- 0 or 1


def _groups(held: MetricValues, anchor: str) -> Markup:
    """Draw one cell a scenario, in four groups."""
    words = _words(held)
    counts = Counter(zip(held.pairs.a, held.pairs.b, strict=True))
    total = len(held.pairs.a)
    per_cell = _round_up(total / _CELLS)
    pitch = next((size for most, size in _PITCHES if total / per_cell <= most), _SMALLEST)
    leads = {one.name for one in held.most}
    groups = []
    for number, (key, (name, css)) in enumerate(words.items()):
        told = f"{name}: {counts[key]:,}"
        block = _Block(pitch, per_cell, css, f"{anchor}::cells-{number}")
        if per_cell > 1 or (key[0] == key[1] and total > _NAMED):
            cells = block.plain(counts[key], told)
        else:
            names = [name for name, a, b in zip(*held.pairs, strict=True) if (a, b) == key]
            cells = block.named(names, told, {name for name in names if name in leads}, anchor)
        groups.append(svg.figure(cells, told))
    told = f"One cell is {f'{per_cell:,} scenarios' if per_cell > 1 else 'one scenario'}."
    return html.element("div", html.element("div", *groups, class_="groups"), html.element("p", told, class_="soft"))


def _words(held: MetricValues) -> dict[tuple[float, float], tuple[str, str]]:
    """Return the four groups, with their names and colours."""
    if held.metric.direction is None:
        names = ("stayed 1", "newly 1", "newly 0", "stayed 0")
        styles = ("calm", "moved", "moved", "faint")
    else:
        names = ("stayed right", "newly right", "newly wrong", "stayed wrong")
        styles = ("better wash", "better", "worse", "worse wash")
    right = 0.0 if held.metric.direction == "lower" else 1.0
    wrong = 1.0 - right
    keys = ((right, right), (wrong, right), (right, wrong), (wrong, wrong))
    return dict(zip(keys, zip(names, styles, strict=True), strict=True))


def _round_up(share: float) -> int:
    """Return the next of 1, 2, 5, 10, 20, ..."""
    count = 1
    while True:
        for step in (1, 2, 5):
            if step * count >= share:
                return step * count
        count *= 10


class _Block:
    """Cells in rows."""

    def __init__(self, pitch: float, per_cell: int, css: str, id_: str) -> None:
        self._pitch, self._per_cell, self._css, self._id = pitch, per_cell, css, id_
        self._columns = int(_ACROSS // pitch)
        self._size = pitch - 1

    def plain(self, count: int, told: str) -> Markup:
        """Draw cells that are alike as a pattern, which takes no more room in the file for more of them."""
        cells = ceil(count / self._per_cell)
        if not cells:
            return html.NOTHING
        rows, left = divmod(cells, self._columns)
        side = svg.number(self._pitch)
        pattern = html.element(
            "pattern",
            svg.box((0, 0), (self._size, self._size), self._css),
            id=self._id,
            width=side,
            height=side,
            patternUnits="userSpaceOnUse",
        )
        filled = f'fill="url(#{self._id})"'
        pieces = [pattern]
        if rows:
            size = (self._columns * self._pitch, rows * self._pitch)
            pieces.append(html.Markup(f'<rect {filled} width="{svg.number(size[0])}" height="{svg.number(size[1])}"/>'))
        if left:
            y, width = svg.number(rows * self._pitch), svg.number(left * self._pitch)
            pieces.append(html.Markup(f'<rect {filled} y="{y}" width="{width}" height="{side}"/>'))
        return self._sized(cells, told, pieces)

    def named(self, names: Sequence[str], told: str, leads: set[str], anchor: str) -> Markup:
        """Draw cells that each say which scenario they are; those that are listed below lead there."""
        pieces = []
        for number, name in enumerate(names[: _NAMED + LISTED]):
            corner = (number % self._columns * self._pitch, number // self._columns * self._pitch)
            to = row_id(anchor, name) if name in leads else ""
            words = html.text(name, 80)
            pieces.append(svg.box(corner, (self._size, self._size), self._css, words=words, to=to))
        rest = range(len(pieces), len(names))
        corners = ((number % self._columns * self._pitch, number // self._columns * self._pitch) for number in rest)
        pieces.append(svg.boxes(corners, self._size, self._css))
        return self._sized(len(names), told, pieces) if names else html.NOTHING

    def _sized(self, cells: int, told: str, pieces: Iterable[object]) -> Markup:
        rows = ceil(cells / self._columns)
        return svg.drawing(min(cells, self._columns) * self._pitch, rows * self._pitch, told, *pieces)


# --- numbers


def _against(held: MetricValues, anchor: str) -> Markup:
    """Draw A against B: what lies off the line moved."""
    _, ones, others = held.pairs
    low, high = min(map(min, (ones, others))), max(map(max, (ones, others)))
    powers = low > 0 and high / _about_the_median(ones) > _WIDE
    y = svg.scale((low, high), _SIDE, 0, logarithmic=powers, room=0.03)
    left = svg.room_for(y.ticks())
    x = y._replace(start=left, end=left + _SIDE)
    y = y._replace(start=_SIDE + 20, end=20)
    frame = (
        svg.bottom_axis(x.ticks(), y.start, "A", top=y.end),
        svg.left_axis(y.ticks(), left, "B", right=x.end),
        svg.line(((x.start, y.start), (x.end, y.end)), "calm dashed"),
    )
    if len(ones) > BINNED:
        inside = [_binned(held, x, y), *_marks(held.most[:_TITLED], x, y, anchor)]
        note = f"{len(ones):,} scenarios; the darker a square, the more of them. Above the line B is higher."
    else:
        inside = _dots(held, x, y, anchor)
        note = f"{len(ones):,} scenarios, A against B; a large dot is several. Above the line B is higher."
    told = f"{held.metric.name}, A against B: {held.metric.up:,} scenarios up, {held.metric.down:,} down"
    return svg.figure(svg.drawing(x.end + 12, y.start + 36, told, *frame, *inside), note)


def _about_the_median(values: Sequence[float]) -> float:
    """Return the median, of many values that of some: it says how a scale counts, and nothing else."""
    return quantile(sorted(values[:: 1 + len(values) // BINNED]), 0.5)


def _dots(held: MetricValues, x: svg.Scale, y: svg.Scale, anchor: str) -> list[Markup]:
    """Draw a dot where one scenario is, and a larger one where several are."""
    _, ones, others = held.pairs
    counts = Counter(zip(ones, others, strict=True))
    alone = [one for one in held.most if counts[one.a, one.b] == 1]
    named = {(one.a, one.b) for one in alone}
    pieces = [
        svg.dots([(x.at(a), y.at(b)) for (a, b), count in counts.items() if count == 1 and (a, b) not in named], "calm")
    ]
    for (a, b), count in counts.items():
        if count > 1:
            css = "calm" if a == b else held.way(b - a)
            words = f"{count} scenarios: {render.number(a)} -> {render.number(b)}"
            size = min(_LARGEST, _DOT * sqrt(count))
            pieces.append(svg.mark("circle", (x.at(a), y.at(b)), size, class_=f"{css} dot", words=words))
    return [*pieces, *_marks(alone, x, y, anchor)]


def _marks(moved: Iterable[MovedScenario], x: svg.Scale, y: svg.Scale, anchor: str) -> list[Markup]:
    return [
        svg.mark(
            "circle",
            (x.at(one.a), y.at(one.b)),
            _DOT,
            class_=f"{one.way} dot",
            words=f"{html.text(one.name, 80)}: {render.number(one.a)} -> {render.number(one.b)}",
            to=row_id(anchor, one.name),
        )
        for one in moved
    ]


def _binned(held: MetricValues, x: svg.Scale, y: svg.Scale) -> Markup:
    """Draw squares, the darker the more scenarios are in them."""
    _, ones, others = held.pairs
    size = (x.end - x.start) / _BINS
    end = _BINS - 1e-6
    columns = map(int, x._replace(start=0.0, end=end).places(ones))
    rows = map(int, y._replace(start=0.0, end=end).places(others))
    counts = Counter(zip(columns, rows, strict=True))
    most = max(counts.values())
    shades: dict[tuple[str, int], list[svg.Point]] = {}
    for (column, row), count in sorted(counts.items()):
        shade = 1 + int((_SHADES - 1) * log(count) / log(most)) if most > 1 else _SHADES
        css = "calm" if row == column else held.way(row - column)
        shades.setdefault((css, shade), []).append((x.start + column * size, y.start - (row + 1) * size))
    return html.join(
        svg.boxes(places, size - 0.5, f"{css} shade{shade}") for (css, shade), places in sorted(shades.items())
    )


# --- what moved most


def listed(held: MetricValues, anchor: str, told: set[str]) -> Markup:
    """List the scenarios that moved most, each with an anchor, and a box to search them; some lead to what was said."""
    if not held.most:
        return html.NOTHING
    up, down = f"{held.metric.up:,} up", f"{held.metric.down:,} down"
    table = f"{anchor}::moved"
    rows = html.Markup("".join(_row(one, row_id(anchor, one.name), told) for one in held.most))
    head = html.Markup(
        '<thead><tr><th scope="col">scenario</th><th scope="col">A</th><th scope="col">B</th>'
        '<th scope="col">by</th></tr></thead>'
    )
    more = and_more(held.metric.up + held.metric.down - len(held.most), "evalprov diff --json names more", "scenario")
    return html.folded(
        f"scenarios that moved most: {up}, {down}",
        html.search(table, "search"),
        html.element("table", head, html.element("tbody", rows), id=table, class_="moves"),
        *(html.element("p", words) for words in more),
        open_=len(held.most) <= 12,
    )


def _row(one: MovedScenario, id_: str, told: set[str]) -> str:
    by = render.number(finite(one.b - one.a))
    signed = by if by.startswith("-") else f"+{by}"
    cells = f"<td>{render.number(one.a)}</td><td>{render.number(one.b)}</td><td class={one.way}>{signed}</td>"
    words = f' <a href="#{said.anchor(one.name)}">what was said</a>' if one.name in told else ""
    return f'<tr id="{id_}"><th scope="row"><a href="#{id_}">{html.text(one.name, 120)}</a>{words}</th>{cells}</tr>'
