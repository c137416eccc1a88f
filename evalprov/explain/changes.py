"""What differs between two runs, field by field, and which layer each fact belongs to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from evalprov.explain.attribution import alike, layer_states, one_tree, same_sets, why_unknown
from evalprov.explain.suspects import differing, facts_of
from evalprov.named import NamedTuple
from evalprov.record.layers import cards_of, content_of, layers, tool_versions

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
    maybe: bool = False  # not every record looked for it: that one side lacks it says nothing


Items = dict[str, Item]


def changes(a: Manifest, b: Manifest, *, everything: bool = False) -> list[Change]:
    """Return what differs, layer by layer; with everything also what is the same.

    In a layer that is unknown on one side, what the other alone has is neither added nor removed: nobody knows.
    """
    found: list[Change] = []
    ones, others = layers(a), layers(b)
    for layer, of in _ITEMS.items():
        known = (
            why_unknown(layer, a, b, ones[layer]) is None,
            why_unknown(layer, b, a, others[layer]) is None,
        )
        hash_a, hash_b = (side["identity"]["layers"].get(layer) for side in (a, b))
        if all(known) and hash_a == hash_b and not (ones[layer].seen or others[layer].seen or everything):
            continue
        inside = list(_inside(layer, (of(a), of(b)), (a, b), known))
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
    served = Item({name: value for name, value in m["observed"]["model"].items() if value is not None}, maybe=True)
    return {"model": Item(_flat(config)), "served": served}


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
    command = {"program": config["program"], ARGUMENTS: config["arguments"] or None, "folder": m["command"]["cwd"]}
    return {**items, "command": Item(command), "reported": Item(_flat(config["reported"]))}


def _code(m: Manifest) -> Items:
    items = {
        f"algorithm {name}": Item({"sha256": one["sha256"]}, None, {"source": one["source"]}, whole=True)
        for name, one in m["code"]["algorithms"].items()
    }
    beside = {path: Item({"sha256": sha256}, whole=True) for path, sha256 in m["code"]["beside"].items()}
    return {"code": Item({TREE: m["code"]["tree"]}), **items, **beside}


def _data(m: Manifest) -> Items:
    data = m["data"]
    items: Items = {"data": Item({"golden_version": m["golden_version"]})}
    for name, one in data["sets"].items():
        facts = {"version": one["version"], "sha256": content_of(one)}
        beside = {key: one[key] for key in ("path", "files", "bytes", "pointer", "stale")}
        items[f"data {name}"] = Item(facts, None, beside, whole=True)
    return {**items, RETRIEVAL: Item(_flat(data["retrieval"])), "data reported": Item(_flat(data["reported"]))}


def _grader(m: Manifest) -> Items:
    grader = m["grader"]
    items = {f"grader {path}": Item({"sha256": sha256}, whole=True) for path, sha256 in grader["files"].items()}
    metrics = {f"metric {name}": meaning for name, meaning in grader["metrics"].items()}
    return {"grader": Item({"version": grader["version"], **metrics, **_flat(grader["reported"])}), **items}


def _software(m: Manifest) -> Items:
    software = m["software"]
    sources, executable = software["package_sources"], software["executable"]
    packages = {
        name: f"{version} ({sources[name]})" if name in sources else version
        for name, version in (software["packages"] or {}).items()
    }
    locks = {path: Item({"sha256": sha256}, whole=True) for path, sha256 in software["locks"].items()}
    return {
        "python": Item({"version": m["system"].get("python_version")}),
        PACKAGE: Item(packages, software["packages_hash"]),
        "installed files": Item({"sha256": software["packages_content"]}, maybe=True),
        **{
            f"sources of {name}": Item({"sha256": one["sha256"]}, None, {"path": one["path"], "commit": one["commit"]})
            for name, one in software["package_trees"].items()
        },
        "executable": Item(_flat({key: executable[key] for key in ("version", "sha256")}) if executable else {}),
        "tool": Item({name.removesuffix("_version"): said for name, said in tool_versions(m).items()}),
        **{f"lock {path}": item for path, item in locks.items()},
        "env": Item(software["env"]),
        "environment": Item({"variables not recorded": software["env_rest"]}, maybe=True),
    }


def _infra(m: Manifest) -> Items:
    infra = m["infra"]
    gpu = infra["gpu"]
    cards = {"cards": cards_of(m) or "none", "driver": gpu["driver"], "cuda": gpu["cuda"]} if gpu else {}
    return {
        "machine": Item({"platform": infra["runtime_platform"], "type": infra["machine"], "image": infra["image"]}),
        "cpu": Item(infra["cpu"]),
        "memory": Item(infra["memory"]),
        "gpu": Item(cards),
        "limit": Item(infra["ulimits"]),
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


def _same_data(a: Manifest, b: Manifest, name: str) -> bool:
    return name.removeprefix("data.sets.").rpartition(".")[0] in same_sets(a, b)


# These are in a layer, and told there.
_TOLD = (
    *("software.packages_hash", "software.locks.", "software.env.", "system.python_version"),
    *("infra.runtime_platform", "infra.machine", "infra.image", "infra.cpu.", "infra.memory."),
    *("infra.gpu.devices", "infra.gpu.driver", "infra.gpu.cuda", "data.sets.", "git.tree", "observed.model."),
    *("software.packages_content", "software.env_rest", "software.executable", "command.cwd", "command.argv[0]"),
)


def beside(a: Manifest, b: Manifest) -> list[Change]:
    """Return what differs and is in no layer: the host, the user, the commit, what was warned of."""
    runs = [{name: text for section in facts_of(m) for name, text in section.items()} for m in (a, b)]
    found = []
    for name, (one, other) in differing(runs):
        # Where the data is the same, that its pointer is another would be told nowhere.
        if not name.startswith(_TOLD) or (name.endswith((".pointer", ".stale")) and _same_data(a, b, name)):
            kind: Kind = "added" if one is None else "removed" if other is None else "changed"
            values = [None if text is None else json.loads(text) for text in (one, other)]
            found.append(Change("beside", "", name, kind, *values))
    if a["warnings"] != b["warnings"]:
        found.append(Change("beside", "", "warnings", "changed", len(a["warnings"]), len(b["warnings"])))
    return found
