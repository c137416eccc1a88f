"""The gate's judgement, rule by rule: what passes, what is a regression, and what cannot be evaluated."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from gate_runs import BASELINE, NO_GPUS, RUN, error, held, outcomes, rate, record, rules, summed_up

from evalprov.judge import gate_words

ALL_RIGHT = {"accuracy": rate(100)}
FALLEN = {"accuracy": rate(80)}  # proven worse, by 0.2
SLOW = {"latency_ms": [100.0 + i % 7 for i in range(60)]}
BLOCKING = rules(latency_ms={"blocking": True})
SLOWER = {"latency_ms": [110.0 + i % 5 for i in range(60)]}


def pair(before: Any, after: Any, **facts: Any) -> tuple[Any, Any]:
    """Return a baseline, and a run that differs from it in its values and in some facts."""
    return record(BASELINE, before), record(RUN, after, **facts)


# --- a metric that can be judged


def test_a_proven_fall_is_a_regression_and_no_more_than_noise_is_none() -> None:
    """Without any rule, whatever is known to be better one way blocks when it is worse for real."""
    assert held(*pair(ALL_RIGHT, FALLEN)).verdict == "regression"
    assert held(*pair(FALLEN, ALL_RIGHT)).verdict == "pass"
    assert held(*pair(ALL_RIGHT, {"accuracy": rate(98)})).verdict == "pass"
    assert held(*pair(ALL_RIGHT, ALL_RIGHT)).verdict == "pass"
    slower = held(*pair(SLOW, SLOWER), BLOCKING)
    assert (slower.verdict, slower.exit_code) == ("regression", 1)
    assert "latency_ms_mean" in slower.why


@pytest.mark.parametrize(
    "name", ["latency_ms", "seconds", "duration", "cost_usd", "tokens", "wall_time", "peak_memory"]
)
def test_time_and_cost_are_told_and_block_only_when_asked(name: str) -> None:
    """By a word of their own or a tolerance: how long it took is the machine's doing as well."""
    slow, slower = ({name: one["latency_ms"]} for one in (SLOW, SLOWER))
    gate = held(*pair({**ALL_RIGHT, **slow}, {**ALL_RIGHT, **slower}))
    assert (gate.verdict, outcomes(gate)[f"{name}_mean"]) == ("pass", "reported")
    told = {one.diff.name: one.why or "" for one in gate.metrics}[f"{name}_mean"]
    assert told.startswith("worse for real; time and cost block where blocking = true")
    for asked, verdict in (
        ({"blocking": True}, "regression"),
        ({"tolerance": 1.0}, "regression"),
        ({"tolerance": 50.0}, "pass"),
    ):
        assert held(*pair({**ALL_RIGHT, **slow}, {**ALL_RIGHT, **slower}), rules(**{name: asked})).verdict == verdict
    alone = held(*pair(slow, slower))
    assert alone.verdict == "not_evaluated"
    assert "set blocking = true in [metrics.NAME]" in alone.why


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        ({"tolerance": 0.1}, "regression"),
        ({"tolerance": 0.2}, "pass"),  # of up to so much
        ({"tolerance": 0.25}, "pass"),
        ({"tolerance_relative": 0.1}, "regression"),
        ({"tolerance_relative": 0.3}, "pass"),
        ({"tolerance": 0.1, "tolerance_relative": 0.3}, "pass"),  # the larger counts
        ({"tolerance": 0.3, "tolerance_relative": 0.1}, "pass"),
        ({"blocking": False}, "not_evaluated"),  # then nothing is left to judge
        ({"direction": "lower"}, "pass"),
        ({"min_n": 100}, "regression"),
        ({"min_n": 101}, "not_evaluated"),
        ({"min_n": 101, "tolerance": 0.1}, "not_evaluated"),  # a tolerance does not make up for data
    ],
)
def test_a_rule_says_what_is_tolerated(rule: dict[str, Any], verdict: str) -> None:
    """By the metric's name in the scenarios or in the summary alike."""
    for name in ("accuracy", "accuracy_mean"):
        assert held(*pair(ALL_RIGHT, FALLEN), rules(**{name: rule})).verdict == verdict


