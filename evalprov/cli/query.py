"""`evalprov query`: the history asked in SQL."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Self

from evalprov import render
from evalprov.cli.common import STORE, open_store
from evalprov.cli.options import Argument, Option, Subcommand
from evalprov.errors import EvalprovError, UsageError
from evalprov.fleet.tables import Tables, engine
from evalprov.views import query as view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

TABLES = ("runs", "metrics", "layers", "scenarios", "annotations")
_EXAMPLE = 'evalprov query "SELECT run_id, status FROM runs LIMIT 5"'
_FIRST = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*\(*\s*(\w+)", re.DOTALL)
_READING = {"select", "with", "from", "values", "pivot", "unpivot", "describe", "desc", "show", "summarize", "table"}
_AT_ONCE = 1000  # rows
_PLACE = re.compile(r"\n\s*LINE (\d+): (.*)\n( *)\^")


def query(*, sql: str | None, as_json: bool, as_csv: bool, store: str | None) -> int:
    """Ask the history in SQL, with DuckDB; nothing can be changed by it.

    Tables: `runs` has a row a run, with the keys of the history: status, identity.program, model_config['temperature'],
    metric_summary['accuracy']; tags and notes with those that were added later. `metrics` has run_id, metric, value;
    `layers` has run_id, layer, hash; `scenarios` has run_id, scenario, metric, value, and is read from the records when
    it is asked for; `annotations` has what was added later, one by one. True is 1. Without SQL: all columns.

    The first query of a long history takes seconds; what it read is kept in your cache folder for the next ones. In a
    pipe the columns are separated by tabs.

    Examples: evalprov query "SELECT run_id, metric_summary['accuracy'] AS acc FROM runs ORDER BY acc DESC LIMIT 5";
    evalprov query "SELECT metric, avg(value) FROM metrics GROUP BY metric" --csv;
    evalprov query "PIVOT metrics ON metric USING first(value)" --json
    """
    if as_json and as_csv:
        raise UsageError("--json and --csv cannot be used together")
    duckdb = engine()
    asked = _columns() if sql is None else sql
    _must_read_only(duckdb, asked)
    folder = open_store(store)
    scenarios = re.search(r"\bscenarios\b", sql or "", re.IGNORECASE) is not None  # each record is read for these
    progress = render.progress("reading the history", lambda done, of: f"{done * 100 // of} %")
    with Tables(duckdb, folder, scenarios=scenarios, progress=progress) as tables:
        for words in tables.notes:
            render.note(words)
        try:
            with _Interruptible(tables.connection) as run:
                done = run(lambda: tables.connection.execute(asked))
                names = [column[0] for column in done.description or ()]
                _print(names, _rows(run, done), as_json=as_json, as_csv=as_csv)
        except duckdb.Error as error:
            raise _in_words(error) from None
    return 0


def _columns() -> str:
    """Return the SQL that lists the tables' columns."""
    every = " UNION ALL ".join(f"SELECT '{name}' AS of_table, * FROM (DESCRIBE {name})" for name in TABLES)
    return f'SELECT of_table AS "table", column_name AS "column", column_type AS type FROM ({every})'


def _must_read_only(duckdb: ModuleType, sql: str) -> None:
    """Refuse what is no question; what it is run on has no way out of itself in any case."""
    try:
        found = [one.type.name for one in duckdb.extract_statements(sql)]
    except duckdb.Error as error:
        raise _in_words(error) from None
    if not found:
        raise UsageError("query needs SQL", _EXAMPLE)
    first = _FIRST.match(sql)
    reads = first is not None and first[1].lower() in _READING
    # A PIVOT is a statement of several, or stands as one that makes its columns and one that reads.
    if not reads or not {*found} <= {"SELECT", "MULTI", "CREATE"}:
        raise UsageError("query only reads: SELECT, WITH, FROM, PIVOT, DESCRIBE, SUMMARIZE", _EXAMPLE)
    if sum(name != "CREATE" for name in found) > 1:
        raise UsageError("query takes one statement, and these are several", _EXAMPLE)


class _Interruptible:
    """Has work done by a thread, for while the engine works no signal of ours is seen: Ctrl-C stops it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._pool = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def __call__(self, work: Callable[[], Any]) -> Any:
        """Return what the work comes to."""
        try:
            return self._pool.submit(work).result()
        except KeyboardInterrupt:
            self._connection.interrupt()
            raise


def _rows(run: _Interruptible, done: Any) -> Iterator[tuple[Any, ...]]:
    while rows := run(lambda: done.fetchmany(_AT_ONCE)):
        yield from rows


def _print(names: list[str], rows: Iterator[tuple[Any, ...]], *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        for row in rows:
            render.document({name: view.document(value) for name, value in zip(names, row, strict=True)})
    elif as_csv:
        render.csv(chain([names], ([view.cell(value, "") for value in row] for row in rows)))
    elif width := render.width():
        render.page(view.page(names, list(islice(rows, view.ROWS + 1)), width))
    else:
        render.table(names, ([view.cell(value, "-") for value in row] for row in rows))


def _in_words(error: Exception) -> EvalprovError:
    """Return DuckDB's own words, with the place in the SQL that they are about."""
    said = str(error)
    place = _PLACE.search(said)
    what = " ".join((said[: place.start()] if place else said).split())
    if place is None:
        return EvalprovError(what, f"tables: {', '.join(TABLES)}; evalprov query lists their columns")
    at = max(0, len(place[3]) - len(f"LINE {place[1]}: "))
    return EvalprovError(what, f"line {place[1]} of the SQL, at: {place[2][at : at + 60]}")


COMMAND = Subcommand(
    query,
    (
        Option("--json", None, "Print one JSON object a row.", into="as_json"),
        Option("--csv", None, "Print the rows as CSV.", into="as_csv"),
        STORE,
    ),
    (Argument("sql", "SQL", "What to ask; without it, the tables and their columns."),),
)
