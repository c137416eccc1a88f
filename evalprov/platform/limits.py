"""What the system lets us have: processors, memory, and how often it killed for want of that."""

from __future__ import annotations

import functools

from evalprov.platform import affinity, sysctl
from evalprov.platform.kernel import UNLIMITED, CgroupPlace, Kernel

_MODEL_NAMES = ("model name", "cpu model", "cpu", "uarch")  # x86, MIPS, POWER, RISC-V
_ARM_NAMES = ("CPU implementer", "CPU part", "CPU variant", "CPU revision")


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
