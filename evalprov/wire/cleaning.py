"""What may be kept of a call: no key, no cookie, no organisation, and no secret in what was said."""

from __future__ import annotations

import json
import re
import zlib
from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple
from evalprov.secrets import is_secret_name
from evalprov.secrets.shapes import find_prefixed
from evalprov.wire.events import event_stream, sse_events
from evalprov.wire.messages import END

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.secrets import Scrubber
    from evalprov.wire.messages import Head

_APART = "\n\0\n"
# Headers of an answer that say who asked.
_WHOSE = re.compile(
    r"cookie|organi[sz]ation|project|account|authoriz|authentic|api-?key|x-amz-security|billing|user-?id"
)
# Headers whose value nobody chose: of these only what is surely a secret is looked for.
_MADE = re.compile(
    r".*request-?id|date|age|cf-ray|x-ratelimit-.*|.*-ms|.*duration.*|content-length|etag|server-timing|via"
)
_PLAIN_KEYS = frozenset(
    (
        *("id", "object", "role", "type", "model", "finish_reason", "system_fingerprint", "service_tier", "call_id"),
        *("stop_reason", "finishReason", "modelVersion", "responseId", "tool_call_id", "tool_use_id", "item_id"),
        *("name", "status"),
    )
)
_PLAIN = re.compile(r"[\w.:/@-]{0,200}")
_LARGEST_DECODED = 256 << 20


class CleanBody(NamedTuple):
    """A body as it may be kept."""

    body: bytes | None  # null where it cannot be kept at all
    exact: bool  # byte for byte as it was
    readable: bytes  # decompressed, for who reads it


