"""`evalprov noise`: a program compared with itself, and what its noise is made of."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.cli.common import STORE, open_store
from evalprov.cli.options import Argument, Option, Subcommand
from evalprov.cli.rules import rules_for
from evalprov.cli.sides import side
from evalprov.errors import EvalprovError, UsageError
from evalprov.isolation import here
from evalprov.judge.verdicts import Side, can_judge
from evalprov.record.result import has_result, why_none
from evalprov.settings import load
from evalprov.store import read
from evalprov.store.lines import Search
from evalprov.store.query import Query
from evalprov.store.where import equals

if TYPE_CHECKING:
    from evalprov.judge.self_comparison import MetricNoise, Rate, SelfComparison
    from evalprov.record.manifest import Manifest
    from evalprov.run.trials import Series

COLUMNS = (
    "metric",
    "trials",
    "mean",
    "deviation",
    "scenarios",
    "unstable",
    "within",
    "detectable",
    "size",
    "needed_scenarios",
    "needed_trials",
    "p",
    "fired",
    "tolerance",
    "whole",
)
TRIALS = 10
RUNS_KEPT = 200  # of one program, where they are no trials of one repeat
UNSTABLE_SHOWN = 5
_EXAMPLE = "for example: evalprov noise latest, or: evalprov noise --repeat 10 -- python my_eval.py"
_COLOURS = {"holds": "1;32", "fires_more": "1;31", "trials_differ": "1;31", "cannot_tell": "1;33"}


def noise(  # noqa: PLR0913 - one argument an option
    *,
    run: str | None,
    command: tuple[str, ...] | None,
    repeat: int | None,
    jobs: int | None,
    as_json: bool,
    store: str | None,
) -> int:
    """Say how often the gate would fire where nothing is wrong.

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
            raise UsageError("give a run, or a command behind --", _EXAMPLE)
        series = _recorded(command, repeat or TRIALS, jobs or 1, store)
        if series.stopped_by:
            return series.exit_code
        run = _last(series)
    elif repeat or jobs:
        raise UsageError(f"{'--repeat' if repeat else '--jobs'} goes with a command, behind --", _EXAMPLE)
    elif run is None:
        raise UsageError("there is nothing to measure: give a run, or a command behind --", _EXAMPLE)
    if not can_judge():
        raise EvalprovError("the gate's verdicts need scipy", "pip install '.[stats]' in evalprov's checkout")
    rules = rules_for(load(here()))
    one = runs_of(folder, run, notes, allow_failed=rules.gate.allow_failed)
    bar = render.progress("comparing", lambda done, total: f"{done} of {total}")
    found = measure(one, rules, bar)
    if bar:
        bar(1, 1)
    if as_json:
        render.document(_document(found, notes))
    elif sys.stdout.isatty():
        _print(found)
    else:
        render.table(COLUMNS, [_row(metric) for metric in found.metrics])
        render.note(_answer(found))
    if not as_json:
        for note in notes:
            render.note(note)
    return 0


# --- what is compared


def _recorded(command: tuple[str, ...], times: int, jobs: int, store: str | None) -> Series:
    """Run a command so many times."""
    from evalprov.cli.repeat import recorded
    from evalprov.run.request import Request
    from evalprov.run.trials import Plan

    return recorded(Request(argv=command, store=store and os.path.abspath(store)), Plan(times, jobs), quiet=False)


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
            "which runs are of the same program cannot be told; record some: evalprov run --repeat 10 -- CMD",
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


# --- for a person


def _answer(found: SelfComparison) -> str:
    """Say in one line how often the gate fired for nothing."""
    stated = f"stated: at most {_share(found.level)}"
    if found.verdict == "cannot_tell":
        return f"the gate cannot judge these runs: {found.why}"
    if found.verdict == "trials_differ":
        names = _listed([one.name for one in found.metrics if one.differs])
        return f"the trials are not alike ({names}): {_alarms(found.pairs, 'pairs')}; {stated}"
    few = "too many " if found.verdict == "fires_more" else ""
    if found.resampled:
        return f"{few}{_alarms(found.resampled, 'comparisons')}; {stated}"
    return f"{few}{_alarms(found.pairs, 'pairs of trials')}; {stated}"


def _alarms(rate: Rate, what: str) -> str:
    between = f" ({100 * rate.interval[0]:.2g} to {_share(rate.interval[1])})" if rate.interval else ""
    return f"false alarms in {_share(rate.fired / rate.of)} of {rate.of:,} {what}{between}"


