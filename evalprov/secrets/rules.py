"""All rules on one line, each where it can find anything at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.secrets import sieve
from evalprov.secrets.views import find_encoded, unescaped, without_colours
from evalprov.secrets.written import find_written

if TYPE_CHECKING:
    from evalprov.secrets.lines import Context
    from evalprov.secrets.needles import Needles
    from evalprov.secrets.shapes import Spans


def find_all(  # noqa: PLR0913 - a line, what is known of it, and how it is read
    line: bytes,
    spans: Spans,
    before: Context | None,
    needles: Needles,
    *,
    numbers: list[int] | None,
    mask: int | None,
    quoted: bool,
    again: bool = False,
) -> None:
    """Add where secrets stand, as the line is written and as it would be read.

    `numbers` are those of the environment's values that may stand in it, `mask` the rules whose signs it has;
    `quoted` says whether its texts stand in quotes, `again` whether what is left of the line is looked at once more.
    """
    mask = sieve.of(line) if mask is None else mask
    if numbers is None or numbers:
        needles.find(line, spans, numbers)
    find_written(line, spans, before, mask, quoted=quoted, again=again)
    if mask & sieve.COLOUR:
        shown = without_colours(line)
        inside: Spans = []
        needles.find(shown.text, inside)
        find_written(shown.text, inside, before, quoted=quoted)
        spans += map(shown.place, inside)
    if mask & sieve.ESCAPED and (read := unescaped(line)):
        inside = []
        find_written(read.text, inside, quoted=quoted)
        spans += map(read.place, inside)
    if mask & sieve.ENCODED:
        find_encoded(line, spans, _has_secret)


def _has_secret(text: bytes) -> bool:
    """Say whether a decoded text holds a secret; what is encoded in it again is left alone."""
    spans: Spans = []
    lines = text.split(b"\n")
    for line, mask in zip(lines, sieve.masks(lines), strict=True):
        if mask:
            find_written(line, spans, mask=mask)
    return bool(spans)
