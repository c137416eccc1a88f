"""The machine as its kernel tells it, by files below a root: our place in the cgroup trees, and what we may use."""

from __future__ import annotations

import functools
import os
import sys

from evalprov.platform import affinity, sysctl

UNLIMITED = 1 << 60  # cgroup v1 says "no limit" with a number near 2**63
NVIDIA_DRIVER = "/proc/driver/nvidia/version"
SHOWS_DEVICES = sys.platform == "linux"  # below /dev, each kind by a name that is known
_MODEL_NAMES = ("model name", "cpu model", "cpu", "uarch")  # x86, MIPS, POWER, RISC-V
_ARM_NAMES = ("CPU implementer", "CPU part", "CPU variant", "CPU revision")
_CHUNK = 1 << 16
_ENOUGH = 8 << 20


class Mount:
    """A line of mountinfo, as far as anybody here asks."""

    __slots__ = ("kind", "options", "point", "root")

    def __init__(self, root: str, point: str, kind: str, options: list[str]) -> None:
        self.root = root  # the folder of that filesystem which is mounted
        self.point = point
        self.kind = kind
        self.options = options  # of the filesystem; cgroup v1 names its controllers here


class CgroupPlace:
    """Where we are in one controller's cgroup tree."""

    __slots__ = ("folders", "unified")

    def __init__(self, folders: list[str], *, unified: bool) -> None:
        self.folders = folders  # our own first, then each above it as far as can be seen
        self.unified = unified  # cgroup v2


