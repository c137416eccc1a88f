"""Where a series of values changed its level: by ranks, so that no single value, however odd, makes or hides one."""

from __future__ import annotations

from itertools import accumulate
from math import comb, inf, isnan, sqrt
from statistics import NormalDist, fmean, median
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST = 5  # values on either side; fewer are an outage, not a level
# Of |t|: noise alone passes it in a few of 10,000 series, short or long, whatever its distribution.
_BOUND, _BOUND_OF_FEW = 4.6, 30.0
_ODD = 2  # so many values must not be all that a shift rests on
_BOUND_WITHOUT = 3.0  # of |t| without them
_WAYS = 100_000  # to part so many values so: of fewer even a clean cut is chance
_ROUNDS = 3
_NORMAL = NormalDist()


class LevelShift(NamedTuple):
    """A change of level: where the new one begins, and the levels between the shifts before and after it."""

    at: int
    before: float
    after: float
    t: float
    count_before: int
    count_after: int


class _Cut(NamedTuple):
    at: int
    t: float


def level_shifts(values: Sequence[float]) -> list[LevelShift]:
    """Return where the level of values in order changed, first to last; what is no number is passed over."""
    places = [place for place, value in enumerate(values) if not isnan(value)]
    told = [values[place] for place in places]
    found: list[_Cut] = []
    left = [(0, len(told))]
    while left:
        low, high = left.pop()
        if cut := _cut(told[low:high]):
            found.append(cut._replace(at=low + cut.at))
            left += [(low, low + cut.at), (low + cut.at, high)]
    found = _settled(told, sorted(found))
    ends = [0, *(cut.at for cut in found), len(told)]
    return [
        LevelShift(places[at], *_levels(told[low:at], told[at:high]), cut.t, at - low, high - at)
        for cut, low, at, high in zip(found, ends, ends[1:], ends[2:], strict=False)
    ]


def _settled(values: Sequence[float], found: list[_Cut]) -> list[_Cut]:
    """Look again for each between its neighbours: by those it may stand elsewhere, or be none."""
    for _ in range(_ROUNDS if len(found) > 1 else 0):
        before = found
        for place in reversed(range(len(found))):
            low = found[place - 1].at if place else 0
            high = found[place + 1].at if place + 1 < len(found) else len(values)
            cut = _cut(values[low:high])
            found = [*found[:place], *([cut._replace(at=low + cut.at)] if cut else []), *found[place + 1 :]]
        if found == before:
            break
    return found


def _cut(values: Sequence[float]) -> _Cut | None:
    """Return where values are best parted into two levels, where that is no chance."""
    count = len(values)
    if count < 2 * LEAST:
        return None
    scores = _scores(values)
    squares = sum(score * score for score in scores)
    if not squares:
        return None
    sums = list(accumulate(scores))
    at = max(range(LEAST, count - LEAST + 1), key=lambda k: sums[k - 1] ** 2 / (k * (count - k)))
    t = _t(sums[at - 1], at, count, squares)
    if abs(t) < _BOUND + _BOUND_OF_FEW / count or (count < 100 and comb(count, at) < _WAYS):
        return None
    few = scores[:at] if at <= count - at else scores[at:]
    way = 1 if sum(few) > 0 else -1
    odd = sorted(few, key=lambda score: -way * score)[:_ODD]
    rest = _t(sum(few) - sum(odd), len(few) - _ODD, count - _ODD, squares - sum(score * score for score in odd))
    return _Cut(at, -t) if way * rest >= _BOUND_WITHOUT else None


def _scores(values: Sequence[float]) -> list[float]:
    """Return normal scores: what a value of this rank would be among so many normal ones; like values have one."""
    count = len(values)
    score: dict[float, float] = {}
    below = 0
    ordered = sorted(values)
    while below < count:
        value = ordered[below]
        above = below + 1
        while above < count and ordered[above] == value:
            above += 1
        score[value] = _NORMAL.inv_cdf((below + above + 1) / (2 * count + 2))
        below = above
    middle = fmean(map(score.__getitem__, values))
    return [score[value] - middle for value in values]


def _t(total: float, part: int, count: int, squares: float) -> float:
    """Return Student's t of a part against the rest, from the part's sum and the squares of all about their mean."""
    explained = total * total * count / (part * (count - part)) / squares if squares else 1.0
    if explained >= 1 - 1e-12:
        return inf if total > 0 else -inf
    t = sqrt((count - 2) * explained / (1 - explained))
    return t if total > 0 else -t


def _levels(before: Sequence[float], after: Sequence[float]) -> tuple[float, float]:
    """Return the two levels: medians, which no odd value moves, or where those are the same the means."""
    one, other = median(before), median(after)
    return (one, other) if one != other else (fmean(before), fmean(after))
