"""DVC: the files that `dvc metrics`, `dvc params` and `dvc plots` read, and the dvc.yaml that names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.handover import content
from evalprov.handover.csv_text import table
from evalprov.handover.parcel import Parcel, document

if TYPE_CHECKING:
    from evalprov.handover.parcel import FileContent, SendOptions
    from evalprov.record.manifest import Manifest

METRICS, PARAMS, SCENARIOS = "metrics.json", "params.json", "scenarios.csv"


def packed(m: Manifest, options: SendOptions) -> Parcel:
    """Return the files: the same names for each run, so that commits can be compared."""
    params = {**content.params(m), "run_id": m["run_id"], **content.identity(m)}
    parts: dict[str, FileContent] = {
        METRICS: document(content.summary(m)),
        PARAMS: document(params),
    }
    names = {"metrics": [METRICS], "params": [PARAMS]}
    if m["metrics"]:
        rows = content.table(m)
        parts[SCENARIOS] = table(["scenario", "group", *content.metric_names(m)], rows)
        names["plots"] = [SCENARIOS]
    parts["dvc.yaml"] = document(names)  # JSON is YAML
    return Parcel(m["run_id"], content.uid(m), f"{options.folder}/dvc.yaml", parts)
