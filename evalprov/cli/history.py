"""`evalprov history`: what ran, and what it scored."""

from __future__ import annotations

import heapq
from collections import Counter
from functools import cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from evalprov import render
from evalprov.cli import remarks, selection
from evalprov.cli.columns import COLUMNS, chosen, column, key_path
from evalprov.cli.common import STORE, open_store
from evalprov.cli.options import Option, Subcommand
from evalprov.errors import UsageError
from evalprov.named import NamedTuple
from evalprov.numbers import counted
from evalprov.store import ids
from evalprov.store.lines import HistoryRun, Search, left_out
from evalprov.store.query import Query
from evalprov.store.where import Path, path, value_at, within
from evalprov.views.columns import exactly, fitted, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from evalprov.judge.shifts import ToldShift
    from evalprov.views.columns import TableColumn

SHOWN = 20  # on a terminal
COUNTED = 1000  # of those that are not shown
SPARED = ("took", "git", "scenario", "program", "command")  # what a narrow terminal does without, one after the other


def history(  # noqa: PLR0913 - one argument an option
    *,
    number: str | None,
    sort: str | None,
    columns: str | None,
    trend: str | None,
    by: str | None,
    as_json: bool,
    as_csv: bool,
    as_ids: bool,
    store: str | None,
    **picks: Any,
) -> int:
    """Show the last runs, newest first.

    A CONDITION is a key path, an operator and a value: 'accuracy>=0.7'.
    Operators: = != > >= < <=, and ~ for a regular expression found in it.
    Values: a number, true, false, null or a string; in double quotes anything
    is a string. A number never equals a string, and true is not 1. What is
    not there is null: x=null and x!=1 hold, x>1 does not.

    A KEY path is written as in the history: model_config.temperature. What
    begins with no key of the record is a metric: accuracy means
    metric_summary.accuracy. Where a key has dots itself the longest that is
    there is meant; quotes make it one key:
    config.files["eval.yaml"].values.temperature. A hash equals its beginning
    of 7 digits or more: identity.builder=3f2a91c0ffee.

    Columns with names: run, status, took, scenario, git, metrics, command,
    program. A terminal shows the command where there are several, and fewer
    columns if it is narrow. In a pipe they are separated by tabs; asked for a
    scenario or a program, the program's hash is the last one.

    Examples: evalprov history -n 5 | cut -f1,6;
    evalprov history --where 'accuracy>=0.7' --where 'git_dirty=false' --since 7d;
    evalprov history --sort -accuracy --columns run,accuracy,model_config.model;
    evalprov history --trend accuracy --by prompt_versions.plan
    """
    form = _form(as_json=as_json, as_csv=as_csv, as_ids=as_ids)
    _must_fit(form, sort, columns, trend, by)
    width = render.width()
    limit = selection.limit(number, None if trend or not width else SHOWN)
    asked = selection.asked(**picks)
    brought = [key_path(key) for key in (sort and sort.removeprefix("-"), trend, by) if key]
    scenario = picks["scenario"]
    names = None if scenario is None else path("scenario")
    query = Query(asked.conditions, brought, since=asked.since, names=names)
    named = chosen(columns) if columns else [column(name) for name in _usual(scenario, picks["program"])]
    shown = [one.shown for one in named]
    reading = _HistoryReading({one.path for one in named if one.path})
    folder = open_store(store)
    # A bar and a list that grows meanwhile would be in each other's way.
    held = sort or (form == "table" and width)
    progress = render.progress("reading the history", _progress) if held else None
    with Search(folder, query, progress) as search:
        if trend:
            _trend(reading.each(search.runs(limit)), form, HistoryTrend(trend, by, folder), width)
        else:
            every = _HistoryTally(search.runs())
            runs = _sorted(every, limit, descending=sort.startswith("-")) if sort else islice(every, limit)
            _print(reading, runs, form, shown, width, () if columns else SPARED)
            if limit and not number:
                _tell_rest(every, limit, form)
    for note in search.notes():
        render.note(note)
    if not reading.count and asked.words:
        others = "" if scenario is None else remarks.scenarios(scenario, query.names)
        render.note(f"none of {counted(search.looked_at)} {asked.words}{others}")
        for note in remarks.mistaken(asked.conditions, query.kinds):
            render.note(note)
    too_large = reading.left_out + query.too_large()
    for note in remarks.too_large(too_large):
        render.note(note)
    if search.looked_at:
        unseen = [one.path for one, kinds in zip(asked.conditions, query.kinds, strict=False) if not kinds]
        if reading.count:
            unseen += [one for one, kinds in zip(brought, query.value_kinds, strict=True) if not kinds]
            unseen += reading.missing if form in ("table", "csv") and not trend else ()
        for note in remarks.unknown(folder, (one for one in unseen if one not in too_large)):
            render.note(note)
    return 0


