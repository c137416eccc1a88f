"""The present working state, held against a run: what is another, what is not, and what shows only when it runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from conftest import Project
from diffing import called

PLAIN = "import json; print(json.dumps({'accuracy': 0.5}))\n"
TELLING = """
import json
print(json.dumps({"metrics": {"accuracy": 0.5}, "model_config": {"model": "m-1"}, "golden_version": "g1",
                  "config": {"k": 3}, "grader": {"version": "2"}, "tools": ["search"], "prompt_versions": {"p": "1"},
                  "scenario": None}))
"""
SETTINGS = """
scenario = "tickets"
[model]
temperature = 0.0
[prompts]
plan = "plan.txt"
[data]
tickets = "tickets.jsonl"
[config]
files = ["conf/*.json"]
"""
OPTIONS = (
    *("--scenario", "mails", "--config", "extra.json", "--prompt", "judge=judge.txt@v3", "--data", "more=more@2"),
    *("--set", "model.seed=7", "--set", "model.extra.style=dry", "--set", 'model.stop_sequences=["a", "b"]'),
    *("--set", "retrieval.top_k=5", "--set", "infra.concurrency_level=4", "--set", "agent.name=planner"),
    *("--set", "grader.version=9", "--set", "grader.metrics.f1=macro", "--set", "golden_version=g7"),
)


@pytest.fixture
def repository(project: Project) -> Project:
    """A project with an eval, its settings and its files, committed."""
    for name, text in {
        "eval.py": PLAIN,
        "telling.py": TELLING,
        "evalprov.toml": SETTINGS,
        "plan.txt": "plan",
        "judge.txt": "judge",
        "tickets.jsonl": "{}\n",
        "more/a.txt": "a",
        "conf/eval.json": '{"k": 5}',
        "extra.json": '{"x": 1}',
    }.items():
        project.write(name, text)
    project.commit_all()
    return project


def record(project: Project, *options: str, script: str = "eval.py", **how: Any) -> None:
    """Record a run."""
    done = project.run("python3", script, options=("--quiet", *options), **how)
    assert done.returncode == 0, done.stderr


def document(project: Project, *words: str, **how: Any) -> dict[str, Any]:
    """Return what comparing the last run with the present prints as JSON."""
    code, out, err = called(project, "latest", *words, "--json", **how)
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def states(found: dict[str, Any]) -> dict[str, str]:
    """Return the state of each layer in which something differs, or may."""
    alike = ("equal", "named", "undeclared")
    return {name: layer["state"] for name, layer in found["layers"].items() if layer["state"] not in alike}


def kept(project: Project) -> dict[str, int]:
    """Return every file of the project, and when it was written."""
    return {str(path): path.stat().st_mtime_ns for path in project.path.rglob("*") if ".git/" not in str(path)}


def test_nothing_has_changed_right_after_a_run(repository: Project) -> None:
    """A run now would be the same program, and looking leaves no trace."""
    record(repository)
    before = kept(repository)
    found = document(repository)
    assert found["answer"]["kind"] == "present_same"
    assert found["answer"]["sentence"].startswith("nothing has changed since ")
    assert "a run now would be the same program" in found["answer"]["sentence"]
    assert found["changes"] == []
    assert found["differs"] is False
    assert found["metrics"] == []
    assert found["b"]["present"] is True
    assert kept(repository) == before
    assert len(repository.records()) == 1


def test_a_dot_is_the_present_too(repository: Project) -> None:
    """`diff RUN .` and `diff RUN` are one."""
    record(repository)
    one, other = document(repository), document(repository, ".")
    for found in (one, other):
        found["b"].pop("timestamp")
    assert one == other


@pytest.mark.parametrize(
    ("layer", "file", "text", "item"),
    [
        ("prompts", "plan.txt", "another plan", "prompt plan"),
        ("model", "evalprov.toml", SETTINGS.replace("0.0", "0.7"), "model"),
        ("config", "conf/eval.json", '{"k": 7}', "conf/eval.json"),
        ("config", "conf/new.json", "{}", "conf/new.json"),
        ("code", "eval.py", PLAIN + "# more\n", "code"),
        ("code", "new.py", "", "code"),
        ("data", "tickets.jsonl", "{}\n{}\n", "data tickets"),
    ],
)
def test_each_edit_since_is_found_in_its_layer(
    repository: Project, layer: str, file: str, text: str, item: str
) -> None:
    """One edited file changes one layer, before anything is committed or run."""
    record(repository)
    repository.write(file, text)
    found = document(repository)
    assert states(found) == {layer: "changed"}
    assert {change["item"] for change in found["changes"]} == {item}
    assert found["answer"]["kind"] == "present_changed"
    assert found["differs"] is True


def test_what_the_options_of_the_run_named_is_looked_at_again(repository: Project) -> None:
    """Facts given on the command line belong to the run: they are carried over, and their files read anew."""
    record(repository, *OPTIONS)
    found = document(repository)
    assert states(found) == {}, found["changes"]
    assert found["b"]["scenario"] == "mails"
    repository.write("extra.json", '{"x": 2}')
    repository.write("judge.txt", "another judge")
    repository.write("more/b.txt", "b")
    found = document(repository)
    assert states(found) == {"prompts": "changed", "config": "changed", "data": "changed"}
    items = {(change["item"], change["field"]) for change in found["changes"]}
    assert items >= {("extra.json", "x"), ("prompt judge", "sha256"), ("data more", "sha256"), ("data more", "files")}


def test_what_an_option_named_and_the_record_does_not_keep_is_unknown(repository: Project) -> None:
    """An agent's graph is kept as a hash alone: nobody can say whether it is still the same."""
    record(repository, "--set", "agent.graph=a to b", "--set", 'code.exclude=["docs"]', "--set", "versions.x=echo 1")
    found = document(repository)
    assert states(found) == {"agent": "unknown", "code": "unknown", "software": "unknown"}
    assert "is not in its record" in found["layers"]["agent"]["reason"]
    assert {change["kind"] for change in found["changes"]} == {"unknown"}
    assert found["answer"]["kind"] == "present_unknown"


