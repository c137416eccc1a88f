"""A run's layers, made of the table of facts: what each is made of, and how well it is held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from evalprov.named import NamedTuple
from evalprov.record.fact import Item
from evalprov.record.facts import FACTS
from evalprov.record.hidden import UNTOLD, holds

if TYPE_CHECKING:
    from evalprov.record.fact import Items, LayerFact
    from evalprov.record.manifest import Manifest

Control = Literal["full", "partial", "none"]
PROGRAM = ("prompts", "model", "agent", "config", "code")
JUDGED = ("data", "grader")
LAYERS = tuple(dict.fromkeys(fact.layer for fact in FACTS))


class Layer(NamedTuple):
    """What one layer is made of in one run."""

    facts: dict[str, Any]  # JSON; order-free where the order does not matter
    control: Control  # full: by content or observation, all of it; partial: some by name or guess; none: not declared
    unknown: str | None = None  # why its facts cannot be told, where they cannot
    note: str | None = None  # what of it is held by name alone
    seen: dict[str, Any] = {}  # noqa: RUF012 - observed, so in no hash; what differs here differs all the same
    maybe: frozenset[str] = frozenset()  # facts that not every record looked for: absent, they say nothing


def layers(m: Manifest) -> dict[str, Layer]:
    """Return every layer of a run."""
    return {name: _layer(name, m) for name in LAYERS}


def facts_of_layer(name: str) -> list[LayerFact]:
    """Return the rows of one layer."""
    return [fact for fact in FACTS if fact.layer == name]


def items_of(name: str, m: Manifest) -> Items:
    """Return what a difference tells of a layer, by what it is told of."""
    items: Items = {}
    for fact in facts_of_layer(name):
        for called, item in fact.items(m).items():
            known = items.get(called, Item({}))
            items[called] = item._replace(fields={**known.fields, **item.fields})
    return items


def _layer(name: str, m: Manifest) -> Layer:
    facts: dict[str, Any] = {}
    seen: dict[str, Any] = {}
    rows = facts_of_layer(name)
    for fact in rows:
        value = fact.value(m)
        into = seen if fact.seen else facts
        into.update(value if fact.seen or not fact.name else {fact.name: value})
    if m["imported"]:
        return _as_told(facts, seen, m["imported"]["tool"])
    maybe = frozenset(fact.name for fact in rows if fact.optional(m))
    held = [fact.held(m) for fact in rows]
    if not any(one.there for one in held):
        return Layer(facts, "none", next(filter(None, (one.unknown for one in held)), None), None, seen, maybe)
    unknown = next(filter(None, (one.unknown for one in held)), None)
    # Of hidden values that are not told apart nobody knows whether they are another's.
    if not unknown and (holds(facts, UNTOLD) or (name == "config" and holds(m["config"], UNTOLD))):
        unknown = "more of its values are hidden than are told apart"
    names = [called for one in held for called in one.names]
    doubts = [f"by name or version alone: {', '.join(names)}"] if names else []
    doubts += [doubt for one in held for doubt in one.doubts]
    control: Control = "partial" if unknown or doubts else "full"
    return Layer(facts, control, unknown, None if unknown else "; ".join(doubts) or None, seen, maybe)


def _as_told(facts: dict[str, Any], seen: dict[str, Any], tool: str) -> Layer:
    """Return a layer of a run that was not made under evalprov: what its tool does not say of it is not known."""
    if not seen and not any(_pruned(value) is not None for value in facts.values()):
        return Layer(facts, "none", f"imported from {tool}, which does not say", None, seen)
    return Layer(facts, "partial", None, f"as {tool} says it; the rest is not known", seen, frozenset(facts))


def hashed(layer: Layer) -> dict[str, Any]:
    """Return what a layer's hash is made of: less what is null or empty, so that a new fact changes no old hash."""
    return {name: kept for name, value in layer.facts.items() if (kept := _pruned(value)) is not None}


def _pruned(value: Any) -> Any:
    """Return a value without its empty parts; null where nothing is left. In a list every item has its place."""
    if isinstance(value, dict):
        return {name: kept for name, inner in value.items() if (kept := _pruned(inner)) is not None} or None
    return None if value == [] else value
