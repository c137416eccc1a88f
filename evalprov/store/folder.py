"""A folder of the store, held open: no link leads out of it, and a file in it appears whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, Protocol, Self

from evalprov.platform import sync_file_system, write_behind
from evalprov.store.process import from_tag, is_gone, is_near, tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

TEMP = ".tmp-"
LARGEST = 64 << 20  # of a line of the history that is read back
LARGEST_RECORD = 1 << 30  # of a manifest: one of a large eval has its values by scenario
# Of many files at once so many are waited for each by itself: from there on the whole file system is quicker, which
# however has to wait for what all others wrote, too. Where that is much, only so long is waited.
WAITED_FOR = 32
_LITTLE = 256 << 20
_PATIENCE_SECONDS = 1.0
_OPEN = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a fifo put in a file's place must not hold us up
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_ABANDONED_SECONDS = 86400


class Elsewhere(Protocol):
    """Where the rest of a store is that is a mirror of another one: what is asked for is brought when it is missing."""

    def bring(self, name: str) -> bool:
        """Put a file in place, named from the store on; say whether there is one."""

    def names(self, folder: str, beginning: str) -> Iterable[str]:
        """Return the names that begin so of what could be brought into a folder."""

    def edge(self, number: int) -> str:
        """Return the second until which all runs began that are in no part up to this one; nothing where none is."""

    def older(self) -> Iterator[int]:
        """Yield files with older lines of the history, newest first; who takes one closes it."""


ELSEWHERE: dict[str, Elsewhere] = {}  # by the mirror's path


class TooLargeError(OSError):
    """A file is larger than any record is."""


class Folder:
    """One folder, by its descriptor."""

    __slots__ = ("fd", "path")

    def __init__(self, path: str, *, follow: bool = False) -> None:
        self.path = path
        # O_NOFOLLOW looks at the last part of the path alone; "." is never a link.
        self.fd = os.open(f"{path}/." if follow else path, os.O_RDONLY | os.O_DIRECTORY | _OPEN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # nothing was written through it
            os.close(self.fd)

    def names(self) -> list[str]:
        """Return what is in it."""
        return os.listdir(self.fd)

    def all_names(self, beginning: str) -> set[str]:
        """Return the names that begin so, of what is in it and of what could be brought into it."""
        found = {name for name in self.names() if name.startswith(beginning)}
        above, _, folder = self.path.rpartition("/")
        return found.union(ELSEWHERE[above].names(folder, beginning)) if above in ELSEWHERE else found

    def size(self, name: str) -> int | None:
        """Return a plain file's size; null where there is none of that name."""
        try:
            found = os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            if not self._brought(name):
                return None
            found = os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode):
            self._not_plain(name)
        return found.st_size

    def open(self, name: str, flags: int) -> int:
        """Open a plain file; the caller closes the descriptor."""
        try:
            fd = os.open(name, flags | _OPEN, 0o644, dir_fd=self.fd)
        except FileNotFoundError:
            if not self._brought(name):
                raise
            fd = os.open(name, flags | _OPEN, 0o644, dir_fd=self.fd)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            self._not_plain(name)
        return fd

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes; null where there is none of that name."""
        try:
            fd = self.open(name, os.O_RDONLY)
        except FileNotFoundError:
            return None
        return read_all(fd, LARGEST_RECORD, f"{self.path}/{name}")

    def write(self, name: str, data: bytes, mode: int | None = None) -> None:
        """Put a file in place, whole; with the rights that a new one has, or these."""
        self.place(self._temp(data, durable=True, mode=mode), name)
        self.settle()

    def write_many(self, files: Mapping[str, bytes]) -> tuple[dict[str, OSError], int]:
        """Put files in place that are not there yet with that size.

        Return those that could not be, and why; and how many were not waited for, so that a power cut may take them.
        """
        unsure = 0
        failed: dict[str, OSError] = {}
        temps: dict[str, str] = {}
        try:
            for name, data in files.items():
                try:
                    if self.size(name) != len(data):
                        temps[name] = self._temp(data, durable=False)
                except OSError as error:
                    failed[name] = error
            written = list(temps)
            at_once = len(written) > WAITED_FOR and sync_file_system(self.fd, _LITTLE)
            until = time.monotonic() + _PATIENCE_SECONDS
            for count, name in enumerate(written):
                try:
                    if not at_once and count >= WAITED_FOR and time.monotonic() > until:
                        unsure += 1
                    elif not at_once:
                        self._sync(temps[name])
                    self.place(temps[name], name)
                    del temps[name]
                except OSError as error:
                    failed[name] = error
            if written:
                self.settle()
        finally:
            for temp in temps.values():
                self.drop(temp)
        return failed, unsure

    def new(self) -> tuple[str, int]:
        """Begin a file that is not in place yet; the caller closes the descriptor."""
        name = f"{TEMP}{tag()}-{os.urandom(4).hex()}"
        return name, self.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL)

    def place(self, temp: str, name: str) -> None:
        """Put a finished file in place of what has its name."""
        try:
            os.rename(temp, name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        except BaseException:
            self.drop(temp)
            raise

    def claim(self, name: str, data: bytes, marker: tuple[Folder, str]) -> bool:
        """Put a file in place if the name is free, with an empty one beside it that is there no later."""
        folder, mark = marker
        temp = self._temp(data, durable=False)
        try:
            if not folder.mark(mark):
                return False
            claimed = False
            try:
                claimed = self._link(temp, name)
            finally:
                if not claimed:
                    folder.drop(mark)
            return claimed
        finally:
            self.drop(temp)

    def mark(self, name: str) -> bool:
        """Make an empty file; say whether the name was free."""
        try:
            _close(self.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True

    def remove(self, name: str) -> bool:
        """Take a file away; say whether it was there."""
        try:
            os.unlink(name, dir_fd=self.fd)
        except FileNotFoundError:
            return False
        return True

    def move(self, name: str, to: str) -> None:
        """Give what is there, whatever it is, another name."""
        os.rename(name, to, src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def settle(self) -> None:
        """Make the names of the files last."""
        os.fsync(self.fd)

    def abandoned(self, name: str) -> bool:
        """Say whether a half-written file's writer is gone; a stranger's counts as gone after a day."""
        writer = from_tag(name.removeprefix(TEMP).rpartition("-")[0])
        if writer and (is_gone(writer) or is_near(writer)):
            return is_gone(writer)
        try:
            age = time.time() - os.stat(name, dir_fd=self.fd, follow_symlinks=False).st_mtime
        except FileNotFoundError:
            return False
        return age > _ABANDONED_SECONDS

    def _link(self, temp: str, name: str) -> bool:
        try:
            os.link(temp, name, src_dir_fd=self.fd, dst_dir_fd=self.fd, follow_symlinks=False)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if not self.mark(name):
                return False
            os.rename(temp, name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        return True

    def _temp(self, data: bytes, *, durable: bool, mode: int | None = None) -> str:
        name, fd = self.new()
        try:
            if mode is not None:
                os.fchmod(fd, mode)
            write_all(fd, data)
            if durable:
                os.fsync(fd)
            else:
                write_behind(fd)
        except BaseException:
            self.drop(name)
            raise
        finally:
            _close(fd)
        return name

    def _sync(self, name: str) -> None:
        fd = self.open(name, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            _close(fd)

    def drop(self, name: str) -> None:
        """Take away what is not needed any more; where that fails the doctor does it."""
        with suppress(OSError):  # no reason to fail what else is going on
            os.unlink(name, dir_fd=self.fd)

    def _brought(self, name: str) -> bool:
        """Have what is missing brought, where this is a folder of a mirror; say whether it is there now."""
        above, _, folder = self.path.rpartition("/")
        return above in ELSEWHERE and ELSEWHERE[above].bring(f"{folder}/{name}")

    def _not_plain(self, name: str) -> NoReturn:
        raise OSError(errno.EINVAL, "not a plain file", f"{self.path}/{name}")


def _close(fd: int) -> None:
    """Close a file that was written: what the disk has to say is told then; what is interrupted is closed as well."""
    with suppress(InterruptedError):
        os.close(fd)


def write_all(fd: int, data: bytes) -> None:
    """Write all of it, in one call where the system takes it so."""
    while data:
        written = os.write(fd, data)
        if not written:
            raise OSError(errno.EIO, "nothing could be written")
        data = data[written:]


def read_all(fd: int, largest: int, path: str) -> bytes:
    """Read a file to its end, but not more than a bound, and close it."""
    pieces: list[bytes] = []
    left = largest
    try:
        if os.fstat(fd).st_size > largest:
            raise TooLargeError(errno.EFBIG, f"larger than {largest >> 20} MiB", path)
        while piece := os.read(fd, 1 << 20):
            pieces.append(piece)
            left -= len(piece)
            if left < 0:
                raise TooLargeError(errno.EFBIG, f"larger than {largest >> 20} MiB", path)
    finally:
        with suppress(OSError):  # nothing was written to it
            os.close(fd)
    return b"".join(pieces)


def ends_of_log(store: str, name: str, size: int = 1 << 19) -> bytes:
    """Return the first and the last bytes of a kept log; none where it is not there."""
    folder, _, file = name.partition("/")
    try:
        with Folder(f"{store}/{folder}") as logs, os.fdopen(logs.open(file, os.O_RDONLY), "rb") as kept:
            head = kept.read(size)
            length = os.fstat(kept.fileno()).st_size
            if length <= size:
                return head
            kept.seek(max(size, length - size))
            return head + (b"" if length <= 2 * size else b"\n") + kept.read(size)
    except OSError:
        return b""
