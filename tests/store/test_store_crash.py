"""Crash safety, by injection: whatever call is the last one, or fails, nothing finished is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from store_faults import DIED, MODES, REFUSED, SAID, UNTOUCHED, Faults, Mode, lifecycle, strike
from store_runs import NOON, add_to_history, dead_run, ended, in_child, manifests_of, must_hold, record

from evalprov.errors import EvalprovError
from evalprov.record.form import blank
from evalprov.store import Store
from evalprov.store.repair import repair

if TYPE_CHECKING:
    from collections.abc import Iterator

# Odd calls are the last one, even ones fail, every fourth is half done or finds the disk full; `make bench` tries all.
CALLS: dict[Mode, tuple[int, int]] = {"die": (1, 2), "EIO": (2, 2), "half": (1, 4), "ENOSPC": (3, 4)}


@pytest.mark.long
@pytest.mark.parametrize(
    ("before", "mode"),
    [
        ("nothing", "die"),
        *(("runs", mode) for mode in MODES),
        ("no links", "die"),
    ],
)
def test_every_call_of_a_recording_may_be_its_last_or_fail(tmp_path: Path, mode: Mode, before: str) -> None:
    """At each system call the store makes a run is killed or refused, and the store can be put in order."""
    outcomes = set()
    finished = {}
    made = str(tmp_path / "made")
    if before != "nothing":
        record(made)
        record(made, note="again")
        finished = manifests_of(made)
        add_to_history(made, b'{"torn": ')
    for at in range(CALLS[mode][0], 200, CALLS[mode][1]):
        path = str(tmp_path / f"{at}")
        if before != "nothing":
            shutil.copytree(made, path)
        code, reached = strike(path, at, mode, links=before != "no links")
        if not reached:
            assert code == UNTOUCHED
            break
        outcomes.add(code)
        assert code in ((DIED,) if mode in ("die", "half") else (REFUSED, SAID, UNTOUCHED))
        must_hold(path, finished, torn=True)
    else:
        pytest.fail("a recording makes more calls than expected")
    assert at > 25
    assert outcomes >= ({DIED} if mode in ("die", "half") else {REFUSED, SAID})


@pytest.mark.long
@pytest.mark.parametrize("mode", MODES)
def test_every_call_of_a_repair_may_be_its_last_or_fail(tmp_path: Path, mode: Mode) -> None:
    """A repair that is killed or fails at any system call leaves a store that the next one puts in order."""
    made = str(tmp_path / "made")
    record(made)
    assert ended(in_child(lambda: record(made) and 0)) == 0
    finished = manifests_of(made)
    Path(made, "active/20260920T120000Z_2").touch()  # its line is torn below, as by a crash
    dead_run(made)
    Path(made, "runs/20260101T000000Z.json").touch()
    Path(made, "active/20260102T000000Z").touch()
    os.truncate(f"{made}/eval_history.jsonl", os.path.getsize(f"{made}/eval_history.jsonl") - 9)
    for at in range(CALLS[mode][0], 200, CALLS[mode][1]):
        path = str(tmp_path / f"{at}")
        shutil.copytree(made, path)
        faults = Faults(at, mode)

        def work(path: str = path, faults: Faults = faults, at: int = at) -> int:
            faults.install()
            try:
                repair(path)
            except EvalprovError:
                return SAID
            return UNTOUCHED if faults.count < at else SAID

        code = ended(in_child(work))
        assert code in (DIED, SAID, UNTOUCHED)
        must_hold(path, finished, torn=True)
        if code == UNTOUCHED:
            break
    assert 15 < at < 199


def test_a_record_is_on_the_disk_before_it_gets_its_name(tmp_path: Path) -> None:
    """Begin and finish sync a file before they rename it and its folder after: no power cut tears it."""
    path = str(tmp_path / "metrics")
    record(path)
    faults = Faults(0, "die")

    def work() -> int:
        lifecycle(path, faults)
        named: dict[int, str] = {}
        synced: set[str] = set()
        unsettled: list[int] = []
        renames = 0
        for name, args, result in faults.trace:
            if name == "open":
                named[result] = str(args[0])
                synced.discard(str(args[0]))
            elif name == "fsync":
                synced.add(named[args[0]])
                if named[args[0]] in {f"{path}/runs", f"{path}/objects"}:
                    unsettled.clear()
            elif name == "rename":
                assert args[0] in synced
                unsettled.append(renames)
                renames += 1
        assert renames == 3
        assert not unsettled
        assert "eval_history.jsonl" in synced
        return 0

    assert ended(in_child(work)) == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 64 KiB."""
    where = tmp_path / "disk"
    where.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", where], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"mounting is not permitted: {mounted.stderr.decode().strip()}")
    yield where
    subprocess.run(["umount", where], check=True)


def test_a_full_disk_at_the_end_is_a_message_and_can_be_repaired(small_disk: Path) -> None:
    """A run whose disk fills up keeps every finished record, says so, and is in order once there is space."""
    path = str(small_disk / "metrics")
    record(path)
    finished = manifests_of(path)
    filler = small_disk / "filler"

    def work() -> int:
        store = Store.open(path)
        manifest = store.reserve(NOON, blank)
        store.begin(manifest)
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(b"x" * 512):
                    pass
            except OSError:
                pass
        manifest["status"] = "completed"
        (said,) = store.finish(manifest)
        assert "No space left on device" in said
        with pytest.raises(EvalprovError, match="No space left on device") as refused:
            Store.open(path).reserve(NOON, blank)
        assert refused.value.exit_code == 125
        assert "free some space" in refused.value.hint
        return 0

    assert ended(in_child(work)) == 0
    filler.unlink()
    must_hold(path, finished)
    assert len(manifests_of(path)) == 2


def test_a_disk_full_for_the_history_alone_leaves_a_whole_record(tmp_path: Path) -> None:
    """Where only the history line has no space the record is whole, and repair enters it."""
    path = str(tmp_path / "metrics")
    record(path)
    finished = manifests_of(path)
    size = os.path.getsize(f"{path}/eval_history.jsonl")
    outcomes = []
    for at in range(1, 200):
        code, reached = strike(path, at, "ENOSPC")
        if not reached:
            break
        if code == SAID and len(manifests_of(path)) > 1:
            outcomes.append(os.path.getsize(f"{path}/eval_history.jsonl"))
    assert set(outcomes) == {size}
    must_hold(path, finished)
