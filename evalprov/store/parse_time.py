"""From what a person writes to the second that is meant: a span back from now, or a date in UTC."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from datetime import UTC, datetime

from evalprov.errors import UsageError

_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SPAN = re.compile(r"([0-9]{1,6})([mhdw])", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?Z?)?", re.ASCII)
_FORMS = "give a span (90m, 36h, 7d, 2w), or a day or minute in UTC (2026-11-01, 2026-11-01T10:00)"


def second(text: str) -> str:
    """Return the second, spelled as in run ids."""
    if span := _SPAN.fullmatch(text):
        back = int(span[1]) * _SECONDS[span[2]]
        return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(max(0.0, time.time() - back)))
    if _DATE.fullmatch(text):
        with suppress(ValueError):  # a 31st of June
            return f"{datetime.fromisoformat(text.removesuffix('Z')).replace(tzinfo=UTC):%Y%m%dT%H%M%SZ}"
    raise UsageError(f"not a time: {text}", _FORMS)