def test_a_fall_is_told_where_it_does_not_block() -> None:
    """Real but tolerated, or beyond the tolerance but perhaps noise: it passes, and the sentence says so."""
    tolerated = held(*pair(ALL_RIGHT, FALLEN), rules(accuracy={"tolerance": 0.25}))
    assert "worse for real, and within its tolerance of 0.25" in tolerated.why
    noise = held(*pair({"accuracy": rate(90)}, {"accuracy": rate(87)}), rules(accuracy={"tolerance": 0.01}))
    assert noise.verdict == "pass"
    assert "beyond its tolerance of 0.01, and within noise" in noise.why


def test_the_level_is_the_gates_own() -> None:
    """What is significant at 5 % need not be at a stricter level."""
    some = pair(ALL_RIGHT, {"accuracy": rate(93)})
    assert held(*some).verdict == "regression"
    assert held(*some, rules({"level": 0.001})).verdict == "pass"


# --- a metric that cannot


def test_without_a_way_to_tell_the_noise_the_number_decides_if_there_is_a_tolerance() -> None:
    """A bare number that moved is no verdict by itself, in either direction."""
    before = record(BASELINE, metric_summary={"accuracy": 0.8})
    for after, with_tolerance in ((0.7, "regression"), (0.79, "pass"), (0.9, "pass"), (0.75, "pass")):
        run = record(RUN, metric_summary={"accuracy": after})
        assert held(before, run).verdict == "not_evaluated", after
        judged = held(before, run, rules(accuracy={"tolerance": 0.05}))
        assert judged.verdict == with_tolerance, after
        assert "the number alone decides" in (judged.metrics[0].why or "")
    assert held(before, record(RUN, metric_summary={"accuracy": 0.8})).verdict == "pass"


def test_a_metric_that_the_run_lacks_cannot_be_evaluated() -> None:
    """Nor one that is null there; a new one is told and blocks nothing."""
    both = {**ALL_RIGHT, **SLOW}
    for after in (ALL_RIGHT, {**ALL_RIGHT, "latency_ms": [None] * 60}):
        gate = held(*pair(both, after), BLOCKING)
        assert gate.verdict == "not_evaluated"
        assert held(*pair(both, after)).verdict == "pass"
        assert "latency_ms_mean: the run does not have it" in gate.why
        assert held(*pair(both, after), rules(latency_ms={"blocking": False})).verdict == "pass"
    added = held(*pair(ALL_RIGHT, both))
    assert added.verdict == "pass"
    assert outcomes(added)["latency_ms_mean"] == "reported"


def test_what_does_not_block_never_decides() -> None:
    """Neither a fall, nor a value that is missing, nor too little data."""
    quiet = rules(latency_ms={"blocking": False}, cost={"blocking": False})
    for after in ({**ALL_RIGHT, **SLOWER}, ALL_RIGHT):
        gate = held(*pair({**ALL_RIGHT, **SLOW, "cost": [1]}, {**after, "cost": [9]}), quiet)
        assert gate.verdict == "pass"
        assert outcomes(gate)["latency_ms_mean"] == "reported"


def test_nobody_knows_which_way_is_better() -> None:
    """It is told and does not block; alone, there is nothing to judge; where it must block, a move cannot be judged."""
    way = {"frobnication": rate(100)}
    gate = held(*pair(way, {"frobnication": rate(50)}))
    assert gate.verdict == "not_evaluated"
    assert "set direction in [metrics.NAME]" in gate.why
    mixed = held(*pair({**ALL_RIGHT, **way}, {**ALL_RIGHT, "frobnication": rate(50)}))
    assert (mixed.verdict, outcomes(mixed)["frobnication_mean"]) == ("pass", "reported")
    must = rules(frobnication={"blocking": True})
    assert held(*pair(way, {"frobnication": rate(50)}), must).verdict == "not_evaluated"
    assert held(*pair(way, {"frobnication": rate(98)}), must).verdict == "pass"
    said = rules(frobnication={"direction": "higher"})
    assert held(*pair(way, {"frobnication": rate(50)}), said).verdict == "regression"


