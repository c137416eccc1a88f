"""Reading the history: newest first, however it was written, at a cost that does not grow with it."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_runs import NOON, add_to_history, begun, dead_run, ended, in_child, record

from evalprov.errors import EvalprovError
from evalprov.record.form import blank, history_line
from evalprov.record.manifest import Manifest
from evalprov.store import Store, ids
from evalprov.store.folder import LARGEST
from evalprov.store.query import Query
from evalprov.store.read import history, iterate
from evalprov.store.scan import BLOCK, Scan


@pytest.fixture
def store(tmp_path: Path) -> str:
    """An open store without runs."""
    return Store.open(str(tmp_path / "metrics")).path


def line(at: float, took: float | None = 1.0, number: int = 1, **changes: object) -> bytes:
    """Return the history line of a run."""
    run_id = ids.stamp(at) if number == 1 else f"{ids.stamp(at)}_{number}"
    manifest: Manifest = {
        **blank(run_id, ids.timestamp(run_id)),
        "status": "completed",
        "duration_seconds": took,
    }
    return history_line({**manifest, **changes})  # type: ignore[typeddict-item]


def listed(store: str, limit: int | None = None) -> list[str]:
    """Return the ids in the order in which they are listed."""
    return [run["run_id"] for run in history(store, limit).lines]


def test_runs_are_listed_newest_first(store: str) -> None:
    """The last started run comes first, and a limit cuts the older ones."""
    for at in range(5):
        record(store, NOON + at)
    assert listed(store) == [ids.stamp(NOON + at) for at in (4, 3, 2, 1, 0)]
    assert listed(store, 2) == [ids.stamp(NOON + at) for at in (4, 3)]
    assert history(store).notes == []


def test_an_empty_store_has_an_empty_history(store: str) -> None:
    """Before the first run there is nothing, and nothing odd."""
    assert history(store) == ([], [])


def test_a_long_run_is_listed_by_its_start(store: str) -> None:
    """A run that ended last but started first stands where it started, whatever the limit."""
    add_to_history(store, line(NOON + 10, 5) + line(NOON + 20, 5) + line(NOON, 3600))
    assert listed(store) == listed(store, 3) == [ids.stamp(NOON + at) for at in (20, 10, 0)]
    assert listed(store, 1) == [ids.stamp(NOON + 20)]


@given(
    st.lists(st.tuples(st.integers(0, 40), st.one_of(st.none(), st.floats(0, 30))), max_size=25),
    st.integers(1, 30),
)
def test_a_limit_never_changes_the_order(runs: list[tuple[int, float | None]], limit: int) -> None:
    """With lines in the order in which runs ended, the first N are the N that started last."""
    written = []
    for number, (start, took) in enumerate(runs, 2):
        written.append((start + (took or 0), line(NOON + start, took, number)))
    with tempfile.TemporaryDirectory() as folder:
        data = b"".join(text for _, text in sorted(written, key=lambda pair: pair[0]))
        Path(folder, "eval_history.jsonl").write_bytes(data)
        whole = listed(folder)
        assert whole == sorted(whole, key=ids.order, reverse=True)
        assert len(whole) == len(runs)
        assert listed(folder, limit) == whole[:limit]


def test_runs_that_are_going_on_are_listed(store: str) -> None:
    """Running runs and runs that died stand among the finished ones, in their place, and in the same form."""
    record(store, NOON)
    died = dead_run(store, NOON + 1)
    record(store, NOON + 2)
    going = begun(store, NOON + 3)
    found = history(store)
    assert [run["status"] for run in found.lines] == ["running", "completed", "lost", "completed"]
    assert [found.lines[0]["run_id"], found.lines[2]["run_id"]] == [going["run_id"], died]
    assert {tuple(run) for run in found.lines} == {tuple(found.lines[1])}
    assert found.notes == []


def test_a_run_between_its_record_and_its_line_is_listed_once(store: str) -> None:
    """A finished record that is not in the history yet is listed; once it is, it is listed once."""
    manifest = record(store, status="failed")
    os.unlink(f"{store}/eval_history.jsonl")
    Path(store, "active", manifest["run_id"]).touch()
    assert [run["status"] for run in history(store).lines] == ["failed"]
    add_to_history(store, history_line(manifest))
    assert [run["status"] for run in history(store).lines] == ["failed"]


def test_malformed_lines_are_left_out_and_said(store: str) -> None:
    """Readers skip what is malformed, say how much of it there is, and list the rest."""
    record(store)
    for junk in (b"nonsense", b"[]", b"{}", b"\0" * 5000, b"\xff\xfe", b'{"schema": 1, "run_id": "../x"}'):
        add_to_history(store, junk + b"\n")
    add_to_history(store, line(NOON + 5, status="splendid") + line(NOON + 6, schema=99) + b"\n\n")
    record(store, NOON + 9)
    found = history(store)
    assert [run["run_id"] for run in found.lines] == [ids.stamp(NOON + 9), ids.stamp(NOON)]
    assert len(found.notes) == 2
    assert found.notes[0].startswith("7 lines of the history malformed")
    assert "newer evalprov" in found.notes[1]


def test_a_torn_last_line_is_said_to_be_torn(store: str) -> None:
    """A last line without its end is left out with a word on it; one that only lacks the newline counts."""
    add_to_history(store, line(NOON) + line(NOON + 1)[:-1])
    assert len(listed(store)) == 2
    assert history(store).notes == []
    add_to_history(store, b"\n" + line(NOON + 2)[:-9])
    found = history(store)
    assert len(found.lines) == 2
    assert "last line of the history is not whole" in found.notes[0]


def test_the_later_of_two_lines_of_a_run_counts(store: str) -> None:
    """A run is listed once, by what was said of it last."""
    add_to_history(store, line(NOON, status="lost") + line(NOON))
    assert [run["status"] for run in history(store).lines] == ["completed"]


def test_an_unreadable_record_of_a_run_going_on_is_said(store: str) -> None:
    """A marked run whose record cannot be read is left out with a word on it and hides no others."""
    record(store)
    torn = begun(store, NOON + 1)
    Path(store, "runs", f"{torn['run_id']}.json").write_bytes(b"{")
    Path(store, "active", "20260101T000000Z").touch()
    Path(store, "active", "what is this").touch()
    found = history(store)
    assert len(found.lines) == 1
    (note,) = found.notes
    assert torn["run_id"] in note


def test_a_history_that_is_a_link_is_refused(store: str) -> None:
    """Nothing follows a link out of the store, in reading too."""
    os.symlink("/etc/hostname", f"{store}/eval_history.jsonl")
    with pytest.raises(EvalprovError, match="cannot read"):
        history(store)


def test_without_a_store_the_history_says_how_to_begin(tmp_path: Path) -> None:
    """No store is an error with a hint, and none is made."""
    with pytest.raises(EvalprovError, match="no runs here yet") as refused:
        history(str(tmp_path / "metrics"))
    assert "evalprov run --" in refused.value.hint
    assert os.listdir(tmp_path) == []


def test_only_the_tail_is_read(store: str) -> None:
    """The last runs are found without reading the rest of a long history."""
    filler = line(NOON)
    with open(f"{store}/eval_history.jsonl", "wb") as file:
        file.write(filler * 200)
        os.truncate(file.fileno(), 3 << 30)  # a hole: 3 GiB that cost nothing unless they are read
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + b"".join(line(NOON + at) for at in range(1000, 1300)))

    def work() -> int:
        read = os.pread
        count = 0

        def counted(fd: int, size: int, at: int) -> bytes:
            nonlocal count
            count += size
            return read(fd, size, at)

        os.pread = counted
        assert len(listed(store, 20)) == 20
        return 0 if count <= 12 * BLOCK else 1

    assert ended(in_child(work)) == 0


def scanned(file: Path, size: int = BLOCK) -> tuple[list[str], int, bool]:
    """Return the runs found in a history that is read in pieces of a size, last first, and what was odd."""
    with open(file, "rb") as opened:
        pieces = list(Scan(opened.fileno(), Query(), crew=1, piece=size).pieces())
    found = [hit.run_id for piece in pieces for hit in reversed(piece.hits)]
    return found, sum(piece.malformed for piece in pieces), any(piece.torn for piece in pieces)


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    """A line longer than any record is passed over and counted, its neighbours are read."""
    for more in (b"\n" + line(NOON + 1), b""):
        with open(tmp_path / "file", "wb") as file:
            file.write(line(NOON))
            os.truncate(file.fileno(), LARGEST + (1 << 20))
            file.seek(0, os.SEEK_END)
            file.write(more)
        after = [ids.stamp(NOON + 1)] if more else []
        assert scanned(tmp_path / "file") == ([*after, ids.stamp(NOON)], 1, False)


@pytest.mark.parametrize("size", [1, 100, 2000, 2500, BLOCK])
def test_lines_are_found_wherever_the_pieces_meet(tmp_path: Path, size: int) -> None:
    """Read in pieces of any size, a history has the lines it has, with empty ones among them."""
    chance = random.Random(size)
    count = 6 if size == 1 else 60  # each byte by itself is slow
    texts = [line(NOON + at, note="x" * chance.randrange(3000)) + b"\n" * chance.randrange(3) for at in range(count)]
    (tmp_path / "file").write_bytes(b"".join(texts).rstrip(b"\n"))
    found = [ids.stamp(NOON + at) for at in reversed(range(count))]
    assert scanned(tmp_path / "file", size) == (found, 0, False)
    (tmp_path / "file").write_bytes(b"\n" + b"".join(texts) + b"\n\n")
    assert scanned(tmp_path / "file", size) == (found, 0, False)


def test_iterate_streams_every_run_and_says_what_was_odd(store: str) -> None:
    """All runs can be streamed, and whoever stops early is told what was odd so far."""
    for at in range(4):
        record(store, NOON + at)
    add_to_history(store, b"junk\n")
    notes: list[str] = []
    runs = iterate(store, notes)
    assert next(runs)["run_id"] == ids.stamp(NOON + 3)
    runs.close()
    assert len(notes) == 1
    assert len(list(iterate(store, []))) == 4
