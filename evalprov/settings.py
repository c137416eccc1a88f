"""The settings file: found, read, and checked key by key."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from evalprov.errors import EvalprovError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FILE = "evalprov.toml"


class Settings(NamedTuple):
    """What the project asks for; every field has a value that suits a project without a settings file."""

    root: str  # the project root: the settings file's folder, else the git root, else here; absolute
    path: str | None = None  # the settings file; absolute
    scenario: str | None = None
    golden_version: str | None = None
    store: str = "metrics"  # relative to the root, or absolute
    config_files: tuple[str, ...] = ()  # paths and globs relative to the root
    versions: Mapping[str, str] = {}  # tool name to the shell command that prints its version
    env_allow: tuple[str, ...] = ()  # further environment variables to record: names or globs
    env_secret: tuple[str, ...] = ()  # further names whose values are secrets: names or globs
    log: str = "bounded"  # bounded, full or off
    log_bytes: int = 1 << 20  # bound of a log, half for the head and half for the tail
    declared: Mapping[str, Any] = {}  # the checked tables, the command line's over the file's
    origins: Mapping[str, str] = {}  # dotted key of a declared value to what declared it


Given = tuple[str, str]  # an option that declares something, and its text


class Each(NamedTuple):
    """A table whose keys are the user's own names."""

    shape: Any

    def check(self, value: object, at: _At) -> None:
        """Refuse what does not fit."""
        for name, item in _table(value, at).items():
            _check(item, self.shape, at.inside(name))


class Choice(NamedTuple):
    """One of a few words."""

    words: tuple[str, ...]

    def check(self, value: object, at: _At) -> None:
        """Refuse what does not fit."""
        if value not in self.words:
            raise at.fail(f"must be one of {', '.join(self.words)}, not {value!r}")


class AtLeast(NamedTuple):
    """A whole number from a bound on."""

    bound: int

    def check(self, value: object, at: _At) -> None:
        """Refuse what does not fit."""
        _check(value, int, at)
        if isinstance(value, int) and value < self.bound:
            raise at.fail(f"must be at least {self.bound}, not {value}")


class AnyOf(NamedTuple):
    """One of several shapes, in words."""

    shapes: tuple[Any, ...]
    words: str

    def check(self, value: object, at: _At) -> None:
        """Refuse what does not fit."""
        tables = [shape for shape in self.shapes if isinstance(shape, dict)]
        if isinstance(value, dict) and tables:
            _check_table(value, tables[0], at)
        elif type(value) not in self.shapes:
            raise at.fail(f"must be {self.words}, not {_name(value)}")


class Required(NamedTuple):
    """A key that its table must have."""

    shape: Any

    def check(self, value: object, at: _At) -> None:
        """Refuse what does not fit."""
        _check(value, self.shape, at)


NUMBER = AnyOf((int, float), "a number")
STRINGS = (str,)
_VERSIONED = AnyOf((str, {"path": Required(str), "version": str}), 'a path, or {path = "...", version = "..."}')

# Every key there is. A type is that type, a one-tuple a list of it, a dict a table with these keys.
SHAPE: dict[str, Any] = {
    "scenario": str,
    "golden_version": str,
    "store": str,
    "log": {"mode": Choice(("bounded", "full", "off")), "bytes": AtLeast(0)},
    "model": {
        "provider": str,
        "model": str,
        "version": str,
        "temperature": NUMBER,
        "top_p": NUMBER,
        "top_k": int,
        "max_tokens": int,
        "seed": int,
        "stop_sequences": STRINGS,
        "extra": Each(object),
    },
    "prompts": Each(_VERSIONED),
    "config": {"files": STRINGS},
    "data": Each(_VERSIONED),
    "retrieval": {
        "embedding_model": str,
        "index": str,
        "top_k": int,
        "reranker": str,
        "rerank_top_n": int,
        "chunk_size": int,
        "chunk_overlap": int,
        "extra": Each(object),
    },
    "agent": {"name": str, "version": str, "graph": str, "config": str},
    "tools": ({"name": Required(str), "version": str, "description": str, "schema": str},),
    "grader": {"files": STRINGS, "version": str, "metrics": Each(str)},
    "code": {"include": STRINGS, "exclude": STRINGS, "algorithms": Each(str)},
    "infra": {
        "cpu_guaranteed": NUMBER,
        "cpu_hard_limit": NUMBER,
        "memory_guaranteed_mb": int,
        "memory_hard_limit_mb": int,
        "time_budget_seconds": NUMBER,
        "concurrency_level": int,
        "runtime_platform": str,
        "sandbox_provider": str,
        "harness_version": str,
    },
    "versions": Each(str),
    "env": {"record": STRINGS, "secret": STRINGS},
}

