"""Processes as the system shows them: by /proc, or where there is none by psutil."""

from __future__ import annotations

import os
import re
import resource
import sys
import time
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.platform import c_call, sysctl

if TYPE_CHECKING:
    from psutil import Process as ShownProcess

PROC = "/proc"
HAS_PROC = os.path.exists(f"{PROC}/self/stat")
INITIAL_NAMESPACE = 0xEFFFFFFC  # the kernel's fixed number for the one that all others are nested in
_INACCURACY = 2.0  # seconds, of when a process is said to have started
_ONLY_NAMESPACE = 1  # of a system that has no others
_PR_SET_CHILD_SUBREAPER = 36
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = 1 / os.sysconf("SC_CLK_TCK")
_DEAD = (b"Z", b"X")
APART: set[int] = set()  # children of ours that are of no command, be they started while one runs


class TreeProcess(NamedTuple):
    """One process."""

    pid: int
    parent: int
    start: int  # with the pid it names a process for good, on one machine until it is started anew
    rss: int  # bytes
    cpu: float  # seconds, its own and of the children it waited for
    lives: bool = True  # else it has ended, and nobody has waited for it yet


class ProcessStart(NamedTuple):
    """What a process was started with."""

    name: str  # as its starter wrote it
    folder: str  # where it is
    search: list[str]  # the folders in which it looks for programs


class ProcessTree:
    """A child of ours with all its descendants, daemons that left it included."""

    def __init__(self, apart: set[int], mark: tuple[str, str] | None = None) -> None:
        self._apart = apart  # children of ours that do not belong to it
        self.cpu = 0.0  # seconds, of all that was there at the last look
        # A variable that all of it has in its environment: where no orphan comes to us, it tells whose one is.
        self._mark = mark
        self._begun = (time.time() - _INACCURACY) * 1e6
        self._ours: dict[int, int] = {}  # pid to start; once in the tree, always in the tree
        self._others: set[int] = set()  # not in the tree, so never will be: not read again

    def anew(self) -> ProcessTree:
        """Return one that reads every process again, and knows those that were seen in this one."""
        other = ProcessTree(self._apart, self._mark)
        other._ours = dict(self._ours)
        other._begun = self._begun
        return other

    def look(self) -> list[TreeProcess]:
        """Return the processes that are alive."""
        listed = set(_listed())
        self._others &= listed
        found = {one.pid: one for pid in listed - self._others if (one := _read(pid))}
        self._ours = {pid: start for pid, start in self._ours.items() if pid in found and found[pid].start == start}
        members: list[TreeProcess] = []
        others = set()
        for one in found.values():
            belongs = self._belongs(one, found)
            if belongs or self._is_marked(one):
                members.append(one)
            elif belongs is not None:
                others.add(one.pid)
        self._ours.update((one.pid, one.start) for one in members)
        self._others |= others
        self.cpu = sum(one.cpu for one in members)
        return [one for one in members if one.lives]

    def _belongs(self, process: TreeProcess, found: dict[int, TreeProcess]) -> bool | None:
        """Say whether a process is in the tree; None where its parent went while we looked."""
        me = os.getpid()
        while True:
            if process.parent == me:
                return process.pid not in self._apart
            if process.pid in self._ours:
                return True
            if process.pid == me or process.parent == 0 or process.parent in self._others:
                return False
            if process.parent not in found:
                return None
            process = found[process.parent]

    def _is_marked(self, process: TreeProcess) -> bool:
        if HAS_PROC or self._mark is None or process.start < self._begun:
            return False
        import psutil

        name, value = self._mark
        try:
            return psutil.Process(process.pid).environ().get(name) == value
        except (psutil.Error, OSError):
            return False


def adopt_orphans() -> None:
    """Become the parent of descendants that lose theirs, so that daemons are found; as far as we may."""
    c_call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children_of(parent: int) -> set[int]:
    """Return the living processes whose parent this is."""
    return {found.pid for pid in _listed() if (found := _read(pid)) and found.lives and found.parent == parent}


def standing_of(pid: int) -> tuple[bool, int] | None:
    """Return whether a process is more than a zombie, and when it started; null where the system does not say."""
    if HAS_PROC:
        fields = _fields(pid)
        return None if fields is None else (fields[0] not in _DEAD, int(fields[19]))
    import psutil

    try:
        one = psutil.Process(pid)
        return one.status() != psutil.STATUS_ZOMBIE, _micros(one)
    except (psutil.Error, OSError):
        return None


def is_any_started_at(start: int) -> bool | None:
    """Say whether any living process started just then; null where those of others are hidden from us."""
    if not HAS_PROC or _fields(1) is None:
        return None
    return any(standing_of(pid) == (True, start) for pid in _listed())


def boot_and_namespace() -> tuple[str | None, int | None]:
    """Return what names this boot of this machine, and which of its processes we can see; null for what is not told."""
    if HAS_PROC:
        boot = _text("sys/kernel/random/boot_id")
        try:
            namespace = os.stat(f"{PROC}/self/ns/pid").st_ino
        except OSError:
            namespace = None
        return (boot.decode("utf-8", "replace").strip() or None if boot is not None else None), namespace
    boot_session = sysctl("kern.bootsessionuuid")
    if boot_session is None or not re.fullmatch("[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", boot_session):
        return None, None
    return boot_session, _ONLY_NAMESPACE


