"""The lines that differ in prompts, configs and code, as far as there is room for them in a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.explain.text_edits import NO_NEWLINE, first_lines
from evalprov.explain.words import GONE, NEW, SAME, word_edits
from evalprov.numbers import and_more, counted
from evalprov.report import html
from evalprov.report.html import Markup

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evalprov.explain.text_edits import Hunk, TextEdit
    from evalprov.explain.words import Edits

LETTERS = 120_000  # of all lines together
FILE = 30_000  # of one file
LINE = 600  # of one line
UNFOLDED = 24  # lines of a file that stands open
FILES = 60

Line = tuple[str, str]


def drawn(edits: Sequence[TextEdit], problem: str | None) -> Markup:
    """Return every file that differs, layer by layer, long ones folded away; and why some may be missing."""
    room = LETTERS
    pieces: list[Markup] = []
    for edit in edits[:FILES]:
        lines, room = _file(edit, room)
        pieces.append(lines)
    more = and_more(len(edits) - FILES, "evalprov diff --code --prompts", "file")
    more += [f"Not every file that differs is known: {problem}"] if problem else []
    return html.join((*pieces, *(html.element("p", words, class_="soft") for words in more)))


def _file(edit: TextEdit, room: int) -> tuple[Markup, int]:
    """Return one file, and how many letters are left for the others."""
    plus, minus = edit.count("+"), edit.count("-")
    name = f"{edit.was} -> {edit.path}" if edit.was else edit.path
    told = [edit.layer, edit.how if edit.how != "unknown" else "it may be the same"]
    told += [f"+{plus} -{minus}"] if plus or minus else []
    told += [f"mode {edit.modes[0]} -> {edit.modes[1]}"] if edit.modes[0] != edit.modes[1] and all(edit.modes) else []
    summary = html.join(
        (html.element("span", name, class_="code"), " ", html.element("span", ", ".join(told), class_="soft"))
    )
    if not edit.hunks:
        return html.element("p", summary, f": {edit.reason}" if edit.reason else "", class_="file"), room
    held, left_out, used = first_lines(edit.hunks, min(room, FILE), LINE)
    body = Markup("".join(_hunk(hunk) for hunk in held))
    more = [f"and {counted(left_out, 'more line')}: evalprov diff --code --prompts"] if left_out else []
    more += [edit.reason] if edit.reason else []
    lines = sum(len(hunk.lines) for hunk in held)
    inside = (html.element("pre", body, class_="diff") if body else "", *(html.element("p", words) for words in more))
    return html.folded(summary, *inside, open_=lines <= UNFOLDED), room - used


def _hunk(hunk: Hunk) -> str:
    head = f'<span class="at">line {hunk.a_start} in A, {hunk.b_start} in B\n</span>'
    return head + "".join(_lines(hunk.lines))


def _lines(lines: Sequence[Line]) -> Iterator[str]:
    """Give lines with their marks; where as many came as went, the words in them are told apart."""
    at = 0
    while at < len(lines):
        gone = _run(lines, at, "-")
        come = _run(lines, at + len(gone), "+")
        if gone and len(gone) == len(come):
            pairs = [_worded(one, other) for one, other in zip(gone, come, strict=True)]
            yield from (f"<del>- {one}\n</del>" for one, _ in pairs)
            yield from (f"<ins>+ {other}\n</ins>" for _, other in pairs)
            at += len(gone) + len(come)
            continue
        mark, words = lines[at]
        at += 1
        shown = html.text(words, LINE + 3, lines=True)
        if mark == NO_NEWLINE:
            yield '<span class="at">no newline at the end\n</span>'
        else:
            name = {"-": "del", "+": "ins"}.get(mark, "span")
            yield f"<{name}>{mark} {shown}\n</{name}>"


def _run(lines: Sequence[Line], at: int, mark: str) -> list[str]:
    end = at
    while end < len(lines) and lines[end][0] == mark:
        end += 1
    return [words for _, words in lines[at:end]]


def _worded(one: str, other: str) -> tuple[str, str]:
    if max(len(one), len(other)) > LINE:
        return html.text(one, LINE + 3, lines=True), html.text(other, LINE + 3, lines=True)
    edits = word_edits(one, other)
    if not any(mark == SAME and not words.isspace() for mark, words in edits):
        return html.text(one, LINE + 3, lines=True), html.text(other, LINE + 3, lines=True)
    return marked(edits, GONE, "b", LINE), marked(edits, NEW, "b", LINE)


def marked(edits: Edits, own: str, name: str, room: int) -> Markup:
    """Return one side of two texts, the words that it alone has within elements of that name."""
    pieces = []
    for mark, words in edits:
        if mark in (SAME, own) and room > 0:
            shown = html.text(words, room, lines=True)
            room -= len(words)
            pieces.append(f"<{name}>{shown}</{name}>" if mark == own else shown)
    return Markup("".join(pieces))
