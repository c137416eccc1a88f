"""What the child's whole process tree uses: the kernel's account where there is one, looks for the rest."""

from __future__ import annotations

import _thread
import time
from typing import TYPE_CHECKING

from evalprov.launch.programs import ProgramsSeen
from evalprov.launch.series import UsageSeries
from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from evalprov.platform.processes import ProcessTree
    from evalprov.record.schema.outcome import Resources

_FIRST_LOOK = 0.02
_LONGEST_PAUSE = 0.5
_SHARE = 0.01  # of one CPU: the most that looking may take
_NOISE = 1 << 20  # the kernel's counts are this much apart at times


class Usage(NamedTuple):
    """The kernel's account of processes that have ended, each with the children it waited for."""

    user: float = 0.0
    system: float = 0.0
    largest: int = 0  # peak bytes of the largest process
    read: int | None = 0  # null where it does not say
    written: int | None = 0

    def plus(self, user: float, system: float, peak: int, moved: tuple[int, int] | None) -> Usage:
        """Return the account with one more process in it."""
        unknown = moved is None or self.read is None or self.written is None
        return Usage(
            self.user + user,
            self.system + system,
            max(self.largest, peak),
            None if unknown else self.read + moved[0],  # type: ignore[operator, index]
            None if unknown else self.written + moved[1],  # type: ignore[operator, index]
        )


class Sampler:
    """Looks at the tree in a thread of its own: often at first, then twice a second, never at much cost."""

    def __init__(self, tree: ProcessTree) -> None:
        self._tree = tree
        self._samples = 0
        self._memory = 0
        self._processes = 0
        self._series = UsageSeries()
        self.programs = ProgramsSeen()
        self.warnings: list[str] = []
        self._stop = _thread.allocate_lock()
        self._stopped = _thread.allocate_lock()
        self._stop.acquire()
        self._stopped.acquire()

    def start(self) -> None:
        """Begin."""
        _thread.start_new_thread(self._run, ())

    def stop(self) -> None:
        """Look no more."""
        self._stop.release()
        with self._stopped:
            return

    def _run(self) -> None:
        try:
            begun = time.monotonic()
            pause = _FIRST_LOOK
            first = True
            while not self._stop.acquire(timeout=pause):
                before = time.thread_time()
                self._look(begun)
                cost = time.thread_time() - before
                pause = min(max(_FIRST_LOOK, (time.monotonic() - begun) / 10), _LONGEST_PAUSE)
                if not first:  # that one alone looks at every process there is
                    pause = max(pause, cost / _SHARE)
                first = False
        except Exception as error:  # noqa: BLE001 - it must not reach the user's terminal
            self.warnings.append(f"resources were not watched to the end: {type(error).__name__}: {error}")
        finally:
            self._stopped.release()

    def _look(self, begun: float) -> None:
        processes = self._tree.look()
        if processes:
            self._samples += 1
            self.programs.see(processes)
            self._processes = max(self._processes, len(processes))
            # Resident memory, which is what people know and limits count; shared pages count once a process.
            # The exact share (PSS) would have the kernel walk, and hold up, every process's memory.
            memory = sum(one.rss for one in processes)
            self._memory = max(self._memory, memory)
            self._series.add(time.monotonic() - begun, self._tree.cpu, memory, len(processes))

    def resources(self, usage: Usage, ours_at_start: int) -> Resources:
        """Return what the tree used; processes left running are in no account."""
        # A process begins as a copy of its starter, so its peak is at least ours: that much says nothing.
        largest = usage.largest if usage.largest > ours_at_start + _NOISE else 0
        return {
            "cpu_user_seconds": round(usage.user, 6),
            "cpu_system_seconds": round(usage.system, 6),
            "peak_memory_bytes": max(self._memory, largest) or None,
            "peak_processes": self._processes or None,
            "read_bytes": usage.read,
            "written_bytes": usage.written,
            "samples": self._samples,
            "series": self._series.facts(),
        }
