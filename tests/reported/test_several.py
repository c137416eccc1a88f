"""Several result files of one command: which are read, what their metrics are called, and whose facts are whose."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Project

from evalprov.reported import Reported, Scanner, gather
from evalprov.reported.adapters.source import About
from evalprov.reported.open_results import Before
from evalprov.reported.several import Result, together

RESULTS = Path(__file__).parent.parent.parent / "fixtures" / "results"
TWO = RESULTS / "inspect-two"
PASSED = '<testsuite><testcase name="{}"/></testsuite>'


def read(path: Path, before: Before | None = None) -> Reported:
    """Return what is made of a folder."""
    return gather(Scanner(), None, str(path), before)


def labels(*results: tuple[str, ...]) -> list[str]:
    """Return what results are called that are of these tasks, models and so on."""
    given = [
        Result(f"/logs/{n}.json", "tool", About(names), [{"metrics": {"x": n}}]) for n, names in enumerate(results)
    ]
    return [next(iter(line["metrics"])).removesuffix("/x") for line in together(given) if line["metrics"]]


@pytest.mark.parametrize(
    ("of", "called"),
    [
        ([("a", "m"), ("b", "m")], ["a", "b"]),
        ([("a", "m"), ("a", "n")], ["m", "n"]),
        ([("a", "m"), ("a", "n"), ("b", "m")], ["a/m", "a/n", "b/m"]),
        ([("a", "m"), ("b", "n")], ["a", "b"]),
        ([("a",), ("a",), ("a",)], ["a", "a#2", "a#3"]),
        ([("a",), ("a", "n")], ["a", "n"]),
        ([(), ()], ["0", "1"]),
    ],
)
def test_a_result_is_called_by_what_tells_it_from_the_others(of: list[tuple[str, ...]], called: list[str]) -> None:
    """What all share is left out; what is not needed too; a number stands where nothing tells them apart."""
    assert labels(*of) == called


def test_two_tasks_of_inspect() -> None:
    """Metrics, scenarios and groups stand below their task; facts that differ have their task beside them."""
    told = read(TWO)
    assert told.warnings == []
    assert told.source == {
        "channel": "inspect-two/ (2 results)",
        "line": None,
        "rule": "inspect",
        "reports": told.source["reports"] if told.source else 0,
    }
    assert told.facts["metric_summary"] == {"a/includes.accuracy": 0.5, "b/match.accuracy": 0.5}
    assert told.facts["metrics"] == {
        "a/1": {"a/includes.accuracy": 1.0},
        "a/2": {"a/includes.accuracy": 0.0},
        "b/1": {"b/match.accuracy": 1.0},
        "b/1#2": {"b/match.accuracy": 1.0},
        "b/2": {"b/match.accuracy": 0.0},
        "b/2#2": {"b/match.accuracy": 0.0},
    }
    assert told.facts["scenario_groups"] == {"b/1": "b/1", "b/1#2": "b/1", "b/2": "b/2", "b/2#2": "b/2"}
    assert told.facts["metric_info"]["b/match.accuracy"]["n"] == 2
    assert told.facts["grader"]["inspect_ai"] == "0.3.285"
    assert [one["name"] for one in told.facts["grader"]["scorers"]["b"]] == ["match"]


def test_each_fact_of_an_inspect_log_has_one_home() -> None:
    """A temperature is the model's, a system message a prompt, which samples are taken the data's; none is config's."""
    facts = {name: read(TWO / f"{name}.eval").facts for name in "ab"}
    assert facts["a"]["model_config"] == {"temperature": 0.5, "model": "served/model"}
    assert facts["b"]["model_config"] == {"temperature": 0.1, "model": "served/model"}
    assert facts["a"]["prompts"].keys() == {"a.system_message.template"}
    # It names a file that is not there from here: the name is all there is, and it is no prompt's text.
    assert facts["b"]["prompts"].keys() == {"b.prompt"}
    assert facts["a"]["data"] == {"a": {"version": 0, "path": "data/a.jsonl"}}
    text = json.dumps([one["config"] for one in facts.values()])
    assert not any(word in text for word in ("terse", "temperature", "Say it"))
    assert '"prompts/sys.txt"' in text


def test_the_model_that_inspect_was_served() -> None:
    """The answers' own word counts, with the fingerprint of the system that gave them."""
    expected = {"model": "served-model-2026-01-01", "system_fingerprint": "fp_abc"}
    assert read(TWO / "a.eval").facts["observed"]["model"] == expected
    assert read(TWO).facts["observed"]["model"] == expected


def test_an_attempt_that_was_made_again(tmp_path: Path) -> None:
    """Of two logs of the same task and model in one evaluation, the later one counts, and that is said."""
    for name in ("1", "2"):
        shutil.copy(TWO / "a.eval", tmp_path / f"{name}.eval")
    told = read(tmp_path)
    assert told.facts["metric_summary"] == {"includes.accuracy": 0.5}
    (text,) = told.warnings
    assert text.startswith("1.eval was left out: ")
    assert text.endswith("2.eval is a later attempt at the same")


def test_one_that_cannot_be_read_takes_none_with_it(tmp_path: Path) -> None:
    """The others count, and the one is named with the reason."""
    shutil.copy(TWO / "a.eval", tmp_path)
    (tmp_path / "b.eval").write_bytes((TWO / "b.eval").read_bytes()[:2000])
    told = read(tmp_path)
    assert told.facts["metric_summary"] == {"includes.accuracy": 0.5}
    (text,) = told.warnings
    assert "one was not used: b.eval: its archive is damaged" in text


