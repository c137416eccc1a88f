"""The rule for another machine's noise, held against tracelens, whose rule it is (where a fall is proven for both)."""

from __future__ import annotations

from typing import Any

import pytest
from gate_runs import BASELINE, RUN, held, rate, record
from hypothesis import given, settings
from hypothesis import strategies as st
from tracelens import DecisionSpec
from tracelens.baselines.comparison import RegressionDetector
from tracelens.baselines.manager import TaskBaseline

from evalprov.record.decision_spec import decision_spec

OF = 2000
LIMITS = st.sampled_from(
    [{}, {"memory_hard_limit_mb": 512}, {"memory_hard_limit_mb": 2048}, {"cpu_guaranteed": 2, "concurrency_level": 4}]
)


def flagged(right: int, left: int, specs: list[dict[str, Any]]) -> tuple[bool, set[str]]:
    """Return whether tracelens calls the fall noise of another machine, and which of its facts it says differ."""
    baseline = TaskBaseline(task_id="t")
    spread = (right / OF * (1 - right / OF)) ** 0.5
    # Not as a rate: its exact test takes minutes at this size, and the band does not depend on the test.
    baseline.add_metric("accuracy", right / OF, std=spread, sample_size=OF, is_rate=False)
    trials = [{"accuracy": 1.0 if number < left else 0.0} for number in range(OF)]
    detector = RegressionDetector(min_delta_percent=0.0, power_notes=False)
    report = detector.compare_with_specs(baseline, trials, *(DecisionSpec.model_validate(spec) for spec in specs))
    (found,) = report.regressions
    return found.within_noise_band, set(report.infra_config_diff)


@settings(max_examples=60, deadline=None)
@given(right=st.integers(1500, OF), fall=st.integers(10, 120).filter(lambda one: one != 60), a=LIMITS, b=LIMITS)
def test_a_fall_blocks_where_tracelens_blocks_it(right: int, fall: int, a: dict[str, Any], b: dict[str, Any]) -> None:
    """The same falls are put down to another machine, and the same facts of it are named."""
    one = record(BASELINE, {"accuracy": rate(right, OF)}, infra__declared=a)
    other = record(RUN, {"accuracy": rate(right - fall, OF)}, infra__declared=b)
    gate = held(one, other)
    (metric,) = gate.metrics
    assert metric.diff.verdict == "worse"
    noise, differing = flagged(right, right - fall, [decision_spec(one), decision_spec(other)])
    assert (metric.outcome == "pass") == noise
    assert gate.machine is not None
    assert {change.field for change in gate.machine.changes} == differing
    assert gate.exit_code == (0 if noise else 1)


@pytest.mark.parametrize(("fall", "noise"), [(59, True), (61, False)])
def test_the_band_ends_where_that_of_tracelens_ends(fall: int, noise: bool) -> None:
    """Just below three hundredths it is noise, just above it is not."""
    one = record(BASELINE, {"accuracy": rate(OF, OF)})
    other = record(RUN, {"accuracy": rate(OF - fall, OF)}, infra__declared={"cpu_hard_limit": 1})
    assert flagged(OF, OF - fall, [decision_spec(one), decision_spec(other)])[0] == noise
    assert (held(one, other).verdict == "pass") == noise
