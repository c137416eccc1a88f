"""What changed where a metric changed its level: the layers that did so there, and did not change back."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.record.form import RECIPE
from evalprov.record.identity import hash_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evalprov.stats.shifts import LevelShift

NEAR = 3  # runs on either side: what changed there may have shown a little later
HORIZON = 100  # runs on either side among which a layer that changed may change back
OFTEN = 0.05  # changes a run; a layer with more of them, elsewhere too, changes all the time
RECENT = 10_000  # runs among which shifts are looked for
_NOTHING = hash_of({"recipe": RECIPE, "facts": {}})  # of a layer of which nobody declared anything


class RunLayers(NamedTuple):
    """A run's hashes, layer by layer; null for one that is not known, or was hashed by another recipe."""

    run_id: str
    layers: Mapping[str, str | None]


class ToldShift(NamedTuple):
    """A change of level, and what is recorded of the place where it happened."""

    run_id: str  # the first run of the new level
    group: str | None  # of the runs that it was found among; null for all
    before: float
    after: float
    runs_before: int
    runs_after: int
    changed: tuple[str, ...]  # layers: there, and for good; never said to be the cause
    unknown: tuple[str, ...]
    undeclared: tuple[str, ...]
    often: tuple[str, ...]  # of the changed ones those that change all the time, which says little


def explained(runs: Sequence[RunLayers], shifts: Sequence[LevelShift], group: str | None = None) -> list[ToldShift]:
    """Say of each shift which layers changed there and stayed so until the next one."""
    return [
        ToldShift(
            runs[shift.at].run_id,
            group,
            shift.before,
            shift.after,
            shift.count_before,
            shift.count_after,
            *_layers([one.layers for one in runs[around(shift)]], min(shift.count_before, HORIZON)),
        )
        for shift in shifts
    ]


def around(shift: LevelShift) -> slice:
    """Return the runs whose layers matter to a shift: none beyond its neighbours."""
    return slice(shift.at - min(shift.count_before, HORIZON), shift.at + min(shift.count_after, HORIZON))


def _layers(runs: Sequence[Mapping[str, str | None]], at: int) -> tuple[tuple[str, ...], ...]:
    """Return the layers that changed near a place for good, those not known there, the undeclared, and the restless."""
    found: tuple[list[str], ...] = ([], [], [], [])
    for layer in dict.fromkeys(name for one in runs for name in one):
        hashes = [one.get(layer) for one in runs]
        near = hashes[max(0, at - NEAR - 1) : at + NEAR + 1]
        if None in near:
            found[1].append(layer)
        elif set(near) == {_NOTHING}:
            found[2].append(layer)
        elif len(set(near)) > 1 and not _returns(hashes, at):
            found[0].append(layer)
            if _steps(hashes) - _steps(near) > len(hashes) * OFTEN:
                found[3].append(layer)
    return tuple(map(tuple, found))


def _steps(hashes: Sequence[str | None]) -> int:
    return sum(one != other for one, other in pairwise(hashes))


def _returns(hashes: Sequence[str | None], at: int) -> bool:
    """Say whether a layer is on one side of a place, the nearest runs aside, what it is on the other."""
    before = set(hashes[: max(at - NEAR, 1)]) - {None}
    after = set(hashes[min(at + NEAR, len(hashes) - 1) :]) - {None}
    return bool(before & after)
