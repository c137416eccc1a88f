"""Runs that were not made under evalprov, read from what their tool left: a source a kind of file or store.

A source is a module with `fits(path, head)`, which says whether this is one of its files or folders, and
`read(place)`, which yields a run or says what is wrong with one. What a tool does not tell stays not known.
"""

from __future__ import annotations

import os
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from evalprov.handover.imports.taken import HEAD, FailedRun, ImportPlace, TakenRun
from evalprov.handover.links.ended import beginning
from evalprov.regular import NOT_REGULAR
from evalprov.reported.adapters import ADAPTERS
from evalprov.reported.open_results import is_called
from evalprov.store.index import HISTORY

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = ("mlflow", "results", "adr_047", "tracelens")
WANTED = (
    "an inspect log, an lm-eval or promptfoo result, a run manifest (ADR-047), a TraceLens spec, or MLflow's store"
    " (mlflow.db, mlruns)"
)
_FILES = 10_000  # of a folder
_PACKAGES = ("node_modules", "site-packages", "dist-packages")
# What such files are called, by which they are known among others.
_NAMES = (*(pattern for adapter in ADAPTERS for pattern in adapter.patterns), "mlflow.db")


def read_in(path: str, ids: tuple[str, ...] = (), text_bytes: int | None = None) -> Iterator[TakenRun | FailedRun]:
    """Yield the runs that a file, a folder or a store holds; of an MLflow store those with these ids, or all."""
    place = ImportPlace(path, ids, text_bytes)
    if not os.path.exists(path):
        yield FailedRun(path, "it is not there")
        return
    if not os.path.isdir(path):
        yield from _one(place, alone=True)
        return
    if (source := _fitting(path, b"")) is not None:
        yield from source.read(place)
        return
    found = False
    for count, file in enumerate(_files(path)):
        if count == _FILES:
            yield FailedRun(path, f"it holds more than {_FILES:,} files; the first were looked at: name a folder in it")
            return
        for one in _one(place._replace(path=file), alone=False) if is_called(file, _NAMES) else ():
            found = True
            yield one
    if not found:
        yield FailedRun(path, f"no file in it is known; wanted is {WANTED}")


def _one(place: ImportPlace, *, alone: bool) -> Iterator[TakenRun | FailedRun]:
    """Yield what one file holds; among others, one that is not known is nothing odd."""
    path = place.path
    if not os.path.isfile(path):
        if alone:
            yield FailedRun(path, NOT_REGULAR)
        return
    head = beginning(path, HEAD)
    source = _fitting(path, head)
    if source is not None:
        try:
            if place.ids and not source.__name__.endswith(".mlflow"):
                yield FailedRun(path, "it is no MLflow store, of which --run names a run")
            else:
                yield from source.read(place)
        except Exception as error:  # noqa: BLE001 - a stranger's file may be anything; the others are still read
            yield FailedRun(path, f"it cannot be read: {type(error).__name__}: {error}")
    elif alone:
        readable = os.access(path, os.R_OK)
        why = "it is empty" if not head and readable else "it is not known" if readable else "it cannot be read"
        yield FailedRun(path, f"{why}; wanted is {WANTED}")


def _fitting(path: str, head: bytes) -> Any:
    for name in SOURCES:
        source = import_module(f"evalprov.handover.imports.{name}")
        with suppress(ValueError, RecursionError):
            if source.fits(path, head):
                return source
    return None


def _files(folder: str) -> Iterator[str]:
    """Yield the files of a folder and of those in it, in the order of their names; packages and stores hold none."""
    for inside, folders, names in os.walk(folder):
        if HISTORY in names and "runs" in folders:
            folders.clear()
            continue
        folders.sort()
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _PACKAGES]
        yield from (os.path.join(inside, name) for name in sorted(names))
