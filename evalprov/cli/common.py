"""What several commands share."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.cli.options import Argument, Option
from evalprov.errors import EvalprovError, local_only
from evalprov.isolation import given_environment, here
from evalprov.numbers import counted
from evalprov.settings import load

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest
    from evalprov.settings import Settings

RUN = Argument(
    "run", "RUN", "A run: an id, its beginning, latest~1, baseline:NAME, or a record's path.", default="latest"
)
NEEDED_RUN = RUN._replace(default=None, required=True)
SCENARIO = Option(
    "--scenario", "ID", "Show this scenario alone: its metrics, its errors, and what was said.", repeatable=True
)
STORE = Option(
    "--store",
    "DIR|URL",
    "Where the records are: a folder, or s3://... that a team shares; else metrics/ of the project.",
)


def open_store(given: str | None, *, writes: bool = False) -> str:
    """Return the path of the store that is meant; of a shared one that of its mirror, which nothing is recorded in."""
    if given and "://" in given and not writes:
        from evalprov.fleet.reading import open_mirror  # most stores are folders

        progress = render.progress("fetching", lambda done, total: f"{done} of {counted(total, 'line')}")
        return open_mirror(given, render.note, progress).path
    path = os.path.abspath(given) if given and "://" not in given else given or _own_store(load(here()))
    if "://" in path:
        raise local_only()
    return path


def recorded_in(store: str) -> str:
    """Return the store that a new run is recorded in: that which is read, or, of a shared one, the project's own."""
    return _own_store(load(here())) if is_mirror(store) else store


def is_mirror(store: str) -> bool:
    """Say whether a store is the mirror of a shared one."""
    from evalprov.store.index import REMOTE  # a run is recorded in none

    return os.path.lexists(f"{store}/{REMOTE}")


def sent_after(store: str | None) -> None:
    """Have what was recorded sent in the background, where the settings ask for that; the run does not depend on it."""
    with suppress(EvalprovError, OSError):
        settings = load(here())
        if settings.declared.get("remote", {}).get("push") == "after-run":
            from evalprov.fleet.after import start_push  # not before the command has ended

            start_push(open_store(store, writes=True), settings, given_environment())


def load_noted(store: str, spec: str) -> Manifest:
    """Return the run that is meant with what is said of it later, and remark on what cannot be read of that."""
    from evalprov.store import read  # some commands read no record

    told: list[str] = []
    manifest = read.load_noted(store, spec, told)
    for words in told:
        render.note(words)
    return manifest


def project_of(store: str, settings: Settings) -> str:
    """Return the folder of the project that a store is of: the one found here, or where a store lies that was named."""
    if is_mirror(store):
        return settings.root
    return settings.root if store == _own_store(settings) else os.path.dirname(store)


def _own_store(settings: Settings) -> str:
    return settings.store if "://" in settings.store else os.path.normpath(os.path.join(settings.root, settings.store))
