"""What earlier runs of the same thing reported, so that a new one's result is known by its names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.errors import EvalprovError
from evalprov.store import baselines
from evalprov.store.lines import history

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest

_RUNS = 20


def metric_names(store: str, like: Manifest) -> set[str]:
    """Return the names of the metrics that runs of this scenario and its baselines had; none where none can be read."""
    try:
        lines = [line for line in history(store, _RUNS).lines if line["run_id"] != like["run_id"]]
        kept = [found.manifest for found in baselines.find_all(store) if found.manifest]
    except (EvalprovError, OSError):
        return set()
    runs = [run for run in (*lines, *kept) if run["scenario"] == like["scenario"]]
    same = [run for run in runs if run["command"]["argv"] == like["command"]["argv"]]
    return {name for run in same or runs for name in run["metric_summary"] or {}}
