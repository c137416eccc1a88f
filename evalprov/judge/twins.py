"""Metrics that are the same numbers under several names: they are judged once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

    from evalprov.judge.samples import Sample


class Twins:
    """The metrics so far, by their numbers on both sides."""

    def __init__(self) -> None:
        self._known: dict[Hashable, list[tuple[str, Sample, Sample]]] = {}

    def of(self, name: str, a: Sample, b: Sample) -> str | None:
        """Return the first metric that has the numbers of this one; it is remembered where none has."""
        near = self._known.setdefault((_mark(a), _mark(b)), [])
        for other, one, two in near:
            if _same(a, one) and _same(b, two):
                return other
        near.append((name, a, b))
        return None


def _mark(side: Sample) -> Hashable:
    """Return what differs for most numbers that differ."""
    if side.column is None:
        return tuple(side.trials)
    values = side.column.values
    return len(values), values[0], values[-1], sum(values)


def _same(one: Sample, other: Sample) -> bool:
    """Say whether two metrics are of the same values, by scenario where there are any."""
    if one.column is not None or other.column is not None:
        return (one.column, one.by_trial) == (other.column, other.by_trial)
    stated = [[(info["stderr"], info["n"]) for info in side.info] for side in (one, other)]
    return one.trials == other.trials and stated[0] == stated[1]
