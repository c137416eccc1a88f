"""The few shapes that drawings are made of, as SVG: scales, axes, marks and lines, each with words beside it.

Colours are classes of the page's style, so that a drawing is right in light, in dark and on paper.
"""

from __future__ import annotations

from math import ceil, floor, isfinite, log10
from typing import TYPE_CHECKING, Literal

from evalprov.named import NamedTuple
from evalprov.numbers import rounded
from evalprov.report.html import NOTHING, Markup, element, join, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Point = tuple[float, float]
Tick = tuple[float, str]
Shape = Literal["circle", "square", "triangle", "diamond", "down", "cross", "plus", "star"]
SHAPES: tuple[Shape, ...] = ("circle", "square", "triangle", "diamond", "down", "cross", "plus", "star")
LETTER = 6.2  # wide, at the size of a tick's words
_TICKS = 12  # at most
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


class Scale(NamedTuple):
    """From values to places along one side of a drawing."""

    low: float
    high: float
    start: float  # the place of the low end
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Return a value's place; what lies beyond an end is put there."""
        low, high, seen = (
            (_log(one) for one in (self.low, self.high, value)) if self.logarithmic else (*self[:2], value)
        )
        # By halves, for the two ends may lie further apart than any number is large.
        apart = high / 2 - low / 2
        if not apart > 0:
            return (self.start + self.end) / 2
        share = (seen / 2 - low / 2) / apart
        return self.start + (self.end - self.start) * min(1.0, max(0.0, share))

    def places(self, values: Sequence[float]) -> list[float]:
        """Return the places of many values, none of which lies beyond an end."""
        low, high = (_log(self.low), _log(self.high)) if self.logarithmic else (self.low, self.high)
        if not (-1e300 < low < high < 1e300 and high - low > 1e-300):
            return list(map(self.at, values))
        start, per_unit = self.start, (self.end - self.start) / (high - low)
        return [start + (value - low) * per_unit for value in (map(log10, values) if self.logarithmic else values)]

    def ticks(self, count: int = 5) -> list[Tick]:
        """Return round values on the scale, about so many, with their places."""
        values = _powers(self, count) if self.logarithmic else _round_values(self.low, self.high, count)
        return [(self.at(value), rounded(value)) for value in values]


def _log(value: float) -> float:
    return log10(value) if value > 0 else -330.0


def scale(values: Iterable[float], start: float, end: float, *, logarithmic: bool = False, room: float = 0.0) -> Scale:
    """Return a scale that holds all values, with a share of room at both ends."""
    held = [value for value in values if isfinite(value)] or [0.0, 1.0]
    low, high = min(held), max(held)
    if logarithmic or not low < high:
        return Scale(low, high, start, end, logarithmic)
    beyond = (high / 2 - low / 2) * 2 * room
    return Scale(max(low - beyond, -1.7e308), min(high + beyond, 1.7e308), start, end)


def _round_values(low: float, high: float, count: int) -> list[float]:
    reach = high / 2 - low / 2
    if not reach > 0 or not isfinite(reach):
        return [low]
    rough = reach / count * 2
    power = floor(log10(rough)) if rough > 0 else -400
    if not -300 < power < 300:
        return [low, high]
    step = next(one * 10.0**power for one in _STEPS if one * 10.0**power >= rough * (1 - 1e-9))
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    if last - first > _TICKS or abs(first) > 1e15:
        return [low, high]
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def _powers(scale_: Scale, count: int) -> list[float]:
    first, last = ceil(_log(scale_.low) - 1e-9), floor(_log(scale_.high) + 1e-9)
    if last - first < 2:
        held = [number * 10.0**power for power in range(first - 1, last + 1) for number in (1, 2, 5)]
        return [value for value in held if scale_.low <= value <= scale_.high] or [scale_.low, scale_.high]
    every = max(1, ceil((last - first + 1) / count))
    return [10.0**power for power in range(first, last + 1, every)]


def number(value: float) -> str:
    """Return a coordinate in as few letters as a tenth of a unit takes."""
    return f"{value:.1f}".removesuffix(".0")


# --- drawings


def drawing(width: float, height: float, words: str, *inside: object, class_: str = "") -> Markup:
    """Return a drawing; its words are what somebody is told who does not see it."""
    return element(
        "svg",
        *inside,
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=number(width),
        height=number(height),
        role="img",
        aria_label=words,
        class_=class_,
    )


def key(class_: str) -> Markup:
    """Return a small square of a colour, for what stands beside it in words."""
    return Markup(
        f'<svg class="key" aria-hidden="true" viewBox="0 0 12 12"><rect class="{class_}" width="12" height="12"/></svg>'
    )


def figure(drawn: Markup, *caption: object, class_: str = "") -> Markup:
    """Return a drawing with what it shows below it."""
    return element("figure", drawn, element("figcaption", *caption) if caption else NOTHING, class_=class_)


def words_at(x: float, y: float, words: object, *, anchor: str = "start", class_: str = "") -> Markup:
    """Return words in a drawing; the anchor says whether they start, have their middle or end there."""
    return element(
        "text", words, x=number(x), y=number(y), text_anchor=None if anchor == "start" else anchor, class_=class_
    )


