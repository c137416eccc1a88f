"""`evalprov sweep`: one command with every combination of some values, each a recorded run."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.cli import run as of_one
from evalprov.cli.common import open_store, sent_after
from evalprov.cli.options import Argument, Option, Subcommand, usage
from evalprov.cli.repeat import place_named, recorded
from evalprov.errors import UsageError
from evalprov.fleet.grid import size, tried
from evalprov.fleet.sweep import already_done, begun, planned, shown_values, sweep_of, trials_of_sweep
from evalprov.isolation import given_environment, here
from evalprov.numbers import counted
from evalprov.page import Remark
from evalprov.run.request import Request
from evalprov.run.trials import Plan, Series, new_id
from evalprov.secrets import TellingScrubber
from evalprov.settings import load
from evalprov.views import sweep as view

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evalprov.fleet.sweep import SweepPlan
    from evalprov.run.trials import TrialRequest

ASKED_FROM = 200  # runs that need a second word


def sweep(  # noqa: PLR0913 - one argument an option
    *,
    names: tuple[str, ...],
    argv: tuple[str, ...] | None,
    set: Sequence[str],  # noqa: A002 - named as the option is
    env: Sequence[str],
    arg: Sequence[str],
    repeat: int | None,
    jobs: int | None,
    on: str | None,
    retries: int | None,
    send_env: Sequence[str],
    resume: str | None,
    yes: bool,
    dry_run: bool,
    quiet: bool,
    replay: str | None,
    replay_or_record: str | None,
    **values: Any,
) -> int:
    """Run a command with every combination of some values, and record each run.

    VALUES are parted by commas; 1..5 and 0..1:0.25 are ranges with both their ends; in quotes or brackets a comma parts
    nothing. --set declares a fact of the run, --env sets a variable for the command and records it, and NAME=VALUES
    fills {NAME} in its words. {model.temperature} in a word stands for what --set declares there, {SEED} for a
    variable, {point} and {trial} for their numbers; also in --config, --prompt, --data and --metrics-file.

    Each point is a run like any other, found by its sweep; the first trial of each point runs before the second of any.
    One that fails stops nobody. After Ctrl-C the same command with --resume runs what has no result yet. A multirun of
    Hydra is one command: evalprov run records each of its jobs.

    Examples: evalprov sweep --set model.temperature=0,0.7 -- python my_eval.py --temperature {model.temperature};
    evalprov sweep --env SEED=1..5 --repeat 3 --jobs 2 -- python my_eval.py;
    evalprov sweep --arg '--lr {lr}' lr=1e-4,1e-3 -- python train.py

    The exit code is that of the first run that failed; 125 where none could be started, 2 for wrong usage.
    """
    if not argv:
        raise UsageError("missing CMD: the command to run, behind --", usage("sweep", COMMAND))
    grid = [tried("--set", one) for one in set] + [tried("--env", one) for one in env]
    grid += [tried("word", one) for one in names]
    runs = size(grid) * (repeat or 1)
    if runs > ASKED_FROM and not (yes or dry_run):
        raise UsageError(
            f"that are {runs:,} runs ({counted(size(grid), 'point')}, {counted(repeat or 1, 'trial')} each)",
            "--yes runs them; --dry-run lists the points",
        )
    more = tuple(word for text in arg for word in _words(text))
    request = Request(argv=(*argv, *more), replay=replay or replay_or_record, fill=bool(replay_or_record), **values)
    plan = planned(request, grid)
    environ, secret = given_environment(), load(here()).env_secret
    shown = [shown_values(point, plan, request.argv, environ, secret) for point in plan.points]
    done, sweep_id = frozenset[tuple[int, int]](), new_id()
    if resume is not None:
        store = open_store(values["store"], writes=True)
        sweep_id = sweep_of(store, resume)
        done = frozenset(already_done(plan, shown, list(begun(store, sweep_id)), environ, secret))
    trials = trials_of_sweep(list(zip(plan.points, shown, strict=True)), sweep_id, repeat, done)
    commands = [_shown(point.request.argv, {**environ, **point.environ}, secret) for point in plan.points]
    told = view.SweepTold(sweep_id, shown, commands if dry_run else (), repeat, len(trials), plan.unused)
    if dry_run:
        render.page([view.listing(told)])
    if not quiet:
        render.page([*view.head(told), *map(Remark, _of_hydra(argv))])
    if dry_run:
        return 0
    place = place_named(on, retries, send_env)
    if place is None:
        _refuse_shared(trials, jobs or 1)
    attached = jobs in (None, 1) and place is None
    at_once = Plan(jobs or (0 if place else 1), attached, progress=None if quiet or jobs else render.hashing())
    began = time.monotonic()
    series = recorded(trials, at_once, quiet=quiet, on=place) if trials else Series([], [], [])
    if not quiet:
        render.page(view.end(_ended(plan, trials, series, sweep_id, time.monotonic() - began)))
    sent_after(request.store)
    return series.exit_code


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as problem:
        raise UsageError(f"--arg {text}: {str(problem).lower()}") from None


def _shown(argv: Sequence[str], environ: dict[str, str], secret: Sequence[str]) -> list[str]:
    return TellingScrubber(environ, secret).argv(argv)


def _of_hydra(argv: Sequence[str]) -> Iterator[str]:
    """Say so where the command sweeps by itself."""
    script = next((place for place, word in enumerate(argv) if word.endswith(".py")), len(argv))
    if "--multirun" in argv or "-m" in argv[script:]:
        yield "the command looks like a multirun of Hydra, which sweeps by itself; evalprov run records each job"


def _refuse_shared(trials: Sequence[TrialRequest], jobs: int) -> None:
    """Refuse runs at one time that would write one file: each would be given another's numbers."""
    files = [trial.request.metrics_file for trial in trials]
    if jobs > 1 and any(files) and len({*files}) < len(files):
        raise UsageError(
            f"{min(jobs, len(trials))} runs at a time would write {files[0]} and be given each other's numbers",
            "write {point} and {trial} in --metrics-file and where the command names it; or leave out --jobs",
        )


