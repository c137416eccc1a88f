"""The reader of what the hook wrote: any program of the command may have written anything there."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SIZE = 64 << 20  # bytes that are read
LONGEST = 64 << 10  # bytes of a line
PIECE = 1 << 18
FILES = 20_000  # that are kept in mind; so of every other kind
OTHERS = 2_000
FOLDERS = 64  # of a Python
LETTERS = frozenset("BFrwbqlpexhc")


class TouchedFile(NamedTuple):
    """How a file was opened."""

    read: bool = False
    written: bool = False
    written_first: bool = False  # what was read of it then, the run had written itself


class ObservedPython(NamedTuple):
    """A process that was observed from its start."""

    version: str
    executable: str
    prefix: str
    software: tuple[str, ...]  # folders of its standard library and of what is installed for it


class StartedProgram(NamedTuple):
    """A program that a Python started."""

    argv0: str
    apart: bool = False  # in an environment of its own, in which its Pythons are not observed


class Sightings:
    """What was seen, within bounds; the rest is counted."""

    def __init__(self) -> None:
        self.files: dict[str, TouchedFile] = {}  # by full path
        self.folders: dict[str, None] = {}  # whose names were read, by full path
        self.packages: dict[str, None] = {}  # entries of the folders for what is installed, by full path
        self.variables: dict[str, None] = {}
        self.programs: dict[str, StartedProgram] = {}  # by the name or path they were started by
        self.hosts: dict[str, None] = {}
        self.pythons: dict[int, ObservedPython] = {}
        self.forked: dict[int, None] = {}
        self.dropped = 0  # facts that did not fit in here
        self.unreadable = 0  # lines that are none of ours
        self._cut: dict[int, int] = {}  # by process: facts that the hook did not write

    @property
    def cut(self) -> int:
        """How many facts are missing, at the least."""
        return sum(self._cut.values()) + self.dropped

    def add(self, line: bytes) -> None:
        """Take up one line."""
        letter, _, rest = line.partition(b" ")
        number, gap, data = rest.partition(b" ")
        kind = letter.decode("ascii", "replace")
        if kind not in LETTERS or not gap or not number.isdigit() or len(number) > 10:
            self.unreadable += 1
            return
        pid, text = int(number), os.fsdecode(_unescaped(data))
        if kind in "rwbq":
            self._add_file(kind, text)
        elif kind == "B":
            self._add_python(pid, text)
        elif kind == "F":
            self._keep(self.forked, pid, None)
        elif kind == "c":
            if text.isascii() and text.isdecimal() and len(text) < 12:
                self._keep(self._cut, pid, max(self._cut.get(pid, 0), int(text)))
        elif kind == "x":
            self._add_program(text)
        elif text:
            self._keep({"l": self.folders, "p": self.packages, "e": self.variables, "h": self.hosts}[kind], text, None)

    def add_files(self, touched: Mapping[str, TouchedFile]) -> None:
        """Take up files that were seen in another way; what a program said of one is more exact."""
        for path, how in touched.items():
            if path not in self.files:
                self._keep(self.files, path, how, 2 * FILES)

    def _keep(self, table: dict[Any, Any], key: object, value: object, most: int = OTHERS) -> None:
        if key in table or len(table) < most:
            table[key] = value
        else:
            self.dropped += 1

    def _add_program(self, text: str) -> None:
        program, _, how = text.partition("\0")
        argv0, _, apart = how.partition("\0")
        if program:
            known = self.programs.get(program, StartedProgram(""))
            self._keep(self.programs, program, StartedProgram(argv0 or program, known.apart or bool(apart)))

    def _add_file(self, kind: str, path: str) -> None:
        if not path.startswith("/") or "\0" in path:
            self.unreadable += 1
            return
        known = self.files.get(path, TouchedFile())
        reads, writes = kind in "rbq", kind in "wb"
        first = known.written_first or (kind == "w" and not known.read)
        self._keep(self.files, path, TouchedFile(known.read or reads, known.written or writes, first), FILES)

    def _add_python(self, pid: int, text: str) -> None:
        _, version, executable, prefix, *software = [*text.split("\0", 4 + FOLDERS), "", "", "", ""][: 4 + FOLDERS]
        self._keep(self.pythons, pid, ObservedPython(version, executable, prefix, tuple(filter(None, software))))


def read_sightings(path: str) -> Sightings:
    """Read what was seen of a run, in flat memory; OSError where the file is not what it was."""
    seen = Sightings()
    for line in _lines(path):
        if line is None:
            seen.unreadable += 1
        elif line:
            seen.add(line)
    return seen


def _lines(path: str) -> Iterator[bytes | None]:
    """Give the lines of the file; null for one that is too long."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(0, "it is no plain file any more")
        begun, left, skipping = b"", SIZE, False
        while left > 0 and (piece := os.read(file, min(PIECE, left))):
            left -= len(piece)
            *whole, begun = (begun + piece).split(b"\n")
            if skipping and whole:  # the end of a line that was too long
                skipping = False
                del whole[0]
            yield from (line if len(line) <= LONGEST else None for line in whole)
            if len(begun) > LONGEST or skipping:
                if not skipping:
                    yield None
                begun, skipping = b"", True
        if begun:
            yield None  # the last one was not written to its end
    finally:
        os.close(file)


def _unescaped(data: bytes) -> bytes:
    r"""Undo the hook's \\ and \n."""
    if b"\\" not in data:
        return data
    return b"\\".join(part.replace(b"\\n", b"\n") for part in data.split(b"\\\\"))