def bottom_axis(ticks: Sequence[Tick], y: float, title: str = "", *, top: float | None = None) -> Markup:
    """Return an axis below a drawing, with lines up to its top where that is given."""
    pieces = []
    for place, words in ticks:
        if top is not None:
            pieces.append(_path("grid", f"M{number(place)} {number(top)}V{number(y)}"))
        pieces.append(words_at(place, y + 14, words, anchor="middle", class_="tick"))
    if title and ticks:
        middle = (ticks[0][0] + ticks[-1][0]) / 2
        pieces.append(words_at(middle, y + 30, title, anchor="middle", class_="axis"))
    return join(pieces)


def left_axis(ticks: Sequence[Tick], x: float, title: str = "", *, right: float | None = None) -> Markup:
    """Return an axis at the left of a drawing, its title above it, with lines to the right where that is given."""
    pieces = []
    for place, words in ticks:
        if right is not None:
            pieces.append(_path("grid", f"M{number(x)} {number(place)}H{number(right)}"))
        pieces.append(words_at(x - 5, place + 4, words, anchor="end", class_="tick"))
    if title and ticks:
        pieces.append(words_at(2, min(place for place, _ in ticks) - 10, title, class_="axis"))
    return join(pieces)


def room_for(ticks: Iterable[Tick]) -> float:
    """Return how wide the words of a left axis are."""
    return 8 + LETTER * max((len(words) for _, words in ticks), default=0)


# --- marks


def mark(  # noqa: PLR0913 - what it is, and what it says
    shape: Shape, at: Point, size: float = 4, *, class_: str = "", words: object = "", to: str = ""
) -> Markup:
    """Return one mark, with words that show where a pointer rests on it, and the id that a click on it leads to."""
    if shape == "circle":
        placed = f'cx="{number(at[0])}" cy="{number(at[1])}" r="{number(size)}"'
        return Markup(f"<circle{_said(class_, to)} {placed}>{_title(words)}</circle>")
    return Markup(f'<path{_said(class_, to)} d="{outline(shape, at, size)}">{_title(words)}</path>')


def _said(class_: str, to: str) -> str:
    return f' class="{class_}"' * bool(class_) + f' data-to="{text(to)}"' * bool(to)


def _title(words: object) -> str:
    return f"<title>{text(words)}</title>" if words else ""


def outline(shape: Shape, at: Point, size: float = 4) -> str:
    """Return the path of a mark; marks of one shape may stand in one path."""
    x, y = at
    if shape == "circle":
        half = f"a{number(size)} {number(size)} 0 1 0"
        return f"M{number(x - size)} {number(y)}{half} {number(2 * size)} 0{half} {number(-2 * size)} 0"
    if shape in _ARMS:
        return "".join(
            f"M{number(x + a * size)} {number(y + b * size)}L{number(x + c * size)} {number(y + d * size)}"
            for a, b, c, d in _ARMS[shape]
        )
    return "M" + "L".join(f"{number(x + a * size)} {number(y + b * size)}" for a, b in _CORNERS[shape]) + "z"


_ARMS = {
    "cross": ((-1, -1, 1, 1), (-1, 1, 1, -1)),
    "plus": ((-1.25, 0, 1.25, 0), (0, -1.25, 0, 1.25)),
}
_CORNERS = {
    "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    "triangle": ((0, -1.2), (1.2, 0.9), (-1.2, 0.9)),
    "down": ((0, 1.2), (1.2, -0.9), (-1.2, -0.9)),
    "diamond": ((0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0)),
    "star": (
        *((0, -1.4), (0.4, -0.4), (1.4, 0), (0.4, 0.4)),
        *((0, 1.4), (-0.4, 0.4), (-1.4, 0), (-0.4, -0.4)),
    ),
}


def dots(points: Iterable[Point], class_: str) -> Markup:
    """Return many dots as one path; the class says how wide they are."""
    return _path(f"dots {class_}", "".join(f"M{number(x)} {number(y)}h0" for x, y in points))


def line(points: Sequence[Point], class_: str) -> Markup:
    """Return a line through points."""
    return _path(f"line {class_}", "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)) if points else NOTHING


def area(points: Sequence[Point], base: float, class_: str) -> Markup:
    """Return what lies between a line through points and its base."""
    if not points:
        return NOTHING
    inner = "L".join(f"{number(x)} {number(y)}" for x, y in points)
    ends = (f"M{number(points[0][0])} {number(base)}L", f"V{number(base)}z")
    return _path(f"area {class_}", inner.join(ends))


def box(corner: Point, size: Point, class_: str, *, words: object = "", to: str = "") -> Markup:
    """Return a rectangle by its upper left corner, with words and a target as a mark has them."""
    place = f'x="{number(corner[0])}" y="{number(corner[1])}" width="{number(size[0])}" height="{number(size[1])}"'
    return Markup(f"<rect{_said(class_, to)} {place}>{_title(words)}</rect>")


def boxes(places: Iterable[Point], size: float, class_: str) -> Markup:
    """Return many squares of one size as one path, by their upper left corners."""
    side = number(size)
    return _path(class_, "".join(f"M{number(x)} {number(y)}h{side}v{side}h-{side}z" for x, y in places))


def _path(class_: str, d: str) -> Markup:
    return Markup(f'<path class="{class_}" d="{d}"/>') if d else NOTHING
