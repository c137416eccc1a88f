"""How values that were hidden are told apart: a short digest stands behind the placeholder."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

PLACEHOLDER = "[secret]"
MARK = f"{PLACEHOLDER}~"  # with six hexadecimal digits: hidden, and not surely a credential, so it counts
UNTOLD = f"{MARK}?"  # one of so many that they are not told apart
_COST = 1 << 12  # of scrypt: some ten milliseconds a value, so that trying out values costs something
_DIGEST_LENGTH = 6


def holds(value: Any, mark: str) -> bool:
    """Say whether such a mark stands anywhere in a JSON value."""
    if isinstance(value, str):
        return mark in value
    if isinstance(value, dict):
        return any(mark in name or holds(inner, mark) for name, inner in value.items())
    return isinstance(value, list | tuple) and any(holds(inner, mark) for inner in value)


@lru_cache(maxsize=512)
def digest_of(text: str) -> str:
    """Return what stands behind the placeholder of a text, the same on every machine."""
    import hashlib  # most runs hide nothing that counts

    raw = text.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(raw, salt=b"evalprov", n=_COST, r=8, p=1, dklen=_DIGEST_LENGTH // 2).hex()


def same_but_for_hiding(one: Any, other: Any) -> bool:
    """Say whether two values are one, of which more was hidden in one record than in the other.

    What is hidden is not the same in every version of evalprov; what it was is.
    """
    if not (_is_told(one) or _is_told(other)):
        return False
    return all(isinstance(value, str | int | float) for value in (one, other)) and _told(one) == _told(other)


def _is_told(value: Any) -> bool:
    return isinstance(value, str) and MARK in value and UNTOLD not in value


def _told(value: Any) -> str:
    text = str(value)
    at = text.find(MARK)
    return digest_of(text) if at < 0 else text[at + len(MARK) :][:_DIGEST_LENGTH]
