"""`evalprov prune`: old runs removed, with all that they alone need."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.cli import selection
from evalprov.cli.common import STORE, open_store
from evalprov.cli.options import Option, Subcommand
from evalprov.errors import EvalprovError, UsageError
from evalprov.store import prune as store_prune
from evalprov.store.parse_time import second
from evalprov.views import prune as view

if TYPE_CHECKING:
    from evalprov.store.prune import PruneAsked, PrunePlan

REFUSED = 3
EXAMPLE = "evalprov prune --older-than 90d --keep-last 100"


def prune(  # noqa: PLR0913 - one argument an option
    *,
    keep_last: int | None,
    older_than: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    store: str | None,
    **picks: Any,
) -> int:
    """Remove old runs: records, history lines, logs, recorded calls, notes, and what no other run needs.

    A run goes if all holds that is asked. --keep-last N keeps the N newest runs of all, or of those that the conditions
    pick. What would go is said first; on a terminal you are asked, elsewhere nothing goes without --yes.

    Never removed: a run that a baseline is of, one that is under way, one that a run which stays came from or whose
    calls it replayed. The trials of a repeat and the points of a sweep are judged together, and go together or not at
    all. Files that runs share stay as long as one of them does.

    Examples: evalprov prune --older-than 90d --keep-last 100 --dry-run;
    evalprov prune --where 'status=failed' --older-than 7d --yes
    """
    asked_of = selection.asked(**picks)
    before = older_than and second(older_than)
    asked = store_prune.PruneAsked(asked_of.conditions, asked_of.since, keep_last, before)
    if keep_last is None and before is None and not asked_of.words:
        raise UsageError("prune removes runs: say which", f"for example: {EXAMPLE} --dry-run")
    folder = open_store(store, writes=True)
    found = store_prune.plan(folder, asked)
    for words in found.notes:
        render.note(words)
    going = bool(found.runs or found.blobs) and not dry_run
    people = bool(sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty())
    if going and not yes:
        if not people:
            raise UsageError(
                f"nobody is here to agree to that; nothing was removed of {len(found.runs)} runs",
                f"--dry-run says what would go, and --yes agrees ahead: {EXAMPLE} --yes",
            )
        found = _agreed(folder, asked, found)
    if going:
        draw = render.progress("removing", lambda done, of: f"{done} of {of} runs")
        found = store_prune.remove(folder, found, draw)
        for words in found.notes:
            render.note(words)
    _tell(folder, found, done=going, as_json=as_json)
    return 0


def _agreed(folder: str, asked: PruneAsked, found: PrunePlan) -> PrunePlan:
    """Say what would go and ask; return what still may, for time has passed."""
    render.page(view.page(_freed(found), render.width() or 80, done=False))
    sys.stderr.write("evalprov  remove them? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise EvalprovError("nothing was removed", exit_code=REFUSED)
    now = store_prune.plan(folder, asked)
    shown = {*found.runs}
    return now._replace(runs=[run_id for run_id in now.runs if run_id in shown])


def _tell(folder: str, found: PrunePlan, *, done: bool, as_json: bool) -> None:
    freed = _freed(found)
    if as_json:
        render.document(view.document(freed, folder, done=done))
    elif width := render.width():
        render.page(view.page(freed, width, done=done))
    else:
        render.table(view.COLUMNS, view.rows(freed, done=done))


def _freed(found: PrunePlan) -> view.Freed:
    """Sum up what goes."""
    going = [one for run_id in found.runs for one in found.files[run_id]]
    folders: dict[str, tuple[int, int]] = {}
    for one in (*going, *found.blobs):
        files, size = folders.get(one.folder, (0, 0))
        folders[one.folder] = files + 1, size + one.size
    return view.Freed(
        {run_id: sum(one.size for one in found.files[run_id]) for run_id in found.runs},
        folders,
        found.spared,
        found.stay,
    )


COMMAND = Subcommand(
    prune,
    (
        Option("--keep-last", "N", "Keep the N newest runs, of all or of those that are picked.", at_least=1),
        Option("--older-than", "WHEN", "Only runs begun before: 36h, 90d, 12w, 2026-11-01 (UTC)."),
        *selection.OPTIONS,
        Option("--dry-run", None, "Say what would go; remove nothing."),
        Option("--yes", None, "Do not ask first."),
        Option("--json", None, "Print it as JSON.", into="as_json"),
        STORE,
    ),
)
