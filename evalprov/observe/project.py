"""The project's own files, as the kernel tells of them: which were opened while the command ran, by whatever program.

Nothing of the command is touched for that. What another program opened meanwhile counts as used, too.
"""

from __future__ import annotations

import _thread
import os
import select
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from evalprov.named import NamedTuple
from evalprov.observe.sightings import FILES, TouchedFile
from evalprov.platform.events import taking_no_signals
from evalprov.platform.folders import (
    CHANGES,
    CLOSED_UNWRITTEN,
    CREATED,
    LOST,
    MODIFIED,
    MOVED_FROM,
    MOVED_TO,
    OF_FOLDER,
    OPENED,
    UNMOUNTED,
    FolderEvent,
    FolderEvents,
    Mounts,
    watches_to_be_had,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDERS = 5_000
SHARE = 16  # of the watches a user may have: the command may want some itself
SECONDS = 0.1  # to find them in: git is at work meanwhile
PAUSE = 0.01  # in which events gather
PATIENCE = 2.0
GIT = ".git"
GITS = (b".gitignore", b".gitattributes", b".gitmodules")  # whoever calls git, another trial of ours say, reads these
_WRITTEN = MODIFIED | MOVED_TO | CREATED
_NO_FOLDERS = 2  # names: its own in the folder above, and "." in itself
_FIRST = 1 << 16  # it was written before it was opened for the first time


class LeftAlone(NamedTuple):
    """Folders whose files are no part of a project."""

    names: frozenset[str]
    marked_by: frozenset[str]  # files or folders in them
    paths: frozenset[str]  # of the store


class ProjectWatch:
    """Watches the folders of a project until the command has ended."""

    def __init__(self, root: str, apart: LeftAlone, caches: Iterable[str] = ()) -> None:
        self.reason: str | None = None  # why not all is known
        self._apart = apart
        self._events: FolderEvents | None = None
        self._paths: dict[int, str] = {}
        self._of_caches: set[int] = set()  # numbers of folders beside the project
        self._seen: dict[tuple[int, bytes], int] = {}
        self._moves: set[int] = set()
        self._changed = False
        self._left = False  # folders that git may know
        self._is_here = self._may_hang = self._counts = False
        self._stop = -1
        self._done = _thread.allocate_lock()
        try:
            mounts = Mounts()
            self._is_here, self._may_hang = mounts.is_of_this_machine(root), mounts.may_hang()
            self._counts = self._is_here and mounts.counts_folders(root)
            self._events = FolderEvents()
            self._add_all(self._events, root)
            self._add_caches(self._events, caches)
        except (OSError, ValueError) as error:
            self._give_up(f"the project's folders could not be watched: {getattr(error, 'strerror', None) or error}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._close()

    @property
    def folders(self) -> int | None:
        """How many folders were watched, from before the start to the end; null where not all of them were."""
        return None if self.reason else len(self._paths) - len(self._of_caches)

    @property
    def is_blind(self) -> bool:
        """Say whether not a single folder was watched."""
        return not self._paths

    @property
    def is_untouched(self) -> bool:
        """Say whether nothing at all was written to, made or removed in it, since it is watched."""
        return self.folders is not None and self._is_here and not self._changed and not self._left

    def begin(self) -> None:
        """Forget what was opened by now, and take up what is from here on."""
        events = self._events
        if events is None:
            return
        try:
            for event in events.read():
                self._changed |= self._is_change(event)
            hear, self._stop = os.pipe()
        except OSError as error:
            self._give_up(f"the project's folders could not be watched: {error.strerror}")
            return
        self._done.acquire()
        try:
            with taking_no_signals():
                _thread.start_new_thread(self._run, (events, hear))
        except RuntimeError:
            self._done.release()
            os.close(hear)
            self._give_up("no thread could be had to watch the project's folders")
        else:
            self._events = None  # the thread closes it: the kernel takes its time for that

    def end(self) -> None:
        """Take up what has happened to the last moment."""
        if self._stop < 0:
            return
        os.close(self._stop)
        self._stop = -1
        if self._done.acquire(timeout=PATIENCE):
            self._done.release()
        else:
            self._give_up("what was opened could not be taken up in time")

    def touched(self) -> dict[str, TouchedFile]:
        """Return the files that something happened to, by full path."""
        return {
            os.path.join(self._paths[folder], os.fsdecode(name)) if name else self._paths[folder]: _touched(kinds)
            for (folder, name), kinds in list(self._seen.items())
            if name not in GITS
        }

    # --- which folders

    def _add_all(self, events: FolderEvents, root: str) -> None:
        until, room = time.monotonic() + SECONDS, min(FOLDERS, watches_to_be_had() // SHARE)
        todo = deque([root])
        while todo:
            path = todo.popleft()
            if len(self._paths) >= room or time.monotonic() > until:
                self._give_up(f"the project has too many folders to watch them all: {len(self._paths):,} are")
                return
            try:
                number = events.add(path)
                if number not in self._paths:  # else it has two names
                    below = self._below(events, path)
                    if below is not None:
                        self._paths[number] = path
                        todo.extend(below)
            except OSError as error:
                self._give_up(f"{path} could not be watched: {error.strerror}")

    def _add_caches(self, events: FolderEvents, folders: Iterable[str]) -> None:
        """Watch what lies in caches; nobody looks there where a server might not answer."""
        until = time.monotonic() + SECONDS
        for path in folders if not self._may_hang else ():
            with suppress(OSError):
                number = events.add(path)
                if number not in self._paths:
                    self._paths[number] = path
                    self._of_caches.add(number)
            if time.monotonic() > until:
                return

    def _below(self, events: FolderEvents, path: str) -> list[str] | None:
        """Return the folders in a folder; null where it is one of software."""
        found: list[str] = []
        if self._counts and os.stat(path).st_nlink == _NO_FOLDERS:
            return found  # however many files it has; by a link that is in it nothing of this project is opened
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name in self._apart.marked_by:
                    self._left = True
                    return None
                if entry.is_symlink():
                    found += self._by_link(events, entry)
                elif entry.is_dir() and entry.path not in self._apart.paths:
                    if entry.name not in self._apart.names:
                        found.append(entry.path)
                    elif entry.name != GIT:
                        self._left = True
        return found

    def _by_link(self, events: FolderEvents, entry: os.DirEntry[str]) -> list[str]:
        """Return the folder a link leads to; a file it leads to is watched, for what is opened is told where it is."""
        if self._may_hang:
            return []
        if entry.is_dir():
            return [entry.path] if entry.name not in self._apart.names else []
        with suppress(OSError):  # it leads nowhere
            self._paths.setdefault(events.add(entry.path), entry.path)
        return []

    # --- what happens

    def _run(self, events: FolderEvents, hear: int) -> None:
        try:
            waiting = select.poll()
            for number in (events.number, hear):
                waiting.register(number, select.POLLIN)
            over = False
            while not over:
                over = any(number == hear for number, _ in waiting.poll())
                if not over:
                    time.sleep(PAUSE)
                for event in events.read():
                    self._take(event)
        except OSError as error:
            self._give_up(f"what was opened could not be taken up: {error.strerror}")
        finally:
            os.close(hear)
            self._done.release()
            events.close()

    def _take(self, event: FolderEvent) -> None:
        kinds, key = event.kinds, (event.folder, event.name)
        self._changed |= self._is_change(event)
        if kinds & (LOST | UNMOUNTED):
            self._give_up("more happened to the project's files than could be taken up")
        elif kinds & OF_FOLDER and event.folder not in self._of_caches:
            if kinds & MOVED_FROM:
                self._moves.add(event.pair)
            elif kinds & MOVED_TO and event.pair not in self._moves:
                self._give_up("a folder was moved into the project while the command ran")
        elif event.folder not in self._paths or kinds & OF_FOLDER:
            pass
        elif key in self._seen or len(self._seen) < FILES:
            known = self._seen.get(key, 0)
            opened = known & (OPENED | CLOSED_UNWRITTEN | _FIRST)
            self._seen[key] = known | kinds | (_FIRST if kinds & _WRITTEN and not opened else 0)
        else:
            self._give_up(f"more than {FILES:,} files of the project were opened")

    def _is_change(self, event: FolderEvent) -> bool:
        if not event.kinds & CHANGES or event.folder in self._of_caches:
            return bool(event.kinds & (LOST | UNMOUNTED))
        return os.path.join(self._paths.get(event.folder, ""), os.fsdecode(event.name)) not in self._apart.paths

    def _give_up(self, why: str) -> None:
        self.reason = self.reason or why

    def _close(self) -> None:
        if self._events is not None:
            self._events.close()
            self._events = None


def _touched(kinds: int) -> TouchedFile:
    """Say how a file was used: one that was opened and not written to counts as read, however it was closed."""
    written = bool(kinds & _WRITTEN)
    read = bool(kinds & CLOSED_UNWRITTEN) or (bool(kinds & OPENED) and not written)
    return TouchedFile(read, written, bool(kinds & _FIRST))
