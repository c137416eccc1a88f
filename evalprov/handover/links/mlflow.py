"""MLflow's own runs: in a SQLite file, which is neither locked nor written, and in a folder of files."""

from __future__ import annotations

import os
import re
from contextlib import closing
from typing import TYPE_CHECKING

from evalprov.handover.links.ended import CARRIES, ENTRIES, MOST, SLACK, WRITTEN, EndedRun, beginning

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from evalprov.record.schema.outcome import RunLink

_LARGEST = 64 << 20  # bytes of a database that somebody still writes to, which is copied to be read
_STEPS = 2_000_000  # of SQLite's machine; some tenths of a second
_KEY = "evalprov.run_id"
_RUN = re.compile(r"[0-9a-f]{32}")


def find(run: EndedRun) -> Iterator[RunLink]:
    """Yield the runs of the store that the command used by its environment, or of those that are there by default."""
    from urllib.parse import unquote

    said = run.environ.get("MLFLOW_TRACKING_URI", "")
    if said.startswith("sqlite:///"):
        yield from _of_database(run, os.path.join(run.cwd, unquote(said[len("sqlite:///") :]).partition("?")[0]))
    elif said.startswith("file:") or (said and "://" not in said):
        yield from _of_folder(run, os.path.join(run.cwd, unquote(re.sub(r"^file:(//)?", "", said))))
    elif not said:
        yield from _of_database(run, os.path.join(run.cwd, "mlflow.db"))
        yield from _of_folder(run, os.path.join(run.cwd, "mlruns"))


def _of_database(run: EndedRun, path: str) -> Iterator[RunLink]:
    if not os.path.isfile(path) or not (run.is_fresh(path) or run.is_fresh(f"{path}-wal")):
        return
    with opened(path) as database:
        rows = database.execute(
            "SELECT r.run_uuid, r.experiment_id FROM tags t JOIN runs r ON r.run_uuid = t.run_uuid"
            " WHERE t.key = ? AND t.value = ? LIMIT ?",
            (_KEY, run.run_id, MOST + 1),
        ).fetchall()
        rule = CARRIES
        if not rows:
            rule = WRITTEN
            window = (int((run.began - SLACK) * 1000), int((run.ended + SLACK) * 1000), MOST + 1)
            rows = database.execute(
                "SELECT run_uuid, experiment_id FROM runs WHERE start_time BETWEEN ? AND ? LIMIT ?", window
            ).fetchall()
    for own, experiment in rows:
        yield run.link("mlflow", str(own), f"{path}#/experiments/{experiment}/runs/{own}", rule)


def opened(path: str, *, bounded: bool = True) -> closing[sqlite3.Connection]:
    """Open a database to read it as it stands: nothing is locked, and nothing is written beside it.

    Where it is bounded, a question that takes too long is an error.
    """
    import sqlite3
    from urllib.parse import quote

    journal = f"{path}-wal"
    if os.path.isfile(journal) and os.path.getsize(journal):
        database = _copied(path, journal)
    else:
        database = sqlite3.connect(f"file:{quote(os.path.abspath(path))}?mode=ro&immutable=1", uri=True)
    left = [_STEPS // 1000]

    def stop() -> bool:
        left[0] -= 1
        return left[0] < 0

    if bounded:
        database.set_progress_handler(stop, 1000)
    return closing(database)


def _copied(path: str, journal: str) -> sqlite3.Connection:
    """Read a database that somebody writes to just now by a copy: its last changes stand in a file beside it."""
    import shutil
    import sqlite3
    import tempfile

    if os.path.getsize(path) + os.path.getsize(journal) > _LARGEST:
        raise ValueError(f"somebody writes to {os.path.basename(path)} just now, and it is too large to be copied")
    with tempfile.TemporaryDirectory(prefix="evalprov-") as folder:
        copy = os.path.join(folder, "copy.db")
        shutil.copyfile(path, copy)
        shutil.copyfile(journal, f"{copy}-wal")
        inside = sqlite3.connect(":memory:")
        with closing(sqlite3.connect(copy)) as database:
            database.backup(inside)
        return inside


def _of_folder(run: EndedRun, store: str) -> Iterator[RunLink]:
    """Look through the experiments' folders for those of runs that were written just now."""
    looked = 0
    fresh: list[tuple[str, str]] = []
    for experiment in _folders(store):
        for name in _folders(os.path.join(store, experiment)):
            looked += 1
            if looked > ENTRIES:
                break
            path = os.path.join(store, experiment, name)
            if _RUN.fullmatch(name) and run.is_fresh(path):
                fresh.append((path, experiment))
    for path, experiment in fresh:
        carries = beginning(os.path.join(path, "tags", _KEY), 100).strip() == run.run_id.encode()
        own = os.path.basename(path)
        yield run.link("mlflow", own, f"{store}#/experiments/{experiment}/runs/{own}", CARRIES if carries else WRITTEN)


def _folders(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    except OSError:
        return []
