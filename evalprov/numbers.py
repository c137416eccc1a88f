"""Numbers as people read them."""

from __future__ import annotations

_LARGE = 1e15  # a number from here on is told by its power of ten


def rounded(value: float, sign: str = "") -> str:
    """Return a number as a person reads it: four digits, or all of those before the point."""
    if abs(value) >= _LARGE:
        return f"{value:{sign}.3e}"
    return f"{value:{sign}.0f}" if abs(value) >= 1000 else f"{value:{sign}.4g}"
