"""The history file: one line a run, appended under a lock."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from typing import Self

from evalprov.store.folder import Folder, write_all

HISTORY = "eval_history.jsonl"
LOCK = ".lock"
REMOTE = "remote.json"  # what a store has that is the mirror of a shared one
PATIENCE_SECONDS = 10.0
_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


class Lock:
    """The right to change the history, waited for within reason."""

    __slots__ = ("_fd", "_root", "_seconds", "held")

    def __init__(self, root: Folder, seconds: float = PATIENCE_SECONDS) -> None:
        self._root = root
        self._seconds = seconds
        self._fd = -1
        self.held = False  # stays so on a file system without locks, where a single write has to do

    def __enter__(self) -> Self:
        self._fd = self._root.open(LOCK, os.O_RDONLY | os.O_CREAT)
        try:
            self._wait()
        except BaseException:
            os.close(self._fd)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def _wait(self) -> None:
        give_up = time.monotonic() + self._seconds
        pause = 0.001
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= give_up:
                    why = f"another process has kept it locked for {self._seconds:g} s"
                    raise OSError(errno.ETIMEDOUT, why, f"{self._root.path}/{HISTORY}") from None
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
                return
            else:
                self.held = True
                return
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)


def append(root: Folder, line: bytes, patience: float = PATIENCE_SECONDS) -> bool:
    """Add a line, whole or not at all, and say whether it is the first; a torn last line is ended, never continued."""
    with Lock(root, patience) as lock:
        fd = root.open(HISTORY, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            size = os.fstat(fd).st_size
            torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
            try:
                write_all(fd, b"\n" + line if torn else line)
            except OSError:
                if lock.held:  # else the end of the file may be somebody else's by now
                    os.ftruncate(fd, size)
                raise
            os.fsync(fd)
            if not size:
                root.settle()
            return not size
        finally:
            os.close(fd)
