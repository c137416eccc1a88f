"""The recorded runs for a Python program: a notebook, a dashboard, an exporter of one's own."""

from __future__ import annotations

import os
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from evalprov.settings import load as load_settings
from evalprov.store import read
from evalprov.store.lines import Search, left_out
from evalprov.store.parse_time import second
from evalprov.store.query import Query
from evalprov.store.where import condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from evalprov.store.lines import HistoryRun

# Key paths that every row has, null where nothing is known. What is added goes to the end; nothing is taken away.
ALWAYS = (
    *("run_id", "timestamp", "status", "exit_code", "scenario", "tags", "note", "parent_run_id"),
    *("repeat.id", "repeat.trial", "duration_seconds", "total_tool_calls", "golden_version"),
    *("git_sha", "git_dirty", "git.branch", "system.python_version", "system.platform"),
    *("identity.fingerprint", "identity.program", "identity.scenario", "identity.builder"),
    *(f"identity.layers.{name}" for name in ("prompts", "model", "agent", "config", "code", "data", "grader")),
    *("identity.layers.software", "identity.layers.infra", "imported.tool"),
)
# Tables of which a row has a key for each value there is.
TABLES = ("metric_summary", "model_config", "prompt_versions", "stages", "calls.tokens", "calls.cost", "calls.seconds")
_DEEPEST = 8


def history(
    where: str | Iterable[str] = (), since: str | datetime | None = None, store: str | None = None
) -> Iterator[dict[str, Any]]:
    """Return the recorded runs, newest first, each as a flat dict by key path: pandas.DataFrame(evalprov.history()).

    `where` are conditions and `since` is a time, both as for `evalprov history`: "accuracy>=0.7", "7d"; a datetime
    without a zone is local. Every row has the keys of ALWAYS, and one for each value of TABLES, as model_config.seed.
    All else of a run is in `evalprov.load(row["run_id"]).record`. What cannot be read is a warning.
    """
    conditions = [condition(one) for one in ([where] if isinstance(where, str) else where)]
    if isinstance(since, datetime):
        since = f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    query = Query(conditions, since=since and second(since))
    settings = load_settings(os.getcwd())
    folder = os.path.abspath(store) if store else os.path.normpath(os.path.join(settings.root, settings.store))
    return _rows(folder, query)


def _rows(folder: str, query: Query) -> Iterator[dict[str, Any]]:
    with Search(folder, query) as search:
        for run in search.runs():
            yield _row(_whole(folder, run))
        unknown = (
            f"{path.text} is not known of {count} runs: their history lines had no room for it"
            for path, count in query.too_large().items()
        )
        for note in (*search.notes(), *unknown):
            warnings.warn(note, stacklevel=3)


def _whole(folder: str, run: HistoryRun) -> dict[str, Any]:
    """Return a run's line; its manifest where the line had no room for what is wanted."""
    line = run.read()
    wanted = {path.split(".")[0] for path in (*ALWAYS, *TABLES)}
    if wanted.isdisjoint(key.split(".")[0] for key in left_out(line)):
        return line
    return dict(read.load_noted(folder, run.run_id))


def _row(record: dict[str, Any]) -> dict[str, Any]:
    row = {path: _at(record, path.split(".")) for path in ALWAYS}
    for path in TABLES:
        row.update(_leaves(_at(record, path.split(".")), path, 0))
    return row


def _at(value: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and depth < _DEEPEST:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}", depth + 1)
    elif value is not None and not isinstance(value, dict):
        yield path, value
