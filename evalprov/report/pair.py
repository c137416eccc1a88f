"""The page of two runs: the answer first, then what it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.report import html
from evalprov.views import diff_screen, diff_words

if TYPE_CHECKING:
    from evalprov.report.html import Markup
    from evalprov.views.diff_words import FoundDifference

WIDTH = 240  # letters of a value


def page(found: FoundDifference) -> str:
    """Return the page of a comparison."""
    answer = found.diff.answer.sentence
    return html.page(answer, html.element("h1", answer), _sides(found), _changes(found))


def _sides(found: FoundDifference) -> Markup:
    return html.facts(diff_words.compared(found.a.runs, found.b.runs, present=found.present))


def _changes(found: FoundDifference) -> Markup:
    return html.join(
        html.section(title, html.facts(pairs)) for title, pairs in diff_screen.blocks(found, WIDTH) if pairs
    )
