"""The page of several programs: it says what the terminal says, and draws every number on one scale."""

from __future__ import annotations

from comparisons import several
from reading_pages import NASTY, ReadPage, complaints

from evalprov.report import several as table
from evalprov.views import compare as view


def test_page_and_terminal_say_the_same() -> None:
    """The sentence, every cell of the table and all that is to beware of stand on the page, in the same words."""
    found = several(8)
    page = table.page(found)
    assert complaints(page) == []
    said = ReadPage(page).said
    assert view.leader(found) in said
    assert view.head(found) in said
    for name, cells, _ in view.cells_of(found):
        assert name in said
        assert all(cell in said for cell in cells)
    assert all(words in said for _, words in view.about(found))
    drawings = ReadPage(page).named("svg")
    assert len(drawings) == 8 + 1  # a row each but for the one without a result, and the two metrics


def test_hostile_names_are_text() -> None:
    """What programs, settings and metrics are called acts nowhere on the page."""
    assert complaints(table.page(several(3, NASTY))) == []


def test_a_thousand_programs_are_a_page() -> None:
    """Of very many programs the first thousand are shown, and how many are left out is said."""
    found = several(3)
    page = table.page(found._replace(rows=[*found.rows[:1], *found.rows[1:2] * 1200], columns=[], lead=None))
    assert "and 201 more programs" in ReadPage(page).said
    assert len(page) < 2_000_000
