"""Folders that tell what happens to their files, whoever does it: the kernel of Linux alone has that."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.platform import c_call

if TYPE_CHECKING:
    from collections.abc import Iterator

MODIFIED, CLOSED_UNWRITTEN, OPENED = 0x2, 0x10, 0x20
MOVED_FROM, MOVED_TO, CREATED = 0x40, 0x80, 0x100
LOST, UNMOUNTED = 0x4000, 0x2000  # events that nobody waited for; a whole file system that is gone
OF_FOLDER = 0x40000000
_ASKED = MODIFIED | CLOSED_UNWRITTEN | OPENED | MOVED_FROM | MOVED_TO | CREATED
_HEAD = struct.Struct("=iIII")
_PIECE = 1 << 18


def watches_to_be_had() -> int:
    """Return how many folders all programs of a user together may watch."""
    try:
        with open("/proc/sys/fs/inotify/max_user_watches", "rb") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0


class FolderEvent(NamedTuple):
    """What happened."""

    folder: int  # the number it got when it was added
    kinds: int
    pair: int  # the same for both halves of a move
    name: bytes  # in the folder; empty for itself


class FolderEvents:
    """Waits for what happens; raises OSError where that is not to be had."""

    def __init__(self) -> None:
        number = c_call("inotify_init1", os.O_NONBLOCK | os.O_CLOEXEC)
        if number is None or number < 0:
            raise OSError(0, "this system does not tell" if number is None else "too many programs watch files")
        self.number = number

    def add(self, path: str) -> int:
        """Have a folder, or one file, told of; return its number, the same for another name of the same."""
        added = c_call("inotify_add_watch", self.number, os.fsencode(path), _ASKED)
        if added is None or added < 0:
            raise OSError(0, "it cannot be read, or too many folders are watched")
        return added

    def read(self) -> Iterator[FolderEvent]:
        """Give what has happened by now."""
        while True:
            try:
                data = os.read(self.number, _PIECE)
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                folder, kinds, pair, length = _HEAD.unpack_from(data, at)
                at += _HEAD.size
                yield FolderEvent(folder, kinds, pair, data[at : at + length].rstrip(b"\0"))
                at += length

    def close(self) -> None:
        """Be told no more."""
        os.close(self.number)
