"""What became of the text of files between two runs, as values; what makes them reads git and the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

LAYERS = ("prompts", "config", "grader", "data", "software", "code")  # those that have files, as they are shown
NO_NEWLINE = "\\"  # the mark of a line that says that the one above has no newline after it


class Hunk(NamedTuple):
    """Lines that stand together: what came, what went and a few around them."""

    a_start: int  # the number of its first line in A, from 1; of no lines, that of the one above
    b_start: int
    lines: tuple[tuple[str, str], ...]  # a mark (" ", "-", "+" or NO_NEWLINE) and the text; a stray byte is a surrogate


class TextEdit(NamedTuple):
    """One file that differs."""

    path: str
    layer: str
    hunks: tuple[Hunk, ...]
    reason: str | None  # why there is no text
    how: str = "changed"  # or added, removed, renamed; unknown where it may be the same
    was: str | None = None  # its path in A, where that was another
    modes: tuple[str | None, str | None] = (None, None)  # as git writes them; null where it is not there, or not known

    def count(self, mark: str) -> int:
        """Return how many lines have a mark."""
        return sum(one == mark for hunk in self.hunks for one, _ in hunk.lines)


class TextEdits(NamedTuple):
    """The files that differ between two runs, of the layers that were asked for."""

    edits: tuple[TextEdit, ...]
    elsewhere: tuple[tuple[str, int], ...] = ()  # the other layers, with how many files differ there
    problem: str | None = None  # why not every file that differs is known


def first_lines(hunks: Sequence[Hunk], letters: int, line: int) -> tuple[list[Hunk], int, int]:
    """Return as many lines, each so long at most, as there is room for; how many are left out, and the room taken."""
    held: list[Hunk] = []
    used = 0
    for hunk in hunks:
        kept = []
        for mark, text in hunk.lines:
            if used + min(len(text), line) + 1 > letters:
                break
            used += min(len(text), line) + 1
            kept.append((mark, text if len(text) <= line else f"{text[:line]}..."))
        held += [hunk._replace(lines=tuple(kept))] if kept else []
        if len(kept) < len(hunk.lines):
            break
    return held, sum(len(hunk.lines) for hunk in hunks) - sum(len(hunk.lines) for hunk in held), used
