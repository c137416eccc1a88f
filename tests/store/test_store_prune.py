"""Old runs removed: what goes, what never does, and what a crash or another run in between leaves behind."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from store_faults import DIED, Faults, Mode
from store_runs import NOON, add_to_history, begun, dead_run, ended, in_child, lines_of, manifests_of, record

from evalprov.errors import EvalprovError
from evalprov.record.form import blank
from evalprov.record.manifest import Manifest
from evalprov.store import Store, ids, notes
from evalprov.store.baselines import Wanted, keep
from evalprov.store.lines import history
from evalprov.store.prune import PruneAsked, plan, remove
from evalprov.store.read import load
from evalprov.store.repair import repair
from evalprov.store.where import condition

DAY = 86400.0


def kept_run(path: str, number: int, blob: bytes | None = None, **facts: Any) -> str:
    """Record a run of a day, with logs, calls, a note, and a blob that it needs; return its id."""
    store = Store.open(path)
    m = store.reserve(NOON + number * DAY, blank)
    m.update(facts)  # type: ignore[typeddict-item]
    if blob is not None:
        name = f"objects/{blob.decode()}"
        store.keep({name: blob})
        saved = {"file": name, "sha256": "", "bytes": 1, "mode": "100644", "scrubbed": False}
        m["git"]["saved"]["new.py"] = saved  # type: ignore[assignment]
    store.begin(m)
    for which in ("out", "err"):
        os.close(store.open_log(m["run_id"], which))  # type: ignore[arg-type]
    with store.enter("calls") as folder:
        folder.write(f"{m['run_id']}.sqlite", b"calls")
        folder.write(f"{m['run_id']}.sqlite-wal", b"more")
    notes.write(store.enter, dict([notes.written(m["run_id"], notes.NewAnnotation(None, tags=("x",)), NOON)]))
    m["status"] = "completed"
    assert store.finish(m) == []
    return m["run_id"]


def asked(
    *conditions: str, keep_last: int | None = None, before: float | None = None, since: str | None = None
) -> PruneAsked:
    """Ask for runs to be removed."""
    second = None if before is None else ids.stamp(NOON + before * DAY)
    return PruneAsked([condition(one) for one in conditions], since, keep_last, second)


def there(path: str) -> list[str]:
    """Return every file of the store, but those that every store has."""
    found = [os.path.relpath(os.path.join(at, name), path) for at, _, names in os.walk(path) for name in names]
    return sorted(name for name in found if name not in (".lock", ".gitignore"))


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where a store is to be."""
    return str(tmp_path / "metrics")


def test_all_of_a_run_goes_and_nothing_of_another(path: str) -> None:
    """Record, line, logs, calls, notes, and the blob that it alone needs; one that two need stays while one does."""
    first = kept_run(path, 0, b"alone")
    second = kept_run(path, 1, b"shared")
    third = kept_run(path, 2, b"shared")
    before = {name: Path(path, name).read_bytes() for name in there(path) if third in name}
    found = plan(path, asked(before=2))
    assert (found.runs, found.spared, found.stay) == ([second, first], {}, 1)
    assert [one.name for one in found.blobs] == ["alone"]
    assert remove(path, found).notes == []
    assert there(path) == sorted([*before, "eval_history.jsonl", "objects/shared"])
    assert all(Path(path, name).read_bytes() == data for name, data in before.items())
    assert [line["run_id"] for line in lines_of(path)] == [third]
    assert repair(path) == []


def test_the_last_ones_of_those_that_are_picked_stay(path: str) -> None:
    """Without conditions the last of all; with a time both must hold."""
    runs = [record(path, NOON + number * DAY, note="n" if number % 2 else None)["run_id"] for number in range(6)]
    assert plan(path, asked(keep_last=2)).runs == runs[3::-1]
    assert plan(path, asked("note=n", keep_last=1)).runs == [runs[3], runs[1]]
    assert plan(path, asked(keep_last=2, before=2)).runs == [runs[1], runs[0]]
    assert plan(path, asked(keep_last=9)).runs == []
    assert plan(path, asked("note=n", since=ids.stamp(NOON + 2 * DAY))).runs == [runs[5], runs[3]]


def test_what_a_baseline_is_of_stays_with_what_it_needs(path: str) -> None:
    """Its run, the run whose calls that replayed, and its blobs; one that cannot be read stops everything."""
    source = kept_run(path, 0)
    run = kept_run(path, 1, b"needed", calls={**blank("", "")["calls"], "mode": "replay", "source": source})
    other = kept_run(path, 2)
    keep(path, load(path, run), Wanted("main", "why", None, force=True))
    found = plan(path, asked(before=9))
    assert found.runs == [other]
    assert found.spared == {run: "baseline main", source: "baseline main"}
    remove(path, found)
    assert Path(path, "objects/needed").exists()
    Path(path, "baselines/main.json").write_text("{}")
    with pytest.raises(EvalprovError, match="baseline main cannot be read, so it is not known which run it needs"):
        plan(path, asked(before=9))


def test_what_a_run_came_from_stays_while_that_run_does(path: str) -> None:
    """A rerun's parent, and that one's; when the rerun goes, all go."""
    first = kept_run(path, 0)
    second = kept_run(path, 1, parent_run_id=first)
    third = kept_run(path, 2, parent_run_id=second)
    found = plan(path, asked(before=2))
    assert found.runs == []
    assert found.spared == {second: f"run {third} came from it", first: f"run {second} came from it"}
    assert plan(path, asked(before=3)).runs == [third, second, first]