def _form(*, as_json: bool, as_csv: bool, as_ids: bool) -> str:
    forms = [name for name, wanted in (("json", as_json), ("csv", as_csv), ("ids", as_ids)) if wanted]
    if len(forms) > 1:
        raise UsageError(f"--{forms[0]} and --{forms[1]} cannot be used together")
    return forms[0] if forms else "table"


def _must_fit(form: str, sort: str | None, columns: str | None, trend: str | None, by: str | None) -> None:
    if columns and form in ("json", "ids"):
        raise UsageError(f"--columns cannot be used with --{form}", "leave one of them out, or use --csv")
    if by and not trend:
        raise UsageError("--by needs --trend", "for example: evalprov history --trend accuracy --by scenario")
    if trend and (sort or columns or form == "ids"):
        other = "--sort" if sort else "--columns" if columns else "--ids"
        raise UsageError(f"--trend cannot be used with {other}")
    bare = sort and sort.removeprefix("-")
    for name, given in (("--sort", bare), ("--columns", columns), ("--trend", trend), ("--by", by)):
        if given == "":
            raise UsageError(f"{name} is empty")


def _tell_rest(every: _HistoryTally, shown: int, form: str) -> None:
    """Say how many runs there are that were not shown; of very many no more than that."""
    some = sum(1 for _ in islice(every, COUNTED))
    if every.count > shown:
        over = "over " if some == COUNTED else ""
        words = f"and {over}{every.count - shown:,} more (-n 0 for all)"
        if form == "table":
            render.out(words)
        else:
            render.note(words)


def _usual(scenario: str | None, program: str | None) -> tuple[str, ...]:
    return COLUMNS if scenario is None and program is None else (*COLUMNS, "program")


def _progress(done: int, total: int) -> str:
    return f"{render.size(done)} of {render.size(total)}"


def _sorted(runs: Iterable[HistoryRun], limit: int | None, *, descending: bool) -> list[HistoryRun]:
    """Return the first runs by the value that was brought along; those that have none come last."""
    if limit is None:
        return sorted(runs, key=lambda run: _order(run, descending=descending), reverse=descending)
    pick = heapq.nlargest if descending else heapq.nsmallest
    return pick(limit, runs, key=lambda run: _order(run, descending=descending))


def _order(run: HistoryRun, *, descending: bool) -> tuple[Any, ...]:
    """Return a key that sorts numbers first, then strings, booleans, all else, and nothing last, whichever way."""
    value = run.values[0]
    if type(value) is float or type(value) is int:
        return (0, value)
    kind = {str: 1, bool: 2, list: 3, dict: 3}.get(type(value), 4)
    return (-kind if descending else kind, exactly(value, "") if kind > 2 else value)


class HistoryTrend(NamedTuple):
    """What is asked of a trend."""

    metric: str
    by: str | None
    store: str


class _HistoryTally:
    """Runs as they are found, and how many that were so far."""

    def __init__(self, runs: Iterator[HistoryRun]) -> None:
        self.count = 0
        self._runs = runs

    def __iter__(self) -> Iterator[HistoryRun]:
        return self

    def __next__(self) -> HistoryRun:
        run = next(self._runs)
        self.count += 1
        return run


