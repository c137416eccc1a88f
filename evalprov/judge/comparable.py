"""Whether a run can be held against a baseline at all: it ended well, whole, and it was the same experiment."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, cast

from evalprov.explain.attribution import layer_states
from evalprov.explain.changes import Change, changes
from evalprov.explain.wording import brief, facts
from evalprov.judge.left_out import with_values
from evalprov.named import NamedTuple
from evalprov.numbers import listed
from evalprov.record.baseline import WHATS, acceptance, account_of, who_and_why
from evalprov.record.facts import RETRIEVAL
from evalprov.record.layers import JUDGED
from evalprov.record.result import why_none

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from evalprov.explain.attribution import LayerState
    from evalprov.judge.metric_diff import Side
    from evalprov.judge.rules import GateRule
    from evalprov.record.baseline import What
    from evalprov.record.manifest import Manifest

    Runs = Sequence[Manifest]

_WORST_FIRST: tuple[LayerState, ...] = ("unknown", "changed", "undeclared", "named", "equal")


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


class _Pair(NamedTuple):
    """The baseline's first run beside another one, of either side."""

    first: Manifest
    other: Manifest
    states: dict[str, LayerState]
    changes: list[Change]


class Experiment:
    """A baseline's runs (A) and the runs held against them (B), every pair's layers looked at once."""

    def __init__(self, a: Side, b: Side) -> None:
        self._a, self._b = a.runs, b.runs
        first = a.runs[0]
        others = (*a.runs[1:], *b.runs)
        self._pairs = [_Pair(first, run, layer_states(first, run), changes(first, run)) for run in others]

    def problems(self, rule: GateRule) -> list[str]:
        """Say why the baseline and the run cannot be compared, in words; nothing where they can."""
        a, b = self._a, self._b
        if any(_is_same(one, other) for one in a for other in b):
            return ["the run is the baseline itself; record another one"]
        set_of = [*_too_lacking(self.lacks, rule), *self._new_scenarios()]
        return [*_unfinished(a, b, rule), *self._another(), *_without_metrics(a, b), *set_of]

    def machine(self) -> Machine:
        """Say whether both sides ran on the same machine, as far as scores may depend on it."""
        found = _differing(self._pairs, "infra")
        certain = any(change.kind in ("changed", "added", "removed") for change in found)
        state = "changed" if certain else _state(self._pairs, "infra")
        return Machine(state, list({(one.item, one.field): one for one in found}.values()))

    @cached_property
    def lacks(self) -> list[Lack]:
        """Count the scenarios without a sound result in each run of B."""
        expected = set(with_values(self._a))
        return [_lack(run, expected) for run in self._b]

    def notes(self) -> list[str]:
        """Say what to know about a comparison that can be made."""
        a, b = self._a, self._b
        account = account_of(a[0])
        said = (
            [f"the baseline was set although {'; '.join(account['forced'])}"] if account and account["forced"] else []
        )
        accepted = [one for what in WHATS for run in b if (one := acceptance(a, run, what))]
        said += dict.fromkeys(
            f"another {one['what'].replace('_', ' ')} than the baseline's, accepted {who_and_why(one)}"
            for one in accepted
        )
        said += [
            f"{run['run_id']} exited with {run['exit_code']}, and is judged by what it reported"
            for run in (*a, *b)
            if run["status"] == "failed"
        ]
        undeclared = [layer for layer in JUDGED if _state(self._pairs, layer) == "undeclared"]
        if undeclared:
            said.append(f"nobody declared the {' or the '.join(undeclared)}: that both runs had the same is not known")
        if retrieval := [change for change in _differing(self._pairs, "data") if change.item == RETRIEVAL]:
            said.append(f"what is retrieved from differs: {facts(retrieval)}")
        for lack in self.lacks:
            if lack.elsewhere:
                said.append(f"{lack.run_id} reported {_counted(lack.elsewhere, 'error')} that name no scenario")
            if found := [*lack.task, *lack.infra, *lack.missing]:
                said.append(f"{lack.run_id}: {_told(lack)} ({_some(found)})")
        return said

    def _new_scenarios(self) -> list[str]:
        """Name the scenarios that the baseline never ran: with them it is another set, and may be a harder one."""
        known = {name for run in self._a for name in _known_to(run)}
        found = []
        for run in self._b if known else ():
            new = sorted(with_values([run]).keys() - known)
            taken = any(acceptance(self._a, run, what) for what in ("scenario", "golden_version", "data"))
            if new and not taken:
                share = f"{len(new)} of {_counted(len(known | _known_to(run)), 'scenario')}"
                found.append(
                    f"{share} are new in the run, another set than the baseline's ({_some(new)}); set a new one"
                )
        return found

    def _another(self) -> list[str]:
        """Say in which way the run was another experiment."""
        found = []
        keys: tuple[tuple[str, What], ...] = (("scenario", "scenario"), ("golden version", "golden_version"))
        for what, key in keys:
            for one, other, *_ in self._pairs:
                if one[key] != other[key] and not acceptance(self._a, other, key):
                    said = [brief(run[key]) if run[key] is not None else "none" for run in (one, other)]
                    step = f"{said[0]} in the baseline, {said[1]} in the run"
                    found.append(f"another {what}: {step}; --accept {key} --reason TEXT takes it from now on")
                    break
        for layer in JUDGED:
            rest = [pair for pair in self._pairs if not acceptance(self._a, pair.other, cast("What", layer))]
            state = _state(rest, layer) if rest else "equal"
            if state == "unknown":
                found.append(f"the {layer} is not known on both sides: it may be another")
            elif state == "changed" and (differing := _judged_changes(rest, layer)):
                found.append(
                    f"another {layer}: {facts(differing)}; --accept {layer} --reason TEXT takes it from now on"
                )
        return found


