"""Two texts held against each other word by word."""

from __future__ import annotations

import re

SAME, GONE, NEW = " ", "-", "+"
# In these scripts no blank parts the words: each letter counts as one.
_UNPARTED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORDS = re.compile(rf"\s+|[{_UNPARTED}]|[^\W{_UNPARTED}]+|[\W]")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_MOST = 1 << 27  # words of one text times those of the other: 16 MB, some tens of milliseconds

Edits = list[tuple[str, str]]


def word_edits(a: str, b: str) -> Edits:
    """Return what of a text stayed (" "), went ("-") and came ("+"), in order; all of a piece where that is too much.

    What stayed and went is the one text again, what stayed and came the other.
    """
    for pattern in (_WORDS, _LINES):
        ours, theirs = pattern.findall(a), pattern.findall(b)
        before = _alike(ours, theirs)
        after = _alike(ours[before:][::-1], theirs[before:][::-1])
        old, new = ours[before : len(ours) - after], theirs[before : len(theirs) - after]
        if len(old) * len(new) <= _MOST:
            edits = [(SAME, "".join(ours[:before])), *_edits(old, new), (SAME, "".join(ours[len(ours) - after :]))]
            return _joined(edits)
    return _joined([(GONE, a), (NEW, b)])


def _alike(ours: list[str], theirs: list[str]) -> int:
    """Return how many words both begin with."""
    both = enumerate(zip(ours, theirs, strict=False))
    return next((place for place, (one, other) in both if one != other), min(len(ours), len(theirs)))


def _edits(old: list[str], new: list[str]) -> Edits:
    """Return the fewest words gone and new, as their longest common subsequence leaves them.

    A row is a whole number, a bit for each old word, so that a row takes one step whatever its length (Hyyro 2004).
    """
    places: dict[str, int] = {}
    for place, word in enumerate(old):
        places[word] = places.get(word, 0) | 1 << place
    everything = (1 << len(old)) - 1
    row = everything
    rows = []
    for word in new:
        found = row & places.get(word, 0)
        row = (row + found | row - found) & everything
        rows.append(row)
    edits: Edits = []
    at, line = len(old), len(new)
    while at and line:
        bit = at - 1
        if rows[line - 1] >> bit & 1:
            edits.append((GONE, old[bit]))
            at = bit
            continue
        line -= 1
        if line and not rows[line - 1] >> bit & 1:
            edits.append((NEW, new[line]))
        else:
            edits.append((SAME, old[bit]))
            at = bit
    edits += [(GONE, word) for word in old[:at][::-1]] + [(NEW, word) for word in new[:line][::-1]]
    return edits[::-1]


def _joined(edits: Edits) -> Edits:
    """Put what belongs together into one piece: blanks between two changes are of one change."""
    runs: list[list[str]] = []  # [what stayed], or [what went, what came]
    for mark, text in edits:
        if not text:
            continue
        if mark == SAME:
            if runs and len(runs[-1]) == 1:
                runs[-1][0] += text
            else:
                runs.append([text])
            continue
        if not runs or len(runs[-1]) == 1:
            runs.append(["", ""])
        runs[-1][mark == NEW] += text
    for place in range(len(runs) - 2, 0, -1):
        run = runs[place]
        if len(run) == 1 and run[0].isspace():
            (gone, new), (further_gone, further_new) = runs[place - 1], runs[place + 1]
            runs[place - 1 : place + 2] = [[gone + run[0] + further_gone, new + run[0] + further_new]]
    pieces = [[(SAME, run[0])] if len(run) == 1 else [(GONE, run[0]), (NEW, run[1])] for run in runs]
    return [(mark, text) for some in pieces for mark, text in some if text]
