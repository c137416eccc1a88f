"""`evalprov rerun`: an old run brought back, run again, and held against what it was."""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.cli.common import RUN, STORE, open_store, recorded_in, sent_after
from evalprov.cli.earlier import spreads
from evalprov.cli.options import Option, Subcommand
from evalprov.cli.restore import pieces
from evalprov.cli.rules import rules_for
from evalprov.errors import CANNOT_START, EvalprovError, UsageError
from evalprov.isolation import given_environment, here
from evalprov.judge.metric_diff import Side
from evalprov.page import Remark
from evalprov.restore.bring import RestoreRequest
from evalprov.restore.rerun import EXIT, Nearness, brought_back, judge, run_again, rung
from evalprov.restore.setting import named_ahead
from evalprov.settings import load
from evalprov.store import read
from evalprov.views import ended
from evalprov.views import rerun as view
from evalprov.views.restore import layers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evalprov.record.manifest import Manifest
    from evalprov.restore.rerun import Answers

WITHIN = "0.3%"


def rerun(  # noqa: PLR0913 - one argument an option
    *,
    run: str | None,
    as_here: bool,
    keep: bool,
    within: str | None,
    live: bool,
    replay: bool,
    replay_or_record: bool,
    as_json: bool,
    store: str | None,
    extra: tuple[str, ...] | None,
    **searched: Any,  # what --bisect goes with
) -> int:
    """Bring a run back to a folder of its own, run its command there again, and judge what comes out.

    The files must be back and proven, and the packages: today's, where they are the same, else they are installed
    anew. The rerun is a record like any other, in the store of the run, with that as its parent. What the command
    prints goes to stderr, the judgement to stdout. Words behind -- are added to the command.

    With --replay the models' answers are those that the run recorded: no key is needed and nothing is called.

    A metric is reproduced within 0.3 % of what it was, or within the noise that earlier runs of the program show.

    With --bisect it says what moved a metric between two runs, --good and --bad: it reruns points halfway, with some
    of what differs from the one and the rest from the other. First which layer alone moves it, then what of that: the
    commit, the package, the field of a configuration file, the words of the command. What it may cost is said first,
    and asked.

    Exit codes: 0 reproduced; 1 not reproduced; 3 could not be judged; 125 could not be restored. With --bisect: 0
    found; 1 nothing that can be brought back moves it; 3 narrowed down or not told; 125 could not be restored.

    Examples: evalprov rerun latest~3; evalprov rerun baseline:main --here --within 0.01 -- --limit 100; evalprov
    rerun --bisect accuracy --good baseline:main --bad latest
    """
    if live + replay + replay_or_record > 1:
        raise UsageError("--live, --replay and --replay-or-record cannot be used together")
    answers: Answers = "replay" if replay else "replay or record" if replay_or_record else "live"
    if searched["bisect"] is not None:
        from evalprov.cli import bisecting

        if run or keep or within or extra is not None:
            raise UsageError("--bisect goes without RUN, --keep, --within and words of a command", bisecting.EXAMPLE)
        return bisecting.bisect(bisecting.wanted(searched, answers, as_here=as_here, as_json=as_json, store=store))
    m, folder = _meant(run, searched, store)
    limit = nearness(within or WITHIN)
    environ = given_environment()
    for line in named_ahead(m, environ):
        render.note(line)
    settings = load(here())
    place = recorded_in(folder)
    asked = RestoreRequest(m, place, settings.root, "", environ, told=render.note)
    asked = asked if place == folder else asked._replace(pieces=folder)
    if (kept := pieces(folder, run or "")) != folder:
        asked = asked._replace(pieces=kept)
    with brought_back(asked, here=as_here, keep=keep) as found:
        for name, state, words in layers(found):
            if state in ("changed", "unknown"):
                render.note(f"{name}: {words}")
        render.note(f"running in {found.cwd}: {' '.join(found.command)}")
        common = rung(m, found, answers)
        with _stdout_to_stderr():
            done = run_again(m, found, asked, extra or (), render.hashing(), answers=answers)
        render.page([*map(Remark, done.problems), *ended.remarks(done.manifest)])
        if keep:
            render.note(f"it is left in {found.folder}")
    sent_after(place)
    rules = rules_for(settings)
    apart = spreads(folder, Side((m,)), Side((done.manifest,)), allow_failed=rules.gate.allow_failed)
    judged = judge(m, done.manifest, limit, rules, apart)
    if as_json:
        render.document(view.document(judged, common, m["run_id"], done.manifest["run_id"]))
    else:
        render.page(view.page(judged) if render.width() else view.lines_of(judged, common))
    return EXIT[judged.outcome]


def _meant(run: str | None, searched: Mapping[str, Any], store: str | None) -> tuple[Manifest, str]:
    """Return the record of the run that is meant, and the store that has it."""
    if given := [name for name, value in searched.items() if value]:
        raise UsageError(f"--{given[0].replace('_', '-')} goes with --bisect METRIC")
    if run is None:
        raise UsageError("rerun needs RUN", "for example: evalprov rerun latest")
    folder = open_store(store)
    m = read.load(folder, run)
    if not m["command"]["argv"]:
        raise EvalprovError(f"the record of run {m['run_id']} has no command", exit_code=CANNOT_START)
    return m, folder


def nearness(text: str) -> Nearness:
    """Read how far a metric may lie from what it was: a share of that, or an amount."""
    number, percent = text.removesuffix("%"), text.endswith("%")
    if not re.fullmatch(r"\d+(\.\d+)?|\.\d+", number):
        raise UsageError(f"--within is a share such as 0.3% or an amount such as 0.01, not {text!r}")
    return Nearness(float(number) / (100 if percent else 1), percent, f"{number} %" if percent else number)


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Have what the command prints go to stderr: stdout is for the judgement."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


COMMAND = Subcommand(
    rerun,
    (
        Option("--here", None, "Use the packages that are installed now, and say what differs.", into="as_here"),
        Option("--live", None, "Ask the models again; that is what happens without any of these."),
        Option("--replay", None, "Give the models' recorded answers again."),
        Option("--replay-or-record", None, "Likewise, and ask the models what was not asked then."),
        Option("--keep", None, "Leave the folder it ran in."),
        Option("--bisect", "METRIC", "Find what moved a metric between two runs."),
        Option("--good", "RUN", "With --bisect: the run that had it right."),
        Option("--bad", "RUN", "With --bisect: the run that has not."),
        Option("--repeat", "N", "With --bisect: rerun a point up to so often, where once cannot tell.", at_least=1),
        Option("--max-reruns", "N", "With --bisect: stop after so many, and say what is known.", at_least=2),
        Option("--yes", None, "With --bisect: do not ask first."),
        Option("--within", "SIZE", "How far a metric may lie from what it was: 0.3% of that, or an amount."),
        Option("--json", None, "Print the judgement as JSON.", into="as_json"),
        STORE,
    ),
    (RUN._replace(default=None),),
    behind="extra",
)
