"""What the samples of an inspect_ai log asked, wanted and got."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalprov.reported.adapters.pieces import pieces
from evalprov.reported.adapters.source import listed, reasons, spoken, table

if TYPE_CHECKING:
    from evalprov.reported.adapters.pieces import Readable

_WANTED = frozenset(("id", "epoch", "input", "target", "output", "scores"))
_AFTER = frozenset(("store", "events"))  # stands behind all of that, and may be far longer


def texts_of(sample: dict[str, Any]) -> dict[str, Any]:
    """Return a sample's texts by the names that reports have for them."""
    target, output = sample.get("target"), table(sample.get("output"))
    choices = [table(table(one).get("message")) for one in listed(output.get("choices"))]
    said = output.get("completion") or (spoken(choices[:1]) if choices else None)
    why = reasons((name, table(score).get("explanation")) for name, score in table(sample.get("scores")).items())
    return {
        "input": spoken(sample.get("input")),
        "expected": target[0] if isinstance(target, list) and len(target) == 1 else target,
        "output": said,
        "explanation": why if why != said else None,
    }


def beginning_of(part: Readable) -> dict[str, Any]:
    """Return what is wanted of a sample, read no further than that."""
    found: dict[str, Any] = {}
    for path, value in pieces(part):
        if path[0] in _AFTER:
            break
        if path[0] in _WANTED:
            found[path[0]] = value
        if found.keys() == _WANTED:
            break
    return found
