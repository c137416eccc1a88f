"""What is said of runs after they ended: a file each beside the records, named by run and content, never changed.

Two machines can only collide with equal bytes, so the folder travels as a set of files.
"""

from __future__ import annotations

import json
import os
import re
import time
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec

from evalprov.named import NamedTuple
from evalprov.numbers import counted
from evalprov.store import ids
from evalprov.store.folder import TEMP, Folder, read_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

FOLDER = "notes"
KEYS = ("tags", "note")  # of a record, which what is said later adds to
VERSION = 1
LONGEST, LONGEST_TAG = 20_000, 200  # letters of a note, and of a tag
_LARGEST = 1 << 20
_END = ".json"
_HASH = re.compile(r"[0-9a-f]{16}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}Z", re.ASCII)


class NoteFile(TypedDict):
    """What one file holds."""

    version: int
    run_id: str
    at: str  # UTC, to the microsecond: the order counts
    by: str | None
    note: str | None
    tags: list[str]
    untags: list[str]


class NewAnnotation(NamedTuple):
    """What somebody wants to add to what is known of runs."""

    by: str | None
    note: str | None = None
    tags: tuple[str, ...] = ()
    untags: tuple[str, ...] = ()


def written(run_id: str, said: NewAnnotation, at: float) -> tuple[str, bytes]:
    """Return the name and the bytes of the file that says this of a run."""
    whole, part = divmod(int(at * 1_000_000), 1_000_000)
    content: NoteFile = {
        "version": VERSION,
        "run_id": ids.checked(run_id),
        "at": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{part:06d}Z",
        "by": said.by,
        "note": said.note,
        "tags": list(said.tags),
        "untags": list(said.untags),
    }
    data = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    return f"{run_id}.{_digest(data)}{_END}", data


def run_of(name: str) -> str | None:
    """Return the run that a file is about, by its name; null for what has no such name."""
    run_id, _, rest = name.partition(".")
    if ids.is_run_id(run_id) and rest.endswith(_END) and _HASH.fullmatch(rest.removesuffix(_END)):
        return run_id
    return None


class Annotations:
    """What is said of the runs of a store; the names are read at once, a file when its run is asked for."""

    def __init__(self, store: str) -> None:
        self._path = f"{store}/{FOLDER}"
        self._names: dict[str, list[str]] = {}  # by run
        self._read: dict[str, list[NoteFile]] = {}
        self._foreign = 0
        self._wrong: dict[str, str] = {}
        self._problem = ""
        try:
            with Folder(self._path) as folder:
                names = folder.names()
        except FileNotFoundError:
            names = []
        except OSError as error:
            names = []
            self._problem = (
                f"{self._path} cannot be read, so nothing that was said of runs later is known: {error.strerror}"
            )
        for name in names:
            run_id = run_of(name)
            if run_id is not None:
                self._names.setdefault(run_id, []).append(name)
            elif not name.startswith(TEMP):
                self._foreign += 1

    def __bool__(self) -> bool:
        return bool(self._names)

    def runs(self) -> set[str]:
        """Return the runs of which something is said."""
        return set(self._names)

    def names(self, run_id: str) -> list[str]:
        """Return the files about a run."""
        return self._names.get(run_id, [])

    def read_all(self) -> None:
        """Read every file, for a search that asks for what is in them."""
        with Folder(self._path) as folder:
            for run_id, names in self._names.items():
                if run_id not in self._read:
                    self._read[run_id] = self._of(folder, run_id, names)

    def of(self, run_id: str) -> list[NoteFile]:
        """Return what is said of a run, the oldest first; what cannot be read is left out, and told of later."""
        if run_id not in self._names:
            return []
        if run_id not in self._read:
            with Folder(self._path) as folder:
                self._read[run_id] = self._of(folder, run_id, self._names[run_id])
        return self._read[run_id]

    def added(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return a record, or its line, with what is said of it later; a key that the line left out stays so."""
        if not self.of(record["run_id"]):
            return record
        later = {key: self.value(record["run_id"], key, record[key]) for key in KEYS if key in record}
        return {**record, **later}

    def value(self, run_id: str, key: str, own: Any) -> Any:
        """Return the tags or the note of a run: its own, and what is said of it later."""
        said = self.of(run_id)
        if not said:
            return own
        if key == "tags":
            tags = dict.fromkeys(own if isinstance(own, list) else ())
            for one in said:
                tags = {tag: None for tag in (*tags, *one["tags"]) if tag not in one["untags"]}
            return list(tags)
        return "\n".join([own] * isinstance(own, str) + [_dated(one) for one in said if one["note"]]) or own

    def words(self) -> list[str]:
        """Say what could not be read so far."""
        told = [self._problem] if self._problem else []
        told += [f"{self._path}/{name} {why}; it was left out" for name, why in sorted(self._wrong.items())]
        if self._foreign:
            told.append(f"{self._path} holds {counted(self._foreign, 'file')} that no annotation is; left out")
        return told

    def _of(self, folder: Folder, run_id: str, names: Iterable[str]) -> list[NoteFile]:
        found = []
        for name in names:
            try:
                data = read_all(folder.open(name, os.O_RDONLY), _LARGEST, name)
            except FileNotFoundError:  # it was taken away meanwhile
                continue
            except OSError as error:
                self._wrong[name] = f"cannot be read: {error.strerror}"
                continue
            content, why = _content(name, run_id, data)
            if content is None:
                self._wrong[name] = why
            else:
                found.append((content["at"], name, content))
        return [content for _, _, content in sorted(found, key=lambda one: one[:2])]


def _content(name: str, run_id: str, data: bytes) -> tuple[NoteFile | None, str]:
    """Return what a file says, or why it is not to be believed."""
    if name != f"{run_id}.{_digest(data)}{_END}":
        return None, "is torn, or was altered: its content is not what it is named for"
    try:
        content = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return None, f"is no annotation: {error}"
    if content["version"] > VERSION:
        return None, "was written by a newer evalprov"
    if content["run_id"] != run_id or not _TIME.fullmatch(content["at"]):
        return None, "is no annotation of the run that it is named for"
    return content, ""


def _dated(one: NoteFile) -> str:
    by = f" ({one['by']})" if one["by"] else ""
    return f"{one['at'][:10]}{by}: {one['note']}"


def _digest(data: bytes) -> str:
    import hashlib  # few runs are annotated

    return hashlib.sha256(data).hexdigest()[:16]


_decoder = msgspec.json.Decoder(NoteFile)


def write(enter: Callable[[str], Folder], files: Mapping[str, bytes]) -> dict[str, OSError]:
    """Write files of annotations, and make them last; return those that could not be, and why."""
    with enter(FOLDER) as folder:
        failed, _ = folder.write_many(files)
    return failed