def test_a_folder_of_junit_files(project: Project) -> None:
    """Runners that write a file a suite are read as a whole, what stood there before is not."""
    folder = project.path / "reports"
    folder.mkdir()
    (folder / "TEST-old.xml").write_text(PASSED.format("old"))
    write = (
        f"printf '{PASSED.format('one')}' > reports/TEST-x.xml; printf '{PASSED.format('two')}' > reports/TEST-y.xml"
    )
    project.run("sh", "-c", write, options=("--metrics-file", "reports"))
    record = project.record()
    assert list(record["metrics"]) == ["TEST-x/one", "TEST-y/two"]
    assert record["metric_summary"]["TEST-x/passed"] == 1.0
    assert record["warnings"] == []


def test_what_stood_there_before_is_told_by_itself_and_not_by_the_clock(tmp_path: Path) -> None:
    """A file that another run wrote this moment is not new; one that replaces it with an old time stamp is."""
    file, folder = tmp_path / "m.json", tmp_path / "logs"
    folder.mkdir()
    for path in (file, folder / "a.xml"):
        path.write_text('{"accuracy": 0.5}')
    before = Before(time.time() - 60, str(file), str(folder))
    assert "it was not written by this run" in read(file, before).warnings[0]
    assert "holds no file of this run" in read(folder, before).warnings[0]
    other = tmp_path / "copied"
    other.write_text('{"accuracy": 0.75}')
    os.utime(other, (1000, 1000))
    other.rename(file)
    assert read(file, before).facts["metric_summary"] == {"accuracy": 0.75}
    shutil.copy(RESULTS / "junit" / "first.xml", folder / "b.xml")
    os.utime(folder / "b.xml", (1000, 1000))
    assert read(folder, before).facts["metric_summary"]["tests"] > 0


def test_data_that_is_named_by_path_is_held_by_content(project: Project) -> None:
    """The project's own file is hashed; what is no file stays known by its name."""
    (project.path / "rows.jsonl").write_text('{"q": 1}\n')
    os.utime(project.path / "rows.jsonl", (1000, 1000))
    said = {"rows": {"path": "rows.jsonl", "version": 3}, "hub": {"path": "org/set"}}
    project.python(f"print({json.dumps({'metrics': {'x': 1}, 'data': said, 'prompts': said})!r})")
    record = project.record()
    rows, hub = record["data"]["sets"]["rows"], record["data"]["sets"]["hub"]
    assert (rows["kind"], rows["path"], rows["version"], rows["source"]) == ("file", "rows.jsonl", "3", "reported")
    assert (rows["bytes"], rows["sha256"][:7]) == (9, "sha256:")
    assert (hub["kind"], hub["path"], hub["sha256"]) == ("reported", "org/set", None)
    assert record["prompts"]["rows"]["sha256"] == rows["sha256"]


def test_data_that_changed_while_the_command_ran_is_known_by_name(project: Project) -> None:
    """Nobody could say which content was read, so none is recorded, with a word."""
    line = json.dumps({"metrics": {"x": 1}, "data": {"rows": {"path": "rows.jsonl"}}})
    project.python(f"open('rows.jsonl', 'w').write('1'); print({line!r})")
    assert project.record()["data"]["sets"]["rows"]["sha256"] is None
    assert "rows.jsonl was written to while the command ran" in project.record()["warnings"][0]


def test_rows_in_a_promptfoo_table_count_by_content(tmp_path: Path) -> None:
    """Another row and another expected answer is other data; another place in the table is not."""
    text = (RESULTS / "promptfoo" / "files.json").read_text()
    file = tmp_path / "out.json"

    def data(old: str, new: str) -> Any:
        file.write_text(text.replace(old, new))
        return read(file).facts["data"]

    same = data("", "")
    assert data("Row #1", "Row #7") == same
    assert data('"q": "one"', '"q": "three"') != same
    assert data('"value": "1"', '"value": "9"') != same
    file.write_text(text)
    facts = read(file).facts
    assert facts["prompts"].keys() == {"prompt.txt", "Plain {{q}}"}
    assert facts["observed"]["model"] == {"model": "p-2026-01-01", "system_fingerprint": "fp_1"}


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        (
            f"cp {RESULTS}/junit/first.xml r.xml; : --junitxml r.xml",
            "r.xml holds junit results of this run, next time: --metrics-file r.xml",
        ),
        (
            f"cp {RESULTS}/promptfoo/first.json o.json; : -o o.json",
            "o.json holds promptfoo results of this run, next time: --metrics-file o.json",
        ),
        (
            f"mkdir logs; cp {TWO}/a.eval logs; : inspect eval a.py",
            "logs holds inspect results of this run, next time: --metrics-file logs",
        ),
        (": --junitxml=r.xml", "next time: --metrics-file r.xml"),
        ("echo '{}' > o.json; : --output o.json", None),
        ("true", None),
    ],
)
def test_a_run_without_metrics_says_what_would_have_read_them(project: Project, command: str, hint: str | None) -> None:
    """The second line names the option; nothing is said of files that hold no results."""
    said = project.run("sh", "-c", command).stderr.decode().splitlines()
    assert len(said) == (2 if hint else 1)
    assert "no metrics seen" in said[0]
    if hint:
        assert said[1] == f"evalprov  {hint}"


def test_the_hint_is_gone_where_the_metrics_are_seen(project: Project) -> None:
    """A run that reported needs no advice."""
    done = project.run("sh", "-c", "echo '{\"x\": 1}'; : --junitxml r.xml")
    assert len(done.stderr.splitlines()) == 1
