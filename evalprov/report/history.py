"""The page of a history: one mark a run over time, where the level shifted and what changed there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov import render
from evalprov.numbers import counted, listed
from evalprov.page import rest
from evalprov.report import html, timeline
from evalprov.report.course import MARKS, beyond, course, legend
from evalprov.views import shifts as words

if TYPE_CHECKING:
    from evalprov.page import Pairs
    from evalprov.report.html import Markup
    from evalprov.report.timeline import MetricCourse, Timeline

LISTED = 100  # the newest runs
SHIFTS = 40  # in a table, the newest
_FEWEST = 20  # runs that can tell a shift
_NAMES = {"software": "software", "infra": "the machine"}


def page(line: Timeline) -> str:
    """Return the page."""
    every = [timeline.course_of(line, number) for number in range(len(line.metrics))]
    title = _title(line, every[0])
    shifted = sum(len(one.shifts) for one in every)
    parts = [(html.identifier("metric", one.metric), one.metric, _metric(line, one)) for one in every]
    parts += [
        ("changed", "software and machine", _beside(line)),
        ("runs", "the last runs", _runs(line)),
        ("left-out", "what is not shown", html.facts(_left_out(line, every))),
    ]
    badge = counted(shifted, "level shift") if shifted else "no level shift"
    return html.page(
        title,
        html.element(
            "header",
            html.element("p", badge, class_=f"badge {'moved' if shifted else 'calm'}"),
            html.element("h1", title),
            *_newest(every),
        ),
        *html.parts([("groups", f"one mark a run, by {line.parted}", legend(line)), *parts]),
    )


def _title(line: Timeline, first: MetricCourse) -> str:
    if not first.values:
        return f"{html.cut(first.metric, 80)}: no run has it"
    begin, end = (line.runs[place].time[:10] for place in (first.places[0], first.places[-1]))
    went = " -> ".join(render.number(first.values[place]) for place in (0, -1))
    days = f"on {begin}" if begin == end else f"from {begin} to {end}"
    return f"{html.cut(first.metric, 80)} {went} in {counted(len(first.values))} {days}"


def _newest(every: list[MetricCourse]) -> list[Markup]:
    """Say the newest shift of each metric in a line."""
    last = [(one, one.shifts[-1]) for one in every if one.shifts]
    return [
        html.element("p", f"{html.cut(one.metric, 80)}: {words.step(shift)} at {shift.run_id}; {words.there(shift)}")
        for one, shift in last
    ]


def _metric(line: Timeline, one: MetricCourse) -> Markup:
    """Return a metric's drawing, and a table of its shifts."""
    if not one.values:
        return html.element("p", "no run has a number there")
    pieces = [course(line, one)]
    if one.shifts:
        pieces.append(_shifts(line, one))
    elif len(one.values) < _FEWEST:
        pieces.append(html.element("p", f"fewer than {_FEWEST} runs do not tell whether its level shifted"))
    else:
        pieces.append(html.element("p", f"its level did not shift among {counted(len(one.values))}"))
    return html.join(pieces)


def _shifts(line: Timeline, one: MetricCourse) -> Markup:
    columns = (
        html.element("span", "no.", class_="whole"),
        "first run of the new level",
        "level",
        "runs before",
        "runs since",
        "what changed there",
    )
    rows = [
        html.element(
            "tr",
            html.element("th", number + 1, scope="row", role="rowheader"),
            *(
                html.element("td", value, role="cell", data_name=name, class_="number" if name in columns[3:5] else "")
                for name, value in zip(columns[1:], _row(line, one, number), strict=True)
            ),
            role="row",
            id=html.identifier("shift", one.metric, str(number + 1)),
        )
        for number in list(reversed(range(len(one.shifts))))[:SHIFTS]
    ]
    more = html.facts(rest(len(one.shifts) - SHIFTS, what="shift"))
    return html.join((html.table("level shifts, the newest first", columns, rows, right=columns[3:5]), more))


def _row(line: Timeline, one: MetricCourse, number: int) -> tuple[object, ...]:
    shift = one.shifts[number]
    began = line.runs[one.at[number]].time
    level = html.element("span", words.step(shift), class_=f"verdict whole {one.went(shift)}")
    first = html.join((html.element("span", shift.run_id, class_="whole"), began[:10]), " ")
    return first, level, shift.runs_before, shift.runs_after, words.there(shift)


def _beside(line: Timeline) -> Markup:
    pairs: Pairs = []
    for layer in timeline.BESIDE:
        places = timeline.changes(line, layer)
        new = timeline.firsts(line, layer, places)
        ids = [line.runs[place].run_id for place in reversed(new)]
        if not places:
            unknown = sum(run.layers.get(layer) is None for run in line.runs)
            said = f"did not change; not known of {counted(unknown)}" if unknown else "did not change"
        else:
            said = f"changed {counted(len(places), 'time')}; newly seen at {listed(ids, 5) or 'never'}"
        pairs.append((_NAMES[layer], said))
    return html.facts(pairs)


def _runs(line: Timeline) -> Markup:
    """Return the newest runs as a table that can be searched."""
    newest = list(reversed(line.runs))[:LISTED]
    columns = ("run", "began", line.parted, *line.metrics)
    rows = [
        (run.run_id, run.time, html.text(run.group, 60), *("-" if one is None else _number(one) for one in run.values))
        for run in newest
    ]
    names = [html.text(name, 60) for name in columns]
    told = f"the last {counted(len(newest))}"
    table = html.table("", names, rows, right=names[3:])
    # What is moved sideways must be reached by the keyboard.
    scrolled = html.element("div", table, class_="scrolled", tabindex=0, role="region", aria_label=told)
    return html.folded(told, scrolled)


def _number(value: float) -> str:
    return render.number(float(value))


def _left_out(line: Timeline, every: list[MetricCourse]) -> Pairs:
    """Say what a reader would else miss."""
    pairs: Pairs = []
    if line.asked:
        pairs.append(("runs", f"only those of which this holds: {line.asked}"))
    if line.older:
        pairs.append(("older runs", f"only the newest {len(line.runs):,} are shown (-n, --since)"))
    if line.without:
        pairs.append(("without a number", f"{counted(line.without)} have none of these metrics"))
    if line.not_drawn:
        more = listed([html.cut(name, 60) for name in line.not_drawn], 10)
        pairs.append(("other metrics", f"{more}; --metric draws them"))
    for one in every:
        if outside := beyond(one):
            pairs.append((html.cut(one.metric, 60), outside))
    if len(line.runs) * len(every) > MARKS:
        pairs.append(("marks", f"so many runs have no words of their own; the last {LISTED} stand in the table"))
    return pairs
