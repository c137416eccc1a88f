"""`evalprov report`: a page to look at, in one file that fetches nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.cli import selection, texts
from evalprov.cli.common import NEEDED_RUN, STORE, load_noted, open_store
from evalprov.cli.comparing import found_difference
from evalprov.cli.options import Argument, Option, Subcommand
from evalprov.cli.rules import rules_for
from evalprov.cli.timeline import Drawn, timeline
from evalprov.errors import UsageError
from evalprov.isolation import here
from evalprov.report import history as of_runs
from evalprov.report import pair, place, single
from evalprov.settings import load
from evalprov.store import read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.record.manifest import Manifest
    from evalprov.report.said import Known


def report(  # noqa: PLR0913 - one an option
    *,
    a: str | None,
    b: str | None,
    history: bool,
    metric: Sequence[str],
    by: str | None,
    number: str | None,
    out: str | None,
    open_: bool,
    trials: bool,
    everything: bool,
    store: str | None,
    **picks: Any,
) -> int:
    """Write a page to look at: two runs held against each other, one run, or the history.

    Of two runs it shows what `evalprov diff` says of them, drawn: every metric, each scenario, what changed, and what
    nobody knows. Of one run: what ran, its scenarios, where the time went, what it used, the end of its output.

    With --history: one mark a run, by prompt version, program or any key, where the level of a metric shifted and what
    changed there, where software or machine changed, and the baselines.

    It is one file that fetches nothing: it opens without a network, from a disk or from what a CI job kept. Without
    -o it is put into the store, under reports/, where git does not see it. Its path is printed.

    Examples: evalprov report latest~1 latest --open; evalprov report baseline:main latest -o report.html;
    evalprov report latest; evalprov report --history --metric accuracy --by scenario --since 30d
    """
    if out == "":
        raise UsageError("-o needs a file's path")
    if history:
        if a is not None:
            raise UsageError("--history is of all runs, not of one", "--where, --since and -n say of which")
        asked = selection.asked(**picks)
        folder = open_store(store)
        rules = rules_for(load(here()))
        drawn = timeline(folder, asked, rules, Drawn(metric, by, selection.limit(number, None)))
        return put(of_runs.page(drawn), out or _default(folder, "history"), open_=open_)
    of_history = {"metric": metric, "by": by, "number": number, **picks}
    if given := [name for name, one in of_history.items() if one]:
        raise UsageError(f"--{given[0]} needs --history")
    if a is None:
        raise UsageError("which run?", "for example: evalprov report latest~1 latest; or --history for all of them")
    if b is None:
        return put(*_single(a, store, out), open_=open_)
    found, folder = found_difference(a, b, store, everything=everything, trials=trials)
    found = texts.with_texts(found, folder, texts.layers(code=True, prompts=True, everything=everything))
    known = None if found.present else _known(folder, found.a.runs[0], found.b.runs[0])
    named = [side.runs[0]["run_id"] for side in (found.a, found.b)]
    return put(pair.page(found, known), out or _default(folder, "-".join(named)), open_=open_)


def _single(run: str, store: str | None, out: str | None) -> tuple[str, str]:
    """Return the page of one run, and where it goes."""
    folder = open_store(store)
    manifest = load_noted(folder, run)
    streams = {name: manifest["output"][name] for name in ("stdout", "stderr")}
    output = {
        name: read.log_end(folder, one["log"], single.TAIL_BYTES) for name, one in streams.items() if one and one["log"]
    }
    page = single.page(manifest, rules_for(load(here())), output, _known(folder, manifest))
    return page, out or _default(folder, manifest["run_id"])


def _known(folder: str, *runs: Manifest) -> Known | None:
    """Return what tells of scenarios what was said for them; nothing where nothing is kept."""
    if not any(run["texts"] for run in runs):
        return None
    from evalprov.cli.scenarios import found_scenarios
    from evalprov.explain.scenario import scenarios_of

    every = [scenarios_of(run) for run in runs]  # an error may name one that nobody reported
    return lambda names: found_scenarios(folder, runs, [one for one in names if any(one in known for known in every)])


def _default(folder: str, name: str) -> str:
    return os.path.join(folder, place.FOLDER, f"{name}.html")


def put(page: str, path: str, *, open_: bool) -> int:
    """Write a page, and where it is a file say where, and open it if that is wanted."""
    if not place.write(path, page):
        return 0
    render.out(path)
    if open_ and not place.show(path):
        render.note(f"no browser was found to open it with; it is there: {path}")
    return 0


COMMAND = Subcommand(
    report,
    (
        Option("--out", "FILE", "Where to put the page; else into the store, under reports/.", short="-o"),
        Option("--open", None, "Open it in the browser.", into="open_"),
        Option("--trials", None, "Take all trials of a repeated run together, on both sides."),
        Option("--all", None, "Show what is the same too, and all of it.", into="everything"),
        Option("--history", None, "Draw the runs over time; all options below are for this."),
        Option("--metric", "KEY", "Draw this metric; else those of the newest run.", repeatable=True),
        Option("--by", "KEY", "Colour and shape by this; else by prompt version, or program."),
        Option("--number", "N", "How many runs, the newest; else 10,000 at most.", short="-n"),
        *selection.OPTIONS,
        STORE,
    ),
    (
        NEEDED_RUN._replace(name="a", metavar="A", required=False),
        Argument("b", "B", "Another run, or a dot: the present state."),
    ),
)
