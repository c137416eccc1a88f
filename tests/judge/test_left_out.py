"""What a comparison leaves out comes before any verdict: crashed, missing and new scenarios, metrics, units."""

from __future__ import annotations

from typing import Any

import pytest
from diffing import answers, diff
from diffing import put as edit
from diffing import record as whole
from gate_runs import BASELINE, RUN, error, held, rate, record, rules, summed_up

from evalprov.record.manifest import Manifest


def crashed(run: Manifest, names: list[str], kind: str = "task") -> Manifest:
    """Let scenarios of a run end in an error, without a value."""
    assert run["metrics"] is not None
    for name in names:
        del run["metrics"][name]
        run["errors"].append(error(kind, name))
    return summed_up(run)


def last(count: int, of: int) -> list[str]:
    """Return the names of the last scenarios."""
    return [f"t{i}" for i in range(of - count, of)]


def test_crashed_scenarios_come_first_and_the_others_are_unchanged() -> None:
    """Nothing is said of a mean before it is said of how many scenarios it is."""
    found = diff(whole(metrics=answers(28, 40)), crashed(whole(run=1, metrics=answers(28, 40)), last(12, 40)))
    assert found.answer.sentence.startswith("12 of 40 scenarios crashed in B; the other 28 are unchanged")
    assert found.answer.kind == "not_moved"
    (side,) = (one for one in found.left_out.sides if one.crashed)
    assert (side.side, side.crashed) == ("B", last(12, 40))


def test_means_beside_each_other_are_of_the_same_scenarios() -> None:
    """And what either would be over all of them stands beside them, at worst and at best."""
    found = diff(whole(metrics=answers(28, 40)), crashed(whole(run=1, metrics=answers(28, 40)), last(12, 40)))
    (metric,) = found.metrics
    assert (metric.a, metric.b) == (1.0, 1.0)
    (over_all,) = found.left_out.ranges
    assert (over_all.scenarios, over_all.a, over_all.b) == (40, (0.7, 0.7), (0.7, 1.0))
    assert found.left_out.with_them() == ["correct_mean over all 40 scenarios: 0.7 in A, 0.7 to 1 in B"]


def test_missing_and_new_scenarios_are_counted() -> None:
    """Each in its own words, whichever side they are on."""
    a = whole(metrics=answers(20, 40))
    b = whole(run=1, metrics={f"t{i}": {"correct": i < 20} for i in range(5, 42)})
    said = diff(a, b).answer.sentence
    assert said.startswith("5 of 42 scenarios are missing in B, 2 are new in B; the other 35 are unchanged")
    back = diff(b, a).answer.sentence
    assert back.startswith("2 of 42 scenarios are missing in B, 5 are new in B; ")
    one = diff(a, crashed(whole(run=1, metrics=answers(20, 40)), ["t3"])).answer.sentence
    assert one.startswith("1 of 40 scenarios crashed in B; the other 39 are unchanged")


def test_a_real_move_on_the_others_is_said_of_them() -> None:
    """The verdict is of what both sides have, and says so."""
    found = diff(whole(), crashed(whole(run=1, metrics=answers(60)), last(12, 200)))
    assert found.answer.sentence.startswith("12 of 200 scenarios crashed in B; on the other 188: correct_mean is worse")


def test_other_scenarios_on_each_side_are_no_verdict() -> None:
    """Their means differ; that nothing was compared scenario by scenario comes first, and nothing moved for real."""
    b = whole(run=1, metrics={f"u{i}": {"correct": i < 60} for i in range(200)})
    found = diff(whole(), b)
    assert found.answer.sentence.startswith(
        "other scenarios on each side (200 in A, 200 in B); their means differ: correct_mean 0.75 -> 0.3 (-0.45)"
    )
    assert (found.answer.kind, found.answer.moved) == ("cannot_tell", [])


def test_a_side_that_reports_no_scenarios_lacks_none() -> None:
    """A bare summary is no set of scenarios of which some are missing."""
    bare = edit("metrics", None)
    assert not diff(whole(), whole(bare, run=1)).left_out.told()


def test_a_metric_that_vanished_is_not_the_same() -> None:
    """It is named, beside what is the same and beside what moved."""
    both = {f"t{i}": {"correct": i < 150, "safety": i < 190} for i in range(200)}
    gone = diff(whole(metrics=both), whole(run=1))
    assert gone.answer.sentence.startswith("correct_mean is the same; safety_mean is missing in B")
    assert diff(whole(), whole(run=1, metrics=both)).answer.sentence.startswith(
        "correct_mean is the same; safety_mean is new in B"
    )
    fallen = diff(whole(metrics=both), whole(run=1, metrics=answers(100)))
    assert "is worse for real, 0.75 -> 0.5 (safety_mean is missing in B): " in fallen.answer.sentence


