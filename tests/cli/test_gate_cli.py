"""`evalprov gate` and `evalprov baseline` on real runs: what a person, a pipe, a CI system and a program see."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from conftest import Project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent.parent))

from gate_runs import BASELINE, RUN, Store, called, error, record

EVAL = """
import json, os
right, of = int(os.environ["RIGHT"]), int(os.environ.get("OF", "60"))
values = {f"t{i}": {"correct": i < right, "latency_ms": 100 + i % 7} for i in range(of)}
print(json.dumps({"metrics": values, "golden_version": os.environ.get("GOLDEN", "v1")}))
"""


@pytest.fixture
def project_with_baseline(project: Project) -> Project:
    """A committed project whose first run is the baseline `main`."""
    project.write("eval.py", EVAL)
    project.write("evalprov.toml", 'scenario = "tickets"\n')
    project.commit_all()
    run(project, 55)
    done = project.evalprov("baseline", "set", "main", "latest", "--reason", "release 1.2")
    assert done.returncode == 0, done.stderr
    project.commit_all()
    return project


def run(project: Project, right: int, **env: str) -> None:
    """Record a run that answers so many scenarios correctly."""
    done = project.run("python3", "eval.py", options=("--quiet",), env={"RIGHT": str(right), **env})
    assert done.returncode == 0, done.stderr


def gate(project: Project, *words: str) -> tuple[int, str, str]:
    """Hold a run against the baseline `main`; return the exit code and what was printed."""
    return called(project, "gate", "--baseline", "main", *words)


def test_a_pull_request_is_let_through_or_not(project_with_baseline: Project) -> None:
    """The exit code says it, and so does the first line."""
    project = project_with_baseline
    run(project, 54)
    done = project.evalprov("gate", "--baseline", "main")
    said = b"pass: correct_mean did not regress; a fall below 0.1161 would be missed"
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, said)
    run(project, 30)
    code, out, _ = gate(project)
    assert code == 1
    assert out.startswith("regression: correct_mean 0.9167 -> 0.5 (-0.4167, p = ")
    assert gate(project, "latest~1")[0] == 0
    run(project, 55, GOLDEN="v2")
    code, out, _ = gate(project)
    assert code == 3
    assert out.startswith("could not evaluate: another golden version: v1 in the baseline, v2 in the run")


def test_a_pipe_gets_the_answer_and_a_table(project_with_baseline: Project) -> None:
    """One line a metric, tab-separated, always the same columns; remarks go to stderr."""
    run(project_with_baseline, 30)
    _, out, remarks = gate(project_with_baseline)
    rows = [line.split("\t") for line in out.splitlines()[1:]]
    assert rows[0] == ["metric", "baseline", "run", "delta", "interval", "tolerance", "verdict", "gate"]
    assert [(row[0], row[-2], row[-1]) for row in rows[1:]] == [
        ("correct_mean", "worse", "regression"),
        ("latency_ms_mean (ms)", "same", "reported only"),
    ]
    assert "\x1b" not in out + remarks


def test_the_settings_say_what_is_tolerated(project_with_baseline: Project) -> None:
    """Changing them changes neither the run nor what it is called."""
    project = project_with_baseline
    run(project, 30)
    before = project.records()[-1]["identity"]
    project.write("evalprov.toml", 'scenario = "tickets"\n\n[metrics.correct]\ntolerance = 0.5\n')
    code, out, _ = gate(project)
    assert code == 0
    assert "within its tolerance of 0.5" in out
    run(project, 30)
    assert project.records()[-1]["identity"] == before
    project.write("evalprov.toml", "[metrics.correct]\ntolerance = -1\n")
    code, _, error_text = gate(project)
    assert code == 2
    assert "evalprov.toml:2: metrics.correct.tolerance" in error_text


def test_a_baseline_travels_with_the_repository(project_with_baseline: Project, tmp_path: Path) -> None:
    """Real git commits it and nothing else of the store; in a clone, on another store, it is the same judge."""
    project = project_with_baseline
    assert project.git("ls-files", "metrics") == "metrics/baselines/main.json"
    assert project.git("status", "--porcelain") == ""
    project.git("clone", "-q", str(project.path), str(tmp_path / "clone"))
    clone = Project(tmp_path / "clone")
    run(clone, 54)
    assert gate(clone)[0] == 0
    run(clone, 30)
    assert gate(clone)[0] == 1
    shown = clone.evalprov("baseline", "show", "main").stdout.decode()
    assert "release 1.2" in shown
    assert clone.git("status", "--porcelain") == ""


def test_who_set_it_is_gits_user_or_the_login(project: Project) -> None:
    """As git knows them here."""
    project.write("eval.py", EVAL)
    project.commit_all()
    project.git("config", "user.name", "Ada Lovelace")
    run(project, 50)
    project.evalprov("baseline", "set", "one", "latest", "--reason", "r")
    project.git("config", "--unset", "user.name")
    project.evalprov("baseline", "set", "two", "latest", "--reason", "r", env={"LOGNAME": "adal"})
    listed = json.loads(project.evalprov("baseline", "list", "--json").stdout)
    assert [one["set_by"] for one in listed["baselines"]] == ["Ada Lovelace", "adal"]


def test_no_secret_reaches_a_baseline(project: Project) -> None:
    """Not through the reason, nor through the user's name; and nothing in it steers a terminal."""
    project.write("eval.py", EVAL)
    project.commit_all()
    run(project, 50)
    project.git("config", "user.name", "hunter2-hunter2")
    env = {"MY_API_KEY": "hunter2-hunter2"}
    reason = b"because of hunter2-hunter2 \x1b[31m and \xff"
    assert project.evalprov("baseline", "set", "main", "latest", "--reason", reason, env=env).returncode == 0
    assert b"hunter2" not in project.stored()
    for words in (["list"], ["show", "main"]):
        done = project.evalprov("baseline", *words)
        assert b"[secret]" in done.stdout
        assert b"\x1b" not in done.stdout


