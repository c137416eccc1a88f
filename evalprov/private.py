"""Private folders and files outside project and store, for what may be written in neither."""

from __future__ import annotations

import errno
import os
from contextlib import suppress


def private_folder(tmpdir: str | None, name: str = "", *, outside: str = "") -> str | None:
    """Make a folder that nobody else can look into, not inside of another one; null where none can be made."""
    around = outside and os.path.join(os.path.realpath(outside), "")
    for place in (tmpdir, "/tmp", "/var/tmp", "/dev/shm"):  # noqa: S108 - made anew, for us alone
        folder = place and os.path.join(os.path.realpath(place), f"evalprov-{name}{os.urandom(8).hex()}")
        if folder and not (around and folder.startswith(around)):
            with suppress(OSError):  # the next place may do
                os.mkdir(folder, 0o700)
                return folder
    return None


def remove_folder(folder: str | None) -> None:
    """Remove it with what is in it, as far as that can be removed."""
    if folder is None:
        return
    for inside, folders, files in os.walk(folder, topdown=False):
        for name in (*files, *folders):
            path = os.path.join(inside, name)
            with suppress(OSError):  # somebody may still be writing there
                (os.unlink if name in files or os.path.islink(path) else os.rmdir)(path)
    with suppress(OSError):
        os.rmdir(folder)


class VeiledFile:
    """Pieces in a file without a name, written with a key that this process alone has: no secret of theirs is on disk.

    Raises OSError where there is no room.
    """

    _fd = -1

    def __init__(self) -> None:
        self._fd = _nameless()
        self._key = os.urandom(32)
        self._end = 0

    def put(self, data: bytes) -> tuple[int, int]:
        """Add a piece, whole or not at all; return its place."""
        hidden, at = self._veiled(data, self._end), self._end
        while hidden:
            sent = os.pwrite(self._fd, hidden, at)
            hidden, at = hidden[sent:], at + sent
        place = self._end, len(data)
        self._end = at
        return place

    def get(self, at: int, length: int) -> bytes:
        """Return the piece at a place."""
        hidden = b""
        while len(hidden) < length:
            more = os.pread(self._fd, length - len(hidden), at + len(hidden))
            if not more:
                raise OSError("what was put aside is gone")
            hidden += more
        return self._veiled(hidden, at)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._fd

    def close(self) -> None:
        """Let go of the file, which is gone with that."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    __del__ = close

    def _veiled(self, data: bytes, at: int) -> bytes:
        """Return a piece as it is written at a place; the same once more gives it back."""
        import hashlib  # a run that puts nothing aside does without

        veil = hashlib.shake_128(self._key + at.to_bytes(8, "little")).digest(len(data))
        mixed = int.from_bytes(data, "little") ^ int.from_bytes(veil, "little")
        return mixed.to_bytes(len(data), "little")


def _nameless() -> int:
    folder = private_folder(os.environ.get("TMPDIR"))
    if folder is None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    path = os.path.join(folder, "aside")
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    finally:
        with suppress(OSError):
            os.unlink(path)
        with suppress(OSError):
            os.rmdir(folder)
