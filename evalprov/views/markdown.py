"""Markdown that what is quoted in it cannot steer, for pull requests and the summaries of CI systems."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.explain import elide

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MARKUP = re.compile(r"([\\`*_\[\]<&~|$])")
_REFERENCE = re.compile(r"(@|#(?!x27;)|www|:(?=//))")  # a mention would call somebody, a link would lead away
_TICKS = re.compile(r"`+")
_PUNCTUATION = re.compile(r"[^\w\s]")
_APART = "\N{ZERO WIDTH SPACE}"
LONGEST = 1_000  # letters of what is quoted: a comment has its bound


def text(said: object) -> str:
    """Return words that stand for themselves, in the middle of a line."""
    return _REFERENCE.sub(rf"\1{_APART}", _MARKUP.sub(r"\\\1", _short(said)))


def code(said: object) -> str:
    """Return a name or value as it is, set as code; also within a table."""
    plain = _short(said)
    if not set(plain) & set("`|\\"):
        return f"`{plain}`" if plain.strip() else ""
    # No fence holds these safely in every place.
    return f"<code>{_PUNCTUATION.sub(lambda found: f'&#{ord(found[0])};', plain)}</code>"


def fenced(lines: Iterable[str], language: str) -> list[str]:
    """Return lines set as code of a language; none of them can end it."""
    held = [render.neutral(line) for line in lines]
    longest = max((len(run) for line in held for run in _TICKS.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *held, fence]


def _short(said: object) -> str:
    """Return a text without control characters and not too long; of a megabyte only the ends are looked at."""
    words = str(said)
    if len(words) > 4 * LONGEST:
        words = words[: 2 * LONGEST] + words[-2 * LONGEST :]
    return elide.cut(render.neutral(words), LONGEST)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> list[str]:
    """Return a table as lines; its cells are ready."""
    marks = ["---:" if name in right else "---" for name in columns]
    return ["", _row(columns), _row(marks), *map(_row, rows), ""]


def details(summary: str, inside: Iterable[str]) -> list[str]:
    """Return lines that are folded away below a summary in plain words."""
    plain = _REFERENCE.sub(rf"\1{_APART}", escape(_short(summary)))
    return ["", f"<details><summary>{plain}</summary>", "", *inside, "", "</details>"]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
