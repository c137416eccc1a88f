"""The programs that `evalprov compare` holds against each other: found in the history, each with its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from evalprov.cli.sides import side
from evalprov.errors import EvalprovError
from evalprov.explain.several import facts_of
from evalprov.judge.metric_diff import Side
from evalprov.named import NamedTuple
from evalprov.record.form import BULKY
from evalprov.record.result import has_result
from evalprov.store import ids, read
from evalprov.store.decode import with_empty
from evalprov.store.lines import Search, whole_line
from evalprov.store.query import Query

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evalprov.explain.several import Facts
    from evalprov.record.manifest import Manifest
    from evalprov.store.where import Condition

    Line = Mapping[str, Any]

_BULKY = tuple(map(".".join, BULKY))


class RunKept(NamedTuple):
    """What is kept of a run's line while others are read."""

    run_id: str
    done: bool  # it has a result
    seconds: float | None
    usd: float | None
    tokens: float | None
    summary: Mapping[str, Any]
    about: Line  # its id and its hashes, as far as runs of one program are found by them
    whole: Manifest | None = None  # its record, where it was named and read already


class ProgramRow(NamedTuple):
    """One program, or one point of a sweep, with its runs, oldest first."""

    name: str
    runs: list[RunKept]
    swept: Mapping[str, str]
    facts: Facts  # of its first run
    unknown: tuple[str, ...]  # layers of that of which nobody knows all
    point: int | None  # null where not all rows are points of one sweep
    sweep: str | None = None

    @property
    def done(self) -> list[RunKept]:
        """The runs that have a result."""
        return [run for run in self.runs if run.done]

    def load(self, folder: str) -> Side:
        """Return the records of the runs that have a result."""
        return Side(tuple(run.whole or read.load(folder, run.run_id) for run in self.done))


class _RowsFound:
    """Rows as their runs are found; equal facts are one object."""

    def __init__(self, allow_failed: bool | None) -> None:  # noqa: FBT001 - a setting with three values
        self._allow_failed = allow_failed
        self._rows: dict[tuple[object, ...], ProgramRow] = {}
        self._texts: dict[object, Any] = {}

    def add(self, line: Line, whole: Manifest | None = None) -> None:
        """Take in a run."""
        identity, sweep, repeat = line["identity"], line["sweep"], line["repeat"]
        fingerprint, run_id = identity["fingerprint"], line["run_id"]
        swept = dict(sweep["values"]) if sweep else {}
        alone = ("sweep", sweep["id"]) if sweep else ("repeat", repeat["id"]) if repeat else ("run", run_id)
        key = (fingerprint or alone, tuple(sorted(swept.items())), line["scenario"])
        calls = line["calls"]
        tokens = calls["tokens"]
        infra = identity["layers"].get("infra")
        kept = RunKept(
            run_id,
            has_result(line, allow_failed=self._allow_failed),
            line["duration_seconds"],
            calls["cost"]["usd"] if calls["cost"] else None,
            tokens["input"] + tokens["output"] if tokens else None,
            line["metric_summary"] or {},
            {"run_id": run_id, "identity": {"fingerprint": fingerprint, "layers": {"infra": infra}}},
            whole,
        )
        row = self._rows.get(key)
        if row is None:
            facts = {self._one(name): self._one(text) for name, text in facts_of(cast("Manifest", line)).items()}
            named = (sweep["point"], sweep["id"]) if sweep else (None, None)
            row = ProgramRow(run_id, [], swept, facts, tuple(identity["unknown"]), *named)
            self._rows[key] = row
        if all(run.run_id != run_id for run in row.runs):
            row.runs.append(kept)

    def _one(self, value: Any) -> Any:
        return self._texts.setdefault(value, value)

    def rows(self) -> list[ProgramRow]:
        """Return them in the order in which they were found, each called by its first run."""
        one_sweep = len({row.sweep for row in self._rows.values()}) == 1
        every = [row.point for row in self._rows.values()]
        as_points = one_sweep and len({*every}) == len(every)
        found = []
        for row in self._rows.values():
            runs = sorted(row.runs, key=lambda run: ids.order(run.run_id))
            found.append(row._replace(runs=runs, name=runs[0].run_id, point=row.point if as_points else None))
        return found


def named_rows(folder: str, specs: Sequence[str], *, allow_failed: bool | None) -> list[ProgramRow]:
    """Return the programs of the runs that are named, in that order; of a trial those of all trials of its repeat."""
    found = _RowsFound(allow_failed)
    for spec in specs:
        for manifest in side(folder, spec, trials=True).runs:
            found.add(manifest, manifest)
    return found.rows()


def selected_rows(
    folder: str, conditions: Sequence[Condition], since: str | None, notes: list[str], *, allow_failed: bool | None
) -> list[ProgramRow]:
    """Return the programs of the runs that are asked for, oldest first, or by their points."""
    found = _RowsFound(allow_failed)
    with Search(folder, Query(conditions, since=since)) as search:
        for run in search.runs():
            try:
                found.add(with_empty(whole_line(folder, run.read(), notes), _BULKY))
            except (KeyError, TypeError, AttributeError, EvalprovError) as problem:
                notes.append(f"run {run.run_id} cannot be compared: {problem}")
        notes += search.notes()
    return sorted(found.rows(), key=lambda row: (row.point or 0, ids.order(row.name)))
