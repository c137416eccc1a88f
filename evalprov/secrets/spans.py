"""Where secrets stand in a text, put in order, and the text without them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from evalprov.secrets.values import MARK

if TYPE_CHECKING:
    from evalprov.secrets.shapes import Spans


def settled(text: bytes, spans: Spans) -> Spans:
    """Put overlapping spans together; a placeholder is taken whole, and left out where it stands alone."""
    marks = [found.span() for found in re.finditer(re.escape(MARK), text)] if MARK in text else []
    merged: Spans = []
    for start, end in sorted(spans + marks):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif end > start:
            merged.append((start, end))
    alone = set(marks)
    return [span for span in merged if span not in alone] if marks else merged


def replaced(text: bytes, spans: Spans) -> bytes:
    """Return a text with a placeholder in place of each of these spans, which are in order and apart."""
    pieces: list[bytes] = []
    at = 0
    for start, end in spans:
        pieces += (text[at:start], MARK)
        at = end
    return b"".join((*pieces, text[at:]))
