"""`evalprov diff --markdown`: for a pull request, or the summary of a CI system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.judge.inside import sentences
from evalprov.views import diff_words
from evalprov.views.diff_screen import blocks, shown_metrics, with_moves
from evalprov.views.links import links
from evalprov.views.markdown import code, details, table, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.judge.metric_diff import MetricDiff, Side
    from evalprov.views.diff_words import FoundDifference

WIDTH = 160  # of a value
_MARKS = {"better": "\N{WHITE HEAVY CHECK MARK}", "worse": "\N{CROSS MARK}"}


def lines(found: FoundDifference) -> Iterator[str]:
    """Give the lines: the answer as a heading, the metrics as a table, what changed folded away by layer."""
    yield f"## {text(found.diff.answer.sentence)}"
    yield ""
    sides = diff_words.compared(found.a.runs, found.b.runs, present=found.present)
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
    """Link what a reader will want to open."""
    found, more = links(side.runs[0])
    said = [f"[{text(one.name)}](<{one.where}>)" if one.web else f"{text(one.name)} {code(one.where)}" for one in found]
    return f" ({', '.join([*said, *more])})" if said else ""


def _metrics(found: FoundDifference) -> Iterator[str]:
    for name, words in diff_words.scenarios(found.diff.scenarios, found.diff.left_out):
        yield f"- scenarios {name}: {code(words)}"
    metrics, notes = shown_metrics(found)
    if metrics:
        yield from table(diff_words.COLUMNS, map(_row, metrics), right=diff_words.NUMBERS)
    for words in notes:
        yield f"- {text(words)}"
    for names, words in diff_words.remarks(metrics):
        yield f"- {code(names)}: {text(words)}"
    for words in sentences(found.diff.inside):
        yield f"- {text(words)}"
    for side, words in found.diff.raters.told():
        yield f"- grader{' of ' * bool(side)}{side}: {text(words)}"
    listed, left_out = with_moves(metrics, everything=found.everything)
    for metric in listed:
        yield from details(
            diff_words.moves_title(metric), map(_item, diff_words.moves(metric, everything=found.everything))
        )
    for words in left_out:
        yield f"- {text(words)}"


def _row(metric: MetricDiff) -> tuple[str, ...]:
    *cells, verdict = diff_words.cells(metric)
    marked = " ".join(filter(None, [_MARKS.get(metric.verdict), verdict]))
    return (code(diff_words.metric_name(metric)), *cells, marked)
