"""Runs of an MLflow store: its SQLite file, which is neither locked nor written, or its folder of files."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from typing import TYPE_CHECKING, Any

from evalprov.handover.imports.taken import FailedRun, ImportPlace, TakenRun, commit_of, named, said
from evalprov.handover.links.ended import beginning
from evalprov.handover.links.mlflow import opened

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from evalprov.record.manifest import Status

_TOOL = "mlflow"
_MAGIC = b"SQLite format 3\0"
_ENDED: dict[object, Status] = {"FINISHED": "completed", "FAILED": "failed", "KILLED": "killed"}
_STATUSES = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}  # as files have them
_COLUMNS = "run_uuid, name, status, start_time, end_time, experiment_id"
_MOST = 10_000  # params, metrics or tags of one run
_VALUE = 1 << 16  # bytes of a file that holds one


def fits(path: str, head: bytes) -> bool:
    """Say whether it is a database, or a folder of experiments; a run's folder serves as well."""
    if head.startswith(_MAGIC):
        return True
    return os.path.isdir(path) and (_is_run(path) or any(_runs(path)))


def read(place: ImportPlace) -> Iterator[TakenRun | FailedRun]:
    """Yield the runs with the wanted ids, or all that are not deleted, the oldest first."""
    seen: set[str] = set()
    for run in _of_folder(place) if os.path.isdir(place.path) else _of_database(place):
        seen.add(run.own if isinstance(run, TakenRun) and run.own else "")
        yield run
    for own in place.ids:
        if own not in seen and os.path.exists(place.path):
            yield FailedRun(f"{place.path}#{own}", "there is no such run in it, or it has not ended")


def _of_database(place: ImportPlace) -> Iterator[TakenRun | FailedRun]:
    import sqlite3

    try:
        with opened(place.path, bounded=False) as database:
            where = f"run_uuid IN ({', '.join('?' * len(place.ids))})" if place.ids else "lifecycle_stage = 'active'"
            rows = database.execute(
                f"SELECT {_COLUMNS} FROM runs WHERE {where} ORDER BY start_time, run_uuid",  # noqa: S608 - no words of others
                place.ids,
            ).fetchall()
            for row in rows:
                own = str(row[0])
                info = dict(zip(("name", "status", "start", "end", "experiment"), row[1:], strict=True))
                params = dict(_all(database, "key, value FROM params", own))
                metrics = {
                    name: None if is_nan else value
                    for name, value, is_nan in _all(database, "key, value, is_nan FROM latest_metrics", own)
                }
                tags = dict(_all(database, "key, value FROM tags", own))
                yield _run(place.path, own, info, (params, metrics, tags, _data_sets(database, own)))
    except sqlite3.DatabaseError as error:
        yield FailedRun(place.path, f"it is no database of MLflow, or damaged: {error}")


def _all(database: sqlite3.Connection, what: str, own: str) -> list[Any]:
    return database.execute(f"SELECT {what} WHERE run_uuid = ? LIMIT {_MOST}", (own,)).fetchall()


def _data_sets(database: sqlite3.Connection, own: str) -> dict[str, str]:
    """Return the digests of the data that a run was logged with; older stores know none."""
    import sqlite3

    try:
        rows = database.execute(
            "SELECT d.name, d.digest FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id"
            " WHERE i.destination_id = ? AND i.source_type = 'DATASET' LIMIT ?",
            (own, _MOST),
        ).fetchall()
    except sqlite3.OperationalError:
        return {}
    return {str(name): str(digest) for name, digest in rows}


def _of_folder(place: ImportPlace) -> Iterator[TakenRun | FailedRun]:
    folders = [place.path] if _is_run(place.path) else list(_runs(place.path))
    for folder in folders:
        own = os.path.basename(os.path.normpath(folder))
        if place.ids and own not in place.ids:
            continue
        info = _meta(folder)
        if info is None:
            yield FailedRun(folder, "its meta.yaml cannot be read")
        elif info.pop("stage") != "deleted":
            params, tags = _values(os.path.join(folder, "params")), _values(os.path.join(folder, "tags"))
            metrics = {name: _last(text) for name, text in _values(os.path.join(folder, "metrics")).items()}
            yield _run(folder, own, info, (params, metrics, tags, {}))


