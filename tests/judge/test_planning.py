"""How much data shows a move: what is known of whole runs counts, with and without values by scenario."""

from __future__ import annotations

import numpy as np
import pytest
from generated import Table, manifest

from evalprov.judge.metric_diff import Side
from evalprov.judge.planning import needed, parts_of, sees, trials_needed
from evalprov.judge.self_comparison import measure
from evalprov.judge.verdicts import compare_metrics

LEVEL = 0.05


def trials(draw: np.random.Generator, shifts: list[float], scenarios: int = 40) -> np.ndarray:
    """Return values by scenario and trial, each trial moved as a whole."""
    return draw.normal(0, 1, (scenarios, 1)) + draw.normal(0, 0.2, (scenarios, len(shifts))) + np.array(shifts)


def test_what_moves_whole_runs_is_seen_by_no_number_of_scenarios() -> None:
    """More runs show it: so many that a plan's own promise holds for them and for no fewer."""
    table = trials(np.random.default_rng(1), [0.0, 0.3, -0.3, 0.2, -0.2])
    parts = parts_of(table.tolist(), table.mean(axis=0).tolist())
    assert parts.df == 4
    assert 0.1 < parts.whole**0.5 < 0.5
    assert needed(parts, 0.2, 1, LEVEL) is None
    enough = trials_needed(parts, 0.2, LEVEL)
    assert enough is not None
    reach = [sees(parts, 40, count, LEVEL) or 0.0 for count in (enough - 1, enough)]
    assert reach[1] <= 0.2 < reach[0]


def test_one_run_on_each_side_sees_what_earlier_runs_leave_of_it() -> None:
    """With whole runs known from few trials a move has to be larger than what the scenarios alone would show."""
    table = trials(np.random.default_rng(1), [0.0, 0.3, -0.3, 0.2, -0.2])
    known, alone = (parts_of(one.tolist(), one.mean(axis=0).tolist()) for one in (table, table[:, :2]))
    assert alone.df == 0
    assert (sees(known, 40, 1, LEVEL) or 0.0) > 3 * (sees(alone, 40, 1, LEVEL) or 0.0)


def test_whole_runs_alone_can_be_planned_with() -> None:
    """Summaries without scenarios: a move of what the plan promises for 4 runs is seen about four times in five."""
    parts = parts_of([], [0.70, 0.72, 0.69, 0.71, 0.73])
    assert (parts.scenarios, needed(parts, 0.02, 3, LEVEL)) == (0, None)
    move, draw, seen = sees(parts, 0, 4, LEVEL) or 0.0, np.random.default_rng(2), 0
    for _ in range(200):
        values = draw.normal(0.7, parts.whole**0.5, (2, 4)) + np.array([[0.0], [move]])
        a, b = (Side(tuple(manifest(None, {"accuracy": float(value)}) for value in side)) for side in values)
        seen += compare_metrics(a, b)[0].verdict == "better"
    assert 0.72 < seen / 200 < 0.88


def test_noise_says_what_one_run_shows_where_whole_runs_differ() -> None:
    """It is no smaller than what the trials differ by, and no number of scenarios is named."""
    values = trials(np.random.default_rng(1), [0.0, 0.8, -0.8, 0.4, -0.4])
    runs = []
    for number, column in enumerate(values.T):
        table: Table = {f"s{i}": {"score": float(value) + 5} for i, value in enumerate(column)}
        runs.append(manifest(table, run_id=f"20260920T1200{number:02d}Z"))
    (one,) = measure(Side(tuple(runs)), most=1).metrics
    assert one.differs
    assert one.detectable is not None
    assert one.detectable > 2 * float(one.deviation or 0)
    assert one.needed is not None
    assert one.needed.scenarios is None
    assert (one.needed.trials or 0) > 10


def test_like_trials_are_planned_with_by_their_scenarios() -> None:
    """Where nothing moves whole runs, so many scenarios are named as shrink the noise to the size asked for."""
    table = np.random.default_rng(3).random((50, 4)) < 0.7
    parts = parts_of(table.astype(float).tolist(), table.mean(axis=0).tolist())
    assert parts.rates
    enough = needed(parts_of(table[:, :1].astype(float).tolist(), [0.7]), 0.05, 1, LEVEL)
    assert enough == pytest.approx(1400, rel=0.3)
