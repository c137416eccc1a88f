"""Whether those who judge the same things agree, and what a score would be if people had judged all of it."""

from __future__ import annotations

from math import inf, sqrt
from typing import TYPE_CHECKING, Literal

import numpy as np

from evalprov.named import NamedTuple
from evalprov.stats.distributions import t_quantile

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Scale = Literal[
    "nominal",  # alike or not
    "ordinal",  # in an order, steps of unknown size
    "interval",  # numbers
]
_GRADES = 10  # so many whole numbers at most are grades
_JACKKNIFED = 2000  # of more the first tell enough


class Corrected(NamedTuple):
    """A mean, with its standard error and the degrees of freedom of that."""

    mean: float
    error: float
    df: float

    def interval(self, level: float) -> tuple[float, float]:
        """Return what is left of the mean when so much doubt is allowed."""
        reach = t_quantile(1 - level / 2, self.df) * self.error
        return self.mean - reach, self.mean + reach


def scale_of(values: Floats) -> Scale:
    """Return what kind of values these are."""
    known = np.unique(values[~np.isnan(values)])
    if np.isin(known, (0, 1)).all():
        return "nominal"
    return "ordinal" if len(known) <= _GRADES and (known == np.round(known)).all() else "interval"


def cohen(one: Floats, other: Floats, scale: Scale) -> float | None:
    """Return Cohen's kappa of two that judged the same things; of grades with squared weights. Null for one grade."""
    grades, places = np.unique(np.concatenate([one, other]), return_inverse=True)
    count = len(grades)
    table = np.zeros((count, count))
    np.add.at(table, (places[: len(one)], places[len(one) :]), 1 / len(one))
    apart = _apart(np.arange(count, dtype=float) if scale == "ordinal" else grades, scale)
    chance = float((apart * np.outer(table.sum(axis=1), table.sum(axis=0))).sum())
    return 1 - float((apart * table).sum()) / chance if chance else None


def krippendorff(table: Floats, scale: Scale) -> float | None:
    """Return Krippendorff's alpha of raters (rows), who may have left out some of the things judged (columns)."""
    table = table[:, (~np.isnan(table)).sum(axis=0) > 1]
    known = ~np.isnan(table)
    grades = np.unique(table[known])
    counts = np.array([(table == grade).sum(axis=0) for grade in grades], dtype=float).reshape(len(grades), -1)
    sizes = counts.sum(axis=0)
    pairs = (counts / (sizes - 1)) @ counts.T - np.diag((counts / (sizes - 1)).sum(axis=1))
    of_grade = pairs.sum(axis=1)
    total = float(of_grade.sum())
    apart = _apart(_ranks(of_grade) if scale == "ordinal" else grades, "nominal" if scale == "nominal" else "interval")
    expected = float((apart * (np.outer(of_grade, of_grade) - np.diag(of_grade))).sum()) / max(total - 1, 1)
    return 1 - float((apart * pairs).sum()) / expected if expected else None


def _ranks(of_grade: Floats) -> Floats:
    return np.asarray(np.cumsum(of_grade) - of_grade / 2)


def _apart(places: Floats, scale: Scale) -> Floats:
    """Return how far grades lie apart, squared."""
    away = places[:, None] - places[None, :]
    return np.asarray((away != 0).astype(float) if scale == "nominal" else away**2)


def jackknifed(measure: Callable[[Floats], float | None], table: Floats, level: float) -> tuple[float, float] | None:
    """Return the interval of a measure of things judged (columns), by leaving each of them out in turn."""
    whole, n = measure(table), min(table.shape[1], _JACKKNIFED)
    without = [measure(np.delete(table, place, axis=1)) for place in range(n)] if whole is not None else []
    known = np.array([one for one in without if one is not None])
    if whole is None or len(known) < max(3, n):
        return None
    error = sqrt(float(((known - known.mean()) ** 2).sum()) * (n - 1) / n)
    reach = t_quantile(1 - level / 2, n - 1) * error
    return max(-1.0, whole - reach), min(1.0, whole + reach)


def prediction_powered(labels: Floats, graded: Floats, others: Floats, lam: float | None = None) -> Corrected:
    """Return the mean of all labels, had all been labelled: that of the grades, less the error that labels show.

    Prediction-powered inference (Angelopoulos et al. 2023). The others are the grades of what has no label. So much of
    the grades counts as makes the estimate the mean grade of all less the mean error, unless another share is given.
    A few labels that all agree with the grader do not prove that it never errs: of 0/1 values one error each way is
    added for the standard error.
    """
    n, many = len(labels), len(others)
    lam = many / (n + many) if lam is None else lam
    rest = labels - lam * graded
    mean = float(rest.mean()) + (lam * float(others.mean()) if many else 0.0)
    variance = float(rest.var(ddof=1)) / n if n > 1 else inf
    if n > 1 and np.isin(np.concatenate([labels, graded]), (0, 1)).all():
        added = np.concatenate([rest, rest.mean() + np.array([lam, -lam])])
        variance = max(variance, float(added.var(ddof=1)) / (n + 2))
    if many > 1:
        variance += lam**2 * float(others.var(ddof=1)) / many
    return Corrected(mean, sqrt(variance), max(n - 1, 1))
