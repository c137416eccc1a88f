"""`evalprov run --repeat`: the same command several times, each a run of its own, and what they come to."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.errors import EvalprovError, UsageError
from evalprov.isolation import given_environment, here
from evalprov.named import NamedTuple
from evalprov.numbers import counted
from evalprov.record.result import has_result
from evalprov.run.trials import TRIAL, Ended, Plan, Series, new_id, run_trials, trials_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evalprov.fleet.engines import EnginePlace
    from evalprov.fleet.resume import EarlierTrials, Resumed
    from evalprov.record.manifest import Manifest
    from evalprov.run.request import Request
    from evalprov.run.trials import TrialRequest
    from evalprov.views.trials import TrialsTold


class Repeating(NamedTuple):
    """How a command is to be repeated."""

    times: int | None  # null where that is known from a repeat that is resumed
    jobs: int | None = None
    on: EnginePlace | None = None  # the engine that runs the trials; null for this machine
    resume: str | None = None  # a repeat, or a run of it


def place_named(on: str | None, retries: int | None, send: Sequence[str]) -> EnginePlace | None:
    """Return the engine that --on names, if there is one."""
    if on is None:
        if send or retries is not None:
            raise UsageError("--send-env and --retries need --on", "for example: --on slurm")
        return None
    from evalprov.fleet.engines import place_of  # few have an engine

    return place_of(on, 1 if retries is None else retries, tuple(send))


def repeated(request: Request, how: Repeating, *, quiet: bool) -> int:
    """Record the command so many times and sum it up; the exit code is that of the first trial that failed."""
    times, name = how.times or 1, new_id()
    earlier: Resumed | None = None
    if how.resume:
        from evalprov.fleet.resume import resumed  # few are

        earlier = resumed(request, how.resume, how.times, here(), given_environment(), on_engine=how.on is not None)
        times, name = earlier.of, earlier.id
    jobs = how.jobs or 1
    if how.on is None:
        _refuse_shared(request, min(times, jobs))
    attached = jobs == 1 and how.on is None
    plan = Plan(how.jobs or 0 if how.on else jobs, attached, None if quiet or jobs > 1 else render.hashing())
    began = time.monotonic()
    trials = trials_of(request, times, name, earlier.ended if earlier else ())
    if earlier and not quiet:
        render.note(f"{counted(len(earlier.ended), 'trial')} of {times} have a result; {len(trials)} are run")
    if trials:
        series = recorded(trials, plan, quiet=quiet, on=how.on, earlier=earlier.earlier if earlier else None)
    else:
        series = Series([], [], [])
    if earlier:
        series.ended.extend(earlier.ended.values())
    if not quiet:
        from evalprov.views.trials import remarks  # not needed before the commands have run

        render.page(remarks(_told(series, time.monotonic() - began)))
    return series.exit_code


def _refuse_shared(request: Request, at_a_time: int) -> None:
    """Refuse trials at one time that would all write one file: each would be given another's numbers."""
    path = request.metrics_file
    if at_a_time == 1 or path is None or TRIAL in path:
        return
    file, colon, adapter = path.partition(":")
    base, ending = os.path.splitext(file)
    own = f"{base}-{TRIAL}{ending}" if ending else f"{file.rstrip('/')}/{TRIAL}"
    raise UsageError(
        f"{at_a_time} trials at a time would all write {path} and be given each other's numbers; none was started",
        f"write {TRIAL} for the trial's number, where the command names it and here: --metrics-file "
        f"{own}{colon}{adapter}; or leave out --jobs",
    )


