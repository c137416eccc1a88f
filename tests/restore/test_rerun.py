"""An old run, run again: recorded beside it, judged by what comes out, and never in the user's own folder."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from campaign.restore import snapshot
from conftest import Project
from diffing import answers, put, record

from evalprov.cli.rerun import nearness
from evalprov.judge.rules import NO_RULES
from evalprov.restore.rerun import judge
from evalprov.stats.whole_run import Spread

EVAL = """\
import json, os, sys
scores = [len(line) % 3 == 0 for line in open("data/tickets.jsonl")]
text = open(os.path.expandvars("$OUTSIDE")).read().strip() if "OUTSIDE" in os.environ else "0"
print(json.dumps({"accuracy": sum(scores) / len(scores) + float(text)}))
"""


@pytest.fixture
def recorded(project: Project) -> Project:
    """A recorded run of an eval with data beside it, which reads one thing that no record knows."""
    project.write("eval.py", EVAL)
    project.write(".gitignore", "data/\n")
    project.write("evalprov.toml", '[data]\ntickets = "data/tickets.jsonl"\n')
    project.commit_all()
    project.write("data/tickets.jsonl", "".join("x" * number + "\n" for number in range(300)))
    project.write("helper.py", "not committed\n")
    assert project.run("python3", "eval.py", env=outside(project, "0")).returncode == 0
    return project


def outside(project: Project, value: str) -> dict[str, str]:
    """Write what the eval reads besides, and return the variable that names it."""
    file = project.path.parent / "outside.txt"
    file.write_text(value)
    return {"OUTSIDE": str(file), "TMPDIR": str(project.path.parent)}


def again(project: Project, *words: str, value: str = "0") -> tuple[int, dict[str, Any], str]:
    """Rerun; return the exit code, the judgement, and stderr."""
    done = project.evalprov("rerun", "--json", *words, env=outside(project, value))
    said = json.loads(done.stdout) if done.stdout else {}
    return done.returncode, said, done.stderr.decode()


def test_the_same_comes_out(recorded: Project) -> None:
    """Exit 0 in one sentence; a record like any other, with its parent and its rung, of the same program."""
    before = {path: what for path, what in snapshot(recorded.path).items() if "/metrics" not in path}
    code, said, err = again(recorded, "latest")
    assert (code, said["outcome"], said["rung"]) == (0, "reproduced", "everything"), err
    assert "within 0.3 %" in said["answer"]
    first, second = recorded.records()
    assert second["parent_run_id"] == first["run_id"]
    assert second["tags"] == ["rerun", "rung=everything"]
    assert second["git"]["tree"] == first["git"]["tree"]
    assert second["identity"]["fingerprint"] == first["identity"]["fingerprint"]
    assert {path: what for path, what in snapshot(recorded.path).items() if "/metrics" not in path} == before
    assert not list(recorded.path.parent.glob("evalprov-rerun-*"))


@pytest.mark.parametrize(
    ("b", "within", "outcome"),
    [
        (151, "0.3%", "not reproduced"),
        (151, "1%", "reproduced"),
        (151, "0.005", "reproduced"),
        (151, "0.0049", "not reproduced"),
        (150, "0", "reproduced"),
    ],
)
def test_what_counts_as_the_same_is_a_matter_of_size(b: int, within: str, outcome: str) -> None:
    """A share of what it was, or an amount; what it is beyond is named with both values."""
    then, now = record(metrics=answers(150)), record(metrics=answers(b), run=1)
    found = judge(then, now, nearness(within), NO_RULES, {})
    assert found.outcome == outcome
    assert found.sentence.startswith(f"{outcome}: correct_mean 0.75 -> ")


def test_what_moved_within_the_noise_of_earlier_runs_is_reproduced() -> None:
    """Where runs of the program are known to lie apart, a move within that is no other result."""
    then, now = record(metrics=answers(150)), record(metrics=answers(153), run=1)
    apart = {"correct_mean": Spread(variance=0.02**2, df=9.0, runs=10)}
    found = judge(then, now, nearness("0.3%"), NO_RULES, apart)
    assert (found.outcome, found.metrics[0].outcome) == ("reproduced", "within noise"), found.sentence


def test_a_metric_that_is_missing_is_not_judged() -> None:
    """Nor is a run without any."""
    then = record(metrics=answers(150))
    for now in (
        record(metrics=answers(150, name="other"), run=1),
        record(put("metric_summary", None), metrics={}, run=1),
    ):
        assert judge(then, now, nearness("0.3%"), NO_RULES, {}).outcome == "not judged"


def test_another_score_is_not_reproduced(recorded: Project) -> None:
    """Exit 1, and the sentence has both values."""
    code, said, err = again(recorded, "latest", value="0.0011")
    assert code == 1, err
    assert said["answer"].startswith("not reproduced: accuracy 0.333333 -> 0.334433, by more than 0.3 %")


def test_a_rerun_that_fails_is_not_judged(recorded: Project) -> None:
    """Exit 3, and its record says how it ended."""
    code, said, _ = again(recorded, "latest", value="no number")
    assert code == 3
    assert said["answer"].startswith("could not be judged: the rerun failed (exit 1)")
    assert recorded.records()[-1]["status"] == "failed"


def test_what_cannot_be_restored_is_not_run(recorded: Project) -> None:
    """Exit 125 with the reason, and no record."""
    recorded.write("data/tickets.jsonl", "other\n")
    code, said, err = again(recorded, "latest")
    assert (code, said) == (125, {})
    assert "could not be restored: data tickets: data/tickets.jsonl is no longer what it was" in err
    assert len(recorded.records()) == 1
    assert not list(recorded.path.parent.glob("evalprov-rerun-*"))


def test_more_words_and_a_folder_that_stays(recorded: Project) -> None:
    """Words behind -- go to the command; --keep leaves what it wrote, and says where."""
    code, said, err = again(recorded, "latest", "--keep", "--", "--limit", "3")
    assert code == 0
    assert said["layers"]["config"]["state"] == "changed"
    (kept,) = recorded.path.parent.glob("evalprov-rerun-*")
    assert str(kept) in err
    assert (kept / "project/helper.py").read_text() == "not committed\n"
    assert recorded.records()[-1]["command"]["argv"][-2:] == ["--limit", "3"]


def test_a_committed_baseline_is_no_code(recorded: Project) -> None:
    """What is committed of evalprov's own folder is there in both, and the program is the same."""
    recorded.evalprov("baseline", "set", "main", "latest", "--reason", "r")
    recorded.commit_all()
    recorded.run("python3", "eval.py", env=outside(recorded, "0"))
    code, said, err = again(recorded, "latest")
    assert (code, said["layers"]["code"]["state"]) == (0, "equal"), err


