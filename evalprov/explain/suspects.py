"""The facts of a run that its fingerprint leaves out, and which of them explains how results differ."""

from __future__ import annotations

import json
from math import fsum
from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple
from evalprov.record.fact import at
from evalprov.record.facts import FACTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Values = Sequence[float | None]  # a metric's value in each run

Facts = dict[str, str]  # name to its value as JSON text; absent where nothing is recorded

# Where two facts explain as much, the earlier layer is named first.
LAYERS = ("served", "software", "infra", "data", "git", "observed")
SERVED = "observed.model."
FINGERPRINT = f"{SERVED}system_fingerprint"
PACKAGE = "software.packages."
PACKAGES_HASH = "software.packages_hash"
_BEGINNINGS = (
    (SERVED, "served"),
    ("command.timeout_seconds", "infra"),
    (("software.", "system.", "command."), "software"),
    ("infra.", "infra"),
    ("data.", "data"),
    ("git", "git"),
)
# These name the run itself, or never come twice: they can tell nothing.
_NAMES_OF_RUNS = {
    "ci": {"run_url", "run_id"},
    "slurm": {"job_id", "array_job_id", "step_id"},
    "kubernetes": set(),
}


class Fact(NamedTuple):
    """A fact, and its value in each part of a split."""

    name: str
    layer: str
    values: list[Any]  # null where nothing is recorded


class Part(NamedTuple):
    """The runs for which the facts of a split have the same values."""

    runs: int
    means: dict[str, float | None]  # by metric


class Split(NamedTuple):
    """One way in which facts divide the runs; facts that divide them alike cannot be told apart."""

    facts: list[Fact]
    parts: list[Part]
    metric: str | None  # the one it explains best
    explained: float | None  # share of that metric's variance, less what as many values explain by chance
    eta_squared: float | None  # the plain share


def facts_of(line: Mapping[str, Any]) -> tuple[Facts, ...]:
    """Return the facts of a history line that its fingerprint leaves out, by section."""
    infra, observed, command = line["infra"], line["observed"], line["command"]
    process, gpu = observed["process"] or {}, infra["gpu"]
    return (
        _of_layer("model", line),
        {
            **_of_layer("software", line),
            **_at(line, "system.platform", "system.evalprov_version", "software.interpreter.implementation"),
            **_flat("command", {"argv[0]": (command["argv"] or [None])[0], "cwd": command["cwd"]}),
        },
        {
            **_of_layer("infra", line),
            **_at(line, "infra.disk_total_mb", "command.timeout_seconds"),
            **(_flat("infra.gpu", _cards(gpu)) if gpu else {}),
        },
        _flat(
            "data.sets",
            {
                name: {k: one[k] for k in ("files", "bytes", "pointer", "stale")}
                for name, one in line["data"]["sets"].items()
            },
        ),
        {
            **_flat("git_sha", line["git_sha"]),
            **_flat("git_dirty", line["git_dirty"]),
            **_flat("git", {name: line["git"][name] for name in ("branch", "tree")}),
            **_flat("git.submodules", {s["path"]: [s["commit"], *s["dirty"]] for s in line["git"]["submodules"]}),
        },
        {
            **_flat("observed.process", {"hostname": process.get("hostname")}),
            **_flat("observed", {name: observed[name] for name in ("user", "container_id", "online")}),
            **{
                name: value
                for section, own in _NAMES_OF_RUNS.items()
                for name, value in _flat(
                    f"observed.{section}", {k: v for k, v in observed[section].items() if k not in own}
                ).items()
            },
            **_flat("errors.infra", sum(error["kind"] == "infra" for error in line["errors"])),
        },
    )


def _of_layer(layer: str, line: Mapping[str, Any]) -> Facts:
    """Return a layer's facts that the fingerprint leaves out: what was seen, or nobody declared."""
    rows = [fact for fact in FACTS if fact.layer == layer and (fact.seen or layer != "model")]
    return _at(line, *(key for fact in rows for key in fact.keys if key not in _TOLD_ELSEWHERE))


_TOLD_ELSEWHERE = {"infra.declared", "infra.ulimits", *(f"infra.gpu.{name}" for name in ("devices", "driver", "cuda"))}


def _at(line: Mapping[str, Any], *keys: str) -> Facts:
    return {name: text for key in keys for name, text in _flat(key, at(line, key)).items()}


def _cards(gpu: Mapping[str, Any]) -> dict[str, Any]:
    devices = gpu["devices"]
    cards = sorted(f"{one['name']} {one['memory_mb']} {one['mig'] or ''}".strip() for one in devices)
    named = sorted(one["uuid"] for one in devices if one["uuid"])
    return {
        "devices": cards,
        "uuids": named or None,
        **{name: gpu[name] for name in ("driver", "cuda", "visible")},
    }


