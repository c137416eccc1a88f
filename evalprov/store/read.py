"""The reading side: records, history and logs; nothing here writes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, cast

from evalprov.errors import EvalprovError, UnreadableError
from evalprov.store import ids
from evalprov.store.decode import as_seen
from evalprov.store.folder import Folder, ends_of_log, read_all
from evalprov.store.lines import history, iterate
from evalprov.store.lookup import as_path, baseline_name, find, read_baseline, read_file, read_record
from evalprov.store.notes import Annotations

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest

__all__ = ["blob", "history", "iterate", "load", "load_noted", "log", "log_end"]


def load(store: str, spec: str) -> Manifest:
    """Return the record that is meant; one that says running, by a process that is gone, is shown as lost."""
    if (name := baseline_name(spec)) is not None:
        return read_baseline(store, name)
    path = as_path(store, spec)
    if path is not None:
        return as_seen(read_file(path), lambda: read_file(path))
    run_id = find(store, spec)
    return as_seen(_of_run(store, run_id), lambda: _of_run(store, run_id))


def load_noted(store: str, spec: str, told: list[str] | None = None) -> Manifest:
    """Return the record that is meant, its tags and its note together with what is said of the run later.

    A baseline, and a file that is named, stand for themselves. What cannot be read of the notes is told.
    """
    manifest = load(store, spec)
    if baseline_name(spec) is not None or as_path(store, spec) is not None:
        return manifest
    notes = Annotations(store)
    noted = notes.added(cast("dict[str, Any]", manifest))
    if told is not None:
        told += notes.words()
    return cast("Manifest", noted)


def log(store: str, name: str) -> bytes | None:
    """Return a kept log, named as in the record (logs/RUN.out); null where it is not there."""
    file = _log_file(name)
    try:
        with Folder(f"{store}/logs") as logs:
            return read_all(logs.open(file, os.O_RDONLY), sys.maxsize, f"{store}/{name}")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EvalprovError(f"cannot read {store}/{name}: {error.strerror}") from None


def log_end(store: str, name: str, size: int) -> bytes:
    """Return the last bytes of a kept log, named as in the record; none where it is not there."""
    _log_file(name)
    return ends_of_log(store, name, size)[-size:]


def _log_file(name: str) -> str:
    """Return the file that a log's name in the record stands for."""
    folder, _, file = name.partition("/")
    run_id, _, which = file.partition(".")
    if folder != "logs" or which not in ("out", "err") or not ids.is_run_id(run_id):
        raise EvalprovError(f"not a log's name: {ids.shown(name)}")
    return file


def blob(store: str, name: str) -> bytes | None:
    """Return a kept piece of a work tree, named as in the record (patches/..., objects/...); null where it is gone."""
    where, _, file = name.partition("/")
    if where not in ("patches", "objects") or not ids.is_blob_name(file):
        raise EvalprovError(f"not a name for a stored file: {ids.shown(name)}")
    try:
        with Folder(f"{store}/{where}") as folder:
            return folder.read(file)
    except OSError as error:
        raise EvalprovError(f"cannot read {store}/{name}: {error.strerror}") from None


def _of_run(store: str, run_id: str) -> Manifest:
    path = f"{store}/runs/{run_id}.json"
    try:
        with Folder(f"{store}/runs") as runs:
            data = runs.read(f"{run_id}.json")
    except OSError as error:
        raise UnreadableError(f"cannot read {path}: {error.strerror}") from None
    if data is None:
        raise UnreadableError(f"the record of run {run_id} is gone: {path}", "the history still has its line")
    manifest = read_record(data, path)
    if manifest["run_id"] != run_id:
        raise UnreadableError(f"{path} is not what it is named for: it is the record of {manifest['run_id']}")
    return manifest
