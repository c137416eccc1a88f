"""What a row of the table of facts is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from evalprov.record.manifest import Manifest


class Item(NamedTuple):
    """A thing in a layer, as a difference tells it: a file, a prompt, a model."""

    fields: Mapping[str, Any]
    content: str | None = None  # the hash of its fields: told only where they do not show that it differs
    beside: Mapping[str, Any] = {}  # worth telling where it is another; in no layer's hash
    whole: bool = False  # a thing that may be there or not, and no mere table of values
    maybe: bool = False  # not every record looked for it: that one side lacks it says nothing


Items = dict[str, Item]


class Held(NamedTuple):
    """How well a record holds a fact."""

    there: bool = True  # somebody declared it, or it was looked at
    unknown: str | None = None  # why it cannot be told
    names: Iterable[str] = ()  # what of it is held by a name or a version alone
    doubts: Iterable[str] = ()  # what else keeps it from being held by content


class LayerFact(NamedTuple):
    """One row: a fact that can move a score."""

    layer: str
    name: str  # in what the layer's hash is made of; empty for a table that brings its own names
    keys: tuple[str, ...]  # where it stands in the record
    value: Callable[[Manifest], Any]  # what counts of it: JSON, in one order where the order does not matter
    items: Callable[[Manifest], Items]  # what a difference tells of it
    held: Callable[[Manifest], Held] = lambda _: Held()
    optional: Callable[[Manifest], bool] = lambda _: False  # not every record looked for it: absent, it says nothing
    seen: bool = False  # observed, so in no hash; what differs here differs all the same
    shown: bool = False  # `show` has words of its own for it; the others it shows as a difference would


def at(m: Mapping[str, Any], key: str) -> Any:
    """Return what stands at a key path; null where a section on the way is."""
    value: Any = m
    for name in key.split("."):
        value = None if value is None else value.get(name)
    return value


def flat(value: Mapping[str, Any], name: str = "") -> dict[str, Any]:
    """Return a table's values by their dotted names."""
    found: dict[str, Any] = {}
    for key, inner in value.items():
        full = f"{name}.{key}" if name else key
        if isinstance(inner, dict) and inner:
            found.update(flat(inner, full))
        else:
            found[full] = inner
    return found


def single(layer: str, name: str, key: str, item: str, field: str = "", **more: Any) -> LayerFact:
    """Return the row of a fact that counts as it stands at one key path: a field of an item, or a table of its own."""

    def told(m: Manifest) -> Items:
        value = at(m, key)
        return {item: Item({field: value} if field else flat(value or {}))}

    return LayerFact(layer, name, (key,), lambda m: at(m, key), told, **more)
