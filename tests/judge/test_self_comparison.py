"""A program compared with itself: how often the gate fires for nothing, and what the noise is made of."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from gate_runs import record, rules
from scipy import stats

from evalprov.judge.metric_diff import Side
from evalprov.judge.rules import Rules
from evalprov.judge.self_comparison import Rate, SelfComparison, by_chance, measure, tolerable, wilson
from evalprov.record.manifest import Manifest

FEW = 200


def trials(count: int, values: Callable[[int], dict[str, Sequence[Any]]]) -> list[Manifest]:
    """Return so many runs of one program; `values` gives each trial's, by metric and scenario."""
    return [record(f"20260920T12{trial:04d}Z", values(trial)) for trial in range(count)]


def flat(numbers: Sequence[float], name: str = "accuracy") -> list[Manifest]:
    """Return runs that reported one number each."""
    runs = trials(len(numbers), lambda _: {})
    for run, number in zip(runs, numbers, strict=True):
        run["metric_summary"] = {name: number}
    return runs


def noisy(seed: int, count: int = 6, scenarios: int = 40) -> list[Manifest]:
    """Return trials whose scenarios each come out right with a chance of their own."""
    rng = random.Random(seed)
    chances = [rng.random() for _ in range(scenarios)]
    return trials(count, lambda _: {"correct": [rng.random() < chance for chance in chances]})


def measured(runs: Sequence[Manifest], given: Rules | None = None, most: int = FEW) -> SelfComparison:
    """Compare them with each other."""
    return measure(Side(tuple(runs)), given or rules(), most=most)


@pytest.mark.long
def test_identical_programs_rarely_fail_the_gate() -> None:
    """Trials that differ by chance alone: it fires no more often than stated, in real and in made-up pairs."""
    found = measured(noisy(4), most=600)
    assert found.verdict == "holds"
    assert (found.pairs.of, found.pairs.interval) == (30, None)
    assert found.resampled is not None
    assert found.resampled.of == 600
    assert found.resampled.interval is not None
    low, high = found.resampled.interval
    assert low <= found.resampled.fired / 600 <= high < found.level + 0.04
    assert low <= found.level


@pytest.mark.long
def test_the_same_trials_give_the_same_figures() -> None:
    """Chance has a fixed seed."""
    assert measured(noisy(2)) == measured(noisy(2))


def test_trials_that_drift_are_not_alike() -> None:
    """Where every trial is a little better than the one before, that is said, whatever the made-up pairs do."""
    rng = random.Random(3)
    found = measured(trials(6, lambda trial: {"correct": [rng.random() < 0.3 + 0.09 * trial for _ in range(60)]}))
    assert found.verdict == "trials_differ"
    (one,) = found.metrics
    assert one.differs
    assert one.fired == found.pairs.fired > 0
    assert found.resampled is not None
    assert found.resampled.fired / FEW < found.pairs.fired / found.pairs.of
    assert one.tolerance is not None  # its scenarios do not tell its noise


