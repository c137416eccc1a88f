"""Which of several objects at the end of the output is the result, and what is said of those that are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.reported.tail import FoundObject, may_sum_up

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    Known = Callable[[], Collection[str]]  # asks for the names of metrics that earlier runs had

_GAP = 10  # lines of other output after which an object no more ends it
_SERIES = 3  # as many of one kind are steps of a progress
_KINDS = 16  # that are looked at


class ChosenObject(NamedTuple):
    """The object that counts, why, and which were passed over."""

    chosen: FoundObject
    why: str
    others: list[FoundObject]


def choose(last: FoundObject, earlier: Iterable[FoundObject], known: Known) -> ChosenObject:
    """Return the one that is the result: by the names of earlier runs, else by how many numbers are in it."""
    kinds = _kinds(last, earlier)
    (newest, _), *rest = kinds
    fit = [newest, *(one for one, count in rest if count < _SERIES and _numbers(one.said))]
    if len(fit) == 1:
        return ChosenObject(last, "", [])
    names = known()
    chosen = max(fit, key=lambda one: (len(_numbers(one.said) & set(names)), *_worth(one)))
    by_name = len({len(_numbers(one.said) & set(names)) for one in fit}) > 1
    alike = sum(_worth(one)[:2] == _worth(chosen)[:2] for one in fit) > 1
    most = "it is the last of those with the most numbers" if alike else "it has the most numbers"
    why = "its names are those of earlier runs" if by_name else most
    others = [one for one in fit if one is not chosen and may_sum_up(one.said)]
    if chosen is not last and last not in others and _numbers(last.said):
        others.append(last)
    return ChosenObject(chosen, why, others)


def _worth(one: FoundObject) -> tuple[int, bool, int]:
    return len(_numbers(one.said)), may_sum_up(one.said), one.line


def _kinds(last: FoundObject, earlier: Iterable[FoundObject]) -> list[tuple[FoundObject, int]]:
    """Return the last object of each kind with how many there are, the last kind first; those that end the output."""
    found: dict[frozenset[str], tuple[FoundObject, int]] = {}
    line, log = last.first, not may_sum_up(last.said)
    for one in sorted([last, *(one for one in earlier if one.line < last.first)], key=lambda one: -one.line):
        if line - one.line > _GAP and not log:  # behind an entry of a log the result may stand anywhere
            break
        line = one.first
        kind = frozenset(one.said)
        kept, count = found.get(kind, (one, 0))
        if kind in found or len(found) < _KINDS:
            found[kind] = kept, count + 1
    return list(found.values())


def _numbers(said: dict[str, object], prefix: str = "") -> set[str]:
    """Return the names of an object's numbers, as they would be recorded."""
    names: set[str] = set()
    for key, value in said.items():
        if isinstance(value, dict):
            names |= _numbers(value, f"{prefix}{key}.")
        elif isinstance(value, (bool, int, float)):
            names.add(prefix + key)
    return names
