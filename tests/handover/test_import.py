"""Runs that were not made under evalprov become records that know what they do not know."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from conftest import Project
from diffing import record as recorded
from tracelens import AgentSpec, DecisionSpec, InfraConfig, ModelConfig, PromptSpec, ToolSpec

from evalprov.explain.attribution import layer_states
from evalprov.explain.changes import changes
from evalprov.handover.imports.entering import EnteredRun, Importing
from evalprov.record.facts import FACTS
from evalprov.secrets import Scrubber
from evalprov.store import read
from evalprov.store.texts import read_texts

RESULTS = Path(__file__).parent.parent.parent / "fixtures" / "results"
ADR: dict[str, Any] = {
    "run_id": "2026-09-20T14:30:00Z",
    "timestamp": "2026-09-20T14:30:00Z",
    "git_sha": "a" * 40,
    "git_dirty": False,
    "golden_version": "v1",
    "prompt_versions": {"mode_b/plan": "v3"},
    "model_config": {"provider": "anthropic", "model": "claude-opus-4-7", "temperature": 0.7},
    "system": {
        "python_version": "3.12.3",
        "platform": "Darwin",
        "darktable_version": "5.4.1",
        "config_hash": "sha256:1",
    },
    "scenarios_run": ["001_iguana"],
    "metrics": {"001_iguana": {"vocab_purity": 1.0, "read_context_first": True}},
    "metric_summary": {"vocab_purity_mean": 1.0},
    "duration_seconds": 287.3,
    "total_tool_calls": 142,
    "errors": ["002_manta: no image"],
}
SPEC = DecisionSpec(
    model=ModelConfig(provider="anthropic", model_id="m-1", temperature=0.7),
    prompts=PromptSpec.from_prompts(system_prompt="Be terse.", prompt_version="v3"),
    tools=[ToolSpec(name="search", version="1.0")],
    agent=AgentSpec(agent_name="planner", agent_version="2"),
    infra=InfraConfig(memory_hard_limit_mb=512),
)


def take(store: Path, *sources: Path, ids: tuple[str, ...] = (), scenario: str | None = None) -> list[EnteredRun]:
    """Import into a store; all must be in order afterwards."""
    importing = Importing(str(store), str(store.parent), Scrubber({"TOKEN": "tok-3141592653589793"}), scenario)
    entered = [one for source in sources for one in importing.take(str(source), ids)]
    assert importing.settle() is None
    return entered


def load(store: Path, run: EnteredRun) -> Any:
    """Return the record of a run that was imported."""
    assert run.run_id is not None, run.problem
    return read.load(str(store), run.run_id)


def written(folder: Path, name: str, value: Any) -> Path:
    """Write a JSON file."""
    file = folder / name
    file.write_text(value if isinstance(value, str) else json.dumps(value))
    return file


def mlflow_db(path: Path, *runs: tuple[str, str, int, dict[str, Any]]) -> Path:
    """Make the tables of MLflow's store that are read: runs by id, status and start, with tags."""
    database = sqlite3.connect(path)
    database.executescript(
        "CREATE TABLE runs (run_uuid TEXT, name TEXT, status TEXT, start_time BIGINT, end_time BIGINT,"
        " experiment_id INTEGER, lifecycle_stage TEXT);"
        "CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);"
        "CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT);"
        "CREATE TABLE latest_metrics (key TEXT, value REAL, is_nan BOOLEAN, run_uuid TEXT);"
    )
    for own, status, start, tags in runs:
        database.execute(
            "INSERT INTO runs VALUES (?, 'fox-1', ?, ?, ?, 1, 'active')",
            (own, status, start * 1000, start * 1000 + 2500),
        )
        database.execute("INSERT INTO params VALUES ('lr', '0.1', ?)", (own,))
        database.execute("INSERT INTO latest_metrics VALUES ('accuracy', 0.74, 0, ?), ('loss', 0, 1, ?)", (own, own))
        database.executemany("INSERT INTO tags VALUES (?, ?, ?)", [(key, value, own) for key, value in tags.items()])
    database.commit()
    database.close()
    return path