WRONG = (
    (["gate"], "--baseline NAME"),
    (["gate", "--baseline", "other"], "there is no baseline other"),
    (["gate", "--baseline", "../x"], "not a baseline's name"),
    (["gate", "--baseline", "main", "latest~9"], "no run latest~9"),
    (["gate", "--baseline", "main", "--json", "--markdown"], "cannot be used together"),
    (["gate", "--baseline", "main", "--junit", "no/such/folder/x.xml"], "cannot write no/such/folder/x.xml"),
    (["gate", "--baseline", "main", "--whatever"], "gate has no option --whatever"),
    (["baseline", "set", "main", "latest"], 'evalprov baseline set main latest --reason "release 1.2"'),
    (["baseline", "set", "main", "latest", "--reason", " "], "missing --reason TEXT"),
    (["baseline", "set", "main", "latest", "--reason", "x"], "there is a baseline main already"),
    (["baseline", "set", "a/b", "latest", "--reason", "x"], "not a baseline's name"),
    (["baseline", "set", "new", "latest~9", "--reason", "x"], "no run latest~9"),
    (["baseline", "show", "other"], "there is no baseline other"),
    (["baseline", "rm", "other"], "there is no baseline other"),
)


def test_wrong_usage_is_told_in_a_line(project_with_baseline: Project) -> None:
    """With exit code 2, on stderr, and what to do instead."""
    for words, says in WRONG:
        code, out, remarks = called(project_with_baseline, *words)
        assert (code, out) == (2, ""), words
        assert says in remarks, words
        assert "Traceback" not in remarks


def test_a_record_that_cannot_be_trusted_is_no_usage_error(project_with_baseline: Project) -> None:
    """An altered baseline or a torn run could not be evaluated: exit 3, in every form of the answer."""
    project = project_with_baseline
    run(project, 50)
    file = project.path / "metrics" / "baselines" / "main.json"
    whole = file.read_text()
    file.write_text(whole.replace('"status": "completed"', '"status": "failed"'))
    code, out, remarks = gate(project, "--junit", "gate.xml")
    assert code == 3
    assert out.startswith("could not evaluate: the baseline ")
    assert "its seal does not hold" in out
    assert "bring it back from git" in remarks
    assert cases(project.path / "gate.xml") == {"compared": "error"}
    assert json.loads(gate(project, "--json")[1])["verdict"] == "not_evaluated"
    file.write_text(whole)
    (newest,) = (project.path / "metrics" / "runs").glob(f"{project.records()[-1]['run_id']}.json")
    newest.write_text(newest.read_text()[:500])
    code, out, _ = gate(project)
    assert code == 3
    assert "is not a record" in out


