"""The page of one run: what it was, what it scored, where its time went, and what it printed last."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.judge.direction import rule_of, way_of
from evalprov.numbers import and_more, listed
from evalprov.page import FactBlock
from evalprov.record.layers import layers
from evalprov.report import html, results, said, usage
from evalprov.report.sides import where_else
from evalprov.views import show
from evalprov.views.ended import ending

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evalprov.judge.rules import Rules
    from evalprov.page import Pairs
    from evalprov.record.manifest import Manifest
    from evalprov.report.html import Markup
    from evalprov.report.said import Known

TITLED = 4  # metrics
METRICS = 300
ERRORS = 50
TAIL_LINES, TAIL_LETTERS = 200, 20_000  # of the output
TAIL_BYTES = 4 * TAIL_LETTERS
_OPEN = ("what ran", "identity")  # of the blocks that `show` prints, those that are not folded away
_ELSEWHERE = ("metrics", "output", "warnings", "not captured")  # those that have a place of their own here
_COLOUR = re.compile(r"\x1b\[[0-9;]*[mK]")


def page(run: Manifest, rules: Rules, output: Mapping[str, bytes], known: Known | None = None) -> str:
    """Return the page of a run; `output` is what is kept of its streams.

    `known` is asked for what the eval said for the scenarios that stand first.
    """
    scenarios = results.scenarios_of(run, rules)
    texts, told = said.drawn(*known(scenarios.order[: said.SCENARIOS]), ("",)) if known else (html.NOTHING, set())
    title = f"{run['run_id']}: {_scored(run)}"
    parts = [
        ("metrics", "metrics", _metrics(run, rules)),
        ("errors", "errors", _errors(run)),
        ("scenarios", "by scenario", results.drawn(run, rules, scenarios, told)),
        ("said", "what was said", texts),
        ("stages", "where the time went", usage.stages(run["stages"], run["duration_seconds"])),
        ("resources", "what it used", usage.over_time(run["resources"]["series"])),
        ("output", "what it printed last", html.join(_tail(name, kept) for name, kept in output.items())),
        ("record", "what ran", _record(run)),
        ("unknown", "what the record does not know", _unknown(run)),
    ]
    css = "better" if run["status"] == "completed" else "calm" if run["status"] == "running" else "worse"
    return html.page(
        title,
        html.element("header", html.element("p", ending(run), class_=f"badge {css}"), html.element("h1", title)),
        html.element(
            "div",
            html.element(
                "section",
                html.element("h2", run["run_id"]),
                html.facts([
                    ("started", run["timestamp"]),
                    ("took", render.duration(run["duration_seconds"])),
                    ("scenario", run["scenario"] or ""),
                    ("tags", ", ".join(run["tags"])),
                    *show.note_lines(run),
                ]),
                where_else(run),
                class_="card",
            ),
            class_="cards",
        ),
        *html.parts(parts),
    )  # fmt: skip


def _scored(run: Manifest) -> str:
    summed = run["metric_summary"]
    if not summed:
        return "no metrics seen"
    shown = [f"{html.cut(name, 60)} {render.number(value)}" for name, value in list(summed.items())[:TITLED]]
    return listed(shown, TITLED, len(summed))


def _metrics(run: Manifest, rules: Rules) -> Markup:
    """Return the summary, with which way is better and what the eval says of each number."""
    summed = run["metric_summary"]
    if not summed:
        return html.facts(list(show.metrics(run)))
    rows = []
    for name, value in list(summed.items())[:METRICS]:
        info = run["metric_info"].get(name)
        way = way_of(name, rule_of(rules.metrics, name), [info] if info else [])
        error = render.number(info["stderr"]) if info and info["stderr"] is not None else "-"
        n = str(info["n"]) if info and info["n"] is not None else "-"
        better = f"{way.direction or '-'}{'?' if way.source == 'name' else ''}"
        rows.append((name, render.number(value), way.unit or "-", better, error, n))
    source = run["output"]["metrics_source"]
    line = f", line {source['line']}" if source and source["line"] else ""
    read = f"read from {source['channel']}{line} ({source['rule']})" if source else ""
    columns = ("metric", "value", "unit", "better", "standard error", "n")
    told_of = [place for place in range(len(columns)) if place < 2 or any(row[place] != "-" for row in rows)]
    more = and_more(len(summed) - METRICS, "evalprov show --json", "metric")
    return html.join((
        html.table(
            read,
            [columns[place] for place in told_of],
            [[row[place] for place in told_of] for row in rows],
            right=("value", "standard error", "n")),
        *(html.element("p", words) for words in more),
    ))  # fmt: skip


def _errors(run: Manifest) -> Markup:
    pieces = []
    for entry in run["errors"][:ERRORS]:
        where = f" in {entry['scenario']}" if entry["scenario"] else ""
        tail = (entry["stderr_tail"] or "")[-TAIL_LETTERS:]
        pieces.append(
            html.section(
                f"{entry['kind']}{where}",
                html.element("p", entry["message"]),
                html.element("pre", html.text(_plain(tail), TAIL_LETTERS, lines=True), tabindex=0) if tail else "",
                level=3,
            )
        )
    more = and_more(len(run["errors"]) - ERRORS, "evalprov show --json", "error")
    return html.join((*pieces, *(html.element("p", words) for words in more)))


def _tail(name: str, kept: bytes) -> Markup:
    """Return the last lines of a stream."""
    said = _plain(kept.decode("utf-8", "replace"))[-TAIL_LETTERS:]
    lines = said.rstrip("\n").split("\n")[-TAIL_LINES:]
    if not any(lines):
        return html.NOTHING
    shown = html.text("\n".join(lines), TAIL_LETTERS, lines=True)
    return html.section(name, html.element("pre", shown, tabindex=0), level=3)


def _plain(said: str) -> str:
    """Return what a terminal was left with: less its colours, and where a progress bar wrote over itself."""
    lines = _COLOUR.sub("", said).split("\n")
    return "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in lines)


def _record(run: Manifest) -> Markup:
    """Return what `show` prints, the longer parts of it folded away."""
    pieces = []
    for block in show.page(run):
        if not isinstance(block, FactBlock) or block.title in _ELSEWHERE or block.title.startswith("error ("):
            continue
        inside = html.facts(list(block.pairs))
        if inside and block.title in _OPEN:
            pieces.append(html.section(block.title, inside, level=3))
        elif inside:
            pieces.append(html.folded(block.title, inside))
    return html.join(pieces)


def _unknown(run: Manifest) -> Markup:
    """Say what nobody can tell from this record, and why."""
    pairs: Pairs = []
    for name, layer in layers(run).items():
        known = run["identity"]["layers"].get(name)
        if known is None:
            pairs.append(
                (name, f"not known: {run['identity']['unknown'].get(name) or layer.unknown or 'not recorded'}")
            )
        elif layer.control != "full":
            words = {"partial": "held in part", "none": "nobody declared it"}[layer.control]
            pairs.append((name, f"{words}{f': {layer.note}' if layer.note else ''}"))
    captured: Any = [(name, one["reason"]) for name, one in run["capture"].items() if one["reason"]]
    warned = [("", words) for words in run["warnings"]]
    return html.join((
        html.facts(pairs),
        html.folded(f"what was not captured, and why: {len(captured)}", html.facts(captured)) if captured else "",
        html.folded(f"warnings: {len(warned)}", html.facts(warned)) if warned else "",
        "" if pairs else html.element("p", "Every layer is held by content or observation."),
    ))  # fmt: skip
