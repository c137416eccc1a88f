"""What a person wants to know when a run is over, in two lines, or three."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov import render
from evalprov.numbers import and_more, listed
from evalprov.page import Remark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.record.manifest import Manifest

LINES = 3
METRICS_SHOWN = 4
READS = "next time: --metrics-file "


def remarks(manifest: Manifest, room: int = LINES) -> Iterator[Remark]:
    """Give the run, its first metrics and its first warning; the way to more metrics where there is room."""
    took = render.duration(manifest["duration_seconds"])
    yield Remark(f"{manifest['run_id']}  {ending(manifest)} in {took}  {_metrics(manifest)}")
    warnings = manifest["warnings"]
    reason = manifest["capture"].get("metrics", {"reason": None})["reason"] or ""
    if READS in reason and 1 + bool(warnings) < room:
        yield Remark(reason.rpartition("; ")[2])
    if warnings:
        yield Remark(f"warning: {listed(warnings, 1, between='; ')}; see: evalprov show {manifest['run_id']}")


def ending(manifest: Manifest) -> str:
    """Say in a word or two what became of a run."""
    status, code, signal = manifest["status"], manifest["exit_code"], manifest["signal"]
    if status == "failed":
        return f"failed (exit {code})"
    if signal and status != "timed_out":
        return f"{status} ({signal})"
    return status.replace("_", " ")


def _metrics(manifest: Manifest) -> str:
    summed = manifest["metric_summary"]
    if not summed:
        return "no metrics seen"
    shown = [f"{name} {render.number(value)}" for name, value in list(summed.items())[:METRICS_SHOWN]]
    return " ".join([*shown, *and_more(len(summed) - METRICS_SHOWN)])
