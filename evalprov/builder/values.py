"""What a field may hold: Python values as plain JSON values, each in one way only."""

from __future__ import annotations

import hashlib
import os
import sys
from _thread import get_ident
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypedDict

from evalprov.builder.source import NoSource, class_text, function_text, no_source, short_name, unwrapped
from evalprov.record.canonical import canonical, sha256
from evalprov.regular import sha256_of

if TYPE_CHECKING:
    from evalprov.secrets import Scrubber

FIELD_NESTING = 64
_NESTING = 80  # room for what stands around a field; a report nested 100 deep is not read


class CodeHash(TypedDict):
    """A named piece of custom logic, by its source."""

    name: str
    sha256: str  # 64 hex digits
    short: str  # the first 12 of them


def hash_code(thing: Callable[..., Any] | os.PathLike[str], name: str | None = None) -> CodeHash:
    """Return the name and the hash of a function, class, method, lambda, functools.partial, or file.

    A decorated function counts with its decorators as they stand above it; a partial by its function and arguments.
    What has no source (built in, compiled, made by exec) raises NoSource, and what is no code at all TypeError.

    >>> import textwrap
    >>> found = hash_code(textwrap.dedent)
    >>> found["name"], len(found["sha256"]), found["sha256"].startswith(found["short"])
    ('dedent', 64, True)
    """
    own_name, digest = _found(thing)
    return {"name": name or own_name, "sha256": digest, "short": digest[:12]}


def _found(thing: Any) -> tuple[str, str]:
    """Return a thing's own name and the SHA-256 that stands for it."""
    if isinstance(thing, os.PathLike):
        path = os.fsdecode(thing)
        return os.path.basename(path), file_hash(path, path)
    if isinstance(thing, type):
        return short_name(thing.__qualname__), _source_hash(class_text(thing))
    if _is_partial(thing):
        return _partial(thing)
    function = unwrapped(thing)
    code = getattr(function, "__code__", None)
    if isinstance(code, type(_found.__code__)):
        return short_name(function.__qualname__), _source_hash(function_text(function, code))
    if not callable(thing):
        raise TypeError(f"hash_code takes a function, class, method or path, not {type(thing).__name__}")
    if isinstance(type(thing).__dict__.get("__call__"), type(_found)):
        raise NoSource(
            f"{type(thing).__qualname__} is an object that can be called: what it does also depends on its state; "
            "give its class or its method, and its settings as fields of their own"
        )
    raise no_source(getattr(thing, "__qualname__", repr(thing)), "it is built in or compiled")


def _is_partial(thing: object) -> bool:
    functools = sys.modules.get("functools")
    return functools is not None and isinstance(thing, functools.partial)


def _partial(thing: Any) -> tuple[str, str]:
    """A partial counts by the canonical JSON of the function's hash and the arguments given so far."""
    name, digest = _found(thing.func)
    given = {"args": thing.args, "keywords": thing.keywords}
    return name, sha256({"function": digest, **scrubbed(plain(given, f"functools.partial({name})"))})


def _source_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def plain(
    value: object, where: str, saw_code: Callable[[str, CodeHash], None] | None = None, nesting: int = _NESTING
) -> Any:
    """Return a value as plain JSON; raise ValueError or TypeError that names the place.

    `saw_code` is told of every callable and class in it, by its place.
    """
    return _ValueReader(saw_code, nesting).read(value, where, 0)


def scrubbed(value: Any, key: str = "") -> Any:
    """Return a JSON value with every secret replaced, as the record has it: hidden, and told apart."""
    from evalprov.secrets import TellingScrubber

    return TellingScrubber(os.environ, most=float("inf")).value(value, key)


def unseen(value: Any) -> Any:
    """Return what a program said, whatever it is, as plain JSON with every secret hidden; it never fails."""
    try:
        value = plain(value, "what was said")
    except Exception:  # noqa: BLE001 - a model's words must not end the eval
        value = str(value).encode("utf-8", "replace").decode()
    return _scrubber(tuple(os.environ.items()), get_ident()).value(value)


@lru_cache(maxsize=8)
def _scrubber(environ: tuple[tuple[str, str], ...], _thread: int) -> Scrubber:
    """Return what hides secrets, one a thread, made anew where a variable came or changed: an eval says many texts."""
    from evalprov.secrets import Scrubber

    return Scrubber(dict(environ))


