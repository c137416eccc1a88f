"""Trials whose evalprov is gone while their engine went on: what came of them is taken in, the lost are called so."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from evalprov.errors import EvalprovError
from evalprov.fleet.engines.slurm import SlurmEngine
from evalprov.fleet.home import Reception
from evalprov.fleet.parcel import BadParcel
from evalprov.fleet.running import FOLDER, series_name
from evalprov.named import NamedTuple
from evalprov.secrets import TellingScrubber
from evalprov.store import Store, read
from evalprov.store.lines import active

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evalprov.record.manifest import Manifest


class _Followed(NamedTuple):
    """What is still open of one series."""

    folder: str
    manifests: list[Manifest]


def settle(store: str, environ: Mapping[str, str], note: Callable[[str], None]) -> list[str]:
    """Finish what can be finished of trials on Slurm that nobody follows; return what was done."""
    done: list[str] = []
    for series in _open(store).values():
        engine = SlurmEngine("")
        if os.path.isdir(series.folder) and not engine.attach(series.folder, environ):
            continue  # whoever follows them finishes them
        try:
            reception = Reception(Store.open(store, TellingScrubber(environ)), TellingScrubber(environ), None)
            left = {m["run_id"]: m for m in series.manifests}
            for news in engine.settle(series.manifests):
                m = left[news.run_id]
                try:
                    if news.parcel is not None:
                        entered = reception.take(m, news.parcel, news.engine)
                    elif news.fate is not None:
                        entered = reception.end(m, "interrupted" if news.fate.cancelled else "lost", news.fate.words)
                    else:
                        continue
                except BadParcel as why:
                    entered = reception.end(m, "lost", f"what came home of it is not its record: {why}")
                del left[news.run_id]
                done.append(f"run {news.run_id} is recorded as {entered.manifest['status']}")
                for problem in entered.problems:
                    note(problem)
            for run_id, m in left.items():
                note(f"run {run_id} is still with Slurm: job {m['engine'] and m['engine']['job']}")
            if not left and os.path.isdir(series.folder):
                shutil.rmtree(series.folder, ignore_errors=True)
        finally:
            engine.detach()
    return done


def _open(store: str) -> dict[str, _Followed]:
    """Return the trials on Slurm that are open, by their series."""
    found: dict[str, _Followed] = {}
    for run_id in active(store):
        try:
            m = read.load(store, run_id)
        except EvalprovError:
            continue
        if m["status"] == "running" and m["engine"] and m["engine"]["name"] == "slurm":
            name = series_name(m["sweep"], m["repeat"])
            found.setdefault(name, _Followed(os.path.join(store, FOLDER, name), [])).manifests.append(m)
    return found
