"""`evalprov diff --markdown`: for a pull request, or the summary of a CI system."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.cli import difftext
from evalprov.cli.diffscreen import blocks, hidden, shown_metrics, with_moves
from evalprov.cli.markdown import code, details, table, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.cli.diff import Found
    from evalprov.compare.verdicts import MetricDiff, Side

WIDTH = 160  # of a value
ARTIFACTS = 5  # linked
_MARKS = {"better": "\N{WHITE HEAVY CHECK MARK}", "worse": "\N{CROSS MARK}"}
_PLAIN_LINK = re.compile(r"https?://[\w.:-]+(/[\w./%~+=?&;:@,-]*)?")


def lines(found: Found) -> Iterator[str]:
    """Give the lines: the answer as a heading, the metrics as a table, what changed folded away by layer."""
    yield f"## {text(found.diff.answer.sentence)}"
    yield ""
    sides = difftext.compared(found.a.runs, found.b.runs, present=found.present)
    for (name, words), side in zip(sides, (found.a, found.b), strict=True):
        yield f"- {name}: {code(words)}{_link(side)}"
    if "metrics" in found.parts and not found.present:
        yield from _metrics(found)
    if "layers" in found.parts:
        (title, states), *others = blocks(found, WIDTH)
        yield ""
        yield from (f"- {title} {text(name)}: {text(names)}" for name, names in states if names)
        for title, pairs in others:
            if pairs:
                yield from details(title, map(_item, pairs))


def _item(pair: tuple[str, str]) -> str:
    name, value = pair
    return f"- {code(name)} {code(value)}" if name else f"  - {code(value)}"


def _link(side: Side) -> str:
    """Link what a reader will want to open: the CI system's run, and what the eval says it left."""
    run = side.runs[0]
    links = [("run", run["observed"]["ci"].get("run_url"))]
    artifacts = [one for one in run["output"]["artifacts"] if isinstance(one, dict)]
    links += [(text(one.get("name") or "artifact"), one.get("url")) for one in artifacts[:ARTIFACTS]]
    plain = [f"[{name}](<{url}>)" for name, url in links if isinstance(url, str) and _PLAIN_LINK.fullmatch(url)]
    plain += [f"and {len(artifacts) - ARTIFACTS} more"] if len(artifacts) > ARTIFACTS else []
    return f" ({', '.join(plain)})" if plain else ""


def _metrics(found: Found) -> Iterator[str]:
    for name, words in difftext.scenarios(found.diff.scenarios, found.diff.left_out):
        yield f"- scenarios {name}: {code(words)}"
    metrics, notes = shown_metrics(found)
    if metrics:
        columns = ("metric", "A", "B", "delta", "95 % interval", "want", "verdict")
        yield from table(columns, map(_row, metrics), right=("A", "B", "delta"))
    for words in notes:
        yield f"- {text(words)}"
    for names, words in difftext.remarks(metrics):
        yield f"- {code(names)}: {text(words)}"
    for words in hidden(found):
        yield f"- {text(words)}"
    listed, left_out = with_moves(metrics, everything=found.everything)
    for metric in listed:
        yield from details(
            difftext.moves_title(metric), map(_item, difftext.moves(metric, everything=found.everything))
        )
    for words in left_out:
        yield f"- {text(words)}"


def _row(metric: MetricDiff) -> tuple[str, ...]:
    verdict = " ".join(filter(None, [_MARKS.get(metric.verdict), difftext.verdict(metric)]))
    return (
        code(difftext.metric_name(metric)),
        render.number(metric.a),
        render.number(metric.b),
        difftext.delta(metric),
        difftext.interval(metric),
        difftext.wanted(metric),
        verdict,
    )
