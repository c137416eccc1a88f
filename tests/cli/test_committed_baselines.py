"""What a machine can do that has only the committed baseline, and how another grader is accepted there."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from conftest import Project

sys.path.insert(0, str(Path(__file__).parent))

from gate_runs import called

EVAL = """
import json, os, sys
right = int(os.environ["RIGHT"]) + int(os.environ.get("EVALPROV_TRIAL", "0")) % 3
grader = {"version": os.environ["GRADER"]}
metrics = {f"t{i}": {"correct": i < right} for i in range(40)}
print(json.dumps({"metrics": metrics, "grader": grader, "golden_version": os.environ.get("GOLDEN", "v1")}))
sys.exit(int(os.environ.get("EXIT", "0")))
"""


@pytest.fixture
def evals(project: Project) -> Project:
    """A committed project with an eval that says how it fared, and can fail by design."""
    project.write("eval.py", EVAL)
    project.commit_all()
    return project


def run(project: Project, right: int, *options: str, grader: str = "1", **env: str) -> int:
    """Record a run, or several; return the exit code."""
    env = {"RIGHT": str(right), "GRADER": grader, **env}
    return project.run("python3", "eval.py", options=("--quiet", *options), env=env).returncode


def set_main(project: Project, *options: str) -> str:
    """Make the last run the baseline `main`; return what was said."""
    code, out, err = called(project, "baseline", "set", "main", "latest", "--reason", "release", *options)
    assert code == 0, err
    return out + err


def gate(project: Project, *words: str) -> tuple[int, str, str]:
    """Hold the last run against the baseline."""
    return called(project, "gate", "--baseline", "main", *words)


def test_the_trials_come_along_with_the_file(evals: Project) -> None:
    """Of a repeat all trials are kept, so that another machine can hold its own trials against them."""
    run(evals, 30, "--repeat", "3")
    assert "with 2 further trials of its repeat" in set_main(evals)
    shutil.rmtree(evals.path / "metrics" / "runs")
    (evals.path / "metrics" / "eval_history.jsonl").unlink()
    run(evals, 10, "--repeat", "3")
    code, out, _ = gate(evals, "--trials", "--json")
    found = json.loads(out)
    assert (code, len(found["baseline"]["runs"]), len(found["runs"])) == (1, 3, 3)
    assert found["metrics"][0]["a"] == pytest.approx(31 / 40)
    assert found["metrics"][0]["b"] == pytest.approx(11 / 40)
    listed = json.loads(called(evals, "baseline", "list", "--json")[1])
    assert len(listed["baselines"][0]["trials"]) == 2
    assert "metrics" not in listed["baselines"][0]


def test_another_grader_is_accepted_once_for_all(evals: Project) -> None:
    """The first gate cannot evaluate and says what to do; with a reason it can, and the next one needs none."""
    run(evals, 30)
    set_main(evals)
    run(evals, 30, grader="2")
    code, out, _ = gate(evals)
    assert code == 3
    assert "another grader: " in out
    assert "--accept grader --reason TEXT" in out
    code, out, err = gate(evals, "--accept", "grader", "--reason", "harness upgraded, scores agree")
    assert code == 0, out + err
    assert "commit it: " in err
    code, out, err = gate(evals)
    assert (code, "accepted" in err, "harness upgraded, scores agree" in err) == (0, True, True)
    shown = called(evals, "baseline", "show", "main", "--json")[1]
    (accepted,) = json.loads(shown)["baseline"]["accepted"]
    assert (accepted["what"], accepted["reason"]) == ("grader", "harness upgraded, scores agree")
    assert "grader " in evals.on_terminal("baseline", "show", "main")
    run(evals, 30, grader="3")
    assert gate(evals)[0] == 3
    run(evals, 5, grader="2")
    assert gate(evals)[0] == 1, "what is accepted is the grader, not the scores"
    run(evals, 30, GOLDEN="v2")
    assert gate(evals, "--accept", "golden_version", "--accept", "data", "--reason", "cleaned")[0] == 0


def test_accepting_wants_to_know_what_and_why(evals: Project) -> None:
    """Anything less is one clear line, and the baseline stays as it is."""
    run(evals, 30)
    set_main(evals)
    before = (evals.path / "metrics" / "baselines" / "main.json").read_bytes()
    run(evals, 30, grader="2")
    for words, says in (
        (("--accept", "grader"), "missing --reason TEXT"),
        (("--accept", "grader", "--reason", "  "), "missing --reason TEXT"),
        (("--reason", "because"), "missing --accept WHAT"),
        (("--accept", "model", "--reason", "because"), "--accept is grader, data"),
    ):
        code, _, err = gate(evals, *words)
        assert (code, says in err) == (2, True), err
    against_a_run = called(evals, "gate", "--baseline", "run:latest~1", "--accept", "grader", "--reason", "x")
    assert (against_a_run[0], "writes into a baseline" in against_a_run[2]) == (2, True)
    assert (evals.path / "metrics" / "baselines" / "main.json").read_bytes() == before


@pytest.mark.long
def test_a_command_that_fails_by_design_is_a_run_everywhere(evals: Project) -> None:
    """A test runner's exit code 1 with its metrics read: audit, noise, baselines and the gate take it."""
    assert run(evals, 30, "--repeat", "2", EXIT="1") == 1
    assert "exited with 1; its metrics were read" in set_main(evals)
    assert called(evals, "audit", "--exit-code")[0] == 0
    assert json.loads(called(evals, "audit", "--json")[1])["groups"][0]["runs"] == 2
    assert called(evals, "noise", "latest")[0] == 0
    run(evals, 30, EXIT="1")
    code, _, err = gate(evals)
    assert (code, "is judged by what it reported" in err) == (0, True), err
    evals.write("evalprov.toml", "[gate]\nallow_failed = false\n")
    code, out, _ = gate(evals)
    assert (code, "[gate] allow_failed = false" in out) == (3, True)
    code, _, err = called(evals, "noise", "latest~1")
    assert (code, "[gate] allow_failed = false" in err) == (2, True)
    code, _, err = called(evals, "baseline", "set", "other", "latest", "--reason", "x")
    assert (code, "[gate] allow_failed = false" in err) == (2, True)


def test_a_hash_names_its_newest_run(evals: Project) -> None:
    """Any id by content does, by seven digits or more, with its prefix or without; a condition knows it by them too."""
    for right in (30, 31):
        run(evals, right)
    run(evals, 30, grader="2")
    first, second, third = evals.records()
    for kind in ("fingerprint", "program"):
        whole = second["identity"][kind]
        meant = second if kind == "fingerprint" else third
        for spec in (whole, whole[7:], whole[7:19], whole[7:14], whole[:19], whole[7:19].upper()):
            code, out, err = called(evals, "show", spec, "--json")
            assert code == 0, (spec, err)
            assert json.loads(out)["run_id"] == meant["run_id"], spec
            if not spec.isupper():
                listed = called(evals, "history", "--ids", "--where", f"identity.{kind}={spec}")[1].split()
                assert listed[0] == meant["run_id"]
                assert first["run_id"] in listed
    short = second["identity"]["fingerprint"][7:19]
    assert called(evals, "diff", short, "latest", "--json")[0] == 0
    code, _, err = called(evals, "show", "0" * 12)
    assert (code, "neither an id nor a hash of one begins so" in err) == (2, True)
    code, _, err = called(evals, "show", "abcdefx")
    assert (code, "7 digits or more of a fingerprint" in err) == (2, True)
