"""Whether what a run reported can be held against others, by how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_BY_SIGNAL = 128  # a shell's exit code for a command that a signal ended is more
_ENDED = {
    "running": "is still running",
    "not_started": "was never started",
    "lost": "was lost: how it ended is not known",
    "interrupted": "was interrupted",
    "killed": "was killed",
    "timed_out": "timed out",
}
_SETTING = "[gate] allow_failed"


def has_result(run: Mapping[str, Any], *, allow_failed: bool | None = None) -> bool:
    """Say whether a record, or a line of the history, is of a run whose metrics are to be compared."""
    return why_none(run, allow_failed=allow_failed) is None


def why_none(run: Mapping[str, Any], *, allow_failed: bool | None = None) -> str | None:
    """Say why a run's metrics are not to be compared, and what would change that; null where they are.

    Test runners exit with an error when a test fails, by design: a failed run counts if its metrics were read. The
    setting allows every failed run, or none.
    """
    status = run["status"]
    if status == "completed" or (status == "failed" and allow_failed):
        return None
    if status != "failed":
        return _ENDED.get(status, str(status))
    ended = f"failed (exit {run['exit_code']})"
    if allow_failed is not None:
        return f"{ended}, and {_SETTING} = false"
    if not (run["metric_summary"] or run["output"]["metrics_source"]):
        return f"{ended}, and no metrics were read"
    by_machine = [one for one in run["errors"] if one["kind"] == "infra" and one["scenario"] is None]
    if by_machine or (run["exit_code"] or 0) > _BY_SIGNAL:
        why = by_machine[0]["message"] if by_machine else "a signal ended what it ran"
        return f"{ended}: {why}; {_SETTING} = true takes it all the same"
    return None
