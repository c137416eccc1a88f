"""Many runs at once, with readers and repairs among them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from store_runs import NOON, ended, in_child, in_order, lines_of, manifests_of

from evalprov.record.form import blank
from evalprov.store import Store
from evalprov.store.process import this_process
from evalprov.store.read import history, load
from evalprov.store.repair import repair

RUNS = 100


def _record_at_the_signal(path: str, go: tuple[int, int]) -> int:
    near, far = go
    os.close(far)
    os.read(near, 1)  # comes to its end when the last who can write has closed it
    store = Store.open(path)
    manifest = store.reserve(NOON, blank)
    store.keep({"objects/ab12": b"the same for all"})
    store.begin(manifest)
    manifest["status"] = "completed"
    manifest["duration_seconds"] = 0.5
    assert store.finish(manifest) == []
    return 0


@pytest.mark.long
def test_a_hundred_runs_at_once_leave_a_hundred_records(tmp_path: Path) -> None:
    """100 runs started in the same second get 100 ids, 100 whole records and 100 whole history lines."""
    path, go = str(tmp_path / "metrics"), os.pipe()
    children = [in_child(_record_at_the_signal, path, go) for _ in range(RUNS)]
    for end in go:
        os.close(end)
    assert [ended(child) for child in children] == [0] * RUNS
    wanted = {"20260920T120000Z", *(f"20260920T120000Z_{number}" for number in range(2, RUNS + 1))}
    assert set(manifests_of(path)) == wanted
    assert {line["run_id"] for line in lines_of(path)} == wanted
    assert len({load(path, run_id)["observed"]["process"]["pid"] for run_id in wanted}) == RUNS  # type: ignore[index]
    in_order(path, {})
    assert repair(path, rebuild=True) != []
    assert repair(path, rebuild=True) == []


@pytest.mark.long
def test_readers_and_repairs_do_not_disturb_runs(tmp_path: Path) -> None:
    """While runs are recorded, readers see whole records alone and repairs leave live runs as they are."""
    path, stop = str(tmp_path / "metrics"), str(tmp_path / "stop")
    Store.open(path)

    def keep_reading() -> int:
        while not os.path.exists(stop):
            found = history(path, 10)
            assert not any("malformed" in note or "cannot be read" in note for note in found.notes), found.notes
            assert {line["status"] for line in found.lines} <= {"running", "completed"}
            time.sleep(0.005)
        return 0

    def keep_repairing(rebuild: bool) -> int:
        while not os.path.exists(stop):
            done = repair(path, rebuild=rebuild)
            assert not any("lost" in action or "malformed" in action for action in done), done
            time.sleep(0.005)
        return 0

    others = [in_child(keep_reading), in_child(keep_repairing, False), in_child(keep_repairing, True)]
    go = os.pipe()
    children = [in_child(_record_at_the_signal, path, go) for _ in range(40)]
    for end in go:
        os.close(end)
    assert [ended(child) for child in children] == [0] * 40
    Path(stop).touch()
    assert [ended(child) for child in others] == [0, 0, 0]
    repair(path)
    in_order(path, {})
    assert len(manifests_of(path)) == 40


def test_a_fork_is_a_process_of_its_own(tmp_path: Path) -> None:
    """A forked recorder signs with its own pid, not with its parent's."""
    mine = this_process()["pid"]
    assert mine == os.getpid()
    assert ended(in_child(lambda: 0 if this_process()["pid"] == os.getpid() != mine else 1)) == 0
