"""`evalprov cache`: the recorded calls on disk, how they grow, and the old ones pruned."""

from __future__ import annotations

import sys

from evalprov import render
from evalprov.cli.common import STORE, open_store
from evalprov.cli.options import Option, Subcommand
from evalprov.numbers import counted
from evalprov.store.calls import files, prune

COLUMNS = ("run", "bytes", "needed by")


def cache(*, keep_last: int | None, as_json: bool, store: str | None) -> int:
    """Say which runs' calls are on disk and how much room they take; remove the oldest.

    Recorded calls stay until you remove them. With --keep-last N the calls of all runs but the last N are removed,
    never those that a baseline needs, or a run that is under way; the records themselves stay.

    In a pipe the columns are separated by tabs. Example: evalprov cache --keep-last 20
    """
    folder = open_store(store, writes=True)
    gone, spared = prune(folder, keep_last) if keep_last is not None else ([], [])
    found = files(folder)
    total = sum(one.size for one in found)
    if as_json:
        render.document(
            {
                "version": 1,
                "files": [one._asdict() for one in found],
                "bytes": total,
                "removed": [one._asdict() for one in gone],
                "spared": [one._asdict() for one in spared],
            }
        )
        return 0
    people = sys.stdout.isatty()
    render.table(
        COLUMNS,
        [(one.run_id, render.size(one.size) if people else str(one.size), one.needed_by or "-") for one in found],
        right=("bytes",),
    )
    render.note(f"the calls of {counted(len(found), 'run')} take {render.size(total)}")
    if keep_last is not None:
        freed = render.size(sum(one.size for one in gone))
        kept = f"; {len(spared)} older ones are needed and stay" if spared else ""
        render.note(f"removed those of {counted(len(gone), 'run')}, {freed}{kept}")
    return 0


COMMAND = Subcommand(
    cache,
    (
        Option("--keep-last", "N", "Remove the calls of all runs but the last N.", at_least=1),
        Option("--json", None, "Print it as JSON.", into="as_json"),
        STORE,
    ),
)
