"""Where a run's time went, and what it used meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov import render
from evalprov.report import html, svg

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from evalprov.record.schema.outcome import ResourceSeries
    from evalprov.report.html import Markup

STAGES = 60
_COLOURS = 8
_WIDTH = 720.0
_BAR = 26.0
_HEIGHT = 110.0
_LEFT = 92.0
_LEAST = 3  # points that make a line


def stages(given: Mapping[str, float], duration: float | None) -> Markup:
    """Draw the stages as one bar, as long as the run, with a row for each."""
    held = {name: seconds for name, seconds in given.items() if seconds >= 0}
    if not held:
        return html.NOTHING
    total = sum(held.values())
    whole = max(total, duration or 0.0) or 1.0
    pieces: list[Markup] = []
    rows: list[tuple[object, ...]] = []
    at = 0.0
    for number, (name, seconds) in enumerate(held.items()):
        width = _WIDTH * min(1.0, seconds / whole)
        css = f"c{number % _COLOURS}"
        words = f"{html.text(name, 80)}: {render.duration(seconds)}"
        pieces.append(svg.box((at, 0), (max(width - 1, 0.5), _BAR), css, words=words))
        at += width
        if number < STAGES:
            rows.append(
                (
                    html.join((svg.key(css), html.text(name, 80)), " "),
                    render.duration(seconds),
                    f"{seconds / whole:.0%}",
                )
            )
    if duration is not None and duration > total:
        pieces.append(svg.box((at, 0), (max(_WIDTH - at, 0), _BAR), "faint", words="in no stage"))
        rows.append(("in no stage", render.duration(duration - total), f"{(duration - total) / whole:.0%}"))
    told = "more than the run took: some ran side by side" if duration is not None and total > duration * 1.01 else ""
    return html.join((
        svg.figure(svg.drawing(_WIDTH, _BAR, "the stages of the run", *pieces, class_="wide"), told),
        html.table("", ("stage", "took", "share"), rows, right=("took", "share")),
    ))  # fmt: skip


def over_time(series: ResourceSeries | None) -> Markup:
    """Draw CPU, memory, and GPUs where there are any, over the run."""
    if series is None or len(series["seconds"]) < _LEAST:
        return html.NOTHING
    seconds = series["seconds"]
    drawn = [
        _chart("cores in use", seconds, [("", series["cpu"])], _plain),
        _chart("memory", seconds, [("", series["memory_bytes"])], render.size),
    ]
    if max(series["processes"], default=1) > 1:
        drawn.append(_chart("processes", seconds, [("", series["processes"])], _plain))
    if gpu := series["gpu"]:
        named = [(f"GPU {one['index']}", one) for one in gpu["devices"]]
        busy = [(name, one["percent"]) for name, one in named]
        memory = [(name, one["memory_bytes"]) for name, one in named]
        drawn.append(_chart("GPU use by all, per cent", gpu["seconds"], busy, _plain))
        drawn.append(_chart("GPU memory taken by all", gpu["seconds"], memory, render.size))
        if gpu["reason"]:
            drawn.append(html.element("p", f"GPU use is not known, or not all of it: {gpu['reason']}", class_="soft"))
    return html.join(drawn)


def _plain(value: float) -> str:
    return render.number(float(value))


def _chart(
    title: str,
    seconds: Sequence[float],
    lines: Sequence[tuple[str, Sequence[float | None]]],
    words: Callable[[int], str] | Callable[[float], str],
) -> Markup:
    """Draw what was used from one look to the next, from 0 up; where it is not known there is nothing."""
    known = [value for _, values in lines for value in values if value is not None]
    if not known:
        return html.NOTHING
    x = svg.scale((0.0, *seconds), _LEFT, _WIDTH - 12)
    y = svg.scale((0.0, *known), _HEIGHT, 16)
    levels = [(y.at(value), words(round(value) if value > 100 else value)) for value in (0, y.high / 2, y.high)]  # type: ignore[arg-type]
    pieces = [
        svg.bottom_axis([(place, f"{said} s") for place, said in x.ticks()], _HEIGHT, top=16),
        svg.left_axis(levels if y.high else levels[:1], _LEFT, right=x.end),
    ]
    names = []
    for number, (name, values) in enumerate(lines):
        css = f"c{number % _COLOURS}"
        names.append(html.join((svg.key(css), name), " "))
        for run in _whole(seconds, values):
            points = [(x.at(at), y.at(value)) for at, value in run]
            if len(lines) == 1:
                pieces.append(svg.area(points, _HEIGHT, f"{css} wash"))
            pieces.append(svg.line(points, f"{css} thick"))
    told = f"{title}: at most {words(max(known))}"  # type: ignore[arg-type]
    keys = html.join(names, " ") if len(lines) > 1 else ""
    return svg.figure(svg.drawing(_WIDTH, _HEIGHT + 18, told, *pieces, class_="wide"), told, " ", keys)


def _whole(seconds: Sequence[float], values: Sequence[float | None]) -> list[list[svg.Point]]:
    """Return the steps without a gap: a value stands for the time since the point before."""
    runs: list[list[svg.Point]] = [[]]
    begin = 0.0
    for end, value in zip(seconds, values, strict=False):
        if value is None:
            runs.append([])
        else:
            runs[-1] += [(begin, float(value)), (end, float(value))]
        begin = end
    return [run for run in runs if run]
