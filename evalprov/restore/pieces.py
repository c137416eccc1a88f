"""What differs between two runs that were brought back, in pieces that can be taken from either."""

from __future__ import annotations

import filecmp
import json
import os
import stat
import tomllib
from contextlib import suppress
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from evalprov.judge.halving import DifferingPiece
from evalprov.named import NamedTuple
from evalprov.regular import reading
from evalprov.restore.code import actual
from evalprov.settings import FILE, load

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evalprov.record.manifest import Manifest
    from evalprov.restore.bring import Restored

SETTINGS = FILE  # it names things and is none: it goes with what it names
_SHOWN = 60  # characters of a value


class BroughtEnd(NamedTuple):
    """A run that was brought back: its record, what came back, and where its files are kept from now on."""

    record: Manifest
    found: Restored  # as in the one place where all points are run
    kept: str

    @property
    def inside(self) -> str:
        """The project's root, from the folder's top."""
        inside = os.path.relpath(self.found.project, self.found.folder)
        return "" if inside == "." else inside

    def named(self, path: str) -> str | None:
        """Return a path of the record as one from the folder's top; null where it is not in it."""
        whole = os.path.normpath(os.path.join(self.inside, actual(path)))
        return None if os.path.isabs(path) or whole.startswith("..") else whole

    def of_store(self, name: str) -> bool:
        """Say whether a file is evalprov's own."""
        store = os.path.normpath(os.path.join(self.inside, load(os.path.join(self.kept, self.inside)).store))
        return self.found.store_inside and _is_in(name, store)


def _is_in(name: str, place: str) -> bool:
    return f"{name}/".startswith(f"{place}/")


def differing(a: BroughtEnd, b: BroughtEnd, *, software: bool) -> list[DifferingPiece]:
    """Return all that differs and can be taken from either side, layer by layer; with software, that too."""
    pieces = [*_software(a, b)] if software else []
    layers = {**claimed(a), **claimed(b)}
    sets = {**_sets(a), **_sets(b)}
    pieces += _data(a, b, sets)
    for name in files_apart(a.kept, b.kept):
        if a.of_store(name) or os.path.basename(name) == SETTINGS or any(_is_in(name, place) for place in sets):
            continue
        layer = layers.get(name, "code")
        pieces.append(DifferingPiece(layer, "file", name, f"{name}{_fate(a.kept, b.kept, name)}"))
    pieces += _words(a, b)
    order = ("data", "grader", "software", "prompts", "config", "code")
    return sorted(pieces, key=lambda piece: order.index(piece.layer))


def claimed(end: BroughtEnd) -> dict[str, str]:
    """Return the files that belong to another layer than the code, by their path from the folder's top."""
    m = end.record
    by_layer = {
        "prompts": [one["path"] for one in m["prompts"].values() if one["path"]],
        "config": list(m["config"]["files"]),
        "grader": list(m["grader"]["files"]),
        "software": list(m["software"]["locks"]),
    }
    return {name: layer for layer, paths in by_layer.items() for path in paths if (name := end.named(path))}


def set_places(*ends: BroughtEnd) -> list[str]:
    """Return where data sets are, from the folder's top."""
    return [place for end in ends for place in _sets(end)]


def _sets(end: BroughtEnd) -> dict[str, str]:
    sets = end.record["data"]["sets"].items()
    return {place: name for name, one in sets if one["path"] and (place := end.named(one["path"]))}


def _data(a: BroughtEnd, b: BroughtEnd, sets: Mapping[str, str]) -> Iterator[DifferingPiece]:
    for place, name in sets.items():
        ones = [end.record["data"]["sets"].get(name) for end in (a, b)]
        hashes = [one and one["sha256"] for one in ones]
        if hashes[0] != hashes[1] or None in hashes:
            versions = [one["version"] if one else None for one in ones]
            said = f" {versions[0]} -> {versions[1]}" if versions[0] != versions[1] else ""
            yield DifferingPiece("data", "data", place, f"data {name}{said}")


# --- files


def files_apart(a: str, b: str) -> list[str]:
    """Return the files of two folders that differ, or that only one has."""
    ones, others = set(_walk(a)), set(_walk(b))
    return sorted(name for name in ones | others if name not in ones or name not in others or not _alike(a, b, name))


def _walk(top: str) -> Iterator[str]:
    for folder, folders, names in os.walk(top):
        inside = os.path.relpath(folder, top)
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        folders[:] = [name for name in folders if name != ".git" and name not in links]
        for name in (*names, *links):
            if name != ".git":
                yield os.path.normpath(os.path.join(inside, name))


def _alike(a: str, b: str, name: str) -> bool:
    one, other = (os.path.join(top, name) for top in (a, b))
    modes = [os.lstat(path).st_mode for path in (one, other)]
    if stat.S_IFMT(modes[0]) != stat.S_IFMT(modes[1]):
        return False
    if stat.S_ISLNK(modes[0]):
        return os.readlink(one) == os.readlink(other)
    return bool(modes[0] & 0o100) == bool(modes[1] & 0o100) and filecmp.cmp(one, other, shallow=False)


def _fate(a: str, b: str, name: str) -> str:
    if not os.path.lexists(os.path.join(a, name)):
        return " (new)"
    return "" if os.path.lexists(os.path.join(b, name)) else " (gone)"


