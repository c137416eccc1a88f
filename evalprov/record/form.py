"""The record's blank form, its version, and how it is written: as a manifest, and as a line of the history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from evalprov.record.manifest import Manifest

SCHEMA = 3
RECIPE = 2  # of the layers' hashes
REPORTED = "reported"  # the source of what the eval itself says
LINE_LIMIT = 16_000  # bytes of a history line

# What the history line always leaves out: key paths whose values grow with the run.
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
    ("resources", "series"),
    ("outputs", "files"),
    ("observed", "inputs"),
    ("observed", "modules"),
    ("observed", "packages"),
    ("observed", "environment"),
    ("observed", "programs"),
    ("observed", "hosts"),
    ("observed", "prompts"),
    ("observed", "tools"),
    ("calls", "missed"),
    ("calls", "models"),
    ("calls", "passed"),
    ("calls", "not_recorded"),
)
# What it never leaves out, by which runs are found and told apart.
KEPT = frozenset(
    ("schema", "run_id", "timestamp", "status", "repeat", "sweep", "engine", "counts", "identity", "imported")
)
_SMALL = 80  # bytes of a value that stays where it is
_WHOLE = ("system",)  # sections that are left out as one


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
        "sweep": None,
        "engine": None,
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
            "looked": {
                "mode": None,
                "folders": None,
                "pythons": None,
                "files": None,
                "complete": False,
                "reason": None,
            },
            "inputs": {},
            "modules": {},
            "packages": [],
            "environment": {},
            "programs": {},
            "hosts": [],
            "prompts": {},
            "tools": {},
        },
        "calls": {
            "mode": None,
            "file": None,
            "sha256": None,
            "bytes": None,
            "source": None,
            "source_sha256": None,
            "count": None,
            "errors": None,
            "retries": None,
            "replayed": None,
            "missed": [],
            "refusals": None,
            "models": [],
            "tokens": None,
            "cost": None,
            "seconds": {},
            "first_token_seconds": {},
            "finish_reasons": {},
            "problems": {},
            "rate_limits": {},
            "passed": {},
            "not_recorded": {},
            "network": None,
            "complete": False,
            "reason": None,
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
            "used": None,
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
            "series": None,
        },
        "output": {"stdout": None, "stderr": None, "metrics_source": None, "artifacts": []},
        "outputs": {"files": {}, "count": None, "bytes": None, "reason": None},
        "texts": None,
        "links": [],
        "handover": {"trackers": [], "variables": {}},
        "imported": None,
        "decision_spec": None,
        "counts": {},
        "capture": {},
    }


def encode(manifest: Manifest) -> bytes:
    """Return the manifest file's bytes: one line a top-level key, so that people and grep can read it."""
    lines = ",\n".join(f" {_dump(key)}: {_dump(value)}" for key, value in manifest.items())
    return f"{{\n{lines}\n}}\n".encode("utf-8", "replace")


def history_line(manifest: Manifest) -> bytes:
    """Return the run's line for the history: the same record without its bulky parts, which `counts` names."""
    counts = counts_of(manifest)
    return _encoded({**without(manifest, counts), "counts": counts}) + b"\n"


def counts_of(manifest: Manifest) -> dict[str, int]:
    """Return how many values stand in what the history line leaves out, by key path.

    That is what always grows with the run, and of the rest the largest until the line keeps its bound.
    """
    record = cast("dict[str, Any]", manifest)
    counts = {}
    for path in BULKY:
        value = record
        for name in path:
            value = value[name]
        if value:
            counts[".".join(path)] = len(value)
    rest: list[tuple[int, str, Any]] = []
    for key, value in _parts(manifest):
        if len(value) > LINE_LIMIT:  # each of its values takes a byte at least
            counts[key] = _count(value)
        elif value and (size := len(_encoded(value))) > _SMALL:
            rest.append((size, key, value))
    over = len(_encoded({**without(manifest, counts), "counts": counts})) + 1 - LINE_LIMIT
    for size, key, value in sorted(rest, key=lambda part: -part[0]):
        if over <= 0:
            break
        counts[key] = _count(value)
        named = f'"{key.rpartition(".")[2]}": , '
        over += len(f'"{key}": {counts[key]}, ') - size - len(named)
    return counts


def _parts(manifest: Manifest) -> Iterator[tuple[str, Any]]:
    """Yield the texts, lists and tables that a line may leave out, by key path, none of them in another."""
    sections = {key for key, model in blank("", "").items() if model and isinstance(model, dict)}.difference(_WHOLE)
    bulky = set(map(".".join, BULKY))
    for key, value in manifest.items():
        inside = value if key in sections and isinstance(value, dict) else {"": value}
        for name, inner in inside.items():
            path = f"{key}.{name}" if name else key
            plain = "." not in key and "." not in name
            if isinstance(inner, str | list | dict) and plain and key not in KEPT and path not in bulky:
                yield path, inner
    yield "identity.unknown", manifest["identity"]["unknown"]


def _count(value: str | list[Any] | dict[str, Any]) -> int:
    return 1 if isinstance(value, str) else len(value)


def without(manifest: Manifest, keys: Iterable[str] = ()) -> dict[str, Any]:
    """Return the record without its bulky parts and what else stands at these key paths."""
    slim: dict[str, Any] = dict(manifest)
    for *path, last in (*BULKY, *(key.split(".") for key in keys)):
        section = slim
        for name in path:
            section[name] = dict(section[name])
            section = section[name]
        section.pop(last, None)
    return slim


def _encoded(value: object) -> bytes:
    return _dump(value).encode("utf-8", "replace")


_dump = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(", ", ": ")).encode
