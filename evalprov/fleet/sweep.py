"""A sweep: the grid of all values that are tried, each point an ordinary run with its values declared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from evalprov.capture.text import readable
from evalprov.errors import EvalprovError, UsageError
from evalprov.fleet.grid import points, size
from evalprov.named import NamedTuple
from evalprov.numbers import counted
from evalprov.record.result import has_result
from evalprov.run.trials import TRIAL, TrialRequest, of_trial
from evalprov.secrets import PLACEHOLDER, TellingScrubber, is_secret_variable
from evalprov.store.lines import Search
from evalprov.store.query import Query
from evalprov.store.where import equals, path

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from evalprov.fleet.grid import Tried
    from evalprov.record.manifest import Repeat, Sweep
    from evalprov.run.request import Request

POINT = "{point}"  # in a word, as {trial}: the point's number


class SweepPoint(NamedTuple):
    """One point of the grid."""

    number: int  # from 1
    values: Mapping[str, str]  # by name, of all that is given
    request: Request  # its places are filled, but for the trial's number
    environ: Mapping[str, str]  # what is set for its command


class SweepPlan(NamedTuple):
    """All points of a sweep."""

    points: list[SweepPoint]
    varied: list[str]  # the names that have several values
    unused: list[str]  # of these, what is declared and told to the command in no way


def planned(request: Request, grid: Sequence[Tried]) -> SweepPlan:
    """Fill a request's places with every combination of values."""
    of = size(grid)
    places = {one.name: f"{{{one.name}}}" for one in grid}
    words = [*request.argv, *request.config, *request.prompt, *request.data]
    for one in grid:
        if one.way == "word" and not any(places[one.name] in word for word in words):
            hint = f"write {places[one.name]} where it belongs: -- CMD --{one.name} {places[one.name]}"
            raise UsageError(f"no word of the command has a place for {one.name}", hint)
    varied = [one.name for one in grid if len(one.values) > 1]
    unused = [
        one.name
        for one in grid
        if one.way == "--set" and one.name in varied and not any(places[one.name] in word for word in request.argv)
    ]
    found = []
    for number, chosen in enumerate(points(grid), 1):
        texts = {one.name: value.text for one, value in zip(grid, chosen, strict=True)}
        declared = [
            f"{one.name}={value.written}" for one, value in zip(grid, chosen, strict=True) if one.way == "--set"
        ]
        environ = {one.name: texts[one.name] for one in grid if one.way == "--env"}
        filled = _filled(request, {**{places[name]: text for name, text in texts.items()}, POINT: str(number)})
        told = [_warning(name) for name in unused]
        filled = filled._replace(set=(*request.set, *declared), env=tuple(environ), warnings=tuple(told))
        found.append(SweepPoint(number, texts, filled, environ))
    assert len(found) == of
    return SweepPlan(found, varied, unused)


def _warning(name: str) -> str:
    return f"{name} was swept, and its value reached the command in no way that is known"


def _filled(request: Request, values: Mapping[str, str]) -> Request:
    """Put values in their places; what a value itself holds is no place."""
    pattern = re.compile("|".join(map(re.escape, values)))

    def fill(text: str) -> str:
        return pattern.sub(lambda found: values[found[0]], text)

    return request._replace(
        argv=tuple(map(fill, request.argv)),
        metrics_file=request.metrics_file and fill(request.metrics_file),
        config=tuple(map(fill, request.config)),
        prompt=tuple(map(fill, request.prompt)),
        data=tuple(map(fill, request.data)),
    )


def shown_values(
    point: SweepPoint, plan: SweepPlan, template: Sequence[str], environ: Mapping[str, str], secret: Sequence[str]
) -> dict[str, str]:
    """Return a point's values as they may be written down: what is a secret by its name or its place is hidden."""
    scrub = TellingScrubber({**environ, **point.environ}, secret)
    clean = scrub.argv(point.request.argv)
    found = {}
    for name in plan.varied:
        text, place = point.values[name], f"{{{name}}}"
        is_secret = name in point.environ and (is_secret_variable(name) or _is_named(name, secret))
        in_words = [shown for word, shown in zip(template, clean, strict=True) if place in word]
        if is_secret or any(text not in shown for shown in in_words):
            found[name] = PLACEHOLDER
        else:
            found[name] = readable(str(scrub.value(text, name.rpartition(".")[2])))
    return found


