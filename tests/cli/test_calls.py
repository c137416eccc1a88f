"""`evalprov calls` and `evalprov cache`: recorded calls shown, compared and pruned; a rerun that replays them."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Project

sys.path.insert(0, str(Path(__file__).parents[1] / "wire"))
from recorded_runs import ASK, EVAL, KEY
from standin import StandIn


def record(project: Project) -> None:
    """Record two runs of one eval, the second with one more question; then the providers are gone."""
    standin = StandIn(project.path.parent / "standin")
    project.write("ask.py", ASK)
    project.write("eval.py", EVAL + "import sys\n[ask(word) for word in sys.argv[1:]]\n")
    project.git("init", "-q")
    project.commit_all()
    environ = {**standin.environ, "OPENAI_API_KEY": KEY, "http_proxy": "", "HTTP_PROXY": ""}
    for words in ((), ("more",)):
        done = project.run("python3", "eval.py", *words, options=("--record",), env=environ)
        assert done.returncode == 0, done.stderr
    standin.close()


@pytest.fixture
def project(made_once: Callable[[str, Callable[[Project], object]], Project]) -> Project:
    """Two recorded runs, which are only read."""
    return made_once("two recorded runs", record)


@pytest.fixture
def own(project: Project, tmp_path: Path) -> Project:
    """The same, to be changed."""
    shutil.copytree(project.path, tmp_path / "own")
    return Project(tmp_path / "own")


def test_without_any_call_there_is_nothing_to_prune(tmp_path: Path) -> None:
    """That is no error: a store need not have recorded any."""
    bare = Project(tmp_path / "bare")
    assert bare.run("true").returncode == 0
    assert said(bare, "cache", "--keep-last", "1") == {
        "version": 1,
        "files": [],
        "bytes": 0,
        "removed": [],
        "spared": [],
    }


def said(project: Project, *words: str) -> Any:
    """Return what a command says as JSON."""
    done = project.evalprov(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_all_calls_came_to_is_shown(project: Project) -> None:
    """For a pipe in lines of two, as JSON whole, for a person as a page."""
    lines = dict(line.split("\t") for line in project.evalprov("calls", "latest").stdout.decode().splitlines())
    assert (lines["calls"], lines["tokens"], lines["tokens not told"]) == ("6", "100 in, 25 out", "1")
    assert "served as gpt-4o-mini-2024-07-18; temperature 0.5" in lines["model gpt-4o-mini"]
    assert said(project, "calls")["calls"]["count"] == 6
    assert "prompts as they were sent" in project.on_terminal("calls")


def test_each_call_is_a_row_and_one_is_shown_whole(project: Project) -> None:
    """Rows in the order in which they were asked; one with what was asked and answered."""
    rows = said(project, "calls", "--all")["rows"]
    assert [row["call"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert {row["exact"] for row in rows} == {True}
    one = said(project, "calls", "--call", "6")
    assert one["request"]["messages"][1] == {"role": "user", "content": "more"}
    assert one["said"].startswith("answer ")
    missing = project.evalprov("calls", "--call", "7")
    assert (missing.returncode, b"numbered from 1 to 6" in missing.stderr) == (2, True)


def test_the_calls_of_two_runs_are_compared(project: Project) -> None:
    """Sampled answers differ, and what one alone asked is named."""
    found = said(project, "calls", "--diff", "latest~1", "latest")
    assert found["counts"] == {"same": 0, "another answer": 5, "only A": 0, "only B": 1}
    same = said(project, "calls", "--diff", "latest", "latest")
    assert same["counts"]["same"] == 6
    assert project.evalprov("calls", "--diff", "latest").returncode == 2


def test_a_run_without_calls_says_how_to_record_them(own: Project) -> None:
    """The error names the way."""
    own.run("true")
    done = own.evalprov("calls", "latest")
    assert b"evalprov run --record" in done.stderr
    assert done.returncode == 125


def test_a_rerun_gives_the_recorded_answers_again(own: Project) -> None:
    """It is judged as reproduced, its rung says why, and verify had said that it could be."""
    run_id = own.records()[0]["run_id"]
    verified = said_of_verify(own, run_id)
    assert verified["layers"]["model"]["back"] == "full"
    done = own.evalprov("rerun", run_id, "--replay", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["outcome"], answer["rung"]) == (0, "reproduced", "replayed answers"), done.stderr
    again = own.records()[-1]
    assert (again["parent_run_id"], again["calls"]["replayed"], again["calls"]["missed"]) == (run_id, 5, [])


def said_of_verify(project: Project, run_id: str) -> Any:
    """Return what verify says, whatever it exits with."""
    return json.loads(project.evalprov("verify", run_id, "--json").stdout)


def test_old_files_go_and_what_a_baseline_needs_stays(own: Project) -> None:
    """The records stay as they are; a pruned run says that its calls are gone."""
    oldest, second = (record["run_id"] for record in own.records()[:2])
    files = said(own, "cache")
    assert {one["run_id"] for one in files["files"]} == {oldest, second}
    assert files["bytes"] == sum(one["size"] for one in files["files"])
    assert own.evalprov("baseline", "set", "main", oldest, "--reason", "it is good").returncode == 0
    spared = said(own, "cache", "--keep-last", "1")
    assert ([one["needed_by"] for one in spared["spared"]], spared["removed"]) == (["baseline main"], [])
    assert own.evalprov("baseline", "rm", "main").returncode == 0
    own.evalprov("cache", "--keep-last", "1")
    left = [one["run_id"] for one in said(own, "cache")["files"]]
    assert left in ([second], [second, oldest])
    gone = own.evalprov("calls", oldest, "--all")
    assert (b"are gone" in gone.stderr) is (oldest not in left)
