"""Which programs ran under the command: seen at each look at its tree, so a short one may be missed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.platform.processes import PROC

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evalprov.platform.processes import TreeProcess

MOST = 1_000  # programs that are kept in mind
REMEMBERED = 20_000  # processes
HEAD = 4_096  # bytes of a command line


class RanProgram(NamedTuple):
    """An executable that was seen running."""

    name: str  # what it was started as
    processes: int
    paths: tuple[str, ...] = ()  # of an interpreter: the paths by which it was started, which tell its environment


class ProgramsSeen:
    """Takes up what is running at each look."""

    def __init__(self) -> None:
        self.found: dict[str, RanProgram] = {}  # by the executable's own path
        self.dropped = 0
        self._known: dict[tuple[int, int], str] = {}  # a process becomes another program by exec

    def see(self, processes: Iterable[TreeProcess]) -> None:
        """Look at what each process runs."""
        for one in processes:
            try:
                path = os.readlink(f"{PROC}/{one.pid}/exe").removesuffix(" (deleted)")
            except OSError:
                continue  # it has gone, or is another user's
            key = one.pid, one.start
            if self._known.get(key) == path:
                continue
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[key] = path
            self._add(one.pid, path)

    def _add(self, pid: int, path: str) -> None:
        known = self.found.get(path)
        if known is None and len(self.found) >= MOST:
            self.dropped += 1
            return
        name, started_by = _started_by(pid, path)
        paths = known.paths if known else ()
        if started_by and started_by not in paths and len(paths) < 8:
            paths = (*paths, started_by)
        self.found[path] = RanProgram(known.name if known else name, (known.processes if known else 0) + 1, paths)


def _started_by(pid: int, path: str) -> tuple[str, str | None]:
    """Return the name a process was given, and the path by which it was started where that can still be told."""
    words = _read(pid, "cmdline").split(b"\0")
    name = os.fsdecode(words[0])
    try:
        places = [os.path.join(os.readlink(f"{PROC}/{pid}/cwd"), name)] if "/" in name else _on_path(pid, name)
        for place in places:
            if os.path.realpath(place) == path:
                return name, os.path.normpath(place)
    except (OSError, ValueError):
        pass
    return name, None


def _on_path(pid: int, name: str) -> list[str]:
    """Return where a process of this environment looks for a program."""
    if not name:
        return []
    for line in _read(pid, "environ", 1 << 20).split(b"\0"):
        if line.startswith(b"PATH="):
            return [os.path.join(folder, name) for folder in os.fsdecode(line[5:]).split(os.pathsep) if folder]
    return []


def _read(pid: int, name: str, most: int = HEAD) -> bytes:
    try:
        with open(f"{PROC}/{pid}/{name}", "rb", buffering=0) as file:
            return file.read(most) or b""
    except OSError:
        return b""