def _share(share: float) -> str:
    return f"{100 * share:.2g} %"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _print(found: SelfComparison) -> None:
    render.out(render.paint(render.neutral(_answer(found)), _COLOURS[found.verdict], sys.stdout))
    render.facts("compared", _compared(found))
    if found.metrics:
        render.out("")
        heading = ["", "mean", "run to run", "whole runs", "within", "unstable", "one run shows"]
        for line in render.columns([heading, *map(_cells, found.metrics)]):
            render.out(f"  {render.neutral(line)}")
        for line in _LEGEND:
            render.out(render.paint(f"  {line}", "2", sys.stdout))
    wanted = [(one.name, _wanted(one)) for one in found.metrics]
    render.facts("to show a smaller move", wanted)
    for one in found.metrics:
        shown = one.most_unstable[:UNSTABLE_SHOWN]
        more = f", the first {len(shown)} of {one.unstable}" if one.unstable > len(shown) else ""
        of = [
            (u.scenario, f"{render.number(u.mean)}  {render.number(u.low)} to {render.number(u.high)}") for u in shown
        ]
        render.facts(f"unstable in {one.name}{more}: mean and range over the trials", of)
    render.facts("for evalprov.toml: how much worse one run may be than another by chance", _settings(found))
    for line in _ADVICE.get(found.verdict, ()):
        render.out(line)


_LEGEND = (
    "whole runs: what of that moves a run as a whole; only more runs lessen it",
    "within: the share of the scenarios' variance that is from trial to trial",
    "one run shows: a move of that size in one run against one is seen 4 times in 5",
)
_ADVICE = {
    "trials_differ": (
        "",
        "Whole trials differ, and not only their scenarios: something drifted meanwhile,",
        "they share state (a cache, a server, a rate limit), or they depend on something",
        "hidden. evalprov audit names recorded facts that go with it. Look for the cause",
        "first: a tolerance that covers it hides it as well.",
    ),
    "fires_more": (
        "",
        "The trials are alike, and the gate fires all the same: its tests do not suit",
        "these values. More scenarios help, and so does a tolerance in evalprov.toml.",
    ),
}


def _compared(found: SelfComparison) -> list[tuple[str, str]]:
    pairs = [("trials", f"{len(found.runs)}, {found.runs[0]} to {found.runs[-1]}")]
    for what, rate in (("pairs of trials", found.pairs), ("pairs made up", found.resampled)):
        if rate is not None:
            undecided = f", {rate.undecided:,} could not be judged" if rate.undecided else ""
            pairs.append((what, f"{rate.of:,}, the gate fired in {rate.fired:,}{undecided}"))
    return pairs


def _cells(one: MetricNoise) -> list[str]:
    return [
        one.name,
        render.number(one.mean),
        render.number(one.deviation),
        render.number(one.whole),
        "-" if one.within is None else f"{one.within:.0%}",
        f"{one.unstable} of {one.scenarios}" if one.scenarios else "-",
        render.number(one.detectable),
    ]


def _wanted(one: MetricNoise) -> str:
    if one.needed is None or one.size is None or one.detectable is None or one.detectable <= one.size:
        return ""
    amount = f"{one.needed.scenarios:,} scenarios, or {one.needed.trials:,} trials of these {one.scenarios:,} a side"
    return f"{render.number(one.size)} takes {amount}"


def _settings(found: SelfComparison) -> list[tuple[str, str]]:
    lines = []
    for one in found.metrics:
        if one.tolerance is not None:
            bare = one.name.isascii() and one.name.replace("_", "").replace("-", "").isalnum()
            lines += [f"[metrics.{one.name if bare else json.dumps(one.name)}]", f"tolerance = {one.tolerance:.10g}"]
    return [("", line) for line in lines]


# --- for a program


def _row(one: MetricNoise) -> tuple[str, ...]:
    def cell(value: float | None) -> str:
        return "-" if value is None else f"{value:.10g}"

    needed = (None, None) if one.needed is None else one.needed
    numbers = (one.detectable, one.size, *needed, one.p, one.fired, one.tolerance, one.whole)
    return (
        one.name,
        str(one.trials),
        cell(one.mean),
        cell(one.deviation),
        str(one.scenarios),
        str(one.unstable),
        cell(one.within),
        *map(cell, numbers),
    )


def _document(found: SelfComparison, notes: list[str]) -> dict[str, Any]:
    metrics = [
        {
            **one._asdict(),
            "most_unstable": [unstable._asdict() for unstable in one.most_unstable],
            "needed": one.needed and one.needed._asdict(),
        }
        for one in found.metrics
    ]
    return {
        "version": 1,
        "answer": _answer(found),
        **found._asdict(),
        "pairs": found.pairs._asdict(),
        "resampled": found.resampled and found.resampled._asdict(),
        "metrics": metrics,
        "notes": notes,
    }


COMMAND = Subcommand(
    noise,
    (
        Option("--repeat", "N", f"How often to run CMD; {TRIALS} times otherwise.", at_least=2),
        Option("--jobs", "J", "How many at a time.", at_least=1),
        Option("--json", None, "Print what was found as JSON.", into="as_json"),
        STORE,
    ),
    (Argument("run", "RUN | -- CMD...", "A run of the program, or the command to run."),),
    behind="command",
)
