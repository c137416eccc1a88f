"""Bytes back into records: checked against the types, brought up to the present version, never trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec

from evalprov.record.baseline import KEY, Account, altered, contradicted
from evalprov.record.facts import FACTS
from evalprov.record.form import BULKY, RECIPE, SCHEMA, blank, counts_of, history_line
from evalprov.record.manifest import Manifest
from evalprov.store import ids
from evalprov.store.process import is_gone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from evalprov.record.schema.outcome import ErrorEntry

    Migrations = Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]


# Which not every record of version 3 has.
_LATEST = ("texts", "links", "handover", "imported", "sweep", "engine")
_LATEST_KEYS = ("resources.series", *(key for fact in FACTS for key in fact.keys if "." in key))
_FOLDERS = "observed.looked.folders"
NEWER = frozenset((*_LATEST, *_LATEST_KEYS, _FOLDERS))  # what a record of this version may lack


def _to_3(record: dict[str, Any]) -> dict[str, Any]:
    """Add the sections and keys that version 3 brought; what an older evalprov did not look at is not known."""
    model = cast("dict[str, Any]", blank("", ""))
    added = {name: model[name] for name in ("outputs", "calls", *_LATEST, "decision_spec", "counts")}
    sections = {
        name: {**{key: model[name][key] for key in keys}, **record[name]}
        for name, keys in {
            "config": ("program",),
            "resources": ("series",),
            "code": ("beside",),
            "software": ("executable", "packages_content", "package_trees", "env_rest"),
            "observed": (
                "edited",
                "looked",
                "inputs",
                "modules",
                "packages",
                "environment",
                "programs",
                "hosts",
                "prompts",
                "tools",
            ),
        }.items()
        if isinstance(record.get(name), dict)
    }
    git = record.get("git")
    if isinstance(git, dict) and isinstance(git.get("withheld"), list):
        withheld = [{"blob": None, **one} if isinstance(one, dict) else one for one in git["withheld"]]
        sections["git"] = {**git, "withheld": withheld}
    if isinstance(record.get("identity"), dict):
        sections["identity"] = {"recipe": 1, "used": None, **record["identity"]}
    return {**added, **record, **sections}


# Schema number to what makes the next one of such a record, or of such a line of the history.
MIGRATIONS: Migrations = {
    1: lambda record: {"repeat": None, "metric_info": {}, "scenario_groups": {}, **record},
    2: _to_3,
}

_GONE = "evalprov was gone before the run ended (killed, or the machine went down): how it ended is not known"


class Unreadable(Exception):  # noqa: N818 - it is a finding about a file
    """These bytes are no record; the words say why."""


class Torn(Unreadable):
    """These bytes are not even whole JSON."""


class Newer(Unreadable):
    """A later evalprov wrote this record."""


class Altered(Unreadable):
    """This baseline is not what was set."""


def decode(data: bytes) -> Manifest:
    """Return the record that a manifest file holds; a baseline must be what it was when it was set."""
    record = migrate(whole := _parse(data))
    _check(record)
    if KEY in record:
        _check_baseline(whole, record)
    return _identified(cast("Manifest", record))


def _identified(manifest: Manifest) -> Manifest:
    """Hash anew, by the present recipe, what an older evalprov hashed by another."""
    said = manifest["identity"]
    if said["recipe"] == RECIPE or not said["layers"]:
        return manifest
    from evalprov.record.identity import identify

    try:
        return {**manifest, "identity": identify(manifest)}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return manifest


def decode_line(data: bytes | None) -> dict[str, Any]:
    """Return the record that a line of the history holds, without its bulky parts as it is."""
    line = glance(data)
    try:
        _check(with_empty(line, (*map(".".join, BULKY), *line["counts"])))
    except (TypeError, KeyError, AttributeError):
        raise Unreadable("its sections are not objects") from None
    return line


def glance(data: bytes | None) -> dict[str, Any]:
    """Return what a line of the history holds, brought up to the present version, its types not looked at."""
    if data is None:
        raise Unreadable("it is longer than any record")
    return migrate(_parse(data))


def named_id(data: bytes | None) -> str | None:
    """Return the id in a line, whatever else is in it; null where there is none."""
    try:
        run_id = _parse(data).get("run_id") if data else None
    except Unreadable:
        return None
    return run_id if ids.is_run_id(run_id) else None


def slim(manifest: Manifest) -> dict[str, Any]:
    """Return what the history has of a record."""
    line: dict[str, Any] = msgspec.json.decode(history_line(manifest))
    return line


def with_empty(line: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Return a line with what it left out at these key paths empty, so that the manifest's types fit it."""
    whole, empty = dict(line), cast("dict[str, Any]", blank("", ""))
    for *path, last in (key.split(".") for key in keys):
        section, model = whole, empty
        for name in path:
            section[name] = {**section[name]}
            section, model = section[name], model[name]
        if last in model:
            section.setdefault(last, model[last])
    return whole


