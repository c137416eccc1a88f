"""`evalprov diff --markdown`: for a pull request, or the summary of a CI system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.explain.text_edits import first_lines
from evalprov.judge.inside import sentences
from evalprov.numbers import and_more
from evalprov.page import rest
from evalprov.views import diff_words
from evalprov.views.diff_screen import blocks, shown_metrics, with_moves
from evalprov.views.links import links
from evalprov.views.markdown import code, details, fenced, table, text
from evalprov.views.text_edits import title

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.explain.text_edits import TextEdit
    from evalprov.judge.metric_diff import MetricDiff, Side
    from evalprov.page import Pairs
    from evalprov.views.diff_words import FoundDifference

WIDTH = 160  # of a value
ROOM = 65_000  # bytes: GitHub takes 65,536 letters of a comment
METRICS = 60
ITEMS = 100  # lines of a list
LETTERS, LINE = 4_000, 300  # of a file's lines that differ, and of one of them
_MARKS = {"better": "\N{WHITE HEAVY CHECK MARK}", "worse": "\N{CROSS MARK}"}


def lines(found: FoundDifference) -> Iterator[str]:
    """Give the lines, as many parts as a comment has room for: the answer as a heading, the metrics, what changed."""
    room, left_out = ROOM, 0
    for part in _parts(found):
        size = sum(len(line.encode("utf-8", "backslashreplace")) + 1 for line in part)
        if size > room:
            left_out += 1
        else:
            room -= size
            yield from part
    for words in and_more(left_out, "there is no room for them here: evalprov diff", "part"):
        yield from ("", f"{words[0].upper()}{words[1:]}")


def _parts(found: FoundDifference) -> Iterator[list[str]]:
    """Give what stands or falls together, what matters most first."""
    sides = diff_words.compared(found.a.runs, found.b.runs, present=found.present)
    yield [
        f"## {text(found.diff.answer.sentence)}",
        "",
        *(
            line
            for (name, words), side in zip(sides, (found.a, found.b), strict=True)
            for line in (
                f"- {name}: {code(words)}{_link(side)}",
                *(f"  - {text(one)}" for one in diff_words.noted(side.runs, present=found.present and side is found.b)),
            )
        ),
    ]
    if "metrics" in found.parts and not found.present:
        yield from _metrics(found)
    if "layers" in found.parts:
        (head, states), *others = blocks(found, WIDTH)
        yield ["", *(f"- {head} {text(name)}: {text(names)}" for name, names in states if names)]
        yield from (_folded(name, pairs) for name, pairs in others if pairs)
        yield from map(_file, found.texts.edits if found.texts else ())


def _folded(summary: str, pairs: Pairs) -> list[str]:
    shown = [*pairs[:ITEMS], *rest(len(pairs) - ITEMS)]
    return details(summary, map(_item, shown))


def _file(edit: TextEdit) -> list[str]:
    """Return the lines of a file that differ, folded away."""
    if not edit.hunks:
        return details(title(edit), [f"- {text(edit.reason)}"] if edit.reason else [])
    held, left_out, _ = first_lines(edit.hunks, LETTERS, LINE)
    shown = []
    for hunk in held:
        shown += [f"@@ -{hunk.a_start} +{hunk.b_start} @@", *(f"{mark}{words}" for mark, words in hunk.lines)]
    more = [f"- {words}" for words in and_more(left_out, "evalprov diff --code --prompts", "line")]
    return details(title(edit), [*fenced(shown, "diff"), *more])


def _item(pair: tuple[str, str]) -> str:
    name, value = pair
    return f"- {code(name)} {code(value)}" if name else f"  - {code(value)}"


def _link(side: Side) -> str:
    """Link what a reader will want to open."""
    found, more = links(side.runs[0])
    said = [f"[{text(one.name)}](<{one.where}>)" if one.web else f"{text(one.name)} {code(one.where)}" for one in found]
    return f" ({', '.join([*said, *more])})" if said else ""


def _metrics(found: FoundDifference) -> Iterator[list[str]]:
    pairs = diff_words.scenarios(found.diff.scenarios, found.diff.left_out)
    yield [f"- scenarios {name}: {code(words)}" for name, words in pairs]
    metrics, notes = shown_metrics(found)
    notes += and_more(len(metrics) - METRICS, "evalprov diff --all", "metric")
    if metrics:
        names = diff_words.short_names(map(diff_words.metric_name, metrics[:METRICS]))
        yield table(diff_words.COLUMNS, map(_row, names, metrics), right=diff_words.NUMBERS)
    said = [f"- {text(words)}" for words in notes]
    said += [f"- {code(names)}: {text(words)}" for names, words in diff_words.remarks(metrics)]
    said += [f"- {text(words)}" for words in sentences(found.diff.inside)]
    said += [f"- grader{' of ' * bool(side)}{side}: {text(words)}" for side, words in found.diff.raters.told()]
    yield said[:ITEMS]
    listed, left_out = with_moves(metrics, everything=found.everything)
    for metric in listed:
        yield _folded(diff_words.moves_title(metric), diff_words.moves(metric, everything=found.everything))
    yield [f"- {text(words)}" for words in left_out]


def _row(name: str, metric: MetricDiff) -> tuple[str, ...]:
    *cells, verdict = diff_words.cells(metric)
    marked = " ".join(filter(None, [_MARKS.get(metric.verdict), verdict]))
    return (code(name), *cells, marked)
