"""`evalprov plan`: how many scenarios and trials show a move of a given size, and what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov import render
from evalprov.cli.common import STORE, open_store
from evalprov.cli.noise import runs_of
from evalprov.cli.options import Option, Subcommand
from evalprov.cli.rules import rules_for
from evalprov.errors import EvalprovError, UsageError
from evalprov.isolation import here
from evalprov.judge.direction import unit_of
from evalprov.judge.metric_diff import Side
from evalprov.judge.summary import Trials, gathered
from evalprov.judge.verdicts import can_judge
from evalprov.settings import load
from evalprov.stats.columns import mean_of
from evalprov.store import read
from evalprov.views import plan as view
from evalprov.views.plan import FoundPlan, ScenarioCost

if TYPE_CHECKING:
    from evalprov.judge.planning import Parts

_EXAMPLE = "for example: evalprov plan --metric accuracy --move 0.03 --from latest"
_HISTORY = "HISTORY"
_FEWEST_RUNS = 3


def plan(*, metric: str | None, move: str | None, source: str | None, as_json: bool, store: str | None) -> int:
    """Say how many scenarios, and how many runs of them, show a move of a metric.

    Each line is for a number of runs on each side: the smallest move that the present scenarios show four times in
    five; how many scenarios the wanted move needs; and what those cost, both sides together. The metric is taken to be
    judged alone. The noise is that of runs of one program: of a repeat, or of all that share a fingerprint.

    In a pipe the columns are separated by tabs. Example: evalprov plan --metric accuracy --move 0.03 --from latest
    """
    from evalprov.judge.planning import parts_of, trials_needed
    from evalprov.judge.planning import plan as planned

    size = _size(move)
    if not metric:
        raise UsageError("missing --metric NAME: the metric that is to move", _EXAMPLE)
    folder = open_store(store)
    if not can_judge():
        raise EvalprovError("a plan needs scipy", "pip install '.[stats]' in evalprov's checkout")
    rules = rules_for(load(here()))
    notes: list[str] = []
    spec = "latest" if source in (None, _HISTORY) else str(source)
    runs = _runs(folder, spec, notes, allow_failed=rules.gate.allow_failed)
    every = gathered(runs.runs)
    trials = _named(every, metric)
    count = len(trials.values)
    rows = [list(own) for own in trials.by_scenario().values() if len(own) == count]
    if not rows and count < _FEWEST_RUNS:
        raise EvalprovError(
            f"{metric} has no values by scenario of which it is the mean, and {count} runs do not tell its noise",
            f"report one line a scenario, or run it {_FEWEST_RUNS} times: evalprov run --repeat {_FEWEST_RUNS}",
        )
    parts = parts_of(rows, trials.values)
    if not parts.sure:
        notes.append("of one run the noise is not known: it is taken to be the most that it can be; --repeat 3 tells")
    level = rules.gate.level
    plans, enough = planned(parts, size, level), trials_needed(parts, size, level)
    found = FoundPlan(metric, size, parts, plans, enough, _cost(runs, every, parts), notes)
    if as_json:
        render.document(view.document(found))
    else:
        render.page(view.page(found) if render.width() else view.lines_of(found))
    return 0


def _size(move: str | None) -> float:
    try:
        size = abs(float(move or ""))
    except ValueError:
        size = 0.0
    if not 0 < size < float("inf"):
        raise UsageError("missing --move SIZE: how far it is to move, in the metric's own unit", _EXAMPLE)
    return size


def _runs(folder: str, spec: str, notes: list[str], *, allow_failed: bool | None) -> Side:
    """Return the runs of one program; the one that is named where there is no other."""
    try:
        return runs_of(folder, spec, notes, allow_failed=allow_failed)
    except EvalprovError:
        return Side((read.load(folder, spec),))


def _named(every: dict[str, Trials], metric: str) -> Trials:
    for name in (metric, f"{metric}_mean"):
        if name in every:
            return every[name]
    names = ", ".join(every) or "none"
    raise EvalprovError(f"these runs have no metric {metric}; they have: {names}", _EXAMPLE)


def _cost(runs: Side, every: dict[str, Trials], parts: Parts) -> ScenarioCost:
    took = [run["duration_seconds"] for run in runs.runs if run["duration_seconds"] is not None]
    usd = next(
        (trials for name, trials in every.items() if (next(iter(trials.units), None) or unit_of(name)) == "usd"), None
    )
    by_scenario = usd is not None and bool(usd.columns)
    paid = mean_of(usd.values) / (1 if by_scenario else parts.scenarios or 1) if usd else None
    return ScenarioCost(mean_of(took) / (parts.scenarios or 1) if took else None, paid)


COMMAND = Subcommand(
    plan,
    (
        Option("--metric", "NAME", "The metric that is to move."),
        Option("--move", "SIZE", "How far, in its own unit."),
        Option(
            "--from",
            "RUN",
            f"Whose noise is taken: that of this run's repeat, or of all runs of its program. {_HISTORY}, as without "
            "it: the last run's.",
            into="source",
        ),
        Option("--json", None, "Print what was found as JSON.", into="as_json"),
        STORE,
    ),
)
