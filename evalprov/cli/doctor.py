"""`evalprov doctor`: find and repair what a crash left behind."""

from __future__ import annotations

from typing import Annotated

import typer

from evalprov import render
from evalprov.cli.common import StoreOption, open_store
from evalprov.store import repair


def doctor(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make the history anew from the manifests.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
    store: StoreOption = None,
) -> None:
    """Repair the records: runs that died, history lines that are missing or torn, leftover files.

    Finished records are never altered. Example: evalprov doctor --rebuild
    """
    path = open_store(store)
    done = repair.repair(path, rebuild=rebuild, note=render.note)
    if as_json:
        render.document({"version": 1, "store": path, "actions": done})
        return
    for action in done:
        render.out(render.neutral(action))
    render.out(f"{len(done)} repaired" if done else "all in order")
