"""What one run scored, scenario by scenario: how each metric lies, and a table that can be searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov import render
from evalprov.judge.direction import rule_of, way_of
from evalprov.judge.samples import samples
from evalprov.named import NamedTuple
from evalprov.numbers import and_more
from evalprov.report import html, said, spread, svg
from evalprov.stats.columns import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evalprov.judge.rules import Direction, Rules
    from evalprov.judge.samples import Sample
    from evalprov.record.manifest import Manifest
    from evalprov.record.schema.values import MetricValue
    from evalprov.report.html import Markup

LISTED = 500  # scenarios
UNFOLDED = 30  # of so many the table stands open
COLUMNS = 8  # metrics of the table
DRAWN = 12  # metrics that are drawn
_WIDTH = 340.0
_BAR = 22.0
_TABLE = "scenarios::table"


class RunScenarios(NamedTuple):
    """The scenarios of a run, as its page lists them."""

    order: list[str]  # first those with errors, then the worst by the first metric that says which is
    failed: dict[str, str]  # with what went wrong
    metrics: list[str]  # that any of them has
    by: tuple[str, Direction] | None  # the metric, with which way is better


def scenarios_of(run: Manifest, rules: Rules) -> RunScenarios:
    """Put a run's scenarios in order."""
    metrics = run["metrics"] or {}
    failed = {entry["scenario"]: entry["message"] for entry in run["errors"] if entry["scenario"]}
    names = list(dict.fromkeys(name for row in metrics.values() for name in row))
    ways = ((name, _way(name, rules)) for name in names)
    by = next(((name, way) for name, way in ways if way), None)
    every = dict.fromkeys([*failed, *metrics])
    order = sorted(every, key=lambda one: _rank(one, metrics.get(one, {}), by, failed))
    return RunScenarios(order, failed, names, by)


def drawn(run: Manifest, rules: Rules, held: RunScenarios, told: set[str]) -> Markup:
    """Return the scenarios of a run, in their order; some lead to what was said. Nothing where it told of none."""
    if not held.order:
        return html.NOTHING
    failed = held.failed
    figures = [_drawn(name, one, _way(name, rules)) for name, one in samples([run]).items() if one.column]
    counts = f"{len(run['metrics'] or {}):,} scenarios" + (f"; there are errors of {len(failed):,}" if failed else "")
    return html.join((
        html.element("p", counts),
        html.element("div", *figures[:DRAWN], class_="beside"),
        *(html.element("p", words) for words in and_more(len(figures) - DRAWN, what="metric")),
        _table(run, held, told),
    ))  # fmt: skip


def _way(name: str, rules: Rules) -> Direction | None:
    return way_of(name, rule_of(rules.metrics, name), []).direction


def _drawn(name: str, sample: Sample, way: Direction | None) -> Markup:
    """Draw how one metric lies: of 0 and 1 their shares, of numbers where they are."""
    ordered = sorted(spread.every_value(sample))
    if {*ordered} <= {0.0, 1.0}:
        ones = round(sum(ordered))
        share = ones / len(ordered)
        words = {"higher": ("right", "wrong"), "lower": ("wrong", "right"), None: ("1", "0")}[way]
        styles = {"higher": ("better", "worse wash"), "lower": ("worse", "better wash"), None: ("calm", "faint")}[way]
        told = f"{words[0]}: {ones:,} ({share:.0%}), {words[1]}: {len(ordered) - ones:,}"
        pieces = [
            svg.box((0, 0), (_WIDTH * share, _BAR), styles[0], words=f"{words[0]}: {ones:,}"),
            svg.box(
                (_WIDTH * share, 0),
                (_WIDTH * (1 - share), _BAR),
                styles[1],
                words=f"{words[1]}: {len(ordered) - ones:,}",
            ),
        ]
        return svg.figure(
            svg.drawing(_WIDTH, _BAR, f"{html.cut(name, 80)}: {told}", *pieces), f"{html.cut(name, 80)}: {told}"
        )
    shares = ", ".join(f"{share} {value}" for share, value in spread.shares_of(ordered))
    return svg.figure(spread.distribution(name, None, [ordered]), f"{html.cut(name, 80)}: {shares}")


def _table(run: Manifest, held: RunScenarios, told: set[str]) -> Markup:
    """List scenarios with their values, and a box to search them."""
    metrics = run["metrics"] or {}
    order, failed, every, by = held
    names = every[:COLUMNS]
    rows = []
    for scenario in order[:LISTED]:
        values = metrics.get(scenario, {})
        id_ = html.identifier("scenario", scenario)
        cells = "".join(f"<td>{render.number(values.get(name))}</td>" for name in names)
        cells += f"<td>{html.text(failed.get(scenario, ''), 200)}</td>" if failed else ""
        words = f' <a href="#{said.anchor(scenario)}">what was said</a>' if scenario in told else ""
        head = f'<th scope="row"><a href="#{id_}">{html.text(scenario, 120)}</a>{words}</th>'
        rows.append(f'<tr id="{id_}">{head}{cells}</tr>')
    columns = ("scenario", *names, *["error"] * bool(failed))
    heads = (html.element("th", html.text(one, 60), scope="col") for one in columns)
    table = html.element(
        "table",
        html.element("thead", html.element("tr", *heads)),
        html.element("tbody", html.Markup("".join(rows))),
        id=_TABLE,
        class_="moves",
    )
    more = and_more(len(order) - LISTED, "evalprov show --json has all", "scenario")
    more += and_more(len(every) - COLUMNS, "evalprov show --json has all", "metric")
    worst = f", then worst first by {html.cut(by[0], 60)}" if by else ""
    return html.folded(
        f"scenarios{', errors first' if failed else ''}{worst}",
        html.search(_TABLE, "search"),
        html.element("div", table, class_="scrolled", tabindex=0, role="region", aria_label="scenarios"),
        *(html.element("p", words) for words in more),
        open_=len(order) <= UNFOLDED,
    )


def _rank(
    scenario: str, values: Mapping[str, MetricValue], by: tuple[str, Direction] | None, failed: Mapping[str, str]
) -> tuple[bool, bool, float]:
    value = values.get(by[0]) if by else None
    if by is None or value is None:
        return scenario not in failed, True, 0.0
    return scenario not in failed, False, number(value) if by[1] == "higher" else -number(value)
