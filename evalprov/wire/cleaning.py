"""What may be kept of a call: no key, no cookie, no organisation, and no secret in what was said."""

from __future__ import annotations

import json
import re
import zlib
from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple
from evalprov.secrets import is_secret_name
from evalprov.secrets.shapes import find_prefixed
from evalprov.wire.asked import PartBook
from evalprov.wire.events import event_stream, sse_events
from evalprov.wire.messages import END

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from evalprov.secrets import Scrubber
    from evalprov.wire.events import SentEvent
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
_NESTED = (dict, list)
_LARGEST_DECODED = 256 << 20
_NAMES = 1 << 12  # that are remembered
_LEAST = 8  # characters of a piece in which a secret may stand by itself


class CleanBody(NamedTuple):
    """A body as it may be kept."""

    body: bytes | None  # null where it cannot be kept at all
    exact: bool  # byte for byte as it was
    readable: bytes  # decompressed, for who reads it


class LookedTexts:
    """Texts that are still to be looked at, of one call or of many: together that costs a fraction of each alone."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.made: list[str] = []  # ids and the like: nobody chose them, so only what is surely a secret is looked for
        self.odd = False  # a name says that its value is a secret


class CallCleaner:
    """Hides the secrets of JSON values, heads and bodies; what it has seen once it knows."""

    def __init__(self, scrub: Scrubber) -> None:
        self._scrub = scrub
        self.book = PartBook(self.value)  # what is known of requests
        self._secret_names: dict[str, bool] = {}
        self._headers: dict[bytes, bytes | None] = {}
        self._made: dict[str, bool] = {}

    def value(self, value: Any) -> Any:
        """Return a JSON value without its secrets."""
        looked = LookedTexts()
        self.look(value, looked)
        return value if self.is_clean(looked) else self._scrub.value(value)

    def look(self, value: Any, looked: LookedTexts) -> None:
        """Collect the texts of a JSON value."""
        if isinstance(value, dict):
            for name, inner in value.items():
                if isinstance(inner, str):
                    plain = name in _PLAIN_KEYS and _PLAIN.fullmatch(inner)
                    (looked.made if plain else looked.said).append(inner)
                    if self._secret_names.get(name, True) and self._names_a_secret(name):
                        looked.odd = True
                elif isinstance(inner, _NESTED):
                    self.look(inner, looked)
        elif isinstance(value, list):
            for inner in value:
                if isinstance(inner, _NESTED):
                    self.look(inner, looked)
                elif isinstance(inner, str):
                    looked.said.append(inner)
        elif isinstance(value, str):
            looked.said.append(value)

    def look_at_events(self, values: Iterable[Any], looked: LookedTexts) -> None:
        """Collect the texts of a stream: those at one place are one text, for a secret may be spread over them."""
        said: dict[tuple[str, ...], list[str]] = {}
        for value in values:
            for path, text in _paths(value):
                said.setdefault(path, []).append(text)
        for path, parts in said.items():
            looked.odd = looked.odd or bool(path and self._names_a_secret(path[-1]))
            different = set(parts)
            if path and path[-1] in _PLAIN_KEYS and all(map(_PLAIN.fullmatch, different)):
                looked.made += different
                continue
            looked.said.append("".join(parts))
            looked.said += [one for one in different if len(one) >= _LEAST]

    def look_at_stream(self, events: list[SentEvent], looked: LookedTexts) -> None:
        """Collect the texts of events, and the lines of those that are none in JSON."""
        self.look_at_events((one.value for one in events), looked)
        looked.said.append(b"\n".join(one.raw for one in events if one.value is None).decode("utf-8", "replace"))

    def is_clean(self, looked: LookedTexts) -> bool:
        """Say whether there is no secret in any of these texts."""
        if looked.odd or self._surely(_APART.join(looked.made).encode("utf-8", "surrogatepass")):
            return False
        raw = _APART.join(looked.said).encode("utf-8", "surrogatepass")
        return self._scrub.data(raw) == raw

    def look_at_head(self, head: Head, looked: LookedTexts) -> None:
        """Collect what an answer's head says that is another each time."""
        looked.made += [value for name, value in head.headers if self._is_made(name)]

    def head(self, head: Head, *, clean: bool = False) -> bytes:
        """Return an answer's head without what says whose it is; where it was looked at, it is clean otherwise."""
        first, *lines = head.raw[: -len(END)].split(b"\r\n")
        kept = [first]
        for line, (name, value) in zip(lines, head.headers, strict=True):
            said = line if clean and self._is_made(name) else self._header(line, name, value)
            if said is not None:
                kept.append(said)
        return b"\r\n".join(kept) + END

    def _is_made(self, name: str) -> bool:
        known = self._made.get(name)
        if known is None:
            if len(self._made) > _NAMES:
                self._made.clear()
            known = self._made[name] = not _WHOSE.search(name) and bool(_MADE.fullmatch(name))
        return known

    def _header(self, line: bytes, name: str, value: str) -> bytes | None:
        if self._is_made(name):
            secret = self._surely(value.encode("latin-1", "replace"))
            return line.partition(b":")[0] + b": [secret]" if secret else line
        if line not in self._headers:
            if len(self._headers) > _NAMES:
                self._headers.clear()
            self._headers[line] = None if _WHOSE.search(name) else self._clean_header(line, name, value)
        return self._headers[line]

    def _clean_header(self, line: bytes, name: str, value: str) -> bytes:
        said = self._scrub.text(f"{name}: {value}").partition(": ")[2]
        return line if said == value else line.partition(b":")[0] + b": " + said.encode("latin-1", "replace")

    def body(self, head: Head, body: bytes) -> CleanBody:
        """Return an answer's body as it may be kept."""
        if not body:
            return CleanBody(body, exact=True, readable=b"")
        plain = decoded(head, body)
        if plain is None:
            return CleanBody(None, exact=False, readable=b"")
        kind = head.get("content-type").lower()
        clean: bytes | None
        if is_event_stream(kind):
            clean = self._stream(plain)
        elif "amazon.eventstream" in kind:
            looked = LookedTexts()
            self.look_at_events(event_stream(plain), looked)
            clean = plain if self.is_clean(looked) and not self._surely(plain) else None
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
        looked = LookedTexts()
        self.look_at_stream(events, looked)
        if self.is_clean(looked):
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

    def _names_a_secret(self, name: str) -> bool:
        known = self._secret_names.get(name)
        if known is None:
            known = self._secret_names[name] = is_secret_name(name)
        return known

    def _surely(self, data: bytes) -> bool:
        spans: list[tuple[int, int]] = []
        self._scrub.needles.find(data, spans)
        find_prefixed(data, spans)
        return bool(spans)


def is_event_stream(kind: str) -> bool:
    """Say whether an answer of a kind comes in server-sent events; AWS's are others."""
    return "event-stream" in kind and "amazon" not in kind


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
