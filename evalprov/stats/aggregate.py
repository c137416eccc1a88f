"""Numbers made of all scenarios at once (F1 of two kinds, corpus BLEU, a weighted score, a quantile), and their noise.

What is a smooth function of sums is jackknifed: how far the number moves when one scenario is left out says what that
scenario brings to it, and these shares are compared as the values of a mean are. A quantile is no smooth function:
scenarios are drawn anew for its interval, and the two sides of each are exchanged for its p-value, which is exact.
"""

from __future__ import annotations

import re
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from evalprov.named import NamedTuple
from evalprov.stats.columns import finite
from evalprov.stats.evidence import Evidence, Noise, t_detectable
from evalprov.stats.paired import doubt_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Function = Callable[[Sequence[Sequence[float]]], float]  # of columns, each the values by scenario

MACRO_F1 = "macro_f1"
MOST_LEFT_OUT = 400  # times that a function of the user's own is asked without some of the scenarios
_EXCHANGES = 1999
_CELLS = 4_000_000  # numbers that are drawn at a time
_DRAWN = 2_000  # of more scenarios a quantile's noise is as well read off their density
_SEED = 20
_ORDERS = 4  # of the words in a row that BLEU counts
_PERCENT = re.compile(r"p(\d{1,2}(?:\.\d+)?)")
_METHODS = ("linear", "lower", "higher", "nearest", "inverted_cdf", "median_unbiased")


class Aggregate(NamedTuple):
    """How a number is made of its scenarios' values."""

    name: str
    of: tuple[str, ...]  # the scenarios' metrics that it takes
    share: float | None = None  # the quantile that it is
    method: str = "linear"  # of the quantile
    function: Function | None = None  # the user's own

    def value(self, columns: Sequence[Floats]) -> float:
        """Return the number, NaN where there is none."""
        if self.share is not None:
            return float(np.quantile(columns[0], self.share, method=self.method))  # type: ignore[call-overload]
        if self.function is not None:
            return _number(self.function([column.tolist() for column in columns]))
        if self.name == MACRO_F1:
            return _macro_f1(columns)[0]
        with np.errstate(all="ignore"):
            return float(_OF_SUMS[self.name](self._table(columns).sum(axis=1)))

    def _table(self, columns: Sequence[Floats]) -> Floats:
        """Return what is summed."""
        return np.stack([columns[0] * columns[1], columns[1]] if self.name == "weighted_mean" else columns)

    def shares(self, columns: Sequence[Floats]) -> Floats:
        """Return what each scenario brings to the number (the jackknife's pseudo-values), of which it is the mean."""
        n, whole = len(columns[0]), self.value(columns)
        if self.name == MACRO_F1:
            without = _macro_f1(columns)[1]
        elif self.function is None:
            table = self._table(columns)
            with np.errstate(all="ignore"):
                without = np.asarray(_OF_SUMS[self.name](table.sum(axis=1)[:, None] - table))
        else:
            parts = min(n, MOST_LEFT_OUT)
            places = np.arange(n) % parts  # by turns, so that a part is like the whole
            left = np.array([self.value([column[places != part] for column in columns]) for part in range(parts)])
            sizes = np.bincount(places)
            without = whole + (left - whole)[places] / sizes[places]
        without = np.where(np.isfinite(without), without, whole)
        shares = n * whole - (n - 1) * without
        return np.asarray(shares - shares.mean() + whole)


def names_of(aggregate: str) -> tuple[str, ...] | None:
    """Return the scenarios' metrics that an aggregate takes if none are named; null if it must be told."""
    return _NAMES.get("pass@k" if aggregate.startswith("pass@") else aggregate)


def quantile_of(aggregate: str) -> float | None:
    """Return the share that `p95` or `median` says lies below."""
    if aggregate == "median":
        return 0.5
    found = _PERCENT.fullmatch(aggregate)
    return float(found[1]) / 100 if found else None


