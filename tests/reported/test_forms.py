"""The forms in which evals print what came out, each read for what it is; what is not read is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from evalprov.reported import Reported, Scanner, gather

if TYPE_CHECKING:
    from pathlib import Path

CASES = '{"scenario": "a", "metrics": {"ok": true}}\n{"scenario": "b", "metrics": {"ok": false}}\n'
BAR = "100%|##########| 10/10 [00:01<00:00,  9.5it/s]"


def heard(text: str) -> Reported:
    """Return what is made of the output."""
    scanner = Scanner()
    scanner.feed(text.encode())
    return gather(scanner, None, None)


def pretty(said: Any, indent: int = 2) -> str:
    """Return an object over many lines."""
    return json.dumps(said, indent=indent) + "\n"


@pytest.mark.parametrize(
    ("text", "summary", "rule"),
    [
        ('{"metrics": {"a": 1}}{"metrics": {"b": 2}}\n', {"a": 1, "b": 2}, "report-line"),
        ('{"metrics": {"a": 1}} {"metrics": {"b": 2}}\n', {"a": 1, "b": 2}, "report-line"),
        ('{"accuracy": 0.1}{"accuracy": 0.74}\n', {"accuracy": 0.74}, "last-json-object"),
        (BAR + '{"accuracy": 0.74}\n', {"accuracy": 0.74}, "last-json-object"),
        ("\r  0%|  | 0/10\r" + BAR + '{"accuracy": 0.74}\n', {"accuracy": 0.74}, "last-json-object"),
        ('{"accuracy": 0.1}\n100%|####| 10/10 [00:01<00:00]{"accuracy": 0.74}', {"accuracy": 0.74}, "last-json-object"),
        ("Working ━━━━━━━━ 100% 0:00:00" + '{"accuracy": 0.74}\n', {"accuracy": 0.74}, "last-json-object"),
        (BAR + '{"metrics": {"a": 1}}\n{"metrics": {"b": 2}}\n', {"a": 1, "b": 2}, "report-line"),
        ("log\n" + pretty({"accuracy": 0.74, "by": {"x": 1}}), {"accuracy": 0.74, "by.x": 1}, "json-object-over-lines"),
        (pretty({"accuracy": 0.74}, 0) + "saved to out/\n", {"accuracy": 0.74}, "json-object-over-lines"),
        (pretty({"a": {"b": {"n": 1}}}, 0), {"a.b.n": 1}, "json-object-over-lines"),
        (pretty({"accuracy": 0.74}).replace("\n", "\r\n"), {"accuracy": 0.74}, "json-object-over-lines"),
        (BAR + pretty({"accuracy": 0.74}), {"accuracy": 0.74}, "json-object-over-lines"),
        (pretty({"metrics": {"accuracy": 0.74}}), {"accuracy": 0.74}, "report-over-lines"),
        (pretty({"metrics": {"a": 1}}) + "\n" + pretty({"metrics": {"b": 2}}), {"a": 1, "b": 2}, "report-over-lines"),
        ('{"level": "info", "step": 3}\n' + pretty({"accuracy": 0.74}), {"accuracy": 0.74}, "json-object-over-lines"),
        ('Result: {"accuracy": 0.9}\n', {"accuracy": 0.9}, "json-object-behind-text"),
        ('INFO {now} {"accuracy": 0.9}\nbye\n', {"accuracy": 0.9}, "json-object-behind-text"),
        ('answer: {"metrics": {"accuracy": 0.9}}\n', {"accuracy": 0.9}, "json-object-behind-text"),
        ("Results: " + pretty({"accuracy": 0.9}), {"accuracy": 0.9}, "json-object-behind-text"),
    ],
)
def test_a_form_is_read(text: str, summary: dict[str, Any], rule: str) -> None:
    """Side by side, over lines, behind a bar or behind other text."""
    told = heard(text)
    assert told.facts["metric_summary"] == summary
    assert told.source is not None
    assert told.source["rule"] == rule
    if rule == "json-object-behind-text":
        assert "where other text stands before them" in told.warnings[0]
    else:
        assert told.warnings == []


@pytest.mark.parametrize(
    "quoted",
    [
        'The model said {"accuracy": 1.0}\n',
        'assistant: {"metrics": {"accuracy": 1.0}}\n',
        "```json\n" + pretty({"accuracy": 1.0}) + "```\n",
        "Here it is: " + pretty({"accuracy": 1.0}),
        pretty({"answer": "no number"}),
        '{"accuracy": 1.0} is what I think\n',
        '| {"accuracy": 1.0} |\n',
    ],
)
def test_what_is_quoted_beats_no_metrics(quoted: str) -> None:
    """Prose with JSON in it changes nothing, before or behind the line that counts."""
    for own in ('{"accuracy": 0.74}\n', '{"metrics": {"accuracy": 0.74}}\n'):
        assert heard(quoted + own).facts["metric_summary"] == {"accuracy": 0.74}
        assert heard(own + quoted).facts["metric_summary"] == {"accuracy": 0.74}
    both = heard(CASES + quoted)
    assert both.facts["metric_summary"] == {"ok_mean": 0.5}


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ('{"metrics": {"a": 1}} done\n', "line 1 looks like metrics and was not read: other text stands behind it"),
        (
            'x\n{"metrics": {"a": 1}}\r50%|##|\n',
            "line 2 looks like metrics and was not read: a carriage return lets what follows overwrite it",
        ),
        (
            'see {"metrics": {"a": 1}}\n{"metrics": {"b": 1}}\n',
            "line 1 looks like metrics and was not read: other text stands before it on its line",
        ),
        (
            pretty({"metrics": {"a": 1}})[:-2] + "\n",
            "line 2 looks like metrics and was not read: it is written over many lines",
        ),
        ('{"metrics": {"a": 1}\n', "line 1 looks like a report and is no JSON object"),
        ('{"metrics": {"a": 1}}{"b": 2}\n', "line 1 holds a report and another object, which was left out"),
    ],
)
def test_what_looks_like_metrics_and_is_not_read_is_named(text: str, warning: str) -> None:
    """A warning has the line and the reason."""
    assert any(one.startswith(f"stdout {warning}") for one in heard(text).warnings)


@pytest.mark.parametrize(
    ("after", "summary", "passed_over"),
    [
        ('{"accuracy": 0.74}\n', {"accuracy": 0.74}, None),
        ("done\n\n" + BAR + '{"accuracy": 0.74}\n', {"accuracy": 0.74}, None),
        (pretty({"accuracy": 0.74}), {"accuracy": 0.74}, None),
        ('{"accuracy": 0.1}\n{"accuracy": 0.74}\n', None, None),
        ('{"accuracy": 0.74}\n{"event": "done", "tokens": 12}\n', None, None),
        ('{"event": "done", "tokens": 12}\n', {"ok_mean": 0.5}, "stdout line 3"),
        ('{"status": "ok"}\n', {"ok_mean": 0.5}, None),
        ('{"accuracy": 0.74}\n{"scenario": "c", "metrics": {"ok": true}}\n', {"ok_mean": 2 / 3}, "stdout line 3"),
    ],
)
def test_scenarios_with_a_flat_object_behind_them_both_count(
    after: str, summary: dict[str, Any] | None, passed_over: str | None
) -> None:
    """The last flat one behind all reports is the summary; without any the means are computed."""
    told = heard(CASES + after)
    assert told.facts["metric_summary"] == (summary or {"accuracy": 0.74})
    assert told.facts["metrics"]["a"] == {"ok": True}
    if passed_over:
        assert passed_over in told.warnings[0]
        assert "passed over as no report" in told.warnings[0]


def test_a_summary_of_the_reports_own_counts_more_than_a_flat_object() -> None:
    """What is said as metrics is not overruled by what merely comes later."""
    told = heard(CASES + '{"metrics": {"accuracy": 0.7}}\n{"accuracy": 0.1}\n')
    assert told.facts["metric_summary"] == {"accuracy": 0.7}


def test_the_report_file_may_hold_them_all(tmp_path: Path) -> None:
    """Objects side by side, a flat one behind the scenarios, several over many lines."""
    file = tmp_path / "report.jsonl"
    for text, summary in (
        ('{"metrics": {"a": 1}}{"metrics": {"b": 2}}', {"a": 1, "b": 2}),
        (CASES + '{"accuracy": 0.74}\n', {"accuracy": 0.74}),
        (pretty({"metrics": {"a": 1}}) + pretty({"metrics": {"b": 2}}), {"a": 1, "b": 2}),
    ):
        file.write_text(text)
        for report, metrics in ((str(file), None), (None, str(file))):
            told = gather(Scanner(), report, metrics)
            assert told.facts["metric_summary"] == summary
            assert told.warnings == []


def test_keys_that_nobody_knows_are_named_in_one_note() -> None:
    """However many there are, and a slip of the pen by itself."""
    told = heard('{"metrics": {"a": 1}, "foo": 1, "bar": null}\n{"metrics": {}, "stags": {}}\n')
    assert told.warnings[0] == 'nothing is known of these keys of reports, so they were left out: "foo", "bar"'
    assert "is stages meant?" in told.warnings[1]
    many = heard("".join(json.dumps({"metrics": {"a": 1}, f"one more {n}": 1}) + "\n" for n in range(5000)))
    assert len(many.warnings) == 1
    assert "and 991 more" in many.warnings[0]


def test_a_decision_spec_is_kept_as_it_is() -> None:
    """The later one whole, numbers of any size; what no record can hold is left out with a word."""
    spec = {"model": {"seed": 2**70, "x": [1.0, {"n": None}]}, "": ""}
    told = heard(
        '{"metrics": {"a": 1}, "decision_spec": {"old": 1}}\n' + json.dumps({"metrics": {}, "decision_spec": spec})
    )
    assert told.facts["decision_spec"] == spec
    assert told.warnings == []
    odd = heard('{"metrics": {"a": 1}, "decision_spec": {"x": NaN}}\n{"metrics": {}, "decision_spec": 7}\n')
    assert "decision_spec" not in odd.facts
    assert len(odd.warnings) == 2
