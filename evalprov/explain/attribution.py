"""How two runs stand to each other in each layer, and what follows from that about why a score moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from evalprov.named import NamedTuple
from evalprov.record.fact import at
from evalprov.record.facts import FACTS
from evalprov.record.form import REPORTED
from evalprov.record.hidden import same_but_for_hiding
from evalprov.record.layers import Layer, hashed, layers

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest

LayerState = Literal[
    "changed",
    "equal",  # proven: both sides hold all of it by content or observation
    "named",  # the same as far as names, versions and guesses tell
    "unknown",  # it may differ: one side at least could not tell
    "undeclared",  # nobody declared any of it on either side: it may differ, and no record can tell
]


THEN_AND_NOW = ("the record", "now")  # the sides where one of them is the present state


class Standing(NamedTuple):
    """How two runs stand to each other in one layer."""

    state: LayerState
    reason: str | None = None  # why it is not known, or what is the same by name alone


def one_tree(a: Manifest, b: Manifest) -> bool:
    """Say whether two runs had the very same files: then no code differs, whichever of them other layers claim."""
    return a["git"]["tree"] is not None and a["git"]["tree"] == b["git"]["tree"]


def standings(a: Manifest, b: Manifest, called: tuple[str, str] = ("A", "B")) -> dict[str, Standing]:
    """Say of every layer how two runs, called so, stand to each other in it."""
    ones, others = layers(a), layers(b)
    return {name: _standing(name, (a, b), (ones[name], others[name]), called) for name in ones}


def layer_states(a: Manifest, b: Manifest) -> dict[str, LayerState]:
    """Return the bare states."""
    return {name: standing.state for name, standing in standings(a, b).items()}


def _standing(
    name: str, runs: tuple[Manifest, Manifest], sides: tuple[Layer, Layer], called: tuple[str, str]
) -> Standing:
    if why := _why_not_told(name, runs, sides, called):
        return Standing("unknown", why)
    if _differ(name, runs, sides):
        return Standing("changed")
    if all(side.control == "none" for side in sides):
        return Standing("undeclared")
    edited = [
        f"{run}: {', '.join(paths)} was written to while the command ran"
        for run, m in zip(called, runs, strict=True)
        if (paths := sorted(path for path, layer in m["observed"]["edited"].items() if layer == name))
    ]
    if edited:
        return Standing("unknown", "; ".join(edited))
    one, other = sides
    if one.control == other.control == "full" and not _one_sided(one, other):
        return Standing("equal")
    notes = dict.fromkeys(side.note for side in sides if side.note)
    return Standing("named", "; ".join(notes) or "one side does not hold all of it")


def _why_not_told(
    name: str, runs: tuple[Manifest, Manifest], sides: tuple[Layer, Layer], called: tuple[str, str]
) -> str | None:
    """Say why nobody can tell whether a layer is the same; null where it can be looked at."""
    a, b = runs
    whys = why_unknown(name, a, b, sides[0]), why_unknown(name, b, a, sides[1])
    for side, why in zip(called, whys, strict=True):
        if why:
            return f"{side}: {why}"
    if not tells_all(a, b) and not _any(_both_tell(hashed(sides[0]), hashed(sides[1]))):
        return "what the one says of it, the other does not"
    return None


def why_unknown(name: str, run: Manifest, other: Manifest, layer: Layer) -> str | None:
    """Say why a layer of a run is not known, held against another run's; null where it is."""
    identity = run["identity"]
    if layer.unknown or identity["layers"].get(name) is None:
        return identity["unknown"].get(name) or layer.unknown or "it was not recorded"
    if _cut_short(run) and (never := _reported(name, other) - _reported(name, run)):
        facts = ", ".join(sorted(never)[:3])
        if run["status"] == "not_started":
            return f"its command was not started, so it did not report {facts}"
        return f"{run['status'].replace('_', ' ')} before it reported {facts}"
    return None


def _cut_short(m: Manifest) -> bool:
    """Say whether a run may have ended before it had reported all that it would have."""
    return m["status"] != "completed" and m["output"]["metrics_source"] is None


def _reported(name: str, m: Manifest) -> set[str]:
    """Return the facts of a layer that only the eval's own report told."""
    found: set[str] = set()
    for fact in FACTS:
        for key in fact.keys if fact.layer == name else ():
            table = key.partition(".")[0]
            found |= {path for path, of in m["sources"].items() if of == REPORTED and path.partition(".")[0] == table}
            value = at(m, key)
            if key == _SERVED or key.endswith(f".{REPORTED}"):
                found |= set(value)
            entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
            told = [(at_name, one) for at_name, one in entries if isinstance(one, dict)]
            found |= {str(one.get("name", at_name)) for at_name, one in told if one.get("source") in _BY_THE_EVAL}
    return found


_BY_THE_EVAL = (REPORTED, "hydra")
_SERVED = "observed.model"


def _differ(name: str, runs: tuple[Manifest, Manifest], sides: tuple[Layer, Layer]) -> bool:
    (one, other), (a, b) = sides, runs
    if any(one.seen[key] != other.seen[key] for key in one.seen.keys() & other.seen.keys()):
        return True
    ones, others = hashed(one), hashed(other)
    if not tells_all(a, b):  # what one of them does not say is no difference
        ones, others = _both_tell(ones, others), _both_tell(others, ones)
    for key in one.maybe | other.maybe:
        if key not in ones or key not in others:
            ones.pop(key, None)
            others.pop(key, None)
    if name == "code" and one_tree(a, b):
        ones.pop("tree", None)
        others.pop("tree", None)
    if name == "data":
        for alike_set in same_sets(a, b):
            for facts in (ones, others):
                facts["sets"] = {**facts["sets"], alike_set: {**facts["sets"][alike_set], "sha256": None}}
    return not alike(ones, others)


def tells_all(a: Manifest, b: Manifest) -> bool:
    """Say whether what one run has and the other lacks is a difference: their records were made by the same tool."""
    ones, others = a["imported"], b["imported"]
    return (ones and ones["tool"]) == (others and others["tool"])


def _both_tell(one: Any, other: Any) -> Any:
    """Return of a table what the other one has, too, table by table."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: _both_tell(one[key], other[key]) for key in one.keys() & other.keys()}
    return one


def _any(value: Any) -> bool:
    """Say whether there is any value in a table."""
    return any(map(_any, value.values())) if isinstance(value, dict) else value is not None


def same_sets(a: Manifest, b: Manifest) -> list[str]:
    """Name the data sets of the same bytes: they are the same, whichever side also has a pointer to them."""
    ones, others = a["data"]["sets"], b["data"]["sets"]
    return [
        name
        for name in ones
        if name in others and ones[name]["sha256"] is not None and ones[name]["sha256"] == others[name]["sha256"]
    ]


def _one_sided(one: Layer, other: Layer) -> bool:
    """Say whether one side alone has a fact that not every record looked for."""
    return any(bool(one.facts.get(key)) != bool(other.facts.get(key)) for key in one.maybe | other.maybe)


def alike(one: Any, other: Any) -> bool:
    """Say whether two JSON values are the same: 1 and 1.0 are, 1 and true are not; hidden ones are told by digests."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return (isinstance(one, bool) == isinstance(other, bool) and bool(one == other)) or same_but_for_hiding(one, other)
