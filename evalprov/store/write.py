"""The writing side: a run's id is reserved, its record begun and finished, its blobs and logs kept."""

from __future__ import annotations

import errno
import json
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from evalprov.errors import CANNOT_START, EvalprovError
from evalprov.named import NamedTuple
from evalprov.numbers import listed
from evalprov.record.form import counts_of, encode, history_line
from evalprov.secrets import TellingScrubber
from evalprov.store import ids
from evalprov.store.folder import Folder, write_all
from evalprov.store.gate import hide_credentials, hide_secrets
from evalprov.store.index import HISTORY, LOCK, Lock, append
from evalprov.store.process import this_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from evalprov.record.manifest import Manifest
    from evalprov.secrets import Scrubber

SUBFOLDERS = ("runs", "logs", "patches", "objects", "active", "baselines", "calls", "notes")
IGNORE = b"""\
# Written by evalprov. Records stay on this machine, this file too; baselines are meant to be committed.
*
!/baselines/
!/baselines/**
.tmp-*
"""
_NAMES_SHOWN = 3
_REMOVAL_SECONDS = 2.0  # it takes milliseconds at a time
_HINTS = {
    errno.ENOSPC: "free some space there, or keep the records elsewhere: evalprov run --store DIR",
    errno.EDQUOT: "free some of your quota there, or keep the records elsewhere: evalprov run --store DIR",
    errno.EROFS: "keep the records where you can write: evalprov run --store DIR",
    errno.EACCES: "make it yours to write, or keep the records elsewhere: evalprov run --store DIR",
    errno.EPERM: "make it yours to write, or keep the records elsewhere: evalprov run --store DIR",
}
_ELSEWHERE = "keep the records elsewhere: evalprov run --store DIR"


class KeptBlobs(NamedTuple):
    """What became of blobs that were to be kept."""

    lost: dict[str, str]  # those that were not, and why
    unsure: int  # how many of the others a power cut in the next seconds may take


