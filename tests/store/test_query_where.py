"""What a condition means, and which key a path leads to."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from evalprov.errors import UsageError
from evalprov.record.form import blank
from evalprov.store.where import begins, condition, path, started_since, tagged, value_at

RECORD: dict[str, Any] = {
    **blank("20260920T143000Z", "2026-09-20T14:30:00Z"),
    "metric_summary": {"accuracy": 0.7, "judge.helpfulness": 1, "errors": 3, "passed": True, "broken": None, "f1 x": 2},
    "scenario": "mails",
    "tags": ["nightly", "ci"],
    "duration_seconds": 9007199254740993,
    "model_config": {"temperature": 0, "a": {"b": 1}, "a.b": 2, "a.c": {"d.e": 3}, "seed": "7", "list": [1, [2]]},
    "config": {
        "files": {"eval.yaml": {"values": {"temperature": 0.7, "model.name": "m"}}},
        "arguments": ["--fast"],
        "reported": {},
    },
    "prompt_versions": {"plan": "v1", "plan.inner": "v2"},
    "git_dirty": True,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("accuracy", 0.7),
        (" accuracy ", 0.7),
        ("metric_summary.accuracy", 0.7),
        ("judge.helpfulness", 1),
        ("metric_summary.judge.helpfulness", 1),
        ('metric_summary["judge.helpfulness"]', 1),
        ("metric_summary['judge.helpfulness']", 1),
        ('["judge.helpfulness"]', 1),
        ("f1 x", 2),
        ("errors", []),
        ("metric_summary.errors", 3),
        ("scenario", "mails"),
        ("tags[1]", "ci"),
        ("tags.0", "nightly"),
        ("tags[2]", UNSET),
        ("tags.x", UNSET),
        ("model_config.temperature", 0),
        ("model_config.a.b", 2),
        ('model_config["a"].b', 1),
        ('model_config["a.b"]', 2),
        ("model_config.a.c.d.e", 3),
        ("model_config.list[1][0]", 2),
        ("model_config.no.such", UNSET),
        ("prompt_versions.plan", "v1"),
        ("prompt_versions.plan.inner", "v2"),
        ("config.files.eval.yaml.values.temperature", 0.7),
        ('config.files["eval.yaml"].values.temperature', 0.7),
        ("config.files.eval.yaml.values.model.name", "m"),
        ('config.files["eval.yaml"]["values"]["model.name"]', "m"),
        ("config.arguments[0]", "--fast"),
        ("repeat.id", UNSET),
        ("system.python_version", None),
        ("git.no such key", UNSET),
        ("no such metric", UNSET),
    ],
)
def test_a_path_leads_to_what_it_says(text: str, value: object) -> None:
    """Names are parted by dots, the longest key is meant, quotes make one key, and what is no key is a metric."""
    found = value_at(RECORD, path(text))
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["", ".", "a..b", ".a", "a.", "a[b]", 'a["b]', "a[", "tags[0", "a]b", 'a"b', "a[1]b"])
def test_what_is_no_path_is_refused(text: str) -> None:
    """A path that cannot be read is an error with an example."""
    with pytest.raises(UsageError, match="not a key path") as refused:
        path(text)
    assert "model_config.temperature" in refused.value.hint


@pytest.mark.parametrize("text", ["metrics", "metrics.case.accuracy", "software.packages.numpy", "git.staged"])
def test_what_only_the_record_holds_is_refused(text: str) -> None:
    """A key that no line of the history has is not taken for one that is null everywhere."""
    with pytest.raises(UsageError, match="the history does not hold"):
        path(text)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("accuracy=0.7", True),
        ("accuracy==0.70", True),
        ("accuracy>=0.7", True),
        ("accuracy > .69", True),
        ("accuracy<7e-1", False),
        ("accuracy<=+0.7", True),
        ("accuracy!=0.7", False),
        ("accuracy='0.7'", False),
        ('accuracy!="0.7"', True),
        ("accuracy~7", False),
        ("judge.helpfulness=1.0", True),
        ("judge.helpfulness=true", False),
        ("passed=true", True),
        ("passed=1", False),
        ("passed!=1", True),
        ("passed>=0", False),
        ("passed=false", False),
        ("broken=null", True),
        ("broken=0", False),
        ("broken=false", False),
        ("missing=null", True),
        ("missing!=null", False),
        ("missing!=1", True),
        ("missing=1", False),
        ("missing>1", False),
        ("missing<=1", False),
        ('missing=""', False),
        ("missing~.", False),
        ("accuracy!=null", True),
        ("scenario=mails", True),
        ('scenario="mails"', True),
        ("scenario='mails'", True),
        ("scenario=Mails", False),
        ("scenario>=mail", True),
        ("scenario<mail", False),
        ("scenario~^mai", True),
        ('scenario~"a.l"', True),
        ("scenario~(?i)MAILS$", True),
        ("scenario=null", False),
        ('scenario="null"', False),
        ("tags~night", True),
        ("tags~weekly", False),
        ("tags=nightly", False),
        ("git_dirty=true", True),
        ('git_dirty="true"', False),
        ("duration_seconds=9007199254740993", True),
        ("duration_seconds=9007199254740992", False),
        ("duration_seconds>9007199254740992", True),
        ("duration_seconds<1e300", True),
        ("model_config.seed=7", False),
        ('model_config.seed="7"', True),
        ("model_config.temperature=0", True),
        ("model_config.temperature=-0.0", True),
        ("model_config.temperature=false", False),
        ("timestamp>=2026-09-20", True),
        ("timestamp<2026-09-20", False),
        ("note=null", True),
        ("scenario=a=b", False),
    ],
)
def test_a_condition_holds_or_not(text: str, holds: bool) -> None:
    """Kinds of value never mix, numbers are compared exactly, and what is not there is null."""
    one = condition(text)
    assert one.test(value_at(RECORD, one.path)) is holds


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("accuracy", "not a condition"),
        ("", "not a condition"),
        (">=0.7", "not a condition"),
        ("accuracy>=", "no value"),
        ("accuracy=", "no value"),
        ("accuracy~", "no value"),
        ("accuracy=~0.7", "=~ is none of"),
        ("accuracy=>0.7", "=> is none of"),
        ("accuracy<>0.7", "<> is none of"),
        ("accuracy>null", "have an order"),
        ("accuracy<true", "have an order"),
        ("accuracy>1e999", "too large"),
        ("accuracy>" + "9" * 5000, "too large"),
        ("scenario~(", "regular expression"),
        ('scenario="a', "quotes"),
        ('scenario="a" b', "quotes"),
        ("a..b=1", "not a condition|not a key path"),
        ("metrics.x=1", "does not hold"),
    ],
)
def test_a_wrong_condition_is_one_clear_line(text: str, why: str) -> None:
    """What cannot be read says why in one line, with examples."""
    with pytest.raises(UsageError, match=why) as refused:
        condition(text)
    assert "\n" not in refused.value.message
    assert refused.value.hint
    assert len(refused.value.message) < 200


def test_a_sign_within_quotes_is_none() -> None:
    """A key with an operator in it can be asked for."""
    record = {**RECORD, "metric_summary": {"a>=b": 5}}
    one = condition('metric_summary["a>=b"]=5')
    assert one.test(value_at(record, one.path))


def test_conditions_of_the_options() -> None:
    """A program is known by its hash's beginning, a tag wholly, a start by its second."""
    for one, holds in (
        (begins("status", "run"), True),
        (begins("status", "un"), False),
        (begins("identity.program", "sha256:"), False),
        (tagged("ci"), True),
        (tagged("c"), False),
        (started_since("20260920T143000Z"), True),
        (started_since("20260920T143001Z"), False),
    ):
        assert one.test(value_at(RECORD, one.path)) is holds
