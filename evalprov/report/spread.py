"""How a metric's values lie: run by run where there are several, and its high ends where few scenarios take most."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from math import floor, log10, sqrt
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.numbers import counted
from evalprov.report import html, svg
from evalprov.report.values import are_rates
from evalprov.stats.columns import finite, mean_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.judge.samples import Sample
    from evalprov.report.html import Markup
    from evalprov.report.values import MetricValues

SHARES = (0.5, 0.9, 0.95, 0.99)
_WIDTH = 340.0
_STRIP = 40.0  # how high one side of a strip plot is
_BARS = 40
_HEIGHT = 120.0
_WIDE = 10  # times the median: from there on a scale counts in powers


def strips(held: MetricValues) -> Markup:
    """Draw the runs of each side as dots, with their mean and how far they lie apart."""
    if held.trials < 2:
        return html.NOTHING
    sides = [("A", "a", held.a.trials), ("B", "b", held.b.trials)]
    x = svg.scale([*held.a.trials, *held.b.trials], 24, _WIDTH - 10, room=0.08)
    pieces = []
    for number, (name, css, runs) in enumerate(sides):
        y = 18 + number * _STRIP
        pieces.append(svg.words_at(4, y + 4, name))
        if not runs:
            continue
        mean, deviation = _mean_and_deviation(runs)
        if deviation:
            pieces.append(
                svg.line(
                    ((x.at(finite(mean - deviation)), y), (x.at(finite(mean + deviation)), y)), f"{css} thick wash"
                )
            )
        pieces.append(svg.line(((x.at(mean), y - 11), (x.at(mean), y + 11)), f"{css} thick"))
        pieces += [
            svg.mark("circle", (x.at(run), y), 4, class_=f"{css} dot", words=f"{name}: {render.number(run)}")
            for run in runs
        ]
    bottom = 18 + len(sides) * _STRIP - 14
    pieces.append(svg.bottom_axis(x.ticks(4), bottom, top=4))
    told = "; ".join(f"{name} {_spread(runs)}" for name, _, runs in sides if runs)
    return svg.figure(
        svg.drawing(_WIDTH, bottom + 20, f"{held.metric.name} run by run: {told}", *pieces),
        f"run by run: {told}. The upright line is the mean, the pale one reaches a standard deviation to both sides.",
    )


def _spread(runs: Sequence[float]) -> str:
    mean, deviation = _mean_and_deviation(runs)
    apart = "" if deviation is None else f", deviation {render.number(deviation)}"
    return f"mean {render.number(mean)}{apart} in {counted(len(runs))}"


def _mean_and_deviation(runs: Sequence[float]) -> tuple[float, float | None]:
    mean = mean_of(runs)
    if len(runs) < 2:
        return mean, None
    largest = max(map(abs, runs)) or 1.0
    squares = sum(((run - mean) / largest) ** 2 for run in runs) if largest < 1e300 else 0.0
    return mean, sqrt(squares / (len(runs) - 1)) * largest


# --- percentiles and distributions


def tails(held: MetricValues) -> Markup:
    """Show how the values of both sides lie; of what the eval spends also the high ends."""
    if held.rates:
        return html.NOTHING
    sides = [sorted(every_value(side)) for side in (held.a, held.b)]
    if not all(len(side) > 1 for side in sides) or all(map(are_rates, sides)):
        return html.NOTHING
    keys = (html.element("span", name, class_=f"key {name.lower()}") for name in "AB")
    drawn = svg.figure(
        distribution(held.metric.name, held.metric.unit, sides),
        html.join((*keys, " the share of values in each bin: A shaded, B as a line"), " "),
    )
    if not held.spent:
        return drawn
    rows = [_share_row(share, sides, held.metric.direction) for share in SHARES]
    told = f"of {len(sides[0]):,} values in A, {len(sides[1]):,} in B"
    return html.element("div", drawn, html.table(told, ("share", "A", "B", "by"), rows, right=("A", "B", "by")))


def every_value(side: Sample) -> list[float]:
    """Return the values of every trial: their means by scenario would hide the high ends."""
    columns = side.by_trial or ([side.column] if side.column else [])
    return [value for column in columns for value in column.values]


def shares_of(ordered: Sequence[float]) -> list[tuple[str, str]]:
    """Return the value that each of some shares lies below; of too few values it would be the largest."""
    known = ((share, len(ordered) * (1 - share) >= 1 - 1e-9) for share in SHARES)
    return [(_name(share), render.number(quantile(ordered, share)) if told else "too few") for share, told in known]


def _name(share: float) -> str:
    return f"p{share * 100:.0f}"


def _share_row(share: float, sides: Sequence[Sequence[float]], direction: str | None) -> tuple[object, ...]:
    if any(len(side) * (1 - share) < 1 - 1e-9 for side in sides):
        return (_name(share), "too few", "too few", "-")
    a, b = (quantile(side, share) for side in sides)
    by = finite(b - a)
    way = "calm" if not by or direction is None else "better" if (by > 0) == (direction == "higher") else "worse"
    percent = f" ({by / abs(a):+.0%})" if a and abs(by / a) < 100 else ""
    signed = f"{'+' if by > 0 else ''}{render.number(by)}{percent}"
    return (_name(share), render.number(a), render.number(b), html.element("span", signed, class_=way))


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value that such a share lies below, between two values as far as it falls between them."""
    place = share * (len(ordered) - 1)
    low = floor(place)
    high = min(low + 1, len(ordered) - 1)
    part = place - low
    return finite(ordered[low] * (1 - part) + ordered[high] * part)


def distribution(name: str, unit: str | None, sides: Sequence[Sequence[float]]) -> Markup:
    """Draw which share of the values lies where: of one side shaded, of a second as a line."""
    low, high = min(side[0] for side in sides), max(side[-1] for side in sides)
    powers = low > 0 and high / quantile(max(sides, key=len), 0.5) > _WIDE
    x = svg.scale((low, high), 10, _WIDTH - 10, logarithmic=powers)
    edges = _edges(low, high, powers=powers)
    shares = [_shares(side, edges) for side in sides]
    y = svg.scale((0.0, *(share for one in shares for share in one)), _HEIGHT, 8)
    steps = [
        [(x.at(edge), y.at(share)) for number, share in enumerate(one) for edge in (edges[number], edges[number + 1])]
        for one in shares
    ]
    return svg.drawing(
        _WIDTH,
        _HEIGHT + (36 if unit else 20),
        f"{html.cut(name, 80)}: how the values are distributed, from {render.number(low)} to {render.number(high)}",
        svg.bottom_axis(x.ticks(4), _HEIGHT, unit or "", top=8),
        svg.area(steps[0], _HEIGHT, "a wash" if len(sides) > 1 else "b wash"),
        *(svg.line(one, "b thick") for one in steps[1:]),
    )


def _edges(low: float, high: float, *, powers: bool) -> list[float]:
    if not low < high:
        return [low, high]
    if powers:
        first, last = log10(low), log10(high)
        return [low, *(10 ** (first + (last - first) * number / _BARS) for number in range(1, _BARS)), high]
    return [low + (high / _BARS - low / _BARS) * number for number in range(_BARS)] + [high]


def _shares(ordered: Sequence[float], edges: Sequence[float]) -> list[float]:
    """Return which share of values lies between each two edges."""
    below = [0, *(bisect_right(ordered, edge) for edge in edges[1:-1]), len(ordered)]
    return [(upper - lower) / len(ordered) for lower, upper in pairwise(below)]