@pytest.mark.parametrize("what", ["repeat", "sweep"])
def test_trials_that_are_judged_together_go_together_or_not_at_all(path: str, what: str) -> None:
    """Where one trial stays all stay, also those of which it would be picked by how they ended."""
    facts: dict[str, Any] = {
        "repeat": {"id": "r", "trial": 1, "of": 3, "seed": 1},
        "sweep": {"id": "r", "point": 1, "of": 3, "values": {}},
    }
    for number in range(3):
        kept_run(path, number, **{what: facts[what]}, note="bad" if number else None)
    found = plan(path, asked("note=bad"))
    assert found.runs == []
    assert set(found.spared.values()) == {f"{what} r is judged as one, and others of it stay"}
    assert len(plan(path, asked(before=9)).runs) == 3


def test_a_run_that_is_under_way_stays_and_so_do_all_blobs(path: str) -> None:
    """It may need any of them by the time it ends; afterwards they go."""
    old = kept_run(path, 0, b"alone")
    running = begun(path, NOON + DAY)
    found = plan(path, asked(before=9))
    assert (found.runs, found.spared) == ([old], {running["run_id"]: "it is under way"})
    (said,) = remove(path, found).notes
    assert "a run is under way" in said
    assert Path(path, "objects/alone").exists()
    running["status"] = "completed"
    assert Store.open(path).finish(running) == []
    assert remove(path, plan(path, asked("note=x"))).notes == []
    assert not Path(path, "objects/alone").exists()


def test_a_blob_that_a_new_run_relies_on_meanwhile_stays(path: str) -> None:
    """What was planned is looked at again: a run that ended in between keeps what it found in place."""
    kept_run(path, 0, b"again")
    found = plan(path, asked(before=1))
    assert [one.name for one in found.blobs] == ["again"]
    new = kept_run(path, 2, b"again")
    assert remove(path, found).blobs == []
    assert Path(path, "objects/again").exists()
    assert [line["run_id"] for line in lines_of(path)] == [new]


def test_what_nobody_can_read_keeps_all_blobs(path: str) -> None:
    """A record of a newer evalprov, or a torn one, may need any."""
    kept_run(path, 0, b"alone")
    Path(path, "runs/20300101T000000Z.json").write_text("{")
    found = plan(path, asked(before=1))
    assert found.blobs == []
    assert found.notes == ["objects and patches stay: what the record '20300101T000000Z' needs is not known"]
    assert len(remove(path, found).notes) == 1
    assert Path(path, "objects/alone").exists()


def test_lines_that_cannot_be_read_stay_as_they_are(path: str) -> None:
    """Malformed ones, and a torn last one, which is only ended."""
    kept_run(path, 0)
    add_to_history(path, b'not json\n{"run_id": 5}\n\xff\n')
    kept_run(path, 1)
    add_to_history(path, b'{"torn')
    remove(path, plan(path, asked(before=1)))
    lines = Path(path, "eval_history.jsonl").read_bytes().split(b"\n")
    assert (lines[:3], lines[4:]) == ([b"not json", b'{"run_id": 5}', b"\xff"], [b'{"torn', b""])


def test_a_run_that_ends_while_others_are_removed_is_entered(path: str) -> None:
    """Its line is added by another process between the look at the history and its replacement."""
    for number in range(3):
        kept_run(path, number)
    found = plan(path, asked(before=2))
    new: list[Manifest] = []

    class Late(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            if not new:
                new.append(record(path, NOON + 5 * DAY))
            return super().__getitem__(key)

    remove(path, found._replace(files=Late(found.files)))
    assert [line["run_id"] for line in lines_of(path)][1:] == [new[0]["run_id"]]
    assert repair(path) == []


def test_the_marker_of_a_dead_run_is_the_doctors(path: str) -> None:
    """It stays until the doctor has ended its run; then it can go."""
    dead = dead_run(path)
    assert plan(path, asked(before=9)).spared == {dead: "it is under way"}
    repair(path)
    remove(path, plan(path, asked(before=9)))
    assert manifests_of(path) == {}
    assert history(path).lines == []


@pytest.mark.long
@pytest.mark.parametrize("mode", ["die", "half", "EIO", "ENOSPC"])
def test_every_call_of_a_removal_may_be_its_last_or_fail(tmp_path: Path, mode: Mode) -> None:
    """At each system call it is killed or refused; what stays is untouched, and the next one removes the rest."""
    made = str(tmp_path / "made")
    for number in range(4):
        kept_run(made, number, b"shared" if number % 2 else f"own{number}".encode())
    kept = sorted(manifests_of(made))[2:]
    before = {name: Path(made, name).read_bytes() for name in there(made) if any(run in name for run in kept)}
    for at in range(1, 400):
        path = str(tmp_path / f"{at}")
        shutil.copytree(made, path)
        faults = Faults(at, mode)

        def work(path: str = path, faults: Faults = faults) -> int:
            faults.install()
            try:
                remove(path, plan(path, asked(before=2)))
            except EvalprovError:
                return 3
            return 0 if faults.count >= faults.at else 64

        code = ended(in_child(work))
        if code == 64:
            break
        assert code in ((DIED,) if mode in ("die", "half") else (0, 3))
        assert all(Path(path, name).read_bytes() == data for name, data in before.items()), at
        assert {*kept} <= {line["run_id"] for line in history(path).lines}, at
        repair(path)
        assert {*kept} <= {line["run_id"] for line in lines_of(path)} == {*manifests_of(path)}, at
        remove(path, plan(path, asked(before=2)))
        assert there(path) == sorted([*before, "eval_history.jsonl", "objects/own2", "objects/shared"]), at
        assert repair(path) == []
        shutil.rmtree(path)
    else:
        pytest.fail("a removal makes more calls than expected")
    assert at > 40
