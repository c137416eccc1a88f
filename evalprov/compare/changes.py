"""What differs between two runs, field by field, and which layer each fact belongs to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from evalprov.compare.attribution import one_tree
from evalprov.compare.outside import differing, facts_of
from evalprov.record.layers import tool_versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from evalprov.record.manifest import Manifest

Kind = Literal[
    "changed",
    "added",  # only B has it
    "removed",  # only A has it
    "unknown",  # one side has it, and of the other nobody knows
    "same",
]

CERTAIN: tuple[Kind, ...] = ("changed", "added", "removed")
# Items and fields that are told in their own way.
RETRIEVAL = "retrieval"
PACKAGE = "package"
ARGUMENTS = "arguments"
TREE = "tree"


class Change(NamedTuple):
    """One fact, and what it is on each side."""

    layer: str  # or "beside", for what is in no layer
    item: str  # what it is a fact of: config/eval.yaml, prompt plan, package
    field: str  # empty for the item as a whole
    kind: Kind
    a: Any  # JSON; null where it is not there
    b: Any


class Item(NamedTuple):
    """A thing in a layer: a file, a prompt, a model."""

    fields: Mapping[str, Any]
    content: str | None = None  # the hash of its fields: told only where they do not show that it differs
    beside: Mapping[str, Any] = {}  # worth telling where it is another; in no layer's hash
    whole: bool = False  # a thing that may be there or not, and no mere table of values


Items = dict[str, Item]


def changes(a: Manifest, b: Manifest, *, everything: bool = False) -> list[Change]:
    """Return what differs, layer by layer; with everything also what is the same.

    In a layer that is unknown on one side, what the other alone has is neither added nor removed: nobody knows.
    """
    found: list[Change] = []
    for layer, of in _ITEMS.items():
        hash_a, hash_b = (side["identity"]["layers"].get(layer) for side in (a, b))
        known = (hash_a is not None, hash_b is not None)
        if known != (True, True) or hash_a != hash_b or everything:
            ones, others = of(a), of(b)
            if layer == "config":
                ones, others = _paired(ones, others)
            inside = list(_items(layer, ones, others, known))
            if layer == "code" and one_tree(a, b):
                inside = [one._replace(kind="same") if one.field == TREE else one for one in inside]
            elif all(known) and hash_a != hash_b and all(one.kind == "same" for one in inside):
                # The hash covers it, the record's fields do not show it.
                inside.append(Change(layer, "the layer", "sha256", "changed", hash_a, hash_b))
            found += inside if everything else [one for one in inside if one.kind != "same"]
    return found


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


def alike(one: Any, other: Any) -> bool:
    """Say whether two JSON values are the same: 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


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


# --- the facts of each layer, by what they are facts of


def _prompts(m: Manifest) -> Items:
    items = {
        f"prompt {name}": Item(
            {key: one[key] for key in ("version", "sha256")}, None, {"path": one["path"]}, whole=True
        )
        for name, one in m["prompts"].items()
    }
    versions = {
        name: version
        for name, version in m["prompt_versions"].items()
        if name not in m["prompts"] or m["prompts"][name]["version"] != version
    }
    return {**items, "prompt version": Item(versions)}


def _model(m: Manifest) -> Items:
    config = dict(m["model_config"])
    if isinstance(stops := config.get("stop_sequences"), list):
        config["stop_sequences"] = sorted(stops, key=str)
    return {"model": Item(_flat(config))}


def _agent(m: Manifest) -> Items:
    items = {"agent": Item(_flat({**m["agent"], **m["agent"]["extra"], "extra": None}))}
    for tool in m["tools"]:
        facts = {key: value for key, value in tool.items() if key not in ("name", "source")}
        items[_free(f"tool {tool['name']}", items)] = Item(facts, whole=True)
    return items


def _config(m: Manifest) -> Items:
    config = m["config"]
    items = {
        path: Item(file["values"], file["sha256"], {"format": file["format"]}, whole=True)
        for path, file in config["files"].items()
    }
    command = {ARGUMENTS: config["arguments"] or None}
    return {**items, "command": Item(command), "reported": Item(_flat(config["reported"]))}


