"""`evalprov noise`: a program compared with itself, and what its noise is made of."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.cli.common import STORE, open_store
from evalprov.cli.options import Argument, Option, Subcommand
from evalprov.cli.rules import rules_for
from evalprov.cli.sides import side
from evalprov.errors import EvalprovError, UsageError
from evalprov.isolation import here
from evalprov.judge.metric_diff import Side
from evalprov.judge.verdicts import can_judge
from evalprov.page import Remark
from evalprov.record.result import has_result, why_none
from evalprov.settings import load
from evalprov.store import read
from evalprov.store.lines import Search
from evalprov.store.query import Query
from evalprov.store.where import equals
from evalprov.views import noise as view

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest
    from evalprov.run.trials import Series

TRIALS = 10
RUNS_KEPT = 200  # of one program, where they are no trials of one repeat
_EXAMPLE = "for example: evalprov noise latest, or: evalprov noise --repeat 10 -- python my_eval.py"


def noise(  # noqa: PLR0913 - one argument an option
    *,
    run: str | None,
    command: tuple[str, ...] | None,
    repeat: int | None,
    jobs: int | None,
    as_json: bool,
    store: str | None,
) -> int:
    """Say how often the gate would fire although nothing changed.

    The trials of a run's repeat are compared with each other, as the gate compares a run with its baseline; without
    a repeat, the runs that share its fingerprint. Nothing changed between them, so whatever fires is noise. A run whose
    command failed counts if its metrics were read; [gate] allow_failed = true takes every one of them, false none.
    With a command, it is run several times first; to declare more about it: evalprov run --repeat 10 ... -- CMD

    In a pipe the columns are separated by tabs. Example: evalprov noise --repeat 10 -- python my_eval.py
    """
    from evalprov.judge.self_comparison import measure  # other commands do without

    folder = open_store(store)
    notes: list[str] = []
    if command is not None:
        if run is not None or not command:
            raise UsageError("give either a run or a command behind --", _EXAMPLE)
        series = _recorded(command, repeat or TRIALS, jobs or 1, store)
        if series.stopped_by:
            return series.exit_code
        run = _last(series)
    elif repeat or jobs:
        raise UsageError(f"{'--repeat' if repeat else '--jobs'} needs a command behind --", _EXAMPLE)
    elif run is None:
        raise UsageError("missing RUN, or a command behind --", _EXAMPLE)
    if not can_judge():
        raise EvalprovError("the gate's verdicts need scipy", "pip install '.[stats]' in evalprov's checkout")
    rules = rules_for(load(here()))
    one = runs_of(folder, run, notes, allow_failed=rules.gate.allow_failed)
    bar = render.progress("comparing", lambda done, total: f"{done} of {total}")
    found = measure(one, rules, bar)
    if bar:
        bar(1, 1)
    if as_json:
        render.document(view.document(found, notes))
        return 0
    render.page(view.page(found) if render.width() else view.lines_of(found))
    render.page(map(Remark, notes))
    return 0


# --- what is compared


def _recorded(command: tuple[str, ...], times: int, jobs: int, store: str | None) -> Series:
    """Run a command so many times."""
    from evalprov.cli.repeat import recorded
    from evalprov.run.request import Request
    from evalprov.run.trials import Plan, new_id, trials_of

    request = Request(argv=command, store=store and os.path.abspath(store))
    return recorded(trials_of(request, times, new_id()), Plan(jobs), quiet=False)


def _last(series: Series) -> str:
    """Return the last run there is of a series."""
    runs = [one.run_id for one in series.ended if one.run_id]
    if not runs:
        raise EvalprovError("no trial left a record", exit_code=series.exit_code)
    return runs[-1]


def runs_of(folder: str, spec: str, notes: list[str], *, allow_failed: bool | None) -> Side:
    """Return the runs of one program that have results."""
    named = read.load(folder, spec)
    left_out: Counter[str] = Counter()
    if named["repeat"] is not None:
        every = side(folder, spec, trials=True).runs
        what = f"{len(every)} of the {named['repeat']['of']} trials of this repeat have a record"
        same = [run for run in every if run["identity"]["fingerprint"] == named["identity"]["fingerprint"]]
        if len(same) < len(every):
            notes.append(f"left out: {len(every) - len(same)} with another fingerprint, so of another program")
        if named["identity"]["fingerprint"] is None:
            notes.append("their fingerprint is not known; trials of one repeat are taken to be of one program")
        left_out.update(filter(None, (why_none(run, allow_failed=allow_failed) for run in same)))
        runs = [run for run in same if has_result(run, allow_failed=allow_failed)]
    else:
        found = _alike(folder, named, notes, left_out, allow_failed=allow_failed)
        what = "no other run shares its fingerprint" if len(found) < 2 else f"{len(found)} runs share its fingerprint"
        runs = [read.load(folder, run_id) for run_id in found]
    notes += [f"left out: {count} that {why}" for why, count in left_out.items()]
    if len(runs) < 2:
        others = "".join(f"; {count} {why}" for why, count in left_out.items())
        raise EvalprovError(
            f"two runs of one program with results are needed, and there {_are(len(runs))}: {what}{others}",
            "record some: evalprov run --repeat 10 -- CMD",
        )
    return Side(tuple(runs))


def _alike(
    folder: str, named: Manifest, notes: list[str], left_out: Counter[str], *, allow_failed: bool | None
) -> list[str]:
    """Return the runs with a run's fingerprint that have results, oldest first."""
    fingerprint = named["identity"]["fingerprint"]
    if fingerprint is None:
        why = named["identity"]["unknown"].get("fingerprint", "none was recorded")
        raise EvalprovError(
            f"run {named['run_id']} is no trial, and its fingerprint is not known: {why}",
            "so it cannot be told which runs are of the same program; record some: evalprov run --repeat 10 -- CMD",
        )
    found: list[str] = []
    with Search(folder, Query([equals("identity.fingerprint", fingerprint)])) as search:
        for one in search.runs():
            if no_result := why_none(one.read(), allow_failed=allow_failed):
                left_out[no_result] += 1
            else:
                found.append(one.run_id)
            if len(found) == RUNS_KEPT:
                break
    notes += search.notes()
    if len(found) == RUNS_KEPT:
        notes.append(f"the last {RUNS_KEPT} runs of this program were compared")
    return found[::-1]


def _are(count: int) -> str:
    return "is 1" if count == 1 else f"are {count}"


COMMAND = Subcommand(
    noise,
    (
        Option("--repeat", "N", f"How often to run CMD; {TRIALS} times otherwise.", at_least=2),
        Option("--jobs", "J", "How many at a time; 1 otherwise.", at_least=1),
        Option("--json", None, "Print what was found as JSON.", into="as_json"),
        STORE,
    ),
    (Argument("run", "RUN | -- CMD...", "A run of the program, or the command to run."),),
    behind="command",
)
