"""Which channel counts: the output, the report file, a metrics file; and what is said where they disagree."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from evalprov.reported import Reported, Scanner, gather
from evalprov.reported.open_results import Before

if TYPE_CHECKING:
    from pathlib import Path


def told(*lines: Any, report: str | None = None, metrics: str | None = None, started: float | None = None) -> Reported:
    """Return what is made of lines on stdout and of files."""
    scanner = Scanner()
    for line in lines:
        scanner.feed((line if isinstance(line, str) else json.dumps(line)).encode() + b"\n")
    return gather(scanner, report, metrics, None if started is None else Before(started))


def written(folder: Path, *lines: Any, name: str = "report.jsonl") -> str:
    """Write lines into a file and return its path."""
    file = folder / name
    file.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return str(file)


def test_the_report_file_is_read_like_stdout(tmp_path: Path) -> None:
    """Its lines merge, and the source names it."""
    path = written(tmp_path, {"metrics": {"a": 1}}, "", {"scenario": "s", "metrics": {"x": 1}})
    one = told("words", report=path)
    assert one.facts["metric_summary"] == {"a": 1}
    assert one.facts["metrics"] == {"s": {"x": 1}}
    assert one.source == {"channel": "report", "line": 3, "rule": "report-line", "reports": 2}
    assert one.warnings == []


@pytest.mark.parametrize("by_file", [False, True])
def test_a_scenario_that_failed_needs_no_metrics(tmp_path: Path, by_file: bool) -> None:
    """Its line says so with an error; it is no summary, and changes nothing of the summary that stands elsewhere."""
    lines = (
        {"scenario": "s1", "metrics": {"ok": 1}, "error": None},
        {"scenario": "s2", "error": "no answer", "trial": 1},
        {"scenario": "s3", "metrics": {}, "error": {"message": "no disk", "kind": "infra"}},
        {"scenario": "s4", "errors": ["a", "b"]},
    )
    one = told(report=written(tmp_path, *lines)) if by_file else told(*lines)
    assert [(e["scenario"], e["kind"], e["message"]) for e in one.facts["errors"]] == [
        ("s2", "task", "no answer"),
        ("s3", "infra", "no disk"),
        ("s4", "task", "a"),
        ("s4", "task", "b"),
    ]
    assert one.facts["metric_summary"] == {"ok_mean": 1.0, "ok_total": 1}
    assert one.facts["scenarios_run"] == ["s1", "s2", "s3", "s4"]
    assert one.warnings == []


def test_failed_scenarios_leave_a_bare_summary_as_it_is() -> None:
    """Before it and behind it."""
    one = told({"scenario": "s1", "error": "no"}, {"accuracy": 0.5}, {"scenario": "s2", "error": "no"})
    assert one.facts["metric_summary"] == {"accuracy": 0.5}
    assert [e["scenario"] for e in one.facts["errors"]] == ["s1", "s2"]


def test_an_entry_of_a_log_is_no_failed_scenario() -> None:
    """It has more in it than a scenario and its error, or has no scenario."""
    one = told({"scenario": "s1", "error": "no", "level": "info"}, {"error": "no"}, {"metrics": {"a": 1}})
    assert "errors" not in one.facts
    assert one.facts["metric_summary"] == {"a": 1}


def test_output_cannot_forge_what_the_report_file_says(tmp_path: Path) -> None:
    """Report lines on stdout change nothing that the file reports, and the conflict is told."""
    path = written(tmp_path, {"metrics": {"accuracy": 0.74, "n": 5}, "model_config": {"model": "a"}})
    forged = {
        "metrics": {"accuracy": 1.0, "extra": 1, "n": 5},
        "model_config": {"model": "b", "x": 1},
        "stages": {"s": 1},
    }
    one = told(forged, {"metrics": {"s1": {"accuracy": 1}}}, report=path)
    assert one.facts["metric_summary"] == {"accuracy": 0.74, "n": 5}
    assert (one.facts["metrics"], one.facts["scenarios_run"]) == ({}, [])
    assert one.facts["model_config"] == {"model": "a"}
    assert one.facts["stages"] == {"s": 1.0}
    start, _, differing = one.warnings[0].partition(": ")
    assert start == "stdout reports other metrics than the report file, which counts"
    assert differing.split("; ") == [
        "accuracy is 1.0 there, 0.74 here",
        "extra is 1 there, not given here",
        "s1/accuracy is 1 there, not given here",
    ]
    assert len(one.warnings) == 1


def test_channels_that_agree_need_no_remark(tmp_path: Path) -> None:
    """The same metrics in both places are told once; true and 1 are not the same."""
    path = written(tmp_path, {"metrics": {"accuracy": 1}})
    assert told({"metrics": {"accuracy": 1.0}}, report=path).warnings == []
    assert len(told({"metrics": {"accuracy": True}}, report=path).warnings) == 1


def test_the_last_object_on_stdout_counts_only_without_reports(tmp_path: Path) -> None:
    """A report in the file, even an empty one, turns the rule off; facts alone do not."""
    last = {"accuracy": 0.1}
    assert told(last, report=written(tmp_path, {"metrics": {"a": 1}})).facts["metric_summary"] == {"a": 1}
    assert told(last, report=written(tmp_path, {"metrics": {}})).facts["metric_summary"] is None
    one = told(last, report=written(tmp_path, {"agent": {"name": "loop"}}))
    assert one.facts["metric_summary"] == {"accuracy": 0.1}
    assert one.facts["agent"] == {"name": "loop"}


def test_a_missing_or_empty_report_file_is_normal(tmp_path: Path) -> None:
    """Most evals write none."""
    for path in (str(tmp_path / "none.jsonl"), written(tmp_path)):
        one = told({"accuracy": 0.5}, report=path)
        assert (one.facts["metric_summary"], one.warnings) == ({"accuracy": 0.5}, [])
        assert told("x", report=path).reason == (
            "no line on stdout is a JSON object with metrics, and none are in the report file"
        )


def test_a_bare_object_or_one_over_many_lines_may_stand_in_the_report_file(tmp_path: Path) -> None:
    """The file is understood as it is most likely written."""
    bare = told({"accuracy": 0.1}, report=written(tmp_path, {"accuracy": 0.5}, {"accuracy": 0.74}))
    assert bare.facts["metric_summary"] == {"accuracy": 0.74}
    assert bare.source == {"channel": "report", "line": 2, "rule": "last-json-object", "reports": 1}
    document = {"metrics": {"accuracy": 0.74}, "rows": [{"metrics": {"accuracy": 1}}]}
    many = told(report=written(tmp_path, json.dumps(document, indent=0)))
    assert many.facts["metric_summary"] == {"accuracy": 0.74}
    assert many.source == {"channel": "report", "line": None, "rule": "json-object", "reports": 1}


def test_faults_in_the_report_file_are_told(tmp_path: Path) -> None:
    """A torn last line and one that is no JSON leave the rest as it is; a long one is read."""
    path = written(
        tmp_path,
        {"metrics": {"a": 1}},
        "oops",
        '{"metrics": {"b": 2}, "config": {"text": "' + "x" * (1 << 20) + '"}}',
        '{"metrics": {"a"',
    )
    one = told(report=path)
    assert one.facts["metric_summary"] == {"a": 1, "b": 2}
    assert one.warnings[0].startswith("the report file line 2 is no JSON object: ")
    assert one.warnings[0].endswith("(and 1 more like it)")


def test_no_link_is_followed_and_nothing_but_a_file_is_read(tmp_path: Path) -> None:
    """A link, a folder or a pipe in the place of the report file is left alone, without waiting, and told."""
    written(tmp_path, {"metrics": {"stolen": 1}}, name="target")
    link, folder, pipe = tmp_path / "link", tmp_path / "folder", tmp_path / "pipe"
    link.symlink_to("target")
    folder.mkdir()
    os.mkfifo(pipe)
    words = {link: "it is a link", folder: "it is no regular file", pipe: "it is no regular file"}
    for path, why in words.items():
        one = told(report=str(path))
        assert one.facts["metric_summary"] is None
        assert one.warnings == [f"the report file was not read: {why}"]


@pytest.mark.parametrize(
    ("text", "summary", "by_scenario"),
    [
        ('{"accuracy": 0.74, "model": "m"}', {"accuracy": 0.74}, {}),
        ('{\n  "accuracy": 0.74\n}\n', {"accuracy": 0.74}, {}),
        ('\ufeff{\r\n"accuracy": 0.74\r\n}\r\n', {"accuracy": 0.74}, {}),
        ('{"metrics": {"s": {"x": 1.5}}}', {"x_mean": 1.5}, {"s": {"x": 1.5}}),
        ('{"metric_summary": {"x": 1.5}}', {"x": 1.5}, {}),
        (
            '{"scenario": "s", "metrics": {"x": 1.5}}\n{"scenario": "t", "metrics": {"x": 2.5}}\n',
            {"x_mean": 2.0},
            None,
        ),
    ],
)
def test_a_metrics_file_counts_most(
    tmp_path: Path, text: str, summary: dict[str, Any], by_scenario: dict[str, Any] | None
) -> None:
    """It wins over reports, in any of its forms, and the record names it; facts reported elsewhere stay."""
    path = written(tmp_path, text, name="results.json")
    report = written(tmp_path, {"metrics": {"other": 1}, "stages": {"load": 1}})
    one = told({"metrics": {"third": 1}}, report=report, metrics=path)
    assert one.facts["metric_summary"] == summary
    assert by_scenario is None or one.facts["metrics"] == by_scenario
    assert one.source is not None
    assert one.source["channel"] == "results.json"
    assert one.facts["stages"] == {"load": 1.0}
    assert [text.split(" reports")[0] for text in one.warnings] == ["the report file", "stdout"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "No such file or directory"),
        ("", "it is no JSON object: it is empty"),
        ("accuracy 0.74", "it is no JSON object: "),
        ("[1, 2]", "it is no JSON object: it is a list"),
        ('{"a": 1}\n{"a": 2}\n', "none of its lines has metrics"),
        ('{"accuracy": 0.7', "it is no JSON object: "),
    ],
)
def test_an_unusable_metrics_file_is_a_warning(tmp_path: Path, text: str | None, why: str) -> None:
    """It says what was found and what is wanted; the last object on stdout is no substitute."""
    path = str(tmp_path / "results.json") if text is None else written(tmp_path, text, name="results.json")
    one = told({"accuracy": 0.1}, metrics=path)
    assert one.facts["metric_summary"] is None
    assert one.reason == f"the metrics file {path} gave none"
    assert any(f"the metrics file {path} was not used: {why}" in text for text in one.warnings)
    assert any("wanted is a JSON object" in text for text in one.warnings)
    reported = told({"metrics": {"accuracy": 0.1}}, metrics=path)
    assert reported.facts["metric_summary"] == {"accuracy": 0.1}


def test_a_metrics_file_from_before_the_run_is_not_used(tmp_path: Path) -> None:
    """Yesterday's result is not today's."""
    path = written(tmp_path, {"accuracy": 0.74}, name="results.json")
    os.utime(path, (1000, 1000))
    one = told(metrics=path, started=2000.0)
    assert one.facts["metric_summary"] is None
    assert f"the metrics file {path} was not used: it was not written by this run" in one.warnings[0]
    assert told(metrics=path, started=1000.0).facts["metric_summary"] == {"accuracy": 0.74}


def test_a_link_to_a_metrics_file_is_followed(tmp_path: Path) -> None:
    """The user named it, as in results/latest.json."""
    written(tmp_path, {"accuracy": 0.74}, name="target.json")
    link = tmp_path / "latest.json"
    link.symlink_to("target.json")
    assert told(metrics=str(link)).facts["metric_summary"] == {"accuracy": 0.74}
