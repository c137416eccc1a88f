"""What the eval said for the scenarios that a page lists first: side by side, the words that differ marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov import render
from evalprov.explain.words import GONE, NEW
from evalprov.report import html
from evalprov.report.edits import marked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evalprov.explain.scenario import ScenarioPair
    from evalprov.explain.words import Edits
    from evalprov.report.html import Markup

    # From scenarios' names to what is known of them, and what could not be read and why.
    Known = Callable[[Sequence[str]], tuple[list[ScenarioPair], list[str]]]

SCENARIOS = 60
LETTERS = 150_000  # of all texts together
TEXT = 4_000  # of one
METRICS = 4


def anchor(scenario: str) -> str:
    """Return where it stands what was said for a scenario."""
    return f"{html.identifier(scenario)}::said"


def drawn(pairs: Sequence[ScenarioPair], problems: Sequence[str], sides: Sequence[str]) -> tuple[Markup, set[str]]:
    """Return what was said for scenarios as far as there is room, and for which; `sides` are called so."""
    pieces: list[Markup] = []
    told: set[str] = set()
    room = LETTERS
    for one in pairs:
        room -= sum(min(TEXT, len(text)) for _, *texts in one.texts for text in texts if text)
        if room < 0:
            break
        if one.texts:
            told.add(one.name)
            pieces.append(_scenario(one, sides))
    return html.join((*pieces, *(html.element("p", words) for words in problems))), told


def _scenario(one: ScenarioPair, sides: Sequence[str]) -> Markup:
    values = [
        f"{name} {render.number(a)}"
        if len(sides) == 1 or a == b
        else f"{name} {render.number(a)} -> {render.number(b)}"
        for name, a, b in one.metrics[:METRICS]
    ]
    errors = [
        (name, error) for name, facts in zip(sides, (one.a, one.b), strict=False) if facts for error in facts.errors
    ]
    edits = one.edits
    return html.folded(
        html.join((html.text(one.name, 120), " ", html.element("span", ", ".join(values), class_="soft"))),
        html.facts(errors),
        *(_field(field, a, b, edits.get(field), sides) for field, a, b in one.texts),
        id_=anchor(one.name),
    )


def _field(field: str, a: str | None, b: str | None, edits: Edits | None, sides: Sequence[str]) -> Markup:
    """Return one text of a scenario: once where both sides say the same."""
    if a == b or len(sides) == 1:
        alike = " (the same in both)" if len(sides) > 1 else ""
        return html.join((html.element("p", field, alike, class_="field"), html.element("pre", _shown(a))))
    texts = [marked(edits, GONE, "del", TEXT), marked(edits, NEW, "ins", TEXT)] if edits else [_shown(a), _shown(b)]
    columns = (
        html.element(
            "div",
            html.element("p", html.element("span", name, class_=f"side {name.lower()}"), " ", field, class_="field"),
            html.element("pre", text),
        )
        for name, text in zip(sides, texts, strict=False)
    )
    return html.element("div", *columns, class_="twins")


def _shown(text: str | None) -> Markup:
    if text is None:
        return html.element("span", "nothing was kept", class_="soft")
    return html.text(text, TEXT, lines=True)
