"""What counts as a metric, how report lines merge, and what is said about the rest."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalprov.reported import Reported, Scanner, gather
from evalprov.reported.ledger import Ledger
from evalprov.reported.warnings import Budget


def printed(*lines: Any) -> Reported:
    """Return what is made of lines on stdout; what is no text is printed as JSON."""
    scanner = Scanner()
    for line in lines:
        scanner.feed((line if isinstance(line, str) else json.dumps(line)).encode() + b"\n")
    return gather(scanner, None, None)


def one(metrics: str) -> Reported:
    """Return what is made of one report line with these metrics."""
    return printed(f'{{"metrics": {metrics}}}')


@pytest.mark.parametrize(
    ("metrics", "summary", "by_scenario"),
    [
        ('{"a": 0.5, "b": 2, "c": true, "d": null}', {"a": 0.5, "b": 2, "c": True, "d": None}, {}),
        ('{"a": {"x": 1}, "b": {"x": 2}}', {"x_mean": 1.5, "x_total": 3}, {"a": {"x": 1}, "b": {"x": 2}}),
        ('{"a": {"x": {"y": {"z": 1.5}}}}', {"x.y.z_mean": 1.5}, {"a": {"x.y.z": 1.5}}),
        ('{"a": {"x": 0.5}, "b": {}}', {"x_mean": 0.5}, {"a": {"x": 0.5}, "b": {}}),
        ('{"__proto__": 1, "": 2, "a.b": 3, "größe": 4}', {"__proto__": 1, "": 2, "a.b": 3, "größe": 4}, {}),
        ('{"a": 9223372036854775807, "b": -9223372036854775807}', {"a": 2**63 - 1, "b": 1 - 2**63}, {}),
        ('{"a": 1e2, "b": 1.0, "c": -0.0}', {"a": 100.0, "b": 1.0, "c": 0.0}, {}),
    ],
)
def test_metrics_keep_their_kind(metrics: str, summary: dict[str, Any], by_scenario: dict[str, Any]) -> None:
    """Numbers, booleans and null stay what they are; objects join their names with dots."""
    told = one(metrics)
    assert told.facts["metric_summary"] == summary
    assert {key: type(value) for key, value in told.facts["metric_summary"].items()} == {
        key: type(value) for key, value in summary.items()
    }
    assert told.facts["metrics"] == by_scenario
    assert told.facts["scenarios_run"] == list(by_scenario)
    assert told.warnings == []


@pytest.mark.parametrize(
    ("metrics", "summary", "warning"),
    [
        ('{"a": NaN}', {"a": None}, "stdout line 1: a is not finite, so it is null"),
        ('{"a": Infinity, "b": 1}', {"a": None, "b": 1}, "a is not finite"),
        ('{"a": -Infinity}', {"a": None}, "a is not finite"),
        ('{"a": 1e999}', {"a": None}, "a is not finite"),
        ('{"a": 9223372036854775808}', {"a": 2.0**63}, "a does not fit into 64 bits"),
        ('{"a": 1' + "0" * 400 + "}", {"a": None}, "too large"),
        ('{"a": "0.74", "b": 1}', {"b": 1}, 'a is the text "0.74"; a number in quotes is no metric'),
        ('{"a": " 74 % ", "b": 1}', {"b": 1}, "a number in quotes is no metric"),
        ('{"a": "good", "b": 1}', {"b": 1}, "a is a text, which is no metric"),
        ('{"a": [1, 2], "b": 1}', {"b": 1}, "a is a list, which is no metric"),
        ('{"a": 1, "a": 2}', {"a": 2}, 'gives "a" more than once; the last one counts'),
        ('{"a": 1, "b": {"x": 2}}', {"a": 1, "b.x": 2}, "mixes numbers and objects"),
        ('{"a\\u001b[2J": 1}', {"a\\x1b[2J": 1}, None),
        ('{"a\\nb": 1, "\\ud800": 2}', {"a\\nb": 1, "\\ud800": 2}, None),
    ],
)
def test_odd_values_are_told(metrics: str, summary: dict[str, Any], warning: str | None) -> None:
    """What cannot be a metric as it stands is named, with what became of it."""
    told = one(metrics)
    assert told.facts["metric_summary"] == summary
    assert len(told.warnings) == (1 if warning else 0)
    assert warning is None or warning in told.warnings[0]
    json.dumps(told.facts, allow_nan=False)


def test_an_overlong_name_is_cut_and_stays_distinct() -> None:
    """Two names that differ late stay two."""
    told = printed({"metrics": {"x" * 300 + "a": 1, "x" * 300 + "b": 2}})
    assert sorted(told.facts["metric_summary"].values()) == [1, 2]
    assert {len(name) for name in told.facts["metric_summary"]} == {200}
    assert "a name of 301 characters was cut" in told.warnings[0]


def test_reports_merge_in_order() -> None:
    """Later lines win, by scenario and by name; scenarios stand in the order they came."""
    told = printed(
        {"scenario": "b", "metrics": {"x": 1, "y": 1}},
        {"scenario": "a", "metrics": {"x": 5}},
        "words",
        {"metrics": {"b": {"x": 2}, "c": {"x": 3}}},
    )
    assert told.facts["metrics"] == {"b": {"x": 2, "y": 1}, "a": {"x": 5}, "c": {"x": 3}}
    assert told.facts["scenarios_run"] == ["b", "a", "c"]
    assert told.source == {"channel": "stdout", "line": 4, "rule": "report-line", "reports": 3}


def test_the_mean_and_total_of_scenarios() -> None:
    """Booleans count as rates, nulls are left out, totals are for whole numbers alone."""
    told = printed(
        {"scenario": 1, "metrics": {"ok": True, "n": 2, "f": 0.5, "mixed": 1, "none": None}},
        {"scenario": 2, "metrics": {"ok": False, "n": None, "f": 1, "mixed": True, "none": None}},
        {"scenario": 3, "metrics": {"ok": True, "n": 5}},
        {"scenario": 4, "metrics": {}},
    )
    summary = told.facts["metric_summary"]
    assert summary.pop("ok_mean") == pytest.approx(2 / 3)
    assert summary == {
        "n_mean": 3.5,
        "n_total": 7,
        "f_mean": 0.75,
        "mixed_mean": 1.0,
        "none_mean": None,
    }
    assert told.facts["scenarios_run"] == ["1", "2", "3", "4"]


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(
        st.one_of(
            st.booleans(),
            st.integers(-(2**63) + 1, 2**63 - 1),
            st.floats(allow_nan=False, allow_infinity=False),
        ),
        min_size=1,
    )
)
def test_the_mean_of_any_numbers_is_one(values: list[Any]) -> None:
    """It lies between the smallest and the largest, also where their sum is past every float."""
    told = printed({"metrics": {str(number): {"x": value} for number, value in enumerate(values)}})
    mean = told.facts["metric_summary"]["x_mean"]
    assert math.isfinite(mean)
    span = max(abs(float(value)) for value in values) * 1e-12
    assert float(min(values)) - span <= mean <= float(max(values)) + span
    whole = all(type(value) is int for value in values)
    assert ("x_total" in told.facts["metric_summary"]) == whole


def test_an_explicit_summary_wins_over_computed_names() -> None:
    """Where the eval sums up itself, nothing is computed beside it."""
    told = printed(
        {"metrics": {"a": {"x": 1}, "b": {"x": 2}}, "metric_summary": {"score": 0.9}},
        {"metrics": {}, "metric_summary": {"nested": {"y": 1}}},
    )
    assert told.facts["metric_summary"] == {"score": 0.9, "nested.y": 1}
    assert told.facts["metrics"] == {"a": {"x": 1}, "b": {"x": 2}}
    both = printed({"metrics": {"score": 0.1, "x": 1}, "metric_summary": {"score": 0.9}})
    assert both.facts["metric_summary"] == {"score": 0.9, "x": 1}


@pytest.mark.parametrize("metrics", ["5", "null", '"0.7"', "[1]", "true"])
def test_metrics_that_are_no_object_are_a_warning(metrics: str) -> None:
    """Such a line counts neither as a report nor as a summary, and nothing before it takes its place."""
    told = printed('{"accuracy": 0.1}', f'{{"metrics": {metrics}, "accuracy": 0.5}}')
    assert told.facts["metric_summary"] is None
    assert told.reason
    assert "stdout line 2 was left out: its metrics are" in told.warnings[0]


def test_an_empty_report_is_no_metrics() -> None:
    """It is null and no empty map, with the reason."""
    told = printed('{"metrics": {}}')
    assert (told.facts["metric_summary"], told.facts["metrics"]) == (None, None)
    assert told.reason == "what was reported on stdout line 1 holds no metric"


def test_a_broken_report_is_told() -> None:
    """A line that was meant as a report and does not parse is named with its fault, others counted."""
    told = printed('{"metrics": {"a": 0.5},}', '{"metrics": {"a": 0.5}, }', '{"metrics": {"b": 1}}')
    assert told.facts["metric_summary"] == {"b": 1}
    assert told.warnings[0].startswith("stdout line 1 looks like a report and is no JSON object: ")
    assert told.warnings[0].endswith("(and 1 more like it)")


@pytest.mark.parametrize("scenario", ["[1]", "true", "{}", "1.5"])
def test_a_scenario_that_is_no_name_leaves_its_metrics_out(scenario: str) -> None:
    """They would else pass for the summary."""
    told = printed(f'{{"scenario": {scenario}, "metrics": {{"a": 1}}}}', '{"metrics": {"b": 1}}')
    assert told.facts["metric_summary"] == {"b": 1}
    assert "its metrics were left out" in told.warnings[0]


def test_everything_beside_the_metrics() -> None:
    """Each known key finds its place in the record."""
    told = printed(
        {
            "metrics": {"a": 1},
            "errors": ["boom", {"kind": "infra", "message": "no disk", "scenario": "s"}, {"code": 7}],
            "stages": {"load": 1, "score": 2.5},
            "total_tool_calls": 142,
            "golden_version": 3,
            "prompt_versions": {"plan": "v3", "refine": 1},
            "model_config": {"model": "m", "stop": ["x"]},
            "observed_model": "m-2026-01-01",
            "tools": ["search", {"name": "read", "version": "1"}],
            "agent": {"name": "loop"},
            "grader": {"version": "g1"},
            "data": {"golden": {"sha256": "00"}},
            "config": {"retrieval": {"top_k": 5, "filters": ["a"]}},
            "online": {"assignment": "B"},
            "artifacts": ["https://example.org/a", {"name": "plot", "url": "plot.png"}],
        },
        {
            "metrics": {},
            "scenario": "late",
            "errors": "again",
            "stages": {"score": 3},
            "model_config": {"seed": 1},
        },
    )
    assert told.warnings == []
    facts = told.facts
    assert [(e["kind"], e["message"], e["scenario"]) for e in facts["errors"]] == [
        ("task", "boom", None),
        ("infra", "no disk", "s"),
        ("task", '{"code": 7}', None),
        ("task", "again", "late"),
    ]
    assert facts["stages"] == {"load": 1.0, "score": 3.0}
    assert facts["total_tool_calls"] == 142
    assert facts["golden_version"] == "3"
    assert facts["prompt_versions"] == {"plan": "v3", "refine": "1"}
    assert facts["model_config"] == {"model": "m", "stop": ["x"], "seed": 1}
    assert facts["observed"] == {"model": {"model": "m-2026-01-01"}, "online": {"assignment": "B"}}
    assert facts["tools"] == ["search", {"name": "read", "version": "1"}]
    assert (facts["agent"], facts["grader"]) == ({"name": "loop"}, {"version": "g1"})
    assert facts["data"] == {"golden": {"sha256": "00"}}
    assert facts["config"] == {"reported": {"retrieval.top_k": 5, "retrieval.filters": ["a"]}}
    assert facts["output"]["artifacts"] == [
        {"name": None, "url": "https://example.org/a"},
        {"name": "plot", "url": "plot.png"},
    ]
    assert facts["scenarios_run"] == ["late"]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("errors", 3, "errors is a number and was left out; wanted is a list of texts"),
        ("errors", [3], "one of errors is a number"),
        ("stages", {"a": "fast"}, "stages.a is a text and was left out; wanted is a number of seconds"),
        ("stages", [1], "stages is a list"),
        ("total_tool_calls", 1.5, "total_tool_calls is a number and was left out; wanted is a whole number"),
        ("total_tool_calls", True, "total_tool_calls is a boolean"),
        ("total_tool_calls", -1, "wanted is a whole number"),
        ("golden_version", ["v1"], "golden_version is a list and was left out; wanted is a text"),
        ("prompt_versions", "v1", "prompt_versions is a text"),
        ("prompt_versions", {"plan": {}}, "prompt_versions.plan is an object"),
        ("model_config", "gpt", "model_config is a text and was left out; wanted is an object"),
        ("observed_model", 3, "observed_model is a number"),
        ("tools", {"a": 1}, "tools is an object and was left out; wanted is a list"),
        ("artifacts", "a", "artifacts is a text"),
        ("artifacts", [1], "one of artifacts is a number"),
        ("metric_summary", [1], "metric_summary is a list and was left out; wanted is an object"),
        ("model_config", {"temperature": math.nan}, "model_config.temperature is not finite, so it is null"),
        ("data", {"size": 2**70}, "data.size does not fit into 64 bits"),
        ("scenarioo", "a", 'nothing is known of "scenarioo", so it was left out; is scenario meant?'),
        ("error", 3, "error is a number and was left out; wanted is a list of texts"),
    ],
)
def test_a_wrong_type_or_a_slip_is_told(key: str, value: Any, words: str) -> None:
    """The warning names the key, what was found and what was wanted, and the metrics count all the same."""
    told = printed({"metrics": {"a": 1}, key: value})
    assert len(told.warnings) == 1
    assert words in told.warnings[0]
    assert told.warnings[0].startswith("stdout line 1: ")
    assert told.facts["metric_summary"] == {"a": 1}
    json.dumps(told.facts, allow_nan=False)


def test_nulls_are_let_by_and_unknown_keys_are_named() -> None:
    """A report may say null for what it does not know; what is its own is left out with a word."""
    told = printed({"metrics": {"a": 1}, "owner": "x", "timestamp": 5, "errors": None, "scenario": None, "tools": None})
    assert told.warnings == ['nothing is known of these keys of reports, so they were left out: "owner", "timestamp"']
    assert "errors" not in told.facts


def test_a_bare_object_may_hold_other_fields() -> None:
    """Text and lists in it are no remark's worth; a number in quotes is."""
    told = printed({"model": "m", "accuracy": 0.5, "by": {"class": [1]}, "f1": {"macro": 0.25}})
    assert told.facts["metric_summary"] == {"accuracy": 0.5, "f1.macro": 0.25}
    assert told.warnings == []
    assert "a number in quotes" in printed({"accuracy": "0.5", "f1": 1}).warnings[0]


