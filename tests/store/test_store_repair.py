"""Repairing the store: what a crash left is put in order, what is finished is left alone."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from store_runs import (
    NOON,
    add_to_history,
    begun,
    dead_run,
    ended,
    in_child,
    in_order,
    lines_of,
    manifests_of,
    record,
)

from evalprov.errors import EvalprovError
from evalprov.record.form import blank, history_line
from evalprov.store import Store, ids
from evalprov.store.process import tag
from evalprov.store.read import history, load
from evalprov.store.repair import repair

FIRST = "20260920T120000Z"


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with two finished runs."""
    path = str(tmp_path / "metrics")
    record(path, NOON)
    record(path, NOON + 20)
    return path


def repaired(store: str, *, rebuild: bool = False) -> tuple[list[str], list[str]]:
    """Repair, check that a second pass finds nothing to do, and return what was done and remarked."""
    notes: list[str] = []
    finished = {one: data for one, data in manifests_of(store).items() if b'"status": "completed"' in data}
    done = repair(store, rebuild=rebuild, note=notes.append)
    after = everything(store)
    assert repair(store, rebuild=rebuild) == []
    assert everything(store) == after
    for run_id, data in finished.items():
        assert manifests_of(store)[run_id] == data
    return done, notes


def everything(store: str) -> dict[str, bytes]:
    """Return every file's bytes."""
    return {str(path): path.read_bytes() for path in Path(store).rglob("*") if path.is_file()}


def history_ids(store: str) -> list[str]:
    """Return the ids in the history, in the file's order."""
    return [line["run_id"] for line in lines_of(store)]


def test_a_store_in_order_is_left_alone(store: str) -> None:
    """Where nothing is wrong nothing is done, and no byte changes."""
    before = everything(store)
    assert repaired(store) == ([], [])
    assert everything(store) == before


def test_a_dead_run_becomes_lost(store: str) -> None:
    """A running record of a killed process becomes lost on disk, enters the history, and its marker goes."""
    run_id = dead_run(store, NOON + 10)
    done, notes = repaired(store)
    assert done == [
        f"run {run_id} is recorded as lost: its process is gone",
        f"history: entered {run_id}",
        f"removed the stale marker of run {run_id}",
    ]
    assert notes == []
    assert load(store, run_id)["status"] == "lost"
    assert history_ids(store) == [FIRST, run_id, ids.stamp(NOON + 20)]
    in_order(store, {})


def test_a_dead_run_without_its_marker_is_found(store: str) -> None:
    """A power cut may take the marker: the record alone is enough."""
    run_id = dead_run(store)
    os.unlink(f"{store}/active/{run_id}")
    repaired(store)
    assert load(store, run_id)["status"] == "lost"


def test_a_live_run_is_left_alone(store: str) -> None:
    """A run that is going on stays as it is, and ends as it would have."""
    manifest = begun(store, NOON + 30)
    assert repaired(store) == ([], [])
    manifest["status"] = "completed"
    assert Store.open(store).finish(manifest) == []
    in_order(store, {})


@pytest.mark.parametrize("process", [None, "another"])
def test_a_run_on_another_machine_stays_running(store: str, process: str | None) -> None:
    """What cannot be proven gone from here is not called lost, and that is said."""
    manifest = begun(store, NOON + 30)
    here: Any = manifest["observed"]["process"]
    there = {**here, "boot_id": "11111111-2222-3333-4444-555555555555", "hostname": "another\x1b"}
    manifest["observed"]["process"] = there if process else None  # type: ignore[typeddict-item]
    Path(store, "runs", f"{manifest['run_id']}.json").write_text(json.dumps(manifest))
    done, (note,) = repaired(store)
    assert done == []
    assert "stays running" in note
    assert note.isprintable()


def test_missing_lines_are_entered_in_their_place(store: str) -> None:
    """Without its history file a store gets it back, and a single missing line its place by start."""
    record(store, NOON + 10)
    whole = Path(store, "eval_history.jsonl").read_bytes()
    os.unlink(f"{store}/eval_history.jsonl")
    done, _ = repaired(store)
    assert len(done) == 1
    assert sorted(lines_of(store), key=lambda line: line["run_id"]) == lines_of(store)
    assert sorted(whole.splitlines()) == sorted(Path(store, "eval_history.jsonl").read_bytes().splitlines())
    lines = Path(store, "eval_history.jsonl").read_bytes().splitlines(keepends=True)
    Path(store, "eval_history.jsonl").write_bytes(lines[0] + lines[2])
    repaired(store)
    assert Path(store, "eval_history.jsonl").read_bytes().splitlines(keepends=True) == lines


