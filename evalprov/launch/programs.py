"""Which programs ran under the command: seen at each look at its tree, so a short one may be missed."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.platform.processes import executable_of, start_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evalprov.platform.processes import TreeProcess

MOST = 1_000  # programs that are kept in mind
REMEMBERED = 20_000  # processes


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
            path = executable_of(one.pid)
            if path is None:
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
    name, folder, search = start_of(pid)
    places = [name] if "/" in name else [os.path.join(one, name) for one in search if one and name]
    with suppress(ValueError):  # a null byte in a name
        for place in places:
            if os.path.realpath(os.path.join(folder, place)) == path:
                return name, os.path.normpath(os.path.join(folder, place))
    return name, None
