"""What the tests of comparing two runs share: records that differ in one thing, and the command."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import pytest
from conftest import Project

from evalprov.cli import main
from evalprov.judge.diff import Diff
from evalprov.judge.diff import diff as compared
from evalprov.judge.metric_diff import Side
from evalprov.record.form import blank
from evalprov.record.identity import identify
from evalprov.record.manifest import Manifest

Edit = Callable[[Any], object]
SHA = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64


def answers(right: int, of: int = 200, name: str = "correct") -> dict[str, dict[str, Any]]:
    """Return scenarios of which so many are answered correctly."""
    return {f"t{i}": {name: i < right} for i in range(of)}


def record(*edits: Edit, run: int = 0, metrics: dict[str, dict[str, Any]] | None = None) -> Manifest:
    """Return a completed run in which all nine layers are held by content or observation, edited."""
    m: Any = blank(f"202609{20 + run}T143000Z", f"2026-09-{20 + run}T14:30:00Z")
    m["status"], m["scenario"] = "completed", "tickets"
    m["command"]["argv"] = ["python", "eval.py", "--n", "5"]
    m["git_sha"], m["git_dirty"] = "1" * 40, False
    m["prompts"] = {"plan": {"path": "plan.txt", "sha256": SHA, "version": "v1", "source": "settings"}}
    m["prompt_versions"] = {"plan": "v1"}
    m["model_config"] = {"provider": "p", "model": "m-1", "temperature": 0.0, "stop_sequences": ["a", "b"]}
    m["observed"]["model"] = {"model": "m-1", "system_fingerprint": "fp_1"}
    m["agent"] |= {"name": "planner", "graph_hash": SHA}
    m["tools"] = [
        {"name": name, "version": "1", "description_hash": SHA, "schema_hash": SHA, "source": "settings"}
        for name in ("search", "fetch")
    ]
    file = {"sha256": SHA, "format": "yaml", "bytes": 9, "source": "settings", "values": {"top.k": 5, "mode": "fast"}}
    m["config"] |= {"files": {"conf/eval.yaml": file}, "arguments": ["eval.py", "--n", "5"]}
    algorithm = {"name": "vote", "sha256": SHA, "short": "a" * 12, "source": "vote.py:vote"}
    m["code"] |= {"tree": "c" * 40, "algorithms": {"vote": algorithm}}
    m["capture"]["beside"] = {"status": "absent", "ms": 1.0, "reason": "nothing lies beside it"}
    data = {"path": "d.jsonl", "kind": "file", "sha256": SHA, "version": None, "files": 1, "bytes": 2048}
    data |= {"pointer": None, "stale": None, "source": "settings"}
    m["data"] = {"sets": {"tickets": data}, "retrieval": {"top_k": 5}, "reported": {}}
    m["golden_version"] = "g1"
    m["grader"] |= {"files": {"grade.py": SHA}, "version": "1"}
    m["system"]["python_version"] = "3.11.7"
    m["software"] |= {"packages": {"numpy": "1.26.4", "rich": "13.7"}, "packages_hash": SHA, "env": {"LANG": "C"}}
    m["software"] |= {"packages_content": SHA, "env_rest": "scrypt:0a1b2c"}
    m["infra"]["memory"]["hard_limit_mb"] = 2048
    m["infra"]["gpu"] = {"devices": [], "driver": None, "cuda": None, "visible": None}
    m["metrics"] = answers(150) if metrics is None else metrics
    names = {name for row in m["metrics"].values() for name in row}
    m["metric_summary"] = {
        f"{name}_mean": sum(row[name] for row in m["metrics"].values()) / len(m["metrics"]) for name in sorted(names)
    }
    for edit in edits:
        edit(m)
    m["identity"] = identify(m)
    manifest: Manifest = m
    return manifest


def put(path: str, value: object) -> Edit:
    """Return an edit that sets what a path of keys names; a tilde in a key is a slash."""
    *keys, last = (key.replace("~", "/") for key in path.split("/"))

    def edit(m: Any) -> None:
        for key in keys:
            m = m[key]
        m[last] = value

    return edit


def diff(a: Manifest, b: Manifest, **how: Any) -> Diff:
    """Compare two runs."""
    return compared(Side((a,)), Side((b,)), **how)


class Terminal(io.StringIO):
    """What a person looks at."""

    def isatty(self) -> bool:
        """Say that somebody does."""
        return True


def called(
    project: Project, *words: str, columns: int = 0, cwd: str = ".", env: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Carry out `evalprov diff` in this process; return exit code, stdout and stderr."""
    return carried_out(project, "diff", *words, columns=columns, cwd=cwd, env=env)


def carried_out(
    project: Project, *words: str, columns: int = 0, cwd: str = ".", env: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Carry out a command line in this process, which costs no start-up; return exit code, stdout and stderr.

    With columns its stdout is a terminal of that width.
    """
    stdout, stderr = Terminal() if columns else io.StringIO(), io.StringIO()
    pipe = signal.getsignal(signal.SIGPIPE)
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(stdout), redirect_stderr(stderr):
        patch.chdir(project.path / cwd)
        for name, value in {"COLUMNS": str(columns or 80), **(env or {})}.items():
            patch.setenv(name, value)
        code = main([*words])
    signal.signal(signal.SIGPIPE, pipe)
    return code, stdout.getvalue(), stderr.getvalue()
