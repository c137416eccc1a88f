"""The folder that a run is brought back to: new or empty, and nothing is ever written outside it."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from evalprov.errors import CANNOT_START, EvalprovError
from evalprov.platform import share_blocks
from evalprov.regular import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator

LINK, PROGRAM = "120000", "100755"
MODES = ("100644", PROGRAM, LINK)
_BLOCK = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Escapes(Exception):  # noqa: N818 - it is a finding about a record
    """A path of the record does not stay in the folder; the words say why."""


class NewFolder:
    """A folder of our own; every path in it is walked from its top, and no link on the way is followed."""

    def __init__(self, path: str, *, begun: bool = False) -> None:
        self.path = os.path.realpath(path)
        try:
            with suppress(FileExistsError):
                os.makedirs(path, 0o700)
            if not begun and os.listdir(self.path):
                hint = "name a folder that is not there yet, or an empty one; nothing was written"
                raise EvalprovError(f"{path} is not empty", hint, CANNOT_START)
            self._top = os.open(self.path, _FOLDER)
        except OSError as error:
            raise EvalprovError(f"cannot restore to {path}: {error.strerror}", exit_code=CANNOT_START) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._top)

    def at(self, name: str) -> str:
        """Return the full path of a name in the folder."""
        return os.path.join(self.path, *_parts(name))

    def has(self, name: str) -> bool:
        """Say whether something has this name, be it a link to nowhere."""
        return os.path.lexists(self.at(name))

    def write(self, name: str, data: bytes, mode: str = "100644") -> None:
        """Make a new file, or a link, with the folders above it; what has the name already is left."""
        with _above(self._top, name) as (folder, last):
            if mode == LINK:
                os.symlink(data, last, dir_fd=folder)
                return
            with open(os.open(last, _NEW, 0o777 if mode == PROGRAM else 0o666, dir_fd=folder), "wb") as file:
                file.write(data)

    def make(self, name: str) -> None:
        """Make a folder, where it is not there yet."""
        with _above(self._top, f"{name}/below"):
            pass

    def copy(self, source: str, name: str) -> None:
        """Copy a file, a link or a folder; a file's blocks are shared where the system can, never the file itself."""
        with _above(self._top, name) as (folder, last):
            _copy(os.fsencode(source), folder, os.fsencode(last))

    def remove(self, name: str) -> None:
        """Take away what has this name."""
        with _above(self._top, name) as (folder, last), suppress(FileNotFoundError):
            _remove(folder, last)


class _above:  # noqa: N801 - used as a function
    """The folder above a name, made where it is missing, and the name in it."""

    def __init__(self, top: int, name: str) -> None:
        *self._folders, self._last = _parts(name)
        self._fd = os.dup(top)

    def __enter__(self) -> tuple[int, str]:
        try:
            for one in self._folders:
                with suppress(FileExistsError):
                    os.mkdir(one, dir_fd=self._fd)
                below = os.open(one, _FOLDER, dir_fd=self._fd)
                os.close(self._fd)
                self._fd = below
        except OSError as error:
            os.close(self._fd)
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise Escapes(f"{one} is a link or a file there, and nothing is written through it") from None
            raise
        return self._fd, self._last

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


def _parts(name: str) -> list[str]:
    """Return the parts of a path that stays inside; nothing of git's own is named by a record."""
    parts = name.split("/")
    if not name or len(name) > 4096 or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise Escapes("it is no path inside the folder")
    if any(part.lower().rstrip(". ").partition(":")[0] in (".git", "git~1") for part in parts):
        raise Escapes("it would be in git's own folder")
    return parts


def _copy(source: bytes, folder: int, name: bytes) -> None:
    found = os.lstat(source)
    if stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(source), name, dir_fd=folder)
    elif stat.S_ISDIR(found.st_mode):
        os.mkdir(name, dir_fd=folder)
        below = os.open(name, _FOLDER, dir_fd=folder)
        try:
            for inner in _names(source):
                _copy(os.path.join(source, inner), below, inner)
        finally:
            os.close(below)
    elif stat.S_ISREG(found.st_mode):
        _copy_file(source, found.st_mode, folder, name)


def _names(folder: bytes) -> Iterator[bytes]:
    with os.scandir(folder) as entries:
        yield from sorted(entry.name for entry in entries if entry.name != b".git")


def _copy_file(source: bytes, mode: int, folder: int, name: bytes) -> None:
    with (
        open(open_regular(source, os.O_NOFOLLOW), "rb", buffering=0) as old,
        open(os.open(name, _NEW, stat.S_IMODE(mode) & 0o777 | 0o200, dir_fd=folder), "wb", buffering=0) as new,
    ):
        if not share_blocks(old.fileno(), new.fileno()):
            while piece := old.read(_BLOCK):
                new.write(piece)


def _remove(folder: int, name: str) -> None:
    if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        below = os.open(name, _FOLDER, dir_fd=folder)
        try:
            for inner in os.listdir(below):
                _remove(below, inner)
        finally:
            os.close(below)
        os.rmdir(name, dir_fd=folder)
    else:
        os.unlink(name, dir_fd=folder)