def recorded(
    trials: Sequence[TrialRequest],
    plan: Plan,
    *,
    quiet: bool,
    on: EnginePlace | None = None,
    earlier: EarlierTrials | None = None,
) -> Series:
    """Record every one of a list of trials, here or on an engine, showing how far that is.

    `earlier` is what an engine had of them before.
    """
    if not quiet and not plan.attached:
        at_a_time = f"{plan.jobs} at a time; " if plan.jobs > 1 else ""
        output = "its output is" if len(trials) == 1 else "their output is"
        render.note(f"{counted(len(trials), 'trial')}, {at_a_time}{output} kept: evalprov show RUN --log")
    watch = None if quiet else _TrialsProgress(len(trials), plan)
    tell = watch.tell if watch else _silent
    if on is None:
        series = run_trials(trials, plan, here(), given_environment(), tell)
    else:
        from evalprov.fleet.running import Caller, run_on  # few have an engine

        series = run_on(on, trials, plan, Caller(here(), given_environment(), tell, render.note, earlier))
    if watch:
        watch.end()
    if (refused := series.refused) and refused.refusal and not series.stopped_by:
        message, hint = refused.refusal
        raise EvalprovError(message, hint, refused.exit_code)
    heard = [one for one in sorted(series.ended) if one.run_id or not series.stopped_by]
    for problem, times in Counter(problem for one in heard for problem in _problems(one)).items():
        render.note(problem if times == 1 else f"{problem} (in {counted(times, 'trial')})")
    return series


def _problems(one: Ended) -> list[str]:
    return [*one.problems, *([f"not started: {one.refusal[0]}"] if one.refusal else [])]


def _silent(_: Series) -> None:
    pass


class _TrialsProgress:
    """Says, to a person at a terminal, how far the trials are."""

    def __init__(self, of: int, plan: Plan) -> None:
        self._of = of
        self._began = time.monotonic()
        self._begun = 0
        # What an attached command prints comes between: then it is a line a trial, above that.
        self._draw = None if plan.attached else render.progress("trials", self._words)
        self._heads = plan.attached and bool(sys.stderr and sys.stderr.isatty())

    def tell(self, series: Series) -> None:
        """Take notice of how far they are."""
        done = len(series.ended)
        if self._draw:
            self._draw(done, self._of)
        elif self._heads and series.going and series.going[-1] > self._begun:
            self._begun = series.going[-1]
            render.note(f"trial {self._begun} {render.bar(done, self._of)} {self._words(done, self._of)}")

    def end(self) -> None:
        """Say no more."""
        if self._draw:
            self._draw(1, 1)

    def _words(self, done: int, total: int) -> str:
        from evalprov.views.trials import so_far  # not needed before the commands have run

        return so_far(done, total, time.monotonic() - self._began)


class _Tally:
    """What the trials' records come to, taken in one at a time."""

    def __init__(self, series: Series) -> None:
        self._series = series
        self.statuses: Counter[str] = Counter()
        self.results = 0
        self.fingerprints: set[str | None] = set()
        self.warned: list[tuple[str, str]] = []  # run, its first warning
        self.last = ""  # run

    def completed(self) -> Iterator[Manifest]:
        """Yield the records of the trials that have a result: of others, what they reported may not be whole."""
        for manifest in records(self._series):
            self.last = manifest["run_id"]
            self.statuses[manifest["status"].replace("_", " ")] += 1
            self.fingerprints.add(manifest["identity"]["fingerprint"])
            self.warned += [(self.last, warning) for warning in manifest["warnings"][:1]]
            if has_result(manifest):
                self.results += 1
                yield manifest
        if refused := sum(one.refusal is not None for one in self._series.ended):
            self.statuses["not started"] = refused


def _told(series: Series, seconds: float) -> TrialsTold:
    """Return what the trials came to."""
    from evalprov.judge.summary import summed  # not needed before the commands have run
    from evalprov.views.trials import TrialsTold

    tally = _Tally(series)
    metrics = summed(tally.completed())
    statuses = dict(tally.statuses.most_common())
    return TrialsTold(
        len(series.ended), seconds, statuses, metrics, tally.results, len(tally.fingerprints), tally.warned, tally.last
    )


def records(series: Series) -> Iterator[Manifest]:
    """Yield the record of every trial that has one, in their order; what cannot be read is said."""
    from evalprov.store import read  # not needed before the commands have run

    for one in sorted(series.ended):
        if one.run_id is not None:
            try:
                yield read.load(one.store, one.run_id)
            except EvalprovError as problem:
                render.note(problem.message)