def migrate(record: dict[str, Any], migrations: Migrations = MIGRATIONS, present: int = SCHEMA) -> dict[str, Any]:
    """Bring a record up to the present version, step by step."""
    version = record.get("schema")
    if type(version) is not int:
        raise Unreadable("it does not say which version of the record it is")
    if version > present:
        raise Newer(f"a newer evalprov wrote it (record version {version}; this one reads up to {present})")
    for step in range(version, present):
        if step not in migrations:
            raise Unreadable(f"there is no such version of the record: {version}")
        record = {**migrations[step](record), "schema": step + 1}
    if version < 1:
        raise Unreadable(f"there is no such version of the record: {version}")
    return record


def as_seen(manifest: Manifest, again: Callable[[], Manifest | None]) -> Manifest:
    """Return the record as it is known today: one that says running, by a process that is gone, is lost.

    It is read again before that is said, for the process may have finished it just before it went.
    """
    process = manifest["observed"]["process"]
    if manifest["status"] != "running" or process is None or not is_gone(process):
        return manifest
    last = again() or manifest
    return lost(last, _GONE) if last["status"] == "running" else last


def lost(manifest: Manifest, why: str) -> Manifest:
    """Return the record of a run of whose end nothing is known."""
    entry: ErrorEntry = {"kind": "infra", "message": why, "scenario": None, "stderr_tail": None}
    seen: Manifest = {**manifest, "status": "lost", "errors": [*manifest["errors"], entry]}
    return {**seen, "counts": counts_of(seen)}


def _parse(data: bytes) -> dict[str, Any]:
    try:
        record = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Torn(f"it is not whole, or no JSON: {error}") from None
    except RecursionError:
        raise Unreadable("it is nested too deep") from None
    if not isinstance(record, dict):
        raise Unreadable("it is no JSON object")
    return record


def _check(record: dict[str, Any]) -> None:
    try:
        try:
            msgspec.convert(record, Manifest)
        except msgspec.ValidationError:
            if not _add_newer_facts(record):
                raise
            msgspec.convert(record, Manifest)
    except msgspec.ValidationError as error:
        raise Unreadable(str(error)) from None
    except RecursionError:
        raise Unreadable("it is nested too deep") from None
    if not ids.is_run_id(record["run_id"]):
        raise Unreadable(f"its run_id is none: {ids.shown(record['run_id'])}")


def _add_newer_facts(record: dict[str, Any]) -> bool:
    """Add as not known the facts that nobody looked for when this record was written; say whether there were any."""
    model = cast("dict[str, Any]", blank("", ""))
    added = False
    for name in _LATEST:
        if name not in record:
            record[name] = model[name]
            added = True
    for section, _, name in (key.partition(".") for key in _LATEST_KEYS):
        there = record.setdefault(section, model.get(section))
        if isinstance(there, dict) and isinstance(model.get(section), dict) and name in model[section].keys() - there:
            record[section] = {**there, name: model[section][name]}
            added = True
    observed = record.get("observed")
    if isinstance(observed, dict) and isinstance(looked := observed.get("looked"), dict) and "folders" not in looked:
        record["observed"] = {**observed, "looked": {"folders": None, **looked}}
        added = True
    return added


def _check_baseline(whole: dict[str, Any], record: dict[str, Any]) -> None:
    try:
        msgspec.convert(whole[KEY], Account)
    except msgspec.ValidationError as error:
        raise Altered(f"what it says of itself as a baseline is wrong: {error}") from None
    why = altered(whole)
    # What an older evalprov hashed otherwise has only its seal.
    if why is None and whole["schema"] == SCHEMA:
        why = contradicted(cast("Manifest", record))
    if why is not None:
        raise Altered(why)
