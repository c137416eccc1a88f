"""What the tests of the store share: records to store, and what must hold of a store at any time."""

from __future__ import annotations

import json
import os
import traceback
from pathlib import Path
from typing import Any

from evalprov.record.form import blank
from evalprov.record.manifest import Manifest, Status
from evalprov.store import Store
from evalprov.store.ids import is_run_id
from evalprov.store.read import history, load
from evalprov.store.repair import repair

NOON = 1789905600.0  # 2026-09-20T12:00:00Z
FINAL = {"completed", "failed", "timed_out", "interrupted", "killed", "not_started", "lost"}


def record(
    path: str,
    at: float = NOON,
    status: Status = "completed",
    took: float | None = 1.5,
    note: str | None = None,
) -> Manifest:
    """Record one run from beginning to end."""
    store = Store.open(path)
    manifest = store.reserve(at, blank)
    manifest["note"] = note
    store.begin(manifest)
    manifest["status"] = status
    manifest["duration_seconds"] = took
    assert store.finish(manifest) == []
    return manifest


def begun(path: str, at: float = NOON) -> Manifest:
    """Begin a run, and leave it there."""
    store = Store.open(path)
    manifest = store.reserve(at, blank)
    store.begin(manifest)
    return manifest


def lines_of(path: str) -> list[dict[str, Any]]:
    """Return the history's lines as any program would read them."""
    try:
        with open(f"{path}/eval_history.jsonl", encoding="utf-8") as file:
            return [json.loads(line) for line in file.read().split("\n") if line]
    except FileNotFoundError:
        return []


def add_to_history(path: str, data: bytes) -> None:
    """Put bytes at the history's end, as a crash or a stranger would."""
    with open(f"{path}/eval_history.jsonl", "ab") as file:
        file.write(data)


def in_child(work: Any, *arguments: Any) -> int:
    """Call a function in a process of its own; return its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        code = work(*arguments) or 0
    except BaseException:  # noqa: BLE001 - an exit or a failed assertion must be seen as well
        traceback.print_exc()
    finally:
        os._exit(code)


def ended(pid: int) -> int:
    """Wait for a process; return its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def dead_run(path: str, at: float = NOON) -> str:
    """Leave a run behind whose process was killed; return its id."""
    runs = set(os.listdir(f"{path}/runs")) if os.path.isdir(f"{path}/runs") else set()
    assert ended(in_child(lambda: begun(path, at) and 0)) == 0
    (new,) = set(os.listdir(f"{path}/runs")) - runs
    return new.removesuffix(".json")


def manifests_of(path: str) -> dict[str, bytes]:
    """Return the bytes of every record by its run."""
    found = {}
    for name in os.listdir(f"{path}/runs") if os.path.isdir(f"{path}/runs") else ():
        run_id, file = name.removesuffix(".json"), Path(path, "runs", name)
        if is_run_id(run_id) and file.is_file() and not file.is_symlink():
            found[run_id] = file.read_bytes()
    return found


def must_hold(path: str, finished: dict[str, bytes], *, torn: bool = False) -> None:
    """Check what holds of a store after any crash, then repair it and check that all is in order."""
    if not os.path.isdir(path):
        return
    now = manifests_of(path)
    for run_id, data in finished.items():
        assert now[run_id] == data, "a finished record was altered"
    whole = {one for one, data in now.items() if data} if torn else set(now)
    for run_id in whole:
        assert load(path, run_id)["status"] in FINAL, run_id
    seen = [line["run_id"] for line in history(path).lines]
    assert len(seen) == len(set(seen))
    assert set(finished) <= set(seen)
    repair(path)
    assert repair(path) == []
    in_order(path, finished)


def in_order(path: str, finished: dict[str, bytes]) -> None:
    """Check that a store has one history line a record and nothing that is left over."""
    now = manifests_of(path)
    for run_id, data in finished.items():
        assert now[run_id] == data, "a finished record was altered"
    statuses = {run_id: json.loads(data)["status"] for run_id, data in now.items()}
    assert set(statuses.values()) <= FINAL
    lines = sorted((line["run_id"], line["status"]) for line in lines_of(path))
    assert lines == sorted(statuses.items()), (set(lines) ^ set(statuses.items()), len(lines), len(statuses))
    left = [name for _, _, names in os.walk(path) for name in names if name.startswith(".tmp-")]
    assert left == []
    assert not os.path.isdir(f"{path}/active") or os.listdir(f"{path}/active") == []
    assert history(path).notes == []