def methods() -> Sequence[str]:
    """Return the ways to take a quantile between two values, the usual one first."""
    return _METHODS


def pass_at(k: int, right: Floats, tried: Floats) -> Floats:
    """Return how likely one of k samples is right, by scenario, of so many that were tried (Chen et al. 2021)."""
    pairs = zip(right.astype(int).tolist(), tried.astype(int).tolist(), strict=True)
    return np.array([1 - comb(n - c, k) / comb(n, k) if n >= k else np.nan for c, n in pairs])


# --- functions of sums


def _f1(sums: Floats) -> Floats:
    hit, spurious, missed = sums
    return np.asarray(2 * hit / (2 * hit + spurious + missed))


def _ratio(sums: Floats) -> Floats:
    return np.asarray(sums[0] / sums[1])


def _first_of_both(sums: Floats) -> Floats:
    return np.asarray(sums[0] / (sums[0] + sums[1]))


def _bleu(sums: Floats) -> Floats:
    """Return corpus BLEU from 0 to 100, of counts of words in a row that were right and that there are.

    An order with none right counts half of what the one before lacking did (exponential smoothing).
    """
    right, total = sums[:_ORDERS], sums[_ORDERS : 2 * _ORDERS]
    system, reference = sums[2 * _ORDERS], sums[2 * _ORDERS + 1]
    lacking = np.cumsum(right == 0, axis=0)
    precision = np.where(right > 0, right, 0.5**lacking) / total
    brevity = np.exp(np.minimum(0.0, 1 - reference / system))
    return np.asarray(np.where(right[0] == 0, 0.0, 100 * brevity * np.exp(np.log(precision).mean(axis=0))))


def _macro_f1(columns: Sequence[Floats]) -> tuple[float, Floats]:
    """Return the mean F1 of all classes, of what each scenario is and what it was taken for, and it less each scenario.

    A scenario counts in two classes at most, so the others' F1 stands without it as with it.
    """
    n = len(columns[0])
    classes, places = np.unique(np.concatenate(columns), return_inverse=True)
    true, said = places[:n], places[n:]
    right = true == said
    hit = np.bincount(true[right], minlength=len(classes)).astype(float)
    rest = np.bincount(places, minlength=len(classes)) - 2 * hit  # of a class, what it has of false and missed ones
    f1 = 2 * hit / (2 * hit + rest)

    def without(at: NDArray[np.int64]) -> tuple[Floats, NDArray[np.bool_]]:
        hits, others = hit[at] - right, rest[at] - ~right
        gone = hits + others == 0
        return np.where(gone, 0.0, 2 * hits / np.where(gone, 1.0, 2 * hits + others)), gone

    (one, one_gone), (other, other_gone) = without(true), without(said)
    twice = ~right
    sums = f1.sum() - f1[true] + one + twice * (other - f1[said])
    left = len(classes) - one_gone - (twice & other_gone)
    return float(f1.mean()), sums / np.maximum(left, 1)


_OF_SUMS: dict[str, Callable[[Floats], Floats]] = {
    "micro_f1": _f1,
    "micro_precision": _first_of_both,
    "micro_recall": _first_of_both,
    "ratio": _ratio,
    "weighted_mean": _ratio,
    "bleu": _bleu,
}
_NAMES: dict[str, tuple[str, ...]] = {
    "micro_f1": ("tp", "fp", "fn"),
    "micro_precision": ("tp", "fp"),
    "micro_recall": ("tp", "fn"),
    "bleu": (
        *(f"bleu_correct_{order}" for order in range(1, _ORDERS + 1)),
        *(f"bleu_total_{order}" for order in range(1, _ORDERS + 1)),
        "bleu_sys_len",
        "bleu_ref_len",
    ),
    "pass@k": ("correct", "samples"),
    MACRO_F1: ("label", "predicted"),
}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


# --- quantiles


