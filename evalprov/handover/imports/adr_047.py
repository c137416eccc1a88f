"""A run manifest as ADR-047 describes it: the record's top-level names come from there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from evalprov.handover.imports.taken import (
    FailedRun,
    ImportPlace,
    TakenRun,
    commit_of,
    document,
    named,
    said,
    seconds_of,
)
from evalprov.regular import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOOL = "adr-047"
_TAKEN = (
    *("metrics", "metric_summary", "golden_version", "prompt_versions", "model_config", "total_tool_calls", "stages"),
)
_SYSTEM = re.compile(r"python_version|platform|\w{1,80}_version")


def fits(_path: str, head: bytes) -> bool:
    """Say whether it begins like a manifest; one of evalprov's own has a schema, and is refused with a word."""
    return re.match(rb"\s*\{", head) is not None and b'"run_id"' in head and b'"timestamp"' in head


def read(place: ImportPlace) -> Iterator[TakenRun | FailedRun]:
    """Yield the run; what else stands in the manifest is kept as what it says of its configuration."""
    manifest = document(place.path)
    if isinstance(manifest.get("schema"), int):
        yield FailedRun(place.path, "it is a record of evalprov already: evalprov show reads it by its path")
        return
    if not isinstance(manifest.get("metrics"), dict) and not isinstance(manifest.get("metric_summary"), dict):
        yield FailedRun(place.path, "it has no metrics, which a run manifest (ADR-047) has")
        return
    system: dict[str, Any] = manifest["system"] if isinstance(manifest.get("system"), dict) else {}
    errors = [_error(one) for one in manifest.get("errors") or [] if isinstance(one, str | dict)]
    report: dict[str, Any] = {"metrics": {}, **{key: manifest[key] for key in _TAKEN if manifest.get(key) is not None}}
    if errors:
        report["errors"] = errors
    if isinstance(config_hash := system.get("config_hash"), str):
        report["config"] = {"config_hash": config_hash}
    dirty = manifest.get("git_dirty")
    commit = commit_of(manifest.get("git_sha"))
    took = manifest.get("duration_seconds")
    yield TakenRun(
        tool=_TOOL,
        source=place.path,
        own=str(manifest["run_id"])[:200],
        sha256=f"sha256:{sha256_of(place.path)}",
        reported=said(report, named(place.path), _TOOL),
        began=seconds_of(manifest.get("timestamp")) or seconds_of(manifest["run_id"]),
        seconds=float(took) if isinstance(took, int | float) and not isinstance(took, bool) else None,
        facts={
            "git_sha": commit,
            "git_dirty": dirty if isinstance(dirty, bool) else None,
            "system": {key: one for key, one in system.items() if isinstance(one, str) and _SYSTEM.fullmatch(key)},
        },
    )


def _error(one: str | dict[str, Any]) -> dict[str, Any]:
    return {"message": one, "kind": "task"} if isinstance(one, str) else one
