"""The page of two runs: the answer first, then what it is made of."""

from __future__ import annotations

from itertools import islice, zip_longest
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.judge.inside import sentences
from evalprov.numbers import and_more
from evalprov.report import edits, forest, html, said, scenarios, spread
from evalprov.report.sides import side_cards
from evalprov.report.values import values
from evalprov.views import diff_screen, diff_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.page import Pairs
    from evalprov.record.manifest import Manifest
    from evalprov.report.html import Markup
    from evalprov.report.said import Known
    from evalprov.report.values import MetricValues
    from evalprov.views.diff_words import FoundDifference

WIDTH = 240  # letters of a value
DRAWN = 24  # metrics; the others have their row in the table
REASONS = 40  # of what was not captured, and warnings of each side
_BADGES = {
    "not_moved": ("no score moved", "calm"),
    "cannot_tell": ("it cannot be told", "calm"),
    "no_metrics": ("no metrics to compare", "calm"),
    "present_same": ("the same program", "calm"),
    "present_changed": ("another program now", "moved"),
    "present_unknown": ("it cannot be told", "calm"),
}
_MARKS = {
    "changed": "\N{BLACK DIAMOND}",
    "unknown": "?",
    "equal": "\N{CHECK MARK}",
    "named": "\N{ALMOST EQUAL TO}",
    "undeclared": "\N{EN DASH}",
}


def page(found: FoundDifference, known: Known | None = None) -> str:
    """Return the page of a comparison; `known` is asked for what the eval said for the scenarios that moved most."""
    answer = found.diff.answer.sentence
    drawn: list[MetricValues] = []
    if "metrics" in found.parts and not found.present:
        drawn = list(islice(filter(_has_values, values(found)), DRAWN))
    texts, told = _said(drawn, known)
    parts = [
        ("metrics", "metrics", _metrics(found, drawn)),
        ("layers", "the nine layers", _layers(found)),
        ("changes", "what changed", _changes(found)),
        ("scenarios", "by scenario", _scenarios(found, drawn, told)),
        ("said", "what was said", texts),
        ("unknown", "what the record does not know", _unknown(found)),
    ]
    return html.page(
        answer,
        html.element("header", _badge(found), html.element("h1", answer)),
        side_cards(found),
        *html.parts(parts),
    )


def _badge(found: FoundDifference) -> Markup:
    """Return the verdict in a word."""
    answer = found.diff.answer
    ways = {metric.verdict for metric in found.diff.metrics if metric.name in answer.moved}
    if not ways:
        words, css = _BADGES.get(answer.kind, ("it cannot be told", "calm"))
    elif ways >= {"better", "worse"}:
        words, css = "better and worse", "moved"
    else:
        words = next(one for one in ("worse", "better", "moved") if one in ways)
        css = words
    sure = any(
        metric.direction_from != "name" for metric in found.diff.metrics
        if metric.name in answer.moved and metric.verdict == css
    )  # fmt: skip
    guessed = css in ("better", "worse") and not sure
    return html.element("p", f"{words}, by a guess" if guessed else words, class_=f"badge {css}")


# --- the metrics


def _metrics(found: FoundDifference, drawn: Sequence[MetricValues]) -> Markup:
    if "metrics" not in found.parts or found.present:
        return html.NOTHING
    result = found.diff
    anchors = {one.metric.name: html.identifier(one.metric.name) for one in drawn}
    return html.join((
        html.facts(diff_words.scenarios(result.scenarios, result.left_out)),
        forest.table(result.metrics, anchors) if result.metrics else html.NOTHING,
        _under("about the verdicts", diff_words.remarks(diff_screen.in_order(result.metrics))),
        _under("inside the means", [("", words) for words in sentences(result.inside)]),
        _under("graders", result.raters.told()),
    ))  # fmt: skip


def _under(title: str, pairs: Pairs) -> Markup:
    return html.section(title, html.facts(pairs), level=3)


def _has_values(held: MetricValues) -> bool:
    """Say whether a metric is more than a number on each side."""
    return bool(len(held.pairs.a) or held.trials > 1 or (held.a.column and held.b.column))