_WORDS = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    object: "anything",
}


def load(cwd: str) -> Settings:
    """Read the nearest settings at or above a folder; the defaults where there are none."""
    found = _find(cwd)
    if found is None:
        return Settings(root=project_root(cwd))
    path, text = found
    table = _parse(path, text)
    _check(table, SHAPE, _At(path, text))
    origins = dict.fromkeys(_leaves(table), os.path.basename(path))
    return _settings(os.path.dirname(path), path, table, origins)


def overlay(settings: Settings, given: Iterable[Given]) -> Settings:
    """Put what the command line declares over the settings; it wins."""
    table: dict[str, Any] = _copied(settings.declared)
    origins = dict(settings.origins)
    for option, text in given:
        keys, value = _set(text) if option == "--set" else _named(option, text)
        _put(table, keys, value)
        at = _At(option, "", given=text)
        try:
            _check(table, SHAPE, at)
        except UsageError as problem:
            # Where a text is wanted, 3 is one too.
            _put(table, keys, text.partition("=")[2])
            try:
                _check(table, SHAPE, at)
            except UsageError:
                raise problem from None
        whole = ".".join(keys)
        origins = {name: origin for name, origin in origins.items() if not f"{name}.".startswith(f"{whole}.")}
        origins |= dict.fromkeys(_leaves(value, keys), option)
    return _settings(settings.root, settings.path, table, origins)


def _settings(root: str, path: str | None, table: dict[str, Any], origins: dict[str, str]) -> Settings:
    log = table.get("log", {})
    env = table.get("env", {})
    return Settings(
        root=root,
        path=path,
        scenario=table.get("scenario"),
        golden_version=table.get("golden_version"),
        store=table.get("store", "metrics"),
        config_files=tuple(table.get("config", {}).get("files", ())),
        versions=table.get("versions", {}),
        env_allow=tuple(env.get("record", ())),
        env_secret=tuple(env.get("secret", ())),
        log=log.get("mode", "bounded"),
        log_bytes=log.get("bytes", 1 << 20),
        declared=table,
        origins=origins,
    )


def _put(table: dict[str, Any], keys: tuple[str, ...], value: Any) -> None:
    for key in keys[:-1]:
        known = table.get(key)
        inner = dict(known) if isinstance(known, dict) else {}
        table[key] = inner
        table = inner
    table[keys[-1]] = value


def _copied(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, dict) else value for key, value in table.items()}


def _leaves(value: Any, keys: tuple[str, ...] = ()) -> Iterator[str]:
    """Return the dotted names of the values in a table."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*keys, key))
    else:
        yield ".".join(keys)


def _set(text: str) -> tuple[tuple[str, ...], Any]:
    """Read KEY=VALUE, the value as TOML where it is that, else as text."""
    import tomllib

    dotted, equals, value = text.partition("=")
    keys = _parts(dotted)
    if not equals or not all(keys):
        raise UsageError(f"--set {text}: it takes KEY=VALUE", "for example: --set model.temperature=0.2")
    try:
        return keys, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return keys, value


def _named(option: str, text: str) -> tuple[tuple[str, ...], Any]:
    """Read NAME=PATH or NAME=PATH@VERSION."""
    table = {"--prompt": "prompts", "--data": "data"}[option]
    name, equals, path = text.partition("=")
    path, _, version = path.partition("@")
    if not name or not equals or not path:
        raise UsageError(f"{option} {text}: it takes NAME=PATH or NAME=PATH@VERSION")
    return (table, name), {"path": path, "version": version} if version else path


def project_root(cwd: str) -> str:
    """Return the root of the git work tree around a folder, else the folder itself."""
    for folder in _upward(cwd):
        if os.path.lexists(os.path.join(folder, ".git")):
            return folder
    return cwd


def _upward(folder: str) -> list[str]:
    chain = [folder]
    while (parent := os.path.dirname(folder)) != folder:
        chain.append(parent)
        folder = parent
    return chain


def _find(cwd: str) -> tuple[str, str] | None:
    """Return the nearest settings file and its text; a repository's border is not crossed."""
    for folder in _upward(cwd):
        path = os.path.join(folder, FILE)
        if (text := _read(path)) is not None:
            return path, text
        path = os.path.join(folder, "pyproject.toml")
        if (text := _read(path)) is not None and "[tool.evalprov" in text:
            return path, text
        if os.path.lexists(os.path.join(folder, ".git")):
            return None
    return None


