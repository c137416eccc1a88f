"""Texts made short, and still told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

DOTS = "..."


def cut(text: str, width: int) -> str:
    """Return a text of so many letters at most, its middle left out."""
    if len(text) <= width:
        return text
    keep = max(width - len(DOTS), 2)
    return f"{text[: keep - keep // 2]}{DOTS}{text[len(text) - keep // 2 :]}"


def named(texts: Sequence[str], width: int) -> list[str]:
    """Return names of so many letters at most; different ones stay different."""
    return _parted(texts, [cut(text, width) for text in texts], width, len(texts) + 1)


def apart(texts: Sequence[str], width: int) -> list[str]:
    """Return texts of so many letters at most, cut so that they show where they differ first."""
    different = set(texts)
    if len(different) == 1 or all(len(text) <= width for text in different):
        return [cut(text, width) for text in texts]
    begin = _common(different)
    rests = [text[begin:] for text in different]
    end = _common([rest[::-1] for rest in rests])
    longest = max(map(len, rests))
    # All that follows the difference, if there is room for it; else the difference amid what is around it.
    room = max(width - len(DOTS), 2)
    before = room - longest
    if before < 0:
        room = max(width - 2 * len(DOTS), 2)
        before = max(room // 4, (room - longest + end) // 2)
    start = max(0, begin - before)
    start = 0 if start <= len(DOTS) else start
    if start and (word := texts[0].find(" ", start - 1, begin)) > 0:
        start = word + 1  # where a word begins
    return _parted(texts, [_from(text, start, width) for text in texts], width, len(different))


def _from(text: str, start: int, width: int) -> str:
    if len(text) <= width:
        return text
    shown = f"{DOTS if start else ''}{text[start:]}"
    return shown if len(shown) <= width else f"{shown[: width - len(DOTS)]}{DOTS}"


def _parted(texts: Sequence[str], shown: Sequence[str], width: int, fewer: int) -> list[str]:
    """Cut anew those of different texts that came out alike, where they are fewer than so many."""
    alike: dict[str, list[str]] = {}
    for text, short in dict(zip(texts, shown, strict=True)).items():
        alike.setdefault(short, []).append(text)
    better: dict[str, str] = {}
    for some in alike.values():
        if 1 < len(some) < fewer:
            better |= zip(some, apart(some, width), strict=True)
    return [better.get(text, short) for text, short in zip(texts, shown, strict=True)]


def _common(texts: Collection[str]) -> int:
    """Return how many letters all begin with."""
    first, last = min(texts), max(texts)
    return next((place for place, letter in enumerate(first) if letter != last[place : place + 1]), len(first))
