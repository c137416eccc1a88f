"""`evalprov import`: a record of a run that was not made under evalprov."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.cli.common import STORE, open_store
from evalprov.cli.options import Argument, Option, Subcommand
from evalprov.errors import UsageError
from evalprov.handover.imports.entering import EnteredRun, Importing
from evalprov.isolation import here
from evalprov.secrets import TellingScrubber
from evalprov.settings import load

if TYPE_CHECKING:
    from collections.abc import Sequence


def import_runs(
    *, paths: tuple[str, ...], run: Sequence[str], scenario: str | None, as_json: bool, store: str | None
) -> int:
    """Make records of runs that were not made under evalprov.

    A PATH is an inspect log (.eval, .json), a result file of lm-eval, promptfoo or another tool whose results
    --metrics-file reads, a run manifest as ADR-047 has it, a DecisionSpec of TraceLens, an MLflow store (mlflow.db or
    mlruns, all its runs that have ended, or one with --run), or a folder of such files.

    Its id is the run's own time. What its tool does not say is not known, and `diff` and `gate` say so: it is never
    "same". The same content is imported once: a second time its run is found. What cannot be read is one line and
    exit code 1, and all else is imported.

    Examples: evalprov import logs/; evalprov import mlflow.db --run 0f3c...; evalprov import results.json --json
    """
    if not paths:
        raise UsageError("missing PATH: what to import", "for example: evalprov import logs/ mlflow.db")
    folder = open_store(store, writes=True)
    settings = load(here())
    scrub = TellingScrubber(os.environ, settings.env_secret)
    importing = Importing(folder, settings.root, scrub, scenario, settings.text_bytes)
    entered = [one for given in paths for one in importing.take(given, run)]
    problem = importing.settle()
    if as_json:
        render.document({"version": 1, "store": folder, "runs": [one._asdict() for one in entered], "problem": problem})
    else:
        for one in entered:
            _tell(one)
    if problem:
        render.note(problem)
    return 1 if problem or any(one.problem for one in entered) else 0


def _tell(one: EnteredRun) -> None:
    source = render.neutral(one.source)
    if one.run_id is None:
        render.note(f"{source}: not imported: {one.problem}")
        return
    render.out(f"{one.run_id}\t{'found' if one.found else 'imported'}\t{one.tool}\t{source}")
    if one.problem:
        render.note(one.problem)


COMMAND = Subcommand(
    import_runs,
    (
        Option("--run", "ID", "Of an MLflow store, this run only.", repeatable=True),
        Option("--scenario", "NAME", "What they were evaluated on; nobody guesses it."),
        Option("--json", None, "Print what became of each as JSON.", into="as_json"),
        STORE,
    ),
    (Argument("paths", "PATH", "What to import.", many=True),),
)
