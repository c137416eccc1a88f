"""Several runs of one command, each recorded by a process of its own: started, waited for, and told when to stop."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any, NoReturn

from evalprov.errors import CANNOT_START, EvalprovError, UsageError
from evalprov.launch.signals import STOP, hold, taken
from evalprov.named import NamedTuple
from evalprov.platform import nameless_file
from evalprov.platform.events import Witness, heed_children, wait_for_signal
from evalprov.run.pipeline import record_run

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence
    from typing import Self

    from evalprov.record.manifest import Repeat
    from evalprov.run.request import Done, Request

    Progress = Callable[[int, int], None]

TRIAL = "{trial}"  # in a word of the command or in --metrics-file: the trial's number
_LOOK = 0.2  # seconds between two looks at the clock


class TrialRequest(NamedTuple):
    """One run of several: what it is asked to be, and what its command has in the environment that we have not."""

    number: int  # from 1; no other of the list has it
    request: Request  # knows which trial it is, and which point of a sweep
    environ: Mapping[str, str] = {}


class Plan(NamedTuple):
    """How many to run at a time, and whether the user is to see and feed them as they run."""

    jobs: int = 1
    attached: bool = False  # they have our stdin, stdout and stderr, as a plain run has
    progress: Progress | None = None  # told of long work before a command is started, where attached


class Ended(NamedTuple):
    """How one trial went."""

    trial: int
    exit_code: int
    run_id: str | None = None  # null where there is none, or nobody could say any more
    store: str = ""
    problems: Sequence[str] = ()
    refusal: Sequence[str] | None = None  # why its command was not started, and what to do


class Series(NamedTuple):
    """All that was run so far."""

    ended: list[Ended]  # in the order in which they did
    going: list[int]  # the trials under way
    stopped_by: list[int]  # the signals that asked us to stop

    @property
    def exit_code(self) -> int:
        """What to exit with: the first failing trial's code."""
        if self.stopped_by:
            return 128 + self.stopped_by[0]
        return next((one.exit_code for one in sorted(self.ended) if one.exit_code), 0)

    @property
    def refused(self) -> Ended | None:
        """The first trial that could not be started, where none could."""
        if not self.ended or any(one.refusal is None for one in self.ended):
            return None
        return min(self.ended)


def trials_of(request: Request, of: int, name: str, but: Container[int] = ()) -> list[TrialRequest]:
    """Return the trials of a command that is to be run so many times, but for those that were already."""
    numbers = [number for number in range(1, of + 1) if number not in but]
    repeats: list[Repeat] = [{"id": name, "trial": number, "of": of, "seed": number} for number in numbers]
    return [TrialRequest(one["trial"], of_trial(request, one)) for one in repeats]


def run_trials(
    trials: Sequence[TrialRequest], plan: Plan, cwd: str, environ: dict[str, str], told: Callable[[Series], None]
) -> Series:
    """Run each of them; `told` is called when one begins or ends, and now and then between.

    A signal that asks us to stop reaches every trial under way once, and no other is begun. One that fails stops
    nobody; only where none could be started yet, no more is tried.
    """
    since = time.time()

    def record(one: TrialRequest) -> Done:
        return record_run(one.request._replace(since=since), cwd, {**environ, **one.environ}, plan.progress)

    with _RunningTrials(plan, record) as crew:
        series = crew.series
        for trial in trials:
            while len(series.going) == plan.jobs:
                crew.wait()
                told(series)
            crew.heed(0)
            if series.stopped_by or series.refused:
                break
            crew.begin(trial)
            told(series)
        while series.going:
            crew.wait()
            told(series)
    return series


def of_trial(request: Request, one: Repeat) -> Request:
    """Return what one trial runs: its number stands where the words have a place for it."""
    number = str(one["trial"])
    argv = tuple(word.replace(TRIAL, number) for word in request.argv)
    file = request.metrics_file and request.metrics_file.replace(TRIAL, number)
    return request._replace(argv=argv, written=request.argv, metrics_file=file, repeat=one)


