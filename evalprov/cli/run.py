"""`evalprov run`: record one command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.cli.common import sent_after
from evalprov.cli.options import Argument, Option, Subcommand, usage
from evalprov.errors import CANNOT_START, EvalprovError, UsageError
from evalprov.isolation import given_environment, here
from evalprov.run.pipeline import record_run
from evalprov.run.request import Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.run.request import Done


def run(  # noqa: PLR0913 - one argument an option
    *,
    argv: tuple[str, ...],
    repeat: int | None,
    jobs: int | None,
    on: str | None,
    retries: int | None,
    send_env: Sequence[str],
    resume: str | None,
    quiet: bool,
    replay: str | None,
    replay_or_record: str | None,
    **values: Any,
) -> int:
    """Run a command and record it.

    The command behaves as it does without us: same output, same exit code, same signals.
    The record goes to metrics/runs, and one line to metrics/eval_history.jsonl.
    If the last line it prints is a JSON object, such as {"accuracy": 0.74}, those are its metrics.

    Example: evalprov run --scenario support-tickets --config eval.yaml -- python my_eval.py

    Exit codes: the command's own; 128+n when signal n ended it; 124 timed out; 125 could not start the run;
    126 not executable; 127 not found; 2 wrong usage of evalprov; 1 where a replay was asked what is not recorded.
    """
    if not argv:
        raise UsageError("missing CMD: the command to run", usage("run", COMMAND))
    if jobs and not (repeat or resume):
        raise UsageError("--jobs needs --repeat: --repeat N --jobs J", usage("run", COMMAND))
    if sum(map(bool, (values["record"], replay, replay_or_record))) > 1:
        raise UsageError("--record, --replay and --replay-or-record cannot be used together", usage("run", COMMAND))
    request = Request(argv=argv, replay=replay or replay_or_record, fill=bool(replay_or_record), **values)
    if repeat or on or resume or send_env or retries is not None:
        from evalprov.cli.repeat import Repeating, place_named, repeated  # one run does without

        place = place_named(on, retries, send_env)
        code = repeated(request, Repeating(repeat, jobs, place, resume), quiet=quiet)
        sent_after(request.store)
        return code
    bar = None if quiet else render.hashing()
    try:
        done = record_run(request, here(), given_environment(), bar, None if quiet else render.cleaning())
    except UsageError:
        raise
    except EvalprovError as problem:
        # Whatever kept us from starting the command has one exit code, unless the command's own word is known.
        problem.exit_code = max(problem.exit_code, CANNOT_START)
        raise
    finally:
        if bar:
            bar(1, 1)
    try:
        _tell(done, quiet=quiet)
        sent_after(request.store)
    except Exception as error:  # noqa: BLE001 - the command has ended: its exit code is ours, whatever we can still say
        render.note(f"how it ended could not be said: {error}; see: evalprov show {done.manifest['run_id']}")
    return done.exit_code


def _tell(done: Done, *, quiet: bool) -> None:
    """Say what went wrong, and how the run ended."""
    for problem_text in done.problems:
        render.note(problem_text)
    if not quiet:
        from evalprov.views.ended import LINES, remarks  # not before the command was started

        render.page(remarks(done.manifest, LINES - len(done.problems)))


COMMAND = Subcommand(
    run,
    (
        Option("--scenario", "NAME", "What the program is evaluated on, e.g. support-tickets."),
        Option("--config", "PATH", "A configuration file to record.", repeatable=True),
        Option("--set", "KEY=VALUE", "Declare a fact, as in the settings: model.temperature=0.2", repeatable=True),
        Option("--prompt", "NAME=PATH@V", "Declare a prompt file, with a version if you like.", repeatable=True),
        Option("--data", "NAME=PATH@V", "Declare a data set: a file, a folder or a .dvc pointer.", repeatable=True),
        Option("--tag", "TAG", "A word to find the run by.", repeatable=True),
        Option("--note", "TEXT", "Why you ran it."),
        Option(
            "--metrics-file",
            "PATH[:FORMAT]",
            "Read the metrics from this file when the command is done: "
            "JSON, or lm-eval, inspect, promptfoo ... results.",
        ),
        Option("--timeout", "SECONDS", "End the command and all it started after this time (exit 124).", seconds=True),
        Option(
            "--repeat",
            "N",
            "Run the command N times, record each run, and sum them up. "
            "{trial} in a word of the command or in --metrics-file stands for 1, 2 ...",
            at_least=1,
        ),
        Option("--jobs", "J", "Run J of them at a time; their output is kept, not shown.", at_least=1),
        Option("--on", "ENGINE", "Run the trials there: slurm, slurm:PARTITION, ray, ray://HOST:PORT, ssh:HOST,HOST."),
        Option("--retries", "N", "With --on, do a preempted or lost trial again so often; 1 otherwise.", at_least=0),
        Option("--send-env", "NAME", "With --on, a variable whose value goes along.", repeatable=True),
        Option("--resume", "REPEAT", "Run those trials of a repeat, or of any run of it, that have no result yet."),
        Option("--store", "DIR", "Where to keep the records; metrics/ at the project root otherwise."),
        Option("--require-clean", None, "Refuse to run unless everything is committed."),
        Option("--strict", None, "Refuse to run if a declared file is there but cannot be read."),
        Option(
            "--log",
            "MODE",
            "Keep the output's head and tail, all of it, or none.",
            choices=("bounded", "full", "off"),
        ),
        Option(
            "--observe",
            "MODE",
            "project: see which of the project's files it opens; auto: also what its Pythons read, "
            "where they cannot notice; strict: that in any case, and what it asks of models; off: nothing.",
            choices=("project", "auto", "strict", "off"),
        ),
        Option("--record", None, "Record its calls to model providers, so that they can be replayed."),
        Option("--replay", "RUN|FILE", "Answer its calls to model providers as they were in a run; no key is needed."),
        Option("--replay-or-record", "RUN|FILE", "Likewise, and what was not asked then is asked of the provider."),
        Option("--quiet", None, "Say nothing of our own, errors aside."),
    ),
    (Argument("argv", "CMD", "The command and its arguments.", many=True),),
    wraps=True,
)