def test_results_of_tools(tmp_path: Path) -> None:
    """An inspect log, an lm-eval and a promptfoo result are runs at their own time, read by the same adapters."""
    store = tmp_path / "metrics"
    lm_eval = next((RESULTS / "lm-eval" / "first").rglob("results_*.json"))
    inspect, harness, promptfoo = take(
        store, RESULTS / "inspect" / "first.eval", lm_eval, RESULTS / "promptfoo" / "first.json", scenario="s"
    )
    log = load(store, inspect)
    assert (log["run_id"], log["timestamp"], log["status"]) == ("20261121T085032Z", "2026-11-21T08:50:32Z", "completed")
    assert log["imported"]["id"] == "kBNxKan6NekWmtCEYpLXGs"
    assert (log["metric_summary"]["includes.accuracy"], log["model_config"]["seed"], log["scenario"]) == (0.875, 7, "s")
    assert log["texts"]["fields"] == {"input": 10, "expected": 10, "output": 8}
    assert read_texts(str(store), log, ["arithmetic/add-1"])["arithmetic/add-1"]["output"] == "2 please"
    assert load(store, promptfoo)["texts"]["scenarios"] == 4
    assert load(store, harness)["metric_summary"]["tiny.acc"] == pytest.approx(0.8333333)
    assert load(store, harness)["duration_seconds"] == pytest.approx(9.712880)
    assert load(store, promptfoo)["run_id"] == "20261121T085426Z"


def test_a_run_manifest_of_the_decision_record(tmp_path: Path) -> None:
    """What ADR-047 names stands where it stands in a record of ours."""
    store = tmp_path / "metrics"
    (entered,) = take(store, written(tmp_path, "adr.json", ADR))
    m = load(store, entered)
    same = ("timestamp", "git_sha", "git_dirty", "golden_version", "prompt_versions", "model_config", "metrics")
    for name in (*same, "metric_summary", "duration_seconds", "total_tool_calls", "scenarios_run"):
        if name != "metric_summary":
            assert m[name] == ADR[name], name
    assert m["metric_summary"]["vocab_purity_mean"] == 1.0
    assert m["system"]["darktable_version"] == "5.4.1"
    assert [one["message"] for one in m["errors"]] == ["002_manta: no image"]
    assert (m["run_id"], m["imported"]["id"], m["command"]["argv"]) == ("20260920T143000Z", "2026-09-20T14:30:00Z", [])


def test_a_decision_spec(tmp_path: Path) -> None:
    """A spec is a run without metrics, whose TraceLens fingerprint is the one that it had."""
    store = tmp_path / "metrics"
    (entered,) = take(store, written(tmp_path, "spec.json", SPEC.model_dump_json()))
    m = load(store, entered)
    assert m["identity"]["decision_spec"] == f"sha256:{SPEC.fingerprint}"
    assert (m["metric_summary"], m["model_config"]["model"], m["agent"]["name"]) == (None, "m-1", "planner")
    assert m["infra"]["declared"] == {"memory_hard_limit_mb": 512}
    assert any("when it ran is not known" in warning for warning in m["warnings"])


def test_runs_of_mlflow(tmp_path: Path) -> None:
    """All runs that have ended are imported, or those asked for; what is no number is left out and named."""
    store = tmp_path / "metrics"
    tags = {"mlflow.source.git.commit": "b" * 40, "mlflow.user": "ann"}
    file = mlflow_db(
        tmp_path / "mlflow.db", ("a" * 32, "FINISHED", 1_700_000_000, tags), ("b" * 32, "RUNNING", 1_700_000_100, {})
    )
    assert [one.problem for one in take(store, file, ids=("c" * 32,))] == [
        "there is no such run in it, or it has not ended"
    ]
    done, running = take(store, file)
    m = load(store, done)
    assert (m["run_id"], m["duration_seconds"], m["note"]) == ("20231114T221320Z", 2.5, "fox-1")
    assert (m["metric_summary"], m["config"]["reported"]) == ({"accuracy": 0.74}, {"mlflow.lr": "0.1"})
    assert (m["git_sha"], m["git_dirty"], m["observed"]["user"]) == ("b" * 40, None, "ann")
    assert "metrics that are no finite number were left out: loss" in m["warnings"]
    assert running.problem == "it has not ended: MLflow calls it running"