def _code(m: Manifest) -> Items:
    items = {
        f"algorithm {name}": Item({"sha256": one["sha256"]}, None, {"source": one["source"]}, whole=True)
        for name, one in m["code"]["algorithms"].items()
    }
    return {"code": Item({TREE: m["code"]["tree"]}), **items}


def _data(m: Manifest) -> Items:
    data = m["data"]
    items: Items = {"data": Item({"golden_version": m["golden_version"]})}
    for name, one in data["sets"].items():
        facts = {"version": one["version"], "sha256": one["sha256"] or one["pointer"]}
        beside = {key: one[key] for key in ("path", "files", "bytes", "stale")}
        items[f"data {name}"] = Item(facts, None, beside, whole=True)
    return {**items, RETRIEVAL: Item(_flat(data["retrieval"])), "data reported": Item(_flat(data["reported"]))}


def _grader(m: Manifest) -> Items:
    grader = m["grader"]
    items = {f"grader {path}": Item({"sha256": sha256}, whole=True) for path, sha256 in grader["files"].items()}
    metrics = {f"metric {name}": meaning for name, meaning in grader["metrics"].items()}
    return {"grader": Item({"version": grader["version"], **metrics, **_flat(grader["reported"])}), **items}


def _software(m: Manifest) -> Items:
    software = m["software"]
    sources = software["package_sources"]
    packages = {
        name: f"{version} ({sources[name]})" if name in sources else version
        for name, version in (software["packages"] or {}).items()
    }
    locks = {path: Item({"sha256": sha256}, whole=True) for path, sha256 in software["locks"].items()}
    return {
        "python": Item({"version": m["system"].get("python_version")}),
        PACKAGE: Item(packages, software["packages_hash"]),
        "tool": Item({name.removesuffix("_version"): said for name, said in tool_versions(m).items()}),
        **{f"lock {path}": item for path, item in locks.items()},
        "env": Item(software["env"]),
    }


def _infra(m: Manifest) -> Items:
    infra = m["infra"]
    gpu = infra["gpu"]
    cards = (
        {
            "cards": sorted(f"{one['name']} {one['memory_mb']} MB {one['mig'] or ''}".strip() for one in gpu["devices"])
            or "none",
            "driver": gpu["driver"],
            "cuda": gpu["cuda"],
        }
        if gpu
        else {}
    )
    return {
        "machine": Item({"platform": infra["runtime_platform"], "type": infra["machine"], "image": infra["image"]}),
        "cpu": Item(infra["cpu"]),
        "memory": Item(infra["memory"]),
        "gpu": Item(cards),
        "declared": Item(_flat(infra["declared"])),
    }


_ITEMS: dict[str, Callable[[Manifest], Items]] = {
    "prompts": _prompts,
    "model": _model,
    "agent": _agent,
    "config": _config,
    "code": _code,
    "data": _data,
    "grader": _grader,
    "software": _software,
    "infra": _infra,
}


def _flat(value: Mapping[str, Any], name: str = "") -> dict[str, Any]:
    """Return a table's values by their dotted names."""
    found: dict[str, Any] = {}
    for key, inner in value.items():
        full = f"{name}.{key}" if name else key
        if isinstance(inner, dict) and inner:
            found.update(_flat(inner, full))
        else:
            found[full] = inner
    return found


def _free(name: str, taken: Items) -> str:
    number = 2
    full = name
    while full in taken:
        full, number = f"{name} ({number})", number + 1
    return full


# --- beside the layers

# These are in a layer, and told there.
_TOLD = (
    *("software.packages_hash", "software.locks.", "software.env.", "system.python_version"),
    *("infra.runtime_platform", "infra.machine", "infra.image", "infra.cpu.", "infra.memory."),
    *("infra.gpu.devices", "infra.gpu.driver", "infra.gpu.cuda", "data.sets.", "git.tree"),
)


def beside(a: Manifest, b: Manifest) -> list[Change]:
    """Return what differs and is in no layer: what was served, the host, the user, the commit."""
    runs = [{name: text for section in facts_of(m) for name, text in section.items()} for m in (a, b)]
    found = []
    for name, (one, other) in differing(runs):
        if not name.startswith(_TOLD):
            kind: Kind = "added" if one is None else "removed" if other is None else "changed"
            values = [None if text is None else json.loads(text) for text in (one, other)]
            found.append(Change("beside", "", name, kind, *values))
    return found
