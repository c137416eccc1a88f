"""A metric's values by scenario, and those of two sides paired; numbers that any test takes."""

from __future__ import annotations

from array import array
from itertools import compress
from math import fsum, inf, isclose
from sys import float_info
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROUNDING = 1e-12  # values that differ by less, as a share of the larger, are alike


class Column(NamedTuple):
    """A metric's values by scenario, where it has any: their mean over the trials."""

    scenarios: Sequence[str]
    values: Sequence[float]


NO_COLUMN = Column((), ())


def is_rounded(value: float, exactly: float) -> bool:
    """Say whether a value is a number as somebody may have written it."""
    digits = len(repr(value).partition(".")[2])
    return isclose(exactly, value, rel_tol=1e-6) or round(exactly, digits) == value


def mean_of(values: Sequence[float]) -> float:
    """Return the mean, however large the values."""
    try:
        return fsum(values) / len(values)
    except OverflowError:
        return finite(4 * fsum(value / 4 / len(values) for value in values))


def finite(value: float) -> float:
    """Return a number that JSON can hold: the largest one for what is beyond."""
    return max(-float_info.max, min(float_info.max, value))


def number(value: bool | float) -> float:  # noqa: FBT001 - a metric may be a boolean
    """Return a metric's value as a float; the largest one for what is beyond."""
    try:
        return float(value)
    except OverflowError:
        return finite(inf if value > 0 else -inf)


def floats(values: Iterable[bool | float]) -> array[float]:
    """Return values as an array, the largest number for what is beyond."""
    try:
        return array("d", values)
    except OverflowError:
        return array("d", map(number, values))


class Pairs(NamedTuple):
    """The scenarios that both sides have a value for."""

    scenarios: Sequence[str]
    a: Sequence[float]
    b: Sequence[float]


class Pairing:
    """Pairs columns by scenario. Metrics mostly have the same scenarios: they are matched once."""

    def __init__(self) -> None:
        self._matched: tuple[Sequence[str], Sequence[str]] = ((), ())
        self._scenarios: Sequence[str] = ()
        self._in_a: Sequence[bool] = ()  # by scenario of A, whether B has it too
        self._places: Sequence[int] = ()  # in B, of those that both have

    def of(self, a: Column, b: Column) -> Pairs:
        """Return what both sides have, in A's order."""
        if a.scenarios is b.scenarios or a.scenarios == b.scenarios:
            return Pairs(a.scenarios, a.values, b.values)
        if self._matched[0] is not a.scenarios or self._matched[1] is not b.scenarios:
            self._match(a.scenarios, b.scenarios)
        values_b = array("d", map(b.values.__getitem__, self._places))
        return Pairs(self._scenarios, array("d", compress(a.values, self._in_a)), values_b)

    def _match(self, a: Sequence[str], b: Sequence[str]) -> None:
        places = dict(zip(b, range(len(b)), strict=True))
        self._matched = (a, b)
        self._in_a = list(map(places.__contains__, a))
        self._scenarios = list(compress(a, self._in_a))
        self._places = list(map(places.__getitem__, self._scenarios))
