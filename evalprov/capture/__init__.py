"""What was there before launch: every collector, run side by side, timed, its failure a recorded fact."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from evalprov.capture import config, declared, environment, git, gpu, hardware, locks, place, software
from evalprov.capture.collector import Absent, Capture, Collector, Found, Scene, Steps
from evalprov.capture.commands import Running, wait_any
from evalprov.errors import EvalprovError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evalprov.record.manifest import Captured, CaptureStatus

# Those that ask other programs come first, so that their answers are under way while the rest is read.
COLLECTORS: Mapping[str, Collector] = {
    "software": software.collect,
    "git": git.collect,
    "locks": locks.collect,
    "config": config.collect,
    "declared": declared.collect,
    "environment": environment.collect,
    "hardware": hardware.collect,
    "gpu": gpu.collect,
    "place": place.collect,
}


class Capturing:
    """Collectors under way; leaving the context ends whatever they still run."""

    def __init__(self, scene: Scene, collectors: Mapping[str, Collector]) -> None:
        self._going = [_Going(name, collect(scene)) for name, collect in collectors.items()]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._going:
            one.call_off()

    def advance(self) -> None:
        """Let every collector that is not waiting go on."""
        for one in self._going:
            if one.fared is None and not one.unanswered():
                one.advance()

    def finish(self) -> Capture:
        """Wait for all of them and put together what they found."""
        while any(one.fared is None for one in self._going):
            self.advance()
            if waiting := [asked for one in self._going for asked in one.unanswered()]:
                wait_any(waiting)
        return self._together()

    def _together(self) -> Capture:
        whole = Capture({}, [], {}, {})
        for one in self._going:
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


def start(scene: Scene, collectors: Mapping[str, Collector]) -> Capturing:
    """Start the collectors; the commands they ask are under way when this returns."""
    capturing = Capturing(scene, collectors)
    try:
        capturing.advance()
    except BaseException:
        capturing.__exit__()
        raise
    return capturing


class _Going:
    """One collector under way."""

    def __init__(self, name: str, steps: Steps) -> None:
        self.name = name
        self.found: Found | None = None
        self.fared: Captured | None = None
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
            self._asked = [Running(command) for command in commands]
        except StopIteration as stop:
            self.found = stop.value
            self._settle("captured", stop.value.reason)
        except EvalprovError:
            raise
        except Absent as why:
            self._settle("absent", str(why))
        except Exception as error:  # noqa: BLE001 - a collector's failure is a fact to record
            self._settle("failed", f"{type(error).__name__}: {error}")

    def call_off(self) -> None:
        """End what it still runs."""
        for asked in self.unanswered():
            asked.stop("the run was called off")

    def _settle(self, status: CaptureStatus, reason: str | None) -> None:
        took = round((time.perf_counter() - self._started) * 1000, 1)
        self.fared = {"status": status, "ms": took, "reason": reason}
