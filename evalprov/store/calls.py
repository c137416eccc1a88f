"""The files of recorded calls: found by their run, held against the record's hash, counted and pruned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalprov.errors import CANNOT_START, EvalprovError
from evalprov.named import NamedTuple
from evalprov.regular import sha256_of
from evalprov.store import ids
from evalprov.store.folder import Folder

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest

FOLDER = "calls"
END = ".sqlite"
ENDS = (END, f"{END}-wal", f"{END}-shm")  # SQLite has two beside a file that is not sealed


class CallsFile(NamedTuple):
    """One file of recorded calls."""

    run_id: str
    size: int
    needed_by: str | None  # what needs it, whatever its age


def name_of(run_id: str) -> str:
    """Return the name of a run's file, below the store."""
    return f"{FOLDER}/{ids.checked(run_id)}{END}"


def path_of(store: str, m: Manifest) -> str:
    """Return the file of a run's calls, or of those that it replayed; it must be what the record says it is."""
    calls, run_id = m["calls"], m["run_id"]
    if calls["file"] is None and calls["mode"] == "replay":
        if not ids.is_run_id(calls["source"]):
            raise EvalprovError(f"run {run_id} replayed a file that is no run's: {calls['source']}", "", CANNOT_START)
        from evalprov.store import read

        return path_of(store, read.load(store, calls["source"] or ""))
    path = f"{store}/{name_of(run_id)}"
    try:
        with Folder(f"{store}/{FOLDER}") as folder:
            there = folder.size(f"{run_id}{END}") is not None
    except OSError:
        there = False
    # Of a run that was killed the record knows no file, and there may be one.
    if not there and calls["file"] is None and calls["count"] == 0:
        raise EvalprovError(f"run {run_id} called no provider: there are no answers of it", "", CANNOT_START)
    if not there and calls["file"] is None:
        hint = "record them with: evalprov run --record -- COMMAND"
        raise EvalprovError(f"run {run_id} has no recorded calls", hint, CANNOT_START)
    if not there:
        raise EvalprovError(f"the calls of run {run_id} are gone: {path}", "", CANNOT_START)
    if calls["sha256"] is not None and digest_of(path) != calls["sha256"]:
        raise EvalprovError(
            f"the calls of run {run_id} are not what was recorded: the hash of {path} is another",
            "if you know why, name the file itself instead of the run",
            CANNOT_START,
        )
    return path


def digest_of(path: str) -> str:
    """Return a file's hash."""
    try:
        return f"sha256:{sha256_of(path)}"
    except OSError as error:
        raise EvalprovError(f"cannot read {path}: {error.strerror}", "", CANNOT_START) from None


def files(store: str) -> list[CallsFile]:
    """Return every file of recorded calls, newest first, and what needs it."""
    try:
        with Folder(f"{store}/{FOLDER}") as folder:
            names = [name.removesuffix(END) for name in folder.names() if name.endswith(END)]
            sizes = {name: folder.size(name + END) or 0 for name in names if ids.is_run_id(name)}
    except FileNotFoundError:
        return []
    except OSError as error:
        raise EvalprovError(f"cannot read {store}/{FOLDER}: {error.strerror}") from None
    needed = _needed(store)
    return [CallsFile(name, sizes[name], needed.get(name)) for name in sorted(sizes, key=ids.order, reverse=True)]


def _needed(store: str) -> dict[str, str]:
    """Return the runs whose calls must stay, each with the reason."""
    from evalprov.store.lines import iterate
    from evalprov.store.must_stay import MustStay

    must = MustStay(store)
    why = dict(must.why)
    for line in iterate(store, []):
        if (source := _source(line)) and line["run_id"] in must.why:
            why.setdefault(source, must.why[line["run_id"]])
    return why


def prune(store: str, keep_last: int) -> tuple[list[CallsFile], list[CallsFile]]:
    """Remove the files of all but the last runs that have one; return what is gone, and what was kept for its need."""
    from evalprov.store.lines import iterate

    found = files(store)
    if len(found) <= keep_last:
        return [], []
    kept = found[:keep_last]
    ids_kept = {one.run_id for one in kept}
    replayed = {_source(line) for line in iterate(store, []) if line["run_id"] in ids_kept}
    gone, spared = [], []
    with Folder(f"{store}/{FOLDER}") as folder:
        for one in found[keep_last:]:
            if one.needed_by or one.run_id in replayed:
                spared.append(one._replace(needed_by=one.needed_by or "a kept run replayed it"))
                continue
            for end in ENDS:
                if folder.size(f"{one.run_id}{end}") is not None:
                    folder.remove(f"{one.run_id}{end}")
            gone.append(one)
    return gone, spared


def _source(line: dict[str, Any]) -> str | None:
    """Return what a run replayed, by its line in the history."""
    return (line.get("calls") or {}).get("source")
