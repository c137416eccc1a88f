"""The distributions that tests are read off: their tails, and the points that so large a share lies below.

Written out here, because an audit does without scipy, and because loading scipy takes longer than most comparisons.
"""

from __future__ import annotations

from functools import lru_cache
from math import erfc, exp, inf, isfinite, lgamma, log, log1p, pi, sqrt

_TINY = 1e-300
_CLOSE = 1e-15
_STEPS = 10_000
_HALVINGS = 1200  # as many halve the range of a float
_LAST = 1e-14
_LARGE = 1e4  # from here on a series is closer than the difference of two logarithms


def chi2_sf(x: float, df: float) -> float:
    """Return the chance that a chi-square variable exceeds x."""
    if x <= 0:
        return 1.0
    if x == inf:
        return 0.0
    a, half = df / 2, x / 2
    front = exp(a * log(half) - half - lgamma(a))
    if half < a + 1:  # the lower tail by its series
        term = total = 1 / a
        for n in range(1, _STEPS):
            term *= half / (a + n)
            total += term
            if term < total * _CLOSE:
                break
        return max(0.0, 1 - front * total)
    return front * _upper(a, half)


def _upper(a: float, x: float) -> float:
    """Return the upper incomplete gamma function without its front factor: a continued fraction, by Lentz."""
    b = x + 1 - a
    c = 1 / _TINY
    d = 1 / b
    value = d
    for n in range(1, _STEPS):
        step = -n * (n - a)
        b += 2
        d = 1 / _solid(step * d + b)
        c = _solid(b + step / c)
        value *= d * c
        if abs(d * c - 1) < _CLOSE:
            break
    return value


def f_sf(x: float, df1: float, df2: float) -> float:
    """Return the chance that a variable of the F distribution exceeds x."""
    if x <= 0:
        return 1.0
    if x == inf:
        return 0.0
    ratio = df1 / df2 * x
    return _beta(1 / (1 + ratio), ratio / (1 + ratio) if isfinite(ratio) else 1.0, df2 / 2, df1 / 2)


def _beta(x: float, rest: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function of x, which with the rest makes 1: either may be too small."""
    if x <= 0 or rest <= 0:
        return float(rest <= 0)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(rest, x, b, a)
    logs = a * (log1p(-rest) if rest < x else log(x)) + b * (log1p(-x) if x < rest else log(rest))
    front = exp(_rise(max(a, b), min(a, b)) - lgamma(min(a, b)) + logs) / a
    c, d = 1.0, 1 / _solid(1 - (a + b) * x / (a + 1))
    value = d
    for n in range(1, _STEPS):
        for step in (
            n * (b - n) * x / ((a + 2 * n - 1) * (a + 2 * n)),
            -(a + n) * (a + b + n) * x / ((a + 2 * n) * (a + 2 * n + 1)),
        ):
            d = 1 / _solid(1 + step * d)
            c = _solid(1 + step / c)
            value *= d * c
        if abs(d * c - 1) < _CLOSE:
            break
    return front * value


def _solid(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def _rise(a: float, b: float) -> float:
    """Return the logarithm of gamma(a + b) / gamma(a)."""
    if a < _LARGE or b > 1:
        return lgamma(a + b) - lgamma(a)
    c = b * (b - 1)
    return b * log(a) + c / (2 * a) - c * (2 * b - 1) / (12 * a * a) + c * c / (12 * a**3)


def t_two_sided(t: float, df: float) -> float:
    """Return how often chance alone brings so large a t, of whichever sign; of infinitely many degrees the normal's."""
    if not isfinite(df):
        return erfc(abs(t) / sqrt(2))
    return f_sf(t * t, 1, df)


@lru_cache(maxsize=256)
def t_quantile(share: float, df: float) -> float:
    """Return the t that so large a share of chance stays below."""
    if share < 0.5:
        return -t_quantile(1 - share, df)
    if share in (0.5, 1):
        return inf if share == 1 else 0.0
    beyond = 2 * (1 - share)
    low, high, t = 0.0, inf, _about(share, df)
    for _ in range(_HALVINGS):
        p = t_two_sided(t, df)
        low, high = (t, high) if p > beyond else (low, t)
        # Newton's step on the logarithm, which is nearly straight; what leads out of the bounds is halved instead.
        slope = -2 * _t_density(t, df) / p if p else 0.0
        step = log(p / beyond) / slope if slope else inf
        nearer = t - step if low < t - step < high else (low + high) / 2 if isfinite(high) else 2 * t
        if not isfinite(nearer):
            return inf
        if abs(nearer - t) <= _LAST * t:
            return nearer
        t = nearer
    return t


def _about(share: float, df: float) -> float:
    """Return a t near that quantile: the normal one to three digits, stretched for few degrees of freedom."""
    w = sqrt(-2 * log(1 - share))
    z = w - (2.515517 + 0.802853 * w + 0.010328 * w * w) / (1 + 1.432788 * w + 0.189269 * w * w + 0.001308 * w**3)
    stretched = z + (z**3 + z) / (4 * df) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * df * df)
    return max(stretched, _LAST)


def _t_density(t: float, df: float) -> float:
    if not isfinite(df):
        return exp(-t * t / 2) / sqrt(2 * pi)
    return exp(_rise(df / 2, 0.5) - (df + 1) / 2 * log1p(t * t / df)) / sqrt(df * pi)