class Kernel:
    """Reads the kernel's files below a root, and remembers what it could not read."""

    def __init__(self, root: str = "") -> None:
        self.root = root
        self.unread: list[str] = []  # one sentence each
        self._mounts: list[Mount] | None = None
        self._memberships: list[tuple[list[str], str]] | None = None

    def exists(self, path: str) -> bool:
        """Say whether there is such a thing."""
        return os.path.exists(self.root + path)

    def read(self, path: str, limit: int = _ENOUGH) -> str | None:
        """Return a file's text, or as much as the limit allows; null if it is missing or not readable."""
        try:
            file = os.open(self.root + path, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self.note(f"{path}: {error.strerror}")
            return None
        pieces = []
        try:
            while limit > 0 and (piece := os.read(file, min(limit, _CHUNK))):
                pieces.append(piece)
                limit -= len(piece)
        except OSError as error:
            self.note(f"{path}: {error.strerror}")
            return None
        finally:
            os.close(file)
        return b"".join(pieces).decode("utf-8", "replace")

    def number(self, path: str) -> int | None:
        """Return the one number in a file; null where there is none or it means unlimited."""
        text = (self.read(path) or "max").strip()
        try:
            value = int(text)
        except ValueError:
            if text != "max":
                self.note(f"{path}: not a number: {text[:40]!r}")
            return None
        return value if 0 <= value < UNLIMITED else None

    def table(self, path: str) -> dict[str, str]:
        """Return a file of `name value` lines, a colon after the name or not."""
        pairs = (line.split(None, 1) for line in (self.read(path) or "").splitlines())
        return {pair[0].rstrip(":"): pair[1].strip() for pair in pairs if len(pair) == 2}

    def mounts(self) -> list[Mount]:
        """Return what is mounted where."""
        if self._mounts is None:
            lines = (self.read("/proc/self/mountinfo") or "").splitlines()
            self._mounts = [mount for line in lines if (mount := _mount(line))]
        return self._mounts

    def memberships(self) -> list[tuple[list[str], str]]:
        """Return the cgroups we are in: controllers (none for v2) and path."""
        if self._memberships is None:
            text = self.read("/proc/self/cgroup")
            if text is None and sys.platform != "darwin":  # which has none, and no limits by them
                self.note("there is no /proc/self/cgroup to read, so cgroups and their limits are unknown")
            parts = (line.split(":", 2) for line in (text or "").splitlines())
            self._memberships = [(p[1].split(",") if p[1] else [], p[2]) for p in parts if len(p) == 3]
        return self._memberships

    def cgroup_paths(self) -> list[str]:
        """Return every cgroup path that says something of where we are, the innermost part last."""
        ours = [path for _, path in self.memberships()]
        return ours + [mount.root for mount in self.mounts() if mount.kind in {"cgroup", "cgroup2"}]

    def pod_class(self) -> str | None:
        """Return the Kubernetes quality of service of our pod, where the cgroup's path shows it."""
        for path in self.cgroup_paths():
            if "kubepods" in path:
                known = (name for name in ("besteffort", "burstable") if name in path)
                return next(known, "guaranteed")
        return None

    def group(self, controller: str) -> CgroupPlace | None:
        """Return our place in a controller's tree; null where it is not in use here or cannot be seen."""
        unified = None
        for controllers, path in self.memberships():
            if controller in controllers:
                return self._locate(controller, path, unified=False)
            if not controllers:
                unified = path
        return None if unified is None else self._locate(controller, unified, unified=True)

    def _locate(self, controller: str, path: str, *, unified: bool) -> CgroupPlace | None:
        best: tuple[int, CgroupPlace] | None = None
        for mount in self.mounts():
            if mount.kind != ("cgroup2" if unified else "cgroup"):
                continue
            below = _below(path, mount.root) if unified or controller in mount.options else None
            # A bind mount may show a part of the tree only: take the one that shows most of what is above us.
            if below is not None and (best is None or len(below) > best[0]):
                best = len(below), CgroupPlace(_upward(mount.point, below), unified=unified)
        if best is None:
            self.note(f"the {controller} cgroup {path} is not in what is mounted here, so its limits are unknown")
            return None
        return best[1]

    def note(self, words: str) -> None:
        """Remember in a sentence what could not be known."""
        if words not in self.unread:
            self.unread.append(words)


def _mount(line: str) -> Mount | None:
    left, dash, right = line.partition(" - ")
    fields, more = left.split(" "), right.split(" ")
    if not dash or len(fields) < 5:
        return None
    return Mount(_plain(fields[3]), _plain(fields[4]), more[0], more[-1].split(","))


def _plain(text: str) -> str:
    """Undo the octal escapes of mountinfo."""
    if "\\" not in text:
        return text
    for escaped, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(escaped, character)
    return text


def _below(path: str, root: str) -> str | None:
    """Return a cgroup path as seen from a mount's root; null where it is not below it."""
    # Both are relative to the cgroup namespace; what is outside it begins with /.. and goes by no name.
    if root != "/":
        if path != root and not path.startswith(root + "/"):
            return None
        path = path[len(root) :]
    path = path.rstrip("/")
    return None if ".." in path.split("/") else path


def _upward(point: str, below: str) -> list[str]:
    folders = []
    while below:
        folders.append(point + below)
        below = below.rpartition("/")[0]
    return [*folders, point]


def oom_kills(root: str = "") -> int | None:
    """Return how often our cgroup, or outside of any the machine, has killed for want of memory."""
    place = _oom_counter(root)
    if place is None:
        return None
    return _digits(Kernel(root).table(place).get("oom_kill", ""))


@functools.lru_cache(maxsize=8)
def _oom_counter(root: str) -> str | None:
    machine = Kernel(root)
    group = machine.group("memory")
    if group is not None:
        name = "memory.events" if group.unified else "memory.oom_control"
        for folder in group.folders:
            if machine.exists(f"{folder}/{name}"):
                return f"{folder}/{name}"
    # Only the root of the tree keeps no count of its own; there the machine's is ours.
    return "/proc/vmstat" if machine.exists("/proc/vmstat") and not machine.unread else None


def processors(machine: Kernel) -> int | None:
    """Return how many processors we may use; null, with a note, where the system has no such bound."""
    count = affinity()
    if count is None:
        machine.note("this system has no processor affinity")
    return count


def processor_model(machine: Kernel) -> str | None:
    """Return what the processors call themselves."""
    # The first kilobytes are the first processor; all of it takes the kernel long on a large machine.
    text = machine.read("/proc/cpuinfo", limit=4096)
    lines = (line.partition(":") for line in (text or "").splitlines())
    facts: dict[str, str] = {}
    for name, _, value in lines:
        facts.setdefault(name.strip(), value.strip())
    for name in _MODEL_NAMES:
        if facts.get(name):
            return facts[name]
    if "CPU part" in facts:
        known = [f"{name[4:]} {facts[name]}" for name in _ARM_NAMES if name in facts]
        return "ARM " + ", ".join(known)
    if text is None and not machine.root and (brand := sysctl("machdep.cpu.brand_string")):
        return brand
    machine.note("/proc/cpuinfo names no processor model")
    return None


def core_limits(machine: Kernel, usable: int | None) -> list[float]:
    """Return what bounds our processors, in cores: the quotas on the way up from our cgroup, and its set of them."""
    quotas = _quotas(machine, machine.group("cpu"))
    allowed = _cpuset(machine, machine.group("cpuset"))
    # The kernel keeps the affinity within the cpuset; a sandbox that only pretends to be Linux may not.
    if allowed is not None and (usable is None or allowed < usable):
        quotas.append(float(allowed))
    return quotas


def _quotas(machine: Kernel, group: CgroupPlace | None) -> list[float]:
    """Return the quota in cores of our cgroup and of each above it that has one."""
    quotas = []
    for folder in group.folders if group else ():
        if group and group.unified:
            words = (machine.read(f"{folder}/cpu.max") or "").split()
        else:
            words = [machine.read(f"{folder}/cpu.cfs_{name}_us") or "" for name in ("quota", "period")]
        # No quota is "max" in v2 and -1 in v1.
        quota, period = (_digits(word.strip()) for word in (*words, "", "")[:2])
        if quota is not None and period:
            quotas.append(round(quota / period, 4))
    return quotas


def _cpuset(machine: Kernel, group: CgroupPlace | None) -> int | None:
    """Return how many processors the cpuset lists, as in 0-3,8; that of the nearest folder which has one."""
    for folder in group.folders if group else ():
        for name in ("cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"):
            listed = (machine.read(f"{folder}/{name}") or "").strip().split(",")
            ends = [(_digits(a), _digits(b or a)) for a, _, b in (part.partition("-") for part in listed)]
            if count := sum(b - a + 1 for a, b in ends if a is not None and b is not None):
                return count
    return None


def requested_cores(machine: Kernel) -> float | None:
    """Return how many cores our pod asked for, as far as its share of them tells."""
    group = machine.group("cpu")
    if group is not None and not group.unified:
        shares = machine.number(f"{group.folders[0]}/cpu.shares")
        if shares is not None:
            # The kubelet rounds 1024 shares a core down, and 2 is the least there is.
            return 0.0 if shares <= 2 else -(-shares * 1000 // 1024) / 1000
    machine.note("the pod's CPU request cannot be told from its cpu.weight, which is rounded")
    return None


def memory_sizes(machine: Kernel) -> tuple[int | None, int | None]:
    """Return the machine's memory and what of it is free for us, in MiB."""
    facts = machine.table("/proc/meminfo")
    total, available = (_digits(facts.get(name, "").removesuffix(" kB")) for name in ("MemTotal", "MemAvailable"))
    if total is not None:
        return total >> 10, None if available is None else available >> 10
    try:
        import psutil

        memory = psutil.virtual_memory()
    except (ImportError, OSError, RuntimeError) as error:
        machine.note(f"the memory's size is unknown: {error}")
        return None, None
    return memory.total >> 20, memory.available >> 20


def memory_limits(machine: Kernel) -> list[int]:
    """Return in MiB every limit on the way up from our cgroup."""
    group = machine.group("memory")
    if group is None:
        return []
    name = "memory.max" if group.unified else "memory.limit_in_bytes"
    limits = [machine.number(f"{folder}/{name}") for folder in group.folders]
    if not group.unified:
        # Here v1 tells also of what is above the part of the tree that we can see.
        account = machine.table(f"{group.folders[0]}/memory.stat")
        limits.append(_digits(account.get("hierarchical_memory_limit", "")))
    return [limit >> 20 for limit in limits if limit is not None and limit < UNLIMITED]


def protected_memory(machine: Kernel) -> int | None:
    """Return in MiB what v2 keeps for us: no cgroup has more of it than each one above."""
    group = machine.group("memory")
    if group is None or not group.unified:
        return None
    for name in ("memory.min", "memory.low"):
        levels = [machine.number(f"{folder}/{name}") for folder in group.folders]
        if least := min((level for level in levels if level is not None), default=0):
            return least >> 20
    return None


def _digits(text: str) -> int | None:
    return int(text) if text.isdecimal() else None
