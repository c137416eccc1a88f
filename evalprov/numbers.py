"""Numbers and lists as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LARGE = 1e15  # a number from here on is told by its power of ten


def rounded(value: float, sign: str = "") -> str:
    """Return a number as a person reads it: four digits, or all of those before the point."""
    if abs(value) >= _LARGE:
        return f"{value:{sign}.3e}"
    return f"{value:{sign}.0f}" if abs(value) >= 1000 else f"{value:{sign}.4g}"


def counted(count: int, what: str = "run") -> str:
    """Return a number of things in words."""
    return f"1 {what}" if count == 1 else f"{count} {what}s"


def and_more(count: int, hint: str = "", what: str = "") -> list[str]:
    """Say how many are left out, where any are; the word for what they are is that for one of them."""
    named = what and f" {what}{'s' if count > 1 else ''}"
    return [f"and {count:,} more{named}{hint and f' ({hint})'}"] if count > 0 else []


def listed(names: Sequence[str], shown: int = 3, count: int | None = None, between: str = ", ") -> str:
    """Return the first names and how many more there are, of so many in all."""
    more = and_more((len(names) if count is None else count) - len(names[:shown]))
    return (" " if between == ", " else between).join([between.join(names[:shown]), *more])
