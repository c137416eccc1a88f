"""Folders that tell what happens to their files, whoever does it: the kernel of Linux alone has that."""

from __future__ import annotations

import os
import re
import struct
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.platform import c_call

if TYPE_CHECKING:
    from collections.abc import Iterator

MODIFIED, RIGHTS, OPENED = 0x2, 0x4, 0x20
CLOSED_WRITABLE, CLOSED_UNWRITTEN = 0x8, 0x10
MOVED_FROM, MOVED_TO, CREATED, DELETED = 0x40, 0x80, 0x100, 0x200
LOST, UNMOUNTED = 0x4000, 0x2000  # events that nobody waited for; a whole file system that is gone
OF_FOLDER = 0x40000000
# What may leave a folder other than it was; a file that is mapped is only seen to be closed.
CHANGES = MODIFIED | RIGHTS | CLOSED_WRITABLE | MOVED_FROM | MOVED_TO | CREATED | DELETED
_ASKED = CHANGES | OPENED | CLOSED_UNWRITTEN
_OF_THIS_MACHINE = frozenset(("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "tmpfs", "overlay"))
_COUNTING = frozenset(("ext2", "ext3", "ext4", "xfs", "tmpfs"))  # a folder has a name more for each folder in it
# A server that does not answer holds up whoever looks at a file of these.
_MAY_HANG = re.compile(
    r"nfs|cifs|smb|9p|afs|ceph|lustre|beegfs|gpfs|glusterfs|davfs|virtiofs|prl_fs|fuse(?!ctl|blk|\.lxcfs)"
)
_HEAD = struct.Struct("=iIII")
_PIECE = 1 << 18


def watches_to_be_had() -> int:
    """Return how many folders all programs of a user together may watch."""
    try:
        with open("/proc/sys/fs/inotify/max_user_watches", "rb") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0


class Mounts:
    """What is mounted where, as far as it bears on what can be known of files."""

    def __init__(self) -> None:
        self._kinds: dict[str, str] = {}  # by device
        self._points: list[str] = []
        try:
            with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
                for line in file:
                    words, _, kind = line.partition(" - ")
                    _, _, device, _, point = words.split(" ")[:5]
                    self._kinds[device] = kind.partition(" ")[0]
                    self._points.append(point)
        except (OSError, ValueError):
            self._kinds = {"": "nfs"}

    def may_hang(self) -> bool:
        """Say whether a link may lead to a server that does not answer."""
        return any(_MAY_HANG.match(kind) for kind in self._kinds.values())

    def is_of_this_machine(self, folder: str) -> bool:
        """Say whether a folder is on one file system, and whatever writes to it runs here."""
        below = os.path.join(os.path.realpath(folder), "")
        return self._kind(folder) in _OF_THIS_MACHINE and not any(point.startswith(below) for point in self._points)

    def counts_folders(self, folder: str) -> bool:
        """Say whether there a folder's links tell how many folders are in it."""
        return self._kind(folder) in _COUNTING

    def _kind(self, folder: str) -> str | None:
        device = os.stat(folder).st_dev
        return self._kinds.get(f"{os.major(device)}:{os.minor(device)}")


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