class Store:
    """The metrics/ folder, open for recording."""

    __slots__ = ("_reserved", "_scrub", "path")

    def __init__(self, path: str, scrub: Scrubber | None = None) -> None:
        self.path = path
        self._scrub = scrub or TellingScrubber(os.environ)  # the one gate's; what is written passes it
        self._reserved = ("", 0)  # the last second and number: many at once need not look at each number before

    @classmethod
    def open(cls, path: str, scrub: Scrubber | None = None) -> Store:
        """Open the folder, made where it is not there yet, or say why nothing can be recorded in it."""
        store = cls(os.path.abspath(path), scrub)
        try:
            store._make()
            store._refuse_links()
        except OSError as error:
            raise store._refusal(error) from None
        return store

    def reserve(self, now: float, form: Callable[[str, str], Manifest], given: str | None = None) -> Manifest:
        """Find a free id for a run that starts now, or take the one that was given to it elsewhere.

        Store the record that `form` makes of it.
        """
        wanted = (given and ids.checked(given)) or ids.stamp(now)
        try:
            with self.enter("active") as active, self.enter("runs") as runs, self.enter("logs") as logs:
                number = self._reserved[1] + 1 if self._reserved[0] == wanted else 1
                while True:
                    if given and number > 1:
                        raise EvalprovError(f"there is a run {given} in {self.path} already", exit_code=CANNOT_START)
                    run_id = wanted if number == 1 else f"{wanted}_{number}"
                    number += 1
                    kept = ((runs, ".json"), (active, ""), (logs, ".out"), (logs, ".err"))
                    if any(folder.size(run_id + end) is not None for folder, end in kept):
                        continue
                    manifest = self._signed(form(run_id, ids.timestamp(ids.stamp(now))))
                    hide_credentials(manifest, self._scrub)
                    if runs.claim(f"{run_id}.json", encode(manifest), (active, run_id)):
                        self._reserved = (wanted, number - 1)
                        return manifest
        except OSError as error:
            raise self._refusal(error) from error

    def begin(self, manifest: Manifest, *, elsewhere: bool = False) -> None:
        """Replace the reserved record by one that says all that is known before launch, and make it last.

        Where something else has it run, that we are gone one day proves nothing.
        """
        hide_credentials(manifest, self._scrub)
        try:
            manifest = self._signed(manifest)
            if elsewhere:
                manifest["observed"]["process"] = None
            self._replace(manifest)
        except OSError as error:
            raise self._refusal(error) from None

    def tell_where(self, run_id: str, path: str) -> None:
        """Note in the run's marker where the command reports to: should we be killed, `doctor` looks there."""
        with suppress(OSError), self.enter("active") as active:
            fd = active.open(ids.checked(run_id), os.O_WRONLY)
            try:
                write_all(fd, os.fsencode(path))
            finally:
                os.close(fd)

    def finish(self, manifest: Manifest) -> list[str]:
        """Complete the record and enter it in the history; return what went wrong, in words."""
        run_id = manifest["run_id"]
        try:
            if hide_secrets(manifest, self._scrub) and manifest["identity"]["layers"]:
                from evalprov.record.identity import identify

                manifest["identity"] = identify(manifest)  # of what the record says
            manifest["counts"] = counts_of(manifest)
            line = history_line(manifest)
            problems = self._replace(manifest)
        except (OSError, EvalprovError, ValueError, TypeError, RecursionError) as error:
            return [f"the record of {run_id} was not completed: {_words(error)}; {self._left(run_id)}"]
        try:
            with Folder(self.path, follow=True) as root:
                if append(root, line) and self._lacks_others(root, run_id, line):
                    problems.append("the history was gone, and begins anew; `evalprov doctor` enters the runs before")
        except OSError as error:
            left = "its record is whole, and `evalprov doctor` enters it"
            return [*problems, f"run {run_id} was not entered in the history: {_words(error)}; {left}"]
        try:
            with self.enter("active") as active:
                active.remove(run_id)
        except OSError as error:
            problems.append(f"a marker of run {run_id} could not be removed: {_words(error)}")
        return problems

    def keep(self, blobs: Mapping[str, bytes]) -> KeptBlobs:
        """Keep blobs under patches/ or objects/, by names that their content gives."""
        folders: dict[str, dict[str, bytes]] = {}
        for name, data in blobs.items():
            where, _, file = name.partition("/")
            if where not in ("patches", "objects") or not ids.is_blob_name(file):
                raise EvalprovError(f"not a name for a stored file: {ids.shown(name)}", exit_code=CANNOT_START)
            folders.setdefault(where, {})[file] = data
        lost: dict[str, str] = {}
        unsure = 0
        for where, files in folders.items():
            try:
                with self.enter(where) as folder:
                    if any(_is_there(folder, file, data) for file, data in files.items()):
                        self.let_removal_end()
                    failed, more = folder.write_many(files)
                unsure += more
            except OSError as error:
                failed = dict.fromkeys(files, error)
            lost |= {f"{where}/{file}": _words(error) for file, error in failed.items()}
        return KeptBlobs(lost, unsure)

    def let_removal_end(self) -> None:
        """Wait until nobody removes blobs, before one that is there is relied on: who begins later sees our marker."""
        with suppress(OSError), Folder(self.path, follow=True) as root, Lock(root, _REMOVAL_SECONDS):
            pass

    def open_log(self, run_id: str, which: Literal["out", "err"]) -> int:
        """Open a new log of a run's output for writing; the caller closes the descriptor."""
        try:
            with self.enter("logs") as logs:
                return logs.open(f"{ids.checked(run_id)}.{which}", os.O_RDWR | os.O_CREAT | os.O_EXCL)
        except OSError as error:
            raise self._refusal(error) from None

    def _replace(self, manifest: Manifest) -> list[str]:
        """Put the record in place of an unfinished one; return what is odd about that."""
        run_id = ids.checked(manifest["run_id"])
        with self.enter("runs") as runs:
            try:
                before = runs.read(f"{run_id}.json")
            except OSError:  # something else is in its place: that is the user's, and stays
                before = None
                runs.move(f"{run_id}.json", f"{run_id}.torn")
            status = None if before is None else _status(before)
            # A run called lost while it was there is not: whoever said so could not see us.
            if status not in (None, "running", "lost"):
                raise EvalprovError(f"run {run_id} is finished already ({status})", exit_code=CANNOT_START)
            runs.write(f"{run_id}.json", encode(manifest))
        return [] if before is not None else [f"the record of {run_id} was removed meanwhile; it is written anew"]

    def _left(self, run_id: str) -> str:
        """Say what there is of a record that could not be completed."""
        with suppress(OSError), self.enter("runs") as runs:
            if runs.read(f"{run_id}.json"):
                return "it is left as it stands on disk, and `evalprov doctor` puts it in order"
        return "nothing is left of it on disk"

    def _lacks_others(self, root: Folder, run_id: str, line: bytes) -> bool:
        """Say whether there are records that the history should have, when it has this line alone."""
        try:
            with self.enter("runs") as runs, self.enter("active") as active:
                finished = {name.removesuffix(".json") for name in runs.names()}.difference(active.names(), {run_id})
            # Asked last: a run that ended between both looks has its line by now.
            return root.size(HISTORY) == len(line) and any(map(ids.is_run_id, finished))
        except OSError:
            return False

    def _signed(self, manifest: Manifest) -> Manifest:
        """Say in the record who is recording: readers judge by it whether the run is still going on."""
        manifest["observed"]["process"] = this_process()
        return manifest

    def enter(self, name: str) -> Folder:
        """Open one of our folders, made anew if somebody cleaned up meanwhile."""
        path = f"{self.path}/{name}"
        try:
            return Folder(path)
        except FileNotFoundError:
            self._make()
            with Folder(self.path, follow=True) as root:
                _make_folder(path)
                root.settle()
            return Folder(path)

    def _make(self) -> None:
        above = os.path.dirname(self.path)
        new = list(_missing(self.path))
        try:
            os.makedirs(self.path, 0o777 if _is_shared(above) else 0o700, exist_ok=True)
        except FileExistsError:  # a file, or a link that leads nowhere
            raise NotADirectoryError(errno.ENOTDIR, "not a folder", self.path) from None
        with Folder(self.path, follow=True) as root:
            if root.size(".gitignore") is None:
                self._refuse_strangers(root)
                root.write(".gitignore", IGNORE)
        for folder in new:
            with (
                suppress(OSError),
                Folder(os.path.dirname(folder), follow=True) as around,
            ):  # it may not be ours to read
                around.settle()

    def _refuse_strangers(self, root: Folder) -> None:
        """Take no folder that holds something else: our rules for git would hide it."""
        names = sorted(name for name in root.names() if not name.startswith("."))
        if names and not {*SUBFOLDERS, HISTORY}.intersection(names):
            some = listed(list(map(ids.shown, names)), _NAMES_SHOWN)
            raise EvalprovError(f"{self.path} holds files that are not evalprov's ({some})", _ELSEWHERE, CANNOT_START)

    def _refuse_links(self) -> None:
        for name in (*SUBFOLDERS, HISTORY, LOCK):
            try:
                mode = os.lstat(f"{self.path}/{name}").st_mode
            except FileNotFoundError:
                continue
            wanted = stat.S_ISREG(mode) if name in (HISTORY, LOCK) else stat.S_ISDIR(mode)
            if not wanted:
                found = "is a symbolic link" if stat.S_ISLNK(mode) else "is in the way"
                what = f"{self.path}/{name} {found}, and evalprov follows nothing out of its folder"
                raise EvalprovError(what, "remove it, or link the whole folder instead", CANNOT_START)

    def _refusal(self, error: OSError) -> EvalprovError:
        if isinstance(error, NotADirectoryError):
            return EvalprovError(f"{error.filename or self.path} is not a folder", _ELSEWHERE, CANNOT_START)
        message = f"cannot record in {self.path}: {_words(error)}"
        return EvalprovError(message, _HINTS.get(error.errno or 0, _ELSEWHERE), CANNOT_START)


