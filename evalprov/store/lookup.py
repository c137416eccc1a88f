"""From what a person writes to the run that is meant."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from evalprov.errors import EvalprovError, UnreadableError
from evalprov.numbers import listed
from evalprov.record.baseline import account_of
from evalprov.store import ids
from evalprov.store.decode import Altered, Newer, Unreadable, decode
from evalprov.store.folder import LARGEST_RECORD, Folder, read_all
from evalprov.store.lines import Search, iterate, open_store
from evalprov.store.query import Query
from evalprov.store.where import PREFIX, SHORT, hash_digits, hashed
from evalprov.store.where import path as key_path

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest

_FORMS = (
    "give a run id, its beginning, latest, latest~2, baseline:NAME, the path of a manifest (.json), or 7 digits or "
    "more of a fingerprint, or of a program's, a config's or a builder's hash, for its newest run"
)
_LISTS = "evalprov history lists them"
_CANDIDATES_SHOWN = 5
_LONGEST = 4096
IDS = ("fingerprint", "program", "builder", "config_hash")  # of the identity, by which a run may be meant
_BASELINE = "baseline:"
_RESTORE = "bring it back from git, or set it anew: evalprov baseline set NAME RUN --replace --reason TEXT"
_SET = "set it with: evalprov baseline set NAME RUN --reason TEXT"


def find(store: str, spec: str) -> str:
    """Return the id of the run that is meant."""
    if (name := baseline_name(spec)) is not None:
        return read_baseline(store, name)["run_id"]
    if (file := as_path(store, spec)) is not None:
        return read_file(file)["run_id"]
    if spec == "latest" or spec.startswith("latest~"):
        return _latest(store, spec)
    digits = hash_digits(spec)
    if digits is None:
        return _by_beginning(store, spec)
    if not spec.startswith(PREFIX) and digits.isdigit():  # an id's beginning as well
        with suppress(_NoSuchRunError):
            return _by_beginning(store, spec)
    return _by_hash(store, digits)


def manifest_path(store: str, spec: str) -> str:
    """Return the path of the manifest that is meant."""
    file = as_path(store, spec)
    return f"{store}/runs/{find(store, spec)}.json" if file is None else file


def as_path(store: str, spec: str) -> str | None:
    """Return the file that a spec names; null for one that names a run of the store."""
    if not spec or len(spec) > _LONGEST or not all(" " <= c != "\x7f" for c in spec):
        raise _no_run(spec)
    if (name := baseline_name(spec)) is not None:
        with open_store(store), _folder(f"{store}/baselines") as folder:
            if not _plain(folder, f"{name}.json"):
                raise no_baseline(store, name)
        return f"{store}/baselines/{name}.json"
    return spec if spec.endswith(".json") else None


def baseline_name(spec: str) -> str | None:
    """Return the baseline's name in `baseline:NAME`; null for any other spec."""
    if not spec.startswith(_BASELINE):
        return None
    return checked_name(spec.removeprefix(_BASELINE))


def checked_name(name: str) -> str:
    """Return a baseline's name, or refuse what is none; a file name is made from one only through here."""
    stripped = name.replace(".", "").replace("-", "").replace("_", "")
    if 0 < len(name) <= 100 and name[0].isalnum() and name.isascii() and stripped.isalnum():
        return name
    raise EvalprovError(f"not a baseline's name: {ids.shown(name)}", "letters, digits, dot, dash, _")


def no_baseline(store: str, name: str) -> EvalprovError:
    """Return the error that says there is no such baseline."""
    return EvalprovError(f"there is no baseline {name} in {store}/baselines", "evalprov baseline list names them")


def read_baseline(store: str, name: str) -> Manifest:
    """Return the record of a baseline, which must have been set under this name."""
    path = f"{store}/baselines/{name}.json"
    try:
        with open_store(store), Folder(f"{store}/baselines") as folder:
            data = None if folder.size(f"{name}.json") is None else folder.read(f"{name}.json")
    except FileNotFoundError:
        data = None
    except OSError as error:
        raise UnreadableError(f"cannot read {path}: {error.strerror}") from None
    if data is None:
        raise no_baseline(store, name)
    manifest = read_record(data, path)
    account = account_of(manifest)
    if account is None:
        raise UnreadableError(f"{path} is no baseline: it does not say who set it and why", _SET)
    if account["name"] != name:
        raise UnreadableError(f"{path} is not what it is named for: it was set as {ids.shown(account['name'])}", _SET)
    return manifest


