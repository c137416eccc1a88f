"""Whether a run can be held against a baseline at all: it ended well, whole, and it was the same experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from evalprov.compare.answer import brief, facts
from evalprov.compare.attribution import layer_states
from evalprov.compare.changes import RETRIEVAL, Change, changes
from evalprov.record.baseline import WHATS, acceptance, account_of, who_and_why
from evalprov.record.layers import JUDGED
from evalprov.record.result import why_none

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from evalprov.compare.attribution import LayerState
    from evalprov.compare.rules import GateRule
    from evalprov.compare.verdicts import Side
    from evalprov.record.baseline import What
    from evalprov.record.manifest import Manifest

_WORST_FIRST: tuple[LayerState, ...] = ("unknown", "changed", "undeclared", "named", "equal")
_SHOWN = 3


class Lack(NamedTuple):
    """The scenarios of one run that have no sound result."""

    run_id: str
    scenarios: int  # its own, and those that the baseline has
    task: list[str]  # ended in an error of the task
    infra: list[str]  # ended in an error of the machine alone
    missing: list[str]  # the baseline has a result, the run has neither result nor error
    elsewhere: int  # errors that name no scenario


class Machine(NamedTuple):
    """How the two sides stand to each other in what they ran on."""

    state: LayerState
    changes: list[Change]


def problems(a: Side, b: Side, rule: GateRule) -> list[str]:
    """Say why the baseline (A) and the run (B) cannot be compared, in words; nothing where they can."""
    if any(_is_same(one, other) for one in a.runs for other in b.runs):
        return ["the run is the baseline itself; record another one"]
    return [*_unfinished(a, b, rule), *_other_experiment(a, b), *_without_metrics(a, b), *_too_lacking(a, b, rule)]


def machine(a: Side, b: Side) -> Machine:
    """Say whether both sides ran on the same machine, as far as scores may depend on it."""
    found = [change for pair in _pairs(a, b) for change in changes(*pair) if change.layer == "infra"]
    certain = any(change.kind in ("changed", "added", "removed") for change in found)
    state = "changed" if certain else _state(a, b, "infra")
    return Machine(state, list({(one.item, one.field): one for one in found}.values()))


def lacks(a: Side, b: Side) -> list[Lack]:
    """Count the scenarios without a sound result in each run of B."""
    expected = {name for run in a.runs for name in _with_values(run)}
    return [_lack(run, expected) for run in b.runs]


def notes(a: Side, b: Side) -> list[str]:
    """Say what to know about a comparison that can be made."""
    account = account_of(a.runs[0])
    said = [f"the baseline was set although {'; '.join(account['forced'])}"] if account and account["forced"] else []
    accepted = [one for what in WHATS for run in b.runs if (one := acceptance(a.runs, run, what))]
    said += dict.fromkeys(
        f"another {one['what'].replace('_', ' ')} than the baseline's, accepted {who_and_why(one)}" for one in accepted
    )
    said += [
        f"{run['run_id']} exited with {run['exit_code']}, and is judged by what it reported"
        for run in (*a.runs, *b.runs)
        if run["status"] == "failed"
    ]
    undeclared = [layer for layer in JUDGED if _state(a, b, layer) == "undeclared"]
    if undeclared:
        said.append(f"nobody declared the {' or the '.join(undeclared)}: that both runs had the same is not known")
    if _data_changes(a, b, retrieval=True):
        said.append(f"what is retrieved from differs: {facts(_data_changes(a, b, retrieval=True))}")
    for lack in lacks(a, b):
        if lack.elsewhere:
            said.append(f"{lack.run_id} reported {_counted(lack.elsewhere, 'error')} that name no scenario")
        if found := [*lack.task, *lack.infra, *lack.missing]:
            said.append(f"{lack.run_id}: {_told(lack)} ({_some(found)})")
    return said


def _is_same(one: Manifest, other: Manifest) -> bool:
    """Say whether two records are of one run: on two machines two may begin in the same second."""
    return one["run_id"] == other["run_id"] and one["observed"]["process"] == other["observed"]["process"]


def _unfinished(a: Side, b: Side, rule: GateRule) -> list[str]:
    def refused(run: Manifest) -> str | None:
        return why_none(run, allow_failed=rule.allow_failed)

    found = [f"run {run['run_id']} {why}" for run in b.runs if (why := refused(run))]
    # Somebody who sets a baseline has seen how it ended.
    unset = [(run, why) for run in a.runs if account_of(run) is None and (why := refused(run))]
    return [*found, *(f"the baseline, run {run['run_id']}, {why}" for run, why in unset)]


def _other_experiment(a: Side, b: Side) -> list[str]:
    found = []
    keys: tuple[tuple[str, What], ...] = (("scenario", "scenario"), ("golden version", "golden_version"))
    for what, key in keys:
        for one, other in _pairs(a, b):
            if one[key] != other[key] and not acceptance(a.runs, other, key):
                said = [brief(run[key]) if run[key] is not None else "none" for run in (one, other)]
                step = f"{said[0]} in the baseline, {said[1]} in the run"
                found.append(f"another {what}: {step}; --accept {key} --reason TEXT takes it from now on")
                break
    for layer in JUDGED:
        what = cast("What", layer)
        rest = b._replace(runs=tuple(run for run in b.runs if not acceptance(a.runs, run, what)))
        state = _state(a, rest, layer) if rest.runs else "equal"
        if state == "unknown":
            found.append(f"the {layer} is not known on both sides: it may be another")
        elif state == "changed" and (differing := _judged_changes(a, rest, layer)):
            found.append(f"another {layer}: {facts(differing)}; --accept {layer} --reason TEXT takes it from now on")
    return found


def _judged_changes(a: Side, b: Side, layer: str) -> list[Change]:
    if layer == "data":
        return [one for one in _data_changes(a, b, retrieval=False) if one.field != "golden_version"]
    return [change for pair in _pairs(a, b) for change in changes(*pair) if change.layer == layer]


def _data_changes(a: Side, b: Side, *, retrieval: bool) -> list[Change]:
    """Return what differs in what is judged on, or in what is retrieved from: that is the program's own."""
    found = (change for pair in _pairs(a, b) for change in changes(*pair) if change.layer == "data")
    return [change for change in found if (change.item == RETRIEVAL) == retrieval]


