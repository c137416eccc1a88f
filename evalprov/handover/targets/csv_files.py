"""CSV: a row for the run, and a table with a row a scenario."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.handover import content
from evalprov.handover.csv_text import table
from evalprov.handover.parcel import Parcel, Rows

if TYPE_CHECKING:
    from evalprov.handover.parcel import SendOptions
    from evalprov.record.manifest import Manifest


def packed(m: Manifest, options: SendOptions) -> Parcel:
    """Return the two files."""
    run_id = m["run_id"]
    run = {
        **{name.removeprefix("evalprov."): value for name, value in content.tags(m).items()},
        "timestamp": m["timestamp"],
        "duration_seconds": m["duration_seconds"],
        **{f"metric.{name}": value for name, value in (m["metric_summary"] or {}).items()},
        **content.params(m),
    }
    parts = {f"{run_id}.run.csv": table(list(run), Rows(1, lambda: iter([run])))}
    if m["metrics"]:
        rows = content.table(m)
        whole = Rows(rows.total, lambda: ({"run_id": run_id, **row} for row in rows.each()))
        columns = ["run_id", "scenario", "group", *content.metric_names(m)]
        parts[f"{run_id}.scenarios.csv"] = table(columns, whole)
    return Parcel(run_id, content.uid(m), f"{options.folder}/{run_id}.run.csv", parts)
