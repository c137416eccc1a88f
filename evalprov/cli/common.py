"""What several commands share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.cli.options import Argument, Option
from evalprov.isolation import here
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
STORE = Option("--store", "DIR", "Where the records are; metrics/ at the project root otherwise.")


def open_store(given: str | None) -> str:
    """Return the path of the store that is meant."""
    if given:
        return os.path.abspath(given)
    return _own_store(load(here()))


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
    return settings.root if store == _own_store(settings) else os.path.dirname(store)


def _own_store(settings: Settings) -> str:
    return os.path.normpath(os.path.join(settings.root, settings.store))
