"""What differs between two runs, field by field, and which layer each fact belongs to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from evalprov.explain.attribution import alike, layer_states, one_tree, same_sets, tells_all, why_unknown
from evalprov.explain.suspects import differing, facts_of
from evalprov.named import NamedTuple
from evalprov.record.fact import Item, Items
from evalprov.record.facts import FACTS, TREE
from evalprov.record.layers import LAYERS, items_of, layers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evalprov.record.manifest import Manifest

Kind = Literal[
    "changed",
    "added",  # only B has it
    "removed",  # only A has it
    "unknown",  # one side has it, and of the other nobody knows
    "same",
]

CERTAIN: tuple[Kind, ...] = ("changed", "added", "removed")


class Change(NamedTuple):
    """One fact, and what it is on each side."""

    layer: str  # or "beside", for what is in no layer
    item: str  # what it is a fact of: config/eval.yaml, prompt plan, package
    field: str  # empty for the item as a whole
    kind: Kind
    a: Any  # JSON; null where it is not there
    b: Any


def changes(a: Manifest, b: Manifest, *, everything: bool = False) -> list[Change]:
    """Return what differs, layer by layer; with everything also what is the same.

    In a layer that is unknown on one side, what the other alone has is neither added nor removed: nobody knows.
    """
    found: list[Change] = []
    ones, others = layers(a), layers(b)
    for layer in LAYERS:
        one_maker = tells_all(a, b)
        known = (
            why_unknown(layer, a, b, ones[layer]) is None and one_maker,
            why_unknown(layer, b, a, others[layer]) is None and one_maker,
        )
        hash_a, hash_b = (side["identity"]["layers"].get(layer) for side in (a, b))
        if all(known) and hash_a == hash_b and not (ones[layer].seen or others[layer].seen or everything):
            continue
        inside = list(_inside(layer, (items_of(layer, a), items_of(layer, b)), (a, b), known))
        if all(known) and all(one.kind == "same" for one in inside) and _standing(layer, (a, b)) == "changed":
            # The hash covers it, the record's fields do not show it.
            inside.append(Change(layer, "the layer", "sha256", "changed", hash_a, hash_b))
        found += inside if everything else [one for one in inside if one.kind != "same"]
    return found


def _standing(layer: str, runs: tuple[Manifest, Manifest]) -> str:
    return layer_states(*runs)[layer]


def _inside(
    layer: str, items: tuple[Items, Items], runs: tuple[Manifest, Manifest], known: tuple[bool, bool]
) -> Iterator[Change]:
    """Give what differs in one layer, less what differs in name only."""
    a, b = runs
    ones, others = _paired(*items) if layer == "config" else items
    void = _void(layer, a, b)
    for change in _items(layer, ones, others, known):
        item = ones.get(change.item) or others.get(change.item)
        unlooked = change.kind in ("added", "removed") and item is not None and item.maybe
        yield change._replace(kind="same") if unlooked or (change.item, change.field) in void else change


def _void(layer: str, a: Manifest, b: Manifest) -> set[tuple[str, str]]:
    """Return the items and fields of a layer in which two runs cannot be told apart, whatever their records have."""
    if layer == "data":
        return {(f"data {name}", "sha256") for name in same_sets(a, b)}
    if layer != "code":
        return set()
    looked = all("beside" in run["capture"] for run in (a, b))
    beside = set() if looked else {(path, "") for run in (a, b) for path in run["code"]["beside"]}
    return beside | ({("code", TREE)} if one_tree(a, b) else set())


def _paired(ones: Items, others: Items) -> tuple[Items, Items]:
    """Hold one file against another that the run was given in its place: the only one of each that has like keys."""
    (gone, come) = [name for name in ones if name not in others], [name for name in others if name not in ones]
    if len(gone) != 1 or len(come) != 1 or not ones[gone[0]].fields.keys() & others[come[0]].fields.keys():
        return ones, others
    both = f"{gone[0]} -> {come[0]}"
    return (
        {both if name == gone[0] else name: item for name, item in ones.items()},
        {both if name == come[0] else name: item for name, item in others.items()},
    )


def _items(layer: str, ones: Items, others: Items, known: tuple[bool, bool]) -> Iterator[Change]:
    for name in dict.fromkeys([*ones, *others]):
        one, other = ones.get(name), others.get(name)
        if one and other:
            yield from _fields(layer, name, one, other, known)
        elif one:
            yield from _alone(layer, name, one, known, of_a=True)
        elif other:
            yield from _alone(layer, name, other, known, of_a=False)


def _alone(layer: str, name: str, item: Item, known: tuple[bool, bool], *, of_a: bool) -> Iterator[Change]:
    """Tell of what only one side has: a thing as a whole, a table by its fields."""
    if not item.whole:
        nothing = Item({})
        yield from _fields(layer, name, *((item, nothing) if of_a else (nothing, item)), known)
        return
    hashed = {} if item.content is None else {"sha256": item.content}
    said = {name: value for name, value in {**item.beside, **item.fields, **hashed}.items() if value is not None}
    sides = (said, None) if of_a else (None, said)
    yield Change(layer, name, "", _one_sided(known, of_a=of_a), *sides)


def _fields(layer: str, name: str, one: Item, other: Item, known: tuple[bool, bool]) -> Iterator[Change]:
    found = list(_pairs(layer, name, one.fields, other.fields, known))
    if one.content is not None and one.content == other.content:
        found = [change._replace(kind="same") for change in found]
    elif one.content != other.content and all(change.kind == "same" for change in found):
        found += _pairs(layer, name, {"sha256": one.content}, {"sha256": other.content}, known)
    if any(change.kind != "same" for change in found):
        beside = _pairs(layer, name, one.beside, other.beside, known)
        found += [change for change in beside if change.kind != "same"]
    yield from found


def _pairs(
    layer: str, name: str, ones: Mapping[str, Any], others: Mapping[str, Any], known: tuple[bool, bool]
) -> Iterator[Change]:
    for field in dict.fromkeys([*ones, *others]):
        one, other = ones.get(field), others.get(field)
        kind: Kind
        if one is None and other is None:
            continue
        if one is None or other is None:
            kind = _one_sided(known, of_a=other is None)
        else:
            kind = "same" if alike(one, other) else "changed"
        yield Change(layer, name, field, kind, one, other)


def _one_sided(known: tuple[bool, bool], *, of_a: bool) -> Kind:
    if of_a:
        return "removed" if known[1] else "unknown"
    return "added" if known[0] else "unknown"


def different_words(a: list[str], b: list[str]) -> tuple[list[str], list[str]]:
    """Leave out the words that two command lines begin and end with alike; an option stays with its value."""
    begin = 0
    while begin < min(len(a), len(b)) and a[begin] == b[begin]:
        begin += 1
    end = 0
    while end < min(len(a), len(b)) - begin and a[-1 - end] == b[-1 - end]:
        end += 1
    if begin and a[begin - 1].startswith("-"):
        begin -= 1
    return a[begin : len(a) - end], b[begin : len(b) - end]


# --- beside the layers


def _same_data(a: Manifest, b: Manifest, name: str) -> bool:
    return name.removeprefix("data.sets.").rpartition(".")[0] in same_sets(a, b)


def _is_told(name: str) -> bool:
    """Say whether a fact is in a layer, and told there."""
    return any(name == key or name.startswith(f"{key}.") for key in _IN_LAYERS)


_IN_LAYERS = tuple(key for fact in FACTS for key in fact.keys)


def beside(a: Manifest, b: Manifest) -> list[Change]:
    """Return what differs and is in no layer: the host, the user, the commit, what was warned of."""
    runs = [{name: text for section in facts_of(m) for name, text in section.items()} for m in (a, b)]
    found = []
    one_maker = tells_all(a, b)
    for name, (one, other) in differing(runs):
        # Where the data is the same, that its pointer is another would be told nowhere.
        if not _is_told(name) or (name.endswith((".pointer", ".stale")) and _same_data(a, b, name)):
            kind: Kind = "added" if one is None else "removed" if other is None else "changed"
            if kind != "changed" and not one_maker:
                kind = "unknown"
            values = [None if text is None else json.loads(text) for text in (one, other)]
            found.append(Change("beside", "", name, kind, *values))
    if a["warnings"] != b["warnings"]:
        found.append(Change("beside", "", "warnings", "changed", len(a["warnings"]), len(b["warnings"])))
    return found