def test_the_settings_ask_for_a_metric_that_nobody_has() -> None:
    """A misspelled name must not make the gate let everything through; a mere tolerance is told of."""
    gate = held(*pair(ALL_RIGHT, ALL_RIGHT), rules(acuracy={"blocking": True}))
    assert gate.verdict == "not_evaluated"
    assert "acuracy" in gate.why
    told = held(*pair(ALL_RIGHT, ALL_RIGHT), rules(acuracy={"tolerance": 0.1}))
    assert told.verdict == "pass"
    assert any("acuracy" in note for note in told.notes)


def test_a_proven_regression_outweighs_what_cannot_be_judged() -> None:
    """Of the metrics; a run that cannot be compared as a whole outweighs both."""
    two = pair({**ALL_RIGHT, **SLOW}, FALLEN)
    gate = held(*two, BLOCKING)
    assert (gate.verdict, outcomes(gate)) == (
        "regression",
        {"accuracy_mean": "regression", "latency_ms_mean": "not_evaluated"},
    )
    other = held(*pair(ALL_RIGHT, FALLEN, scenario="another"))
    assert (other.verdict, outcomes(other)) == ("not_evaluated", {"accuracy_mean": "not_judged"})


def test_without_scipy_nothing_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what would add it is said."""
    monkeypatch.setitem(sys.modules, "scipy", None)
    gate = held(*pair(ALL_RIGHT, ALL_RIGHT))
    assert gate.verdict == "not_evaluated"
    assert "'.[stats]'" in gate.why


# --- the run as a whole


@pytest.mark.parametrize(
    ("status", "as_it_is", "allowed"),
    [
        ("failed", "pass", "pass"),
        ("timed_out", "not_evaluated", "not_evaluated"),
        ("interrupted", "not_evaluated", "not_evaluated"),
        ("killed", "not_evaluated", "not_evaluated"),
        ("not_started", "not_evaluated", "not_evaluated"),
        ("lost", "not_evaluated", "not_evaluated"),
        ("running", "not_evaluated", "not_evaluated"),
    ],
)
def test_a_run_that_did_not_complete_is_not_evaluated(status: str, as_it_is: str, allowed: str) -> None:
    """Whatever it reported; one whose command failed is, if its metrics were read. So is what it is held against."""
    lenient = rules({"allow_failed": True})
    for facts in ({"b": status}, {"a": status}):
        one = record(BASELINE, ALL_RIGHT, status=facts.get("a", "completed"), exit_code=3)
        other = record(RUN, ALL_RIGHT, status=facts.get("b", "completed"), exit_code=3)
        assert held(one, other).verdict == as_it_is
        assert held(one, other, lenient).verdict == allowed


@pytest.mark.parametrize(
    ("facts", "allow", "says"),
    [
        ({}, None, None),
        ({}, False, "failed (exit 3), and [gate] allow_failed = false"),
        ({"metrics": None, "metric_summary": None}, None, "failed (exit 3), and no metrics were read"),
        ({"metrics": None, "metric_summary": None}, True, "the run has no metrics"),
        ({"exit_code": 137}, None, "a signal ended what it ran; [gate] allow_failed = true takes it all the same"),
        ({"exit_code": 137}, True, None),
        ({"errors": [error("infra", None)]}, None, "[gate] allow_failed = true takes it all the same"),
        ({"errors": [error("infra", None)]}, True, None),
        ({"errors": [error("task", None)]}, None, None),
    ],
)
def test_a_command_that_fails_by_design_is_judged(facts: dict[str, Any], allow: bool | None, says: str | None) -> None:
    """A test runner's exit code is no crash; a crash, or what the settings say, is named with what to do about it."""
    run = record(RUN, ALL_RIGHT, **{"status": "failed", "exit_code": 3, **facts})
    gate = held(record(BASELINE, ALL_RIGHT), run, rules({"allow_failed": allow}))
    if says is None:
        assert gate.verdict == "pass"
        assert any("and is judged by what it reported" in note for note in gate.notes)
    else:
        assert gate.verdict == "not_evaluated"
        assert says in gate.why


