"""How values that were hidden are told apart: a short digest stands behind the placeholder."""

from __future__ import annotations

from typing import Any

PLACEHOLDER = "[secret]"
MARK = f"{PLACEHOLDER}~"  # with six hexadecimal digits: hidden, and not surely a credential, so it counts
UNTOLD = f"{MARK}?"  # one of so many that they are not told apart


def holds(value: Any, mark: str) -> bool:
    """Say whether such a mark stands anywhere in a JSON value."""
    if isinstance(value, str):
        return mark in value
    if isinstance(value, dict):
        return any(mark in name or holds(inner, mark) for name, inner in value.items())
    return isinstance(value, list | tuple) and any(holds(inner, mark) for inner in value)
