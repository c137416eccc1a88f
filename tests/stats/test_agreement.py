"""Agreement of raters and corrected scores, held against published tables and other packages' numbers."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa, to_table

from evalprov.stats.agreement import cohen, jackknifed, krippendorff, prediction_powered, scale_of

NONE = np.nan
# Krippendorff (2011), "Computing Krippendorff's alpha-reliability", C: four observers, twelve units, gaps.
OBSERVED = np.array([
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
    [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
])  # fmt: skip


@pytest.mark.parametrize(("scale", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_krippendorffs_alpha_is_that_of_his_own_example(scale: str, alpha: float) -> None:
    """To the three digits that he gives."""
    assert krippendorff(OBSERVED, scale) == pytest.approx(alpha, abs=5e-4)  # type: ignore[arg-type]


def test_cohens_kappa_is_that_of_statsmodels() -> None:
    """Plain, and with squared weights."""
    draw = np.random.default_rng(1)
    one = draw.integers(1, 6, 60)
    other = np.clip(one + draw.integers(-1, 2, 60), 1, 5)
    table = to_table(np.column_stack([one - 1, other - 1]), bins=5)[0]
    floats = one.astype(float), other.astype(float)
    assert cohen(*floats, "nominal") == pytest.approx(cohens_kappa(table).kappa)
    assert cohen(*floats, "ordinal") == pytest.approx(cohens_kappa(table, wt="quadratic").kappa)
    assert cohen(np.ones(5), np.ones(5), "nominal") is None


def test_the_interval_of_kappa_is_about_that_of_its_large_sample_error() -> None:
    """Leaving out one thing in turn comes to what statsmodels has from a formula."""
    draw = np.random.default_rng(2)
    one = draw.random(400) < 0.6
    table = np.array([one, one ^ (draw.random(400) < 0.1)], dtype=float)
    found = jackknifed(lambda left: cohen(left[0], left[1], "nominal"), table, 0.05)
    theirs = cohens_kappa(to_table(table.T.astype(int), bins=2)[0])
    assert found == pytest.approx((theirs.kappa_low, theirs.kappa_upp), abs=0.01)


def test_the_kind_of_values_is_seen_in_them() -> None:
    """Shares are alike or not, a few whole numbers are grades."""
    assert scale_of(np.array([0.0, 1.0, NONE])) == "nominal"
    assert scale_of(np.array([1.0, 5.0])) == "ordinal"
    assert scale_of(np.array([0.5, 1.0])) == "interval"


LABELS = np.array([3.0, 1, 4, 1, 5, 9, 2, 6, 5, 3])
GRADES = np.array([2.0, 1, 4, 2, 5, 8, 3, 6, 6, 4])
OTHERS = np.array([2.0, 7, 1, 8, 2, 8, 1, 8, 2, 8, 4, 5, 9, 0, 4, 5])


@pytest.mark.parametrize(("lam", "mean", "error"), [(1.0, 4.425, 0.775821), (16 / 26, 4.223077, 0.592290)])
def test_a_prediction_powered_mean_is_that_of_ppi_python(lam: float, mean: float, error: float) -> None:
    """Its 0.2.3 divides by the number of values where we divide by one less."""
    found = prediction_powered(LABELS, GRADES, OTHERS, lam)
    assert found.mean == pytest.approx(mean)
    rest = (LABELS - lam * GRADES).var() / 10 + lam**2 * OTHERS.var() / 16
    assert np.sqrt(rest) == pytest.approx(error, abs=1e-6)
    assert error < found.error < error * np.sqrt(10 / 9)
    assert found.interval(0.05)[1] - found.mean == pytest.approx(2.262157 * found.error)


def test_the_corrected_mean_is_the_mean_grade_less_the_mean_error() -> None:
    """That is what the share of the grades is chosen for; where all is labelled, it is the mean label."""
    mean = np.concatenate([GRADES, OTHERS]).mean()
    assert prediction_powered(LABELS, GRADES, OTHERS).mean == pytest.approx(mean - (GRADES - LABELS).mean())
    assert prediction_powered(LABELS, GRADES, OTHERS[:0]).mean == pytest.approx(LABELS.mean())


def test_a_few_labels_that_all_agree_do_not_prove_that_a_grader_never_errs() -> None:
    """Of ten of ten 0/1 values an error in one of twenty stays well within the interval."""
    grades = np.array([1.0, 0, 1, 1, 1, 0, 1, 1, 0, 1])
    low, high = prediction_powered(grades, grades, grades[:0], 1.0).interval(0.05)
    assert low < -0.05
    assert high > 0.05