def test_prompts_given_by_a_pattern_are_read_and_yet_not_known_to_be_all(repository: Project) -> None:
    """A new file that the pattern would take in cannot be seen, so the layer is unknown, and an edit is certain."""
    repository.write("few/a.txt", "a")
    record(repository, "--prompt", "few=few/*.txt")
    assert states(document(repository)) == {"prompts": "unknown"}
    repository.write("few/a.txt", "b")
    found = document(repository)
    assert states(found)["prompts"] == "changed"


def test_what_only_the_eval_can_tell_is_not_known_until_it_runs(repository: Project) -> None:
    """Facts that the eval reported of itself are neither the same nor removed."""
    record(repository, script="telling.py")
    found = document(repository)
    assert set(states(found)) == {"prompts", "model", "agent", "config", "data", "grader"}
    assert set(states(found).values()) == {"unknown"}
    assert found["layers"]["model"]["reason"] == "now: not known until it runs: model"
    assert {change["kind"] for change in found["changes"]} == {"unknown"}
    assert {change["field"] for change in found["changes"]} >= {"model", "golden_version", "k", "version"}
    assert found["answer"]["kind"] == "present_unknown"
    assert found["answer"]["sentence"].startswith("nothing known has changed since ")


def test_a_certain_change_beside_what_is_not_known_is_a_change(repository: Project) -> None:
    """An edited temperature is another model layer, whatever the eval will report."""
    record(repository, script="telling.py")
    repository.write("evalprov.toml", SETTINGS.replace("0.0", "0.7"))
    found = document(repository)
    assert found["layers"]["model"]["state"] == "changed"
    assert found["layers"]["data"]["state"] == "unknown"
    assert found["answer"]["levers"] == ["model"]
    assert "temperature 0 -> 0.7" in found["answer"]["sentence"]


def test_a_folder_below_the_root_is_found_from_anywhere(repository: Project) -> None:
    """The command is looked at where it ran, whatever folder the question is asked from."""
    repository.write("sub/own.json", '{"a": 1}')
    repository.commit_all()
    done = repository.run("python3", "../eval.py", "--config", "own.json", options=("--quiet",), cwd="sub")
    assert done.returncode == 0
    for folder in (".", "sub", "conf"):
        assert states(document(repository, cwd=folder)) == {}, folder
    repository.write("sub/own.json", '{"a": 2}')
    assert states(document(repository, cwd="conf")) == {"config": "changed"}


def test_a_secret_in_the_command_is_no_change(repository: Project) -> None:
    """The placeholder in the record stands for any key: a rotated one is the same program, and none is shown."""
    key = "sk-abcdefghij0123456789abcdefghij01"
    done = repository.run("python3", "eval.py", "--api-key", key, options=("--quiet",))
    assert done.returncode == 0
    found = document(repository)
    assert states(found) == {}
    assert key not in json.dumps(found)


def test_the_environment_counts(repository: Project) -> None:
    """A recorded variable with another value is another software layer."""
    record(repository, env={"OMP_NUM_THREADS": "1"})
    found = document(repository, env={"OMP_NUM_THREADS": "4"})
    assert states(found) == {"software": "changed"}
    (change,) = found["changes"]
    assert (change["item"], change["field"], change["a"], change["b"]) == ("env", "OMP_NUM_THREADS", "1", "4")


def test_a_run_that_would_not_start_is_said_so(repository: Project) -> None:
    """Where a declared file is gone there is one clear line and exit code 2."""
    record(repository)
    (repository.path / "plan.txt").unlink()
    done = repository.evalprov("diff", "latest")
    assert done.returncode == 2
    assert b"a run now would not start: " in done.stderr
    assert b"plan.txt: there is no such file" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_record_from_elsewhere_does_not_lead_out_of_the_project(repository: Project, tmp_path: Path) -> None:
    """A folder outside the project that a record names is not looked at."""
    record(repository)
    manifest = repository.record()
    for folder in ("..", "/", "sub/../..", "gone"):
        manifest["command"]["cwd"] = folder
        path = repository.write("../other.json", json.dumps(manifest))
        code, _, err = called(repository, str(path))
        assert code == 2
        assert "there is no folder" in err
    manifest["command"] |= {"cwd": ".", "argv": []}
    path.write_text(json.dumps(manifest))
    assert "has no command" in called(repository, str(path))[2]


def test_without_a_repository_the_code_is_unknown(project: Project) -> None:
    """Outside git the code layer is unknown on both sides, never the same."""
    project.write("eval.py", PLAIN)
    record(project)
    found = document(project)
    assert found["layers"]["code"]["state"] == "unknown"
    assert found["answer"]["kind"] == "present_unknown"


def test_nothing_of_the_run_is_started(repository: Project) -> None:
    """The command itself does not run."""
    record(repository, script="eval.py")
    repository.write("eval.py", f"open({os.fspath(repository.path / 'ran')!r}, 'w')\n")
    assert document(repository)["layers"]["code"]["state"] == "changed"
    assert not (repository.path / "ran").exists()
