"""Answers that come in events: server-sent ones, and AWS's own frames."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_BREAK = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_FRAME = 16  # bytes of a frame that are neither headers nor payload


class SentEvent(NamedTuple):
    """One server-sent event."""

    raw: bytes  # with the empty line at its end
    value: Any  # its data as JSON; null where that is none

    def with_data(self, data: bytes) -> bytes:
        """Return the event with other data."""
        lines = self.raw.splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith(b"data:")]
        end = next(line[len(line.rstrip(b"\r\n")) :] for line in lines if line.startswith(b"data:"))
        return b"".join((*kept[:-1], b"data: ", data, end, *kept[-1:]))


def sse_events(body: bytes) -> Iterator[SentEvent]:
    """Yield the events of a stream; all bytes are in one of them."""
    at = 0
    while at < len(body):
        found = _BREAK.search(body, at)
        end = found.end() if found else len(body)
        raw = body[at:end]
        data = b"\n".join(line[5:].strip() for line in raw.splitlines() if line.startswith(b"data:"))
        value = None
        if data[:1] in (b"{", b"["):
            try:
                value = json.loads(data)
            except ValueError:
                value = None
        yield SentEvent(raw, value)
        at = end


def event_stream(body: bytes) -> Iterator[Any]:
    """Yield the payloads of AWS's frames that are JSON, with what they carry packed."""
    at = 0
    while at + _FRAME <= len(body):
        total = int.from_bytes(body[at : at + 4], "big")
        headers = int.from_bytes(body[at + 4 : at + 8], "big")
        if total < _FRAME or at + total > len(body):
            return
        payload = body[at + 12 + headers : at + total - 4]
        at += total
        try:
            value = json.loads(payload)
            if isinstance(value, dict) and isinstance(value.get("bytes"), str):
                value = json.loads(base64.b64decode(value["bytes"]))
        except ValueError:
            continue
        yield value
