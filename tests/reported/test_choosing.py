"""Which object at the end of the output is the result; and scenarios that are reported more than once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import Project

from evalprov.reported import Reported, Scanner, gather
from evalprov.reported.ledger import Ledger
from evalprov.reported.warnings import Budget

DONE = {"event": "done", "tokens": 12}


def told(*lines: object, known: tuple[str, ...] = ()) -> Reported:
    """Return what is made of lines; what is no text is printed as JSON."""
    scanner = Scanner()
    for line in lines:
        scanner.feed((line if isinstance(line, str) else json.dumps(line)).encode() + b"\n")
    return gather(scanner, None, None, known=lambda: known)


def summary(*lines: object, known: tuple[str, ...] = ()) -> Any:
    """Return the summary."""
    return told(*lines, known=known).facts["metric_summary"]


def test_a_log_entry_behind_the_metrics_is_not_the_result() -> None:
    """Though it is the last object that has a number, and however much else was printed between; it is told of."""
    for between in ([], ["cleaning up"] * 50):
        found = told({"accuracy": 0.74}, *between, DONE)
        assert found.facts["metric_summary"] == {"accuracy": 0.74}
        assert found.source is not None
        assert found.source["line"] == 1
        (warning,) = found.warnings
        assert warning.startswith("stdout line 1 is the result: it ")
        assert warning.endswith(f'another JSON object was passed over: line {len(between) + 2} ("event", "tokens")')


def test_the_one_with_most_numbers_is_the_result() -> None:
    """At any depth; of as many the last."""
    rest = {"seconds": 3.5}
    assert summary({"accuracy": 0.74, "f1": 0.7}, rest) == {"accuracy": 0.74, "f1": 0.7}
    assert summary({"by": {"a": 1, "b": 2}}, rest) == {"by.a": 1, "by.b": 2}
    assert summary(rest, {"accuracy": 0.74}) == {"accuracy": 0.74}
    assert summary(json.dumps({"accuracy": 0.74, "f1": 0.7}, indent=2), rest) == {"accuracy": 0.74, "f1": 0.7}


def test_the_names_of_earlier_runs_count_most() -> None:
    """However few numbers it has; where no name is known, the number of them tells."""
    lines = {"accuracy": 0.74}, {"tokens": 12, "seconds": 3}
    assert summary(*lines, known=("accuracy",)) == {"accuracy": 0.74}
    assert summary(*lines, known=("other",)) == {"tokens": 12, "seconds": 3}
    found = told(*lines, known=("accuracy",))
    assert "its names are those of earlier runs" in found.warnings[0]


def test_steps_of_a_progress_are_no_result() -> None:
    """Many lines of one kind before the last are a log, whatever is in them; of one kind alone the last counts."""
    steps = [{"step": i, "loss": 1 / (i + 1), "lr": 0.1} for i in range(50)]
    assert summary(*steps, {"accuracy": 0.74}) == {"accuracy": 0.74}
    assert told(*steps, {"accuracy": 0.74}).warnings == []
    assert summary(*steps) == steps[-1]


def test_what_stands_far_before_the_end_is_no_rival() -> None:
    """An object that other output follows is part of that output."""
    assert summary({"loaded": 100, "skipped": 2, "of": 102}, *["working"] * 20, {"accuracy": 0.74}) == {
        "accuracy": 0.74
    }


def test_a_run_knows_the_names_of_the_runs_before_it(project: Project) -> None:
    """The second run prints more, and its result is still what the first one's was."""
    project.write("eval.sh", "echo '{\"accuracy\": 0.7}'; cat extra 2>/dev/null; true\n")
    assert project.run("sh", "eval.sh").returncode == 0
    project.write("extra", '{"tokens": 12, "seconds": 3, "retries": 0}\n')
    assert project.run("sh", "eval.sh").returncode == 0
    record = project.records()[-1]
    assert record["metric_summary"] == {"accuracy": 0.7}
    assert any("passed over" in warning for warning in record["warnings"])


def seeds(*rows: tuple[str, bool], **beside: Any) -> list[dict[str, Any]]:
    """Return report lines of scenarios."""
    return [{"scenario": name, "metrics": {"ok": ok}, **beside} for name, ok in rows]


@pytest.mark.parametrize("by_seed", [True, False])
def test_scenarios_that_all_come_equally_often_are_trials(by_seed: bool) -> None:
    """Five seeds are five trials and not the last one, in whichever order they are printed."""
    rights = {"t1": [True] * 4 + [False], "t2": [False] * 5, "t3": [True, False] * 2 + [False]}
    rows = [(name, oks[seed]) for seed in range(5) for name, oks in rights.items()]
    found = told(*seeds(*(rows if by_seed else sorted(rows, key=lambda row: row[0]))))
    assert found.facts["metrics"] == {"t1": {"ok": 0.8}, "t2": {"ok": False}, "t3": {"ok": 0.4}}
    assert found.facts["metric_summary"] == {"ok_mean": pytest.approx(0.4)}
    assert found.warnings == ["each scenario was reported 5 times: these are trials, and their means count"]


def test_a_scenario_that_was_tried_again_is_what_it_was_last() -> None:
    """One of several that comes twice is a later word on it, which is said; with a mark it is a trial."""
    found = told(*seeds(("t1", False), ("t2", True), ("t1", True)))
    assert found.facts["metrics"]["t1"] == {"ok": True}
    assert found.warnings[0].startswith(
        "1 of 2 scenarios were reported more than once, and the last word on each counts"
    )
    marked = told(*seeds(("t1", False), ("t2", True), trial=1), *seeds(("t1", True), trial=2))
    assert marked.facts["metrics"]["t1"] == {"ok": 0.5}
    assert marked.warnings == ["scenarios were reported up to 2 times: these are trials, and their means count"]


def test_a_draft_and_the_result_are_no_trials() -> None:
    """Two reports of each scenario, or many of a single one, merge as ever: the later one wins."""
    twice = told(*seeds(("t1", False), ("t2", False)), *seeds(("t1", True), ("t2", True)))
    assert twice.facts["metrics"] == {"t1": {"ok": True}, "t2": {"ok": True}}
    often = told(*seeds(*[("t1", number == 9) for number in range(10)]))
    assert often.facts["metrics"] == {"t1": {"ok": True}}


def test_more_metrics_of_a_scenario_are_no_trial() -> None:
    """Lines that add to each other merge, as ever."""
    lines = [{"scenario": name, "metrics": {what: 1}} for name in ("t1", "t2") for what in ("a", "b")]
    found = told(*lines)
    assert found.facts["metrics"] == {"t1": {"a": 1, "b": 1}, "t2": {"a": 1, "b": 1}}
    assert found.warnings == []


def test_a_mark_without_a_scenario_is_named() -> None:
    """Beside a summary a seed is no trial's mark: like any key that nobody knows, it is not passed over in silence."""
    found = told({"metrics": {"accuracy": 0.7}, "epoch": 3})
    assert any("epoch" in warning for warning in found.warnings)
    assert told({"metrics": {"t1": {"ok": 1}}, "epoch": 3}).warnings == []


def test_progress_of_a_scenario_costs_later_ones_nothing() -> None:
    """Whatever was said of a scenario before, the last word on it counts, and new scenarios have their room."""
    ledger = Ledger("stdout", budget=Budget(values=6))
    for number in range(50):
        ledger.take({"scenario": "t1", "metrics": {"ok": number}}, number)
    ledger.take({"scenario": "t2", "metrics": {"ok": 1}}, 51)
    ledger.settle()
    assert ledger.scenarios == {"t1": {"ok": 49}, "t2": {"ok": 1}}