# --- the fields of a configuration file


def fields(a: BroughtEnd, b: BroughtEnd, piece: DifferingPiece) -> list[DifferingPiece]:
    """Return the fields that differ in a configuration file, where both sides can be read and written as values."""
    one, other = (_value(os.path.join(end.kept, piece.name)) for end in (a, b))
    if not isinstance(one, dict) or not isinstance(other, dict):
        return []
    shown = [_as_recorded(end, piece.name) for end in (a, b)]
    return [
        DifferingPiece(piece.layer, "field", piece.name, f"{piece.name} {_told('.'.join(keys), *shown)}", keys)
        for keys in _fields(one, other)
    ]


def with_fields(a: str, b: str, taken: list[DifferingPiece]) -> bytes:
    """Return a configuration file with some of its fields from another."""
    one, other = _value(a), _value(b)
    for piece in taken:
        there, here = one, other
        for key in piece.keys[:-1]:
            there, here = there.setdefault(key, {}), here.get(key, {})
        last = piece.keys[-1]
        if last in here:
            there[last] = here[last]
        else:
            there.pop(last, None)
    return _written(a, one)


def _as_recorded(end: BroughtEnd, name: str) -> dict[str, Any]:
    """Return a file's values as its record has them, where secrets are hidden."""
    return next((one["values"] for path, one in end.record["config"]["files"].items() if end.named(path) == name), {})


def _told(field: str, one: dict[str, Any], other: dict[str, Any]) -> str:
    if field not in one and field not in other:
        return field
    return f"{field}: {_shown(one.get(field))} -> {_shown(other.get(field))}"


def _fields(one: dict[str, Any], other: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for key in dict.fromkeys([*one, *other]):
        was, now = one.get(key), other.get(key)
        if key in one and key in other and isinstance(was, dict) and isinstance(now, dict):
            yield from ((key, *keys) for keys in _fields(was, now))
        elif was != now or (key in one) != (key in other):
            yield (key,)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _value(path: str) -> Any:
    """Return a file's value; null where writing it again would make it another."""
    with suppress(OSError, ValueError, TypeError, RecursionError), reading(path) as file:
        data = file.read()
        value = _read(path, data)
        return value if _read(path, _written(path, value)) == value else None
    return None


def _read(path: str, data: bytes) -> Any:
    if path.endswith(".json"):
        return json.loads(data)
    if path.endswith(".toml"):
        return tomllib.loads(data.decode())
    import yaml

    try:
        return yaml.safe_load(data) if path.endswith((".yaml", ".yml")) else None
    except yaml.YAMLError:
        return None


def _written(path: str, value: Any) -> bytes:
    if path.endswith(".json"):
        return json.dumps(value, ensure_ascii=False, indent=2).encode()
    if path.endswith(".toml"):
        import tomli_w

        return tomli_w.dumps(value).encode()
    import yaml

    try:
        return yaml.safe_dump(value, allow_unicode=True, sort_keys=False).encode()
    except yaml.YAMLError:
        raise ValueError(path) from None


# --- the command, and what it runs on


def _words(a: BroughtEnd, b: BroughtEnd) -> Iterator[DifferingPiece]:
    if a.record["command"]["cwd"] != b.record["command"]["cwd"]:
        said = f"it ran in {a.record['command']['cwd']} -> {b.record['command']['cwd']}"
        yield DifferingPiece("config", "folder", "folder", said)
    for number, (one, other) in enumerate(_steps(a.found.command, b.found.command)):
        if one != other:
            was, now = " ".join(one) or "nothing", " ".join(other) or "nothing"
            yield DifferingPiece("config", "word", str(number), f"the command's words: {was} -> {now}")


def with_words(a: list[str], b: list[str], taken: set[str]) -> list[str]:
    """Return a command with some of what differs taken from another."""
    mixed = [other if str(number) in taken else one for number, (one, other) in enumerate(_steps(a, b))]
    return [word for words in mixed for word in words]


def _steps(a: list[str], b: list[str]) -> list[tuple[list[str], list[str]]]:
    """Return two commands side by side, in runs of words that are the same or differ."""
    matched = SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    return [(a[begin:end], b[start:stop]) for _, begin, end, start, stop in matched]


def _software(a: BroughtEnd, b: BroughtEnd) -> Iterator[DifferingPiece]:
    one, other = a.record, b.record
    versions = [m["system"]["python_version"] for m in (one, other)]
    if versions[0] != versions[1]:
        yield DifferingPiece("software", "python", "python", f"Python {versions[0]} -> {versions[1]}")
    ours, theirs = (m["software"]["packages"] or {} for m in (one, other))
    for name in sorted(ours.keys() | theirs.keys()):
        sources = [m["software"]["package_sources"].get(name) for m in (one, other)]
        if ours.get(name) != theirs.get(name) or sources[0] != sources[1]:
            step = f"{ours.get(name, 'not there')} -> {theirs.get(name, 'not there')}"
            yield DifferingPiece("software", "package", name, f"{name} {step}")
    for name in sorted(one["software"]["env"].keys() | other["software"]["env"].keys()):
        if a.found.environ.get(name) != b.found.environ.get(name):
            was, now = (m["software"]["env"].get(name, "") for m in (one, other))
            yield DifferingPiece("software", "variable", name, f"{name}={was} -> {now}")