def test_in_the_present_environment_what_differs_is_said(recorded: Project, tmp_path: Path) -> None:
    """With --here the packages of today do, and the judgement names them."""
    file = next((recorded.path / "metrics/runs").glob("*.json"))
    text = json.loads(file.read_text())
    text["software"]["packages"]["never-made"] = "1.0"
    text["software"]["packages_hash"] = "sha256:" + "0" * 64
    file.write_text(json.dumps(text))
    code, said, err = again(recorded, str(file), "--here", "--store", str(recorded.path / "metrics"))
    assert (code, said["rung"]) == (0, "method"), err
    assert "although something changed: software" in said["answer"]


def test_the_users_trust_goes_with_the_same_settings(recorded: Project) -> None:
    """A tool's version that was asked for by the user's leave is asked for again."""
    recorded.write("evalprov.toml", '[data]\ntickets = "data/tickets.jsonl"\n[versions]\ntool = "echo 7"\n')
    recorded.commit_all()
    recorded.evalprov("trust")
    assert recorded.run("python3", "eval.py", env=outside(recorded, "0")).returncode == 0
    assert again(recorded, "latest")[0] == 0
    assert [one["system"].get("tool_version") for one in recorded.records()] == [None, "7", "7"]


def test_six_months_fifty_commits_a_new_lock_and_moved_data(recorded: Project) -> None:
    """The chapter's story: what scored then is brought back by its commit, its data by content, and scores the same."""
    first = recorded.records()[0]
    stream = "".join(
        f"commit refs/heads/main\ncommitter A <a@example.org> {1_900_000_000 + number} +0000\ndata 4\nmore"
        + (f"\nfrom {first['git_sha']}" if not number else "")
        + f"\nM 100644 inline eval.py\ndata <<END\nprint({number})\nEND\n"
        + f"M 100644 inline uv.lock\ndata <<END\nversion = {number}\nEND\n\n"
        for number in range(50)
    )
    subprocess.run(["git", "fast-import", "--quiet", "--force"], cwd=recorded.path, input=stream.encode(), check=True)
    (recorded.path / "helper.py").unlink()
    recorded.git("reset", "-q", "--hard", "main")
    (recorded.path / "data/2026").mkdir()
    (recorded.path / "data/tickets.jsonl").rename(recorded.path / "data/2026/old.jsonl")
    recorded.write("data/tickets.jsonl", "new data\n")
    assert recorded.git("rev-list", "--count", f"{first['git_sha']}..HEAD") == "50"
    code, said, err = again(recorded, first["run_id"])
    assert code == 0, err
    assert said["answer"].startswith("reproduced: accuracy 0.333333 -> 0.333333, within 0.3 %")
    assert said["layers"]["code"]["state"] == said["layers"]["data"]["state"] == "equal"
