"""Old runs removed with all that they alone need: what would go is known before anything does.

The lines go first, at once; then run by run its logs, calls and notes, and its record last; then what no record names
any more. So a run whose removal was cut off is whole, or nearly so, and the doctor enters it again; nothing of a run
that stays is ever touched.
"""

from __future__ import annotations

import os
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import msgspec

from evalprov.errors import EvalprovError
from evalprov.named import NamedTuple
from evalprov.numbers import counted
from evalprov.record.form import SCHEMA
from evalprov.store import ids
from evalprov.store.calls import ENDS as CALLS_ENDS
from evalprov.store.folder import TEMP, Folder
from evalprov.store.index import HISTORY, Lock
from evalprov.store.lines import Search, active, open_store
from evalprov.store.must_stay import MustStay
from evalprov.store.notes import run_of
from evalprov.store.query import Query
from evalprov.store.repair_history import Snapshot, repair_history

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from evalprov.store.where import Condition

# What a run has in each folder, the record last.
_ENDS = {"logs": (".out", ".err"), "calls": CALLS_ENDS, "notes": (), "runs": (".torn", ".json")}
BLOBS = ("objects", "patches")
# Where a line says it left one of these out, the record is asked.
_LEFT_OUT = frozenset(("git.saved", "git", "git.patch", "texts"))
_CANNOT_READ = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_STAY = "objects and patches stay"
_AT_ONCE = 2000  # blobs that are removed under one lock


class PruneAsked(NamedTuple):
    """Which runs are to go: those of which all of it holds."""

    conditions: Sequence[Condition]
    since: str | None
    keep_last: int | None  # of those of which the conditions hold
    before: str | None  # the second, spelled as in ids


class StoredFile(NamedTuple):
    """A file of the store."""

    folder: str
    name: str
    size: int


class PrunePlan(NamedTuple):
    """What would go, and what is asked for and stays."""

    runs: list[str]  # newest first
    spared: dict[str, str]  # and why
    stay: int  # runs in all
    files: dict[str, list[StoredFile]]  # of the runs that go, the record last
    blobs: list[StoredFile]  # that no record names then
    notes: list[str]


class _NamedBlob(msgspec.Struct):
    file: str = ""


class _JudgedTogether(msgspec.Struct):
    id: str = ""


class _NeedsOfGit(msgspec.Struct):
    patch: _NamedBlob | None = None
    saved: dict[str, _NamedBlob] = {}


class _NeedsOfTexts(msgspec.Struct):
    object: str = ""


class _NeedsOfCalls(msgspec.Struct):
    source: str | None = None


class _Needs(msgspec.Struct):
    """What a run needs, of its record or of its line in the history."""

    schema: int
    run_id: str
    parent_run_id: str | None = None
    repeat: _JudgedTogether | None = None
    sweep: _JudgedTogether | None = None
    git: _NeedsOfGit = msgspec.field(default_factory=_NeedsOfGit)
    texts: _NeedsOfTexts | None = None
    calls: _NeedsOfCalls = msgspec.field(default_factory=_NeedsOfCalls)
    counts: dict[str, int] = {}

    def groups(self) -> list[tuple[str, str]]:
        """Return the repeat and the sweep that it is of."""
        return [(what, one.id) for what, one in (("repeat", self.repeat), ("sweep", self.sweep)) if one]

    def blobs(self) -> set[str]:
        """Return the names of the blobs."""
        saved = [*self.git.saved.values(), *([self.git.patch] if self.git.patch else ())]
        return {one.file for one in saved} | ({self.texts.object} if self.texts else set())


_decoder = msgspec.json.Decoder(_Needs)


def plan(store: str, asked: PruneAsked) -> PrunePlan:
    """Return what would go, or say why that cannot be known."""
    try:
        return _planned(store, asked)
    except OSError as error:
        raise EvalprovError(f"cannot read {error.filename or store}: {error.strerror}") from None


def _planned(store: str, asked: PruneAsked) -> PrunePlan:
    must = MustStay(store)
    if must.unusable:
        names = ", ".join(must.unusable)
        what = f"baseline {names} cannot be read, so it is not known which run it needs"
        raise EvalprovError(what, "mend it, or remove it: evalprov baseline rm NAME")
    known, notes = _known(store)
    picked = _picked(store, asked, known)
    spared = _spared(picked, known, must)
    gone = {run_id for run_id in picked if run_id not in spared}
    blobs: list[StoredFile] = []
    try:
        named = _named_blobs(store, [one for run_id, one in known.items() if run_id not in gone], known, must)
        blobs = [one for one in _files(store, BLOBS) if f"{one.folder}/{one.name}" not in named]
    except _UnknownNeedsError as why:
        notes.append(f"{_STAY}: what {why} needs is not known")
    files: dict[str, list[StoredFile]] = {run_id: [] for run_id in gone}
    for one in _files(store, _ENDS):
        if (run_id := _owner(one)) in gone:
            files[run_id].append(one)
    runs = [run_id for run_id in picked if run_id in gone]
    return PrunePlan(runs, spared, len(known) - len(runs), files, blobs, notes)