@pytest.mark.long
def test_what_whole_groups_do_is_not_taken_for_drift() -> None:
    """Scenarios of one group that go up and down together are no sign that trials differ."""
    rng = random.Random(5)
    groups = {f"t{n}": f"g{n // 10}" for n in range(60)}

    def values(_: int) -> dict[str, Sequence[Any]]:
        shifts = [rng.gauss(0, 1) for _ in range(6)]
        return {"score": [shifts[n // 10] + rng.gauss(0, 0.1) for n in range(60)]}

    runs = trials(6, values)
    assert measured(runs).verdict == "trials_differ"
    for run in runs:
        run["scenario_groups"] = groups
    assert measured(runs).verdict == "holds"


def test_variance_is_parted_into_within_and_between() -> None:
    """Known shares are found again: of values with a scenario's own level and noise from trial to trial."""
    rng = random.Random(6)
    levels = [rng.gauss(0, 2) for _ in range(400)]
    found = measured(trials(8, lambda _: {"score": [level + rng.gauss(0, 1) for level in levels]}), most=1)
    (one,) = found.metrics
    assert one.within == pytest.approx(1 / 5, abs=0.03)
    assert one.deviation == pytest.approx(1 / 20, rel=0.6)  # the noise over the root of 400 scenarios
    assert (one.scenarios, one.unstable) == (400, 400)


def test_a_program_without_noise_has_none() -> None:
    """Every trial alike: nothing fires, nothing is unstable, and nothing is suggested."""
    found = measured(trials(4, lambda _: {"correct": [True, False] * 20}))
    (one,) = found.metrics
    assert found.verdict == "holds"
    assert (found.pairs.fired, one.unstable, one.within, one.deviation, one.tolerance) == (0, 0, 0.0, 0.0, None)


def test_two_trials_of_which_one_is_worse_by_chance_are_no_alarm() -> None:
    """One pair that fired says nothing of how often the gate fires."""
    found = measured(flat([0.80, 0.70]), rules(accuracy={"tolerance": 0.05}))
    assert (found.pairs.fired, found.verdict) == (1, "holds")


def test_three_trials_that_are_all_apart_are_an_alarm() -> None:
    """Chance hardly ever makes the gate fire in every pair of three."""
    found = measured(flat([0.8, 0.7, 0.6]), rules(accuracy={"tolerance": 0.05}))
    assert (found.pairs.fired, found.verdict) == (3, "fires_more")


def test_three_of_twenty_made_up_pairs_are_chance() -> None:
    """So many fire by chance in one of thirteen programs; of a thousand, ninety would be no chance."""
    assert by_chance(Rate(20, 3, 0, None), 0.05) == pytest.approx(stats.binom.sf(2, 20, 0.05))
    assert by_chance(Rate(1000, 90, 0, None), 0.05) < 1e-6
    assert by_chance(Rate(20, 0, 0, None), 0.05) == 1


def test_the_most_unstable_scenarios_come_first() -> None:
    """A coin beats a scenario that failed once; what never changed is not among them."""
    rows = {0: [1, 1, 1, 1, 1, 0], 1: [1, 0, 1, 0, 1, 0], 2: [1, 1, 1, 1, 1, 1]}
    found = measured(trials(6, lambda trial: {"correct": [bool(rows[n][trial]) for n in rows] + [True] * 20}))
    (one,) = found.metrics
    assert [(u.scenario, u.mean, u.low, u.high) for u in one.most_unstable] == [
        ("t1", 0.5, 0.0, 1.0),
        ("t0", pytest.approx(5 / 6), 0.0, 1.0),
    ]
    assert one.most_unstable[0].deviation == pytest.approx(0.3**0.5)


@pytest.mark.long
def test_it_says_how_much_data_a_smaller_move_takes() -> None:
    """Noise shrinks with the root of the number of scenarios, or trials; the move to see is what is tolerated."""
    (one,) = measured(noisy(7, scenarios=100)).metrics
    assert one.size == 0.03
    assert one.detectable is not None
    assert one.needed is not None
    times = (one.detectable / 0.03) ** 2
    assert one.needed.scenarios == pytest.approx(100 * times, abs=1)
    assert one.needed.trials == pytest.approx(times, abs=1)
    (other,) = measured(noisy(7, scenarios=100), rules(correct={"tolerance": 0.1})).metrics
    assert other.size == 0.1
    assert other.needed is not None
    assert other.needed.scenarios is not None
    assert one.needed.scenarios is not None
    assert other.needed.scenarios < one.needed.scenarios / 10


def test_one_number_a_run_cannot_be_judged_and_a_tolerance_is_suggested() -> None:
    """Without scenarios the gate cannot tell; what chance does between two runs is said, and then it can."""
    rng = random.Random(8)
    runs = flat([rng.gauss(0.7, 0.02) for _ in range(12)])
    found = measured(runs)
    assert (found.verdict, found.resampled) == ("cannot_tell", None)
    assert found.why
    (one,) = found.metrics
    assert one.within is None
    assert one.tolerance == tolerable(one.deviation, 12, 0.05)
    again = measured(runs, rules(accuracy={"tolerance": one.tolerance}))
    assert again.verdict == "holds"
    assert again.pairs.undecided == 0


@pytest.mark.parametrize("count", [3, 5, 20])
def test_the_suggested_tolerance_is_exceeded_as_rarely_as_stated(count: int) -> None:
    """Over many programs: two more runs differ, the wrong way, by more than it in 5 % of cases."""
    rng = random.Random(count)
    beyond = 0
    for _ in range(4000):
        numbers = [rng.gauss(10, 3) for _ in range(count)]
        mean = sum(numbers) / count
        deviation = (sum((number - mean) ** 2 for number in numbers) / (count - 1)) ** 0.5
        beyond += rng.gauss(10, 3) - rng.gauss(10, 3) > (tolerable(deviation, count, 0.05) or 0)
    assert stats.binomtest(beyond, 4000, 0.05).pvalue > 0.001 or 0.035 < beyond / 4000 < 0.05  # it is rounded up


def test_too_few_trials_suggest_nothing() -> None:
    """From two numbers nobody can say how far a third may lie."""
    (one,) = measured(flat([0.7, 0.8])).metrics
    assert one.tolerance is None


def test_many_trials_are_judged_in_a_bounded_number_of_pairs() -> None:
    """Of forty trials not all 1,560 pairs are compared."""
    found = measured(noisy(9, count=40, scenarios=10), most=1)
    assert found.pairs.of == 200
    assert len(found.runs) == 40


def test_scenarios_that_some_trials_lack_are_left_out_of_what_needs_all() -> None:
    """The others are judged, and nothing crashes on a gap."""
    runs = noisy(10)
    assert runs[2]["metrics"] is not None
    del runs[2]["metrics"]["t0"]
    values = [row["correct"] for row in runs[2]["metrics"].values()]
    runs[2]["metric_summary"] = {"correct_mean": sum(map(bool, values)) / len(values)}
    (one,) = measured(runs, most=20).metrics
    assert one.scenarios == 39


@pytest.mark.parametrize(("hits", "of"), [(0, 10), (3, 10), (31, 1000), (1000, 1000)])
def test_the_interval_is_wilsons(hits: int, of: int) -> None:
    """Held against scipy."""
    expected = stats.binomtest(hits, of).proportion_ci(method="wilson")
    assert wilson(hits, of) == pytest.approx((expected.low, expected.high), abs=1e-12)
