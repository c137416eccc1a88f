"""What is to be said beside a list of runs: why it is empty, and which names are not what they seem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalprov.numbers import listed
from evalprov.store import read
from evalprov.store.where import METRICS, Condition, Path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

NAMES_SHOWN = 5
_NEAR = 3
_RUNS_LOOKED_AT = 50
_PATHS_LOOKED_AT = 5000
_DEEPEST = 8


def mistaken(conditions: Sequence[Condition], kinds: Sequence[set[str]]) -> Iterator[str]:
    """Say where a condition asks for another kind of value than there is."""
    for condition, seen in zip(conditions, kinds, strict=False):
        there = sorted(seen - {"null"})
        if condition.wanted and there and not set(condition.wanted).intersection(there):
            hint = "; in double quotes it is a string" if "a string" in there else ""
            yield f"{condition.path.text} is {' or '.join(there)} here, never {' or '.join(condition.wanted)}{hint}"


def too_large(found: Mapping[Path, int]) -> Iterator[str]:
    """Say what the lines of some runs do not hold, and where it stands."""
    for path, count in found.items():
        there = "a run, its" if count == 1 else f"{count} runs, their"
        yield (
            f"{path.text} is not known here of {there} history line{'s' * (count > 1)} had no room for it: "
            "evalprov show RUN --json has it"
        )


def unknown(folder: str, paths: Iterable[Path]) -> Iterator[str]:
    """Say that no run has these, and what is named nearly so."""
    names: list[str] | None = None
    for path in dict.fromkeys(paths):
        if names is None:
            names = _names(read.history(folder, _RUNS_LOOKED_AT).lines)
        near = _nearest(path.text, names, _NEAR)
        metric = path.keys[0] == METRICS and not path.text.startswith(METRICS)
        meant = f"metric {path.text}" if metric else path.text
        others = f"; near it: {', '.join(near)}" if near else ""
        yield f"no run has {meant}{others}"


def scenarios(scenario: str, names: set[str]) -> str:
    """Return which scenarios there are, the likeliest first, where this is none of them."""
    if scenario in names or not names:
        return ""
    near = _nearest(scenario, sorted(names), NAMES_SHOWN)
    some = [*near, *sorted(names - set(near))] if len(names) > NAMES_SHOWN else sorted(names)
    return f"; the scenarios are {listed(some, NAMES_SHOWN)}"


def _nearest(word: str, names: Sequence[str], count: int) -> list[str]:
    from difflib import get_close_matches  # most lists need none

    return get_close_matches(word, names, count)


def _names(lines: Sequence[dict[str, Any]]) -> list[str]:
    """Return the paths that can be written, as there are in some lines."""
    found: dict[str, None] = {}
    for line in lines:
        for name in _paths(line, "", 0):
            if len(found) >= _PATHS_LOOKED_AT:
                return list(found)
            found[name.removeprefix(f"{METRICS}.")] = None
    return list(found)


def _paths(value: Any, above: str, depth: int) -> Iterator[str]:
    if isinstance(value, dict) and depth < _DEEPEST:
        for key, inner in value.items():
            name = f"{above}.{key}" if above else key
            yield name
            yield from _paths(inner, name, depth + 1)
