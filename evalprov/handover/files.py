"""Targets that are files: written whole or not at all, and nothing is overwritten but what an export wrote."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from evalprov.handover.parcel import FileContent, TargetRefused
from evalprov.named import NamedTuple
from evalprov.record.outputs import BY_EXPORT, Row
from evalprov.regular import NOT_REGULAR, reading, sha256_of

if TYPE_CHECKING:
    from evalprov.handover.parcel import Parcel

LEDGER = ".evalprov-export.jsonl"  # what exports wrote into a folder: a line a file, its name and its SHA-256
ALREADY, UPDATED, SENT = "already there", "updated", "sent"


class _PlacedFile(NamedTuple):
    """A file that waits beside its place."""

    temp: str
    sha256: str
    state: str  # that it has once it is in its place


def place(parcel: Parcel, folder: str) -> str:
    """Put a parcel's files in place, and return whether they were new, changed, or there already."""
    waiting: dict[str, _PlacedFile] = {}
    try:
        for name, part in parcel.parts.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            waiting[path] = _written(folder, name, part)
        for path, one in waiting.items():
            if one.state != ALREADY:
                os.replace(one.temp, path)
                _remember(folder, os.path.relpath(path, folder), one.sha256)
    except OSError as error:
        where = error.filename or folder
        raise TargetRefused(f"cannot write {where}: {error.strerror or error}", "--out names another folder") from None
    finally:
        for one in waiting.values():
            with suppress(FileNotFoundError):
                os.unlink(one.temp)
    states = {one.state for one in waiting.values()}
    return next(state for state in (UPDATED, SENT, ALREADY) if state in states)


def _written(folder: str, name: str, part: FileContent) -> _PlacedFile:
    """Write a file beside its place, unless there is one there that is not ours."""
    path = os.path.join(folder, name)
    temp = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temp, "xb") as file:
            digest = hashlib.sha256()
            for chunk in part.chunks():
                digest.update(chunk)
                file.write(chunk)
        sha256 = digest.hexdigest()
        return _PlacedFile(temp, sha256, _state(folder, name, sha256))
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temp)
        raise


def _state(folder: str, name: str, sha256: str) -> str:
    """Return what becomes of a file that is to have this content, or refuse to overwrite what is not ours."""
    path = os.path.join(folder, name)
    there = _there(path)
    if there in (None, sha256):
        return SENT if there is None else ALREADY
    if there != _remembered(folder, name):
        raise TargetRefused(
            f"{path} is there already, and no export wrote it, or it was changed since",
            "move it away, or name another folder: --out DIR",
        )
    return UPDATED


def _there(path: str) -> str | None:
    """Return the hash of what is in a file's place; null where nothing is."""
    try:
        return sha256_of(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.args[-1] == NOT_REGULAR:
            return NOT_REGULAR
        raise


def _remember(folder: str, name: str, sha256: str) -> None:
    with open(os.path.join(folder, LEDGER), "a", encoding="utf-8") as file:
        file.write(json.dumps({"file": name, "sha256": sha256}) + "\n")


def _remembered(folder: str, name: str) -> str | None:
    """Return the hash of what an export last wrote under a name."""
    return _ledger(folder).get(name)


def _ledger(folder: str) -> dict[str, str]:
    """Return what exports wrote into a folder; where that cannot be read, nothing is known to be ours."""
    found: dict[str, str] = {}
    with suppress(OSError), reading(os.path.join(folder, LEDGER)) as file:
        for line in file:
            with suppress(ValueError, TypeError, KeyError):
                said = json.loads(line)
                found[str(said["file"])] = str(said["sha256"])
    return found


def rows_of(folder: str, root: str) -> dict[str, Row]:
    """Return the files that exports wrote into a folder of a project, by which later runs know that they are none of
    their inputs.
    """
    rows: dict[str, Row] = {}
    for name in (LEDGER, *_ledger(folder)):
        path = os.path.join(folder, name)
        with suppress(OSError), reading(path) as file:
            content, found = file.read(), os.fstat(file.fileno())
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
            stamps = found.st_size, found.st_mtime_ns, found.st_ctime_ns
            rows[os.path.relpath(path, root)] = Row(*stamps, blob, BY_EXPORT, sure=True)
    return {path: row for path, row in rows.items() if not path.startswith("..")}