def test_torn_and_malformed_lines_are_removed(store: str) -> None:
    """Lines that are no record go, the others keep their bytes and order."""
    good = Path(store, "eval_history.jsonl").read_bytes()
    add_to_history(store, b'junk\n[]\n\0\0\0\n{"schema": 1, "run_')
    done, _ = repaired(store)
    assert done == ["history: removed 4 malformed lines"]
    assert Path(store, "eval_history.jsonl").read_bytes() == good


def test_a_line_that_is_not_what_its_manifest_says_is_made_anew(store: str) -> None:
    """A line with a run's id but of another shape is replaced from the manifest."""
    good = Path(store, "eval_history.jsonl").read_bytes()
    Path(store, "eval_history.jsonl").write_bytes(good.replace(b'"status": "completed"', b'"status": 7', 1))
    done, _ = repaired(store)
    assert done == ["history: removed 1 malformed line", f"history: entered {FIRST}"]
    assert Path(store, "eval_history.jsonl").read_bytes() == good


def test_repeated_lines_are_dropped_and_the_last_counts(store: str) -> None:
    """Of a run's lines the last stays."""
    first = lines_of(store)[0]
    good = Path(store, "eval_history.jsonl").read_bytes()
    Path(store, "eval_history.jsonl").write_bytes(json.dumps({**first, "status": "lost"}).encode() + b"\n" + good)
    done, _ = repaired(store)
    assert done == ["history: removed 1 repeated line"]
    assert Path(store, "eval_history.jsonl").read_bytes() == good


def test_a_last_line_that_only_lacks_its_end_is_ended(store: str) -> None:
    """A whole line without a newline is kept, and gets one."""
    good = Path(store, "eval_history.jsonl").read_bytes()
    Path(store, "eval_history.jsonl").write_bytes(good[:-1])
    done, _ = repaired(store)
    assert done == ["history: ended its last line"]
    assert Path(store, "eval_history.jsonl").read_bytes() == good


@pytest.mark.parametrize("rebuild", [False, True])
def test_lines_without_a_record_are_kept_and_said(store: str, rebuild: bool) -> None:
    """A record that was removed keeps its line: it is all that is left of the run."""
    os.unlink(f"{store}/runs/{FIRST}.json")
    done, notes = repaired(store, rebuild=rebuild)
    assert done == []
    assert notes == ["1 run of the history without a record in runs/; its line is kept"]
    assert FIRST in history_ids(store)


def test_lines_of_a_newer_evalprov_are_kept(store: str) -> None:
    """What a later version wrote is not for us to judge."""
    newer = blank(ids.stamp(NOON + 50), "2026-09-20T12:00:50Z")
    newer["schema"] = 99
    add_to_history(store, history_line(newer) + b"junk\n")
    repaired(store)
    assert history_ids(store)[-1] == newer["run_id"]


def test_rebuild_makes_the_history_anew_from_the_manifests(store: str) -> None:
    """A rebuilt history has every record's line, ordered by start."""
    for at in (5, 3, 4):
        record(store, NOON + at)
    Path(store, "eval_history.jsonl").unlink()
    add_to_history(store, b"junk\n")
    done, _ = repaired(store, rebuild=True)
    assert done[-1] == "history: made anew with 5 runs"
    assert history_ids(store) == [ids.stamp(NOON + at) for at in (0, 3, 4, 5, 20)]
    wanted = [json.loads(history_line(load(store, run_id))) for run_id in history_ids(store)]
    assert lines_of(store) == wanted


@pytest.mark.parametrize("torn", [b"", b"\0" * 4096, b'{\n "schema": 1,\n "run_id": "2026'])
def test_a_reservation_torn_by_a_power_cut_becomes_lost(store: str, torn: bytes) -> None:
    """A record that never reached the disk is replaced by one that says so; what there was of it is kept."""
    run_id = ids.stamp(NOON + 10)
    Path(store, f"runs/{run_id}.json").write_bytes(torn)
    Path(store, f"active/{run_id}").touch()
    done, _ = repaired(store)
    assert f"run {run_id} is recorded as lost: its record was never written" in done
    manifest = load(store, run_id)
    assert manifest["status"] == "lost"
    assert manifest["timestamp"] == "2026-09-20T12:00:10Z"
    kept = Path(store, f"runs/{run_id}.torn")
    assert kept.exists() == torn.startswith(b"{")
    assert not kept.exists() or kept.read_bytes() == torn


def test_a_finished_record_that_was_damaged_is_left_to_a_person(store: str) -> None:
    """A record with a line in the history that cannot be read is not replaced, and its line is kept."""
    Path(store, f"runs/{FIRST}.json").write_bytes(b'{"half')
    assert repaired(store) == ([], [])
    done, (note,) = repaired(store, rebuild=True)
    assert done == []
    assert f"the record of run {FIRST} cannot be read" in note
    assert Path(store, f"runs/{FIRST}.json").read_bytes() == b'{"half'
    assert FIRST in history_ids(store)