SET = {"path": "d", "kind": "file", "sha256": "sha256:1", "version": None, "files": None, "bytes": 1}
SET = {**SET, "pointer": None, "stale": None, "source": "settings"}
GRADER = {"files": {"g.py": "sha256:1"}, "version": None, "metrics": {}, "reported": {}}


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"scenario": "other"}, "another scenario: tickets in the baseline, other in the run"),
        ({"scenario": None}, "another scenario: tickets in the baseline, none in the run"),
        ({"golden_version": "v2"}, "another golden version: v1 in the baseline, v2 in the run"),
        ({"golden_version": None}, "another golden version: v1 in the baseline, none in the run"),
        ({"data__sets": {"d": {**SET, "sha256": "sha256:2"}}}, "another data: data d"),
        ({"data__sets": {}}, "another data: data d"),
        ({"grader__version": "2"}, "another grader: version"),
        ({"grader__files": {"g.py": "sha256:2"}}, "another grader: grader g.py"),
    ],
)
def test_another_experiment_is_not_evaluated(facts: dict[str, Any], says: str) -> None:
    """Scores on other data, or by another grader, say nothing about each other, however far they fell."""
    same = {"golden_version": "v1", "data__sets": {"d": SET}, "grader": GRADER}
    before = record(BASELINE, ALL_RIGHT, **same)
    assert held(before, record(RUN, FALLEN, **same)).verdict == "regression"
    gate = held(before, record(RUN, FALLEN, **{**same, **facts}))
    assert gate.verdict == "not_evaluated"
    assert gate.problems[0].startswith(says)


def test_what_is_not_known_to_be_the_same_experiment() -> None:
    """A layer that is unknown on a side cannot be evaluated; one that nobody ever declared is told of."""
    plain = pair(ALL_RIGHT, ALL_RIGHT)
    assert held(*plain).verdict == "pass"
    assert any("nobody declared the data or the grader" in note for note in held(*plain).notes)
    for side in (0, 1):
        runs = pair(ALL_RIGHT, ALL_RIGHT)
        runs[side]["identity"]["layers"]["grader"] = None
        assert held(*runs).verdict == "not_evaluated"


def test_what_is_retrieved_from_belongs_to_the_program() -> None:
    """Another index or chunk size is judged by what it does to the scores, and told."""
    before = record(BASELINE, ALL_RIGHT, data__retrieval={"chunk_size": 512})
    for values, verdict in ((ALL_RIGHT, "pass"), (FALLEN, "regression")):
        gate = held(before, record(RUN, values, data__retrieval={"chunk_size": 256}))
        assert gate.verdict == verdict
        assert any("chunk_size 512 -> 256" in note for note in gate.notes)


def test_a_run_without_metrics_or_against_itself_is_not_evaluated() -> None:
    """There is nothing to judge, and that is no pass."""
    before = record(BASELINE, ALL_RIGHT)
    assert held(before, record(RUN, metric_summary=None)).verdict == "not_evaluated"
    assert held(record(BASELINE, metric_summary=None), record(RUN, ALL_RIGHT)).verdict == "not_evaluated"
    assert held(before, before).verdict == "not_evaluated"


