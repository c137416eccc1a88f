"""What a run was declared with, by settings and by options, as far as its record has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalprov.record.fact import at
from evalprov.record.form import REPORTED
from evalprov.record.hidden import PLACEHOLDER, holds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evalprov.record.manifest import Manifest

Tables = dict[str, Any]  # as a settings file has them

# Where the record has what a table or key of the settings declares; the rest of the key follows.
PLACES = {
    "scenario": "scenario",
    "golden_version": "golden_version",
    "model": "model_config",
    "retrieval": "data.retrieval",
    "infra": "infra.declared",
    "grader": "grader",
    "agent": "agent",
    "code": "code",
}
_FREE = ("model", "retrieval")  # what has no key of its own there stands in their table `extra`
_OF_FILES = ("prompts", "data", "config")
_OF_NO_RUN = ("store", "log", "observe", "handover")  # where and how it was recorded


def value_of(m: Manifest, keys: list[str]) -> Any:
    """Return the value of a key of the settings as it stands in the record; KeyError where it does not."""
    if keys == ["config", "files"]:
        return [path for path, file in m["config"]["files"].items() if file["source"] == "settings"]
    if keys == ["grader", "files"]:
        return list(m["grader"]["files"])
    value: Any = at(m, PLACES[keys[0]])
    for key in keys[1:]:
        if not (key == "extra" and keys[0] in _FREE):
            value = value[key]
    return value["source"] if keys[:2] == ["code", "algorithms"] else value


def declared_by(m: Manifest) -> tuple[Tables, list[str]]:
    """Return the settings that would declare a run as it was, and the keys of which the record lacks the value."""
    tables: Tables = {}
    lost = []
    for key, origin in m["sources"].items():
        keys = key.split(".")
        if origin == REPORTED or keys[0] in (*_OF_FILES, *_OF_NO_RUN):
            continue
        try:
            value = sorted(m["software"]["env"]) if keys == ["env", "record"] else value_of(m, keys)
        except (KeyError, TypeError):
            value = None
        if value is None or holds(value, PLACEHOLDER):
            lost.append(key)
        else:
            table = tables
            for name in keys[:-1]:
                table = table.setdefault(name, {})
            table[keys[-1]] = value
    for name, entries in (("prompts", m["prompts"]), ("data", m["data"]["sets"])):
        if files := dict(_files(entries)):
            tables[name] = files
    paths = [path for path, file in m["config"]["files"].items() if file["source"] in ("settings", "--config")]
    if paths:
        tables["config"] = {"files": paths}
    return tables, lost


def _files(entries: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, one in entries.items():
        path, version = one["path"], one["version"]
        if path and one["source"] not in (REPORTED, "stdin") and PLACEHOLDER not in f"{name}{path}{version}":
            yield name, {"path": path, "version": version} if version else path