def _state(pairs: Iterable[_Pair], layer: str) -> LayerState:
    return min((pair.states[layer] for pair in pairs), key=_WORST_FIRST.index)


def _differing(pairs: Iterable[_Pair], layer: str) -> list[Change]:
    return [change for pair in pairs for change in pair.changes if change.layer == layer]


def _judged_changes(pairs: Iterable[_Pair], layer: str) -> list[Change]:
    """Return what differs in what is judged on; what is retrieved from is the program's own."""
    found = _differing(pairs, layer)
    if layer == "data":
        return [one for one in found if one.item != RETRIEVAL and one.field != "golden_version"]
    return found


def _is_same(one: Manifest, other: Manifest) -> bool:
    """Say whether two records are of one run: on two machines two may begin in the same second."""
    return one["run_id"] == other["run_id"] and one["observed"]["process"] == other["observed"]["process"]


def _unfinished(a: Runs, b: Runs, rule: GateRule) -> list[str]:
    def refused(run: Manifest) -> str | None:
        return why_none(run, allow_failed=rule.allow_failed)

    found = [f"run {run['run_id']} {why}" for run in b if (why := refused(run))]
    # Somebody who sets a baseline has seen how it ended.
    unset = [(run, why) for run in a if account_of(run) is None and (why := refused(run))]
    return [*found, *(f"the baseline, run {run['run_id']}, {why}" for run, why in unset)]


def _without_metrics(a: Runs, b: Runs) -> list[str]:
    sides = (("the baseline", a), ("the run", b))
    return [
        f"{name} has no metrics"
        for name, runs in sides
        if not any(run["metrics"] or run["metric_summary"] for run in runs)
    ]


def _too_lacking(lacks: Sequence[Lack], rule: GateRule) -> list[str]:
    found = []
    for lack in lacks:
        run = "the run" if len(lacks) == 1 else lack.run_id
        kinds = ((lack.task, "failed"), (lack.missing, "is missing" if len(lack.missing) == 1 else "are missing"))
        told = [(len(names), words) for names, words in kinds if names]
        of = f"of {_counted(lack.scenarios, 'scenario')}"
        by_task = " and ".join(f"{count} {of * (not rank)} {words}" for rank, (count, words) in enumerate(told))
        by_infra = f"{len(lack.infra)} {of} failed for want of memory, time or disk"
        for names, bound, what in (
            ([*lack.task, *lack.missing], rule.max_errors, by_task),
            (lack.infra, rule.max_infra_errors, by_infra),
        ):
            if names and len(names) > bound * lack.scenarios:
                may = f"at most {100 * bound:.3g} % may" if bound else "none may"
                found.append(f"{' '.join(what.split())} in {run}, and {may} ({_some(names)})")
    return found


def _lack(run: Manifest, expected: set[str]) -> Lack:
    errors = [error for error in run["errors"] if error["scenario"] is not None]
    task = dict.fromkeys(str(error["scenario"]) for error in errors if error["kind"] == "task")
    infra = dict.fromkeys(str(error["scenario"]) for error in errors if error["kind"] == "infra")
    own = _known_to(run)
    missing = (expected | own) - with_values([run]).keys() - task.keys() - infra.keys()
    return Lack(
        run["run_id"],
        len(expected | own),
        list(task),
        [name for name in infra if name not in task],
        sorted(missing & expected),
        len(run["errors"]) - len(errors),
    )


def _known_to(run: Manifest) -> set[str]:
    """Return the scenarios that a run had, whatever became of them."""
    named = {str(error["scenario"]) for error in run["errors"] if error["scenario"] is not None}
    return {*run["scenarios_run"], *(run["metrics"] or {}), *named}


def _told(lack: Lack) -> str:
    kinds = ((lack.task, "ended in an error"), (lack.infra, "in one of the machine"), (lack.missing, "are missing"))
    said = ", ".join(f"{len(names)} {words}" for names, words in kinds if names)
    return f"of {_counted(lack.scenarios, 'scenario')} {said}"


def _counted(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count} {what}s"


def _some(names: Sequence[str]) -> str:
    return listed(list(map(brief, names)))