def with_errors(*errors: Any, missing: int = 0) -> Any:
    """Return a run of up to 100 scenarios in which some have an error instead of values."""
    run = record(RUN, {"accuracy": rate(100 - missing, 100 - missing)})
    for one in errors:
        run["metrics"].pop(one["scenario"], None)
    run["errors"] = list(errors)
    return summed_up(run)


def test_scenarios_without_a_result_count_against_their_bounds() -> None:
    """Errors of the task and missing scenarios against one, errors of the machine against the other."""
    before = record(BASELINE, ALL_RIGHT)
    task = [error("task", f"t{i}") for i in range(3)]
    infra = [error("infra", f"t{i}") for i in range(50, 55)]
    wide = rules(accuracy={"tolerance": 0.1})  # else as many at their worst would be a fall
    assert held(before, with_errors(*infra), wide).verdict == "pass"  # 5 of 100
    assert held(before, with_errors(*infra, error("infra", "t60")), wide).verdict == "not_evaluated"
    assert held(before, with_errors(task[0])).verdict == "not_evaluated"
    assert held(before, with_errors(missing=1)).verdict == "not_evaluated"
    lenient = rules({"max_errors": 0.04, "max_infra_errors": 0.0}, accuracy={"tolerance": 0.1})
    assert held(before, with_errors(*task, missing=1), lenient).verdict == "pass"
    assert held(before, with_errors(*task, missing=2), lenient).verdict == "not_evaluated"
    assert held(before, with_errors(infra[0]), lenient).verdict == "not_evaluated"
    told = held(before, with_errors(*task, missing=2), lenient).why
    assert told.startswith(
        "3 of 100 scenarios failed and 2 are missing in the run, and at most 4 % may (t0, t1, t2 and 2 more)"
    )


def test_an_error_is_of_its_kind_and_counted_once() -> None:
    """A scenario that failed in both ways failed in the task; one that failed is not missing besides."""
    both = with_errors(error("infra", "t1"), error("task", "t1"), error("task", None))
    (lack,) = held(record(BASELINE, ALL_RIGHT), both).lacks
    assert (lack.task, lack.infra, lack.missing, lack.elsewhere) == (["t1"], [], [], 1)


def test_trials_are_counted_each_by_itself() -> None:
    """One trial of three that is full of errors is not hidden by the other two."""
    before = record(BASELINE, ALL_RIGHT)
    fine = [record(f"2026092{i}T120000Z", ALL_RIGHT) for i in (2, 3)]
    assert held(before, [*fine]).verdict == "pass"
    assert held(before, [*fine, with_errors(*(error("infra", f"t{i}") for i in range(10)))]).verdict == "not_evaluated"
    assert held(before, [*fine, record(RUN, ALL_RIGHT, status="killed")]).verdict == "not_evaluated"
    assert held(before, [*fine, record(RUN, ALL_RIGHT, golden_version="v9")]).verdict == "not_evaluated"


# --- another machine

MANY = {"accuracy": rate(1000, 1000)}
BIT_LESS = {"accuracy": rate(980, 1000)}  # worse for real, by less than 0.03
LESS = {"accuracy": rate(960, 1000)}
SMALLER = {"total_mb": 512, "hard_limit_mb": 512, "guaranteed_mb": None}


def test_on_another_machine_a_fall_within_the_noise_band_does_not_block() -> None:
    """It is told, with what differs; on the same machine, or beyond the band, it blocks."""
    assert held(*pair(MANY, BIT_LESS)).verdict == "regression"
    gate = held(*pair(MANY, BIT_LESS, infra__memory=SMALLER))
    assert gate.verdict == "pass"
    assert "on another machine: memory" in gate.why
    assert held(*pair(MANY, LESS, infra__memory=SMALLER)).verdict == "regression"


def test_a_machine_that_is_not_known_decides_only_within_the_band() -> None:
    """Within it the fall may be another machine's doing, so it is not evaluated; beyond it nothing hangs on that."""
    assert held(*pair(MANY, BIT_LESS, infra__gpu=None)).verdict == "not_evaluated"
    assert held(*pair(MANY, LESS, infra__gpu=None)).verdict == "regression"
    assert held(*pair(MANY, MANY, infra__gpu=None)).verdict == "pass"