def _without_metrics(a: Side, b: Side) -> list[str]:
    sides = (("the baseline", a), ("the run", b))
    return [
        f"{name} has no metrics"
        for name, side in sides
        if not any(run["metrics"] or run["metric_summary"] for run in side.runs)
    ]


def _too_lacking(a: Side, b: Side, rule: GateRule) -> list[str]:
    found = []
    for lack in lacks(a, b):
        by_task = [*lack.task, *lack.missing]
        for names, bound, whose in (
            (by_task, rule.max_errors, "failed in the task or are missing"),
            (lack.infra, rule.max_infra_errors, "failed for want of the machine (memory, time, disk)"),
        ):
            if names and len(names) > bound * lack.scenarios:
                share = f"{len(names)} of {lack.scenarios} scenarios {whose}"
                found.append(f"{lack.run_id}: {share}, and {bound:.3g} of them may ({_some(names)})")
    return found


def _lack(run: Manifest, expected: set[str]) -> Lack:
    errors = [error for error in run["errors"] if error["scenario"] is not None]
    task = dict.fromkeys(str(error["scenario"]) for error in errors if error["kind"] == "task")
    infra = dict.fromkeys(str(error["scenario"]) for error in errors if error["kind"] == "infra")
    own = {*run["scenarios_run"], *(run["metrics"] or {}), *task, *infra}
    missing = (expected | own) - _with_values(run) - task.keys() - infra.keys()
    return Lack(
        run["run_id"],
        len(expected | own),
        list(task),
        [name for name in infra if name not in task],
        sorted(missing & expected),
        len(run["errors"]) - len(errors),
    )


def _with_values(run: Manifest) -> set[str]:
    return {name for name, row in (run["metrics"] or {}).items() if any(value is not None for value in row.values())}


def _told(lack: Lack) -> str:
    kinds = ((lack.task, "ended in an error"), (lack.infra, "in one of the machine"), (lack.missing, "are missing"))
    said = ", ".join(f"{len(names)} {words}" for names, words in kinds if names)
    return f"of {_counted(lack.scenarios, 'scenario')} {said}"


def _pairs(a: Side, b: Side) -> Iterable[tuple[Manifest, Manifest]]:
    first = a.runs[0]
    return [(first, run) for run in (*a.runs[1:], *b.runs)]


def _state(a: Side, b: Side, layer: str) -> LayerState:
    return min((layer_states(*pair)[layer] for pair in _pairs(a, b)), key=_WORST_FIRST.index)


def _counted(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count} {what}s"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(brief, names[:_SHOWN])) + more
