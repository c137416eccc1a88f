"""`evalprov query` on the real command line: what it prints, what it refuses, and how it says so."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Project

from evalprov.cli import main
from evalprov.record.form import blank
from evalprov.store import Store

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Ask:
    """Calls `query` in a project of two runs; returns its exit code, and what it said."""
    monkeypatch.chdir(project.path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    store = Store.open(str(project.path / "metrics"))
    for number, accuracy in enumerate((0.5, 0.75)):
        m = store.reserve(1789905600.0 + number, blank)
        m["status"], m["metric_summary"], m["note"] = "completed", {"accuracy": accuracy}, "a\tb\n\x1b[31m"
        assert store.finish(m) == []

    def call(*words: str) -> tuple[int, str, str]:
        code = main(["query", *words])
        return code, *capfd.readouterr()

    return call


def test_a_pipe_gets_lines_with_tabs_or_another_form(ask: Ask) -> None:
    """Nulls are told apart from texts; control characters cannot steer a terminal."""
    sql = "SELECT run_id, metric_summary['accuracy'] AS accuracy, signal, note, tags FROM runs ORDER BY run_id"
    assert ask(sql)[1].splitlines() == [
        "run_id\taccuracy\tsignal\tnote\ttags",
        "20260920T120000Z\t0.5\t-\ta\\tb\\n\\x1b[31m\t[]",
        "20260920T120001Z\t0.75\t-\ta\\tb\\n\\x1b[31m\t[]",
    ]
    (first, _) = map(json.loads, ask(sql, "--json")[1].splitlines())
    assert first == {
        "run_id": "20260920T120000Z",
        "accuracy": 0.5,
        "signal": None,
        "note": "a\tb\n\x1b[31m",
        "tags": [],
    }
    rows = list(csv.reader(io.StringIO(ask(sql, "--csv")[1])))
    assert rows[1][:3] == ["20260920T120000Z", "0.5", ""]
    assert ask("PIVOT metrics ON metric USING first(value) ORDER BY run_id", "--json")[0] == 0
    assert json.loads(ask("SELECT timestamp, 'nan'::DOUBLE AS n FROM runs LIMIT 1", "--json")[1]) == {
        "timestamp": "2026-09-20 12:00:00",
        "n": None,
    }


def test_without_sql_the_tables_are_told(ask: Ask) -> None:
    """Each with its columns and their types."""
    rows = [line.split("\t") for line in ask()[1].splitlines()]
    assert ["metrics", "value", "DOUBLE"] in rows
    assert {row[0] for row in rows[1:]} == {"runs", "metrics", "layers", "scenarios", "annotations"}


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT status,\n  foo FROM runs", ("foo", "line 2 of the SQL, at: foo FROM runs")),
        ("SELECT * FROM run", ("Table with name run does not exist", "line 1 of the SQL, at: run")),
        ("SELECT 'x", ("unterminated",)),
        ("SELECT status::BIGINT FROM runs", ("Could not convert string 'completed'",)),
        ("", ("query needs SQL",)),
        ("SELECT 1; SELECT 2", ("several",)),
        ("COPY (SELECT 1) TO 'x'", ("query only reads",)),
        ("COPY (PIVOT metrics ON metric USING first(value)) TO 'x'", ("query only reads",)),
        ("EXPLAIN ANALYZE COPY (SELECT 1) TO 'x'", ("query only reads",)),
        ("ATTACH 'x'", ("query only reads",)),
        ("SET threads = 1", ("query only reads",)),
        ("CREATE TABLE x AS SELECT 1", ("query only reads",)),
        ("DROP VIEW runs", ("query only reads",)),
        ("SELECT 1; DROP VIEW runs", ("query only reads",)),
        ("SELECT * FROM read_text('/etc/passwd')", ("disabled by configuration",)),
    ],
)
def test_what_cannot_be_asked_is_said_in_words(ask: Ask, project: Project, sql: str, said: tuple[str, ...]) -> None:
    """Exit 2, with the line of the SQL where there is one, and no traceback; nothing is written."""
    code, out, told = ask(sql)
    assert code == 2
    assert out.count("\n") <= 1
    assert all(words in told for words in said), told
    assert "Traceback" not in told
    assert os.listdir(project.path) == ["metrics"]


def test_without_duckdb_the_extra_is_named(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing else happens."""
    monkeypatch.setitem(sys.modules, "duckdb", None)
    code, out, told = ask("SELECT 1")
    assert (code, out) == (2, "")
    assert "'.[sql]'" in told


def test_a_person_sees_a_table_or_row_by_row(ask: Ask, project: Project) -> None:
    """As wide as the terminal, however many columns there are; and nothing of the engine's own."""
    seen = project.on_terminal("query", "SELECT run_id, metric_summary FROM runs ORDER BY run_id", columns=60)
    assert "20260920T120000Z" in seen
    assert '{"accuracy": 0.5}' in seen
    wide = project.on_terminal("query", "SELECT * FROM runs ORDER BY run_id", columns=80)
    assert "row 1" in wide
    assert max(map(len, wide.splitlines())) <= 80
    assert "nanobind" not in seen + wide


@pytest.mark.long
def test_ctrl_c_ends_a_query_that_takes_long(ask: Ask, project: Project) -> None:
    """Within seconds, with the code of an interrupted program."""
    sql = "SELECT count(*) FROM range(1000000000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3"
    child = subprocess.Popen(
        [sys.executable, "-m", "evalprov", "query", sql],
        stderr=subprocess.PIPE,
    )
    time.sleep(4)
    child.send_signal(signal.SIGINT)
    try:
        _, told = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 130, told
    assert b"Traceback" not in told