def packages_of(software: Mapping[str, Any]) -> Facts:
    """Return a record's packages as facts, each with where it was installed from."""
    sources = software["package_sources"]
    return {
        f"{PACKAGE}{name}": json.dumps(f"{version} from {sources[name]}" if name in sources else version)
        for name, version in (software["packages"] or {}).items()
    }


def _flat(name: str, value: Any) -> Facts:
    if isinstance(value, dict):
        return {full: text for key, inner in value.items() for full, text in _flat(f"{name}.{key}", inner).items()}
    return {} if value is None else {name: json.dumps(value, ensure_ascii=False, sort_keys=True)}


def layer_of(name: str) -> str:
    """Return the layer of a fact."""
    return next((layer for beginning, layer in _BEGINNINGS if name.startswith(beginning)), "observed")


def differing(runs: Sequence[Facts]) -> Iterator[tuple[str, tuple[str | None, ...]]]:
    """Yield each fact that is not the same in every run, with its values."""
    for name in dict.fromkeys(name for facts in runs for name in facts):
        values = tuple(facts.get(name) for facts in runs)
        if len(set(values)) > 1:
            yield name, values


def suspects(runs: Sequence[Facts], metrics: Mapping[str, Values]) -> tuple[list[Split], list[str]]:
    """Return the splits that the runs' facts make, most suspicious first, and the facts that can tell nothing.

    A fact with another value in every run explains everything and so nothing; it counts only where there is no other.
    """
    splits: dict[tuple[int, ...], list[tuple[str, tuple[str | None, ...]]]] = {}
    for name, values in differing(runs):
        numbers: dict[str | None, int] = {}
        part = tuple(numbers.setdefault(value, len(numbers)) for value in values)
        splits.setdefault(part, []).append((name, values))
    alone = splits.pop(tuple(range(len(runs))), [])
    if not splits and alone:
        return [_split(tuple(range(len(runs))), alone, metrics)], []
    found = [_split(part, facts, metrics) for part, facts in splits.items()]
    return sorted(found, key=_suspicion), sorted((name for name, _ in alone), key=_order)


def _suspicion(split: Split) -> tuple[float, int, bool, str]:
    explained = -1.0 if split.explained is None else round(split.explained, 9)
    return (-explained, *_order(split.facts[0].name))


def _order(name: str) -> tuple[int, bool, str]:
    return LAYERS.index(layer_of(name)), name != FINGERPRINT, name


def _split(
    part: tuple[int, ...], facts: Iterable[tuple[str, tuple[str | None, ...]]], metrics: Mapping[str, Values]
) -> Split:
    firsts = [part.index(number) for number in range(max(part) + 1)]
    shown = [
        Fact(name, layer_of(name), [None if (text := values[i]) is None else json.loads(text) for i in firsts])
        for name, values in sorted(facts, key=lambda fact: _order(fact[0]))
    ]
    members = [[i for i, one in enumerate(part) if one == number] for number in range(len(firsts))]
    parts = [
        Part(len(inside), {name: _mean([values[i] for i in inside]) for name, values in metrics.items()})
        for inside in members
    ]
    shares = {name: share for name, values in metrics.items() if (share := _explained(part, values))}
    best = max(shares, key=lambda name: shares[name], default=None)
    explained, plain = shares[best] if best is not None else (None, None)
    return Split(shown, parts, best, explained, plain)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fsum(value / len(known) for value in known) if known else None


def _explained(part: Sequence[int], values: Values) -> tuple[float, float] | None:
    """Return how much of a metric's variance a split explains: less chance, and plain; null where that is void."""
    scale = max((abs(value) for value in values if value is not None), default=0.0) or 1.0  # squares stay finite
    known = [(number, value / scale) for number, value in zip(part, values, strict=True) if value is not None]
    sides: dict[int, list[float]] = {}
    for number, value in known:
        sides.setdefault(number, []).append(value)
    if not 1 < len(sides) < len(known):
        return None
    total = _squares([value for _, value in known])
    if not total:
        return None
    left = fsum(_squares(side) for side in sides.values()) / total
    by_chance = left * (len(known) - 1) / (len(known) - len(sides))
    return max(0.0, 1 - by_chance), max(0.0, 1 - left)


def _squares(values: Sequence[float]) -> float:
    mean = fsum(values) / len(values)
    return fsum((value - mean) ** 2 for value in values)
