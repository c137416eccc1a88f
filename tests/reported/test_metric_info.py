"""What an eval may say of its metrics, and of which group its scenarios are."""

from __future__ import annotations

import json
import math
import os
import sys
from typing import Any

import pytest
from conftest import Project

from evalprov.reported import Reported, Scanner, gather

NOTHING = dict.fromkeys(("stderr", "n", "direction", "unit"))


def printed(*lines: Any) -> Reported:
    """Return what is made of report lines on stdout."""
    scanner = Scanner()
    for line in lines:
        scanner.feed(json.dumps(line).encode() + b"\n")
    return gather(scanner, None, None)


def test_what_is_known_of_a_metric_stands_in_the_record(project: Project) -> None:
    """Inner keys that are not given are null, later lines add to earlier ones, and the history line has it too."""
    lines = [
        {"metrics": {"accuracy": 0.5}, "metric_info": {"accuracy": {"stderr": 0.1, "n": 25}}},
        {"metrics": {}, "metric_info": {"accuracy": {"direction": "higher", "n": 30}}},
    ]
    project.write("eval.py", f"import json\nfor line in {lines!r}:\n    print(json.dumps(line))\n")
    project.python("import runpy; runpy.run_path('eval.py')")
    record = project.record()
    assert record["metric_info"] == {"accuracy": {"stderr": 0.1, "n": 30, "direction": "higher", "unit": None}}
    assert record["warnings"] == []
    assert project.history()[0]["metric_info"] == record["metric_info"]


@pytest.mark.parametrize(
    ("said", "kept", "warning"),
    [
        (
            {"stderr": 1, "n": 5.0, "direction": "lower", "unit": "ms"},
            {"stderr": 1.0, "n": 5, "direction": "lower", "unit": "ms"},
            None,
        ),
        ({"stderr": 0, "n": 0}, {"stderr": 0.0, "n": 0}, None),
        ({"stderr": None}, {}, None),
        ({"stderr": -0.1}, {}, "metric_info.a.stderr is a number and was left out; wanted is a finite number from 0"),
        ({"stderr": math.nan}, {}, "metric_info.a.stderr is a number"),
        ({"stderr": math.inf}, {}, "metric_info.a.stderr is a number"),
        ({"stderr": True}, {}, "metric_info.a.stderr is a boolean"),
        ({"stderr": "0.1"}, {}, "metric_info.a.stderr is a text"),
        ({"n": 2.5}, {}, "metric_info.a.n is a number and was left out; wanted is a whole number from 0"),
        ({"n": -1}, {}, "metric_info.a.n is a number"),
        ({"n": 10**400}, {}, "metric_info.a.n is a number"),
        ({"direction": "up"}, {}, "metric_info.a.direction is a text and was left out; wanted is higher or lower"),
        ({"direction": ["higher"]}, {}, "metric_info.a.direction is a list"),
        ({"unit": 5}, {}, "metric_info.a.unit is a number and was left out; wanted is a text"),
        ({"sdterr": 0.1}, {}, 'nothing is known of "sdterr" in metric_info'),
    ],
)
def test_each_thing_said_of_a_metric_is_checked(said: Any, kept: dict[str, Any], warning: str | None) -> None:
    """What is not as it should be is null, with a remark that says what is wanted."""
    told = printed({"metrics": {"a": 1}, "metric_info": {"a": said}})
    assert told.facts["metric_info"] == {"a": {**NOTHING, **kept}}
    assert len(told.warnings) == (1 if warning else 0)
    assert warning is None or warning in told.warnings[0]
    json.dumps(told.facts, allow_nan=False)


@pytest.mark.parametrize("said", [[], "x", 5, {"a": 5}, {"a": []}])
def test_what_is_no_object_is_left_out(said: Any) -> None:
    """With a remark, and the metrics stay."""
    told = printed({"metrics": {"a": 1}, "metric_info": said})
    assert (told.facts["metric_info"], told.facts["metric_summary"]) == ({}, {"a": 1})
    assert "metric_info" in told.warnings[0]


