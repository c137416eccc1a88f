"""What was asked, in one spelling: the same question has the same key, whatever its spaces, order or client."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from evalprov.wire.messages import Head

VERSION = 1  # of the keys: another version's are not compared
KEY_BYTES = 16
IGNORED = "[ignored]"  # stands for what the settings leave out
# Lists that grow with a conversation: each of their items is a piece of its own.
_GROWING = ("messages", "contents", "input", "turns", "chat_history")
# Headers that ask for another kind of answer.
_API = ("anthropic-version", "anthropic-beta", "openai-beta", "openai-version", "x-amzn-bedrock-guardrailidentifier")
_SECRET_QUERY = re.compile(r"(?i)(api[-_]?)?key|sig|signature|.*token|x-amz-.*|x-goog-.*|authorization|code")
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
    return json.loads(body, parse_float=_number)


def question(host: str, head: Head, body: bytes, clean: Callable[[Any], Any], value: Any = None) -> CallQuestion:
    """Take a request apart; `clean` hides the secrets of a JSON value. Its own may be parsed already."""
    method, target, _ = head.first
    api = {name: value for name, value in sorted(head.headers) if name in _API}
    path = clean(normal_path(target))
    said = json.dumps(clean(api)) if api else ""
    if not body:
        return CallQuestion(host, method, path, said, b"", {}, "none")
    kind = head.get("content-type").lower()
    if value is not None or is_json(head, body):
        try:
            value = parsed(body) if value is None else value
            return CallQuestion(host, method, path, said, *taken_apart(value, clean), "json")
        except (ValueError, RecursionError):
            pass
    if kind.startswith("multipart/form-data") and (
        found := re.search(r'boundary="?([^";]+)', head.get("content-type"))
    ):
        body = body.replace(found[1].encode(), b"boundary")  # which is another each time
        kind = "form"
    else:
        kind = "bytes"
    try:
        text: Any = clean(body.decode())
    except UnicodeDecodeError:
        text = {"sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}
    return CallQuestion(host, method, path, said, canonical(text), {}, kind)


def taken_apart(value: Any, clean: Callable[[Any], Any]) -> tuple[bytes, dict[str, bytes]]:
    """Return a body's skeleton and its pieces."""
    pieces: dict[str, bytes] = {}
    if not isinstance(value, dict):
        return canonical(clean(value)), pieces
    rest = dict(value)
    lists: dict[str, list[str]] = {}
    for name in (*_GROWING, "tools", "system"):
        items = rest.get(name)
        if isinstance(items, list) and items and isinstance(items[0], dict):
            lists[name] = []
            for item in items:
                raw = canonical(clean(item))
                digest = hashlib.sha256(raw).hexdigest()[: 2 * KEY_BYTES]
                pieces[digest] = raw
                lists[name].append(_REF + digest)
            del rest[name]
    return canonical({**clean(rest), **lists}), pieces


def assembled(skeleton: bytes, piece: Callable[[str], bytes]) -> Any:
    """Return the body of a skeleton and its pieces."""
    if not skeleton:
        return None
    value = json.loads(skeleton)
    if isinstance(value, dict):
        for name, items in value.items():
            if isinstance(items, list) and items and _is_reference(items[0]):
                value[name] = [json.loads(piece(item[1:])) for item in items]
    return value


def references(skeleton: bytes) -> Iterator[str]:
    """Yield the pieces that a skeleton names."""
    value = json.loads(skeleton) if skeleton else None
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
    import msgspec

    try:
        return msgspec.json.encode(value, order="sorted")
    except (UnicodeEncodeError, msgspec.MsgspecError, OverflowError, TypeError):  # half a character, a huge number
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _number(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < 1 << 53 else number