def text_hash(text: str) -> str:
    """Return the SHA-256 of a text's UTF-8, secrets replaced."""
    return hashlib.sha256(str(scrubbed(text)).encode()).hexdigest()


def file_hash(path: str, where: str) -> str:
    """Return the SHA-256 of a file's bytes as they are."""
    try:
        return sha256_of(path)
    except OSError as problem:
        if problem.errno:
            raise ValueError(f"{where}: cannot read {path}: {problem.strerror}") from None
        hint = "name the files, or declare a folder under [data]"
        raise ValueError(f"{where}: {path} is no regular file; {hint}") from None


def path_name(path: str) -> str:
    """Return a path as it may stand in a record: below the current folder, else the name alone.

    Where a checkout lies is no part of a program.
    """
    inside = os.path.relpath(path)
    return os.path.basename(os.path.abspath(path)) if inside.startswith("..") else inside.replace(os.sep, "/")


class _ValueReader:
    def __init__(self, saw_code: Callable[[str, CodeHash], None] | None, nesting: int) -> None:
        self._saw_code = saw_code
        self._nesting = nesting

    def read(self, value: Any, where: str, depth: int) -> Any:  # noqa: PLR0911 - one a kind
        """Return a value as plain JSON."""
        if depth > self._nesting:
            raise ValueError(f"{where[:80]}...: nested more than {self._nesting} deep, or inside itself")
        if value is None or isinstance(value, bool):
            return value
        if _is_enum(value):
            return self.read(value.value, where, depth + 1)
        if isinstance(value, str):
            return _text(value, where)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return _finite(value, where)
        if isinstance(value, Mapping):
            return self._object(value, where, depth)
        if isinstance(value, list | tuple):
            if names := getattr(value, "_fields", None):
                return self._object(dict(zip(names, value, strict=True)), where, depth)
            return [self.read(inner, f"{where}.{place}", depth + 1) for place, inner in enumerate(value)]
        if isinstance(value, set | frozenset):
            # By what they count as: a rotated secret does not reorder them.
            members = [self.read(inner, where, depth + 1) for inner in value]
            return sorted(members, key=lambda member: canonical(scrubbed(member)))
        return self._other(value, where, depth)

    def _object(self, value: Mapping[Any, Any], where: str, depth: int) -> dict[str, Any]:
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{where}: the key {key!r} is no string")
        return {_text(key, where): self.read(inner, f"{where}.{key}", depth + 1) for key, inner in value.items()}

    def _other(self, value: Any, where: str, depth: int) -> Any:
        if isinstance(value, os.PathLike):
            path = os.fsdecode(value)
            return {"path": path_name(path), "sha256": f"sha256:{file_hash(path, where)}"}
        if not isinstance(value, type):
            if hasattr(value, "__dataclass_fields__"):
                from dataclasses import fields

                inner = {field.name: getattr(value, field.name) for field in fields(value)}
                return self._object(inner, where, depth)
            if callable(dump := getattr(value, "model_dump", None)):
                return self.read(dump(), where, depth + 1)
            if callable(isoformat := getattr(value, "isoformat", None)):
                return str(isoformat())
            if (scalar := scalar_of(value)) is not value:
                return self.read(scalar, where, depth + 1)
        if not callable(value):
            raise TypeError(
                f"{where}: a {type(value).__name__} has no form in JSON; give a number, text, list, "
                "dict, set, path, dataclass or function, or its str()"
            )
        found = hash_code(value)
        if self._saw_code:
            self._saw_code(where, found)
        return dict(found)


def scalar_of(value: Any) -> Any:
    """Return numpy's and others' scalars as Python's own; anything else as it is."""
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "shape", None) == ():
        return item()
    return value


def _text(value: str, where: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{where}: {value!r} holds half a character (a lone surrogate)") from None
    return str(value)


def _finite(value: float, where: str) -> float:
    if value - value != 0:
        raise ValueError(f"{where}: {float(value)} is no JSON number; leave the field out, or give null or a text")
    return float(value)


def _is_enum(value: object) -> bool:
    # Only who imported enum can have made one; a member knows its name, and its class knows its members.
    return isinstance(getattr(type(value), "__members__", None), Mapping)
