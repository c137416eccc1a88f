"""Which lines a mirror fetches: the newest first, and older ones when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.fleet import keys
from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container

    from evalprov.fleet.gather import StoreListing
    from evalprov.fleet.parts import PartState

ENOUGH = 10_000  # lines of a part: then no further pack is begun
AT_MOST = 30_000  # single lines of a part; and lines that are fetched to follow, else the mirror begins anew
LATEST = "~"  # beyond every second


class Stretch(NamedTuple):
    """What a part of the history is made of."""

    low: str  # what began later than this second is in it
    packs: list[keys.Pack]
    lines: list[str]


def stretch(there: StoreListing, high: str) -> Stretch | None:
    """Return what the next part is made of, of runs that began at `high` or earlier; null where there are none."""
    packs = [pack for pack in there.packs if keys.second_of(pack.first) <= high]
    lines = sorted((one for one in there.lines if keys.second_of(one) <= high), reverse=True)
    if not packs and not lines:
        return None
    taken, low = _packs(packs, high)
    if len(lines) > AT_MOST:
        newest = keys.second_of(lines[0])
        bound = keys.second_of(lines[AT_MOST])
        if bound == newest:  # all of one second are together
            bound = next((keys.second_of(one) for one in lines if keys.second_of(one) < newest), "")
        low = max(low, bound)
    return Stretch(
        low,
        [pack for pack in taken if keys.second_of(pack.last) > low],
        [one for one in lines if keys.second_of(one) > low],
    )


def _packs(packs: list[keys.Pack], high: str) -> tuple[list[keys.Pack], str]:
    """Return the newest packs that are enough, and the second from which on no other pack has anything."""
    count = 0
    for number, pack in enumerate(packs):
        newest = keys.second_of(pack.last)
        if count >= ENOUGH and newest < high:
            return packs[:number], newest
        count += pack.lines
    return packs, ""


def following(there: StoreListing, parts: list[PartState], known: Container[str]) -> tuple[list[keys.Pack], list[str]]:
    """Return the packs and the single lines that the parts of a mirror may lack."""
    low = parts[-1]["low"] if parts else LATEST
    packs = [pack for pack in there.packs if pack.name not in known and keys.second_of(pack.last) > low]
    return packs, [one for one in there.lines if keys.second_of(one) > low]
