"""Every metric in a row: how far it moved, how sure that is, drawn so that left is worse and right is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov import render
from evalprov.numbers import and_more
from evalprov.report import html, svg
from evalprov.views import diff_words
from evalprov.views.diff_screen import in_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.judge.metric_diff import MetricDiff
    from evalprov.report.html import Markup

SHOWN = 300  # metrics
NAME = 120  # letters
_WIDTH, _HEIGHT = 220.0, 22.0
_MIDDLE = _WIDTH / 2
_REACH = _MIDDLE - 8
_COLUMNS = ("metric", "A", "B", "delta", "95 % interval", "worse | better", "verdict", "how it is known")


def table(metrics: Sequence[MetricDiff], anchors: dict[str, str]) -> Markup:
    """Return the rows of all metrics, what moved first; a name leads to where its scenarios are."""
    ordered = in_order(metrics)
    rows = [_row(metric, anchors.get(metric.name)) for metric in ordered[:SHOWN]]
    told = (
        "Each on its own scale: left of the line is worse, right of it is better (where nobody knows which is, right "
        "is more). A hollow dot has no interval: how sure it is, is not known."
    )
    more = and_more(len(ordered) - SHOWN, "evalprov diff --json has all", "metric")
    return html.join((
        html.table(told, _COLUMNS, rows, right=("A", "B", "delta"), class_="forest"),
        *(html.element("p", words) for words in more),
    ))  # fmt: skip


def _row(metric: MetricDiff, anchor: str | None) -> tuple[object, ...]:
    name = html.text(diff_words.metric_name(metric), NAME)
    a, b, delta, interval = diff_words.moved(metric)
    verdict = html.element("span", diff_words.verdict(metric), class_=f"verdict {style(metric)}")
    named = html.element("a", name, href=html.Markup(f"#{anchor}")) if anchor else name
    return named, a, b, delta, interval, _drawn(metric), verdict, how(metric)


def style(metric: MetricDiff) -> str:
    """Return the colour of a metric's verdict."""
    return metric.verdict if metric.verdict in ("better", "worse", "moved") else "calm"


def how(metric: MetricDiff) -> str:
    """Say which test decided, on how much, and how likely chance alone is."""
    if metric.method is None:
        return metric.reason or "-"
    p = metric.p if metric.p_adjusted is None else metric.p_adjusted
    of = f"{metric.n} {'values' if metric.pairing in (None, 'none') else metric.pairing}" if metric.n else ""
    chance = f"p = {render.number(float(p))}" if p is not None else ""
    return ", ".join(filter(None, (metric.method, of, chance)))


def _drawn(metric: MetricDiff) -> Markup:
    """Draw the effect and its interval about the line of no move."""
    effect = metric.effect if metric.effect is not None else metric.delta
    if effect is None:
        return html.NOTHING
    sign = -1 if metric.direction == "lower" else 1
    ends = metric.interval or (effect, effect)
    reach = (max(map(abs, (*ends, effect))) or 1.0) * (1 if metric.interval else 2)
    low, high, at = (_MIDDLE + sign * _REACH * (value / reach) for value in (*ends, effect))
    css = style(metric)
    axis = svg.line(((_MIDDLE, 1), (_MIDDLE, _HEIGHT - 1)), "faint")
    middle = _HEIGHT / 2
    span = svg.line(((low, middle), (high, middle)), f"{css} thick") if metric.interval else html.NOTHING
    shape: svg.Shape = "diamond" if css != "calm" else "circle"
    dot = css if metric.interval else f"{css} hollow"
    right = "better" if metric.direction else "more"
    words = f"{metric.name} {diff_words.delta(metric)}, interval {diff_words.interval(metric)}; right is {right}"
    return svg.drawing(_WIDTH, _HEIGHT, words, axis, span, svg.mark(shape, (at, middle), 5, class_=dot))
