"""Values over time as one line of bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"


def sparkline(seconds: Sequence[float], values: Sequence[float | None], width: int) -> str:
    """Return a bar for each stretch of time, from zero to the highest value; blank where none is known."""
    end = seconds[-1] if seconds else 0.0
    top = max((value for value in values if value is not None), default=0.0)
    if end <= 0:
        return ""
    highest: list[float | None] = [None] * width
    begin = 0.0
    for until, value in zip(seconds, values, strict=True):
        if value is not None:
            # A value is of the whole time since the one before.
            for place in range(min(int(begin / end * width), width - 1), min(int(until / end * width), width - 1) + 1):
                highest[place] = max(highest[place] or 0.0, value)
        begin = until
    last = len(BARS) - 1
    return "".join(" " if one is None else BARS[round(one / top * last) if top > 0 else 0] for one in highest).rstrip()
