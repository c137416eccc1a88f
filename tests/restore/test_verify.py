"""The present held against a record, and how far that run can come back, layer by layer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bringing import REPORT, called, copied
from conftest import Project


def verified(project: Project, *words: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the answer."""
    code, stdout, stderr = called(project, "verify", "--json", *words)
    assert stdout, stderr
    return code, json.loads(stdout)


def make(project: Project) -> None:
    """Record a run of a clean repository with data beside it."""
    project.write("eval.py", REPORT)
    project.write(".gitignore", "data/\n")
    project.write("evalprov.toml", '[data]\ntickets = "data/tickets.jsonl"\n[prompts]\nplan = "plan.txt"\n')
    project.write("plan.txt", "Be kind.\n")
    project.commit_all()
    project.write("data/tickets.jsonl", '{"q": 1}\n')
    assert project.run("python3", "eval.py").returncode == 0


@pytest.fixture
def recorded(made_once: Callable[..., Project], tmp_path: Path) -> Project:
    """A copy of it."""
    return copied(made_once("verified", make), tmp_path / "project")


def test_what_is_as_it_was_can_come_back(recorded: Project) -> None:
    """Nothing differs, and every layer comes back: exit 0, and on the spectrum everything that is recorded."""
    code, said = verified(recorded)
    assert (code, said["rung"]) == (0, "everything"), said["answer"]
    assert {name for name, layer in said["layers"].items() if layer["back"] != "full"} == set()


def test_what_changed_since_is_named_and_may_still_come_back(recorded: Project) -> None:
    """A prompt that was edited differs now, and comes back with its commit: exit 1."""
    recorded.write("plan.txt", "Be brief.\n")
    code, said = verified(recorded)
    assert code == 1
    assert said["layers"]["prompts"]["state"] == "changed"
    assert said["layers"]["prompts"]["back"] == "full"
    assert [change["item"] for change in said["changes"]] == ["prompt plan"]


def test_what_is_gone_is_partial_with_the_reason(recorded: Project) -> None:
    """Data that only lay there and is another now cannot come back; the rung says so."""
    recorded.write("data/tickets.jsonl", '{"q": 2}\n')
    code, said = verified(recorded)
    assert (code, said["rung"]) == (1, "method")
    assert said["layers"]["data"]["back"] == "partial"
    assert "tickets" in said["layers"]["data"]["how"]
    assert "cannot come back whole: data" in said["answer"]


def test_each_layer_has_its_own_way(recorded: Project) -> None:
    """A model answers from elsewhere, a version is a name, and the rung is that of the weakest."""
    declared = ("model.model=m-1", "golden_version=g1", "grader.version=3")
    options = tuple(word for one in declared for word in ("--set", one))
    assert recorded.run("python3", "eval.py", options=options).returncode == 0
    code, said = verified(recorded, "latest")
    ways = {name: (layer["back"], layer["how"]) for name, layer in said["layers"].items()}
    assert ways["model"][0] == "none"
    assert "no answers are recorded" in ways["model"][1]
    assert ways["data"] == ("full", "its content is still here")
    assert ways["grader"] == ("partial", "known by its version alone")
    assert (code, said["rung"]) == (3, "method")


def test_a_model_from_elsewhere_is_the_same_by_name_at_most(recorded: Project) -> None:
    """All else can come back: the rung is that of a model that answers under its name."""
    recorded.run("python3", "eval.py", options=("--set", "model.model=m-1"))
    _, said = verified(recorded)
    assert said["rung"] == "model by name"


def test_without_a_repository_the_record_is_what_is_left(project: Project) -> None:
    """No code comes back, and it cannot be told whether it is the same: exit 3."""
    project.write("eval.py", REPORT)
    project.run("python3", "eval.py")
    code, said = verified(project)
    assert (code, said["rung"]) == (3, "record")
    assert said["layers"]["code"]["back"] == "none"
    assert "no git repository here" in said["layers"]["code"]["how"]


def test_a_commit_that_is_gone_is_none_with_the_reason(recorded: Project) -> None:
    """Another history has taken its place, here and where it was made."""
    (file,) = (recorded.path / "metrics/runs").glob("*.json")
    record = json.loads(file.read_text())
    file.write_text(json.dumps({**record, "git": {**record["git"], "root": None}}))
    recorded.git("checkout", "-q", "--orphan", "other")
    recorded.git("commit", "-qam", "other")
    recorded.git("branch", "-D", "main")
    recorded.git("reflog", "expire", "--expire=now", "--all")
    recorded.git("gc", "-q", "--prune=now")
    _, said = verified(recorded)
    assert said["layers"]["code"]["back"] == "none"
    assert "does not have commit" in said["layers"]["code"]["how"]
