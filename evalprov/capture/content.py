"""What a file or folder holds, as one hash: in flat memory, several files at once, and kept for the next run."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from typing import TYPE_CHECKING, Any, TypeVar

from evalprov.capture.hashcache import HashCache
from evalprov.capture.hashing import FileDigest, FileEntry, Hashing, Md5, Progress, Todo, hash_file
from evalprov.named import NamedTuple
from evalprov.numbers import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from evalprov.capture.ask import Question, Reply

CACHED = 1 << 20  # a smaller file is hashed as fast as it is looked up
WORTH_KEEPING = 256 << 20  # to read so much again every time is worth a word
TURN = 0.05  # seconds
LEFT_OUT = b".git"  # the history of a folder is no part of its content

T = TypeVar("T")


class Content(NamedTuple):
    """What is at a path."""

    sha256: str  # with "sha256:" in front
    md5: str | None  # as DVC names it, a folder's with ".dir" behind; null where not wanted, or links are in it
    folder: bool
    files: int
    bytes: int
    oddities: tuple[str, ...]  # what the hash does not cover
    settled: bool = True  # false if some of it was written to meanwhile: then the hash is of nothing that ever was


class Contents:
    """Hashes content by its path.

    A file's hash is the SHA-256 of its bytes. A folder's is the SHA-256 over one piece a file, in the order of
    their names as bytes: the mode as git has it, a blank, the file's SHA-256 in hexadecimal digits, a blank, its
    name from the folder on, a zero byte. A link in a folder counts by its target's name and is never followed; a
    device, pipe or socket counts by its kind and is never opened. Empty folders count for nothing, nor does what
    is called `.git`, nor evalprov's own store.
    """

    def __init__(self, environ: Mapping[str, str], store: str = "", progress: Progress | None = None) -> None:
        self._environ = environ
        self._store = os.fsencode(store)
        self._progress = progress

    def of(self, path: str, md5: Md5 | None = None) -> Generator[list[Question], list[Reply], Content]:
        """Hash what is at an absolute path; raises OSError if it is not there or cannot be read.

        It is a generator so that other collectors get their turn meanwhile; it never asks a command.
        """
        place = os.path.realpath(os.fsencode(path))
        found = os.stat(place)
        if stat.S_ISDIR(found.st_mode):
            return (yield from self._large(place, md5, lambda: _walk(place, self._store), folder=True))
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, "neither a file nor a folder", path)
        entry = FileEntry.of(b"", place, found)
        if entry.size <= CACHED:
            tally = _HashingTally(md5, folder=False)
            tally.add(entry, hash_file(entry, md5))
            return tally.content()
        return (yield from self._large(place, md5, lambda: iter((entry,)), folder=False))

    def _large(
        self, place: bytes, md5: Md5 | None, entries: Callable[[], Iterator[FileEntry]], *, folder: bool
    ) -> Generator[list[Question], list[Reply], Content]:
        cache = HashCache(place, self._environ, md5)
        tally = _HashingTally(md5, folder=folder)
        todo = yield from _survey(cache.known(entries()), tally)
        if not todo.files:
            cache.was_used()
            return tally.content()
        tally = _HashingTally(md5, folder=folder)
        writer = cache.writer()

        def take(entry: FileEntry, digest: FileDigest) -> None:
            tally.add(entry, digest)
            if writer:
                writer.add(entry, digest)

        try:
            yield from Hashing(md5, todo, self._progress).run(cache.known(entries()), take)
            if writer:
                writer.keep()
        finally:
            if writer:
                writer.drop()
        problem = cache.problem or (writer and writer.problem)
        if problem and todo.bytes >= WORTH_KEEPING:
            tally.oddities.append(f"its hash cannot be kept for the next run: {problem}")
        return tally.content()


def finish(steps: Generator[list[Question], list[Reply], T]) -> T:
    """Run a generator that asks nothing to its end."""
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        result: T = stop.value
        return result


def _survey(
    entries: Iterable[tuple[FileEntry, FileDigest | None]], tally: _HashingTally
) -> Generator[list[Question], list[Reply], Todo]:
    """Say how much is not known yet; the tally is whole where that is nothing."""
    files = size = 0
    turn = time.monotonic() + TURN
    for count, (entry, known) in enumerate(entries):
        if known is None:
            files += 1
            size += entry.size
        elif not files:
            tally.add(entry, known)
        if not count & 1023 and time.monotonic() > turn:
            yield []
            turn = time.monotonic() + TURN
    return Todo(files, size)


def _walk(top: bytes, store: bytes) -> Iterator[FileEntry]:
    """Give what is below a folder, in the order of the names as bytes."""
    pending = [_names(top, b"", store)]
    while pending:
        if not pending[-1]:
            pending.pop()
            continue
        name = pending[-1].pop()
        if name.endswith(b"/"):
            pending.append(_names(top, name, store))
            continue
        path = top + b"/" + name
        found = os.lstat(path)
        yield FileEntry.of(name, path, found) if stat.S_ISREG(found.st_mode) else _special(name, path, found)


def _names(top: bytes, inside: bytes, store: bytes) -> list[bytes]:
    """Return the names in one folder, last one first; folders with a slash, which puts them where their files are."""
    folder = top + b"/" + inside
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name == LEFT_OUT or (store and folder + entry.name == store):
                continue
            slash = b"/" if entry.is_dir(follow_symlinks=False) else b""
            names.append(inside + entry.name + slash)
    names.sort(reverse=True)
    return names


def _special(name: bytes, path: bytes, found: os.stat_result) -> FileEntry:
    mode = b"%06o" % stat.S_IFMT(found.st_mode)
    if not stat.S_ISLNK(found.st_mode):
        return FileEntry(name, path, mode, fixed=FileDigest(b"-"), oddity="neither a file nor a folder, not read")
    target = os.readlink(path)
    inside = os.path.normpath(os.path.join(os.path.dirname(name), target))
    out = target.startswith(b"/") or inside == b".." or inside.startswith(b"../")
    digest = FileDigest(hashlib.sha256(target).hexdigest().encode())
    said = "a link that leads out of the folder: where to is hashed, and not what is there" if out else ""
    return FileEntry(name, path, mode, fixed=digest, oddity=said)


class _HashingTally:
    """The hash of a whole, made of its files' hashes as they come in."""

    def __init__(self, md5: Md5 | None, *, folder: bool) -> None:
        self.oddities: list[str] = []
        self._folder = folder
        self._sum = hashlib.sha256()
        self._list = hashlib.md5(b"[", usedforsecurity=False) if md5 else None
        self._one: FileDigest | None = None
        self._files = self._bytes = 0
        self._settled = True
        self._odd: dict[str, list[Any]] = {}  # what is odd, to how many and the first

    def add(self, entry: FileEntry, digest: FileDigest) -> None:
        """Take the next file."""
        if not digest.settled:
            self._settled = False
            self._note("written to while it was hashed", entry)
        if entry.oddity:
            self._note(entry.oddity, entry)
        if not self._folder:
            self._one = digest
        else:
            self._sum.update(b"%s %s %s\0" % (entry.mode, digest.sha256, entry.name))
            if self._list:
                self._add_to_list(entry, digest)
        self._files += 1
        self._bytes += entry.size

    def _add_to_list(self, entry: FileEntry, digest: FileDigest) -> None:
        """Take a file as DVC lists it: the MD5 of that list as JSON is its name for the folder."""
        if not digest.md5:  # a link: DVC has what is behind it
            self._list = None
            return
        line = {"md5": digest.md5.decode(), "relpath": os.fsdecode(entry.name)}
        assert self._list is not None
        self._list.update(f"{', ' if self._files else ''}{json.dumps(line)}".encode())

    def _note(self, what: str, entry: FileEntry) -> None:
        self._odd.setdefault(what, [0, entry.name or os.path.basename(entry.path)])[0] += 1

    def content(self) -> Content:
        """Return what it came to."""
        for what, (count, first) in self._odd.items():
            self.oddities.append(f"{listed([os.fsdecode(first)], 1, count)}: {what}")
        sha256, md5 = self._sum.hexdigest(), None
        if self._one:
            sha256, md5 = self._one.sha256.decode(), self._one.md5.decode() or None
        elif self._list:
            self._list.update(b"]")
            md5 = f"{self._list.hexdigest()}.dir"
        oddities = tuple(self.oddities)
        return Content(f"sha256:{sha256}", md5, self._folder, self._files, self._bytes, oddities, self._settled)
