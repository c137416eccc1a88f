"""The record's blank form, its version, and how it is written: as a manifest, and as a line of the history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest

SCHEMA = 3
RECIPE = 2  # of the layers' hashes

# What the history line leaves out: key paths whose values grow with the run.
BULKY: tuple[tuple[str, ...], ...] = (
    ("metrics",),
    ("scenario_groups",),
    ("git", "staged"),
    ("git", "changed"),
    ("git", "untracked"),
    ("git", "saved"),
    ("git", "withheld"),
    ("software", "packages"),
    ("software", "package_sources"),
    ("software", "env_names"),
    ("infra", "ulimits"),
    ("outputs", "files"),
)


def blank(run_id: str, timestamp: str) -> Manifest:
    """Return the record of a run of which nothing is known yet."""
    return {
        "schema": SCHEMA,
        "run_id": run_id,
        "timestamp": timestamp,
        "status": "running",
        "exit_code": None,
        "signal": None,
        "scenario": None,
        "tags": [],
        "note": None,
        "parent_run_id": None,
        "repeat": None,
        "command": {"argv": [], "cwd": ".", "executable": None, "timeout_seconds": None},
        "metric_summary": None,
        "metrics": None,
        "metric_info": {},
        "scenarios_run": [],
        "scenario_groups": {},
        "duration_seconds": None,
        "total_tool_calls": None,
        "errors": [],
        "warnings": [],
        "git_sha": None,
        "git_dirty": None,
        "git": {
            "source": None,
            "root": None,
            "branch": None,
            "describe": None,
            "tree": None,
            "remotes": {},
            "staged": [],
            "changed": [],
            "untracked": [],
            "counts": {},
            "submodules": [],
            "patch": None,
            "saved": {},
            "withheld": [],
        },
        "golden_version": None,
        "prompt_versions": {},
        "model_config": {},
        "prompts": {},
        "tools": [],
        "agent": {"name": None, "version": None, "graph_hash": None, "config_hash": None, "extra": {}},
        "config": {"files": {}, "program": None, "arguments": [], "reported": {}},
        "code": {"tree": None, "beside": {}, "algorithms": {}},
        "data": {"sets": {}, "retrieval": {}, "reported": {}},
        "grader": {"files": {}, "version": None, "metrics": {}, "reported": {}},
        "sources": {},
        "system": {"python_version": None, "platform": None, "evalprov_version": None, "config_hash": None},
        "software": {
            "interpreter": None,
            "executable": None,
            "packages": None,
            "packages_hash": None,
            "packages_content": None,
            "package_sources": {},
            "package_trees": {},
            "locks": {},
            "env": {},
            "env_names": [],
            "env_rest": None,
        },
        "infra": {
            "runtime_platform": None,
            "machine": None,
            "cpu": {
                "model": None,
                "count": None,
                "affinity": None,
                "hard_limit_cores": None,
                "guaranteed_cores": None,
            },
            "memory": {"total_mb": None, "hard_limit_mb": None, "guaranteed_mb": None},
            "disk_total_mb": None,
            "ulimits": {},
            "gpu": None,
            "image": None,
            "declared": {},
        },
        "observed": {
            "process": None,
            "user": None,
            "container_id": None,
            "kubernetes": {},
            "slurm": {},
            "ci": {},
            "online": {},
            "disk_free_mb": None,
            "memory_available_mb": None,
            "model": {},
            "edited": {},
        },
        "identity": {
            "recipe": RECIPE,
            "fingerprint": None,
            "program": None,
            "scenario": None,
            "config_hash": None,
            "decision_spec": None,
            "builder": None,
            "layers": {},
            "unknown": {},
        },
        "stages": {},
        "resources": {
            "cpu_user_seconds": None,
            "cpu_system_seconds": None,
            "peak_memory_bytes": None,
            "peak_processes": None,
            "read_bytes": None,
            "written_bytes": None,
            "samples": 0,
        },
        "output": {"stdout": None, "stderr": None, "metrics_source": None, "artifacts": []},
        "outputs": {"files": {}, "count": None, "bytes": None, "reason": None},
        "decision_spec": None,
        "counts": {},
        "capture": {},
    }


def encode(manifest: Manifest) -> bytes:
    """Return the manifest file's bytes: one line a top-level key, so that people and grep can read it."""
    lines = ",\n".join(f" {_dump(key)}: {_dump(value)}" for key, value in manifest.items())
    return f"{{\n{lines}\n}}\n".encode("utf-8", "replace")


def history_line(manifest: Manifest) -> bytes:
    """Return the run's line for the history: the same record without its bulky parts."""
    slim: dict[str, Any] = dict(manifest)
    for *path, last in BULKY:
        section = slim
        for name in path:
            section[name] = dict(section[name])
            section = section[name]
        section.pop(last, None)
    return f"{_dump(slim)}\n".encode("utf-8", "replace")


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))
