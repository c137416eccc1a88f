"""The level shifts of a trend: found among the values that were read, then looked up in the history once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.judge.shifts import RunLayers, around, explained
from evalprov.record.form import RECIPE
from evalprov.stats.shifts import LEAST, level_shifts
from evalprov.store import ids
from evalprov.store.lines import Search
from evalprov.store.query import Query
from evalprov.store.where import Condition, path
from evalprov.views.columns import exactly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.judge.shifts import ToldShift
    from evalprov.views.trends import Point

GROUPS = 20  # the largest
_SECOND = len("20260920T143000Z")  # of a run id, before what tells apart those of one second


def found_shifts(store: str, recent: Sequence[Point], *, parted: bool) -> list[ToldShift]:
    """Return the shifts of the newest runs, which are given newest first; the history is read again only for some."""
    groups: dict[str | None, list[Point]] = {}
    for point in reversed(recent):
        groups.setdefault(exactly(point.group, "(none)") if parted else None, []).append(point)
    largest = sorted(groups.items(), key=lambda group: -len(group[1]))[:GROUPS]
    found = {
        name: (points, shifts)
        for name, points in largest
        if len(points) >= 2 * LEAST and (shifts := level_shifts([float(point.value) for point in points]))
    }
    if not found:
        return []
    near = {point.run_id for points, shifts in found.values() for shift in shifts for point in points[around(shift)]}
    layers = _layers(store, near)
    told = [
        shift
        for name, (points, shifts) in found.items()
        for shift in explained([RunLayers(one.run_id, layers.get(one.run_id, {})) for one in points], shifts, name)
    ]
    order = {point.run_id: -place for place, point in enumerate(recent)}
    return sorted(told, key=lambda shift: order[shift.run_id])


def _layers(store: str, wanted: set[str]) -> dict[str, dict[str, str | None]]:
    """Return the hashes of runs' layers; those of another recipe are not known beside ours."""
    named = Condition("", path("run_id"), wanted.__contains__)
    oldest = min(wanted, key=ids.order)
    query = Query([named], [path("identity.layers"), path("identity.recipe")], since=oldest[:_SECOND])
    found: dict[str, dict[str, str | None]] = {}
    with Search(store, query) as search:
        for run in search.runs():
            layers, recipe = run.values
            known = isinstance(layers, dict) and recipe == RECIPE
            found[run.run_id] = layers if known else dict.fromkeys(layers or ())
    return found
