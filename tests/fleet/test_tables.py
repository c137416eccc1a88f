"""The history as tables for SQL, and the files of the cache that stand for what has been read once."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import duckdb
import pytest

from evalprov.fleet import parquet, tables
from evalprov.fleet.tables import Tables
from evalprov.record.form import blank, history_line
from evalprov.store import Store, ids, notes
from evalprov.store.lines import history
from evalprov.store.repair import repair

NOON = 1789905600.0


def recorded(store: str, number: int, **facts: Any) -> str:
    """Record a run of a minute; return its id."""
    place = Store.open(store)
    m = place.reserve(NOON + number * 60, blank)
    m.update(facts)  # type: ignore[typeddict-item]
    m["status"] = "completed"
    assert place.finish(m) == []
    return m["run_id"]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where a store is to be; the cache is a folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return str(tmp_path / "metrics")


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every few lines become a file of the cache."""
    monkeypatch.setattr(tables, "KEPT_FROM", 1)
    monkeypatch.setattr(tables, "PART", 20_000)


def ask(store: str, sql: str, told: list[str] | None = None) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with Tables(duckdb, store, scenarios="scenarios" in sql) as found:
        if told is not None:
            told += found.notes
        return found.connection.execute(sql).fetchall()


def cached(tmp: str) -> list[str]:
    """Return the names of the cache's Parquet files."""
    return sorted(file.name for file in Path(tmp).parent.glob("cache/evalprov/query/*/*.parquet*"))


def test_a_run_has_the_values_of_its_line(store: str) -> None:
    """Typed as the record is: numbers, times, lists, maps, sections; true counts as 1, and null is null."""
    run = recorded(
        store,
        0,
        metric_summary={"accuracy": 0.5, "passed": True, "n": 3, "none": None},
        model_config={"model": "m", "stop": ["a", "b"]},
        tags=["x"],
        repeat={"id": "r", "trial": 2, "of": 3, "seed": 1},
    )
    sql = """SELECT run_id, epoch(timestamp), metric_summary, model_config['stop']->>'$[1]', tags, repeat.trial, note
             FROM runs"""
    assert ask(store, sql) == [
        (run, NOON, {"accuracy": 0.5, "passed": 1.0, "n": 3.0, "none": None}, "b", ["x"], 2, None)
    ]
    assert ask(store, "SELECT metric, value FROM metrics ORDER BY metric") == [
        ("accuracy", 0.5),
        ("n", 3.0),
        ("none", None),
        ("passed", 1.0),
    ]


@pytest.mark.usefixtures("small_parts")
def test_what_was_read_once_is_not_read_again(store: str) -> None:
    """Later lines go into files of their own; the answer is that of the history, whatever was cached."""
    for number in range(8):
        recorded(store, number, metric_summary={"accuracy": number / 10})
    every = [line["run_id"] for line in history(store).lines]
    assert ask(store, "SELECT run_id FROM runs ORDER BY run_id DESC") == [(one,) for one in every]
    before = cached(store)
    assert len(before) > 1
    new = recorded(store, 8)
    assert ask(store, "SELECT count(*), max(run_id) FROM runs") == [(9, new)]
    assert {*before} < {*cached(store)}
    assert ask(store, "SELECT count(*), max(run_id) FROM runs") == [(9, new)]


@pytest.mark.usefixtures("small_parts")
def test_a_history_that_was_written_anew_is_read_anew(store: str) -> None:
    """Where runs were removed, or lines altered in place, nothing old is told."""
    for number in range(4):
        recorded(store, number)
    assert ask(store, "SELECT count(*) FROM runs") == [(4,)]
    os.unlink(f"{store}/runs/{history(store).lines[0]['run_id']}.json")
    lines = Path(store, "eval_history.jsonl").read_bytes().splitlines(keepends=True)
    Path(store, "other").write_bytes(b"".join(lines[:2]))
    os.rename(f"{store}/other", f"{store}/eval_history.jsonl")
    assert ask(store, "SELECT count(*) FROM runs") == [(2,)]
    repair(store, rebuild=True)
    assert ask(store, "SELECT count(*) FROM runs") == [(3,)]


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("harm", ["index", "part", "all"])
def test_a_cache_that_somebody_harmed_is_made_anew(store: str, harm: str) -> None:
    """An index that is torn, or a file that is gone, costs time and nothing else."""
    for number in range(3):
        recorded(store, number)
    assert ask(store, "SELECT count(*) FROM runs") == [(3,)]
    (folder,) = Path(store).parent.glob("cache/evalprov/query/*")
    for file in folder.iterdir():
        if harm == "all" or (harm == "index") == (file.name == tables.INDEX):
            file.write_bytes(b"{") if harm == "index" else file.unlink()
    assert ask(store, "SELECT count(*) FROM runs") == [(3,)]


