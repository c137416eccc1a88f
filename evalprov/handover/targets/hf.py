"""Hugging Face: a file for a model's `.eval_results`, and a model card's `model-index`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalprov.handover import content
from evalprov.handover.parcel import FileContent, Parcel

if TYPE_CHECKING:
    from evalprov.handover.parcel import SendOptions
    from evalprov.record.manifest import Manifest

    Json = dict[str, Any]


def packed(m: Manifest, options: SendOptions) -> Parcel:
    """Return the two files; the benchmark's id on the Hub is the scenario's name."""
    scores = content.scored(m)
    run_id, scenario = m["run_id"], m["scenario"] or "unnamed"
    revision = {"revision": m["golden_version"]} if m["golden_version"] else {}
    commit = f", commit {m['git_sha'][:12]}{' and changes' if m['git_dirty'] else ''}" if m["git_sha"] else ""
    entries: list[Json] = [
        {
            "dataset": {"id": scenario, "task_id": name, **revision},
            "value": score,
            "date": m["timestamp"],
            "notes": f"evalprov run {run_id}{commit}",
        }
        for name, score in scores.items()
    ]
    source = content.remote(m)
    result: Json = {
        "task": {"type": "text-generation"},
        "dataset": {"name": scenario, "type": scenario, **revision},
        "metrics": [{"type": name, "value": score, "name": name} for name, score in scores.items()],
    }
    if source and source.startswith("https://"):
        result["source"] = {"name": f"evalprov run {run_id}", "url": source}
    index: Json = {"model-index": [{"name": content.model(m) or "unknown", "results": [result]}]}
    parts = {
        f".eval_results/{run_id}.yaml": _yaml(entries),
        f"{run_id}.model-card.md": _yaml(index, before="---\n", after="---\n"),
    }
    return Parcel(run_id, content.uid(m), f"{options.folder}/{next(iter(parts))}", parts)


def _yaml(value: Any, before: str = "", after: str = "") -> FileContent:
    def chunks() -> list[bytes]:
        import yaml

        text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
        return [f"{before}{text}{after}".encode("utf-8", "backslashreplace")]

    return FileContent(chunks)