def _said(drawn: Sequence[MetricValues], known: Known | None) -> tuple[Markup, set[str]]:
    """Return what was said for the scenarios that moved most, of each metric as many, and for which that is."""
    if known is None:
        return html.NOTHING, set()
    turns = zip_longest(*([one.name for one in held.most[: said.SCENARIOS]] for held in drawn))
    names = list(dict.fromkeys(name for turn in turns for name in turn if name is not None))[: said.SCENARIOS]
    return said.drawn(*known(names), "AB")


def _scenarios(found: FoundDifference, drawn: Sequence[MetricValues], told: set[str]) -> Markup:
    metrics = [one for one in found.diff.metrics if one.verdict != "same" and one.same_as is None]
    more = and_more(len(metrics) - len(drawn), "their rows are in the table above", "metric")
    return html.join((
        *(_of_metric(held, told) for held in drawn),
        *(html.element("p", words) for words in (more if len(drawn) == DRAWN else ())),
    ))  # fmt: skip


def _of_metric(held: MetricValues, told: set[str]) -> Markup:
    """Return all that is drawn of a metric."""
    metric = held.metric
    anchor = html.identifier(metric.name)
    drawn = (scenarios.drawn(held, anchor), spread.strips(held), spread.tails(held))
    step = f"{render.number(metric.a)} -> {render.number(metric.b)}"
    title = html.join((
        diff_words.metric_name(metric), " ",
        html.element("span", f"{step}, {diff_words.verdict(metric)}", class_=f"verdict {forest.style(metric)}"),
    ))  # fmt: skip
    listed = scenarios.listed(held, anchor, told)
    return html.section(title, html.element("div", *drawn, class_="beside"), listed, id_=anchor, level=3)


# --- what is another, and what is not known


def _layers(found: FoundDifference) -> Markup:
    """Return a tile for each layer, with its state."""
    return html.element(
        "ul",
        *(
            html.element(
                "li",
                html.element("strong", name),
                html.element(
                    "span",
                    html.element("span", _MARKS[layer.state], aria_hidden="true"),
                    f" {diff_words.STATES[layer.state]}",
                    class_="state",
                ),
                html.element("span", layer.reason, class_="soft") if layer.reason else html.NOTHING,
                class_=f"tile {layer.state}",
            )
            for name, layer in found.diff.layers.items()
        ),
        class_="tiles",
    )


def _changes(found: FoundDifference) -> Markup:
    blocks = list(diff_screen.blocks(found, WIDTH))[1:]  # the first is what the tiles show
    told = [(title, pairs) for title, pairs in blocks if pairs and title not in diff_words.STATES.values()]
    lines = edits.drawn(found.texts.edits, found.texts.problem) if found.texts else html.NOTHING
    return html.join((*(_under(title, pairs) for title, pairs in told), html.section("line by line", lines, level=3)))


def _unknown(found: FoundDifference) -> Markup:
    """Say what nobody can tell from these records, and why."""
    layers = found.diff.layers.items()
    pairs = [(name, f"not known: {layer.reason or ''}") for name, layer in layers if layer.state == "unknown"]
    pairs += [
        (name, f"the same by name only: {layer.reason or ''}") for name, layer in layers if layer.state == "named"
    ]
    silent = [name for name, layer in layers if layer.state == "undeclared"]
    pairs += [(", ".join(silent), "nobody declared it on either side: it may differ, and no record can tell")] * bool(
        silent
    )
    sides = (("A", found.a.runs[0]), ("B", found.b.runs[0]))
    captured = [pair for name, run in sides for pair in _not_captured(name, run)]
    warned = [(name, words) for name, run in sides for words in run["warnings"][:REASONS]]
    warned += [
        (name, words) for name, run in sides for words in and_more(len(run["warnings"]) - REASONS, "evalprov show")
    ]
    return html.join((
        html.facts(pairs),
        html.facts([("", caveat) for caveat in found.diff.answer.caveats]),
        html.folded(f"what was not captured, and why: {len(captured)}", html.facts(captured)) if captured else "",
        html.folded(f"warnings: {len(warned)}", html.facts(warned)) if warned else "",
        "" if pairs else html.element("p", "Every layer is held by content or observation on both sides."),
    ))  # fmt: skip


def _not_captured(name: str, run: Manifest) -> Pairs:
    reasons = [(f"{name} {one}", how["reason"]) for one, how in run["capture"].items() if how["reason"]]
    return reasons[:REASONS]
