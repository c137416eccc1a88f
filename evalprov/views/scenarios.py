"""Single scenarios: what was measured and said, of one run, or of two beside each other with the words that differ."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.explain.words import GONE, NEW, SAME
from evalprov.page import BOLD, DIM, FactBlock, Line, Remark, line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from evalprov.explain.scenario import ScenarioFacts, ScenarioPair
    from evalprov.explain.words import Edits
    from evalprov.page import Block

    Pieces = list[tuple[str, str]]  # texts and their styles

COLUMNS = ("scenario", "what", "a", "b", "words")
WIDE = 100  # columns of a terminal on which two texts have room beside each other
_STYLES = {GONE: "31;4", NEW: "32;4", SAME: ""}
_MARKS = {GONE: ("[-", "-]"), NEW: ("{+", "+}"), SAME: ("", "")}
_BETWEEN = " | "
_NONE = "-"
_INDENT = "  "


# --- one run


def page(run_id: str, found: Sequence[ScenarioPair], problems: Sequence[str]) -> Iterator[Block]:
    """Give scenarios of one run, block by block."""
    for number, one in enumerate(found):
        facts = one.a
        assert facts
        if number:
            yield line("")
        yield Line([(one.name, BOLD), (f"  of {run_id}", DIM)])
        yield FactBlock("metrics", [(name, render.number(value)) for name, value in facts.metrics.items()])
        yield FactBlock("group", [("", facts.group or "")])
        yield FactBlock("errors", [("", error) for error in facts.errors])
        for field, text in facts.texts.items():
            yield from _titled(field)
            for row in text.split("\n"):
                yield line(_INDENT + row.rstrip("\r"))
        if not facts.texts and not problems:
            yield line("")
            yield line("nothing that was said for it is kept", DIM)
    yield from map(Remark, problems)


def document(run_id: str, found: Sequence[ScenarioPair], problems: Sequence[str]) -> dict[str, Any]:
    """Return scenarios of one run as values."""
    scenarios = [{"scenario": one.name, **(_values(one.a) or {})} for one in found]
    return {"version": 1, "run": run_id, "scenarios": scenarios, "problems": list(problems)}


# --- two runs


def pair_page(
    runs: tuple[str, str], found: Sequence[ScenarioPair], problems: Sequence[str], width: int, *, colour: bool
) -> Iterator[Block]:
    """Give scenarios of two runs: texts beside each other where there is room, else one after the other."""
    for number, one in enumerate(found):
        if number:
            yield line("")
        yield line(one.name, BOLD)
        for name, run_id, side in zip("AB", runs, (one.a, one.b), strict=True):
            yield Line([(f"{name}  {run_id}", DIM), ("" if side else "  does not have it", "")])
        if one.metrics:
            rows = [
                (name, render.number(a), render.number(b), "" if a == b else "differs") for name, a, b in one.metrics
            ]
            yield line("")
            yield from (line(_INDENT + row) for row in render.columns([("", "A", "B", ""), *rows]))
        for name, side in (("A", one.a), ("B", one.b)):
            yield FactBlock(f"errors of {name}", [("", error) for error in (side.errors if side else ())])
        yield from _texts(one, width, colour=colour)
        if not one.texts and not problems:
            yield line("")
            yield line("nothing that was said for it is kept", DIM)
    yield from map(Remark, problems)


def rows(found: Sequence[ScenarioPair]) -> Iterator[tuple[str, ...]]:
    """Give scenarios of two runs for a program, each text on one line."""
    for one in found:
        for name, ours, theirs in one.metrics:
            yield one.name, f"metric {name}", render.number(ours), render.number(theirs), ""
        for side, facts in (("a", one.a), ("b", one.b)):
            for error in facts.errors if facts else ():
                yield one.name, "error", *((error, _NONE) if side == "a" else (_NONE, error)), ""
        edits = one.edits
        for field, a, b in one.texts:
            words = marked(edits[field]) if field in edits else ""
            yield one.name, field, _NONE if a is None else a, _NONE if b is None else b, words


def pair_document(runs: tuple[str, str], found: Sequence[ScenarioPair], problems: Sequence[str]) -> dict[str, Any]:
    """Return scenarios of two runs as values."""
    scenarios = [{"scenario": one.name, "a": _values(one.a), "b": _values(one.b), "edits": one.edits} for one in found]
    return {"version": 1, "a": runs[0], "b": runs[1], "scenarios": scenarios, "problems": list(problems)}


def marked(edits: Edits) -> str:
    """Return how a text changed, in one text without colour."""
    return "".join(f"{_MARKS[mark][0]}{text}{_MARKS[mark][1]}" for mark, text in edits)


def _values(facts: ScenarioFacts | None) -> dict[str, Any] | None:
    return None if facts is None else facts._asdict()


def _titled(title: str, beside: str = "") -> Iterator[Block]:
    yield line("")
    yield Line([(title, BOLD), (beside, DIM)])


def _texts(one: ScenarioPair, width: int, *, colour: bool) -> Iterator[Block]:
    edits = one.edits
    for field, a, b in one.texts:
        if a is not None and a == b:
            yield from _titled(field, "  the same")
            yield from _lines([(a, "")], width)
            continue
        if a is None or b is None:
            yield from _titled(field, f"  of {'A' if b is None else 'B'} alone")
            yield from _lines([(b or "" if a is None else a, "")], width)
            continue
        sides = [_side(edits[field], away, colour=colour) for away in (NEW, GONE)]
        if width < WIDE:
            for name, pieces in zip("AB", sides, strict=True):
                yield from _titled(field, f"  {name}")
                yield from _lines(pieces, width)
            continue
        yield from _titled(field)
        half = (width - len(_INDENT) - len(_BETWEEN)) // 2
        left, right = (_wrapped(pieces, half) for pieces in sides)
        for place in range(max(len(left), len(right))):
            row = left[place] if place < len(left) else []
            gap = half - sum(_cells(text) for text, _ in row)
            yield Line(
                [(_INDENT, ""), *row, (" " * gap + _BETWEEN, DIM), *(right[place] if place < len(right) else [])]
            )


def _side(edits: Edits, away: str, *, colour: bool) -> Pieces:
    """Return one of two texts, what the other lacks marked by colour, or in brackets."""
    own = [(mark, text) for mark, text in edits if mark != away]
    if colour:
        return [(text, _STYLES[mark]) for mark, text in own]
    return [(f"{_MARKS[mark][0]}{text}{_MARKS[mark][1]}", "") for mark, text in own]


def _lines(pieces: Pieces, width: int) -> Iterator[Block]:
    for row in _wrapped(pieces, max(width - len(_INDENT), 20)):
        yield Line([(_INDENT, ""), *row])


def _wrapped(pieces: Pieces, width: int) -> list[Pieces]:
    """Return lines of a text that are no wider than that."""
    lines: list[Pieces] = [[]]
    used = 0
    for text, style in pieces:
        for word in re.findall(r"\n|[^\S\n]+|\S+", text):
            if word == "\n":
                lines.append([])
                used = 0
                continue
            for part in _fitting(render.neutral(word.replace("\t", "    ")), width):
                size = _cells(part)
                if used + size > width:
                    lines.append([])
                    used = 0
                    if part.isspace():
                        continue
                row = lines[-1]
                row[-1:] = [(row[-1][0] + part, style)] if row and row[-1][1] == style else [*row[-1:], (part, style)]
                used += size
    return lines


def _fitting(word: str, width: int) -> Iterable[str]:
    """Cut a word that is too long for a line."""
    if _cells(word) <= width:
        return [word]
    half = max(width // 2, 1)  # letters, of which each may take two columns
    step = width if word.isascii() else half
    return [word[at : at + step] for at in range(0, len(word), step)]


def _cells(text: str) -> int:
    """Return how many columns a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )
