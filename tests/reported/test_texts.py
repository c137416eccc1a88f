"""What the eval says for a scenario beside its metrics: taken in as it comes, put aside, read again in order."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalprov.private import VeiledFile
from evalprov.reported import Reported, Scanner, gather
from evalprov.reported.texts import FIELDS, PutAside, Said, ScenarioTexts

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(alphabet='a"\\\n\ud83d\udc4d\ud800', max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FIELDS, "s1", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def printed(*lines: Any, text_bytes: int | None = None) -> Reported:
    """Return what is made of lines on stdout."""
    scanner = Scanner(text_bytes)
    for line in lines:
        scanner.feed((line if isinstance(line, str) else json.dumps(line)).encode() + b"\n")
    return gather(scanner, None, None)


def said(told: Reported) -> dict[str, dict[str, str]]:
    """Return the texts by scenario."""
    if told.texts is None:
        return {}
    return {name: {field: text.text for field, text in row.items()} for name, row in told.texts.rows()}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([{"scenario": "a", "metrics": {"ok": True}, "output": "yes"}], {"a": {"output": "yes"}}),
        (
            [{"scenario": "a", "metrics": {"ok": 1}, "output": {"x": [1, "é"]}, "expected": 3, "input": False}],
            {"a": {"input": "false", "expected": "3", "output": '{"x": [1, "é"]}'}},
        ),
        ([{"scenario": 7, "metrics": {}, "output": None, "explanation": ""}], {"7": {"explanation": ""}}),
        (
            [{"metrics": {"a": {"ok": True, "output": "yes"}, "b": {"ok": False, "input": ["q"]}}}],
            {"a": {"output": "yes"}, "b": {"input": '["q"]'}},
        ),
        (
            [{"metrics": {"a": {"ok": True}, "b": {"ok": False}}, "output": {"a": "yes", "b": "no", "c": "?"}}],
            {"a": {"output": "yes"}, "b": {"output": "no"}},
        ),
        ([{"scenario": "a", "metrics": {"ok": 1, "output": "yes"}}], {"a": {"output": "yes"}}),
        (
            [
                {"scenario": "a", "metrics": {"ok": 1}, "output": "draft", "input": "q"},
                {"scenario": "a", "metrics": {}, "output": "final"},
            ],
            {"a": {"input": "q", "output": "final"}},
        ),
    ],
)
def test_texts_stand_beside_a_scenarios_metrics(lines: list[Any], expected: dict[str, Any]) -> None:
    """A text, or any JSON as its text, is kept by scenario and field; a later one of the same field counts."""
    told = printed(*lines)
    assert said(told) == expected
    assert told.warnings == []


def test_a_failed_scenario_has_texts_too() -> None:
    """What was said before the error is worth most."""
    told = printed({"scenario": "a", "error": "timed out", "output": "I thi"}, {"metrics": {"x": 1}})
    assert said(told) == {"a": {"output": "I thi"}}
    assert told.facts["errors"][0]["scenario"] == "a"


@pytest.mark.parametrize("last", ["report", "failure"])
def test_reports_and_failures_count_in_their_order(last: str) -> None:
    """Of two lines that come in one piece, the later one's text counts, whichever kind it is of."""
    lines = {
        "report": b'{"scenario": "a", "metrics": {"ok": true}, "output": "report"}\n',
        "failure": b'{"scenario": "a", "error": "broke", "output": "failure"}\n',
    }
    scanner = Scanner()
    scanner.feed(b"".join((*(line for kind, line in lines.items() if kind != last), lines[last])))
    assert said(gather(scanner, None, None)) == {"a": {"output": last}}


def test_numbers_and_objects_of_these_names_stay_metrics() -> None:
    """A metric that is called `output` is one."""
    told = printed({"scenario": "a", "metrics": {"output": 3, "input": {"tokens": 5}}})
    assert told.facts["metrics"] == {"a": {"output": 3, "input.tokens": 5}}
    assert said(told) == {}


def test_a_text_without_a_scenario_is_told() -> None:
    """Nothing is lost in silence."""
    told = printed({"metrics": {"accuracy": 0.5}, "output": "yes", "texts": 7})
    assert any("output was left out: no scenario stands beside it" in one for one in told.warnings)
    assert any('"texts"' in one for one in told.warnings)  # a program cannot say that something is put aside


@pytest.mark.parametrize("marks", [[{"trial": 1}, {"trial": 2}], [{}, {}, {}]])
def test_trials_keep_what_each_said(marks: list[dict[str, int]]) -> None:
    """Of trials each counts; what all said alike stands once."""
    lines = [
        {"scenario": name, "metrics": {"ok": number}, "input": "q", "output": f"{name}{number}", **mark}
        for number, mark in enumerate(marks, 1)
        for name in ("a", "b")
    ]
    texts = said(printed(*lines))
    assert texts["b"]["input"] == "q"
    assert [texts["b"][f"output{end}"] for end in ("", "#2", "#3")[: len(marks)]] == ["b1", "b2", "b3"][: len(marks)]
    assert len(texts["b"]) == 1 + len(marks)


def test_the_better_channel_counts(tmp_path: Path) -> None:
    """What the command wrote to its file counts, where a line may hold texts alone; what a model prints does not."""
    report = tmp_path / "report.jsonl"
    report.write_text('{"scenario": "a", "metrics": {"ok": true}}\n{"scenario": "a", "output": "real"}\n')
    scanner = Scanner()
    scanner.feed(b'{"scenario": "a", "metrics": {"ok": true}, "output": "forged", "input": "forged"}\n')
    assert said(gather(scanner, str(report), None)) == {"a": {"output": "real"}}


def test_zero_keeps_nothing() -> None:
    """With 0 nothing is kept, and nothing is said about it."""
    told = printed({"scenario": "a", "metrics": {"ok": True}, "output": "yes"}, text_bytes=0)
    assert told.texts is None
    assert told.warnings == []


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from([*FIELDS, "scenario", "error", "trial"]), JSON), JSON)
def test_no_line_harms_the_reader(beside: dict[str, Any], metrics: Any) -> None:
    """Whatever stands at these keys, the metrics and the other lines are read."""
    told = printed({**beside, "metrics": metrics}, {"scenario": "last", "metrics": {"ok": True}, "output": "yes"})
    assert told.facts["metrics"]["last"]["ok"] is True
    assert said(told)["last"] == {"output": "yes"}
    for row in said(told).values():
        assert all(isinstance(text, str) for text in row.values())


def test_long_texts_are_put_aside_cut() -> None:
    """Of a text of any length only its beginning is put aside, and how much followed."""
    texts = ScenarioTexts(10)
    texts.take("a", {"output": "x" * 1_000_000})
    ((_, row),) = texts.rows()
    assert len(row["output"].text) + row["output"].more == 1_000_000
    assert len(row["output"].text) < 20_000


def test_where_there_is_no_room_what_was_taken_stays() -> None:
    """A full disk loses what follows, says how much that is, and nothing else."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    texts = ScenarioTexts()
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
        for number in range(5):
            texts.take(f"s{number}", {"output": "x" * 900, "input": "q"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(texts.names()) == ["s0", "s1"]
    assert texts.left_out == 6
    assert texts.problem


def test_what_is_put_aside_cannot_be_read_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file has no name, and no text stands in it in clear."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    texts = ScenarioTexts()
    texts.take("a", {"output": "sunset42moon" * 20})
    assert isinstance(texts._file, VeiledFile)
    raw = os.pread(texts._file.fileno(), 1 << 16, 0)
    assert len(raw) > 240
    assert b"sunset" not in raw
    assert os.listdir(tmp_path) == []
    texts.close()


def test_what_is_put_aside_already_is_taken_by_its_place() -> None:
    """A line may name texts that stand aside; a number that is none is no place."""
    texts = ScenarioTexts()
    place = texts.put({"output": "yes", "other": 1})
    assert isinstance(place, PutAside)
    texts.take("a", {"texts": place})
    texts.take("b", {"texts": int(place)})
    assert list(texts.rows()) == [("a", {"output": Said("yes")})]
