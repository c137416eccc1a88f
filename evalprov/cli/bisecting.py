"""`evalprov rerun --bisect`: what moved a score between two runs, found by rerunning points halfway."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.cli.common import open_store, recorded_in
from evalprov.cli.earlier import spreads
from evalprov.cli.restore import pieces
from evalprov.cli.rules import rules_for
from evalprov.errors import CANNOT_START, EvalprovError, UsageError
from evalprov.isolation import given_environment, here
from evalprov.judge.halfway import MetricRules
from evalprov.named import NamedTuple
from evalprov.numbers import counted, listed
from evalprov.restore.bisect import BisectTerms, ScoreSearch
from evalprov.restore.bring import RestoreRequest
from evalprov.restore.points import HalfwayRuns
from evalprov.restore.setting import named_ahead
from evalprov.settings import load
from evalprov.store import read
from evalprov.views import bisect as view

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evalprov.judge.bisection import TriedPoint
    from evalprov.judge.metric_diff import Side
    from evalprov.record.manifest import Manifest
    from evalprov.restore.bisect import Estimate
    from evalprov.restore.rerun import Answers
    from evalprov.stats.whole_run import Spread

EXAMPLE = "evalprov rerun --bisect accuracy --good RUN --bad RUN"


class BisectRequest(NamedTuple):
    """What the command line asks for."""

    metric: str
    good: str
    bad: str
    repeat: int
    most: int | None
    yes: bool
    as_here: bool
    answers: Answers
    as_json: bool
    store: str | None


def wanted(
    searched: Mapping[str, Any], answers: Answers, *, as_here: bool, as_json: bool, store: str | None
) -> BisectRequest:
    """Read what the options ask for."""
    if missing := [f"--{name}" for name in ("good", "bad") if not searched[name]]:
        raise UsageError(f"--bisect needs {' and '.join(missing)}", EXAMPLE)
    ends = (searched["bisect"], searched["good"], searched["bad"])
    return BisectRequest(
        *ends, searched["repeat"] or 1, searched["max_reruns"], searched["yes"], as_here, answers, as_json, store
    )


def bisect(asked: BisectRequest) -> int:
    """Search between two runs; the exit code says how that went."""
    folder = open_store(asked.store)
    place = recorded_in(folder)
    settings = load(here())
    environ = given_environment()
    requests = []
    for spec in (asked.good, asked.bad):
        m = read.load(folder, spec)
        _refuse(m, asked.metric)
        for words in named_ahead(m, environ):
            render.note(f"{m['run_id']}: {words}")
        kept = pieces(folder, spec)
        requests.append(
            RestoreRequest(
                m, place, settings.root, "", environ, told=render.note, pieces=None if kept == place else kept
            )
        )
    good, bad = requests
    if good.record["run_id"] == bad.record["run_id"]:
        raise UsageError(f"--good and --bad are one run, {good.record['run_id']}", EXAMPLE)
    rules = rules_for(settings)

    def apart(a: Side, b: Side) -> Mapping[str, Spread]:
        return spreads(folder, a, b, allow_failed=rules.gate.allow_failed)

    terms = BisectTerms(
        MetricRules(asked.metric, rules, apart), asked.repeat, asked.most, asked.answers, _tell, _quietly
    )
    render.note("bringing both runs back")
    with HalfwayRuns(good, bad, here=asked.as_here) as points:
        search = ScoreSearch(points, good, terms)
        if search.pieces:
            _ask(search.estimate(), asked)
        found = search.run()
    if asked.as_json:
        render.document(view.document(found))
    elif width := render.width():
        render.page(view.page(found, width))
    else:
        render.page(view.lines_of(found))
    return found.exit_code


def _refuse(m: Manifest, metric: str) -> None:
    """Refuse a run that cannot be an end."""
    if not m["command"]["argv"]:
        raise EvalprovError(f"the record of run {m['run_id']} has no command", exit_code=CANNOT_START)
    known = m["metric_summary"] or {}
    if known.get(metric) is None:
        names = listed(sorted(known), 8) if known else "none"
        raise UsageError(f"run {m['run_id']} has no metric {metric}", f"it has: {names}")


def _ask(cost: Estimate, asked: BisectRequest) -> None:
    """Say what it may cost, and go on only if that is agreed to."""
    reruns = min(cost.reruns, asked.most or cost.reruns)
    spent = (
        ""
        if cost.seconds is None
        else f", {render.duration(cost.seconds)} each as recorded: {render.duration(cost.seconds * reruns)}"
    )
    text = f"what differs: {', '.join(cost.differs)}; about {counted(reruns, 'rerun')} at most{spent}"
    render.note(text)
    if asked.yes:
        return
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty()):
        raise UsageError("nobody is here to agree to that; nothing was rerun", f"--yes agrees ahead: {EXAMPLE} --yes")
    sys.stderr.write("evalprov  go on? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise EvalprovError("nothing was rerun", exit_code=3)


def _tell(point: TriedPoint, reruns: int, most: int) -> None:
    render.note(f"{reruns} of about {most}  {view.told(point)}")


def _quietly(run: Callable[[], Manifest]) -> Manifest:
    """Run without showing what is printed: each rerun's record has it."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for standard in (1, 2):
            os.dup2(nowhere, standard)
        return run()
    finally:
        for standard, own in zip((1, 2), kept, strict=True):
            os.dup2(own, standard)
            os.close(own)
        os.close(nowhere)
