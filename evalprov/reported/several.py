"""Several result files of one command as one report: each has a name, and its metrics and scenarios stand below it."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple
from evalprov.reported.facts import KEYS
from evalprov.reported.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evalprov.reported.adapters.source import About
    from evalprov.reported.warnings import Notes

    Line = dict[str, Any]

_OF_METRICS = frozenset(("metric_info", "scenario_groups", "errors", "error"))  # goes with the line it stands in
_WHOLE = ("model_config", "observed_model")  # makes sense only with all that stands in it
_ENTRIES = ("data", "prompts")  # each a thing of its own, by name


class Result(NamedTuple):
    """What one file holds."""

    path: str
    rule: str
    about: About
    lines: list[Line]


def latest(results: Sequence[Result], notes: Notes) -> list[Result]:
    """Leave out what was attempted again; of the attempts, the last in the order of the files counts."""
    last = {one.about.attempt: one for one in results if one.about.attempt}
    kept = []
    for one in results:
        if one.about.attempt is None or last[one.about.attempt] is one:
            kept.append(one)
        else:
            name = printable(os.path.basename(one.path))
            notes.add("again", f"{name} was left out: {last[one.about.attempt].path} is a later attempt at the same")
    return kept


def together(results: Sequence[Result]) -> Iterator[Line]:
    """Yield the lines of all results, and at last their facts."""
    if len(results) == 1:
        yield from results[0].lines
        return
    said: dict[str, dict[str, Any]] = {}
    for one, label in zip(results, _labels(results), strict=True):
        facts = said[label] = {}
        for line in one.lines:
            for key in KEYS & line.keys() - _OF_METRICS:
                _take(facts, key, line[key])
            yield _renamed(line, label, one.about.names[:1])
    yield {"metrics": {}, **_merged(said)}


def _take(facts: dict[str, Any], key: str, said: Any) -> None:
    known = facts.get(key)
    facts[key] = {**known, **said} if isinstance(known, dict) and isinstance(said, dict) else said


# --- names


def _labels(results: Sequence[Result]) -> list[str]:
    """Return a name for each: what differs of what they are of, and a number where that is not enough."""
    above = os.path.commonpath([os.path.dirname(one.path) for one in results])
    places = [os.path.relpath(one.path, above) for one in results]
    alike = len({os.path.basename(place) for place in places}) == 1  # then it is the folders that tell
    names = [os.path.dirname(place) if alike else os.path.splitext(place)[0] for place in places]
    given = [one.about.names or (name,) for one, name in zip(results, names, strict=True)]
    longest = max(map(len, given))
    rows = [[*names, *[""] * (longest - len(names))] for names in given]
    telling = [place for place in range(longest) if len({row[place] for row in rows}) > 1]
    chosen: list[int] = []
    for place in telling:
        if len(set(_joined(rows, chosen))) == len(rows):
            break
        chosen.append(place)
    seen = Counter[str]()
    labels = []
    for label in _joined(rows, chosen or [0]):
        seen[label] += 1
        labels.append(label if seen[label] == 1 else f"{label}#{seen[label]}")
    return labels


def _joined(rows: list[list[str]], places: Sequence[int]) -> list[str]:
    return ["/".join(row[place] for place in places if row[place]) or row[0] for row in rows]


def _renamed(line: Line, label: str, first: tuple[str, ...]) -> Line:
    """Return a line with its names below the label."""

    def below(name: str) -> str:
        # lm-eval's metrics have their task in front as it is, inspect's scenarios too.
        return name if name.startswith((f"{label}/", f"{label}.")) else f"{label}/{name}"

    def scenario(name: str) -> str:
        return below(name.removeprefix(f"{first[0]}/") if first else name)

    fresh = {key: said for key, said in line.items() if key not in KEYS or key in _OF_METRICS}
    for key in ("metrics", "metric_summary", "metric_info"):
        if isinstance(line.get(key), dict):
            fresh[key] = {below(name): said for name, said in line[key].items()}
    for key in ("scenario", "group"):
        if isinstance(line.get(key), str):
            fresh[key] = scenario(line[key])
    if isinstance(groups := line.get("scenario_groups"), dict):
        fresh["scenario_groups"] = {scenario(one): scenario(group) for one, group in groups.items()}
    if line.get("errors") and "scenario" not in line:
        listed = line["errors"] if isinstance(line["errors"], list) else [line["errors"]]
        fresh["errors"] = [{**one, "message": f"{label}: {one.get('message')}"} for one in listed]
    return fresh


# --- facts


def _merged(said: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return what is said of all; where they differ, each under its own name."""
    merged: dict[str, Any] = {}
    for key in dict.fromkeys(key for facts in said.values() for key in facts):
        of = {label: facts[key] for label, facts in said.items() if facts.get(key) not in (None, {}, [])}
        if not of:
            continue
        merged[key] = _one(of) if _is_same(of, said) else of if key in _WHOLE else _by_entry(of, key, said)
    return merged


def _by_entry(of: dict[str, Any], key: str, said: dict[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for name in dict.fromkeys(name for entries in of.values() for name in entries):
        told = {label: entries[name] for label, entries in of.items() if name in entries}
        if _is_same(told, told if key in _ENTRIES else said):
            merged[name] = _one(told)
        elif key in _ENTRIES:
            merged |= {f"{label}/{name}": entry for label, entry in told.items()}
        else:
            merged[name] = told
    return merged


def _is_same(of: dict[str, Any], said: dict[str, Any]) -> bool:
    """Say whether all that count say the same."""
    first = _one(of)
    return len(of) == len(said) and all(value == first for value in of.values())


def _one(of: dict[str, Any]) -> Any:
    return next(iter(of.values()))
