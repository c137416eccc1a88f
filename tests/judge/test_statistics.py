"""The tests and intervals, held against scipy, statsmodels and tracelens, and against what chance does."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tracelens.baselines.comparison import holm_adjusted, two_sample_p_value
from tracelens.statistics.run_comparison import min_tasks_for, paired_task_effect

from evalprov.stats import paired, unpaired
from evalprov.stats.evidence import Noise, agreed, flips_needed
from evalprov.stats.noise import holm, mcnemar
from evalprov.stats.permutation import exchanged
from evalprov.stats.together import TogetherAsked, adjusted
from evalprov.stats.whole_run import Spread, both, of_runs

GAINS = [0.3, -0.1, 0.45, 0.2, 0.6, 0.15, -0.05, 0.4]
MOVES = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, 1.0, -1.0, 0.5]))


def changes(up: int, down: int, same: int) -> np.ndarray:
    """Return the differences of rates of which so many rose and fell."""
    return np.array([1.0] * up + [-1.0] * down + [0.0] * same)


@pytest.mark.parametrize(("up", "down"), [(0, 0), (1, 0), (6, 0), (3, 9), (40, 60), (500, 430), (3000, 3300)])
def test_paired_rates_are_judged_by_mcnemars_mid_p_test(up: int, down: int) -> None:
    """The p-value is scipy's binomial test of the scenarios that changed, what was seen counted by half."""
    seen = stats.binom.pmf(up, up + down, 0.5) if up != down else 0.0
    expected = stats.binomtest(up, up + down).pvalue - seen if up + down else 1.0
    for same in (0, 50):
        if up + down + same:
            found = paired.of_rates(changes(up, down, same))
            assert found.p == pytest.approx(expected, rel=1e-9)
            assert found.effect == (up - down) / (up + down + same)


def test_the_interval_of_paired_rates_is_bonett_and_prices() -> None:
    """It is Wald's with one change each way added, and has width where nothing changed."""
    low, high = paired.bonett_price(9, 3, 50, 0.05)
    middle, spread = (10 - 4) / 52, (10 + 4) / 52
    reach = stats.norm.ppf(0.975) * math.sqrt((spread - middle**2) / 52)
    assert (low, high) == pytest.approx((middle - reach, middle + reach))
    low, high = paired.bonett_price(0, 0, 50, 0.05)
    assert -0.06 < low < 0 < high < 0.06


