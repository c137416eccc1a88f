"""Several metrics judged together: their p-values are adjusted, so that any alarm among them is as rare as stated.

Holm's adjustment holds whatever the metrics have to do with each other. Where it decides, and their values by scenario
say how they go together, the smallest p-value of so many is drawn at random instead (Westfall and Young, step-down):
ten metrics that are nearly one are then corrected for little more than one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.stats.noise import holm

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_DRAWS = 10_000
_SEED = 20
_FEWEST = 20  # pairs: of fewer it is not known how metrics go together


class TogetherAsked(NamedTuple):
    """A test, and how it goes together with others."""

    p: float
    side: int = 0  # 0 where any move counts, 1 where a rise alone does, -1 where a fall alone does
    moves: Sequence[float] = ()  # of the same units for all tests that have any


def adjusted(asked: Sequence[TogetherAsked], level: float) -> list[float]:
    """Return the p-values, adjusted for their number."""
    ps = holm([one.p for one in asked])
    worth = any(one.p < level <= p for one, p in zip(asked, ps, strict=True))
    if not worth:
        return ps
    drawn = _drawn(asked, level)
    return ps if drawn is None else [min(one, other) for one, other in zip(ps, drawn, strict=True)]


def _drawn(asked: Sequence[TogetherAsked], level: float) -> list[float] | None:
    """Return the p-values adjusted by draws; null where how the tests go together is not known."""
    import numpy as np
    from scipy.special import ndtri

    units = max((len(one.moves) for one in asked), default=0)
    known = [place for place, one in enumerate(asked) if units >= _FEWEST and len(one.moves) == units]
    if len(known) < 2:
        return None
    table = np.array([asked[place].moves for place in known], dtype=float)
    table -= table.mean(axis=1)[:, None]
    sizes = np.sqrt((table**2).sum(axis=1))
    table /= np.where(sizes > 0, sizes, 1.0)[:, None]
    likeness = np.eye(len(asked))  # what is not known to go with others is taken to go its own way
    likeness[np.ix_(known, known)] = table @ table.T
    np.fill_diagonal(likeness, 1.0)
    values, vectors = np.linalg.eigh(likeness)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    z = np.random.default_rng(_SEED).standard_normal((_DRAWS, len(asked))) @ root.T
    sides = np.array([one.side for one in asked])
    # A test is as extreme where its own score is as low.
    scores = np.where(sides == 0, -np.abs(z), -z * sides)
    seen = np.array([one.p for one in asked])
    order = np.argsort(seen, kind="stable")
    found, least = [1.0] * len(asked), 0.0
    for rank, place in enumerate(order):
        if least >= level:  # and so all that follow
            break
        left = order[rank:]
        at = np.where(sides[left] == 0, ndtri(seen[place] / 2), ndtri(seen[place]))
        share = (1 + int(np.count_nonzero((scores[:, left] <= at).any(axis=1)))) / (_DRAWS + 1)
        least = max(least, min(1.0, share))
        found[int(place)] = least
    return found