def _ended(
    plan: SweepPlan, trials: Sequence[TrialRequest], series: Series, sweep_id: str, seconds: float
) -> view.SweepEnd:
    from evalprov.cli.repeat import records  # not needed before the commands have run
    from evalprov.record.result import has_result

    statuses: Counter[str] = Counter()
    by_point: dict[int, bool] = {point.number: False for point in plan.points}
    results = 0
    for manifest in records(series):
        statuses[manifest["status"].replace("_", " ")] += 1
        if (of := manifest["sweep"]) and has_result(manifest):
            by_point[of["point"]] = True
            results += 1
    if refused := sum(one.refusal is not None for one in series.ended):
        statuses["not started"] = refused
    planned_now = {trial.request.sweep["point"] for trial in trials if trial.request.sweep}
    without = [number for number, has in by_point.items() if not has and number in planned_now]
    counts = dict(statuses.most_common())
    left = len(trials) - results
    return view.SweepEnd(sweep_id, len(series.ended), seconds, counts, without, bool(series.stopped_by), left)


_OWN = {"--set", "--repeat", "--jobs", "--resume", "--quiet"}
_OF_RUN = tuple(option for option in of_one.COMMAND.options if option.flag not in _OWN)
COMMAND = Subcommand(
    sweep,
    (
        Option("--set", "KEY=VALUES", "Declare a fact, and sweep it: model.temperature=0,0.3", repeatable=True),
        Option("--env", "NAME=VALUES", "Set a variable for the command, and sweep it: SEED=1..5", repeatable=True),
        Option("--arg", "WORDS", "Words for the command's end, with places: '--lr {lr}'", repeatable=True),
        Option("--repeat", "N", "Run each point N times.", at_least=1),
        Option("--jobs", "J", "Run J at a time; their output is kept, not shown.", at_least=1),
        Option("--resume", "SWEEP", "Run only what has no result yet: a sweep's id, a run of it, or latest."),
        Option("--dry-run", None, "List the points, and run nothing."),
        Option("--yes", None, f"Run them, be they more than {ASKED_FROM}."),
        Option("--quiet", None, "Say nothing of our own, errors aside."),
        *_OF_RUN,
    ),
    (Argument("names", "NAME=VALUES...", "Values for {NAME} in the command's words.", many=True),),
    behind="argv",
    shown_behind="-- CMD...",
)
