"""`evalprov show`: one record for a person, for a program, and the output that was kept."""

from __future__ import annotations

import json

import pytest
from conftest import Project


@pytest.fixture
def shown(project: Project) -> Project:
    """A project with one recorded run that declares and reports things."""
    project.write("prompts/plan.txt", "Plan.\n")
    project.write("eval.yaml", "temperature: 0.2\n")
    project.write("my_eval.py", "import sys; print('{\"accuracy\": 0.5}'); print('careful', file=sys.stderr)\n")
    project.commit_all()
    options = ("--set", "model.provider=openai", "--set", "model.model=gpt-4o", "--prompt", "plan=prompts/plan.txt@v3")
    done = project.run("python3", "my_eval.py", "--config", "eval.yaml", options=(*options, "--scenario", "support"))
    assert done.returncode == 0, done.stderr
    return project


def test_a_person_sees_what_ran(shown: Project) -> None:
    """Status, metrics, command, identity by layer, what was declared, and the warnings are there in words."""
    text = shown.evalprov("show").stdout.decode()
    record = shown.record()
    assert text.startswith(f"{record['run_id']}  completed")
    for expected in (
        "accuracy   0.5",
        "python3 my_eval.py --config eval.yaml",
        record["git_sha"],
        record["identity"]["fingerprint"][7:19],
        "nobody declared it",
        "prompts/plan.txt",
        "v3",
        "temperature=0.2",
        "gpt-4o is an alias",
    ):
        assert expected in text, expected


def test_every_way_to_name_a_run(shown: Project) -> None:
    """By id, by its beginning, in the extended spelling, by latest, and by path."""
    record = shown.record()
    run = record["run_id"]
    extended = f"{run[:4]}-{run[4:6]}-{run[6:8]}T{run[9:11]}:{run[11:13]}:{run[13:]}"
    path = shown.evalprov("show", "--path").stdout.decode().strip()
    assert path == str(shown.path / "metrics" / "runs" / f"{run}.json")
    for name in (run, run[:-2], extended, "latest", "latest~0", path):
        assert json.loads(shown.evalprov("show", name, "--json").stdout) == record


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b", "..", "x\x1b[31m", "x" * 5000, "latest~9", "baseline:none", ""]
)
def test_a_bad_name_is_one_clear_line(shown: Project, name: str) -> None:
    """Exit 2, no traceback, no control character in the message, nothing read outside the store."""
    done = shown.evalprov("show", name)
    assert done.returncode == 2
    assert done.stderr.startswith(b"evalprov: error:")
    assert b"Traceback" not in done.stderr
    assert b"\x1b" not in done.stderr
    assert done.stdout == b""


def test_the_log_is_printed_as_it_was_kept(shown: Project) -> None:
    """--log gives stdout on stdout and stderr on stderr."""
    done = shown.evalprov("show", "--log")
    assert done.stdout == b'{"accuracy": 0.5}\n'
    assert done.stderr == b"careful\n"


def test_without_a_log_it_says_so(project: Project) -> None:
    """--log off keeps nothing, and the message says why there is nothing."""
    project.run("echo", "hi", options=("--log", "off"))
    assert not list((project.path / "metrics").rglob("*.out"))
    assert not list((project.path / "metrics").rglob("*.err"))
    assert project.record()["output"]["stdout"]["log"] is None
    done = project.evalprov("show", "--log")
    assert done.returncode == 2
    assert b"--log off" in done.stderr


def test_the_decision_spec_loads_in_tracelens(shown: Project) -> None:
    """What --decision-spec prints is a DecisionSpec with the fingerprint that the record has."""
    from tracelens import DecisionSpec

    spec = DecisionSpec.model_validate_json(shown.evalprov("show", "--decision-spec").stdout)
    assert spec.model is not None
    assert spec.model.model_id == "gpt-4o"
    assert shown.record()["identity"]["decision_spec"] == f"sha256:{spec.fingerprint}"


def test_nothing_recorded_yet_says_what_to_do(project: Project) -> None:
    """An empty project is told how to record a run."""
    for command in ("show", "history", "doctor"):
        done = project.evalprov(command)
        assert done.returncode == 2
        assert b"evalprov run" in done.stderr


def test_control_characters_of_a_record_do_not_reach_the_terminal(project: Project) -> None:
    """A hostile note, tag or output is spelled out where a person reads it."""
    project.run("sh", "-c", "printf '\\033]0;owned\\007' >&2; exit 3", options=("--note", "\x1b[2J", "--tag", "\x07"))
    for words in (["show"], ["history"]):
        done = project.evalprov(*words)
        assert b"\x1b" not in done.stdout
        assert b"\x07" not in done.stdout
    assert b"\\x1b[2J" in project.evalprov("show").stdout


def test_a_trial_and_what_is_known_of_a_metric_are_shown(project: Project) -> None:
    """Which trial of how many it was, and a metric's standard error, unit and count beside its value."""
    info = '{"accuracy": {"stderr": 0.125, "n": 40, "unit": "share"}}'
    project.python(f"""print('{{"metrics": {{"accuracy": 0.5}}, "metric_info": {info}}}')""", options=("--repeat", "2"))
    text = project.evalprov("show").stdout.decode()
    assert "0.5 \N{PLUS-MINUS SIGN} 0.125 share  (n = 40)" in text
    assert "2 of 2, seed 2 (" in text


def test_an_error_is_headed_by_its_scenario_spelled_out(project: Project) -> None:
    """A record that somebody else wrote cannot steer the terminal through a heading either."""
    project.run("false")
    record = project.record()
    record["errors"][0]["scenario"] = "\x1b[2J"
    file = project.write("theirs.json", json.dumps(record))
    shown = project.evalprov("show", str(file)).stdout
    assert b"\x1b" not in shown
    assert b"error (task) in \\x1b[2J" in shown
