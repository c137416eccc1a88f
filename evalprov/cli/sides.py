"""From what a person writes to one side of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.cli.common import load_noted
from evalprov.judge.metric_diff import Side
from evalprov.record.baseline import account_of, trials_of
from evalprov.store import ids, read

if TYPE_CHECKING:
    from evalprov.record.manifest import Repeat


def side(folder: str, spec: str, *, trials: bool = False) -> Side:
    """Return the run that is meant; with trials, every run of its repeat, oldest first.

    Of a baseline those that it keeps, of any other run those that are in the store.
    """
    manifest = load_noted(folder, spec)
    repeat = manifest["repeat"]
    if not trials or repeat is None:
        return Side((manifest,))
    if account_of(manifest):
        runs = {run["run_id"]: run for run in trials_of(manifest)}
    else:
        runs = {manifest["run_id"]: manifest}
        for run_id in _trials(folder, repeat):
            if run_id not in runs:
                runs[run_id] = read.load(folder, run_id)
    return Side(tuple(runs[run_id] for run_id in sorted(runs, key=ids.order)))


def _trials(folder: str, repeat: Repeat) -> list[str]:
    """Return the runs of a repeat, reading the history no further back than it must.

    Of a trial that was done again the last one counts.
    """
    found: dict[int, str] = {}
    began = repeat["id"].partition("-")[0]  # when the first of them did; no older run is one of them
    oldest = ids.order(began) if ids.is_run_id(began) else ("", 0)
    lines = read.iterate(folder, [])
    try:
        for line in lines:
            if ids.order(line["run_id"]) < oldest:
                break
            if (said := line["repeat"]) is not None and said["id"] == repeat["id"]:
                found.setdefault(said["trial"], line["run_id"])
                if len(found) == repeat["of"]:
                    break
    finally:
        lines.close()
    return list(found.values())
