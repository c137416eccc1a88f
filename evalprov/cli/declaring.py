"""Settings that would declare what a run used: which tables, and put into a file without harm to what stands there."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING, Any

from evalprov.errors import EvalprovError
from evalprov.explain.used import undeclared_variables
from evalprov.named import NamedTuple
from evalprov.record.declared_by import declared_by
from evalprov.record.hidden import PLACEHOLDER
from evalprov.regular import reading
from evalprov.settings import FILE, SHAPE
from evalprov.settings.fitting import LISTED, kind_of, named
from evalprov.settings.shapes import At, check
from evalprov.store.folder import Folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from evalprov.record.manifest import Manifest
    from evalprov.settings import Settings

MANY = 5  # files of a folder; of more the folder is declared
SOURCES = (".py", ".pyi", ".so", ".js", ".ts", ".sh")  # no setting declares these: git does, or the program's folder

Tables = dict[str, dict[str, Any]]


class WrittenSettings(NamedTuple):
    """What became of the tables."""

    path: str | None  # the file that has them now; null where none was written
    left: Tables  # what is still to be put there by hand
    why: str | None


class WholeSettings(NamedTuple):
    """All that declares a run."""

    tables: dict[str, Any]
    lost: list[str]  # keys of which its record lacks the value
    gone: list[str]  # files that are not here any more


def tables_for(m: Manifest, settings: Settings) -> Tables:
    """Return the settings that would declare what a run read and nobody declared, or declared as code alone."""
    declared = settings.declared
    found: dict[str, list[str]] = {"prompts": [], "config": [], "data": []}
    for name, one in m["observed"]["inputs"].items():
        if one["layer"] not in (None, "code") or PLACEHOLDER in name or name.endswith(SOURCES):
            continue
        kind = kind_of(name) or (None if one["layer"] else "data")
        if kind and os.path.isfile(os.path.join(settings.root, name)):
            found[kind].append(name)
    tables: Tables = {}
    for kind in ("prompts", "data"):
        known = declared.get(kind, {})
        paths = {os.path.normpath(one if isinstance(one, str) else one["path"]) for one in known.values()}
        fresh = [path for path in _gathered(found[kind]) if path not in paths]
        if fresh:
            tables[kind] = named(fresh[:LISTED], known)
    if fresh := [path for path in found["config"] if path not in m["config"]["files"]][:LISTED]:
        tables["config"] = {"files": fresh}
    if names := [name for name in undeclared_variables(m) if PLACEHOLDER not in name][:LISTED]:
        tables["env"] = {"record": names}
    return tables


def whole_tables_for(m: Manifest, settings: Settings) -> WholeSettings:
    """Return the settings that would declare all that a run used: what it was declared with, and what it read."""
    tables, lost = declared_by(m)
    gone: list[str] = []

    def kept(said: str | Mapping[str, str]) -> bool:
        path = said if isinstance(said, str) else said["path"]
        there = os.path.join(settings.root, path)
        if found := os.path.exists(there) or os.path.exists(f"{there}.dvc"):
            return found
        gone.append(path)
        return False

    for kind in {"prompts", "data"} & tables.keys():
        tables[kind] = {name: one for name, one in tables[kind].items() if kept(one)}
    if config := tables.get("config"):
        config["files"] = list(filter(kept, config["files"]))
    for kind, table in tables_for(m, settings._replace(declared=tables)).items():
        mine = tables.setdefault(kind, {})
        for key, value in table.items():
            mine[key] = [*mine.get(key, ()), *value] if isinstance(value, list) else value
    for name, table in list(tables.items()):
        try:
            check({name: table}, SHAPE, At(FILE, ""))
        except EvalprovError:  # a record may hold what no setting takes, as other versions did
            lost.append(name)
            del tables[name]
    return WholeSettings({name: table for name, table in tables.items() if table}, lost, gone)


def _gathered(names: Iterable[str]) -> Iterator[str]:
    """Give files, and in place of many of one folder that folder."""
    folders: dict[str, list[str]] = {}
    for name in names:
        folders.setdefault(os.path.dirname(name), []).append(name)
    for folder, inside in folders.items():
        if len(inside) > MANY and folder.strip("/"):
            yield folder
        else:
            yield from inside


def as_toml(tables: Tables) -> str:
    """Return tables as the text of a settings file."""
    import tomli_w

    return tomli_w.dumps(tables)


def write(tables: Tables, settings: Settings) -> WrittenSettings:
    """Add tables to the settings file, behind all that stands there; what cannot be added so is handed back."""
    path = settings.path or os.path.join(settings.root, FILE)
    if os.path.basename(path) != FILE:
        return WrittenSettings(
            None, tables, f"the settings are in {path}: there each table's name begins with tool.evalprov"
        )
    real = os.path.realpath(path)
    old = _read(real)
    text = (old or b"").decode()
    left: Tables = {}
    for name, table in tables.items():
        longer = _appended(text, name, table)
        if longer is None:
            left[name] = table
        else:
            text = longer
    if len(left) < len(tables):
        _replace(real, old, text.encode())
    why = f"{', '.join(left)} stands there already: these lines are for you to add" if left else None
    return WrittenSettings(path if len(left) < len(tables) else None, left, why)


def _appended(text: str, name: str, table: Mapping[str, Any]) -> str | None:
    """Return a settings file's text with more at its end; null where that would not be what was meant."""
    try:
        before = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    known = before.get(name, {})
    if known and name in ("prompts", "data"):
        # A table may be opened once; one inside it, for each new name, stands well behind all others.
        table = {key: {"path": path} for key, path in table.items()}
    elif known:
        return None
    more = as_toml({name: dict(table)})
    if known:
        more = more.removeprefix(f"[{name}]\n").lstrip("\n")
    gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    longer = text + (gap + more).replace("\n", "\r\n" if "\r\n" in text else "\n")
    try:
        after = tomllib.loads(longer)
        check(after, SHAPE, At(FILE, longer))
    except (tomllib.TOMLDecodeError, EvalprovError):
        return None
    return longer if after == {**before, name: {**known, **table}} else None


def _read(path: str) -> bytes | None:
    try:
        with reading(path) as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise EvalprovError(f"cannot read {path}: {problem.strerror}", "nothing was changed") from None


def _replace(path: str, old: bytes | None, new: bytes) -> None:
    """Put a file in another's place at once, with its rights, where it is still what was read."""
    try:
        with Folder(os.path.dirname(path), follow=True) as folder:
            if _read(path) != old:
                raise EvalprovError(f"{path} was changed just now", "nothing was written; give the command again")
            folder.write(os.path.basename(path), new, None if old is None else os.stat(path).st_mode & 0o7777)
    except OSError as problem:
        raise EvalprovError(f"cannot write {path}: {problem.strerror}", "nothing was changed") from None