@pytest.mark.parametrize("new", [1, 60])
def test_new_scenarios_are_no_pass(new: int) -> None:
    """Sixty new ones that all fail pass no gate, and neither does a single one that succeeds."""
    baseline, run = record(BASELINE, {"ok": rate(40, 40)}), record(RUN, {"ok": rate(40, 40 + new)})
    gate = held(baseline, run)
    assert gate.exit_code == 3
    assert f"{new} of {40 + new} scenarios are new in the run, another set than the baseline's" in gate.why


def test_a_scenario_that_crashed_in_the_baseline_is_not_new() -> None:
    """It was known; now it has a value."""
    baseline = crashed(record(BASELINE, {"ok": rate(40, 40)}), ["t3"])
    assert held(baseline, record(RUN, {"ok": rate(40, 40)})).verdict == "pass"


def test_the_gate_ends_with_the_worst_of_what_the_missing_may_be() -> None:
    """Where some may be missing it passes only if the metric would hold with all of them at their worst."""
    lenient = rules({"max_infra_errors": 0.5})
    few = crashed(record(RUN, {"ok": rate(100)}), last(2, 100), "infra")
    passed = held(record(BASELINE, {"ok": rate(100)}), few, lenient)
    assert passed.verdict == "pass"
    assert passed.why.startswith("2 of 100 scenarios crashed in the run; on the other 98: ok_mean did not regress")
    assert "ok_mean over all 100 scenarios: 1 in the baseline, 0.98 to 1 in the run" in passed.notes
    many = crashed(record(RUN, {"ok": rate(100)}), last(20, 100), "infra")
    gate = held(record(BASELINE, {"ok": rate(100)}), many, lenient)
    assert gate.exit_code == 3
    assert "with the 20 scenarios that are missing at their worst it regresses: 1 -> 0.8" in gate.why


def summary(run: int, unit: str | None = None, **values: float) -> Manifest:
    """Return a run that reports nothing but means, each with its standard error."""
    info = {name: {"stderr": value / 50, "n": 400, "direction": None, "unit": unit} for name, value in values.items()}
    return whole(edit("metrics", None), edit("metric_summary", values), edit("metric_info", info), run=run)


@pytest.mark.parametrize(("a", "b"), [(0.65, 85.0), (85.0, 0.65)])
def test_another_unit_is_asked_about(a: float, b: float) -> None:
    """A share on one side and per cent on the other is no improvement, and no fall."""
    found = diff(summary(0, accuracy=a), summary(1, accuracy=b))
    assert "is it in another unit?" in found.answer.sentence
    assert {one.verdict for one in found.metrics} == {"cannot_tell"}
    assert found.answer.moved == []
    assert found.answer.unclear == ["accuracy"]


def test_units_that_the_runs_name_are_held_against_each_other() -> None:
    """Seconds here and milliseconds there are said; the same unit is no question."""
    asked = diff(summary(0, "s", latency=1.2), summary(1, "ms", latency=1200.0)).answer.sentence
    assert asked.startswith("latency is in s in A and in ms in B")
    assert "unit" not in diff(summary(0, "s", latency=1.2), summary(1, "s", latency=1.9)).answer.sentence
    assert "is it in another unit?" in diff(summary(0, latency=1.2), summary(1, latency=1200.0)).answer.sentence


def test_ordinary_moves_are_not_asked_about() -> None:
    """A share that moved, a count that grew, and a large move of something that is no share."""
    for name, a, b in (("accuracy", 0.05, 0.9), ("tool_calls", 0.5, 30.0), ("latency", 1.2, 12.0), ("score", 1.0, 5.0)):
        assert "another unit" not in diff(summary(0, **{name: a}), summary(1, **{name: b})).answer.sentence


def test_the_gate_does_not_pass_on_another_unit_until_it_is_named() -> None:
    """The settings' unit answers the question."""

    def scaled(run_id: str, by: float) -> Manifest:
        values: dict[str, Any] = {"accuracy": [by * (i % 10) / 10 for i in range(60)]}
        return record(run_id, values)

    pair = scaled(BASELINE, 1.0), scaled(RUN, 100.0)
    gate = held(*pair)
    assert gate.exit_code == 3
    assert "is it in another unit?" in gate.why
    assert held(*pair, rules(accuracy={"unit": "points"})).verdict == "pass"


@pytest.mark.parametrize("tolerance", [None, 0.05])
def test_the_gate_asks_as_diff_does_where_there_is_one_number_a_side(tolerance: float | None) -> None:
    """With a tolerance or without, and it names the metric once."""
    pair = [record(run_id, metric_summary={"accuracy": value}) for run_id, value in ((BASELINE, 0.65), (RUN, 85.0))]
    gate = held(*pair, rules(accuracy={"tolerance": tolerance}))
    assert gate.exit_code == 3
    assert gate.why.startswith("accuracy 0.65 -> 85: is it in another unit?")
    assert [one.diff.verdict for one in gate.metrics] == ["cannot_tell"]
