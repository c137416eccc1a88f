"""What was asked, in one spelling: the same question has the same key, whatever its spaces, order or client."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from evalprov.wire.messages import Head

VERSION = 1  # of the keys: another version's are not compared
KEY_BYTES = 16
IGNORED = "[ignored]"  # stands for what the settings leave out
# Lists that grow with a conversation: each of their items is a piece of its own.
_SPLIT = ("messages", "contents", "input", "turns", "chat_history", "tools", "system")
# Headers that ask for another kind of answer.
_API = ("anthropic-version", "anthropic-beta", "openai-beta", "openai-version", "x-amzn-bedrock-guardrailidentifier")
_SECRET_QUERY = re.compile(r"(?i)(api[-_]?)?key|sig|signature|.*token|x-amz-.*|x-goog-.*|authorization|code")
_REMEMBERED = 1 << 22  # bytes of requests whose parts are known
_PATHS = 1 << 10
_REF = "\0"  # in front of a piece's hash; no JSON text has it unescaped


class CallQuestion(NamedTuple):
    """One request, taken apart: what it is asked of, and its body as a skeleton and its pieces."""

    host: str
    method: str
    path: str  # with its query in order, credentials left out
    api: str  # headers that count, as JSON
    skeleton: bytes  # canonical JSON; where a piece was stands its hash
    pieces: dict[str, bytes]  # by the first of their hash, in hexadecimal
    kind: str  # json, form, bytes, or none

    @property
    def key(self) -> bytes:
        """The same for the same question."""
        parts = (str(VERSION), self.host, self.method, self.path, self.api, self.kind)
        return hashlib.sha256("\n".join(parts).encode() + b"\n" + self.skeleton).digest()[:KEY_BYTES]

    def body(self) -> Any:
        """The body as JSON, its pieces put back; a text where it was none."""
        return assembled(self.skeleton, lambda name: self.pieces[name])


def is_json(head: Head, body: bytes) -> bool:
    """Say whether a request's body is meant as JSON."""
    return "json" in head.get("content-type").lower() or body[:1] in {b"{", b"["}


def parsed(body: bytes) -> Any:
    """Return JSON with its numbers in one spelling; ValueError where it is none."""
    try:
        return _VALUE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):  # half a character, NaN, another encoding: Python reads more
        return json.loads(body, parse_float=_number)


class RequestPart(NamedTuple):
    """A part of a request, as it is kept."""

    name: str  # the first of its hash
    data: bytes  # canonical JSON
    value: Any


class RequestParts(NamedTuple):
    """A request's body in its parts, each as it came."""

    rest: bytes
    lists: dict[str, list[bytes]]

    def all(self) -> Iterator[bytes]:
        """Yield each part."""
        yield self.rest
        for raws in self.lists.values():
            yield from raws


class PartBook:
    """Parts of requests that were cleaned and spelled already: most of them come again with the next request."""

    def __init__(self, clean: Callable[[Any], Any], parse: Callable[[bytes], Any] = parsed) -> None:
        self.clean = clean  # hides the secrets of a JSON value
        self._parse = parse
        self._known: dict[bytes, RequestPart] = {}
        self._size = 0
        self._paths: dict[str, str] = {}

    def __contains__(self, raw: bytes) -> bool:
        return raw in self._known

    def piece(self, raw: bytes) -> RequestPart:
        """Return a part, which is cleaned where it was not seen before."""
        return self._known.get(raw) or self.add(raw, self.clean(self._parse(raw)))

    def add(self, raw: bytes, value: Any) -> RequestPart:
        """Take up a part that is clean."""
        data = canonical(value)
        piece = self._known[raw] = RequestPart(hashlib.sha256(data).hexdigest()[: 2 * KEY_BYTES], data, value)
        self._size += len(raw)
        return piece

    def trim(self) -> None:
        """Forget all, where it has become much."""
        if self._size > _REMEMBERED:
            self._known, self._size = {}, 0

    def path(self, target: str) -> str:
        """Return a request's path as it is kept."""
        if (path := self._paths.get(target)) is None:
            if len(self._paths) >= _PATHS:
                self._paths.clear()
            path = self._paths[target] = self.clean(normal_path(target))
        return path

    def value(self, parts: RequestParts) -> Any:
        """Return a body as a value, less its secrets."""
        rest = self.piece(parts.rest).value
        if not parts.lists:
            return rest
        return {**rest, **{name: [self.piece(raw).value for raw in raws] for name, raws in parts.lists.items()}}


