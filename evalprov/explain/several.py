"""What differs among several programs: a column a fact, each said once."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple
from evalprov.record.facts import ARGUMENTS
from evalprov.record.layers import LAYERS, items_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from evalprov.record.manifest import Manifest

Facts = dict[tuple[str, str, str], str]  # by layer, item and field: JSON

_ARGUMENTS = ("config", "command", ARGUMENTS)
_CONTENT = "content"  # the hash of all fields of an item: told where they do not show that it differs
_HASH = re.compile(r"(?:sha256|scrypt):([0-9a-f]{6,64})|([0-9a-f]{40})")
_SHORT = 8  # digits of a hash
NOTHING = "-"


class FactColumn(NamedTuple):
    """One fact that differs, and its value in each program."""

    layer: str  # or sweep, for what was swept
    name: str
    values: list[str]  # a dash where there is none


def facts_of(m: Manifest) -> Facts:
    """Return the facts of a run's layers; a record, or a line of the history."""
    found: Facts = {}
    for layer in LAYERS:
        for called, item in items_of(layer, m).items():
            for field, value in (*item.fields.items(), (_CONTENT, item.content)):
                if value is not None:
                    found[layer, called, field] = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return found


def columns(rows: Sequence[Facts], swept: Sequence[Mapping[str, str]]) -> list[FactColumn]:
    """Return what differs, first what was swept; of facts that say in every program the same word, the first."""
    names = dict.fromkeys(name for values in swept for name in values)
    every = [FactColumn("sweep", name, [values.get(name, NOTHING) for values in swept]) for name in names]
    found = [one for one in every if len(set(one.values)) > 1]
    seen = {tuple(map(_plain, one.values)) for one in found}
    differing: set[tuple[str, str]] = set()
    for layer, item, field in sorted(dict.fromkeys(key for row in rows for key in row), key=_order):
        texts = [row.get((layer, item, field)) for row in rows]
        if len(set(texts)) < 2 or (field == _CONTENT and (layer, item) in differing):
            continue
        differing.add((layer, item))
        values = [None if text is None else json.loads(text) for text in texts]
        for column in _of_fact((layer, item, field), values):
            told = tuple(map(_plain, column.values))
            if told not in seen:
                seen.add(told)
                found.append(column)
    return found


def _order(key: tuple[str, str, str]) -> tuple[int, bool]:
    return LAYERS.index(key[0]), key[2] == _CONTENT


def _of_fact(key: tuple[str, str, str], values: Sequence[Any]) -> Iterator[FactColumn]:
    layer, item, field = key
    if key == _ARGUMENTS and all(value is None or isinstance(value, list) for value in values):
        options = [_options([str(word) for word in value or ()]) for value in values]
        for option in dict.fromkeys(option for one in options for option in one):
            told = [one.get(option, NOTHING) for one in options]
            if len(set(told)) > 1:
                yield FactColumn(layer, option, told)
    else:
        yield FactColumn(layer, f"{item} {field}".strip(), list(map(_shown, values)))


def _options(words: Sequence[str]) -> dict[str, str]:
    """Return a command line's options with all their values, and its other words by their place."""
    found: dict[str, list[str]] = {}
    option, place = "", 0
    for word in words:
        name, equals, value = word.partition("=")
        if word.startswith("-") and not _is_number(word):
            option = "" if equals else word
            found.setdefault(name, []).extend([value] if equals else [])
        elif equals and name:
            found.setdefault(name, []).append(value)
            option = ""
        elif option:
            found[option].append(word)
            option = ""
        else:
            place += 1
            found[f"word {place}"] = [word]
    return {name: ", ".join(values) if values else "yes" for name, values in found.items()}


def _is_number(word: str) -> bool:
    return word[1:2].isdigit() or word[1:2] == "."


def _shown(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, str):
        hashed = _HASH.fullmatch(value)
        return (hashed[1] or hashed[2])[:_SHORT] if hashed else value
    return json.dumps(value, ensure_ascii=False)


def _plain(text: str) -> str:
    """Return a value as one that is spelled otherwise and means the same: 0.30 is 0.3, and 1e-3 is 0.001."""
    try:
        return repr(float(text))
    except ValueError:
        return text
