"""An old run, run again: brought back to a folder of its own, recorded beside the old one, and held against it."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Literal

from evalprov.errors import CANNOT_START, EvalprovError
from evalprov.judge.diff import Diff, diff
from evalprov.judge.metric_diff import Side
from evalprov.named import NamedTuple
from evalprov.numbers import listed
from evalprov.record.result import why_none
from evalprov.restore.bring import Restored, RestoreRequest, restore, same_packages
from evalprov.restore.setting import place_of_environment
from evalprov.run.pipeline import record_run
from evalprov.run.present import request_like
from evalprov.settings import load
from evalprov.settings.trust import VARIABLE, commands_of, is_trusted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from evalprov.judge.rules import Rules
    from evalprov.record.manifest import Manifest, Repeat
    from evalprov.record.schema.values import MetricValue
    from evalprov.restore.verify import Rung
    from evalprov.run.request import Done
    from evalprov.stats.whole_run import Spread

Outcome = Literal["reproduced", "not reproduced", "not judged"]
Answers = Literal["live", "replay", "replay or record"]
EXIT = {"reproduced": 0, "not reproduced": 1, "not judged": 3}
CHANNELS = ("stdout", "report")


class Nearness(NamedTuple):
    """How far a metric may lie from what it was."""

    amount: float
    relative: bool
    said: str

    def allows(self, a: float, b: float) -> bool:
        """Say whether a value is near enough to what it was."""
        return abs(b - a) <= (self.amount * abs(a) if self.relative else self.amount) + 1e-12 * abs(a)


class HeldMetric(NamedTuple):
    """One metric, then and now."""

    name: str
    a: MetricValue
    b: MetricValue
    outcome: Literal["within", "within noise", "moved", "missing"]


class RerunJudgement(NamedTuple):
    """Whether a rerun gave what the run gave."""

    outcome: Outcome
    sentence: str
    metrics: list[HeldMetric]
    diff: Diff


@contextmanager
def brought_back(asked: RestoreRequest, *, here: bool, keep: bool) -> Iterator[Restored]:
    """Bring a run back to a folder that goes away afterwards, ready to be run; what cannot is an error."""
    around = tempfile.mkdtemp(prefix="evalprov-rerun-")
    name = os.path.basename(asked.record["git"]["root"] or "") or "project"
    try:
        asked = asked._replace(folder=os.path.join(around, name), environment=not here, to_run=True)
        found = restore(asked)
        if not found.whole:
            what = listed(found.missing, between="; ") or "git's tree of its files is not the recorded one"
            hint = "--here runs it with the packages that are installed now" if "packages: " in what else ""
            raise EvalprovError(f"run {found.run_id} could not be restored: {what}", hint, CANNOT_START)
        if here:
            _link_environment(asked.record, found, asked.root)
        yield found
    finally:
        if not keep:
            shutil.rmtree(around, ignore_errors=True)


def _link_environment(m: Manifest, found: Restored, root: str) -> None:
    """Let a command that names the project's own environment find today's."""
    place = place_of_environment(m, os.path.relpath(found.project, found.folder))
    theirs = os.path.join(root, os.path.relpath(os.path.join(found.folder, place), found.project))
    if os.path.isdir(theirs) and not os.path.lexists(os.path.join(found.folder, place)):
        with suppress(OSError):
            os.symlink(os.path.realpath(theirs), os.path.join(found.folder, place))


def rung(m: Manifest, found: Restored, answers: Answers = "live") -> Rung:
    """Return how much a rerun has in common with the run."""
    if found.now is None or not same_packages(m, found.now):
        return "method"
    if answers == "replay":
        return "replayed answers"
    return "model by name" if m["model_config"] or m["observed"]["model"] else "everything"


def run_again(  # noqa: PLR0913 - what is run, where, and how
    m: Manifest,
    found: Restored,
    asked: RestoreRequest,
    extra: tuple[str, ...],
    progress: Callable[[int, int], None] | None,
    *,
    answers: Answers = "live",
    note: str = "",
    repeat: Repeat | None = None,
) -> Done:
    """Run the command in its new place, recorded in the store of the old run with that as its parent."""
    store = asked.store
    if found.store_inside:
        _lend_store(found, asked.store)
    source = m["output"]["metrics_source"]
    environ = {**found.environ, "EVALPROV_RUN_ID": m["run_id"], "PWD": found.cwd}
    if m["repeat"]:
        environ |= {"EVALPROV_SEED": str(m["repeat"]["seed"]), "EVALPROV_TRIAL": str(m["repeat"]["trial"])}
    if _trusts(asked, found):
        environ[VARIABLE] = "1"
    like: Manifest = {**m, "command": {**m["command"], "argv": found.command}}
    request = request_like(like, None if found.store_inside else store)._replace(
        argv=(*found.command, *extra),
        written=(),
        tag=("rerun", f"rung={rung(m, found, answers).replace(' ', '-')}"),
        note=note or f"rerun of {m['run_id']}",
        repeat=repeat,
        timeout=m["command"]["timeout_seconds"],
        replay=None if answers == "live" else _answers_of(m, asked),
        fill=answers == "replay or record",
        metrics_file=None if source is None or source["channel"] in CHANNELS else source["channel"],
    )
    before = os.getcwd()
    os.chdir(found.cwd)
    try:
        return record_run(request, found.cwd, environ, progress)
    finally:
        os.chdir(before)


def _answers_of(m: Manifest, asked: RestoreRequest) -> str:
    """Return what names the run's recorded calls: itself, or their file where another store has it."""
    if asked.pieces is None or os.path.lexists(f"{asked.store}/runs/{m['run_id']}.json"):
        return m["run_id"]
    from evalprov.store.calls import path_of

    return path_of(asked.pieces, m)


