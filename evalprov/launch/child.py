"""The started process until it is reaped, with the orphans it leaves to us."""

from __future__ import annotations

import _thread
import os
import time
from contextlib import suppress

from evalprov.launch.resources import Usage
from evalprov.platform.events import next_ended
from evalprov.platform.processes import moved_bytes, peak_bytes


class Child:
    """A started process; a signal can never reach another one that got its pid."""

    def __init__(self, pid: int, begun: float, apart: set[int], ended: tuple[int, int]) -> None:
        self.pid = pid
        self.apart = apart  # children of ours that have nothing to do with this one
        self.ended, self._announce = ended  # of a pipe: the first is at its end once the child is, for all who wait
        self.status: int | None = None  # as wait has it; stays null if somebody else took it
        self.usage = Usage()
        self.seconds = 0.0
        self.running = True
        self._begun = begun
        self._lock = _thread.allocate_lock()
        self._reaped = _thread.allocate_lock()
        self._reaped.acquire()

    def start_waiting(self) -> None:
        """Reap it, and the orphans we become the parent of, in a thread of its own until it ends."""
        _thread.start_new_thread(self._wait, ())

    def join(self) -> None:
        """Return when it has ended."""
        with self._reaped:
            return

    def send(self, number: int) -> str | None:
        """Send it a signal; return why that was not possible. One that has ended needs none."""
        with self._lock:
            if not self.running:
                return None
            try:
                os.kill(self.pid, number)
            except OSError as error:
                return error.strerror
        return None

    def ended_by(self, number: int) -> bool:
        """Say whether its end shows that this signal caused it."""
        if self.status is None:
            return False
        return os.waitstatus_to_exitcode(self.status) in (-number, 128 + number)

    def _wait(self) -> None:
        try:
            while self.running:
                self._reap_one(wait=True)
        finally:
            self.running = False
            self.seconds = time.monotonic() - self._begun
            with suppress(OSError):  # it is closed, whatever is said
                os.close(self._announce)
            self._reaped.release()

    def reap_the_dead(self) -> None:
        """Count what ended with it, or was ended, without being waited for; to be called after its end."""
        while self._reap_one(wait=False):
            pass

    def _reap_last(self) -> None:
        """Where nobody is said to be left to wait for, ask for the command alone: somebody else may have waited."""
        with suppress(ChildProcessError):
            _, self.status, used = os.wait4(self.pid, 0)
            self.usage = self.usage.plus(used.ru_utime, used.ru_stime, peak_bytes(used), None)
        self.running = False

    def _reap_one(self, *, wait: bool) -> bool:
        try:
            # A look first: what a process read and wrote can be asked until it is reaped.
            found = next_ended(wait=wait)
        except ChildProcessError:
            if not self.running:
                return False
            self._reap_last()
            return True
        if found is None:
            return False
        moved = moved_bytes(found.pid)
        with self._lock:
            try:
                status, used = found.reap()
            except ChildProcessError:
                return True  # somebody else was quicker
            if found.pid == self.pid:
                self.status = status
                self.running = False
        if found.pid in self.apart:
            self.apart.discard(found.pid)
        else:
            self.usage = self.usage.plus(used.ru_utime, used.ru_stime, peak_bytes(used), moved)
        return True
