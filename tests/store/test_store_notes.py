"""What is said of runs later: files beside the records, read together with them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from store_runs import NOON, manifests_of, record

from evalprov.store import Store, notes
from evalprov.store.lines import Search, history
from evalprov.store.notes import NewAnnotation
from evalprov.store.query import Query
from evalprov.store.read import load, load_noted
from evalprov.store.repair import repair
from evalprov.store.where import condition, path, tagged


def say(store: str, run_id: str, at: float = NOON, **said: Any) -> str:
    """Say something of a run, and return the file's name."""
    name, data = notes.written(run_id, NewAnnotation(said.pop("by", "Ada"), **said), at)
    assert notes.write(Store.open(store).enter, {name: data}) == {}
    return name


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with three runs, the first with a note and a tag of its own."""
    place = str(tmp_path / "metrics")
    for number, note in enumerate(("its own", None, None)):
        record(place, NOON + number, note=note)
    return place


def runs(store: str) -> list[str]:
    """Return the runs' ids, oldest first."""
    return sorted(manifests_of(store))


def asked(store: str, *conditions: str) -> list[str]:
    """Return the runs of which the conditions hold."""
    with Search(store, Query([condition(one) for one in conditions])) as search:
        return [run.run_id for run in search.runs()]


def test_a_record_stays_and_is_read_together_with_what_is_said_later(store: str) -> None:
    """The record's own note comes first, later ones with their day and author; no byte of a record changes."""
    before, run = manifests_of(store), runs(store)[0]
    say(store, run, NOON + 86400, note="the judge was down", tags=("suspect",), by=None)
    say(store, run, NOON + 3600, note="looks low")
    noted = load_noted(store, run)
    assert noted["note"] == "its own\n2026-09-20 (Ada): looks low\n2026-09-21: the judge was down"
    assert noted["tags"] == ["suspect"]
    assert (load(store, run)["note"], load(store, run)["tags"]) == ("its own", [])
    assert manifests_of(store) == before


def test_tags_are_given_and_taken_in_the_order_of_time(store: str) -> None:
    """What was said last counts, whatever the files' names; a tag that is taken can come again."""
    run = runs(store)[1]
    say(store, run, NOON + 3, tags=("good",))
    say(store, run, NOON + 2, untags=("good",))
    say(store, run, NOON + 1, tags=("good", "nightly"))
    assert load_noted(store, run)["tags"] == ["nightly", "good"]
    say(store, run, NOON + 4, untags=("good",))
    assert load_noted(store, run)["tags"] == ["nightly"]


def test_the_history_is_asked_for_what_was_said_later(store: str) -> None:
    """Conditions on tags and notes, values that are brought along, and lines have it; runs without are as they were."""
    first, second, third = runs(store)
    say(store, second, note="the judge was down", tags=("good",))
    assert asked(store, "tags~^good$") == asked(store, "note~judge") == [second]
    assert asked(store, "note=null") == [third]
    assert asked(store, "note=its own") == [first]
    assert asked(store, "tags[0]=good") == [second]
    with Search(store, Query([tagged("good")], [path("tags"), path("note")])) as search:
        (found,) = search.runs()
        assert found.values == (["good"], "2026-09-20 (Ada): the judge was down")
    lines = {line["run_id"]: line for line in history(store).lines}
    assert (lines[second]["tags"], lines[first]["note"], lines[third]["tags"]) == (["good"], "its own", [])


def test_a_run_that_is_going_on_can_be_annotated(store: str) -> None:
    """What is said of it stands in the history at once."""
    running = Store.open(store).reserve(NOON + 60, __import__("evalprov.record.form", fromlist=["blank"]).blank)
    say(store, running["run_id"], tags=("mine",))
    assert asked(store, "tags~mine") == [running["run_id"]]
    assert history(store).lines[0]["tags"] == ["mine"]


@pytest.mark.parametrize("what", ["torn", "altered", "of another run", "newer", "a pipe", "a link", "foreign"])
def test_what_is_no_annotation_is_read_past_and_told(store: str, what: str) -> None:
    """Its file is named and left out; all others count."""
    run = runs(store)[1]
    say(store, run, tags=("good",))
    folder = Path(store, "notes")
    name, data = notes.written(run, NewAnnotation(None, tags=("bad",)), NOON)
    other = notes.written(runs(store)[0], NewAnnotation(None, tags=("bad",)), NOON)[1]
    newer = data.replace(b'"version":1', b'"version":2')
    match what:
        case "torn":
            (folder / name).write_bytes(data[:20])
        case "altered":
            (folder / name).write_bytes(data.replace(b"bad", b"worse"))
        case "of another run":
            (folder / f"{run}.{notes._digest(other)}.json").write_bytes(other)
        case "newer":
            (folder / f"{run}.{notes._digest(newer)}.json").write_bytes(newer)
        case "a pipe":
            os.mkfifo(folder / name)
        case "a link":
            (folder / name).symlink_to(folder / "elsewhere")
        case "foreign":
            (folder / "readme.txt").write_bytes(data)
    told: list[str] = []
    assert load_noted(store, run, told)["tags"] == ["good"]
    assert len(told) == 1
    assert "left out" in told[0]
    page = history(store)
    assert page.lines[1]["tags"] == ["good"]
    assert page.notes == told


def test_annotations_of_a_run_that_is_gone_stay_and_are_told_by_the_doctor(store: str) -> None:
    """They may have come before their run did; nothing else is disturbed by them."""
    say(store, "20200101T000000Z", tags=("good",))
    said: list[str] = []
    assert repair(store, note=said.append) == []
    assert said == ["notes of 1 run that is neither in runs/ nor in the history; they are kept"]
    assert len(history(store).lines) == 3


def test_a_baseline_stands_for_itself(store: str) -> None:
    """What is said of its run later is not in the sealed copy."""
    from evalprov.store.baselines import Wanted, keep

    run = runs(store)[0]
    keep(store, load(store, run), Wanted("main", "why", "Ada", force=True))
    sealed = Path(store, "baselines/main.json").read_bytes()
    say(store, run, tags=("good",))
    assert load_noted(store, "baseline:main")["tags"] == []
    assert Path(store, "baselines/main.json").read_bytes() == sealed