def test_runs_in_the_folders_of_mlflow(tmp_path: Path) -> None:
    """A store of files, an experiment's folder and one run's folder hold the same run."""
    own = "e" * 32
    run = tmp_path / "mlruns" / "7" / own
    for name, text in {"params/lr": "0.1", "metrics/val/acc": "1 0.5 0\n2 0.74 1\n", "tags/mlflow.user": "ann"}.items():
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(text)
    times = "start_time: 1700000000000\nend_time: 1700000002500\n"
    (run / "meta.yaml").write_text(f"run_id: {own}\nstatus: 3\n{times}lifecycle_stage: active\nrun_name: fox\n")
    store = tmp_path / "metrics"
    found = [take(store, place)[0] for place in (tmp_path / "mlruns", tmp_path / "mlruns" / "7", run)]
    assert [one.found for one in found] == [False, True, True]
    assert load(store, found[0])["metric_summary"] == {"val/acc": 0.74}


def test_the_same_is_imported_once(tmp_path: Path) -> None:
    """A second import, of a copy too, finds the first; another result of the same second gets an id of its own."""
    store = tmp_path / "metrics"
    file = written(tmp_path, "a.json", ADR)
    (first,) = take(store, file)
    shutil.copy(file, tmp_path / "copy.json")
    again = take(store, file, tmp_path / "copy.json")
    assert [(one.run_id, one.found) for one in again] == [(first.run_id, True)] * 2
    (other,) = take(store, written(tmp_path, "b.json", {**ADR, "golden_version": "v2"}))
    assert (other.run_id, other.found) == (f"{first.run_id}_2", False)


def test_a_run_that_evalprov_recorded_is_not_taken_for_another(tmp_path: Path) -> None:
    """What carries the id of a run in this store is that run, and gets no second record."""
    store = tmp_path / "metrics"
    (ours,) = take(store, written(tmp_path, "a.json", ADR))
    m = load(store, ours)
    m["imported"] = None  # as if it had been recorded here
    (store / "runs" / f"{ours.run_id}.json").write_text(json.dumps(m))
    line = (store / "eval_history.jsonl").read_text()
    (store / "eval_history.jsonl").write_text(line.replace(json.dumps(json.loads(line)["imported"]), "null"))
    tags = {"evalprov.run_id": ours.run_id}
    (found,) = take(store, mlflow_db(tmp_path / "mlflow.db", ("a" * 32, "FINISHED", 1_700_000_000, tags)))
    assert (found.run_id, found.found) == (ours.run_id, True)


def test_a_line_stands_where_its_time_belongs(tmp_path: Path) -> None:
    """Old runs imported after newer ones hide none of these: a look since a day finds what began since."""
    store = tmp_path / "metrics"
    take(store, RESULTS / "inspect" / "first.eval")
    files = [
        written(tmp_path, f"{day}.json", {**ADR, "run_id": f"2025-01-0{day}", "timestamp": f"2025-01-0{day}T00:00:00Z"})
        for day in (3, 1, 2)
    ]
    take(store, *files)
    lines = [json.loads(line)["run_id"] for line in (store / "eval_history.jsonl").read_text().splitlines()]
    assert lines == sorted(lines)
    assert lines[-1] == "20261121T085032Z"


