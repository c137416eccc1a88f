"""Whether the scores of two sides are of one experiment, and what changed between them by the name people give it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.explain.changes import CERTAIN
from evalprov.explain.used import USED
from evalprov.explain.wording import brief
from evalprov.numbers import listed
from evalprov.record.facts import RETRIEVAL
from evalprov.record.result import has_result

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evalprov.explain.changes import Change
    from evalprov.judge.metric_diff import Side

_JUDGED = ("data set", "golden version", "reported data", "grader")


def levers(changes: Sequence[Change]) -> list[str]:
    """Name what changed: a layer by its name, and of the data whether it is what is judged on or retrieved from."""
    return list(dict.fromkeys(_lever(change) for change in changes if change.kind in CERTAIN))


def _lever(change: Change) -> str:
    if change.layer == USED:
        return "modules" if change.field == "path" else "undeclared inputs"
    if change.layer != "data":
        return change.layer
    if change.item == RETRIEVAL:
        return "retriever"
    return {"data": "golden version", "data reported": "reported data"}.get(change.item, "data set")


def experiment(a: Side, b: Side, changes: Sequence[Change], *, present: bool) -> list[str]:
    """Say why the scores of two sides are not of the same experiment, or not of a whole one."""
    one, other = (side.runs[0]["scenario"] for side in (a, b))
    found = []
    if one != other:
        step = " -> ".join("none" if name is None else brief(name) for name in (one, other))
        found.append(f"the scenario is another ({step})")
    if present:
        return found
    judged = [change for change in changes if _lever(change) in _JUDGED]
    if another := levers([change for change in judged if change.kind == "changed"]):
        found.append(f"the scores are not of one experiment: another {listed(another)}")
    elif one_sided := levers(judged):
        found.append(f"it is not known whether the scores are of one experiment: {listed(one_sided)} on one side only")
    found += [words for name, side in (("A", a), ("B", b)) for words in _not_whole(name, side)]
    if a.runs != b.runs and _ids(a) == _ids(b):
        found.append("A and B have one run id and are not the same record")
    return found


def _not_whole(name: str, side: Side) -> Iterator[str]:
    ended = [run["status"].replace("_", " ") for run in side.runs if not has_result(run)]
    if ended and len(side.runs) == 1:
        yield f"{name} is not a completed run ({ended[0]})"
    elif ended:
        yield f"{len(ended)} of {len(side.runs)} trials of {name} did not complete"
    layers = [run["identity"]["layers"] for run in side.runs]
    if mixed := [layer for layer in layers[0] if len({one.get(layer) for one in layers}) > 1]:
        yield f"the trials of {name} are not of one program ({listed(mixed)})"


def _ids(side: Side) -> list[str]:
    return [run["run_id"] for run in side.runs]
