"""`evalprov diff --json`: a comparison as one document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalprov.judge.diff import differs
from evalprov.views import text_edits

if TYPE_CHECKING:
    from evalprov.judge.collapsed import Falls
    from evalprov.judge.metric_diff import MetricDiff, Side
    from evalprov.views.diff_words import FoundDifference, History


def document(found: FoundDifference) -> dict[str, Any]:
    """Return all of it."""
    result = found.diff
    document: dict[str, Any] = {
        "version": 1,
        "answer": result.answer._asdict(),
        "differs": differs(result),
        "a": _side(found.a),
        "b": {**_side(found.b), "run_ids": [], "present": True} if found.present else _side(found.b),
    }
    if "metrics" in found.parts:
        document["metrics"] = list(map(metric_document, result.metrics))
        document["scenarios"] = result.scenarios._asdict()
        lacking = result.left_out
        document["left_out"] = {
            "scenarios": lacking.scenarios,
            "shared": lacking.shared,
            "sides": [side._asdict() for side in lacking.sides],
            "ranges": [one._asdict() for one in lacking.ranges],
        }
        document["raters"] = result.raters.document()
        document["inside"] = [one._asdict() for one in result.inside]
        document["falls"] = list(map(falls_document, result.falls))
    if "layers" in found.parts:
        document["layers"] = {name: layer._asdict() for name, layer in result.layers.items()}
        document["changes"] = [change._asdict() for change in result.changes]
        document["beside"] = [change._asdict() for change in result.beside]
        document["infra_mismatch"] = result.infra_mismatch
        document["decision_spec"] = result.decision_spec._asdict()
        document["commits"] = found.history and _commits(found.history)
        document["files"] = [file._asdict() for file in found.files]
    if found.texts:
        document["text_edits"] = text_edits.document(found.texts)
    return document


def metric_document(metric: MetricDiff) -> dict[str, Any]:
    """Return one metric's comparison."""
    return {
        **metric._asdict(),
        "needed": metric.needed and metric.needed._asdict(),
        "moves": [move._asdict() for move in metric.moves],
    }


def falls_document(falls: Falls) -> dict[str, Any]:
    """Return the scenarios that collapsed in one metric."""
    return {**falls._asdict(), "fallen": [move._asdict() for move in falls.fallen]}


def _side(side: Side) -> dict[str, Any]:
    first = side.runs[0]
    return {
        "run_ids": [run["run_id"] for run in side.runs],
        "present": False,
        "timestamp": first["timestamp"],
        "statuses": [run["status"] for run in side.runs],
        "scenario": first["scenario"],
        "tags": first["tags"],
        "note": first["note"],
        "fingerprint": first["identity"]["fingerprint"],
        "git_sha": first["git_sha"],
        "git_dirty": first["git_dirty"],
        "not_committed": {name: first["git"][name] for name in ("staged", "changed", "untracked")},
        "run_url": first["observed"]["ci"].get("run_url"),
        "artifacts": first["output"]["artifacts"],
        "links": first["links"],
    }


def _commits(history: History) -> dict[str, Any]:
    between = history.between
    told = {name: value for name, value in between._asdict().items() if name != "steps"}
    return {
        **told,
        "commits": [commit._asdict() for commit in between.commits],
        "files": None if between.files is None else [file._asdict() for file in between.files],
    }
