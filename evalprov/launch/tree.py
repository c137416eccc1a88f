"""The child's whole process tree, daemons that left it included."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.system import c_call

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Tree: TypeAlias = "ProcTree | PsutilTree"

PROC = "/proc"
_PR_SET_CHILD_SUBREAPER = 36


class TreeProcess(NamedTuple):
    """One living process."""

    pid: int
    parent: int
    start: int  # with the pid it names a process for good
    rss: int  # bytes


def adopt_orphans() -> None:
    """Become the parent of descendants that lose theirs, so that daemons are found; as far as we may."""
    c_call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children_of(parent: int) -> set[int]:
    """Return the pids whose parent this is; empty where there is no /proc."""
    return {found.pid for pid in _listed() if (found := _read(pid)) and found.parent == parent}


def tree_of(pid: int, apart: set[int]) -> Tree:
    """Return the tree of a child of ours; `apart` are children of ours that do not belong to it."""
    return ProcTree(apart) if os.path.exists(f"{PROC}/self/stat") else PsutilTree(pid)


class ProcTree:
    """The tree as /proc shows it."""

    def __init__(self, apart: set[int]) -> None:
        self._apart = apart
        self._ours: dict[int, int] = {}  # pid to start; once in the tree, always in the tree
        self._others: set[int] = set()  # not in the tree, so never will be: not read again

    def look(self) -> list[TreeProcess]:
        """Return the processes that are alive."""
        listed = set(_listed())
        self._others &= listed
        found = {one.pid: one for pid in listed - self._others if (one := _read(pid))}
        self._ours = {pid: start for pid, start in self._ours.items() if pid in found and found[pid].start == start}
        members = []
        others = set()
        for one in found.values():
            belongs = self._belongs(one, found)
            if belongs:
                members.append(one)
            elif belongs is not None:
                others.add(one.pid)
        self._ours.update((one.pid, one.start) for one in members)
        self._others |= others
        return members

    def _belongs(self, process: TreeProcess, found: dict[int, TreeProcess]) -> bool | None:
        """Say whether a process is in the tree; None where its parent went while we looked."""
        me = os.getpid()
        while process.pid not in self._ours:
            if process.parent == me:
                return process.pid not in self._apart
            if process.pid == me or process.parent == 0 or process.parent in self._others:
                return False
            if process.parent not in found:
                return None
            process = found[process.parent]
        return True


class PsutilTree:
    """The tree where there is no /proc."""

    def __init__(self, pid: int) -> None:
        self._root = pid

    def look(self) -> list[TreeProcess]:
        """Return the processes that are alive."""
        import psutil

        try:
            root = psutil.Process(self._root)
            every = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
        found = []
        for one in every:
            try:
                if one.status() != psutil.STATUS_ZOMBIE:
                    found.append(TreeProcess(one.pid, one.ppid(), int(one.create_time() * 100), one.memory_info().rss))
            except psutil.NoSuchProcess:
                continue
        return found


def end_tree(tree: Callable[[], Tree], number: int, seconds: float, pause: Callable[[float], None]) -> list[int]:
    """Send a signal to every process of the tree until none is alive; return the pids left after that time.

    A process gets SIGTERM once, SIGKILL at every look. `tree` gives a new tree each time: nothing is missed.
    """
    told: set[tuple[int, int]] = set()
    until = time.monotonic() + seconds
    while alive := tree().look():
        for one in alive:
            if (one.pid, one.start) not in told or number == signal.SIGKILL:
                told.add((one.pid, one.start))
                _send(one.pid, number)
        if time.monotonic() >= until:
            break
        pause(0.02)
    return [one.pid for one in alive]


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
        os.kill(pid, signal.SIGCONT)  # a stopped one could not act on it
    except (ProcessLookupError, PermissionError):
        return  # gone, or another user's: the next look shows which


def _listed() -> list[int]:
    try:
        return [int(name) for name in os.listdir(PROC) if name.isdecimal()]
    except FileNotFoundError:
        return []


def _read(pid: int) -> TreeProcess | None:
    """Return a process, or None for one that is gone or but a zombie."""
    try:
        file = os.open(f"{PROC}/{pid}/stat", os.O_RDONLY)
    except OSError:
        return None
    try:
        # The name before the last bracket may hold anything.
        fields = os.read(file, 4096).rpartition(b")")[2].split()
    except OSError:
        return None
    finally:
        os.close(file)
    # A process can outlive its first thread, which then looks like a zombie with threads.
    if len(fields) < 22 or (fields[0] in (b"Z", b"X") and int(fields[17]) <= 1):
        return None
    return TreeProcess(pid, int(fields[1]), int(fields[19]), int(fields[21]) * _PAGE)


_PAGE = os.sysconf("SC_PAGE_SIZE")
