"""How a run ended, in the record's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from evalprov.record.manifest import Status
    from evalprov.record.schema.outcome import ErrorEntry


class Ending(NamedTuple):
    """What is known of the command's end."""

    exit_code: int
    signal: str | None  # that ended it
    timed_out: bool
    stopped_by: str | None  # the first stop signal that was meant for it
    out_of_memory: int | None  # kills counted in our memory group meanwhile; null where nobody counts
    timeout: float | None
    stderr_tail: str


def status_of(end: Ending) -> Status:
    """Return the status; a run that was asked to stop is interrupted, however politely it left."""
    if end.timed_out:
        return "timed_out"
    if end.stopped_by or end.signal == "SIGINT":
        return "interrupted"
    if end.signal:
        return "killed"
    return "completed" if end.exit_code == 0 else "failed"


def errors_of(end: Ending) -> list[ErrorEntry]:
    """Return what went wrong, infrastructure told apart from the task; empty for a run that went well."""
    status = status_of(end)
    if status == "completed":
        return []
    infra, message = _explained(end, status)
    return [
        {
            "kind": "infra" if infra else "task",
            "message": message,
            "scenario": None,
            "stderr_tail": end.stderr_tail or None,
        }
    ]


def _explained(end: Ending, status: Status) -> tuple[bool, str]:
    if status == "timed_out":
        return True, f"timed out after {end.timeout:g} s"
    if status == "interrupted":
        return True, f"stopped by {end.stopped_by or end.signal}"
    if end.out_of_memory and (end.signal == "SIGKILL" or end.exit_code == 137):
        return True, "killed by the kernel: out of memory"
    if "No space left on device" in end.stderr_tail:
        return True, f"no space left on a disk; exit code {end.exit_code}"
    if end.signal:
        return end.signal == "SIGKILL", f"killed by {end.signal}"
    return False, f"exit code {end.exit_code}"
