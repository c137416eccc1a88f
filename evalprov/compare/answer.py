"""The answer in one line: what moved for real, and which layer did it, as far as that can be told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from evalprov.compare.changes import ARGUMENTS, CERTAIN, RETRIEVAL, TREE, different_words
from evalprov.compare.elide import apart
from evalprov.named import NamedTuple
from evalprov.numbers import rounded
from evalprov.record.hidden import MARK, holds
from evalprov.record.result import has_result

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from evalprov.compare.changes import Change
    from evalprov.compare.diff import Layer
    from evalprov.compare.verdicts import MetricDiff, Side

AnswerKind = Literal[
    "attributed",  # a score moved, and one layer changed; no other did as far as is recorded
    "confounded",  # a score moved, and several layers changed
    "unattributable",  # a score moved, and a layer is not known
    "untracked",  # a score moved, and nothing that is recorded changed
    "cannot_tell",  # whether a score moved
    "not_moved",  # no score did
    "no_metrics",  # there is nothing to compare
    "present_same",  # a run now would be the same program
    "present_changed",  # it would be another
    "present_unknown",  # nothing known has changed; the rest shows when it runs
]
SHOWN = 3  # of metrics, facts and names in a line
TEXT = 32  # letters of a value
NAME = 60
REASON = 120


class Answer(NamedTuple):
    """What follows from two runs."""

    kind: AnswerKind
    sentence: str
    moved: list[str]  # the metrics that moved for real
    unclear: list[str]  # those of which nobody can tell
    levers: list[str]  # what changed: prompts, model, data set, retriever, grader ...
    unknown: list[str]  # layers that may have
    named: list[str]  # layers that are the same by name alone: they may have
    undeclared: list[str]  # layers that nobody declared on either side: they are outside the experiment
    caveats: list[str]  # why the scores are not of one experiment, or not whole


class Evidence(NamedTuple):
    """What an answer is made of."""

    metrics: Sequence[MetricDiff]
    layers: Mapping[str, Layer]
    changes: Sequence[Change]
    beside: Sequence[Change]
    caveats: Sequence[str]
    files: Sequence[str] = ()  # of the code, that differ


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
        found.append(f"the scores are not of one experiment: another {_listed(another)}")
    elif one_sided := levers(judged):
        found.append(f"it is not known whether the scores are of one experiment: {_listed(one_sided)} on one side only")
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
        yield f"the trials of {name} are not of one program ({_listed(mixed)})"


def _ids(side: Side) -> list[str]:
    return [run["run_id"] for run in side.runs]


def answer(a: Side, b: Side, evidence: Evidence, *, present: bool) -> Answer:
    """Say what follows."""
    told = {change.layer for change in evidence.changes if change.kind in CERTAIN}
    changed = levers(evidence.changes)
    by_state = {
        state: [name for name, layer in evidence.layers.items() if layer.state == state]
        for state in ("changed", "unknown", "named", "undeclared")
    }
    changed += [name for name in by_state["changed"] if name not in told]
    told_once = [metric for metric in evidence.metrics if metric.same_as is None]
    moved = [metric for metric in told_once if metric.verdict in _REAL]
    unclear = [metric for metric in told_once if metric.verdict == "cannot_tell"]
    blank = Answer(
        "no_metrics",
        "",
        [metric.name for metric in moved],
        [metric.name for metric in unclear],
        changed,
        by_state["unknown"],
        by_state["named"],
        by_state["undeclared"],
        list(evidence.caveats),
    )
    if present:
        return _of_present(blank, evidence, a.runs[0]["run_id"])
    if moved:
        cause = _cause(blank, evidence)
        found = cause._replace(sentence=_moves(moved) + cause.sentence)
    elif unclear:
        found = blank._replace(kind="cannot_tell", sentence=f"{_unclear(unclear)}; {_all_the_same(blank, evidence)}")
    elif any(metric.verdict != "one_sided" for metric in evidence.metrics):
        found = blank._replace(kind="not_moved", sentence=f"{_still(evidence)}; {_all_the_same(blank, evidence)}")
    else:
        none = "no metric stands on both sides" if evidence.metrics else "there are no metrics to compare"
        found = blank._replace(sentence=f"{none}; {_all_the_same(blank, evidence)}")
    if a.runs == b.runs:
        return found._replace(sentence="A and B are the same run: there is nothing to compare")
    return found._replace(sentence="; ".join([*found.caveats, found.sentence]))


_REAL = ("better", "worse", "moved")
_JUDGED = ("data set", "golden version", "reported data", "grader")


def levers(changes: Sequence[Change]) -> list[str]:
    """Name what changed: a layer by its name, and of the data whether it is what is judged on or retrieved from."""
    return list(dict.fromkeys(_lever(change) for change in changes if change.kind in CERTAIN))


def _lever(change: Change) -> str:
    if change.layer != "data":
        return change.layer
    if change.item == RETRIEVAL:
        return "retriever"
    return {"data": "golden version", "data reported": "reported data"}.get(change.item, "data set")


def _cause(blank: Answer, evidence: Evidence) -> Answer:
    """Say which layer did it."""
    if blank.unknown:
        also = f"; changed: {_listed(blank.levers)}" if blank.levers else ""
        said = f"; it cannot be attributed: not known is {_unknown(blank, evidence)}{also}"
        return blank._replace(kind="unattributable", sentence=said)
    if len(blank.levers) > 1:
        changed = _listed(blank.levers, len(blank.levers))
        said = f"; several things changed at once, and any may have done it: {changed}"
        return blank._replace(kind="confounded", sentence=said + _unproven(blank))
    if blank.levers:
        # Only what holds all else fast is proven to be the one.
        only = "" if blank.named or blank.undeclared else "only "
        said = f": {only}the {blank.levers[0]} changed ({_facts(evidence)})"
        return blank._replace(kind="attributed", sentence=said + _unproven(blank))
    said = ": no layer that is recorded did: nondeterminism, or something untracked"
    return blank._replace(kind="untracked", sentence=said + _unproven(blank))


def _unknown(blank: Answer, evidence: Evidence) -> str:
    """Name the layers that are not known, those with like reasons together."""
    by_reason: dict[str, list[str]] = {}
    for name in blank.unknown:
        by_reason.setdefault(evidence.layers[name].reason or "", []).append(name)
    return "; ".join(f"{_listed(names)} ({brief(reason, REASON)})" for reason, names in by_reason.items())


def _unproven(blank: Answer) -> str:
    """Name the layers that may have changed all the same."""
    named, undeclared = (_listed(names, len(names)) for names in (blank.named, blank.undeclared))
    are = "is" if len(blank.named) == 1 else "are"
    return (f"; {named} {are} the same by name only" if named else "") + (
        f"; nobody declared {undeclared}" if undeclared else ""
    )


def _all_the_same(blank: Answer, evidence: Evidence) -> str:
    """Say what changed beside scores that did not, or not for sure."""
    unknown = f"; not known: {_listed(blank.unknown)}" if blank.unknown else ""
    if not blank.levers:
        return f"{_nothing(evidence)}{unknown}{_unproven(blank)}"
    if len(blank.levers) == 1:
        return f"the {blank.levers[0]} changed ({_facts(evidence)}){unknown}"
    return f"changed: {_listed(blank.levers, len(blank.levers))}{unknown}"


def _nothing(evidence: Evidence) -> str:
    """Say that no layer changed; not that nothing did where something else is recorded to differ."""
    if not evidence.beside:
        return "nothing that is recorded changed"
    return f"no layer changed; beside them differ {_listed([change.field for change in evidence.beside])}"


def _facts(evidence: Evidence) -> str:
    """Tell the first few changes in a line; of the code its files, where they are known."""
    tree = next((change for change in evidence.changes if change.field == TREE and change.kind in CERTAIN), None)
    if not (tree and evidence.files):
        return facts(evidence.changes)
    others = facts([change for change in evidence.changes if change is not tree])
    return ", ".join(filter(None, [_listed(evidence.files, SHOWN - 1), others]))


def _of_present(blank: Answer, evidence: Evidence, run: str) -> Answer:
    unknown = f"; not known: {_listed(blank.unknown, len(blank.unknown))}" if blank.unknown else ""
    if blank.levers:
        said = f"({_facts(evidence)})" if len(blank.levers) == 1 else ""
        sentence = f"changed since {run}: {_listed(blank.levers, len(blank.levers))} {said}".rstrip() + unknown
        found = blank._replace(kind="present_changed", sentence=sentence)
    elif blank.unknown or blank.caveats:
        found = blank._replace(kind="present_unknown", sentence=f"nothing known has changed since {run}{unknown}")
    else:
        sentence = f"nothing has changed since {run}: a run now would be the same program"
        found = blank._replace(kind="present_same", sentence=sentence + _unproven(blank))
    return found._replace(sentence="; ".join([*found.caveats, found.sentence]))


# --- words


def _moves(moved: Sequence[MetricDiff]) -> str:
    if len(moved) == 1:
        (metric,) = moved
        words = {"better": "is better for real", "worse": "is worse for real", "moved": "moved for real"}
        guess = f" (if {_better(metric)} is better)" if _is_guess(metric) else ""
        return f"{brief(metric.name, NAME)} {words[metric.verdict]}{guess}, {brief(metric.a)} -> {brief(metric.b)}"
    first = [
        f"{_step(metric)} ({metric.verdict}{f' if {_better(metric)} is better' * _is_guess(metric)})"
        for metric in moved[:SHOWN]
    ]
    more = f" and {len(moved) - SHOWN} more" if len(moved) > SHOWN else ""
    return f"{len(moved)} metrics moved for real: {', '.join(first)}{more}"


def _is_guess(metric: MetricDiff) -> bool:
    return metric.direction_from == "name" and metric.verdict in ("better", "worse")


def _better(metric: MetricDiff) -> str:
    return "more" if metric.direction == "higher" else "less"


def _unclear(unclear: Sequence[MetricDiff]) -> str:
    first = unclear[0]
    more = f" (and {len(unclear) - 1} more)" if len(unclear) > 1 else ""
    why = f": {brief(first.reason, REASON)}" if first.reason else ""
    return f"it cannot be told whether {_step(first)} is real{more}{why}"


def _still(evidence: Evidence) -> str:
    noisy = [metric for metric in evidence.metrics if metric.verdict == "within_noise"]
    if not noisy:
        return "the scores are the same"
    more = f" (and {len(noisy) - 1} more)" if len(noisy) > 1 else ""
    return f"no score moved for real: {_step(noisy[0])} is within noise{more}"


def _step(metric: MetricDiff) -> str:
    return f"{brief(metric.name, NAME)} {brief(metric.a)} -> {brief(metric.b)}"


def facts(changes: Sequence[Change]) -> str:
    """Tell the first few changes in a line; not what merely may have changed."""
    changes = [change for change in changes if change.kind in CERTAIN]
    told, item = [], ""
    for change in changes[: SHOWN - 1]:
        # What it is a fact of is said once.
        told.append(_fact(change, named=change.item in (item, change.layer)))
        item = change.item
    more = [f"{len(changes) - len(told)} more"] if len(changes) > len(told) else []
    return ", ".join([*told, *more])


def _fact(change: Change, *, named: bool) -> str:
    name = brief(change.field if named and change.field else f"{change.item} {change.field}".strip(), NAME)
    if change.kind == "changed" and change.field == ARGUMENTS:
        a, b = apart([" ".join(words) or "none" for words in different_words(change.a, change.b)], TEXT)
        return f"{name} {a} -> {b}"
    if change.kind == "changed" and holds(change.a, MARK) and holds(change.b, MARK):
        return f"{name} changed (values hidden)"
    if change.kind == "changed" and change.field not in _HASHES:
        a, b = (
            (change.a, change.b)
            if isinstance(change.a, str) and isinstance(change.b, str)
            else (brief(change.a), brief(change.b))
        )
        a, b = apart((a, b), TEXT)
        return f"{name} {a} -> {b}"
    return f"{name.removesuffix(' sha256')} {change.kind}"


_HASHES = ("sha256", "tree", "graph_hash", "config_hash", "description_hash", "schema_hash")


def brief(value: Any, letters: int = TEXT) -> str:
    """Return a value in a few letters."""
    if isinstance(value, float):
        return rounded(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= letters else f"{text[: letters // 2 - 2]}...{text[2 - letters // 2 :]}"


def _listed(names: Sequence[str], shown: int = SHOWN) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return f"{', '.join(names[:shown])}{more}"
