"""A DecisionSpec of TraceLens: what a run was, without what it scored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from evalprov.handover.imports.taken import ImportPlace, TakenRun, commit_of, document, named, said, seconds_of
from evalprov.regular import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOOL = "tracelens"
_PARTS = (b'"model"', b'"prompts"', b'"tools"', b'"agent"', b'"environment"', b'"infra"')
_FEWEST = 4  # of its parts, for a file to be one
_OBSERVED = ("hostname", "container_id", "wall_clock_start_utc")


def fits(_path: str, head: bytes) -> bool:
    """Say whether it begins like a spec."""
    return re.match(rb"\s*\{", head) is not None and sum(part in head for part in _PARTS) >= _FEWEST


def read(place: ImportPlace) -> Iterator[TakenRun]:
    """Yield a run of that configuration; it has no metrics, and its spec is kept as it stands."""
    spec = document(place.path)
    model, prompts, agent = (_table(spec.get(name)) for name in ("model", "prompts", "agent"))
    infra, environment = _table(spec.get("infra")), _table(spec.get("environment"))
    extra = _table(model.get("extra_params"))
    config = {**extra, **{key: one for key, one in model.items() if one is not None and key != "extra_params"}}
    config["model"], config["version"] = config.pop("model_id", None), config.pop("model_version", None)
    version = prompts.get("prompt_version")
    report: dict[str, Any] = {
        "decision_spec": {key: one for key, one in spec.items() if not key.startswith("fingerprint")},
        "model_config": {key: one for key, one in config.items() if one is not None},
        "prompts": {
            name: {"sha256": prompts[f"{name}_hash"], "version": version}
            for name in ("system_prompt", "prompt_template")
            if prompts.get(f"{name}_hash")
        },
        "tools": [one for one in spec.get("tools") or [] if isinstance(one, dict)],
        "agent": {
            key: agent[name]
            for key, name in (("name", "agent_name"), ("version", "agent_version"), ("graph_hash", "agent_graph_hash"))
            if agent.get(name)
        }
        | ({"config_hash": agent["config_hash"]} if agent.get("config_hash") else {}),
        "infra": {key: one for key, one in infra.items() if one is not None and key not in _OBSERVED},
        "config": {
            **_table(spec.get("extra")),
            **({"global_seed": spec["global_seed"]} if spec.get("global_seed") is not None else {}),
        },
    }
    if version and not report["prompts"]:
        report["prompt_versions"] = {"prompts": version}
    python = environment.get("python_version")
    yield TakenRun(
        tool=_TOOL,
        source=place.path,
        own=spec["fingerprint"] if isinstance(spec.get("fingerprint"), str) else None,
        sha256=f"sha256:{sha256_of(place.path)}",
        reported=said({key: one for key, one in report.items() if one not in ({}, [])}, named(place.path), _TOOL),
        began=seconds_of(infra.get("wall_clock_start_utc")),
        facts={
            "git_sha": commit_of(environment.get("git_commit")),
            "system": {"python_version": python} if isinstance(python, str) else {},
        },
    )


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