def remove(store: str, found: PrunePlan, progress: Callable[[int, int], None] | None = None) -> PrunePlan:
    """Remove what was planned, less what has become needed meanwhile; return what went, and what is to be said."""
    must = MustStay(store)
    if must.unusable:
        raise EvalprovError(f"baseline {must.unusable[0]} was changed meanwhile: nothing was removed", "try again")
    runs = [run_id for run_id in found.runs if run_id not in must.why]
    said: list[str] = []
    if len(runs) < len(found.runs):
        said.append(f"{counted(len(found.runs) - len(runs))} became needed meanwhile, and stay")
    try:
        with open_store(store) as root:
            place = _take_out(root, set(runs))
            _remove_files(store, runs, found.files, progress)
            if _place(root) != place:  # the doctor was here, and may have entered what had a record still
                _take_out(root, set(runs))
            blobs, why = _remove_blobs(store, root)
            if why:
                said.append(why)
    except OSError as error:
        where = error.filename or store
        hint = "what stays is whole; `evalprov doctor` puts the history in order, and another prune removes the rest"
        raise EvalprovError(f"cannot remove all of it: {where}: {error.strerror}", hint) from None
    return found._replace(runs=runs, blobs=blobs, notes=said)


def _picked(store: str, asked: PruneAsked, known: Mapping[str, _Needs]) -> list[str]:
    """Return the runs that are asked for, newest first."""
    if asked.conditions or asked.since:
        with Search(store, Query(asked.conditions, since=asked.since)) as search:
            found = [run.run_id for run in search.runs() if run.run_id in known]
    else:
        found = sorted(known, key=ids.order, reverse=True)
    return [run_id for run_id in found[asked.keep_last or 0 :] if asked.before is None or run_id[:16] < asked.before]


def _known(store: str) -> tuple[dict[str, _Needs], list[str]]:
    """Return what each run needs that the history has, or that is under way, and how many lines were passed over."""
    found: dict[str, _Needs] = {}
    passed = 0
    with open_store(store) as root, closing(Snapshot(root)) as history:
        for line in history.lines():
            try:
                one = _decoder.decode(line or b"")
            except _CANNOT_READ:
                passed += 1
                continue
            if one.schema > SCHEMA or not ids.is_run_id(one.run_id):
                passed += 1
            else:
                if one.run_id in found:  # which of its lines counts is the record's to say
                    one.counts = dict.fromkeys(_LEFT_OUT, 0)
                found[one.run_id] = one
    for run_id in active(store):
        with suppress(_UnknownNeedsError):
            found.update((run_id, one) for one in _of_records(store, [run_id]))
    return found, [f"{passed} lines of the history cannot be read, and stay"] if passed else []


def _spared(picked: Sequence[str], known: Mapping[str, _Needs], must: MustStay) -> dict[str, str]:
    """Return the picked runs that stay, each with the reason: what stays keeps what it needs."""
    spared = {run_id: must.why[run_id] for run_id in picked if run_id in must.why}
    going = {*picked} - spared.keys()
    members: dict[tuple[str, str], list[str]] = {}
    for run_id, one in known.items():
        for group in one.groups():
            members.setdefault(group, []).append(run_id)
    staying = [run_id for run_id in known if run_id not in going]
    while staying:
        run_id = staying.pop()
        one = known[run_id]
        wants = {one.parent_run_id: f"run {run_id} came from it", one.calls.source: f"run {run_id} replayed its calls"}
        for what, name in one.groups():
            others = members.pop((what, name), ())  # once is enough
            wants |= dict.fromkeys(others, f"{what} {name} is judged as one, and others of it stay")
        for other, why in wants.items():
            if other in going:
                going.discard(other)
                spared[other] = why
                staying.append(other)
    return spared


class _UnknownNeedsError(Exception):
    """Nobody can tell what a record needs; the words name it."""


def _named_blobs(store: str, staying: Iterable[_Needs], known: Collection[str], must: MustStay) -> set[str]:
    """Return every blob that something needs that stays; records that the history does not have stay, too."""
    named: set[str] = set()
    unsure: set[str] = set()
    for one in staying:
        named |= one.blobs()
        if one.counts.keys() & _LEFT_OUT:
            unsure.add(one.run_id)
    every = unsure | {run_id for run_id in _recorded(store) if run_id not in known}
    return named.union(_of_baselines(must), *(one.blobs() for one in _of_records(store, sorted(every))))


