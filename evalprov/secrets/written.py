"""Where secrets stand in a line as it is written, by every rule that needs nothing beyond it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.secrets.idioms import COMMANDING, find_idioms, may_be_command
from evalprov.secrets.lines import find_told
from evalprov.secrets.pairs import find_pairs
from evalprov.secrets.pointed import find_pointed
from evalprov.secrets.shapes import find_shapes
from evalprov.secrets.values import compiled, signs_in

if TYPE_CHECKING:
    from evalprov.secrets.lines import Context
    from evalprov.secrets.shapes import Spans


def find_written(line: bytes, spans: Spans, before: Context | None = None, *, quoted: bool = False) -> None:
    """Add where secrets stand as the line is written."""
    signs, lower = signs_in(line), line.lower()
    find_shapes(line, signs, spans, quoted=quoted)
    find_pairs(line, lower, signs, spans, quoted=quoted)
    find_pointed(line, signs, spans, quoted=quoted)
    if may_be_command(line, signs) and compiled(COMMANDING).search(line):
        find_idioms(line, signs, spans)
    if before:
        find_told(line, before, spans, quoted=quoted)