class _HistoryReading:
    """Runs as they are read: how many, and which of the columns' paths none of them has."""

    def __init__(self, paths: set[Path]) -> None:
        self.count = 0
        self.missing = self.paths = paths
        self.left_out: Counter[Path] = Counter()  # of the columns' paths, in how many lines it was too large

    def each(self, runs: Iterable[HistoryRun]) -> Iterator[HistoryRun]:
        for run in runs:
            self.count += 1
            yield run

    def lines(self, runs: Iterable[HistoryRun]) -> Iterator[dict[str, Any]]:
        for run in self.each(runs):
            line = run.read()
            keys = left_out(line)
            self.left_out.update(path for path in self.paths if keys and within(path, keys))
            self.missing = {path for path in self.missing if value_at(line, path) is UNSET}
            yield line


def _trend(runs: Iterable[HistoryRun], form: str, trend: HistoryTrend, width: int | None) -> None:
    from evalprov.cli.shifts import found_shifts  # a list does without these
    from evalprov.judge.shifts import RECENT
    from evalprov.views import shifts, trends

    found = trends.Points(
        (run.run_id, ids.timestamp(run.run_id), run.values[1] if trend.by else None, run.values[0]) for run in runs
    )

    @cache
    def told() -> list[ToldShift]:
        return found_shifts(trend.store, found.recent, parted=trend.by is not None)

    if form == "json":
        points = iter(found)
        first = list(islice(points, RECENT))
        at = {one.run_id: shifts.document(one) for one in told()}
        for document in trends.documents(chain(first, points), at):
            render.document(document)
    elif form == "csv":
        render.csv([trends.COLUMNS])
        render.csv(trends.rows(found, ""))
    elif width:
        render.page(trends.page(found, trend.metric, trend.by, width, told))
    else:
        render.table(trends.COLUMNS, trends.rows(found, "-"))
    if form != "json" and not width:
        for words in shifts.remarks(told(), trend.metric, found.count):
            render.note(words)
    if found.without:
        render.note(f"{found.without} of {counted(found.without + found.count)} without a number there")


def _print(  # noqa: PLR0913, PLR0917 - what is asked for, and where it goes
    reading: _HistoryReading,
    runs: Iterable[HistoryRun],
    form: str,
    columns: Sequence[TableColumn],
    width: int | None,
    spare: Sequence[str],
) -> None:
    if form == "ids":
        for run in reading.each(runs):
            render.out(run.run_id)
    elif form == "json":
        for line in reading.lines(runs):
            render.document(line)
    elif form == "csv":
        render.csv([[column.name for column in columns]])
        render.csv([column.plain(line) for column in columns] for line in reading.lines(runs))
    elif width:
        table, left_out = fitted(columns, reading.lines(runs), width, spare=spare)
        render.page([table])
        if left_out and not spare:
            render.note(f"no room for {', '.join(left_out)}: a wider terminal, a pipe or --csv has all columns")
    else:
        render.page([lines_of(columns, reading.lines(runs))])


COMMAND = Subcommand(
    history,
    (
        Option("--number", "N", "How many runs to show; 0 for all. A terminal shows 20 otherwise.", short="-n"),
        *selection.OPTIONS,
        Option("--sort", "KEY", "Sort by this value, the lowest first; -KEY: the highest first."),
        Option("--columns", "KEYS", "Columns, by name or key path, with commas."),
        Option("--trend", "KEY", "How this metric went, over all runs or the last N, and where its level shifted."),
        Option("--by", "KEY", "With --trend: one line a value of this."),
        Option("--json", None, "Print the history lines, one JSON object a line.", into="as_json"),
        Option("--csv", None, "Print the table as CSV.", into="as_csv"),
        Option("--ids", None, "Print the ids alone, one a line.", into="as_ids"),
        STORE,
    ),
)
