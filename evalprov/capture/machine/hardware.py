"""The limits the run has: processors, memory, ulimits, disk."""

from __future__ import annotations

import functools
import os
import resource
from typing import TYPE_CHECKING

from evalprov.capture.collector import CaptureContext, Findings, Steps
from evalprov.capture.machine.machine import UNLIMITED, CgroupPlace, Kernel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evalprov.record.manifest import Cpu, HardwareFacts, HardwareObserved, Memory

_MODEL_NAMES = ("model name", "cpu model", "cpu", "uarch")  # x86, MIPS, POWER, RISC-V
_ARM_NAMES = ("CPU implementer", "CPU part", "CPU variant", "CPU revision")


def collect(context: CaptureContext, root: str = "") -> Steps:
    """Capture processor and memory limits, ulimits and disk space."""
    yield from ()
    machine = Kernel(root)
    memory, available = _memory(machine, context.environ)
    total, free = _disk(machine, context.cwd)
    infra: HardwareFacts = {
        "cpu": _cpu(machine, context.environ),
        "memory": memory,
        "ulimits": _ulimits(),
        "disk_total_mb": total,
    }
    observed: HardwareObserved = {"disk_free_mb": free, "memory_available_mb": available}
    reason = context.scrub.text("; ".join(machine.unread))
    return Findings({"infra": infra, "observed": observed}, reason=reason or None)


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


def _cpu(machine: Kernel, environ: Mapping[str, str]) -> Cpu:
    affinity = _affinity(machine)
    limits = _quotas(machine, machine.group("cpu"))
    allowed = _cpuset(machine, machine.group("cpuset"))
    # The kernel keeps the affinity within the cpuset; a sandbox that only pretends to be Linux may not.
    if allowed is not None and (affinity is None or allowed < affinity):
        limits.append(float(allowed))
    hard = min(limits, default=None)
    return {
        "model": _cpu_model(machine),
        "count": os.cpu_count(),
        "affinity": affinity,
        "hard_limit_cores": hard,
        "guaranteed_cores": _promised_cores(machine, environ, hard),
    }


def _affinity(machine: Kernel) -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    machine.note("this system has no processor affinity")
    return None


def _cpu_model(machine: Kernel) -> str | None:
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
    machine.note("/proc/cpuinfo names no processor model")
    return None


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


def _promised_cores(machine: Kernel, environ: Mapping[str, str], hard: float | None) -> float | None:
    if "SLURM_JOB_ID" in environ:
        cores = _slurm_cpus(environ)
        if cores is None:
            machine.note("Slurm's variables do not say how many CPUs of this node are ours")
        return None if cores is None else float(cores)
    pod = machine.pod_class()
    if pod == "besteffort":
        return 0.0
    if pod == "guaranteed":  # requests equal limits: that is what the word means there
        return hard
    if pod == "burstable":
        return _requested_cores(machine)
    return None


def _requested_cores(machine: Kernel) -> float | None:
    group = machine.group("cpu")
    if group is not None and not group.unified:
        shares = machine.number(f"{group.folders[0]}/cpu.shares")
        if shares is not None:
            # The kubelet rounds 1024 shares a core down, and 2 is the least there is.
            return 0.0 if shares <= 2 else -(-shares * 1000 // 1024) / 1000
    machine.note("the pod's CPU request cannot be told from its cpu.weight, which is rounded")
    return None


def _slurm_cpus(environ: Mapping[str, str]) -> int | None:
    """Return what Slurm gave this process on this node; without a count of the node we are not on one."""
    on_node, per_task = (
        _digits(environ.get("SLURM_CPUS_ON_NODE", "")),
        _digits(environ.get("SLURM_CPUS_PER_TASK", "")),
    )
    if on_node is None or "SLURM_STEP_ID" not in environ:
        return on_node
    return on_node if per_task is None and environ.get("SLURM_NTASKS") == "1" else per_task


def _memory(machine: Kernel, environ: Mapping[str, str]) -> tuple[Memory, int | None]:
    total, available = _installed(machine)
    group = machine.group("memory")
    hard = min(_memory_limits(machine, group), default=None)
    guaranteed = _promised_memory(machine, group, environ, hard)
    return {"total_mb": total, "hard_limit_mb": hard, "guaranteed_mb": guaranteed}, available


def _installed(machine: Kernel) -> tuple[int | None, int | None]:
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


def _memory_limits(machine: Kernel, group: CgroupPlace | None) -> list[int]:
    """Return in MiB every limit on the way up from our cgroup."""
    if group is None:
        return []
    name = "memory.max" if group.unified else "memory.limit_in_bytes"
    limits = [machine.number(f"{folder}/{name}") for folder in group.folders]
    if not group.unified:
        # Here v1 tells also of what is above the part of the tree that we can see.
        account = machine.table(f"{group.folders[0]}/memory.stat")
        limits.append(_digits(account.get("hierarchical_memory_limit", "")))
    return [limit >> 20 for limit in limits if limit is not None and limit < UNLIMITED]


def _promised_memory(
    machine: Kernel, group: CgroupPlace | None, environ: Mapping[str, str], hard: int | None
) -> int | None:
    if "SLURM_JOB_ID" in environ:
        return _slurm_memory(environ)
    pod = machine.pod_class()
    if pod == "guaranteed":
        return hard
    if pod == "besteffort":
        return 0
    return _protected(machine, group) if group and group.unified else None


def _slurm_memory(environ: Mapping[str, str]) -> int | None:
    on_node, per_cpu = (
        _digits(environ.get("SLURM_CPUS_ON_NODE", "")),
        _digits(environ.get("SLURM_MEM_PER_CPU", "")),
    )
    if on_node is None:
        return None
    if per_node := _digits(environ.get("SLURM_MEM_PER_NODE", "")):  # 0 asks for all there is, which is no number
        return per_node
    return per_cpu * on_node if per_cpu else None


def _protected(machine: Kernel, group: CgroupPlace) -> int | None:
    """Return in MiB what v2 keeps for us: no cgroup has more of it than each one above."""
    for name in ("memory.min", "memory.low"):
        levels = [machine.number(f"{folder}/{name}") for folder in group.folders]
        if least := min((level for level in levels if level is not None), default=0):
            return least >> 20
    return None


def _digits(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def _ulimits() -> dict[str, list[int | None]]:
    limits: dict[str, list[int | None]] = {}
    for name in dir(resource):
        if name.startswith("RLIMIT_") and name != "RLIMIT_OFILE":  # the old word for NOFILE
            pair = resource.getrlimit(getattr(resource, name))
            limits[name[7:].lower()] = [None if limit == resource.RLIM_INFINITY else limit for limit in pair]
    return limits


def _disk(machine: Kernel, folder: str) -> tuple[int | None, int | None]:
    try:
        disk = os.statvfs(folder)
    except OSError as error:
        machine.note(f"the disk is unknown: {folder}: {error.strerror}")
        return None, None
    return disk.f_blocks * disk.f_frsize >> 20, disk.f_bavail * disk.f_frsize >> 20
