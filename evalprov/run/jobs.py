"""A command that ran several jobs, as Hydra's multirun does: each has a record of its own, linked to the command's."""

from __future__ import annotations

import copy
import json
import os
import time
from calendar import timegm
from typing import TYPE_CHECKING, Any, cast

from evalprov.capture.declared.hydra import OUTPUT, HydraLook, hydra_outputs
from evalprov.record.form import blank
from evalprov.record.identity import identify
from evalprov.reported import Scanner, gather, merge_reported
from evalprov.reported.files import PLAIN
from evalprov.reported.open_results import Before
from evalprov.run.cleaning import scrubbed
from evalprov.store.texts import keep_texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evalprov.capture.collector import CaptureContext
    from evalprov.record.manifest import Manifest
    from evalprov.store import Store

MOST = 200  # records that one command may leave
_CONFIG = f"{OUTPUT}/config.yaml"
_OWN = (
    "output",
    "outputs",
    "resources",
    "metric_info",
    "scenario_groups",
    "decision_spec",
    "stages",
    "texts",
)  # not the job's
_SHARED = ("exit_code", "signal", "git", "software")  # looked at again when all was over


def begun(store: Store, run_id: str) -> Manifest:
    """Return a record as it stood before the command was started."""
    with store.enter("runs") as runs:
        record: Manifest = json.loads(runs.read(f"{run_id}.json") or b"{}")
    return record


def record_jobs(
    store: Store, before: Manifest, parent: Manifest, context: CaptureContext, named: str | None
) -> list[str]:
    """Leave a record of every job, with its own configuration and what it left of metrics; return what went wrong.

    `named` is the metrics file that the user named.
    """
    started = float(timegm(time.strptime(parent["timestamp"], "%Y-%m-%dT%H:%M:%SZ")))
    try:
        look = HydraLook(context.cwd, context.root, context.argv, started, context.environ, everywhere=True)
        folders = [os.path.join(context.root, folder) for folder in hydra_outputs(look, context.scrub).folders]
        above = os.path.commonpath(folders)
        names = [os.path.basename(named)] if named else []
        for folder in folders[:MOST]:
            job = _job(store, before, parent, folder, os.path.relpath(folder, above))
            job["status"] = parent["status"]
            _take_metrics(store, job, folder, [*names, *PLAIN], context)
            job["identity"] = identify(job)
            job["system"]["config_hash"] = job["identity"]["config_hash"]
            if problems := store.finish(job):
                return problems
    except Exception as error:  # noqa: BLE001 - the command's own record is whole
        return [context.scrub.text(f"its jobs have no record of their own: {type(error).__name__}: {error}")]
    if len(folders) > MOST:
        return [f"it ran {len(folders)} jobs; the first {MOST} have a record of their own"]
    return []


def _job(store: Store, before: Manifest, parent: Manifest, folder: str, name: str) -> Manifest:
    """Reserve a job's record: what was there before is the command's, what it was told is its own."""
    record, whole, empty = (cast("dict[str, Any]", one) for one in (copy.deepcopy(before), parent, blank("", "")))
    record |= {key: empty[key] for key in _OWN} | {key: whole[key] for key in _SHARED}
    record["code"] = {**parent["code"], "algorithms": before["code"]["algorithms"]}
    record["observed"] = {**parent["observed"], "model": {}, "online": {}}
    record |= {"repeat": None, "parent_run_id": parent["run_id"], "warnings": []}
    own = {
        path.removeprefix(f"{name}/"): file
        for path, file in parent["config"]["files"].items()
        if path.startswith(f"{name}/{OUTPUT}/")
    }
    told = own.get(f"{OUTPUT}/overrides.yaml", {"values": {}})["values"].get(".")
    record["config"]["files"] |= own
    record["config"]["arguments"] = list(_told(record["config"]["arguments"], told if isinstance(told, list) else []))
    start = os.stat(os.path.join(folder, _CONFIG)).st_mtime
    return store.reserve(start, lambda run_id, at: cast("Manifest", {**record, "run_id": run_id, "timestamp": at}))


def _told(arguments: Iterable[str], overrides: list[str]) -> Iterable[str]:
    """Give the arguments with which the job alone would have been run: its own value where several were asked for."""
    own = {str(one).partition("=")[0]: str(one) for one in overrides}
    for word in arguments:
        if word not in ("-m", "--multirun"):
            yield own.pop(word.partition("=")[0], word) if "=" in word else word
    yield from own.values()


def _take_metrics(store: Store, job: Manifest, folder: str, names: list[str], context: CaptureContext) -> None:
    """Put in what the job left of metrics in its own folder; what it printed is among what all of them did."""
    for name in dict.fromkeys(names):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            began = os.stat(os.path.join(folder, _CONFIG)).st_mtime
            reported = gather(Scanner(context.settings.text_bytes), None, path, Before(began))
            merge_reported(job, scrubbed(reported, context.scrub))
            job["texts"], problems = keep_texts(store, reported.texts, context.scrub)
            job["warnings"] += problems
            return
    why = f"the job's folder holds none of {', '.join(PLAIN)}; what it printed is in the command's own record"
    job["capture"]["metrics"] = {"status": "absent", "ms": 0.0, "reason": why}
