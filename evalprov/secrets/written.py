"""Where secrets stand in a line as it is written, by every rule that needs nothing beyond it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.secrets import sieve
from evalprov.secrets.directives import find_directives, find_in_calls, find_in_files, find_set
from evalprov.secrets.forms import find_at_hosts, find_forms, find_logins
from evalprov.secrets.idioms import find_idioms
from evalprov.secrets.lines import find_told
from evalprov.secrets.pairs import find_options, find_pairs
from evalprov.secrets.pointed import find_pointed
from evalprov.secrets.shapes import find_hashed, find_hooks, find_in_urls, find_marked, find_prefixed
from evalprov.secrets.values import EVIDENCE, MARK, has_one, kinds

if TYPE_CHECKING:
    from evalprov.secrets.lines import Context
    from evalprov.secrets.shapes import Spans


def find_written(  # noqa: PLR0913 - a line, what is known of it, and how it is read
    line: bytes,
    spans: Spans,
    before: Context | None = None,
    mask: int | None = None,
    *,
    quoted: bool = False,
    again: bool = False,
) -> None:
    """Add where secrets stand as the line is written, by the rules of a mask that was made of it.

    Who looks `again` at what is left of a line that held one is told first of what the cheaper rules find.
    """
    mask = sieve.of(line) if mask is None else mask
    if mask & sieve.ISSUED:
        _find_issued(line, spans, mask, quoted=quoted)
    if mask & sieve.NAMED:
        _find_named(line, spans, mask, quoted=quoted, again=again)
    if before:
        find_told(line, before, spans, quoted=quoted)


def _find_issued(line: bytes, spans: Spans, mask: int, *, quoted: bool) -> None:
    """Add what is a secret by its own shape."""
    if mask & sieve.TOKEN:
        find_prefixed(line, spans)
    if mask & sieve.MARK:
        find_marked(line, spans)
    if mask & sieve.HOOK:
        find_hooks(line, spans)
    if mask & sieve.HASH:
        find_hashed(line, spans)
    if mask & sieve.AT:
        find_in_urls(line, spans, quoted=quoted)


def _find_named(line: bytes, spans: Spans, mask: int, *, quoted: bool, again: bool) -> None:
    """Add what something else calls a secret."""
    lower = line.lower()
    if mask & sieve.PAIR or (mask & sieve.NOUN and mask & sieve.TIED):
        find_pairs(line, lower, spans, quoted=quoted)
    if mask & sieve.DASHES:
        find_options(line, spans, quoted=quoted)
    if again and spans and MARK not in line:
        return
    evident = bool(mask & sieve.EVIDENT)
    text = line
    if MARK in line:  # no word in it tells of another
        text = line.replace(MARK, b"\x01" * len(MARK))
        lower = text.lower()
        evident = evident and has_one(kinds(text), EVIDENCE)
    if mask & sieve.NOUN and (evident or mask & sieve.RECORD):
        find_pointed(text, lower, spans, evident=evident, quoted=quoted)
    if mask & sieve.LOGIN and evident:
        find_logins(text, spans)
    if mask & sieve.NOUN and evident:
        find_directives(text, spans)
    if mask & sieve.FORM:
        find_forms(text, lower, spans)
        find_set(text, spans)
        if evident:
            find_in_files(text, spans)
            find_in_calls(text, spans)
    if mask & sieve.AT and evident:
        find_at_hosts(text, spans)
    if mask & sieve.COMMAND:
        find_idioms(line, spans)