def test_a_run_can_be_held_against_any_run(project_with_baseline: Project) -> None:
    """`run:` names one instead of a baseline, and a manifest's path does."""
    project = project_with_baseline
    run(project, 30)
    run(project, 31)
    for spec in ("run:latest~2", f"metrics/runs/{project.records()[0]['run_id']}.json", "baseline:main"):
        assert called(project, "gate", "--baseline", spec)[0] == 1, spec
    assert called(project, "gate", "--baseline", "run:latest~1")[0] == 0
    assert called(project, "gate", "--baseline", "run:latest")[0] == 3


def test_baselines_are_listed_and_removed(project_with_baseline: Project) -> None:
    """Name, run, when, who, why and what it scored; one that is broken is said to be."""
    project = project_with_baseline
    (row,) = [line.split("\t") for line in project.evalprov("baseline", "list").stdout.decode().splitlines()[1:]]
    assert (row[0], row[1], row[4]) == ("main", project.records()[0]["run_id"], "release 1.2")
    assert row[5].startswith("correct_mean=0.9167")
    (project.path / "metrics/baselines/bad.json").write_text("{}")
    _, listed, remarks = called(project, "baseline", "list")
    assert "bad.json is not a record" in remarks
    assert len(listed.splitlines()) == 2
    broken = json.loads(called(project, "baseline", "list", "--json")[1])["unusable"]
    assert [one["name"] for one in broken] == ["bad"]
    for name in ("main", "bad"):
        assert called(project, "baseline", "rm", name)[0] == 0
    assert called(project, "baseline", "list")[1] == "name\trun\tset\tby\treason\tmetrics\n"


def test_markdown_carries_no_markup_of_the_data(project: Project) -> None:
    """Names that are markup, HTML or a mention stay text, and a bar breaks no table."""
    name = "accuracy|<img src=x>@team [x](y) `a` *b*"
    store = Store(project.path / "metrics")
    store.put(record(BASELINE, {name: [True] * 30}), record(RUN, {name: [False] * 30}))
    done = project.evalprov("gate", "--baseline", f"run:{BASELINE}", RUN, "--markdown")
    text = done.stdout.decode()
    assert done.returncode == 3  # a name with other words in it is a guess
    assert text.startswith("**could not evaluate**: ")
    assert "<img" not in text.replace("\\<", "")
    assert "@team" not in text
    (row,) = [line for line in text.splitlines() if line.startswith("| <code>accuracy")]
    assert row.replace("\\|", "").count("|") == 9


# --- four forms of one answer


def cases(path: Path) -> dict[str, str]:
    """Return the test cases of a JUnit file and how each ended."""
    root = ET.parse(path).getroot()
    return {
        case.attrib["name"]: next((inner.tag for inner in case if inner.tag != "system-out"), "passed")
        for case in root.iter("testcase")
    }


WORDS = {0: "pass", 1: "regression", 3: "could not evaluate"}
NAMES = st.sampled_from(["accuracy", "latency_ms", "frobnication", "x\x00\x1b[31m<&\"'>]]>\ufffe", "e\u0301\u202e|"])
KINDS = st.sampled_from(["same", "fall", "little", "rise", "gone", "short"])
FACTS = st.sampled_from(
    [{}, {}, {}, {"scenario": "b\x1b<"}, {"status": "failed"}, {"infra__gpu": None}, {"golden_version": "2"}]
)


