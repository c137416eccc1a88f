"""`evalprov diff`: why the score moved, and whether it did."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.cli.codefiles import all_kept, code_files
from evalprov.cli.common import NEEDED_RUN, STORE, open_store
from evalprov.cli.earlier import spreads
from evalprov.cli.options import Argument, Option, Subcommand
from evalprov.cli.rules import rules_for
from evalprov.cli.sides import side
from evalprov.errors import EvalprovError, UsageError
from evalprov.isolation import here
from evalprov.judge.diff import diff as compared
from evalprov.judge.diff import differs
from evalprov.judge.metric_diff import Side
from evalprov.settings import load
from evalprov.views import diff_document, diff_screen
from evalprov.views.diff_words import PARTS, FileEdit, FoundDifference, History

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest
    from evalprov.repository import Between

DIFFER = 1
PRESENT = "."


def diff(  # noqa: PLR0913 - one argument an option
    *,
    a: str,
    b: str,
    as_json: bool,
    markdown: bool,
    exit_code: bool,
    only: str | None,
    everything: bool,
    trials: bool,
    store: str | None,
) -> int:
    """Say why the score moved from A to B, and whether it is real.

    First what moved for real and which layer did it; then the metrics side by side; then what changed, layer by layer.
    Without B, A is compared with the present state: what would differ if it ran now. Nothing is run.

    In a pipe the columns are separated by tabs, and the line `answer` comes first.

    With --exit-code the exit code is 0 where every metric is the same or within noise, every layer proven equal,
    the same by name or declared by nobody, and both are whole runs of one scenario; else 1, also for what nobody knows.

    Examples: evalprov diff latest~1 latest; evalprov diff baseline:main latest --markdown; evalprov diff latest
    """
    if as_json and markdown:
        raise UsageError("--json and --markdown cannot be used together")
    if a == PRESENT:
        raise UsageError("the present state can only be the second of the two", "evalprov diff RUN .")
    folder = open_store(store)
    settings = load(here())
    now = b == PRESENT
    repository = os.path.dirname(folder) if store else settings.root
    one = side(folder, a, trials=trials)
    other = Side((_present(one.runs[0], folder),)) if now else side(folder, b, trials=trials)
    lies = None if only == "metrics" else _between(repository, one.runs[0], other.runs[0])
    files = [] if only == "metrics" or now else _files(folder, one.runs[0], other.runs[0], lies)
    named = [file.words for file in files]
    every = [file.path for file in files] if all(map(all_kept, (*one.runs, *other.runs))) else []
    rules = rules_for(settings)
    apart = {} if now else spreads(folder, one, other, allow_failed=rules.gate.allow_failed)
    try:
        result = compared(
            one, other, rules, present=now, everything=everything, files=named, all_files=every, spreads=apart
        )
    except RecursionError:
        raise EvalprovError("these records cannot be compared: their values are nested too deep") from None
    history = lies and History(one.runs[0]["git_sha"] or "", other.runs[0]["git_sha"] or "", lies)
    found = FoundDifference(one, other, now, result, history, files, (only,) if only else PARTS, everything)
    if as_json:
        render.document({**diff_document.document(found), "store": folder})
    elif markdown:
        from evalprov.views import diff_markdown

        render.out("\n".join(diff_markdown.lines(found)))
    elif width := render.width():
        render.page(diff_screen.page(found, width))
    else:
        render.table(diff_screen.COLUMNS, diff_screen.rows(found))
    return DIFFER if exit_code and differs(result) else 0


def _present(like: Manifest, store: str) -> Manifest:
    from evalprov.run.present import present

    return present(like, here(), dict(os.environ), store=store, progress=render.hashing())


def _between(folder: str, a: Manifest, b: Manifest) -> Between | None:
    """Look up what lies between the commits of two runs, where they are two."""
    if a["git_sha"] is None or b["git_sha"] is None or a["git_sha"] == b["git_sha"]:
        return None
    from evalprov.repository import between

    return between(folder, a["git_sha"], b["git_sha"])


def _files(store: str, a: Manifest, b: Manifest, lies: Between | None) -> list[FileEdit]:
    """Name the files of the code that differ, as far as commits and patches tell."""
    if a["git_sha"] is None or b["git_sha"] is None:
        return []
    return code_files(store, a, b, lies.steps if lies else {})


COMMAND = Subcommand(
    diff,
    (
        Option("--json", None, "Print all of it as JSON.", into="as_json"),
        Option("--markdown", None, "Print it for a pull request or a CI system's summary."),
        Option("--exit-code", None, "Exit with 1 unless it is known that nothing differs."),
        Option("--only", "PART", "Show only metrics, or layers.", choices=PARTS),
        Option("--all", None, "Show what is the same too, and all of it.", into="everything"),
        Option("--trials", None, "Take all trials of a repeated run together, on both sides."),
        STORE,
    ),
    (
        NEEDED_RUN._replace(name="a", metavar="A"),
        Argument("b", "B", "Another run, or a dot: the present state.", default=PRESENT),
    ),
)