class _RunningTrials:
    """The trials under way, each a process, and what stands between them and the signals."""

    def __init__(self, plan: Plan, record: Callable[[TrialRequest], Done]) -> None:
        self.series = Series([], [], [])
        self._plan = plan
        self._record = record
        self._going: dict[int, tuple[int, int]] = {}  # by pid: the trial, and a file for its last words to us
        self._numbers = taken()
        heed_children()
        self._mask = hold([*self._numbers, signal.SIGCHLD])
        self._witness = Witness(self._numbers, set())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._witness.stop()
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def begin(self, trial: TrialRequest) -> None:
        """Start one."""
        try:
            report = nameless_file()
            pid = os.fork()
        except OSError as error:
            refusal = (f"cannot start a process: {error.strerror}", "see ulimit -u and ulimit -n")
            self.series.ended.append(Ended(trial.number, CANNOT_START, refusal=refusal))
            return
        if pid == 0:
            self._be(trial, report)
        self._going[pid] = (trial.number, report)
        self.series.going.append(trial.number)
        # What waits here by now may have come before there was somebody else to get it.
        for number in signal.sigpending() & set(self._numbers):
            os.kill(pid, number)

    def wait(self) -> None:
        """See to what happens next, or to nothing for a while."""
        if not self._take_leave():
            self.heed(_LOOK)
            self._take_leave()

    def _take_leave(self) -> bool:
        """Take in those that have ended; say whether any had."""
        before = len(self._going)
        for pid, (trial, report) in list(self._going.items()):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                del self._going[pid]
                self.series.going.remove(trial)
                self.series.ended.append(_ended(trial, report, status))
        return len(self._going) < before

    def heed(self, seconds: float) -> None:
        """Wait so long for a signal and see to it."""
        received = wait_for_signal([*self._numbers, signal.SIGCHLD], seconds)
        if received is None or received.number == signal.SIGCHLD:
            return
        if received.number in STOP:
            self.series.stopped_by.append(received.number)
        if not self._witness.got(received):
            for pid in self._going:
                os.kill(pid, received.number)

    def _be(self, trial: TrialRequest, report: int) -> NoReturn:
        """Record one run, in a process of its own, and leave it with the last words said."""
        code = CANNOT_START
        try:
            self._witness.stop()
            # Other commands die of a reader that goes away; a run has to be recorded all the same.
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            if not self._plan.attached:
                _detach()
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
            said = _words(lambda: self._record(trial))
            if self._plan.progress:
                self._plan.progress(1, 1)
            code = said["exit_code"]
            os.write(report, json.dumps(said).encode())
        finally:
            os._exit(code)


def new_id() -> str:
    """Return a name for trials: when they began, and enough of chance that no others have it."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.urandom(4).hex()}"


def _ended(trial: int, report: int, status: int) -> Ended:
    """Return how a trial went: by its own words, or where it was ended before them, by its end."""
    with os.fdopen(report, "rb") as file:
        file.seek(0)
        words = file.read()
    if words:
        return Ended(trial, **json.loads(words))
    code = os.waitstatus_to_exitcode(status)
    by = f"exit {code}" if code >= 0 else f"signal {-code}"
    problem = f"trial {trial} was not recorded to its end: evalprov itself was ended ({by})"
    return Ended(trial, code if code > 0 else 128 - code, problems=[problem])


def _words(record: Callable[[], Done]) -> dict[str, Any]:
    """Record a run and return how that went, as JSON."""
    try:
        done = record()
    except EvalprovError as problem:
        code = problem.exit_code if isinstance(problem, UsageError) else max(problem.exit_code, CANNOT_START)
        return {"exit_code": code, "refusal": (problem.message, problem.hint)}
    except KeyboardInterrupt:
        return {"exit_code": 128 + signal.SIGINT, "refusal": ("stopped before the command was started", "")}
    except Exception as bug:  # noqa: BLE001 - it must reach the user
        return {"exit_code": CANNOT_START, "refusal": (f"unexpected: {type(bug).__name__}: {bug}", "")}
    run_id = done.manifest["run_id"]
    return {"exit_code": done.exit_code, "run_id": run_id, "store": done.store, "problems": done.problems}


def _detach() -> None:
    """Give a trial nothing of ours to read or to write to: several at once would make a jumble."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.close(nowhere)