def read_file(path: str) -> Manifest:
    """Return the record in a file that the user named; here a link is the user's own wish."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        return read_record(read_all(fd, LARGEST_RECORD, path), path)
    except FileNotFoundError:
        raise EvalprovError(f"no such record: {path}", _FORMS) from None
    except OSError as error:
        raise UnreadableError(f"cannot read {path}: {error.strerror}") from None


def read_record(data: bytes, path: str) -> Manifest:
    """Return the record in these bytes of a file."""
    try:
        return decode(data)
    except Newer as why:
        raise UnreadableError(f"cannot read {path}: {why}", "upgrade evalprov to read it") from None
    except Altered as why:
        raise UnreadableError(f"the baseline {path} cannot be trusted: {why}", _RESTORE) from None
    except Unreadable as why:
        raise UnreadableError(f"{path} is not a record: {why}") from None


def _latest(store: str, spec: str) -> str:
    back = spec.removeprefix("latest").removeprefix("~") or "0"
    if spec == "latest~" or not (back.isascii() and back.isdigit() and len(back) < 10):
        raise _no_run(spec)
    count, run_id = 0, ""
    for run in islice(iterate(store, []), int(back) + 1):
        count, run_id = count + 1, run["run_id"]
    if count <= int(back):
        there = f"there are {count}" if count else "there are none yet"
        raise EvalprovError(f"no run {spec}: {there}", _LISTS)
    return run_id


def _by_beginning(store: str, spec: str) -> str:
    prefix = _basic(spec)
    if not 1 <= len(prefix) <= 23 or not set(prefix) <= set("0123456789TZ_"):
        raise _no_run(spec)
    with open_store(store), _folder(f"{store}/runs") as runs:
        if ids.is_run_id(prefix):
            # A whole id is that run or none: not a later one that begins alike, unless it is two machines' runs.
            if _plain(runs, f"{prefix}.json"):
                return prefix
            twins = (name.removesuffix(".json") for name in runs.all_names(f"{prefix}_"))
            names = [name for name in twins if len(name) == ids.LONGEST]
        else:
            names = [name.removesuffix(".json") for name in runs.all_names(prefix)]
        found = sorted(filter(ids.is_run_id, names), key=ids.order, reverse=True)
    if not found:
        raise _NoSuchRunError(f"no run {prefix}", _LISTS)
    if len(found) > 1:
        some = listed(found, _CANDIDATES_SHOWN)
        raise EvalprovError(f"{prefix} is the beginning of {len(found)} runs: {some}", "give more of it")
    return found[0]


class _NoSuchRunError(EvalprovError):
    """No run's id begins so."""


def _by_hash(store: str, digits: str) -> str:
    """Return the newest run that one of its ids by content names; two different ids that begin so are refused."""
    newest, seen = "", dict[str, str]()
    with Search(store, Query([hashed("identity", IDS, digits)], [key_path("identity")])) as search:
        for run in search.runs():
            newest = newest or run.run_id
            identity = run.values[0]
            seen |= {identity[name]: name for name in IDS if (identity.get(name) or "").startswith(PREFIX + digits)}
            if len(digits) >= SHORT:
                break
    if len(seen) > 1:
        hashes = [f"{name} {value[len(PREFIX) :][:16]}" for value, name in sorted(seen.items())]
        some = listed(hashes, _CANDIDATES_SHOWN)
        raise EvalprovError(f"{digits} is the beginning of {len(seen)} different hashes: {some}", "give more of it")
    if not newest:
        raise EvalprovError(f"no run {digits}: neither an id nor a hash of one begins so", _LISTS)
    return newest


def _basic(spec: str) -> str:
    """Return an id in its own spelling, from the extended one: 2026-09-20T14:30:00Z_2, or its beginning."""
    return spec.replace("-", "").replace(":", "") if spec[4:5] == "-" else spec


def _plain(folder: Folder, name: str) -> bool:
    try:
        return folder.size(name) is not None
    except OSError as error:
        raise EvalprovError(f"cannot read {folder.path}/{name}: {error.strerror}") from None


def _folder(path: str) -> Folder:
    try:
        return Folder(path)
    except FileNotFoundError:
        raise EvalprovError(f"there is no folder {path}", _LISTS) from None
    except OSError as error:
        raise EvalprovError(f"cannot read {path}: {error.strerror}") from None


def _no_run(spec: str) -> EvalprovError:
    return EvalprovError(f"not a run: {ids.shown(spec)}", _FORMS)
