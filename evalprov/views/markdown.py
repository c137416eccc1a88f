"""Markdown that what is quoted in it cannot steer, for pull requests and the summaries of CI systems."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from evalprov import render

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MARKUP = re.compile(r"([\\`*_\[\]<&~|$])")
_REFERENCE = re.compile(r"(@|#(?!x27;)|www|:(?=//))")  # a mention would call somebody, a link would lead away
_PUNCTUATION = re.compile(r"[^\w\s]")
_APART = "\N{ZERO WIDTH SPACE}"


def text(said: object) -> str:
    """Return words that stand for themselves, in the middle of a line."""
    return _REFERENCE.sub(rf"\1{_APART}", _MARKUP.sub(r"\\\1", render.neutral(said)))


def code(said: object) -> str:
    """Return a name or value as it is, set as code; also within a table."""
    plain = render.neutral(said)
    if not set(plain) & set("`|\\"):
        return f"`{plain}`" if plain.strip() else ""
    # No fence holds these safely in every place.
    return f"<code>{_PUNCTUATION.sub(lambda found: f'&#{ord(found[0])};', plain)}</code>"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> list[str]:
    """Return a table as lines; its cells are ready."""
    marks = ["---:" if name in right else "---" for name in columns]
    return ["", _row(columns), _row(marks), *map(_row, rows), ""]


def details(summary: str, inside: Iterable[str]) -> list[str]:
    """Return lines that are folded away below a summary in plain words."""
    plain = _REFERENCE.sub(rf"\1{_APART}", escape(render.neutral(summary)))
    return ["", f"<details><summary>{plain}</summary>", "", *inside, "", "</details>"]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
