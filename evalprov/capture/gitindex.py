"""What git tracks, read from its index: most files are found there without asking git."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evalprov.capture.askgit import ask
from evalprov.regular import reading

if TYPE_CHECKING:
    from evalprov.capture.ask import Question
    from evalprov.capture.collector import CaptureContext

_ENTRIES = 12  # bytes before the first entry
_UNUSUAL = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR")


class Tracked:
    """The repository around the place where the command runs."""

    def __init__(self, context: CaptureContext) -> None:
        self._context = context
        self.top = _top(os.path.realpath(context.cwd))  # empty where there is none
        self._index: bytes | None = None
        self._usual = not any(name in context.environ for name in _UNUSUAL)

    def is_outside(self, path: str) -> bool:
        """Say whether a real path lies where git does not look."""
        return not self.top or not path.startswith(os.path.join(self.top, ""))

    def has(self, path: str) -> bool:
        """Say whether the index surely has a real path; if not, it may have it all the same."""
        if self._index is None:
            self._index = self._read()
        name = os.fsencode(os.path.relpath(path, self.top))
        at = self._index.find(name + b"\0")
        while at >= 0:
            # Of a plain entry: it begins at a multiple of eight, its mode is a file's, its length is the name's.
            start = at - 62
            flags = int.from_bytes(self._index[at - 2 : at], "big")
            mode = self._index[start + 24 : start + 28]
            if not (start - _ENTRIES) % 8 and flags & 0xFFF == min(len(name), 0xFFF) and mode[:2] == b"\0\0":
                return mode[2] in (0x81, 0xA0)
            at = self._index.find(name + b"\0", at + 1)
        return False

    def which_ignored(self, paths: list[str]) -> Question:
        """Ask git which of these it ignores."""
        names = b"".join(os.fsencode(os.path.relpath(path, self.top)) + b"\0" for path in paths)
        return ask(self._context, "check-ignore", "-z", "--stdin", folder=self.top, stdin=names)

    def _read(self) -> bytes:
        if not self._usual:
            return b""
        try:
            with reading(os.path.join(self.top, ".git", "index")) as file:
                return file.read()
        except OSError:
            return b""


def _top(folder: str) -> str:
    """Return the nearest folder at or above with a .git."""
    while not os.path.lexists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return ""
        folder = above
    return folder
