"""What moved a score between two runs: found by rerunning points halfway, each of them a record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bringing import called
from campaign.restore import snapshot
from conftest import Project

EVAL = """\
import json, sys
from agents import plan
config = json.load(open("conf.json"))
score = plan.SCORE - 20 * (config["top"]["k"] > 5) - 20 * ("--short" in sys.argv)
print(json.dumps({"metrics": {f"t{i}": {"correct": (i * 7) % 100 < score} for i in range(100)}}))
"""
CONFIG = {"top": {"k": 5, "p": 0.9}, "name": "a", "other": 1}


@pytest.fixture
def good(project: Project) -> Project:
    """A recorded run that scores 0.82."""
    project.write("eval.py", EVAL)
    project.write("agents/plan.py", "SCORE = 82\n")
    project.write("prompts/plan.txt", "be kind\n")
    project.write("conf.json", json.dumps(CONFIG))
    project.write("evalprov.toml", '[prompts]\nplan = "prompts/plan.txt"\n[config]\nfiles = ["conf.json"]\n')
    project.commit_all()
    assert project.run("python3", "eval.py").returncode == 0
    return project


def bisected(project: Project, *words: str, good: str = "latest~1", bad: str = "latest") -> tuple[int, Any, str]:
    """Search; return the exit code, what was found, and stderr."""
    options = ("--bisect", "correct_mean", "--good", good, "--bad", bad, "--json")
    done = project.evalprov("rerun", *options, *words)
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr.decode()


def history(project: Project, steps: dict[int, dict[str, str]], count: int = 30) -> dict[int, str]:
    """Make commits, some of which change what the eval reads; return each by its number."""
    commits = {}
    for number in range(1, count + 1):
        project.write(f"agents/other{number % 3}.py", f"x = {number}\n")
        for name, text in steps.get(number, {}).items():
            project.write(name, text)
        project.git("add", "-A")
        project.git("commit", "-qm", f"Step {number}")
        commits[number] = project.git("rev-parse", "HEAD")
    return commits


def test_nobody_is_asked_to_pay_unseen_and_a_wrong_command_line_is_refused(good: Project) -> None:
    """Without a terminal and without --yes it says what it would cost; what is missing is named; nothing is rerun."""
    only = good.records()[0]["run_id"]
    for words, said in (
        (("--bisect", "correct_mean", "--good", only), "--bisect needs --bad"),
        (("--bisect", "correct_mean", "--good", only, "--bad", "latest"), "are one run"),
        (("--bisect", "nothing", "--good", only, "--bad", "latest"), "has no metric nothing"),
        (("--bisect", "correct_mean", only, "--good", only, "--bad", only), "--bisect goes without RUN"),
        ((only, "--good", only), "--good goes with --bisect METRIC"),
        ((), "rerun needs RUN"),
    ):
        code, out, err = called(good, "rerun", *words)
        assert (code, out, said in err) == (2, "", True), err
    good.write("agents/plan.py", "SCORE = 64\n")
    good.run("python3", "eval.py")
    code, out, err = called(good, "rerun", "--bisect", "correct_mean", "--good", only, "--bad", "latest")
    assert (code, out) == (2, "")
    assert "what differs: code; about 2 reruns at most" in err
    assert "--yes agrees ahead" in err
    assert len(good.records()) == 2


@pytest.mark.long
def test_one_commit_of_thirty_is_found(good: Project) -> None:
    """The layer first, then the commit, with its subject and its files; every point is a record with its parent."""
    commits = history(good, {9: {"prompts/plan.txt": "be short\n"}, 17: {"agents/plan.py": "SCORE = 64\n"}})
    good.run("python3", "eval.py")
    before = {path: what for path, what in snapshot(good.path).items() if "/metrics" not in path}
    code, found, err = bisected(good, "--yes")
    assert code == 0, err
    assert found["answer"].startswith(f"commit {commits[17][:10]} 'Step 17' moved correct_mean 0.82 -> 0.64: agents/")
    assert found["commit"]["sha"] == commits[17]
    assert {"path": "agents/plan.py", "plus": 1, "minus": 1} in found["commit"]["files"]
    first, _, *reruns = good.records()
    assert len(reruns) == len(found["points"]) <= 11
    assert {one["parent_run_id"] for one in reruns} == {first["run_id"]}
    assert [point["runs"] for point in found["points"]] == [[one["run_id"]] for one in reruns]
    assert {path: what for path, what in snapshot(good.path).items() if "/metrics" not in path} == before


@pytest.mark.long
def test_the_good_run_may_be_the_later_one(good: Project) -> None:
    """The commit that mended it is named as one that the bad run does not have; what does not run is passed by."""
    broken = {"agents/plan.py": "raise SystemExit('broken')\n"}
    mended = {"agents/plan.py": "SCORE = 64\n"}
    good.write("agents/plan.py", "SCORE = 64\n")
    good.commit_all()
    good.run("python3", "eval.py")
    commits = history(good, {5: broken, 6: mended, 8: {"agents/plan.py": "SCORE = 82\n"}}, 10)
    good.run("python3", "eval.py")
    code, found, err = bisected(good, "--yes", good="latest", bad="latest~1")
    assert (code, found["commit"]["sha"]) == (0, commits[8]), err
    assert "the good run has it, and the bad one does not" in found["answer"]


@pytest.mark.long
def test_a_field_of_a_configuration_file_is_found(good: Project) -> None:
    """Of the files the one, and of its fields the one, with both values; the words of the command are another thing."""
    good.write("conf.json", json.dumps({**CONFIG, "top": {"k": 9, "p": 0.5}, "name": "b", "other": 2}))
    good.run("python3", "eval.py", "--longer")
    code, found, err = bisected(good, "--yes")
    assert code == 0, err
    assert found["answer"] == "conf.json top.k: 5 -> 9 moved correct_mean 0.82 -> 0.62"
    assert found["layers"] == ["config"]


@pytest.mark.long
def test_two_that_do_it_only_together_are_both_named(good: Project) -> None:
    """Neither layer alone moves the score: the file and the prompt are found as a pair."""
    either = EVAL.replace(
        "plan.SCORE -", "plan.SCORE - 20 * (plan.LOUD and 'loud' in open('prompts/plan.txt').read()) -"
    )
    good.write("eval.py", either)
    good.write("agents/plan.py", "SCORE, LOUD = 82, False\n")
    good.commit_all()
    good.run("python3", "eval.py")
    good.write("agents/plan.py", "SCORE, LOUD = 82, True\n")
    good.write("agents/other.py", "x = 1\n")
    good.write("prompts/plan.txt", "be loud\n")
    good.run("python3", "eval.py")
    code, found, err = bisected(good, "--yes")
    assert code == 0, err
    assert found["answer"].startswith("only together did these move correct_mean 0.82 -> 0.62: ")
    assert sorted(found["found"]) == ["agents/plan.py", "prompts/plan.txt"]


@pytest.mark.long
def test_what_was_spent_and_what_is_known_by_then_is_said(good: Project) -> None:
    """With --max-reruns it stops there, exit 3, and names what is left."""
    history(good, {5: {"agents/plan.py": "SCORE = 64\n"}}, 8)
    good.run("python3", "eval.py")
    code, found, err = bisected(good, "--yes", "--max-reruns", "3")
    assert (code, found["outcome"]) == (3, "narrowed"), err
    assert "stopped after 3 reruns" in found["answer"]
    assert len(good.records()) == 5


@pytest.mark.long
def test_what_cannot_be_brought_back_is_not_blamed_on_what_can(good: Project, tmp_path: Path) -> None:
    """Where both runs score alike by now, what moved it lay elsewhere: exit 1 and a sentence that says so."""
    outside = tmp_path / "served.txt"
    good.write("eval.py", EVAL.replace("plan.SCORE -", f"plan.SCORE - int(open({str(outside)!r}).read()) -"))
    good.commit_all()
    outside.write_text("0")
    good.run("python3", "eval.py")
    good.write("agents/other.py", "x = 1\n")
    outside.write_text("30")
    good.run("python3", "eval.py")
    code, found, err = bisected(good, "--yes")
    assert (code, found["outcome"]) == (1, "not_moved"), err
    assert "brought back, the runs score alike (correct_mean 0.52 -> 0.52" in found["answer"]


@pytest.mark.long
def test_a_noisy_point_is_repeated_until_it_can_be_told(good: Project) -> None:
    """With --repeat a point is run again where once cannot tell, with seeds of its own."""
    noisy = 'import json, os\nfrom agents import plan\nseed = int(os.environ.get("EVALPROV_SEED", "1"))\n'
    good.write("eval.py", noisy + 'print(json.dumps({"correct_mean": plan.SCORE / 100 + seed / 1000}))\n')
    good.commit_all()
    good.run("python3", "eval.py")
    history(good, {2: {"agents/plan.py": "SCORE = 64\n"}}, 3)
    good.run("python3", "eval.py")
    code, found, err = bisected(good, "--yes", "--repeat", "3")
    assert (code, found["commit"]["subject"]) == (0, "Step 2"), err
    assert len(found["points"][0]["runs"]) == 3