def test_few_paired_numbers_are_judged_by_exact_sign_flips() -> None:
    """The p-value is scipy's permutation test over all signs, and tracelens' exact one."""
    expected = stats.permutation_test(
        (np.array(GAINS),), np.mean, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    found = paired.of_numbers(np.array(GAINS))
    assert (found.p, found.method) == (pytest.approx(expected), "sign flips, exact")
    assert found.p == pytest.approx(paired_task_effect(GAINS).p_value)


@given(st.lists(MOVES, min_size=2, max_size=11))
@settings(max_examples=60)
def test_sign_flips_agree_with_tracelens(gains: list[float]) -> None:
    """Whatever the differences, ties and zeros included, both count the same share of signs."""
    assert paired.flips_p(np.array([gain for gain in gains if gain])) == pytest.approx(
        paired_task_effect(gains).p_value, abs=1e-12
    )


def test_many_paired_numbers_are_judged_by_the_t_test() -> None:
    """The p-value and the interval are scipy's."""
    draw = np.random.default_rng(1)
    a = draw.lognormal(size=80)
    b = a + draw.normal(0.2, 1, size=80)
    expected = stats.ttest_rel(b, a)
    found = paired.of_numbers(b - a)
    assert (found.p, found.method) == (pytest.approx(expected.pvalue), "paired t")
    low, high = found.interval(0.05) or (0.0, 0.0)
    plain = expected.confidence_interval(0.95)
    assert low <= plain.low + 0.01 * (plain.high - plain.low)  # the longer tail's end is further out
    assert high >= plain.high - 0.01 * (plain.high - plain.low)
    assert high - low < 1.6 * (plain.high - plain.low)


def test_no_p_value_is_below_what_chance_can_do() -> None:
    """Differences that are all the same have no noise to divide by, and are no more certain than their number."""
    for n in (3, 6, 17, 18, 40):
        assert paired.of_numbers(np.full(n, 0.5)).p == pytest.approx(2.0 ** (1 - n))


def test_few_changed_among_many_are_judged_by_those_that_changed() -> None:
    """Four scenarios that all rose among 500 could be chance, five hardly, and the interval says so too."""
    four, five = (paired.of_numbers(np.array([1.0] * rose + [0.0] * (500 - rose))) for rose in (4, 5))
    assert (four.p, five.p) == pytest.approx((0.125, 0.03125))
    interval = agreed(four, (0.025, 0.025), proven=False)
    assert interval is not None
    assert interval[0] < 0 < interval[1]
    proven = agreed(five, (0.025, 0.025), proven=True)
    assert proven is not None
    assert proven[0] > 0


def test_five_differences_speak_only_if_the_t_test_agrees() -> None:
    """Five that all rose are no proof where one rose a hundred times as far as the others."""
    assert paired.of_numbers(np.array([1.0, 1.2, 0.9, 1.1, 1.3])).p == pytest.approx(0.03125)
    uneven = np.array([1.0, 1.2, 0.9, 1.1, 130.0])
    assert paired.of_numbers(uneven).p == pytest.approx(stats.ttest_1samp(uneven, 0).pvalue)


@pytest.mark.parametrize("n", [6, 9, 14])
def test_the_interval_of_few_numbers_is_what_sign_flips_do_not_rule_out(n: int) -> None:
    """A shift inside has a p-value of more than 5 % of the shifted differences, a shift outside has not."""
    d = np.random.default_rng(n).lognormal(size=n)
    found = paired.of_numbers(d)
    interval = found.interval(0.05)
    assert interval is not None
    low, high = interval
    width = high - low
    for inside in (low + 1e-6 * width, high - 1e-6 * width):
        assert paired.flips_p(d - inside) > 0.05
    for outside in (low - 1e-6 * width, high + 1e-6 * width):
        assert paired.flips_p(d - outside) <= 0.05


def test_where_no_shift_can_be_ruled_out_there_is_no_interval() -> None:
    """Of fewer than five scenarios nothing follows."""
    assert paired.of_numbers(np.array([1.0, 2.0, 3.0, 4.0])).interval(0.05) is None


def test_the_fewest_scenarios_are_those_of_tracelens() -> None:
    """Six at 5 %, eight at 1 %."""
    for level in (0.1, 0.05, 0.01, 0.001):
        assert flips_needed(level) == min_tasks_for(1 - level)


def grouped(count: int, each: int, seed: int) -> tuple[np.ndarray, list[int]]:
    """Return differences that share something within their groups."""
    draw = np.random.default_rng(seed)
    groups = [group for group in range(count) for _ in range(each)]
    shared = draw.normal(0, 1, size=count)
    return np.array([shared[group] + draw.normal(0.3, 0.5) for group in groups]), groups


@pytest.mark.parametrize("count", [18, 25, 60])
def test_grouped_scenarios_have_the_clustered_standard_error(count: int) -> None:
    """With groups of one size the standard error, the p-value and the interval are those of statsmodels."""
    d, groups = grouped(count, 4, count)
    fitted = sm.OLS(d, np.ones(len(d))).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    found = paired.of_groups(d, groups)
    assert paired.clustered_noise(d, groups)[:2] == pytest.approx((fitted.bse[0], count - 1))
    assert (found.n, found.pairing, found.method) == (count, "groups", "paired t, clustered by group")
    assert found.p == pytest.approx(fitted.pvalues[0])
    assert found.interval(0.05) == pytest.approx(tuple(fitted.conf_int()[0]))


def test_groups_of_unequal_size_have_the_jackknifes_standard_error() -> None:
    """It is how far the mean moves with each group left out, and large groups count as few."""
    d, groups = grouped(20, 3, 1)
    d, groups = np.append(d, d[:30] + 1), groups + [0] * 30
    places = np.array(groups)
    means = np.array([d[places != group].mean() for group in range(20)])
    error, df = paired.clustered_noise(d, groups)[:2]
    assert error == pytest.approx(math.sqrt(19 / 20 * ((means - d.mean()) ** 2).sum()))
    assert df == pytest.approx(90**2 / (33**2 + 19 * 3**2) - 1)


def test_one_large_group_does_not_cry_wolf() -> None:
    """Where one group holds two thirds of the scenarios chance raises no more alarms than it may."""
    draw = np.random.default_rng(2)
    groups = [0] * 60 + [1 + i // 2 for i in range(38)]
    alarms = [0, 0]
    for _ in range(400):
        sides = [draw.normal(0, 1, size=20)[groups] + draw.normal(0, 0.5, size=98) for _ in range(2)]
        alarms[0] += paired.of_groups(sides[1] - sides[0], groups).p < 0.05
        alarms[1] += unpaired.of_means(*(unpaired.mean_of(side, groups) for side in sides)).p < 0.05
    assert max(alarms) <= stats.binom.isf(1e-3, 400, 0.05)


def test_few_groups_are_flipped_as_a_whole() -> None:
    """The p-value is the share of all signs of the groups that move the mean as far."""
    d, groups = grouped(9, 3, 4)
    sums = [sum(value for value, group in zip(d, groups, strict=True) if group == one) for one in range(9)]
    ways = [abs(sum(sign * one for sign, one in zip(signs, sums, strict=True))) for signs in product((1, -1), repeat=9)]
    found = paired.of_groups(d, groups)
    assert found.p == pytest.approx(np.mean([way >= abs(sum(sums)) - 1e-9 for way in ways]))
    assert found.method == "sign flips of whole groups, exact"


TABLES = [
    (hits_a, a, hits_b, b)
    for a, b in ((1, 1), (2, 4), (7, 4), (12, 12), (30, 9))
    for hits_a, hits_b in ((0, b), (a, 0), (a // 2, b // 2), (a, b), (a // 3, b - b // 3))
]


@pytest.mark.parametrize(("hits_a", "a", "hits_b", "b"), [*TABLES, (31, 40, 20, 41), (55, 60, 44, 60), (2, 100, 9, 90)])
def test_rates_without_pairs_are_judged_by_boschloos_and_fishers_exact_tests(
    hits_a: int, a: int, hits_b: int, b: int
) -> None:
    """The p-values are scipy's and, for Boschloo's, tracelens' as well."""
    table = [[hits_a, hits_b], [a - hits_a, b - hits_b]]
    expected = stats.boschloo_exact(table).pvalue
    found = unpaired.boschloo(hits_a, a, hits_b, b)
    assert found == pytest.approx(1.0 if math.isnan(expected) else expected, rel=1e-5)
    assert unpaired.boschloo(hits_b, b, hits_a, a) == pytest.approx(found)
    assert unpaired.fisher(hits_a, a, hits_b, b) == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-7)
    values = [[1.0] * hits + [0.0] * (n - hits) for hits, n in ((hits_a, a), (hits_b, b))]
    _, theirs = two_sample_p_value(*values, binary=True)
    if hits_a * b != hits_b * a and theirs is not None:
        assert found == pytest.approx(theirs, rel=1e-5)


def test_boschloos_test_is_never_less_sure_than_fishers() -> None:
    """Among all tables of ten against fourteen the one-sided p-value is at most Fisher's."""
    for hits_a, hits_b in product(range(11), range(15)):
        fishers = stats.fisher_exact([[hits_a, hits_b], [10 - hits_a, 14 - hits_b]], alternative="less").pvalue
        assert unpaired.boschloo_less(hits_a, 10, hits_b, 14) <= fishers + 1e-12


def test_large_counts_are_judged_in_time_and_alike() -> None:
    """Where one test hands over to the next the p-values hardly differ."""
    exact = unpaired.of_counts(610, 1000, 565, 1000)
    fisher = unpaired.of_counts(612, 1003, 567, 1003)
    assert (exact.method, fisher.method) == ("Boschloo, exact", "Fisher, exact")
    assert exact.p == pytest.approx(fisher.p, rel=0.15)
    normal = unpaired.of_counts(500_000, 1_000_000, 501_500, 1_000_000)
    assert normal.method == "two rates, normal"
    assert normal.p == pytest.approx(unpaired.fisher(500_000, 1_000_000, 501_500, 1_000_000), rel=0.01)
    rare = unpaired.of_counts(3, 900_000_000, 14, 900_000_000)
    assert rare.method == "Fisher, exact"
    assert rare.p == pytest.approx(mcnemar(3, 14), rel=1e-4)


def test_numbers_without_pairs_are_judged_by_welchs_test() -> None:
    """The p-value and the interval are scipy's, from the values and from standard errors alike."""
    draw = np.random.default_rng(3)
    a, b = draw.normal(0, 1, size=12), draw.normal(0.8, 3, size=30)
    expected = stats.ttest_ind(b, a, equal_var=False)
    found = unpaired.of_means(unpaired.mean_of(a), unpaired.mean_of(b))
    assert found.p == pytest.approx(expected.pvalue)
    assert found.interval(0.05) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    known = [unpaired.Mean(float(x.mean()), len(x), Noise(float(stats.sem(x)), len(x) - 1)) for x in (a, b)]
    assert unpaired.of_means(known[0], known[1]).p == pytest.approx(expected.pvalue)


def test_numbers_that_do_not_vary_are_no_surer_than_their_orders() -> None:
    """Five trials of one value against five of another: one order of 126, either way."""
    found = unpaired.of_means(unpaired.mean_of(np.full(5, 0.8)), unpaired.mean_of(np.full(5, 0.7)))
    assert found.p == pytest.approx(2 / math.comb(10, 5))
    none = unpaired.of_means(unpaired.mean_of(np.full(5, 0.8)), unpaired.mean_of(np.full(6, 0.8)))
    assert none.p == 1


def test_groups_without_pairs_have_clustered_errors_on_each_side() -> None:
    """Each side's standard error is statsmodels'."""
    d, groups = grouped(20, 4, 8)
    fitted = sm.OLS(d, np.ones(len(d))).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    mean = unpaired.mean_of(d, groups)
    assert (*mean.noise[:2], mean.n) == pytest.approx((fitted.bse[0], 19, 20))


def test_trials_of_few_scenarios_are_exchanged_within_them() -> None:
    """The p-value is the share of all exchanges, counted one by one."""
    a, b = [[1.0, 2.0, 4.0], [0.0, 1.0, 0.5]], [[3.0, 5.0], [2.0, 2.5]]
    expected = []
    for picks in product(*([(i, j) for i in range(5) for j in range(i)] for _ in a)):
        moved = 0.0
        for xs, ys, pick in zip(a, b, picks, strict=True):
            values = [*xs, *ys]
            of_b = [values[i] for i in pick]
            moved += sum(of_b) / 2 - (sum(values) - sum(of_b)) / 3
        expected.append(abs(moved))
    seen = sum(sum(ys) / 2 - sum(xs) / 3 for xs, ys in zip(a, b, strict=True))
    found = exchanged(np.array(a).T, np.array(b).T)
    assert found.p == pytest.approx(np.mean([one >= abs(seen) - 1e-9 for one in expected]))
    assert (found.method, found.min_p) == ("trials exchanged, exact", 0.02)
    assert found.effect == pytest.approx(seen / 2)


def test_many_trials_are_exchanged_in_the_limit() -> None:
    """With too many ways to count, the p-value is close to that of exchanges drawn at random."""
    draw = np.random.default_rng(5)
    a, b = draw.exponential(size=(12, 5)), draw.exponential(size=(12, 5)) + 0.3
    found = exchanged(a.T, b.T)
    both = np.concatenate([a, b], axis=1)
    seen = abs((b.mean(axis=1) - a.mean(axis=1)).sum())
    drawn = [
        abs((mixed[:, 5:].mean(axis=1) - mixed[:, :5].mean(axis=1)).sum())
        for mixed in (draw.permuted(both, axis=1) for _ in range(4000))
    ]
    assert found.method == "trials exchanged"
    assert found.p == pytest.approx(np.mean(np.array(drawn) >= seen), abs=0.02)


def test_runs_are_judged_by_students_t() -> None:
    """The p-value and the interval are scipy's, of runs of equal number and of one against several."""
    a, b = [0.902, 0.903, 0.901], [0.302, 0.301, 0.304]
    expected = stats.ttest_ind(b, a)
    found = of_runs(a, b)
    assert found is not None
    assert found.p == pytest.approx(expected.pvalue)
    assert found.interval(0.05) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    one = of_runs([0.85], [*b, 0.31])
    spread = np.var([*b, 0.31], ddof=1) * (1 + 1 / 4)
    assert one is not None
    assert one.p == pytest.approx(2 * stats.t.sf((0.85 - np.mean([*b, 0.31])) / math.sqrt(spread), 3))


def test_runs_that_are_all_alike_are_no_surer_than_their_orders() -> None:
    """Three of one number against three of another: one order of twenty, either way."""
    found = of_runs([0.9] * 3, [0.8] * 3)
    assert found is not None
    assert found.p == pytest.approx(2 / math.comb(6, 3))


def test_how_far_earlier_runs_lie_apart_counts() -> None:
    """One run on each side is judged by it alone, several by it and their own, and without any nothing is."""
    known = Spread(0.01, 9, 10)
    found = of_runs([1.0], [1.5], known)
    assert found is not None
    assert found.p == pytest.approx(2 * stats.t.sf(0.5 / math.sqrt(0.02), 9))
    assert of_runs([1.0], [1.5]) is None
    pooled = known.with_runs([1.0, 1.2], [2.0])
    assert (pooled.variance, pooled.df) == (pytest.approx((0.09 + 0.02) / 10), 10)


def test_two_tests_prove_together_what_both_do() -> None:
    """The larger p-value counts, and the interval holds what either does not rule out."""
    sure, unsure = paired.of_numbers(np.linspace(0.5, 1.5, 40)), of_runs([1.0, 2.0], [2.0, 3.0])
    assert unsure is not None
    together = both(sure, unsure)
    assert together.p == unsure.p
    assert together.interval(0.05) == unsure.interval(0.05)


def test_metrics_that_are_nearly_one_are_corrected_for_little_more_than_one() -> None:
    """Holm multiplies by their number, draws from how they go together do not; independent ones stay Holm's."""
    draw = np.random.default_rng(2)
    common = draw.normal(size=200)
    alike = [TogetherAsked(0.02 + 0.001 * i, 0, common + draw.normal(0, 0.05, size=200)) for i in range(10)]
    apart = [TogetherAsked(0.02 + 0.001 * i, 0, draw.normal(size=200)) for i in range(10)]
    assert adjusted(alike, 0.05)[0] == pytest.approx(0.03, abs=0.012)
    assert adjusted(apart, 0.05)[0] == pytest.approx(1 - 0.98**10, abs=0.02)
    assert adjusted([one._replace(moves=()) for one in alike], 0.05) == pytest.approx(holm([one.p for one in alike]))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_p_values_are_adjusted_as_tracelens_does(ps: list[float]) -> None:
    """Holm's adjustment, whatever the p-values."""
    assert holm(ps) == pytest.approx(holm_adjusted(ps))


def test_a_p_value_that_can_be_no_smaller_makes_no_interval_wide() -> None:
    """Of forty scenarios, and of few with several trials, that all rose by about one, the interval is about one."""
    draw = np.random.default_rng(1)
    rose = paired.of_numbers(1 + draw.normal(0, 0.01, size=40))
    low, high = agreed(rose, (0.025, 0.025), proven=True) or (0.0, 0.0)
    assert 0.99 < low < 1 < high < 1.01
    sides = [[list(side + draw.normal(0, 0.01, size=4)) for _ in range(3)] for side in (0, 1)]
    low, high = agreed(exchanged(*(np.array(side).T for side in sides)), (0.025, 0.025), proven=True) or (0.0, 0.0)
    assert 0.97 < low < 1 < high < 1.03


def covered(intervals: list[tuple[float, float] | None], truth: float) -> float:
    """Return the share of intervals that hold the truth."""
    return float(np.mean([one is not None and one[0] - 1e-9 <= truth <= one[1] + 1e-9 for one in intervals]))


def test_intervals_hold_the_truth_nineteen_times_in_twenty() -> None:
    """Over generated data every interval covers the true difference about as often as it says, or more often."""
    draw = np.random.default_rng(11)
    rounds = 400
    paired_rates, flipped, clustered, two_rates, welch = [], [], [], [], []
    for _ in range(rounds):
        kind = draw.choice([1.0, -1.0, 0.0], p=[0.16, 0.06, 0.78], size=60)
        paired_rates.append(paired.of_rates(kind).interval(0.05))
        flipped.append(paired.of_numbers(draw.laplace(0.5, 1, size=10)).interval(0.05))
        shared = np.repeat(draw.normal(0, 1, size=20), 5)
        values = 0.5 + shared + draw.normal(0, 1, size=100)
        clustered.append(paired.of_groups(values, [i // 5 for i in range(100)]).interval(0.05))
        hits = draw.binomial(30, 0.9), draw.binomial(40, 0.7)
        two_rates.append(unpaired.agresti_caffo(hits[0], 30, hits[1], 40, 0.05))
        sides = draw.normal(0, 1, size=9), draw.normal(0.5, 4, size=25)
        welch.append(unpaired.of_means(*(unpaired.mean_of(side) for side in sides)).interval(0.05))
    low = 0.95 - 3 * math.sqrt(0.95 * 0.05 / rounds)
    assert covered(paired_rates, 0.1) > low
    assert covered(flipped, 0.5) > low
    assert covered(clustered, 0.5) > low
    assert covered(two_rates, -0.2) > low
    assert covered(welch, 0.5) > low


@pytest.mark.parametrize("n", [10, 30, 100, 300])
def test_the_mid_p_test_is_as_rare_as_stated(n: int) -> None:
    """Counted through over all that can happen, it calls a rate moved, or fallen, in no more than 5 % of pairs."""
    for share in (0.02, 0.1, 0.3, 0.5):
        either = fallen = 0.0
        for changed in range(n + 1):
            weight = float(stats.binom.pmf(changed, n, share))
            if weight < 1e-7:
                continue
            ps = [paired.mcnemar_mid(up, changed - up) for up in range(changed + 1)]
            chances = stats.binom.pmf(np.arange(changed + 1), changed, 0.5)
            either += weight * sum(c for c, p in zip(chances, ps, strict=True) if p < 0.05)
            fallen += weight * sum(
                c for up, (c, p) in enumerate(zip(chances, ps, strict=True)) if 2 * up < changed and p < 0.1
            )
        assert either < 0.0505
        assert fallen < 0.0505