def _lend_store(found: Restored, store: str) -> None:
    """Have the old run's store where the settings say: what is recorded there is no part of the files."""
    settings = load(found.project)
    place = os.path.normpath(os.path.join(found.project, settings.store))
    if not place.startswith(f"{found.folder}/"):
        return
    if os.path.islink(place):
        os.unlink(place)
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    os.symlink(store, place)


def _trusts(asked: RestoreRequest, found: Restored) -> bool:
    """Say whether the user trusts the very commands of these settings where the project is now."""
    theirs, ours = load(asked.root), load(found.project)
    return bool(commands_of(ours)) and commands_of(theirs) == commands_of(ours) and is_trusted(theirs, asked.environ)


# --- judged -------------------------------------------------------------------------------------------------


def judge(m: Manifest, new: Manifest, within: Nearness, rules: Rules, spreads: Mapping[str, Spread]) -> RerunJudgement:
    """Hold a rerun against the run."""
    found = diff(Side((m,)), Side((new,)), rules, spreads=spreads)
    for which, one in (("the run", m), ("the rerun", new)):
        if why := why_none(one, allow_failed=rules.gate.allow_failed):
            return RerunJudgement("not judged", f"could not be judged: {which} {why}", [], found)
    held = list(_held(found, within, spreads))
    moved = [one for one in held if one.outcome == "moved"]
    missing = [one.name for one in held if one.outcome == "missing"]
    if moved:
        said = f"not reproduced: {_steps(moved)}, by more than {within.said}{_because(found)}"
        return RerunJudgement("not reproduced", said, held, found)
    if missing or not held:
        said = f"the rerun has no {listed(missing)}" if missing else "there is no metric to hold it by"
        return RerunJudgement("not judged", f"could not be judged: {said}", held, found)
    noisy = any(one.outcome == "within noise" for one in held)
    how = "within the noise of earlier runs" if noisy else f"within {within.said}"
    return RerunJudgement("reproduced", f"reproduced: {_steps(held)}, {how}{_unlike(found)}", held, found)


def _held(found: Diff, within: Nearness, spreads: Mapping[str, Spread]) -> Iterator[HeldMetric]:
    for metric in found.metrics:
        if metric.role == "info" or metric.same_as is not None or metric.a is None:
            continue
        if metric.b is None:
            yield HeldMetric(metric.name, metric.a, None, "missing")
        elif within.allows(float(metric.a), float(metric.b)):
            yield HeldMetric(metric.name, metric.a, metric.b, "within")
        elif metric.name in spreads and metric.verdict in ("same", "within_noise"):
            yield HeldMetric(metric.name, metric.a, metric.b, "within noise")
        else:
            yield HeldMetric(metric.name, metric.a, metric.b, "moved")


def _steps(held: list[HeldMetric]) -> str:
    return listed([f"{one.name} {_number(one.a)} -> {_number(one.b)}" for one in held])


def _number(value: MetricValue) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value).lower()


def _because(found: Diff) -> str:
    changed = _changed(found)
    return f"; changed: {changed}" if changed else "; nothing that is recorded changed"


def _unlike(found: Diff) -> str:
    changed = _changed(found)
    return f", although something changed: {changed}" if changed else ""


def _changed(found: Diff) -> str:
    """Name the layers that changed, with the first of their facts."""
    names = []
    for name in (name for name, one in found.layers.items() if one.state == "changed"):
        facts = [" ".join(filter(None, (one.item, one.field))) for one in found.changes if one.layer == name]
        names.append(f"{name} ({listed(facts)})" if facts else name)
    return ", ".join(names)