def test_too_much_is_cut_off_with_a_warning() -> None:
    """Known names go on being updated, no further ones are kept, of metrics and of facts."""
    ledger = Ledger("stdout", budget=Budget(values=3, text=300))
    ledger.take({"metrics": {"a": 1, "b": 2}}, 1)
    ledger.take({"metrics": {"a": 3, "c": 4, "d": 5}}, 2)
    ledger.take({"metrics": {}, "errors": ["x" * 400], "agent": {"prompt": "y" * 400}, "grader": {"n": 1}}, 3)
    assert ledger.summary == {"a": 3, "b": 2, "c": 4}
    assert ledger.facts.said == {"errors": [], "agent": {}, "grader": {"n": 1}}
    assert ledger.notes.texts() == [
        "stdout line 2: too much was reported; no further names are kept",
        "stdout line 3: too much was reported; no further facts are kept (and 1 more like it)",
    ]


def test_remarks_are_few() -> None:
    """A million odd names make a bounded number of warnings, and say how many were left out."""
    told = printed({"metrics": {"good": 1, **{f"bad {number}": "x" for number in range(1000)}}})
    assert told.facts["metric_summary"] == {"good": 1}
    assert len(told.warnings) == 41
    assert told.warnings[-1] == "960 further remarks on what the eval reported were left out"


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=12,
)
KEYS = "metrics scenario metric_summary errors stages total_tool_calls golden_version prompt_versions"
KEYS += " model_config observed_model tools agent grader data config online artifacts other"
KEYS += " metric_info scenario_groups group"


@pytest.mark.long
@settings(max_examples=100, deadline=None)
@given(reports=st.lists(st.dictionaries(st.sampled_from(KEYS.split()), JSON, max_size=6), max_size=4))
def test_any_json_is_taken_without_a_crash(reports: list[dict[str, Any]]) -> None:
    """Whatever a report holds, the result is a record that JSON can hold."""
    told = printed(*reports)
    json.dumps(told.facts, allow_nan=False)
    for metrics in [told.facts["metric_summary"] or {}, *(told.facts["metrics"] or {}).values()]:
        assert all(value is None or isinstance(value, (bool, int, float)) for value in metrics.values())
    assert (told.facts["metrics"] is None) == (told.source is None) == (told.reason is not None)
