"""Runs that were entered after their time: their lines go where their start belongs, for the history is read by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.errors import EvalprovError
from evalprov.store.lines import open_store
from evalprov.store.repair_history import Snapshot, in_place, repair_history

if TYPE_CHECKING:
    from collections.abc import Container


def put_in_their_place(store: str, run_ids: Container[str]) -> str | None:
    """Move the lines of these runs before those of later ones; return what keeps them from it."""

    def plan(snapshot: Snapshot) -> bool:
        scan = snapshot.scan()
        if not scan.orderly:
            raise EvalprovError("the history has lines that are malformed or stand twice")
        entries = sorted([*scan.sound.values(), *scan.weak.values()], key=lambda entry: entry.offset)
        kept = [entry for entry in entries if entry.run_id not in run_ids]
        moved = [entry for entry in entries if entry.run_id in run_ids]
        return snapshot.replace(in_place(kept, moved), lambda _: None) is not None

    try:
        with open_store(store) as root:
            repair_history(root, plan)
    except (EvalprovError, OSError) as problem:
        why = problem.message if isinstance(problem, EvalprovError) else problem.strerror or str(problem)
        return f"these runs stand at the end of the history: {why}; `evalprov doctor --rebuild` puts it in order"
    return None