@pytest.mark.parametrize("parts", [False, True])
def test_the_last_line_of_a_run_counts_and_what_cannot_be_read_is_left_out(
    store: str, parts: bool, request: pytest.FixtureRequest
) -> None:
    """As in `evalprov history`, in whatever file of the cache the lines came to stand."""
    if parts:
        request.getfixturevalue("small_parts")
    runs = [recorded(store, number) for number in range(3)]
    again = blank(runs[0], ids.timestamp(runs[0])) | {"status": "failed", "note": "again"}
    told: list[str] = []
    ask(store, "SELECT 1")
    with open(f"{store}/eval_history.jsonl", "ab") as file:
        file.write(history_line(again) + b'not json\n{"schema": 99}\n\n' + b'{"torn')  # type: ignore[arg-type]
    found = ask(store, "SELECT run_id, status, note FROM runs ORDER BY run_id", told)
    assert found == [(runs[0], "failed", "again"), (runs[1], "completed", None), (runs[2], "completed", None)]
    assert told == ["3 lines of the history malformed, or of a newer evalprov, and left out"]
    assert [line["status"] for line in history(store).lines] == ["completed", "completed", "failed"]


def test_a_run_that_is_going_on_and_what_was_said_later_are_there(store: str) -> None:
    """Neither is in the history file."""
    run = recorded(store, 0, note="own", tags=["a"])
    begun = Store.open(store).reserve(NOON + 600, blank)["run_id"]
    files = dict([notes.written(run, notes.NewAnnotation("Ada", "later", ("b",), ("a",)), NOON)])
    notes.write(Store.open(store).enter, files)
    assert ask(store, "SELECT run_id, status, tags, note FROM runs ORDER BY run_id") == [
        (run, "completed", ["b"], "own\n2026-09-20 (Ada): later"),
        (begun, "running", [], None),
    ]
    assert ask(store, 'SELECT run_id, "by", note, tags, untags FROM annotations') == [
        (run, "Ada", "later", ["b"], ["a"])
    ]


@pytest.mark.parametrize("parts", [False, True])
def test_scenarios_are_read_from_the_records(store: str, parts: bool, request: pytest.FixtureRequest) -> None:
    """A row a value; a record that is gone is told of, now and the next time."""
    if parts:
        request.getfixturevalue("small_parts")
    runs = [recorded(store, n, metrics={"s1": {"accuracy": n}, "s2": {"accuracy": True}}) for n in range(3)]
    os.unlink(f"{store}/runs/{runs[1]}.json")
    rows = [(runs[0], "s1", 0.0), (runs[0], "s2", 1.0), (runs[2], "s1", 2.0), (runs[2], "s2", 1.0)]
    for _ in range(2):
        told: list[str] = []
        assert ask(store, "SELECT run_id, scenario, value FROM scenarios ORDER BY ALL", told) == rows
        assert told == ["1 record cannot be read: their scenarios are not there"]


def test_old_lines_are_read_as_the_present_version(store: str) -> None:
    """A line of each older version is a row, with what it knew."""
    recorded(store, 0)
    fixtures = Path(__file__).parents[2] / "fixtures/manifests"
    old = [json.loads((fixtures / f"schema-{n}.json").read_text()) for n in (1, 2)]
    with open(f"{store}/eval_history.jsonl", "ab") as file:
        file.writelines(json.dumps({**record, "counts": {}}).encode() + b"\n" for record in old)
    known = {line["run_id"] for line in history(store).lines}
    assert {row[0] for row in ask(store, "SELECT run_id FROM runs WHERE schema = 3")} == known


def test_two_queries_at_once_answer_alike(store: str) -> None:
    """The second finds the cache in use, and does without it."""
    recorded(store, 0)
    with Tables(duckdb, store, scenarios=False) as first:
        assert ask(store, "SELECT count(*) FROM runs") == [(1,)]
        assert first.connection.execute("SELECT count(*) FROM runs").fetchall() == [(1,)]


def test_every_column_has_a_type_of_its_own() -> None:
    """Only what the record leaves free in form is JSON."""
    free = [name for name, kind in parquet.columns().items() if kind == "JSON"]
    assert free == ["decision_spec"]
    assert {"metrics", "scenario_groups", "counts"}.isdisjoint(parquet.columns())


def test_a_query_reads_nothing_else_and_writes_nothing(store: str, tmp_path: Path) -> None:
    """No other file, no network, no extension, no setting, whatever the SQL is."""
    recorded(store, 0)
    secret = tmp_path / "secret.txt"
    secret.write_text("correct horse")
    with Tables(duckdb, store, scenarios=False) as found:
        inside = found.connection.execute("SELECT * FROM duckdb_settings() WHERE name = 'allowed_paths'").fetchall()
        for sql in (
            f"SELECT * FROM read_text('{secret}')",
            f"SELECT * FROM '{secret}'",
            "SELECT * FROM glob('/*')",
            "SELECT * FROM read_parquet('http://127.0.0.1:9/x')",
            f"COPY (SELECT 1) TO '{tmp_path}/out'",
            f"COPY (SELECT 1) TO '{store}/eval_history.jsonl'",
            f"EXPLAIN ANALYZE COPY (SELECT 1) TO '{tmp_path}/out'",
            f"ATTACH '{tmp_path}/x.db'",
            "INSTALL httpfs",
            "SET memory_limit = '90GB'",
            "SET enable_external_access = true",
            "SELECT * FROM store",
        ):
            with pytest.raises(duckdb.Error):
                found.connection.execute(sql)
    assert inside
    assert sorted(os.listdir(tmp_path)) == ["cache", "metrics", "secret.txt"]