def _read(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            return file.read().decode()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise EvalprovError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    except OSError as error:
        hint = "evalprov reads its settings from there; make the file readable, or move it away"
        raise EvalprovError(f"{path}: cannot be read: {error.strerror}", hint) from None


def _parse(path: str, text: str) -> dict[str, Any]:
    import tomllib

    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise EvalprovError(f"{path}: not valid TOML: {error}") from None
    if os.path.basename(path) == FILE:
        return table
    section = table.get("tool", {}).get("evalprov", {})
    if not isinstance(section, dict):
        raise EvalprovError(f"{path}: tool.evalprov must be a table")
    return section


class _At(NamedTuple):
    """A place in the settings, for messages."""

    path: str
    text: str
    keys: tuple[str, ...] = ()
    given: str | None = None  # on the command line

    def inside(self, key: str) -> _At:
        """Go into a table or a list."""
        return self._replace(keys=(*self.keys, key))

    def fail(self, problem: str, hint: str = "") -> EvalprovError:
        """Return the error that says what is wrong here."""
        if self.given is not None:
            return UsageError(f"{self.path} {self.given}: {'.'.join(self.keys)}: {problem}", hint)
        line = self._line(self.keys)
        where = f"{self.path}:{line}" if line else self.path
        return EvalprovError(f"{where}: {'.'.join(self.keys)}: {problem}", hint)

    def _line(self, keys: tuple[str, ...]) -> int | None:
        """Find the line a key stands on; the parser does not say."""
        import re

        prefix = () if os.path.basename(self.path) == FILE else ("tool", "evalprov")
        wanted = prefix + tuple(key for key in keys if not key.isdigit())
        table: tuple[str, ...] = ()
        for number, line in enumerate(self.text.splitlines(), 1):
            if header := re.match(r"\s*\[\[?([^\]]+)\]", line):
                table = _parts(header[1])
                if table == wanted:
                    return number
            elif (pair := re.match(r"\s*([^=#]+?)\s*=", line)) and (*table, *_parts(pair[1])) == wanted:
                return number
        return self._line(keys[:-1]) if len(wanted) > len(prefix) + 1 else None


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip(" \"'") for part in dotted.split("."))


def _check(value: object, shape: Any, at: _At) -> None:
    """Hold a value against its shape; the first misfit is an error that names it."""
    if isinstance(shape, dict):
        _check_table(value, shape, at)
    elif type(shape) is tuple:
        if not isinstance(value, list):
            raise at.fail(f"must be a list, not {_name(value)}")
        for number, item in enumerate(value):
            _check(item, shape[0], at.inside(str(number)))
    elif not isinstance(shape, type):
        shape.check(value, at)
    elif shape is not object and type(value) is not shape:
        raise at.fail(f"must be {_WORDS[shape]}, not {_name(value)}")


def _check_table(value: object, shape: dict[str, Any], at: _At) -> None:
    table = _table(value, at)
    for name, item in table.items():
        if name not in shape:
            raise at.inside(name).fail("there is no such key", _nearest(name, shape))
        _check(item, shape[name], at.inside(name))
    for name, inner in shape.items():
        if isinstance(inner, Required) and name not in table:
            raise at.fail(f"the key {name} is missing")


def _table(value: object, at: _At) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise at.fail(f"must be a table, not {_name(value)}")
    return value


def _nearest(name: str, shape: dict[str, Any]) -> str:
    import difflib

    near = difflib.get_close_matches(name, shape, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"the keys here are {', '.join(shape)}"


def _name(value: object) -> str:
    names = {str: "a string", bool: "a boolean", int: "a whole number", float: "a number"}
    names |= {list: "a list", dict: "a table"}
    return names.get(type(value), "a date or time")