def test_strange_things_in_runs_are_left_alone_and_said(store: str, tmp_path: Path) -> None:
    """Links, folders, other people's files and newer records are not followed, entered or removed."""
    victim = tmp_path / "victim.json"
    victim.write_text("{}")
    os.symlink(victim, f"{store}/runs/20260101T000000Z.json")
    os.mkdir(f"{store}/runs/20260102T000000Z.json")
    Path(store, "runs/20260103T000000Z.json").write_text('{"schema": 99}')
    Path(store, "runs/20260104T000000Z.json").write_bytes(manifests_of(store)[FIRST])
    Path(store, "runs/notes.txt").write_text("mine")
    done, notes = repaired(store)
    assert done == []
    assert len(notes) == 4
    assert len(history_ids(store)) == 2
    assert victim.read_text() == "{}"


def test_leftovers_of_dead_writers_are_removed(store: str) -> None:
    """A half-written file goes when its writer is gone, in every folder; a live writer's stays."""

    def leave() -> int:
        for name in ("", "runs/", "active/", "patches/", "objects/", "logs/", "baselines/"):
            os.makedirs(f"{store}/{name}", exist_ok=True)
            Path(store, f"{name}.tmp-{tag()}-0a0b0c0d").touch()
        return 0

    assert ended(in_child(leave)) == 0
    mine = Path(store, f"runs/.tmp-{tag()}-0a0b0c0d")
    mine.touch()
    done, _ = repaired(store)
    assert len(done) == 7
    assert mine.exists()
    assert sum(name.startswith(".tmp-") for _, _, names in os.walk(store) for name in names) == 1


def test_leftovers_of_strangers_are_removed_after_a_day(store: str) -> None:
    """A half-written file of another machine, or of an unknown writer, is given a day."""
    away = "11111111222233334444555555555555-4026531836-77-1234-0a0b0c0d"
    for name in (away, "unknown"):
        file = Path(store, f"runs/.tmp-{name}")
        file.touch()
        assert repaired(store) == ([], [])
        os.utime(file, (0, time.time() - 90_000))
        done, _ = repaired(store)
        assert done == [f"removed the leftover file runs/.tmp-{name}"]


def test_a_marker_of_a_run_that_never_came_to_be_is_removed(store: str) -> None:
    """A marker without a record goes, unless somebody is reserving a run this moment."""
    Path(store, "active/20260101T000000Z").touch()
    reserving = Path(store, f"runs/.tmp-{tag()}-0a0b0c0d")
    reserving.touch()
    assert repair(store) == []
    reserving.unlink()
    done, _ = repaired(store)
    assert done == ["removed the stale marker of run 20260101T000000Z"]


def test_a_run_being_finished_is_entered_by_itself(store: str) -> None:
    """Between its final record and its line a live run is left alone; once it is gone it is entered."""
    path = str(store)

    def stop_before_the_line() -> int:
        manifest = begun(path, NOON + 10)
        manifest["status"] = "completed"
        os.mkdir(f"{path}/eval_history.d")
        os.rename(f"{path}/eval_history.jsonl", f"{path}/eval_history.d/kept")
        os.symlink("nowhere", f"{path}/eval_history.jsonl")  # the line cannot be written
        assert len(Store(path).finish(manifest)) == 1
        os.unlink(f"{path}/eval_history.jsonl")
        os.rename(f"{path}/eval_history.d/kept", f"{path}/eval_history.jsonl")
        os.rmdir(f"{path}/eval_history.d")
        assert repair(path) == []
        return 0

    assert ended(in_child(stop_before_the_line)) == 0
    assert [run["status"] for run in history(path).lines] == ["completed"] * 3
    done, _ = repaired(path)
    assert done[0] == f"history: entered {ids.stamp(NOON + 10)}"


def test_a_repair_says_why_it_cannot(tmp_path: Path, store: str) -> None:
    """A store that is not there, linked away inside, or on a read-only disk is a clear error."""
    with pytest.raises(EvalprovError, match="no runs here yet"):
        repair(str(tmp_path / "elsewhere"))
    os.rename(f"{store}/runs", tmp_path / "moved")
    os.symlink(tmp_path / "moved", f"{store}/runs")
    with pytest.raises(EvalprovError, match=r"cannot repair .*: Not a directory"):
        repair(store)
    os.unlink(f"{store}/runs")
    os.rename(tmp_path / "moved", f"{store}/runs")
    add_to_history(store, b"junk\n")
    bound = subprocess.run(["mount", "--bind", "-o", "ro", store, store], capture_output=True)
    if bound.returncode:
        pytest.skip(f"mounting is not permitted: {bound.stderr.decode().strip()}")
    try:
        with pytest.raises(EvalprovError, match="Read-only file system"):
            repair(store)
    finally:
        subprocess.run(["umount", store], check=True)