def of_quantiles(a: Floats, b: Floats, aggregate: Aggregate) -> Evidence:
    """Compare a quantile of the same scenarios on both sides."""
    n = len(a)
    effect = aggregate.value([b]) - aggregate.value([a])
    draw = np.random.default_rng(_SEED)
    step = max(1, _CELLS // n)
    if n > _DRAWN:
        p, drawn = _by_density(a, b, aggregate, effect)
        method = f"{aggregate.name}: its noise by the values' density"
    else:
        moves = [
            _exchanged(a, b, aggregate, draw.random((min(step, _EXCHANGES - done), n)) < 0.5)
            for done in range(0, _EXCHANGES, step)
        ]
        reach = abs(effect) * (1 - 1e-9)
        p = (1 + sum(int(np.count_nonzero(np.abs(one) >= reach)) for one in moves)) / (_EXCHANGES + 1)
        drawn = np.concatenate(
            [
                _drawn(a, b, aggregate, draw.integers(n, size=(min(step, _EXCHANGES - done), n)))
                for done in range(0, _EXCHANGES, step)
            ]
        )
        method = f"{aggregate.name}: sides exchanged by scenario"
    noise = Noise(float(np.std(drawn)), n - 1, doubt_of(drawn - drawn.mean()))
    # Of so many scenarios hardly any lies beyond: the tail then says nothing.
    beyond = n * min(aggregate.share or 0.5, 1 - (aggregate.share or 0.5))
    least = max(2.0 ** (1 - n), 1 / (_EXCHANGES + 1)) if beyond >= 1 else 1.0

    def interval(level: float) -> tuple[float, float]:
        low, high = np.quantile(drawn, (level / 2, 1 - level / 2))
        return finite(float(low)), finite(float(high))

    return Evidence(
        effect=effect,
        p=max(p, least),
        min_p=least,
        method=method,
        pairing="scenarios",
        n=n,
        noise=noise,
        interval=interval,
        detectable=lambda level: t_detectable(noise, level),
        fewest=lambda _: max(6, int(np.ceil(n / max(beyond, 1e-9)))),
    )


def _exchanged(a: Floats, b: Floats, aggregate: Aggregate, other: NDArray[np.bool_]) -> Floats:
    """Return the moves that exchanging the sides of some scenarios gives."""
    ones, others = np.where(other, b, a), np.where(other, a, b)
    return _quantiles(others, aggregate) - _quantiles(ones, aggregate)


def _drawn(a: Floats, b: Floats, aggregate: Aggregate, places: NDArray[np.int64]) -> Floats:
    return _quantiles(b[places], aggregate) - _quantiles(a[places], aggregate)


def _quantiles(rows: Floats, aggregate: Aggregate) -> Floats:
    return np.asarray(np.quantile(rows, aggregate.share, axis=1, method=aggregate.method))  # type: ignore[call-overload]


def _by_density(a: Floats, b: Floats, aggregate: Aggregate, effect: float) -> tuple[float, Floats]:
    """Return the p-value and draws of a quantile's move by what each scenario brings to it (Woodruff 1952)."""
    from evalprov.stats.distributions import t_two_sided

    share = aggregate.share or 0.5
    brought = np.zeros(len(a))
    for values, sign in ((b, 1.0), (a, -1.0)):
        width = min(share, 1 - share, 2 * (share * (1 - share) / len(values)) ** 0.5)
        low, high = np.quantile(values, (share - width, share + width))
        here = np.quantile(values, share)
        brought += sign * ((values > here) - (1 - share)) * float(high - low) / (2 * width)
    error = float(np.std(brought)) / len(a) ** 0.5
    z = effect / error if error else (float("inf") if effect else 0.0)
    spread = np.random.default_rng(_SEED).standard_normal(_EXCHANGES)
    spread = (spread - spread.mean()) / np.std(spread)
    return t_two_sided(z, float("inf")), effect + error * spread
