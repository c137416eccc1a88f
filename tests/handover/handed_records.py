"""A record with something in each place that a target looks at."""

from __future__ import annotations

from typing import Any

from gate_runs import record

from evalprov.record.manifest import Manifest

RUN = "20260920T143000Z"
SHA = "sha256:" + "ab" * 32

_FACTS: dict[str, Any] = {
    "git_sha": "c" * 40,
    "git__branch": "main",
    "git__tree": "d" * 40,
    "git__remotes": {"origin": "https://git.example.org/team/evals.git"},
    "command__argv": ["python", "my_eval.py", "--config", "conf.yaml"],
    "duration_seconds": 12.5,
    "model_config": {"provider": "openai", "model": "gpt-4o-2024-08-06", "temperature": 0.2, "stop": ["a", "b"]},
    "prompts": {"plan": {"path": "prompts/plan.txt", "sha256": SHA, "version": "v3", "source": "settings"}},
    "prompt_versions": {"plan": "v3"},
    "config__files": {
        "conf.yaml": {
            "sha256": SHA,
            "format": "yaml",
            "bytes": 42,
            "source": "command",
            "values": {"lr": 0.1, "deep.er": True, "note": "=1+1"},
        }
    },
    "config__arguments": ["my_eval.py", "--config", "conf.yaml"],
    "data__sets": {
        "golden": {
            "path": "data/golden.jsonl",
            "kind": "file",
            "sha256": SHA,
            "version": "v7",
            "files": 1,
            "bytes": 2048,
            "pointer": None,
            "stale": None,
            "source": "settings",
        }
    },
    "golden_version": "v7",
    "grader__files": {"judge.py": SHA},
    "software__packages": {"openai": "1.50.0", "numpy": "2.1.0"},
    "software__locks": {"uv.lock": SHA},
    "scenario_groups": {"t0": "easy"},
    "tags": ["nightly"],
    "note": "a note",
    "stages": {"inference": 9.5, "grading": 2.0},
}


def full(run_id: str = RUN, scenarios: int = 3, **facts: Any) -> Manifest:
    """Return the record of a completed run of which much is known."""
    m = record(
        run_id,
        {
            "accuracy": [n % 3 > 0 for n in range(scenarios)],
            "cost": [n / 7 if n != 1 else None for n in range(scenarios)],
        },
        **{**_FACTS, **facts},
    )
    m["timestamp"] = f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}T{run_id[9:11]}:{run_id[11:13]}:{run_id[13:15]}Z"
    m["system"].update({"python_version": "3.12.1", "platform": "Linux x86_64", "evalprov_version": "0.1.0"})
    m["metric_info"] = {"accuracy_mean": {"stderr": 0.27, "n": scenarios, "direction": "higher", "unit": None}}
    return m