def parts_of(body: bytes) -> RequestParts:
    """Return a JSON body in its parts; ValueError where it is none."""
    try:
        members = _MEMBERS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        value = parsed(body)
        if not isinstance(value, dict):
            return RequestParts(body, {})
        members = {name: msgspec.Raw(json.dumps(inner).encode()) for name, inner in value.items()}
    lists = {}
    for name in _SPLIT:
        if name in members and bytes(members[name])[:1] == b"[":
            items = _items(bytes(members[name]))
            if items and items[0][:1] == b"{":
                lists[name] = items
                del members[name]
    return RequestParts(msgspec.json.encode(members), lists)


def _items(raw: bytes) -> list[bytes]:
    try:
        return [bytes(item) for item in _ITEMS.decode(raw)]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [json.dumps(item).encode() for item in json.loads(raw)]


def question(host: str, head: Head, body: bytes, book: PartBook, parts: RequestParts | None = None) -> CallQuestion:
    """Take a request apart, whose body may be in parts already."""
    method, target, _ = head.first
    path = book.path(target)
    api = dict(sorted(pair for pair in head.headers if pair[0] in _API))
    said = json.dumps(book.clean(api)) if api else ""
    if not body:
        return CallQuestion(host, method, path, said, b"", {}, "none")
    if parts is not None or is_json(head, body):
        try:
            return CallQuestion(host, method, path, said, *taken_apart(parts or parts_of(body), book), "json")
        except (ValueError, RecursionError):
            pass
    kind = head.get("content-type").lower()
    if kind.startswith("multipart/form-data") and (
        found := re.search(r'boundary="?([^";]+)', head.get("content-type"))
    ):
        body = body.replace(found[1].encode(), b"boundary")  # which is another each time
        kind = "form"
    else:
        kind = "bytes"
    try:
        text: Any = book.clean(body.decode())
    except UnicodeDecodeError:
        text = {"sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}
    return CallQuestion(host, method, path, said, canonical(text), {}, kind)


def taken_apart(parts: RequestParts, book: PartBook) -> tuple[bytes, dict[str, bytes]]:
    """Return a body's skeleton and its pieces."""
    rest = book.piece(parts.rest)
    if not parts.lists:
        return rest.data, {}
    pieces: dict[str, bytes] = {}
    lists: dict[str, list[str]] = {}
    for name, raws in parts.lists.items():
        known = [book.piece(raw) for raw in raws]
        pieces.update((one.name, one.data) for one in known)
        lists[name] = [_REF + one.name for one in known]
    return canonical({**rest.value, **lists}), pieces


def assembled(skeleton: bytes, piece: Callable[[str], bytes]) -> Any:
    """Return the body of a skeleton and its pieces."""
    if not skeleton:
        return None
    value = _loaded(skeleton)
    if isinstance(value, dict):
        for name, items in value.items():
            if isinstance(items, list) and items and _is_reference(items[0]):
                value[name] = [_loaded(piece(item[1:])) for item in items]
    return value


def _loaded(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:  # half a character
        return json.loads(raw)


def references(skeleton: bytes) -> Iterator[str]:
    """Yield the pieces that a skeleton names."""
    value = _loaded(skeleton) if skeleton else None
    for items in value.values() if isinstance(value, dict) else ():
        if isinstance(items, list) and items and _is_reference(items[0]):
            yield from (item[1:] for item in items)


def _is_reference(item: object) -> bool:
    return isinstance(item, str) and item[:1] == _REF and len(item) == 1 + 2 * KEY_BYTES


def ignoring(asked: CallQuestion, patterns: Iterable[re.Pattern[str]]) -> bytes:
    """Return the key a question has where what fits these patterns does not count."""
    known = list(patterns)
    path = _without(asked.path, known)
    body = canonical(_without(asked.body(), known))
    return asked._replace(path=path, skeleton=body, pieces={}).key


def _without(value: Any, patterns: list[re.Pattern[str]]) -> Any:
    if isinstance(value, str):
        for pattern in patterns:
            value = pattern.sub(IGNORED, value)
        return value
    if isinstance(value, dict):
        return {name: _without(inner, patterns) for name, inner in value.items()}
    return [_without(inner, patterns) for inner in value] if isinstance(value, list) else value


def normal_path(target: str) -> str:
    """Return a request's path with its query in order and less what lets somebody in."""
    path, mark, query = target.partition("?")
    if not mark:
        return path
    pairs = [
        (name, value) for name, value in parse_qsl(query, keep_blank_values=True) if not _SECRET_QUERY.fullmatch(name)
    ]
    return f"{path}?{urlencode(sorted(pairs))}" if pairs else path


def canonical(value: Any) -> bytes:
    """Return JSON in one spelling: keys in order, no spaces, a whole number without a point."""
    try:
        return msgspec.json.encode(value, order="sorted")
    except (UnicodeEncodeError, msgspec.MsgspecError, OverflowError, TypeError):  # half a character, a huge number
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _number(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < 1 << 53 else number


_VALUE = msgspec.json.Decoder(float_hook=_number)
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