def test_what_differs_for_sure_counts_though_not_all_is_known() -> None:
    """Less memory is another machine, whatever its GPUs."""
    assert held(*pair(MANY, BIT_LESS, infra__gpu=None, infra__memory=SMALLER)).verdict == "pass"


def test_the_band_is_the_metrics_own_the_gates_for_rates_and_none_for_the_rest() -> None:
    """Three hundredths of a share is a different thing from three hundredths of a second."""
    other = {"infra__gpu": {**NO_GPUS, "driver": "550"}}
    slow, slower = ({"latency": [x / 1000 + i % 3 / 1e5 for i in range(60)]} for x in (200, 210))
    blocking = {"blocking": True}
    assert held(*pair(slow, slower, **other), rules(latency=blocking)).verdict == "regression"
    assert held(*pair(slow, slower, **other), rules(latency={**blocking, "noise_band": 0.02})).verdict == "pass"
    assert held(*pair(MANY, BIT_LESS, **other), rules(accuracy={"noise_band": 0.01})).verdict == "regression"
    assert held(*pair(MANY, BIT_LESS, **other), rules({"noise_band": 0.01})).verdict == "regression"
    score, worse = ({"score": [x + i % 3 / 1e4 for i in range(60)]} for x in (0.8, 0.79))
    assert held(*pair(score, worse, **other)).verdict == "pass"
    errors = {"error": rate(0, 1000)}, {"error": rate(20, 1000)}
    assert held(*pair(*errors, **other)).verdict == "pass"
    assert held(*pair(*errors)).verdict == "regression"


# --- scenario by scenario


def test_scenarios_that_collapse_are_counted_though_the_mean_holds() -> None:
    """They are named, the deepest first; the verdict stays what it is."""
    before, after = ({"score": [*x, *[50.0] * 20]} for x in ([100, 90, 80, 0, 0, 10], [10, 10, 5, 90, 90, 85]))
    gate = held(*pair(before, after))
    assert gate.verdict == "pass"
    (falls,) = gate.falls
    assert (falls.scenarios, falls.better, falls.worse) == (26, 3, 3)
    assert [move.scenario for move in falls.fallen] == ["t0", "t1", "t2"]
    assert falls.many


def test_lower_is_better_collapses_upward() -> None:
    """A latency that doubles is a collapse, one that halves is none."""
    (falls,) = held(*pair({"latency_ms": [100, 200, 150]}, {"latency_ms": [200, 100, 150]})).falls
    assert [(move.scenario, move.a, move.b) for move in falls.fallen] == [("t0", 100, 200)]


def test_it_is_said_of_which_metric_why_it_does_not_block() -> None:
    """One that only scenarios have is not called time or cost, and what is said of several is said once."""
    fell = [{"my_accuracy": rate(right), "own_accuracy": rate(right - 1)} for right in (90, 50)]
    a, b = (record(run, rows) for run, rows in zip((BASELINE, RUN), fell, strict=True))
    a["metric_summary"], b["metric_summary"] = {"accuracy": 0.9}, {"accuracy": 0.9}
    gate = held(a, b)
    told = {one.diff.name: one.why for one in gate.metrics}
    assert "it is not in the summary that the eval reports" in str(told["my_accuracy_mean"])
    assert gate_words.told(gate.metrics)[0].startswith("my_accuracy_mean, own_accuracy_mean: worse for real; ")
    info = held(
        *pair({**ALL_RIGHT, "x": rate(90)}, {**ALL_RIGHT, "x": rate(50)}),
        rules(x={"role": "info", "direction": "higher"}),
    )
    assert "its role is info" in str({one.diff.name: one.why for one in info.metrics}["x_mean"])