def after(kind: str, lower: bool) -> list[bool] | None:
    """Return what became of forty values that were all as good as can be."""
    bad = {"same": 0, "fall": 20, "little": 2, "rise": 0, "short": 1}
    if kind == "gone":
        return None
    return [lower if i < bad[kind] else not lower for i in range(2 if kind == "short" else 40)]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    metrics=st.dictionaries(NAMES, KINDS, max_size=4),
    facts=FACTS,
    failed=st.lists(st.sampled_from(["task", "infra"]), max_size=3),
    rule=st.sampled_from(
        ["", "tolerance = 0.2", "blocking = false", "blocking = true", "min_n = 50", 'direction = "lower"']
    ),
)
def test_words_json_junit_and_exit_code_agree(
    metrics: dict[str, str], facts: dict[str, Any], failed: list[str], rule: str
) -> None:
    """Whatever the runs and the rules: they are made from one value, and whatever the names, each form is valid."""
    lower = {name: name == "latency_ms" for name in metrics}
    before = {name: [not lower[name]] * (2 if kind == "short" else 40) for name, kind in metrics.items()}
    later = {name: values for name, kind in metrics.items() if (values := after(kind, lower[name])) is not None}
    one, other = record(BASELINE, before), record(RUN, later, **facts)
    other["errors"] = [error(kind, f"t{i}") for i, kind in enumerate(failed)]
    words = ("gate", "--baseline", f"run:{BASELINE}", RUN)
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        Store(here / "metrics").put(one, other)
        (here / "evalprov.toml").write_text(f"[metrics.accuracy]\n{rule}\n" if rule else "")
        code, text, _ = called(here, *words, "--junit", "gate.xml")
        marked, document = called(here, *words, "--markdown"), called(here, *words, "--json")
        ended = cases(here / "gate.xml")
        root = ET.parse(here / "gate.xml").getroot()
    said = json.loads(document[1])
    assert marked[0] == document[0] == code
    assert marked[1].startswith(f"**{WORDS[code]}**: ")
    assert text.splitlines()[0].startswith(f"{WORDS[code]}: ")
    assert said["answer"].startswith(f"{WORDS[code]}: ")
    assert said["exit_code"] == code
    assert {"pass": 0, "regression": 1, "not_evaluated": 3}[said["verdict"]] == code
    kinds = list(ended.values())
    assert len(kinds) == 1 + len(said["metrics"])
    assert code == (1 if "failure" in kinds else 3 if "error" in kinds else 0)
    assert int(root.attrib["failures"]) == kinds.count("failure")
    assert int(root.attrib["errors"]) == kinds.count("error")
    assert "\x1b" not in text


SWAPPED = """
import json, os
swap, of = os.environ.get("SWAP"), int(os.environ.get("OF", "60"))
values = {f"t{i}": {"correct": (i < of // 2) != bool(swap)} for i in range(of)}
print(json.dumps({"metrics": values}))
"""


def test_a_mean_that_holds_while_scenarios_collapse_is_told(project: Project) -> None:
    """Half the scenarios fell and the other half rose: it passes, with a hint; --per-scenario names the fallen."""
    project.write("eval.py", SWAPPED)
    project.commit_all()
    for env in ({}, {"SWAP": "1"}):
        assert project.run("python3", "eval.py", options=("--quiet",), env=env).returncode == 0
    assert project.evalprov("baseline", "set", "main", "latest~1", "--reason", "r").returncode == 0
    code, out, err = gate(project)
    said = "pass: correct_mean did not regress; a fall below 0.3127 would be missed"
    assert (code, out.splitlines()[0]) == (0, said)
    assert "correct_mean: 60 of 60 scenarios flipped, 30 up, 30 down (runs of one program may differ as much" in err
    assert "--per-scenario lists the scenarios that collapsed" in err
    code, out, err = gate(project, "--per-scenario")
    assert code == 0
    assert "correct_mean: of 60 scenarios 30 are worse, 30 better, 30 collapsed" in out
    assert "t0" in out
    assert "and 20 more" in out
    assert "--per-scenario" not in err


def test_nothing_is_said_to_hold_that_cannot_be_judged(project: Project) -> None:
    """Of too few scenarios nobody knows whether the mean holds."""
    project.write("eval.py", SWAPPED)
    project.commit_all()
    for env in ({"OF": "3", "SWAP": "1"}, {"OF": "3"}):
        assert project.run("python3", "eval.py", options=("--quiet",), env=env).returncode == 0
    assert project.evalprov("baseline", "set", "main", "latest~1", "--reason", "r").returncode == 0
    code, _, err = gate(project)
    assert code == 3
    assert "as a whole holds" not in err
