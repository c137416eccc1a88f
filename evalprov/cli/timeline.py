"""What `evalprov report --history` draws, read from the history, newest first, as far as is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalprov.cli.columns import key_path
from evalprov.errors import EvalprovError
from evalprov.judge.direction import rule_of, way_of
from evalprov.judge.shifts import RECENT
from evalprov.named import NamedTuple
from evalprov.record.form import RECIPE
from evalprov.report.timeline import GROUPS, BaselineLine, Timeline, TimelineRun
from evalprov.store import baselines, ids
from evalprov.store.lines import HistoryRun, Search
from evalprov.store.query import Query
from evalprov.store.where import METRICS, path, value_at
from evalprov.views.columns import exactly

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from evalprov.cli.selection import Asked
    from evalprov.judge.rules import Rules
    from evalprov.store.where import Path

CHARTS = 6
MARKS = 12_000  # of all drawings together, where nobody named the metrics
LOOKED_AT = 50  # of the newest runs, for one that has metrics
_SECTIONS = ("identity.layers", "identity.recipe", "prompt_versions", "identity.program")
_NONE = "(none)"
_SHORT = 12  # digits of a hash


class Drawn(NamedTuple):
    """What of the runs is to be drawn."""

    metrics: Sequence[str]  # none named: those of the newest run
    by: str | None
    limit: int | None


def timeline(store: str, asked: Asked, rules: Rules, drawn: Drawn) -> Timeline:
    """Return the runs that are asked for, with their metrics."""
    metrics, by, limit = drawn
    most = min(limit or RECENT, RECENT)
    named = list(dict.fromkeys(metrics)) or _usual(store, asked, rules)
    paths = [_metric_path(name, given=bool(metrics)) for name in named]
    brought = [*map(path, _SECTIONS), *([key_path(by)] if by else []), *paths]
    with Search(store, Query(asked.conditions, brought, since=asked.since)) as search:
        found = [run for run, _ in zip(search.runs(), range(most + 1), strict=False)]
    older = len(found) > most and not (limit and limit <= RECENT)
    found = found[:most][::-1]
    if not found:
        raise _no_runs(asked)
    charts = len(paths) if metrics else max(1, min(CHARTS, MARKS // len(found)))
    parted, groups = _groups(found, by)
    skip = len(brought) - len(paths)
    runs, without = [], 0
    for run, group in zip(found, groups, strict=True):
        values = tuple(map(_number, run.values[skip : skip + charts]))
        if any(value is not None for value in values):
            runs.append(TimelineRun(run.run_id, ids.timestamp(run.run_id), group, values, _layers(run)))
        else:
            without += 1
    if not runs:
        raise EvalprovError(f"no run has a number at {', '.join(named[:charts])}", "--metric names another")
    ways = tuple(way_of(name, rule_of(rules.metrics, name), []).direction for name in named[:charts])
    shown = tuple(named[:charts])
    lines = list(_baselines(store, paths[:charts]))
    return Timeline(shown, ways, parted, runs, older, without, lines, named[charts:], asked.words)


def _metric_path(name: str, *, given: bool) -> Path:
    """Return where a metric stands: what was named by a person may be any key, what a run has is one key."""
    return key_path(name) if given else path(f"{METRICS}[{_quoted(name)}]")


def _quoted(name: str) -> str:
    from json import dumps

    return dumps(name)


def _usual(store: str, asked: Asked, rules: Rules) -> list[str]:
    """Return the metrics of the newest run that has some: those with a role that counts first."""
    query = Query(asked.conditions, [path(METRICS)], since=asked.since)
    looked_at = 0
    with Search(store, query) as search:
        for run in search.runs(LOOKED_AT):
            looked_at += 1
            summed = run.values[0]
            if isinstance(summed, dict) and (
                names := [name for name, one in summed.items() if _number(one) is not None]
            ):
                return sorted(names, key=lambda name: _rank(name, rules))
    if not looked_at:
        raise _no_runs(asked)
    hint = "--metric names one: evalprov report --history --metric accuracy"
    raise EvalprovError("none of the newest runs has metrics", hint)


def _no_runs(asked: Asked) -> EvalprovError:
    return EvalprovError(
        f"no run {asked.words}" if asked.words else "no runs yet", "evalprov history shows those there are"
    )


def _rank(name: str, rules: Rules) -> int:
    rule = rule_of(rules.metrics, name)
    return {"primary": 0, "guard": 1, None: 2, "info": 3}[rule.role if rule else None]


def _groups(runs: Sequence[HistoryRun], by: str | None) -> tuple[str, list[str]]:
    """Return what the runs are parted by, and each one's group: what is asked, else their prompts, else the program."""
    if by is not None:
        return by, [exactly(run.values[len(_SECTIONS)], _NONE) for run in runs]
    versions = [_versions(run.values[2]) for run in runs]
    if any(one != _NONE for one in versions):
        return "prompt version", versions
    prompts = [_short(_layers(run).get("prompts")) for run in runs]
    if 1 < len({*prompts}) <= GROUPS:
        return "prompts (by hash)", prompts
    return "program (by hash)", [_short(run.values[3]) for run in runs]


def _versions(said: Any) -> str:
    if not isinstance(said, dict) or not said:
        return _NONE
    return ", ".join(f"{name} {exactly(version, _NONE)}" for name, version in sorted(said.items()))


def _short(said: Any) -> str:
    return said.removeprefix("sha256:")[:_SHORT] if isinstance(said, str) else "not known"


def _layers(run: HistoryRun) -> dict[str, str | None]:
    layers, recipe = run.values[:2]
    if not isinstance(layers, dict):
        return {}
    return layers if recipe == RECIPE else dict.fromkeys(layers)


def _number(value: Any) -> float | None:
    """Return what can be drawn."""
    return float(value) if isinstance(value, int | float) and abs(value) < 1e300 else None


def _baselines(store: str, paths: Iterable[Path]) -> Iterator[BaselineLine]:
    held = list(paths)
    for one in baselines.find_all(store):
        if one.manifest is not None:
            record: Any = one.manifest
            values = tuple(_number(value_at(record, where)) for where in held)
            yield BaselineLine(one.name, one.manifest["run_id"], values)
