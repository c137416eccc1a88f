"""`evalprov annotate`: what is said of runs after they ended, on the real command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Project

from evalprov.cli import main

KEY = "sk-proj-" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6"


def three_runs(project: Project) -> None:
    """Record three runs, each with another accuracy."""
    project.write("eval.py", "import sys; print('{\"accuracy\": %s}' % sys.argv[1])")
    project.commit_all()
    for accuracy in ("0.1", "0.5", "0.9"):
        options = ("--note", "its own", "--tag", "first") if accuracy == "0.1" else ()
        assert project.run("python3", "eval.py", accuracy, options=options).returncode == 0


@pytest.fixture
def said(
    made_once: Callable[[str, Callable[[Project], object]], Project],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str, str]]:
    """Calls a command in a project of three runs; returns its exit code, and what it said."""
    monkeypatch.chdir(made_once("annotated", three_runs).path)

    def call(*words: str) -> tuple[int, str, str]:
        code = main(list(words))
        return code, *capfd.readouterr()

    return call


def shown(call: Callable[..., tuple[int, str, str]], run: str) -> dict[str, Any]:
    """Return the run as `show --json` has it."""
    found: dict[str, Any] = json.loads(call("show", run, "--json")[1])
    return found


def test_a_note_is_shown_with_the_run_wherever_it_is_shown(said: Callable[..., tuple[int, str, str]]) -> None:
    """show, history, diff, report and export have it, with the record's own before it."""
    code, out, _ = said("annotate", "latest~2", "--note", "the judge was down", "--tag", "suspect", "--json")
    assert (code, json.loads(out)["written"]) == (0, 1)
    run = shown(said, "latest~2")
    assert run["tags"] == ["first", "suspect"]
    assert run["note"].splitlines()[0] == "its own"
    assert run["note"].endswith("the judge was down")
    assert "the judge was down" in said("show", run["run_id"])[1]
    assert said("history", "--where", "note~judge", "--ids")[1].split() == [run["run_id"]]
    assert said("history", "--tag", "suspect", "--ids")[1].split() == [run["run_id"]]
    table = said("history", "--tag", "suspect", "--columns", "run,tags")[1]
    assert table.splitlines()[1].endswith('["first", "suspect"]')
    diff = json.loads(said("diff", run["run_id"], "latest", "--json")[1])
    assert (diff["a"]["tags"], diff["b"]["tags"]) == (["first", "suspect"], [])
    assert "tags: first, suspect" in said("diff", run["run_id"], "latest", "--markdown")[1]
    page = Path(said("report", run["run_id"])[1].strip()).read_text()
    assert "suspect" in page
    assert "the judge was down" in page
    assert "the judge was down" in said("export", run["run_id"], "--to", "csv", "--dry-run", "--json")[1]


def test_runs_are_picked_as_in_the_history(said: Callable[..., tuple[int, str, str]]) -> None:
    """A tag is given to all that a condition holds of, and a second time changes nothing."""
    assert said("annotate", "--where", "accuracy>=0.5", "--tag", "good")[2] == "evalprov  annotated 2 runs\n"
    again = said("annotate", "--where", "accuracy>=0.5", "--tag", "good")
    assert again[2] == "evalprov  annotated 0 runs; 2 had these tags already\n"
    assert len(said("history", "--tag", "good", "--ids")[1].split()) == 2
    said("annotate", "latest", "latest~1", "--untag", "good")
    assert said("history", "--tag", "good", "--ids")[1] == ""
    assert "none of 3 runs has accuracy>2" in said("annotate", "--where", "accuracy>2", "--tag", "good")[2]


def test_a_tag_of_the_record_can_be_taken_away(said: Callable[..., tuple[int, str, str]]) -> None:
    """It is gone from all that shows the run, and stays in the record."""
    said("annotate", "latest~2", "--untag", "first")
    path = said("show", "latest~2", "--path")[1].strip()
    assert "first" not in shown(said, "latest~2")["tags"]
    with open(path, encoding="utf-8") as file:
        assert json.load(file)["tags"] == ["first"]


def test_no_secret_gets_into_a_note_or_a_tag(
    said: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What looks like a key, or is the value of a secret variable, is hidden before it is written."""
    monkeypatch.setenv("JUDGE_TOKEN", "correct-horse-battery")
    said("annotate", "latest", "--note", f"key was {KEY}, and correct-horse-battery", "--tag", KEY)
    run = shown(said, "latest")
    assert "[secret]" in run["note"]
    assert KEY not in json.dumps(run)
    assert "correct-horse" not in json.dumps(run)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("latest",), "needs a note or a tag"),
        (("latest", "--note", " "), "--note needs words"),
        (("latest", "--tag", ""), "--tag needs a name"),
        (("latest", "--tag", "a", "--untag", "a"), "name the same: a"),
        (("--tag", "a"), "annotate which runs?"),
        (("latest", "--where", "accuracy>0", "--tag", "a"), "not both"),
        (("record.json", "--tag", "a"), "not a run of the store"),
        (("20200101T000000Z", "--tag", "a"), "no run 20200101T000000Z"),
        (("latest", "--note", "x" * 20001), "20000 letters at most"),
    ],
)
def test_what_makes_no_sense_is_refused(
    said: Callable[..., tuple[int, str, str]], words: tuple[str, ...], hint: str
) -> None:
    """Exit 2, a line that says what is wrong, and nothing is written."""
    code, out, told = said("annotate", *words)
    assert (code, out) == (2, "")
    assert hint in told
