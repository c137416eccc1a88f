"""What was there before launch: every collector, run side by side, timed, its failure a recorded fact."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

from evalprov.capture.ask import GIT_PATIENCE, Question, Running, TimeBudget, wait_any
from evalprov.capture.collector import Absent, Capture, CaptureContext, Findings, Steps
from evalprov.errors import EvalprovError
from evalprov.private import private_folder, remove_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evalprov.record.manifest import Captured, CaptureStatus

# Each is a file here with a function `collect`. Those that ask other programs come first: each is loaded when its
# turn comes, so that git and the interpreter are at work while the rest is loaded and read.
# What is declared counts more than what is merely named, and comes after it.
COLLECTORS = {
    "git": "code.git",
    "software": "software.software",
    "beside": "code.beside",
    "named": "declared.named",
    "locks": "software.locks",
    "config": "declared.config",
    "declared": "declared.declared",
    "environment": "software.environment",
    "hardware": "machine.hardware",
    "gpu": "machine.gpu",
    "place": "machine.place",
}


class Capturing:
    """Collectors under way; leaving the context ends whatever they still run."""

    def __init__(self, scratch: str | None = None) -> None:
        self._scratch = scratch
        self._going: list[_RunningCollector] = []
        self._asked: list[Running] = []
        self._refusal: EvalprovError | None = None
        self._git = TimeBudget(GIT_PATIENCE)

    def add(self, name: str, steps: Steps) -> None:
        """Start one more; that it stops the run is said at the end, when there is a record to say it in."""
        one = _RunningCollector(name, steps, self._git, self._asked)
        self._going.append(one)
        try:
            one.advance()
        except EvalprovError as refusal:
            self._refusal = self._refusal or refusal

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._going:
            one.call_off()
        remove_folder(self._scratch)

    def finish(self) -> Capture:
        """Wait for all of them and put together what they found."""
        if self._refusal:
            raise self._refusal
        while any(one.outcome is None for one in self._going):
            for one in self._going:
                if one.outcome is None and not one.unanswered():
                    one.advance()
            waiting = [asked for asked in self._asked if asked.answer is None]
            ready = any(one.outcome is None and not one.unanswered() for one in self._going)
            if waiting:
                wait_any(waiting, patient=not ready)
        remove_folder(self._scratch)
        return self._together()

    def _together(self) -> Capture:
        whole = Capture({}, [], {}, {}, {})
        before = None
        for one in self._going:
            assert one.outcome is not None
            whole.outcomes[one.name] = one.outcome
            if one.found is None:
                continue
            for name, value in one.found.facts.items():
                if isinstance(value, dict):
                    _add(whole.facts.setdefault(name, {}), value)
                else:
                    whole.facts[name] = value
            whole.warnings.extend(one.found.warnings)
            whole.blobs.update(one.found.blobs)
            if one.found.later:
                whole.later[one.name] = one.found.later
            before = before or one.found.before
        return whole._replace(before=before)


def _add(section: dict[str, Any], value: dict[str, Any]) -> None:
    for key, inner in value.items():
        known = section.get(key)
        section[key] = {**known, **inner} if isinstance(known, dict) and isinstance(inner, dict) else inner


def start(context: CaptureContext, collectors: Iterable[str] = COLLECTORS) -> Capturing:
    """Start the collectors; the commands they ask are under way when this returns."""
    context = context._replace(scratch=private_folder(context.environ.get("TMPDIR"), outside=context.root))
    capturing = Capturing(context.scratch)
    try:
        for name in collectors:
            capturing.add(name, _steps(name, context))
    except BaseException:
        capturing.__exit__()
        raise
    return capturing


def _steps(name: str, context: CaptureContext) -> Steps:
    """Load a collector and start it; one that cannot even be loaded has failed like any other."""
    module = __import__(f"evalprov.capture.{COLLECTORS.get(name, name)}", fromlist=["collect"])
    found: Findings = yield from module.collect(context)
    return found


class _RunningCollector:
    """One collector under way."""

    def __init__(self, name: str, steps: Steps, git: TimeBudget, shared: list[Running]) -> None:
        self.name = name
        self._git = git
        self._shared = shared  # by all collectors: what several want to know is asked once
        self.found: Findings | None = None
        self.outcome: Captured | None = None
        self._steps = steps
        self._asked: list[Running] | None = None
        self._started = time.perf_counter()

    def unanswered(self) -> list[Running]:
        """Return the commands it is waiting for."""
        return [asked for asked in self._asked or () if asked.answer is None]

    def advance(self) -> None:
        """Send the answers; take the next questions or the result."""
        try:
            if self._asked is None:
                commands = next(self._steps)
            else:
                commands = self._steps.send([asked.answer for asked in self._asked if asked.answer])
            self._asked = [self._running(one) for one in commands]
        except StopIteration as stop:
            self.found = stop.value
            self._settle("captured", stop.value.reason)
        except EvalprovError:
            raise
        except Absent as why:
            self._settle("absent", str(why))
        except Exception as error:  # noqa: BLE001 - a collector's failure is a fact to record
            ours = type(error).__module__.startswith("evalprov.")  # and worded for people
            self._settle("failed", str(error) if ours else f"{type(error).__name__}: {error}")

    def _running(self, question: Question) -> Running:
        for asked in self._shared:
            if asked.command == question:
                return asked
        asked = Running(question, self._git if question.argv[0] == "git" else None)
        self._shared.append(asked)
        return asked

    def call_off(self) -> None:
        """End what it still runs, and itself."""
        for asked in self.unanswered():
            asked.stop("the run was called off")
        if self.outcome is None:
            self._steps.close()

    def _settle(self, status: CaptureStatus, reason: str | None) -> None:
        took = round((time.perf_counter() - self._started) * 1000, 1)
        self.outcome = {"status": status, "ms": took, "reason": reason}
