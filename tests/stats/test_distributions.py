"""The tails and quantiles that tests are read off: those of scipy, over the whole range in use."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from evalprov.stats.distributions import chi2_sf, f_sf, t_quantile, t_two_sided

# What scipy 1.17 gives.
CHI2 = [
    (0.001, 1, 0.9747728793699604), (0.5, 1, 0.47950012218695337), (3.84, 1, 0.05004352124870519),
    (12, 1, 0.0005320055051392492), (400, 1, 5.507248237212379e-89), (2, 2, 0.36787944117144245),
    (14, 2, 0.0009118819655545164), (3.84, 5, 0.5726744598320888), (20, 5, 0.0012497305630313773),
    (0.5, 30, 1.0), (30, 30, 0.4656537089440098), (70, 30, 4.85491887861692e-05), (400, 30, 2.7954938576565057e-66),
    (199, 199, 0.48666782597231906), (400, 199, 1.2927080567006074e-15),
]  # fmt: skip
F = [
    (0.1, 1, 2, 0.7817821097640076), (20, 1, 2, 0.04653741075440769), (1, 2, 9, 0.40534442970590273),
    (20, 2, 9, 0.00048776308893527174), (2.5, 5, 30, 0.05244410472445014), (20, 5, 30, 9.581174502890933e-09),
    (0.1, 40, 5, 0.9999970804146966), (20, 40, 5, 0.0016473809879653848), (1, 199, 2000, 0.488549094076578),
    (2.5, 199, 2000, 2.044527240927164e-23),
]  # fmt: skip


@pytest.mark.parametrize(("x", "df", "p"), CHI2)
def test_the_chi_square_tail_is_the_known_one(x: float, df: int, p: float) -> None:
    """Our tail agrees with scipy's over the whole range in use."""
    assert chi2_sf(x, df) == pytest.approx(p, rel=1e-9)


@pytest.mark.parametrize(("x", "df1", "df2", "p"), F)
def test_the_f_tail_is_the_known_one(x: float, df1: int, df2: int, p: float) -> None:
    """Our tail agrees with scipy's over the whole range in use."""
    assert f_sf(x, df1, df2) == pytest.approx(p, rel=1e-9)


def test_tails_end_where_they_must() -> None:
    """Nothing exceeds less than zero, and nothing exceeds infinity."""
    assert (chi2_sf(-1, 3), chi2_sf(0, 3), chi2_sf(math.inf, 3)) == (1, 1, 0)
    assert (f_sf(-1, 3, 3), f_sf(0, 3, 3), f_sf(math.inf, 3, 3)) == (1, 1, 0)


DEGREES = (1, 1.5, 2, 3, 4.2, 7, 16, 99.5, 1e3, 1e4, 99_999, 1e6, 1e9, math.inf)


@pytest.mark.parametrize("df", DEGREES)
def test_the_t_tail_is_the_known_one(df: float) -> None:
    """From the middle far out, for few degrees of freedom and for very many, our tail is scipy's."""
    for t in (0, 1e-9, 0.01, 0.5, 1, 1.96, 2.5, 4, 8, 20, 37):
        known = 2 * (special.stdtr(df, -t) if math.isfinite(df) else special.ndtr(-t))
        assert t_two_sided(t, df) == pytest.approx(known, rel=1e-7, abs=1e-300), t
        assert t_two_sided(-t, df) == t_two_sided(t, df)
    assert t_two_sided(math.inf, df) == 0


@given(df=st.floats(1, 1e7) | st.just(math.inf), share=st.floats(1e-6, 1 - 1e-6))
def test_the_t_quantile_is_the_known_one(df: float, share: float) -> None:
    """So large a share lies below it, as scipy has it."""
    known = special.stdtrit(df, share) if math.isfinite(df) else special.ndtri(share)
    assert t_quantile(share, df) == pytest.approx(float(known), rel=1e-7, abs=1e-7)


def test_quantiles_end_where_they_must() -> None:
    """Half lies below the middle, and all of it below nothing that is finite."""
    assert (t_quantile(0.5, 3), t_quantile(1, 3), t_quantile(0, 3)) == (0, math.inf, -math.inf)
