"""Configuration files read as values: JSON, TOML and YAML, brought to what JSON can say."""

from __future__ import annotations

import hashlib
import json
from binascii import b2a_base64
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

Format = Literal["json", "toml", "yaml", "bytes"]
FORMATS: dict[str, Format] = {".json": "json", ".toml": "toml", ".yaml": "yaml", ".yml": "yaml"}

NODES = 1_000_000  # of a YAML file once its aliases stand in full
DEPTH = 200
ENTRIES = 2000
LONGEST = 1024  # characters of one text


class NotParsed(Exception):  # noqa: N818 - the file is taken by its bytes then
    """The file is not what its name says; the words say why and where."""


class Parsed(NamedTuple):
    """A file's value and what was odd about it."""

    value: Any
    oddities: list[str]


def parse(data: bytes, kind: Format) -> Parsed:
    """Read the bytes as this format, or raise Unreadable."""
    oddities: list[str] = []
    try:
        value = {"json": _json, "toml": _toml, "yaml": _yaml}[kind](data, oddities)
        return Parsed(_plain(value, oddities), oddities)
    except RecursionError:
        raise NotParsed("nested too deeply") from None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise NotParsed(f"line {line}: not UTF-8") from None
    except ValueError as error:
        raise NotParsed(str(error)) from None


def _json(data: bytes, oddities: list[str]) -> Any:
    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        whole = dict(pairs)
        if len(whole) < len(pairs):
            seen: set[str] = set()
            twice = [key for key, _ in pairs if key in seen or seen.add(key)]  # type: ignore[func-returns-value]
            oddities.extend(f"key {key!r} stands twice; the last counts" for key in dict.fromkeys(twice))
        return whole

    def refuse(constant: str) -> None:
        raise NotParsed(f"{constant} is not JSON")

    return json.loads(data, object_pairs_hook=members, parse_constant=refuse)


def _toml(data: bytes, _: list[str]) -> Any:
    import tomllib

    return tomllib.loads(data.decode())


def _yaml(data: bytes, oddities: list[str]) -> Any:
    import yaml

    try:
        documents = _documents(data, oddities, yaml)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise NotParsed(f"{where}{error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise NotParsed(" ".join(str(error).split())) from None
    except (TypeError, AttributeError, KeyError) as error:  # a tag on a value that it does not fit
        raise NotParsed(f"{type(error).__name__}: {error}") from None
    return documents[0] if len(documents) == 1 else documents or None


def _documents(data: bytes, oddities: list[str], yaml: Any) -> list[Any]:
    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    # The C composer recurses without a bound, and would take the process with it.
    _bound_depth(yaml.parse(data, Loader=base))
    loader = base(data)
    documents = []
    try:
        while loader.check_node():
            node = loader.get_node()
            _count(node, {}, oddities)
            documents.append(loader.construct_document(node))
    finally:
        loader.dispose()
    return documents


def _bound_depth(events: Iterator[Any]) -> None:
    depth = 0
    for event in events:
        kind = type(event).__name__
        depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
        if depth > DEPTH:
            raise NotParsed(f"line {event.start_mark.line + 1}: nested too deeply")


def _count(node: Any, known: dict[int, int], oddities: list[str]) -> int:
    """Return how many nodes this one stands for with its aliases in full, before any of them is built."""
    key = id(node)
    if key in known:
        if not known[key]:
            raise NotParsed("an alias stands for a part of itself")
        return known[key]
    known[key] = 0
    total = 1
    inner: list[Any] = node.value if isinstance(node.value, list) else []
    keys: set[tuple[str, str]] = set()
    for child in inner:
        for part in child if isinstance(child, tuple) else (child,):
            total += _count(part, known, oddities)
        if isinstance(child, tuple) and isinstance(child[0].value, str):
            name = (child[0].tag, child[0].value)
            if name in keys:
                line = child[0].start_mark.line + 1
                oddities.append(f"line {line}: key {child[0].value!r} stands twice; the last counts")
            keys.add(name)
    if total > NODES:
        raise NotParsed(f"its aliases make more than {NODES:,} values")
    known[key] = total
    return total


def _plain(value: Any, oddities: list[str]) -> Any:
    """Bring a value to what JSON can say."""
    if isinstance(value, dict):
        return _members(value, oddities)
    if isinstance(value, list | tuple):
        return [_plain(inner, oddities) for inner in value]
    if isinstance(value, set):
        return sorted((_plain(inner, oddities) for inner in value), key=json.dumps)
    if isinstance(value, bytes):
        return b2a_base64(value, newline=False).decode()
    if isinstance(value, float) and not isfinite(value):
        raise NotParsed(f"{value} is no number that JSON has")
    # Dates and times are all that is left beside plain values.
    return value if value is None or isinstance(value, str | int | float) else str(value.isoformat())


def _members(value: dict[Any, Any], oddities: list[str]) -> dict[str, Any]:
    whole = {}
    for key, inner in value.items():
        name = _key(key)
        if name in whole:
            oddities.append(f"two keys read {name!r}; the last counts")
        whole[name] = _plain(inner, oddities)
    return whole


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, bool | int | float):
        return json.dumps(key)
    return str(key.isoformat()) if hasattr(key, "isoformat") else str(key)


def flatten(value: Any) -> tuple[dict[str, Any], bool]:
    """Return the value's leaves by dotted path, and whether all of them are there.

    A list of plain values is a leaf. A key that could be misread stands in quotes: one with a dot, an empty
    one, one of digits, which without quotes is a place in a list. A long text is cut, with its hash so that
    it differs from another that begins alike.
    """
    leaves: dict[str, Any] = {}
    room = ENTRIES
    for path, leaf in _leaves(value, ""):
        room -= max(1, len(leaf)) if isinstance(leaf, list) else 1
        if room < 0:
            return leaves, False
        leaves[path or "."] = [_short(one) for one in leaf] if isinstance(leaf, list) else _short(leaf)
    return leaves, True


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    items: Any = None
    if isinstance(value, dict):
        items = ((_quoted(key), inner) for key, inner in value.items())
    elif isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        items = ((str(place), inner) for place, inner in enumerate(value))
    if not value or items is None:
        yield path, value
        return
    for name, inner in items:
        yield from _leaves(inner, f"{path}.{name}" if path else name)


def _quoted(key: str) -> str:
    plain = key and not key.isdigit() and not set(key) & {".", '"'}
    return key if plain else json.dumps(key, ensure_ascii=False)


def _short(leaf: Any) -> Any:
    if isinstance(leaf, str) and len(leaf) > LONGEST:
        digest = hashlib.sha256(leaf.encode("utf-8", "backslashreplace")).hexdigest()[:12]
        return f"{leaf[:LONGEST]}... ({len(leaf)} characters, sha256:{digest})"
    return leaf
