"""Many looks at one baseline: the level of each, so that all of them together fire as rarely as is stated.

The looks share the baseline's luck, and nobody knows beforehand how many there will be. So each gets a share of the
level, and all shares, however many looks there come, make 1 at most: then it holds whatever the looks have to do with
each other. The first looks have equal shares, so that for them neither their order matters nor who makes them.
"""

from __future__ import annotations

FIRST = 20  # looks with equal shares
_OF_FIRST = 0.8  # of the level
_LONGER = 4  # times as many looks as the stretch before it has each later one,
_LEFT = 1 - _OF_FIRST  # and so much of its share


def share_of(look: int) -> float:
    """Return which share of the level a look has, counted from 1."""
    looks, share, last = FIRST, _OF_FIRST, FIRST
    while look > last:
        looks *= _LONGER
        share *= _LEFT
        last += looks
    return share / looks
