"""Which layers differ between two runs, and what follows from that about why a score moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from evalprov.record.layers import layers

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest

LayerState = Literal[
    "same",  # proven equal
    "changed",
    "unknown",  # on one side at least: it may differ
    "undeclared",  # nobody declared any of it on either side: it may differ, and no record can tell
]


def one_tree(a: Manifest, b: Manifest) -> bool:
    """Say whether two runs had the very same files: then no code differs, whichever of them other layers claim."""
    return a["git"]["tree"] is not None and a["git"]["tree"] == b["git"]["tree"]


def layer_states(a: Manifest, b: Manifest) -> dict[str, LayerState]:
    """Say of every layer how two runs stand to each other in it."""
    ones, others = layers(a), layers(b)
    states: dict[str, LayerState] = {}
    for name in ones:
        one, other = a["identity"]["layers"].get(name), b["identity"]["layers"].get(name)
        if one is None or other is None:
            states[name] = "unknown"
        elif one != other and not (name == "code" and one_tree(a, b) and _algorithms(a) == _algorithms(b)):
            states[name] = "changed"
        else:
            empty = ones[name].control == "none" and others[name].control == "none"
            states[name] = "undeclared" if empty else "same"
    return states


def _algorithms(m: Manifest) -> dict[str, str | None]:
    return {name: one["sha256"] for name, one in m["code"]["algorithms"].items()}