class CallCleaner:
    """Hides the secrets of JSON values, heads and bodies; what it has seen once it knows."""

    def __init__(self, scrub: Scrubber) -> None:
        self._scrub = scrub
        self._secret_names: dict[str, bool] = {}
        self._headers: dict[tuple[str, str], str | None] = {}

    def value(self, value: Any) -> Any:
        """Return a JSON value without its secrets."""
        texts: list[str] = []
        if not self._gather(value, "", texts) and self._is_clean(texts):
            return value
        return self._scrub.value(value)

    def head(self, head: Head) -> bytes:
        """Return an answer's head without what says whose it is."""
        first, *lines = head.raw[: -len(END)].split(b"\r\n")
        kept = [first]
        for line, (name, value) in zip(lines, head.headers, strict=True):
            clean = self._header(name, value)
            if clean is not None:
                kept.append(
                    line if clean == value else line.partition(b":")[0] + b": " + clean.encode("latin-1", "replace")
                )
        return b"\r\n".join(kept) + END

    def _header(self, name: str, value: str) -> str | None:
        if _WHOSE.search(name):
            return None
        if _MADE.fullmatch(name):
            return value if not self._surely(value.encode("latin-1", "replace")) else "[secret]"
        known = (name, value)
        if known not in self._headers:
            if len(self._headers) > 1 << 12:
                self._headers.clear()
            clean = self._scrub.text(f"{name}: {value}").partition(": ")[2]
            self._headers[known] = clean
        return self._headers[known]

    def body(self, head: Head, body: bytes) -> CleanBody:
        """Return an answer's body as it may be kept."""
        if not body:
            return CleanBody(body, exact=True, readable=b"")
        plain = decoded(head, body)
        if plain is None:
            return CleanBody(None, exact=False, readable=b"")
        kind = head.get("content-type").lower()
        clean: bytes | None
        if "event-stream" in kind and "amazon" not in kind:
            clean = self._stream(plain)
        elif "amazon.eventstream" in kind:
            clean = plain if self._is_clean_stream(event_stream(plain)) and not self._surely(plain) else None
        elif "json" in kind or plain[:1] in b"{[":
            clean = self._json(plain)
        elif kind.startswith("text/") or not kind:
            clean = self._scrub.data(plain)
        else:
            clean = None if self._surely(plain) else plain
        if clean is None:
            return CleanBody(None, exact=False, readable=b"")
        exact = clean == plain
        return CleanBody(body if exact else clean, exact, clean)

    def _json(self, plain: bytes) -> bytes:
        try:
            value = json.loads(plain)
        except (ValueError, RecursionError):
            return self._scrub.data(plain)
        clean = self.value(value)
        return plain if clean is value or clean == value else json.dumps(clean, ensure_ascii=False).encode()

    def _stream(self, plain: bytes) -> bytes:
        """Clean what comes in events: a secret may be spread over many of them."""
        events = list(sse_events(plain))
        if self._is_clean_stream(one.value for one in events):
            rest = b"\n".join(one.raw for one in events if one.value is None)
            if not rest or self._scrub.data(rest) == rest:
                return plain
        said: dict[tuple[str, ...], list[str]] = {}
        for one in events:
            for path, text in _paths(one.value):
                said.setdefault(path, []).append(text)
        spread = {
            path: clean for path, texts in said.items() if (clean := self._scrub.text("".join(texts))) != "".join(texts)
        }
        parts = []
        for one in events:
            if one.value is None:
                parts.append(self._scrub.data(one.raw))
                continue
            changed = _replaced(self._scrub.value(one.value), spread, ())
            parts.append(
                one.raw if changed == one.value else one.with_data(json.dumps(changed, ensure_ascii=False).encode())
            )
        return b"".join(parts)

    def _is_clean_stream(self, values: Iterator[Any] | Any) -> bool:
        said: dict[tuple[str, ...], list[str]] = {}
        for value in values:
            for path, text in _paths(value):
                if path and self._names_a_secret(path[-1]):
                    return False
                said.setdefault(path, []).append(text)
        texts: list[str] = []
        for path, parts in said.items():
            if path and path[-1] in _PLAIN_KEYS and all(map(_PLAIN.fullmatch, set(parts))):
                texts += [one for one in set(parts) if self._surely(one.encode())]
                continue
            texts.append("".join(parts))
            texts += [one for one in parts if len(one) >= 8]
        return self._is_clean(texts)

    def _gather(self, value: Any, key: str, texts: list[str]) -> bool:
        """Collect the texts in which a secret might stand; say whether a name says that there is one."""
        if isinstance(value, str):
            if key not in _PLAIN_KEYS or not _PLAIN.fullmatch(value) or self._surely(value.encode("utf-8", "replace")):
                texts.append(value)
            return False
        if isinstance(value, dict):
            return any(
                (isinstance(inner, str) and self._names_a_secret(name)) or self._gather(inner, name, texts)
                for name, inner in value.items()
            )
        if isinstance(value, list):
            return any(self._gather(inner, key, texts) for inner in value)
        return False

    def _names_a_secret(self, name: str) -> bool:
        if name not in self._secret_names:
            self._secret_names[name] = is_secret_name(name)
        return self._secret_names[name]

    def _is_clean(self, texts: list[str]) -> bool:
        joined = _APART.join(texts)
        raw = joined.encode("utf-8", "surrogatepass")
        return self._scrub.data(raw) == raw

    def _surely(self, data: bytes) -> bool:
        spans: list[tuple[int, int]] = []
        self._scrub.needles.find(data, spans)
        find_prefixed(data, spans)
        return bool(spans)


def decoded(head: Head, body: bytes) -> bytes | None:
    """Return a body decompressed; null where its encoding is not known here, or it is not whole."""
    for encoding in reversed([word.strip() for word in head.get("content-encoding").lower().split(",")]):
        if encoding in ("", "identity"):
            continue
        if encoding not in ("gzip", "x-gzip", "deflate"):
            return None
        found = _inflated(body)
        if found is None:
            return None
        body = found
    return body


def _inflated(body: bytes) -> bytes | None:
    for wbits in (47, -15):  # gzip or zlib by their head; deflate as some servers mean it
        unpack = zlib.decompressobj(wbits)
        try:
            found = unpack.decompress(body, _LARGEST_DECODED)
        except zlib.error:
            continue
        return found if not unpack.unconsumed_tail else None
    return None


def _paths(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every text of a JSON value with its place; of events of one kind, the same place continues a text."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _paths(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            index = inner.get("index", number) if isinstance(inner, dict) else number
            yield from _paths(inner, (*path, str(index)))


def _replaced(value: Any, spread: dict[tuple[str, ...], str], path: tuple[str, ...]) -> Any:
    """Put what was spread over many events into the first of them, hidden; the others have nothing there."""
    if isinstance(value, str):
        if path in spread:
            text, spread[path] = spread[path], ""
            return text
        return value
    if isinstance(value, dict):
        return {name: _replaced(inner, spread, (*path, name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [
            _replaced(inner, spread, (*path, str(inner.get("index", number) if isinstance(inner, dict) else number)))
            for number, inner in enumerate(value)
        ]
    return value
