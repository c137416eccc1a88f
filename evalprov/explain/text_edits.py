"""What became of the text of files between two runs, as values; what makes them reads git and the store."""

from __future__ import annotations

from evalprov.named import NamedTuple

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
    reason: str | None  # why there is no text, or not all of it
    how: str = "changed"  # or added, removed, renamed
    was: str | None = None  # its path in A, where that was another
    modes: tuple[str | None, str | None] = (None, None)  # as git writes them; null where it is not there, or not known

    def count(self, mark: str) -> int:
        """Return how many lines have a mark."""
        return sum(one == mark for hunk in self.hunks for one, _ in hunk.lines)