def test_what_is_said_of_a_scenarios_metric_holds_for_what_was_made_of_it() -> None:
    """The mean has all of it; the total has no standard error; what is said of the mean itself wins."""
    info = {"t": {"stderr": 0.5, "n": 2, "direction": "lower", "unit": "s"}, "ok": {"direction": "higher"}}
    told = printed(
        {"metrics": {"s1": {"t": 1, "ok": True}, "s2": {"t": 2, "ok": False}}, "metric_info": info},
        {"metrics": {}, "metric_info": {"ok_mean": {"n": 2}, "gone": {"n": 1}}},
    )
    assert told.facts["metric_info"] == {
        "t_mean": info["t"],
        "t_total": {**info["t"], "stderr": None},
        "ok_mean": {**NOTHING, "n": 2},
    }
    assert told.warnings == ['metric_info tells of what is no metric of the summary: ["gone"]']


def test_a_scenario_may_be_of_a_group(project: Project) -> None:
    """Beside the scenario, or for many at once; the history line has no room for it."""
    lines = [
        {"scenario": "q1", "group": "page-1", "metrics": {"ok": True}},
        {"scenario": 2, "group": 7, "metrics": {"ok": True}},
        {"metrics": {"q3": {"ok": False}, "q4": {"ok": True}}, "scenario_groups": {"q3": "page-1", "q4": "page-2"}},
    ]
    project.write("eval.py", f"import json\nfor line in {lines!r}:\n    print(json.dumps(line))\n")
    project.python("import runpy; runpy.run_path('eval.py')")
    record = project.record()
    assert record["scenario_groups"] == {"q1": "page-1", "2": "7", "q3": "page-1", "q4": "page-2"}
    assert record["warnings"] == []
    assert "scenario_groups" not in project.history()[0]


def test_the_python_api_hands_both_over(project: Project) -> None:
    """An eval script says it with report()."""
    code = (
        "from evalprov import report\n"
        "report({'ok': True}, scenario='q1', group='page-1', metric_info={'ok': {'direction': 'higher'}})\n"
        "report({}, scenario_groups={'q2': 'page-1'})\n"
    )
    project.run(sys.executable, "-c", code)
    record = project.record()
    assert record["metric_info"] == {"ok_mean": {**NOTHING, "direction": "higher"}}
    assert record["scenario_groups"] == {"q1": "page-1", "q2": "page-1"}


@pytest.mark.parametrize(
    ("line", "warning"),
    [
        ({"metrics": {"a": 1}, "group": "g"}, "a group without a scenario beside it was left out"),
        ({"scenario": "s", "metrics": {"a": 1}, "group": ["g"]}, "the group of s is a list and was left out"),
        ({"scenario": "s", "metrics": {"a": 1}, "group": True}, "the group of s is a boolean"),
        ({"metrics": {"a": 1}, "scenario_groups": ["s"]}, "scenario_groups is a list and was left out"),
        ({"metrics": {"a": 1}, "scenario_groups": {"s": 1.5}}, "the group of s is a number"),
    ],
)
def test_a_group_that_is_none_is_left_out(line: Any, warning: str) -> None:
    """With a remark; the metrics stay."""
    told = printed(line)
    assert not told.facts.get("scenario_groups")
    assert told.facts["metric_summary"]
    (text,) = told.warnings
    assert warning in text


def test_a_secret_in_a_name_is_the_same_placeholder_everywhere(project: Project) -> None:
    """Metrics and what is known of them, scenarios and their groups keep going together."""
    secret = "sk-" + "a1B2" * 12
    line = {
        "scenario": f"case {secret}",
        "group": f"group {secret}",
        "metrics": {f"m {secret}": 1.5},
        "metric_info": {f"m {secret}": {"direction": "higher", "unit": f"u {secret}"}},
    }
    project.write("line.json", json.dumps(line))
    done = project.run("cat", "line.json", env={**os.environ, "MY_API_KEY": secret})
    assert done.returncode == 0
    record = project.record()
    assert secret.encode() not in project.stored()
    (scenario,) = record["metrics"]
    assert record["scenarios_run"] == [scenario]
    assert record["scenario_groups"].keys() == {scenario}
    assert len(record["metric_info"]) == 1
    assert record["metric_info"].keys() == record["metric_summary"].keys()