def _of_baselines(must: MustStay) -> set[str]:
    if must.unusable:
        raise _UnknownNeedsError(f"baseline {must.unusable[0]}")
    return {blob for one in must.baselines for blob in msgspec.convert(one, _Needs).blobs()}


def _of_records(store: str, names: Iterable[str]) -> Iterator[_Needs]:
    """Yield what these records need; one that is gone needs nothing."""
    with suppress(FileNotFoundError), Folder(f"{store}/runs") as runs:
        for name in names:
            try:
                if (data := runs.read(f"{name}.json")) is not None:
                    yield _decoder.decode(data)
            except (*_CANNOT_READ, OSError):
                raise _UnknownNeedsError(f"the record {ids.shown(name)}") from None


def _recorded(store: str) -> set[str]:
    """Return the names of all records, whatever they are."""
    with suppress(FileNotFoundError), Folder(f"{store}/runs") as runs:
        return {name.removesuffix(".json") for name in runs.names() if name.endswith(".json")}
    return set()


def _files(store: str, folders: Iterable[str]) -> Iterator[StoredFile]:
    """Yield the plain files of some folders; half-written ones are the doctor's."""
    for where in folders:
        with suppress(FileNotFoundError), Folder(f"{store}/{where}") as folder, os.scandir(folder.fd) as entries:
            for entry in entries:
                if not entry.name.startswith(TEMP) and entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        yield StoredFile(where, entry.name, entry.stat(follow_symlinks=False).st_size)


def _owner(one: StoredFile) -> str | None:
    """Return the run whose file this is; null for what is no run's."""
    if one.folder == "notes":
        return run_of(one.name)
    run_id, dot, end = one.name.partition(".")
    return run_id if dot + end in _ENDS[one.folder] else None


def _take_out(root: Folder, gone: Collection[str]) -> tuple[int, int] | None:
    """Take the lines of these runs out of the history, all others as they are; return which file it is now."""

    def rewrite(snapshot: Snapshot) -> bool:
        kept = (entry for entry in snapshot.entries() if entry.run_id not in gone)
        return snapshot.replace(kept, lambda _: None) is not None

    if gone:
        repair_history(root, rewrite)
    return _place(root)


def _place(root: Folder) -> tuple[int, int] | None:
    try:
        found = os.stat(HISTORY, dir_fd=root.fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _remove_files(
    store: str,
    runs: Sequence[str],
    files: Mapping[str, Sequence[StoredFile]],
    progress: Callable[[int, int], None] | None,
) -> None:
    folders: dict[str, Folder] = {}
    try:
        for number, run_id in enumerate(reversed(runs)):
            if progress:
                progress(number, len(runs))
            for one in files[run_id]:
                if one.folder not in folders:
                    folders[one.folder] = Folder(f"{store}/{one.folder}")
                folders[one.folder].remove(one.name)
        for folder in folders.values():
            folder.settle()
    finally:
        for folder in folders.values():
            os.close(folder.fd)
        if progress:
            progress(1, 1)


def _remove_blobs(store: str, root: Folder) -> tuple[list[StoredFile], str]:
    """Remove what no record names, while no run is under way; return what went, and why the rest stays.

    A run that finds a blob in place takes the lock once before it relies on that (store/write.py). So either its
    marker or its record is seen here, or it sees that the blob is gone.
    """
    gone: list[StoredFile] = []
    if not any(_files(store, BLOBS)):
        return gone, ""
    seen = _recorded(store) - {*active(store)}
    try:
        known, _ = _known(store)
        named = _named_blobs(store, known.values(), known, MustStay(store))
        unnamed = [one for one in _files(store, BLOBS) if f"{one.folder}/{one.name}" not in named]
        for first in range(0, len(unnamed), _AT_ONCE):
            with Lock(root) as lock:
                if active(store):
                    return gone, f"{_STAY}: a run is under way that may need them; prune again when it has ended"
                if not lock.held:
                    return gone, f"{_STAY}: this file system has no locks, so a run may need them this moment"
                new = _of_records(store, _recorded(store) - seen)
                meanwhile = _of_baselines(MustStay(store)).union(*(one.blobs() for one in new))
                for one in unnamed[first : first + _AT_ONCE]:
                    if f"{one.folder}/{one.name}" not in meanwhile:
                        with Folder(f"{store}/{one.folder}") as folder:
                            folder.remove(one.name)
                            gone.append(one)
    except _UnknownNeedsError as why:
        return gone, f"{_STAY}: what {why} needs is not known"
    return gone, ""
