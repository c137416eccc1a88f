"""The limits the run has: processors, memory, ulimits, disk."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

from evalprov.capture.collector import CaptureContext, Findings, Steps
from evalprov.platform.kernel import (
    Kernel,
    core_limits,
    memory_limits,
    memory_sizes,
    processor_model,
    processors,
    protected_memory,
    requested_cores,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evalprov.record.schema.machine import Cpu, HardwareFacts, Memory
    from evalprov.record.schema.observed import HardwareObserved


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


def _cpu(machine: Kernel, environ: Mapping[str, str]) -> Cpu:
    affinity = processors(machine)
    hard = min(core_limits(machine, affinity), default=None)
    return {
        "model": processor_model(machine),
        "count": os.cpu_count(),
        "affinity": affinity,
        "hard_limit_cores": hard,
        "guaranteed_cores": _promised_cores(machine, environ, hard),
    }


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
        return requested_cores(machine)
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
    total, available = memory_sizes(machine)
    hard = min(memory_limits(machine), default=None)
    guaranteed = _promised_memory(machine, environ, hard)
    return {"total_mb": total, "hard_limit_mb": hard, "guaranteed_mb": guaranteed}, available


def _promised_memory(machine: Kernel, environ: Mapping[str, str], hard: int | None) -> int | None:
    if "SLURM_JOB_ID" in environ:
        return _slurm_memory(environ)
    pod = machine.pod_class()
    if pod == "guaranteed":
        return hard
    if pod == "besteffort":
        return 0
    return protected_memory(machine)


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