def own_environment() -> dict[str, str]:
    """Return the environment this process was started with, as far as the system tells, else what it has become."""
    import psutil

    try:
        return psutil.Process().environ()
    except (psutil.Error, OSError):
        return dict(os.environ)


def executable_of(pid: int) -> str | None:
    """Return the path of the program that a process runs; null where it is gone, or another user's."""
    if HAS_PROC:
        try:
            return os.readlink(f"{PROC}/{pid}/exe").removesuffix(" (deleted)")
        except OSError:
            return None
    import psutil

    try:
        return psutil.Process(pid).exe() or None
    except (psutil.Error, OSError):
        return None


def start_of(pid: int) -> ProcessStart:
    """Return how a process was started, as far as it can still be told: each empty where it cannot."""
    if HAS_PROC:
        name = os.fsdecode((_text(f"{pid}/cmdline") or b"").partition(b"\0")[0])
        variables = (_text(f"{pid}/environ", 1 << 20) or b"").split(b"\0")
        search = next((os.fsdecode(one[5:]) for one in variables if one.startswith(b"PATH=")), "")
        try:
            folder = os.readlink(f"{PROC}/{pid}/cwd")
        except OSError:
            folder = ""
        return ProcessStart(name, folder, search.split(os.pathsep))
    import psutil

    try:
        one = psutil.Process(pid)
        return ProcessStart((one.cmdline() or [""])[0], one.cwd(), one.environ().get("PATH", "").split(os.pathsep))
    except (psutil.Error, OSError):
        return ProcessStart("", "", [])


def moved_bytes(pid: int) -> tuple[int, int] | None:
    """Return the bytes an ended, unreaped process read and wrote on disks, with its reaped children."""
    try:
        with open(f"{PROC}/{pid}/io", "rb") as file:
            lines = dict(line.split(b": ") for line in file.read().splitlines())
        return int(lines[b"read_bytes"]), int(lines[b"write_bytes"])
    except (OSError, ValueError, KeyError):
        return None


def peak_bytes(used: resource.struct_rusage | None = None) -> int:
    """Return the most memory that an ended process ever had, or this one."""
    return (used or resource.getrusage(resource.RUSAGE_SELF)).ru_maxrss * _RSS_UNIT


def signal_sets(pid: int | str = "self") -> dict[str, int]:
    """Return a process's signals, a bit each: SigIgn the ignored ones, SigPnd and ShdPnd those that wait there."""
    told = _text(f"{pid}/status", 1 << 20) or b""  # all groups of its user stand there, too
    sets = (line.partition(b":") for line in told.splitlines() if line.startswith((b"Sig", b"Shd")))
    return {name.decode(): int(value, 16) for name, _, value in sets if name != b"SigQ"}


def _listed() -> list[int]:
    if HAS_PROC:
        return [int(name) for name in os.listdir(PROC) if name.isdecimal()]
    import psutil

    try:
        return psutil.pids()
    except (psutil.Error, OSError):  # a Linux without /proc shows nothing
        return []


def _read(pid: int) -> TreeProcess | None:
    """Return a process, or None for one that is gone."""
    if not HAS_PROC:
        return _read_portably(pid)
    fields = _fields(pid)
    if fields is None:
        return None
    # A process can outlive its first thread, which then looks like a zombie with threads.
    lives = fields[0] not in _DEAD or int(fields[17]) > 1
    cpu = sum(map(int, fields[11:15])) * _TICK
    return TreeProcess(pid, int(fields[1]), int(fields[19]), int(fields[21]) * _PAGE, cpu, lives)


def _read_portably(pid: int) -> TreeProcess | None:
    import psutil

    try:
        one = psutil.Process(pid)
        with one.oneshot():
            if one.status() == psutil.STATUS_ZOMBIE:
                return None
            parent, start = one.ppid(), _micros(one)
            try:
                return TreeProcess(pid, parent, start, one.memory_info().rss, sum(one.cpu_times()[:4]))
            except psutil.AccessDenied:  # another user's: no memory of ours, but it may stand between two that are
                return TreeProcess(pid, parent, start, 0, 0.0)
    except (psutil.Error, OSError):
        return None


def _micros(process: ShownProcess) -> int:
    """Return when a process started, in millionths of a second as far as the system counts them."""
    return round(process.create_time() * 1e6)


def _fields(pid: int) -> list[bytes] | None:
    """Return what the kernel says of a process behind its name, which before the last bracket may hold anything."""
    fields = (_text(f"{pid}/stat") or b"").rpartition(b")")[2].split()
    return fields if len(fields) >= 22 else None


def _text(name: str, most: int = 4096) -> bytes | None:
    try:
        file = os.open(f"{PROC}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(file, most)
    except OSError:  # it ended while we were looking
        return None
    finally:
        os.close(file)