def test_what_a_tool_does_not_say_is_not_known(tmp_path: Path) -> None:
    """In no layer is an imported run the same as a recorded one, or as another import: by name at the most."""
    store = tmp_path / "metrics"
    adr, log, spec = take(
        store,
        written(tmp_path, "a.json", ADR),
        RESULTS / "inspect" / "first.eval",
        written(tmp_path, "spec.json", SPEC.model_dump_json()),
    )
    a, b, c, ours = (*(load(store, one) for one in (adr, log, spec)), recorded())
    layers = {fact.layer for fact in FACTS}
    for one, other in ((a, b), (a, ours), (ours, b), (b, c), (c, ours), (a, a)):
        states = layer_states(one, other)
        assert set(states) == layers
        assert not {"equal", "undeclared"} & set(states.values()), states
    states = layer_states(a, a)
    assert (states["model"], states["code"], states["infra"]) == ("named", "unknown", "unknown")
    assert layer_states(a, ours)["model"] == "changed"
    assert a["identity"]["program"] is None
    kinds = {change.kind for change in changes(a, ours) if change.layer not in ("model", "data", "prompts")}
    assert kinds <= {"unknown", "changed"}


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("empty.json", "", "it is empty; wanted is"),
        ("broken.json", '{"a":', "it is not known; wanted is"),
        ("deep.json", '{"run_id": "x", "timestamp": 1, "metrics": ' + "[" * 100_000, "it cannot be read"),
        ("manifest.json", '{"run_id": "x", "timestamp": "y"}', "it has no metrics"),
        ("ours.json", '{"schema": 3, "run_id": "x", "timestamp": "y"}', "it is a record of evalprov already"),
        ("list.json", '[{"run_id": 1, "timestamp": 2}]', "it is not known"),
        ("cut.eval", "PK\3\4 and no more", "its archive is damaged or cut off"),
        ("cut.db", "SQLite format 3\0 and no more", "it is no database of MLflow, or damaged"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_stops_nothing(tmp_path: Path, name: str, text: str, why: str) -> None:
    """A hostile or broken file is named with the reason, and what comes after it is imported."""
    bad, good = take(tmp_path / "metrics", written(tmp_path, name, text), written(tmp_path, "good.json", ADR))
    assert bad.run_id is None
    assert bad.problem
    assert bad.problem.startswith(why)
    assert "\n" not in bad.problem
    assert good.run_id == "20260920T143000Z"


def test_of_a_folder_what_has_the_names_of_results_is_taken(tmp_path: Path) -> None:
    """Among other files, those that no tool of ours names so are passed over; a folder without any is named."""
    folder = tmp_path / "logs"
    (folder / "deep").mkdir(parents=True)
    written(folder / "deep", "adr.json", ADR)
    written(folder, "wheel.whl", "PK\3\4")
    written(folder, "other.db", "SQLite format 3\0")
    store = tmp_path / "metrics"
    assert [one.run_id for one in take(store, folder)] == ["20260920T143000Z"]
    assert [one.run_id for one in take(store, tmp_path)] == ["20260920T143000Z"]  # the store is in it, and no result
    (folder / "deep" / "adr.json").unlink()
    (nothing,) = take(store, folder)
    assert nothing.problem
    assert nothing.problem.startswith("no file in it is known")
    (wrong,) = take(store, written(tmp_path, "a.json", ADR), ids=("x",))
    assert wrong.problem == "it is no MLflow store, of which --run names a run"


def test_odd_values_are_bounded(tmp_path: Path) -> None:
    """Wrong types, times that no calendar has and secrets are no reason to stop, and no secret is kept."""
    odd = {
        **ADR,
        "timestamp": "99999-01-01",
        "run_id": 7,
        "git_sha": ["x"],
        "git_dirty": "no",
        "duration_seconds": True,
        "system": "mine",
        "errors": {"a": 1},
        "model_config": {"api_key": "sk-live-9f8e7d6c5b4a39281706", "note": "tok-3141592653589793"},
    }
    store = tmp_path / "metrics"
    (entered,) = take(store, written(tmp_path, "odd.json", odd))
    m = load(store, entered)
    assert (m["git_sha"], m["git_dirty"], m["duration_seconds"]) == (None, None, None)
    text = "".join(file.read_text() for file in store.rglob("*") if file.is_file())
    assert "9f8e7d6c5b4a39281706" not in text
    assert "3141592653589793" not in text


def test_the_command(project: Project) -> None:
    """Each run is a line, or JSON; what was not imported is a note and exit code 1; `show` and `history` mark it."""
    project.write("adr.json", json.dumps(ADR))
    project.write("later.json", json.dumps({**ADR, "run_id": "b", "timestamp": "2026-09-21T00:00:00Z"}))
    done = project.evalprov("import", "adr.json", "later.json", "nothing.json")
    assert done.returncode == 1
    assert done.stdout.decode().splitlines()[0] == "20260920T143000Z\timported\tadr-047\tadr.json"
    assert b"nothing.json: not imported: it is not there" in done.stderr
    again = project.evalprov("import", "adr.json", "--json")
    (row,) = json.loads(again.stdout)["runs"]
    assert (again.returncode, row["run_id"], row["found"]) == (0, "20260920T143000Z", True)
    assert b"(imported from adr-047)" in project.evalprov("history").stdout
    assert b"imported from  adr-047" in project.evalprov("show").stdout
    assert project.evalprov("baseline", "set", "main", "20260920T143000Z", "--reason", "r", "--force").returncode == 0
    gate = project.evalprov("gate", "latest", "--baseline", "main")
    assert (gate.returncode, b"the grader is not known" in gate.stdout) == (3, True), gate
    assert project.evalprov("import").returncode == 2
    os.chmod(project.path / "adr.json", 0o600)
    assert project.evalprov("doctor").stdout == b"all in order\n"
