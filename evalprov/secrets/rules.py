"""All rules on one line, each where it can find anything at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.secrets.values import has_run, signs_in
from evalprov.secrets.views import find_encoded, unescaped, without_colours
from evalprov.secrets.written import find_written

if TYPE_CHECKING:
    from evalprov.secrets.lines import Context
    from evalprov.secrets.needles import Needles
    from evalprov.secrets.shapes import Spans


_ESCAPE, _ESCAPING = 0x1B, frozenset(b"%&\\")


class Reading(NamedTuple):
    """How a line is read: which values of the environment it may hold, and whether its texts stand in quotes."""

    needles: Needles
    numbers: list[int] | None
    quoted: bool


def find_all(line: bytes, spans: Spans, before: Context | None, reading: Reading) -> None:
    """Add where secrets stand, as the line is written and as it would be read."""
    needles, numbers, quoted = reading
    if numbers is None or numbers:
        needles.find(line, spans, numbers)
    find_written(line, spans, before, quoted=quoted)
    signs = signs_in(line)
    if _ESCAPE in signs:
        shown = without_colours(line)
        inside: Spans = []
        needles.find(shown.text, inside)
        find_written(shown.text, inside, before, quoted=quoted)
        spans += map(shown.place, inside)
    if not _ESCAPING.isdisjoint(signs) and (read := unescaped(line)):
        inside = []
        find_written(read.text, inside, quoted=quoted)
        spans += map(read.place, inside)
    if has_run(line):
        find_encoded(line, spans, _has_secret)


def _has_secret(text: bytes) -> bool:
    """Say whether a decoded text holds a secret; what is encoded in it again is left alone."""
    spans: Spans = []
    for line in text.split(b"\n"):
        find_written(line, spans)
    return bool(spans)