def _meta(folder: str) -> dict[str, Any] | None:
    import yaml

    try:
        meta = yaml.safe_load(beginning(os.path.join(folder, "meta.yaml"), _VALUE))
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if not isinstance(meta, dict):
        return None
    status = _STATUSES.get(str(meta.get("status")), meta.get("status"))
    told = {"name": meta.get("run_name"), "status": status, "start": meta.get("start_time")}
    return {**told, "end": meta.get("end_time"), "experiment": None, "stage": meta.get("lifecycle_stage")}


def _values(folder: str) -> dict[str, str]:
    """Return what the files of a folder hold, by their names, which may have slashes."""
    found: dict[str, str] = {}
    for inside, _, names in os.walk(folder):
        for name in sorted(names)[: _MOST - len(found)]:
            path = os.path.join(inside, name)
            found[os.path.relpath(path, folder)] = beginning(path, _VALUE).decode("utf-8", "replace")
    return found


def _last(text: str) -> float | None:
    """Return the value of the last line of a metric: time, value, step."""
    words = text.strip().rpartition("\n")[2].split()
    try:
        value = float(words[1])
    except (IndexError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _run(source: str, own: str, info: dict[str, Any], values: tuple[dict[str, Any], ...]) -> TakenRun | FailedRun:
    params, metrics, tags, data = values
    status = _ENDED.get(info["status"])
    if status is None:
        return FailedRun(f"{source}#{own}", f"it has not ended: MLflow calls it {str(info['status']).lower()}")
    whole = json.dumps([own, info, params, metrics, tags, data], sort_keys=True, default=str)
    began, ended = _seconds(info["start"]), _seconds(info["end"])
    summary = {name: one for name, one in metrics.items() if _is_number(one)}
    report: dict[str, Any] = {
        **({"metrics": {}, "metric_summary": summary} if summary else {}),
        "config": {"mlflow": params} if params else {},
        "data": {name: {"version": digest} for name, digest in data.items()},
    }
    lost = sorted(name for name, one in metrics.items() if not _is_number(one))
    reported = said({key: one for key, one in report.items() if one or key == "metrics"}, named(source), _TOOL)
    if lost:
        reported.warnings.append(f"metrics that are no finite number were left out: {', '.join(lost[:5])}")
    name = info["name"] or tags.get("mlflow.runName")
    return TakenRun(
        tool=_TOOL,
        source=source,
        own=own,
        sha256=f"sha256:{hashlib.sha256(whole.encode('utf-8', 'replace')).hexdigest()}",
        reported=reported,
        began=began,
        seconds=ended - began if began and ended and ended >= began else None,
        status=status,
        of=tags.get("evalprov.run_id"),
        facts={
            "note": str(name)[:200] if name else None,
            "git_sha": commit_of(tags.get("mlflow.source.git.commit")),
            "observed": {"user": tags["mlflow.user"][:200]} if isinstance(tags.get("mlflow.user"), str) else {},
        },
    )


def _seconds(milliseconds: object) -> float | None:
    from evalprov.handover.imports.taken import seconds_of

    return seconds_of(milliseconds / 1000) if isinstance(milliseconds, int | float) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_run(folder: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{32}", os.path.basename(os.path.normpath(folder))) is not None and os.path.isfile(
        os.path.join(folder, "meta.yaml")
    )


def _runs(store: str) -> Iterator[str]:
    """Yield the folders of runs in a store, or in one experiment of it."""
    for folder in (store, *_folders(store)):
        for inside in _folders(folder):
            if _is_run(inside):
                yield inside


def _folders(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(entry.path for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []
