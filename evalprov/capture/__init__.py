"""What was there before launch: every collector, run side by side, timed, its failure a recorded fact.

A collector is a generator function in a file of its own: it takes the scene, yields the commands it wants to
ask (several at once, in one list), is sent their answers in the same order, and returns what it found. One that
asks nothing yields nothing. To say that a thing is not there it raises `Absent`; any other exception is
recorded as a failure with its words.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from typing import Any, NamedTuple

from evalprov.capture.commands import Answer, Command, Running, wait_any
from evalprov.record.manifest import Captured
from evalprov.secrets import Scrubber
from evalprov.settings import Settings


class Scene(NamedTuple):
    """All that a collector may look at."""

    argv: tuple[str, ...]  # the child's command
    cwd: str  # where it will run; absolute
    root: str  # the project root; absolute
    store: str  # the metrics folder; absolute
    environ: Mapping[str, str]  # the child's environment
    settings: Settings
    scrub: Scrubber
    config_paths: tuple[str, ...] = ()  # --config, as given


class Found(NamedTuple):
    """What a collector hands over."""

    facts: dict[str, Any]  # by the manifest's top-level names; a dict adds to that section
    warnings: tuple[str, ...] = ()
    blobs: Mapping[str, bytes] = {}  # bytes for the store, by their file there, already scrubbed
    reason: str | None = None  # what could not be known, where the rest could


class Absent(Exception):  # noqa: N818 - it is a finding and no error
    """There is nothing of this kind here; the words say why."""


Steps = Generator[list[Command], list[Answer], Found]
Collector = Callable[[Scene], Steps]


class Capture(NamedTuple):
    """Everything found, and how each collector fared."""

    facts: dict[str, Any]
    warnings: list[str]
    blobs: dict[str, bytes]
    fared: dict[str, Captured]


class _Going:
    """One collector under way."""

    def __init__(self, name: str, steps: Steps) -> None:
        self.name = name
        self.steps = steps
        self.asked: list[Running] = []
        self.started = time.perf_counter()
        self.found: Found | None = None
        self.fared: Captured | None = None

    def advance(self) -> None:
        """Send the answers, take the next questions or the result."""
        answers = [one.answer for one in self.asked if one.answer]
        try:
            # A generator not yet begun is started by next(), one under way is sent its answers.
            commands = self.steps.send(answers) if self.asked else next(self.steps)
            self.asked = [Running(command) for command in commands]
        except StopIteration as stop:
            self.found = stop.value
            self._settle("captured", stop.value.reason)
        except Absent as why:
            self._settle("absent", str(why))
        except Exception as error:  # noqa: BLE001 - a collector's failure is a fact to record
            self._settle("failed", f"{type(error).__name__}: {error}")

    def _settle(self, status: Any, reason: str | None) -> None:
        took = round((time.perf_counter() - self.started) * 1000, 1)
        self.fared = {"status": status, "ms": took, "reason": reason}


def capture(scene: Scene, collectors: Mapping[str, Collector]) -> Capture:
    """Run the collectors side by side and put together what they found."""
    going = [_Going(name, collect(scene)) for name, collect in collectors.items()]
    for one in going:
        one.advance()
    try:
        while waiting := [one for one in going if one.fared is None]:
            unanswered = [asked for one in waiting for asked in one.asked if asked.answer is None]
            if unanswered and all(any(a.answer is None for a in one.asked) for one in waiting):
                wait_any(unanswered)
            for one in waiting:
                if all(asked.answer for asked in one.asked):
                    one.advance()
    finally:
        for one in going:
            for asked in one.asked:
                asked.stop("the run was called off")
    return _together(going)


def _together(going: list[_Going]) -> Capture:
    whole = Capture({}, [], {}, {})
    for one in going:
        assert one.fared is not None
        whole.fared[one.name] = one.fared
        if one.found is None:
            continue
        for name, value in one.found.facts.items():
            if isinstance(value, dict):
                whole.facts.setdefault(name, {}).update(value)
            else:
                whole.facts[name] = value
        whole.warnings.extend(one.found.warnings)
        whole.blobs.update(one.found.blobs)
    return whole
