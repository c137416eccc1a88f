"""Which of the things that changed between two runs move a score: found by trying halves of them; pure."""

from __future__ import annotations

from itertools import chain
from math import ceil, log2
from typing import TYPE_CHECKING, Literal

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    # Does the score move with these taken from the bad run, and all else from the good one? Null where nobody can tell.
    Asked = Callable[[frozenset["DifferingPiece"]], bool | None]

Kind = Literal["file", "data", "field", "word", "folder", "package", "python", "variable"]


class DifferingPiece(NamedTuple):
    """One thing that changed between two runs, and that can be taken from either."""

    layer: str
    kind: Kind
    name: str
    said: str  # how it changed: temperature 0.0 -> 0.7
    keys: tuple[str, ...] = ()  # of a field: the way to it in its file


class Culprits(NamedTuple):
    """What moves the score; each group is as small as could be had, and it takes all groups together."""

    groups: list[list[DifferingPiece]]
    upon: frozenset[DifferingPiece]  # what had to be taken with them, without which it does not run


def smallest(pieces: Sequence[DifferingPiece], asked: Asked, upon: Collection[DifferingPiece] = ()) -> Culprits:
    """Find pieces that move the score together, and none to spare: with all of them it moves, with none it does not."""
    base = frozenset(upon)
    groups: list[list[DifferingPiece]] = []
    below = list(pieces)
    while True:
        held = base.union(*groups)
        low, high = flip(len(below), lambda count, held=held, below=below: asked(held.union(below[:count])))  # type: ignore[misc]
        groups.append(below[low:high])
        if low == 0:
            return Culprits(groups, base)
        moved = asked(base.union(*groups))
        if moved is not False:
            return Culprits(groups, base if moved else base.union(below[:low]))
        below = below[:low]


def flip(count: int, asked: Callable[[int], bool | None]) -> tuple[int, int]:
    """Return two numbers, at the lower of which the score has not moved, and at the upper it has; as near as may be.

    At none it has not, at all of them it has; where nobody can tell, the numbers beside are asked about.
    """
    low, high = 0, count
    dark: set[int] = set()
    while left := [number for number in range(low + 1, high) if number not in dark]:
        middle = min(left, key=lambda number: abs(2 * number - low - high))
        match asked(middle):
            case True:
                high = middle
            case False:
                low = middle
            case None:
                dark.add(middle)
    return low, high


def most_asked(count: int) -> int:
    """Return how many questions it takes to find one of so many, where each is answered."""
    return ceil(log2(count)) + 1 if count > 1 else 0


def all_of(groups: Sequence[Sequence[DifferingPiece]]) -> list[DifferingPiece]:
    """Return the pieces of all groups."""
    return list(chain.from_iterable(groups))