def _is_named(name: str, globs: Sequence[str]) -> bool:
    from fnmatch import fnmatchcase

    return any(fnmatchcase(name.lower(), one.lower()) for one in globs)


def trials_of_sweep(
    points: Sequence[tuple[SweepPoint, Mapping[str, str]]],
    sweep_id: str,
    times: int | None,
    but: Container[tuple[int, int]] = (),
) -> list[TrialRequest]:
    """Return every trial of every point, the first of each before the second of any: no point has an hour to itself."""
    found: list[TrialRequest] = []
    for trial in range(1, (times or 1) + 1):
        for point, values in points:
            if (point.number, trial) in but:
                continue
            sweep: Sweep = {"id": sweep_id, "point": point.number, "of": len(points), "values": dict(values)}
            request = point.request._replace(sweep=sweep)
            if times:
                one: Repeat = {"id": f"{sweep_id}-{point.number}", "trial": trial, "of": times, "seed": trial}
                request = of_trial(request, one)
            found.append(TrialRequest(len(found) + 1, request, dict(point.environ)))
    return found


# --- a sweep that was begun


class BegunRun(NamedTuple):
    """One run of a sweep that is in the store."""

    run_id: str
    point: int
    trial: int
    of: int
    values: Mapping[str, str]
    argv: Sequence[str]
    done: bool  # it has a result
    running: bool


def begun(store: str, sweep_id: str) -> Iterator[BegunRun]:
    """Give the runs of a sweep that are in the store, newest first."""
    with Search(store, Query([equals("sweep.id", sweep_id)])) as search:
        for one in search.runs():
            line = one.read()
            sweep, repeat = line["sweep"], line["repeat"]
            trial = repeat["trial"] if repeat else 1
            argv = line["command"].get("argv", [])
            yield BegunRun(
                one.run_id, sweep["point"], trial, sweep["of"], sweep["values"], argv, has_result(line),
                line["status"] == "running",
            )  # fmt: skip


def sweep_of(store: str, spec: str) -> str:
    """Return the id of the sweep that is meant: by its beginning, by any of its runs, or the latest."""
    found: dict[str, None] = {}
    with Search(store, Query([], [path("sweep.id")])) as search:
        for one in search.runs():
            (name,) = one.values
            if isinstance(name, str) and (spec == "latest" or name.startswith(spec) or one.run_id == spec):
                found[name] = None
                if spec in ("latest", name, one.run_id):
                    return name
    if len(found) > 1:
        raise EvalprovError(f"{spec} is the beginning of {counted(len(found), 'sweep')}", "give more of it")
    for name in found:
        return name
    raise EvalprovError(f"no sweep {spec}", "evalprov history --columns run,sweep.id,sweep.values lists them")


def already_done(
    plan: SweepPlan,
    shown: Sequence[Mapping[str, str]],
    runs: Sequence[BegunRun],
    environ: Mapping[str, str],
    secret: Sequence[str],
) -> set[tuple[int, int]]:
    """Return the trials of a begun sweep that are done, or still running; another grid or command is refused."""
    for run in runs:
        if run.of != len(plan.points) or run.point > len(plan.points) or run.values != shown[run.point - 1]:
            raise UsageError(
                f"the sweep has other points: run {run.run_id} was point {run.point} of {run.of}, {run.values}",
                "give the same values in the same order as then",
            )
        point = plan.points[run.point - 1]
        now = [word.replace(TRIAL, str(run.trial)) for word in point.request.argv]
        said = list(map(readable, TellingScrubber({**environ, **point.environ}, secret).argv(now)))
        if run.argv and list(run.argv) != said:
            raise UsageError(f"run {run.run_id} of the sweep was of another command: {' '.join(run.argv)}")
    return {(run.point, run.trial) for run in runs if run.done or run.running}
