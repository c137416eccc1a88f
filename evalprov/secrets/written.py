"""Where secrets stand in a line as it is written, by every rule that needs nothing beyond it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.secrets.idioms import find_idioms
from evalprov.secrets.lines import find_told
from evalprov.secrets.pairs import find_pairs
from evalprov.secrets.pointed import find_pointed
from evalprov.secrets.shapes import find_shapes

if TYPE_CHECKING:
    from evalprov.secrets.lines import Context
    from evalprov.secrets.shapes import Spans


def find_written(line: bytes, spans: Spans, before: Context | None = None, *, quoted: bool = False) -> None:
    """Add where secrets stand as the line is written."""
    find_shapes(line, spans, quoted=quoted)
    find_pairs(line, spans, quoted=quoted)
    find_pointed(line, spans, quoted=quoted)
    if b" -" in line or b"'-" in line or b'"-' in line or b"login" in line or b"set " in line or b"auth" in line:
        find_idioms(line, spans)
    if before:
        find_told(line, before, spans, quoted=quoted)