def _is_there(folder: Folder, file: str, data: bytes) -> bool:
    with suppress(OSError):  # what stands in its place is told when it is written
        return folder.size(file) == len(data)
    return False


def _missing(folder: str) -> Iterator[str]:
    """Yield a folder and those above it that are not there."""
    while not os.path.exists(folder):
        yield folder
        folder = os.path.dirname(folder)


def _is_shared(folder: str) -> bool:
    """Say whether others are meant to write into a folder: then what is made there is theirs to read, too."""
    with suppress(OSError):
        mode = os.stat(folder).st_mode
        return bool(mode & (stat.S_IWGRP | stat.S_IWOTH | stat.S_ISGID)) and not mode & stat.S_ISVTX
    return False


def _make_folder(path: str) -> None:
    with suppress(FileExistsError):  # another run was quicker
        os.mkdir(path, 0o755)


def _status(data: bytes) -> object:
    """Return the status a record on disk has; null for one that was never written to its end."""
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return record.get("status") if isinstance(record, dict) else None


def _words(error: Exception) -> str:
    if isinstance(error, EvalprovError):
        return error.message
    if not isinstance(error, OSError):  # a value that no record can hold
        return str(error)
    words = error.strerror or str(error)
    return f"{words}: {error.filename}" if error.filename else words
