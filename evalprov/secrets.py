"""The one scrubber. (skeleton; being filled in: signatures are fixed)"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

PLACEHOLDER = "[secret]"


def is_secret_name(name: str) -> bool:
    """Say whether a thing of this name holds a secret: api_key does, max_tokens does not."""
    raise NotImplementedError


class Scrubber:
    """Takes secrets out of everything that is written."""

    def __init__(self, environ: Mapping[str, str], extra_names: Iterable[str] = ()) -> None: ...

    def text(self, text: str) -> str:
        """Return the text with every secret replaced."""
        return text

    def data(self, data: bytes) -> bytes:
        """Return the bytes with every secret replaced; any bytes, whole."""
        return data

    def argv(self, argv: Sequence[str]) -> list[str]:
        """Return a command line with secrets replaced, also where an option names the next word a secret."""
        return list(argv)

    def value(self, value: Any, key: str = "") -> Any:
        """Return a JSON-like value with secrets replaced, at any depth, by key and by shape."""
        return value

    def tail(self, data: bytes, limit: int) -> bytes:
        """Return the scrubbed last `limit` bytes, never beginning inside a secret."""
        return data[-limit:]

    def stream(self) -> StreamScrubber:
        """Return a scrubber for bytes that come in pieces."""
        return StreamScrubber(self)


class StreamScrubber:
    """Scrubs a stream across the boundaries of its pieces."""

    def __init__(self, scrubber: Scrubber) -> None: ...

    def feed(self, data: bytes) -> bytes:
        """Take a piece; return what is safe to write by now."""
        return data

    def close(self) -> bytes:
        """Return the rest."""
        return b""
