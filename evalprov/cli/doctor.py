"""`evalprov doctor`: find and repair what a crash left behind."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.cli.common import STORE, open_store
from evalprov.cli.options import Option, Subcommand
from evalprov.store import repair

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest


def doctor(*, rebuild: bool, as_json: bool, store: str | None) -> int:
    """Repair the records: runs that died, history lines that are missing or torn, leftover files.

    Finished records are never altered. Example: evalprov doctor --rebuild
    """
    path = open_store(store, writes=True)
    done = _settled(path) if os.path.isdir(f"{path}/trials") else []
    done += repair.repair(path, rebuild=rebuild, note=render.note, report=_reported)
    if as_json:
        render.document({"version": 1, "store": path, "actions": done})
        return 0
    for action in done:
        render.out(render.neutral(action))
    render.out(f"{len(done)} repaired" if done else "all in order")
    _tell_sending(path)
    return 0


def _settled(path: str) -> list[str]:
    from evalprov.fleet.settling import settle  # few runs are on an engine

    return settle(path, os.environ, render.note)


def _tell_sending(store: str) -> None:
    """Say how the last sending to a shared store ended that nobody watched, where it failed."""
    if not os.path.isdir(os.path.join(store, "remote")):
        return
    from evalprov.fleet.sent import outcomes  # few stores are sent from

    for outcome in outcomes(store):
        if outcome.get("problem"):
            render.note(
                f"the sending after a run at {outcome['at']} failed: {outcome['problem']}; evalprov push sends it"
            )


def _reported(lost: Manifest, path: str) -> bool:
    from evalprov.run.lost import with_report  # few runs are lost

    return with_report(lost, path, os.environ)


COMMAND = Subcommand(
    doctor,
    (
        Option("--rebuild", None, "Make the history anew from the manifests."),
        Option("--json", None, "Print what was done as JSON.", into="as_json"),
        STORE,
    ),
)
