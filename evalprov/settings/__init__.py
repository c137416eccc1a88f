"""The settings file: found, read, and checked key by key."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

from evalprov.errors import EvalprovError, UsageError
from evalprov.named import NamedTuple
from evalprov.settings.shapes import FILE, RULES, SHAPE, At, check, parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["FILE", "SHAPE", "Given", "Settings", "load", "overlay", "project_root"]


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
    text_bytes: int = 2048  # bound of each text that the eval says for a scenario; 0 keeps none
    observe: str = "project"  # or auto, strict, off
    trackers: str | tuple[str, ...] = "off"  # that learn the run's id; auto for those that are installed
    declared: Mapping[str, Any] = {}  # the checked tables, the command line's over the file's
    origins: Mapping[str, str] = {}  # dotted key of a declared value to what declared it


Given = tuple[str, str]  # an option that declares something, and its text


def load(cwd: str) -> Settings:
    """Read the nearest settings at or above a folder; the defaults where there are none."""
    found = _find(cwd)
    if found is None:
        return Settings(root=project_root(cwd))
    path, text = found
    table = _parse(path, text)
    check(table, SHAPE, At(path, text))
    facts = {name: value for name, value in table.items() if name not in RULES}
    origins = dict.fromkeys(_leaves(facts), os.path.basename(path))
    return _settings(os.path.dirname(path), path, table, origins)


def overlay(settings: Settings, given: Iterable[Given]) -> Settings:
    """Put what the command line declares over the settings; it wins."""
    table: dict[str, Any] = _copied(settings.declared)
    origins = dict(settings.origins)
    for option, text in given:
        keys, value = _set(text) if option == "--set" else _named(option, text)
        if keys[0] in RULES:
            why = f"{keys[0]} says how runs are judged and is no fact of a run"
            raise UsageError(f"{option} {text}: {why}", f"write it in {FILE}, where `evalprov gate` reads it")
        _put(table, keys, value)
        at = At(option, "", given=text)
        try:
            check(table, SHAPE, at)
        except UsageError as problem:
            # Where a text is wanted, 3 is one too.
            _put(table, keys, text.partition("=")[2])
            try:
                check(table, SHAPE, at)
            except UsageError:
                raise problem from None
        whole = ".".join(keys)
        origins = {name: origin for name, origin in origins.items() if not f"{name}.".startswith(f"{whole}.")}
        origins |= dict.fromkeys(_leaves(value, keys), option)
    return _settings(settings.root, settings.path, table, origins)


def _settings(root: str, path: str | None, table: dict[str, Any], origins: dict[str, str]) -> Settings:
    log = table.get("log", {})
    trackers = table.get("handover", {}).get("trackers", "off")
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
        text_bytes=table.get("report", {}).get("text_bytes", 2048),
        observe=table.get("observe", {}).get("mode", "project"),
        trackers=trackers if isinstance(trackers, str) else tuple(trackers),
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
    keys = parts(dotted)
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
        if (text := _read(path, ours="[tool.evalprov")) is not None:
            return path, text
        if os.path.lexists(os.path.join(folder, ".git")):
            return None
    return None


def _read(path: str, ours: str = "") -> str | None:
    """Return a file's text; null where there is none, and where it does not hold what makes it ours."""
    try:
        # A pipe must not make us wait.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            data = file.read()
        return data.decode() if ours.encode() in data else None
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise EvalprovError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    except OSError as error:
        # Somebody else's file, or a path too long to hold one of ours.
        if ours or error.errno == errno.ENAMETOOLONG:
            return None
        hint = "evalprov reads its settings from there; make the file readable, or move it away"
        raise EvalprovError(f"cannot read {path}: {error.strerror}", hint) from None


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
