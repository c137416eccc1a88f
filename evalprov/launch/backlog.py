"""What a log has still to take: it is worked off beside the relaying, so that no command waits for its log.

So much is held in memory. More, where the log has been slow for long, goes to a file that nobody else can read.
"""

from __future__ import annotations

import _thread
import time
from typing import TYPE_CHECKING

from evalprov.private import VeiledFile

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

HELD = 1 << 24  # bytes in memory
QUIET = 1.0  # seconds of waiting for the rest before anything is said of it
WAITS = 2.0  # seconds that the command may have waited in all, for a log that nearly keeps up
_PACE = 5e7  # bytes a second: a log as quick as that is waited for, since putting aside would take as long
_STEP = 0.2  # seconds between two words about how far it is
_TURN = 0.0001  # seconds after which a thread that works lets one that only passes bytes on have its turn


class Backlog:
    """Hands pieces to `work` in a thread of its own, in order."""

    def __init__(self, work: Callable[[bytes], None], held: int = HELD, waits: float = WAITS) -> None:
        import sys
        from collections import deque

        self.lost = 0  # bytes for which there was no room
        self.problem: str | None = None
        self._work = work
        self._most, self._waits = held, waits
        self._pieces: deque[bytes] = deque()
        self._held = self._worked = 0  # bytes in memory so far, and how many of them are done
        self._taken = self._done_with = 0  # bytes, those put aside among them
        self._waited, self._worked_then = 0.0, 0  # seconds, and bytes worked off in them
        self._aside: _Aside | None = None
        self._ended = False
        self.stopped: str | None = None  # by whom
        self._wake, self._done = _thread.allocate_lock(), _thread.allocate_lock()
        self._wake.acquire()
        self._done.acquire()
        _thread.start_new_thread(self._run, ())
        sys.setswitchinterval(min(sys.getswitchinterval(), _TURN))

    def put(self, data: bytes) -> None:
        """Take a piece: at once, once it has waited its time."""
        if not self._done.locked():
            raise RuntimeError(self.problem)
        if self.lost:
            self.lost += len(data)
            return
        while self._held - self._worked > self._most and self._aside is None and self._is_worth_waiting():
            began, before = time.monotonic(), self._worked
            time.sleep(0.001)
            self._waited += time.monotonic() - began
            self._worked_then += self._worked - before
        self._taken += len(data)
        if self._held - self._worked > self._most or (self._aside and self._aside.waiting):
            self._put_aside(data)
        else:
            self._hold(data)

    def end(
        self,
        progress: Callable[[int, int], None] | None = None,
        stopped_by: Callable[[], str | None] = lambda: None,
        quiet: float = QUIET,
    ) -> None:
        """Return when all is done, or when somebody stops it: then what is left is lost.

        What takes longer than a moment is told how far it is, in bytes since then.
        """
        self._ended = True
        self._ring()
        said = time.monotonic() + quiet
        before, left = 0, 0
        while not self._done.acquire(timeout=_STEP if left else min(_STEP, quiet)):
            if not self.stopped and (signal := stopped_by()):
                self.stopped = f"{signal} ended the cleaning of what was left of it"
            if progress and left:
                progress(min(self._done_with - before, left - 1), left)
            elif time.monotonic() >= said:
                before, left = self._done_with, max(1, self._taken - self._done_with)
        if progress and left:
            progress(left, left)
        self._done.release()
        if self._done_with == self._taken:
            self.stopped = None
        elif self.stopped:
            self.lost += self._taken - self._done_with
        if self._aside:
            self._aside.close()

    def _is_worth_waiting(self) -> bool:
        return self._waited < self._waits or self._worked_then > _PACE * self._waited

    def _hold(self, data: bytes) -> None:
        self._held += len(data)
        self._pieces.append(data)
        self._ring()

    def _put_aside(self, data: bytes) -> None:
        try:
            self._aside = self._aside or _Aside()
            self._aside.put(data)
        except OSError as error:
            # All that follows is left out, too: after a gap nobody could tell the rest of a secret.
            self.lost = len(data)
            self.problem = f"it had to wait to be scrubbed and found no room: {error.strerror or error}"
        self._ring()

    def _ring(self) -> None:
        if self._wake.locked():
            try:
                self._wake.release()
            except RuntimeError:  # the other one was faster
                return

    def _run(self) -> None:
        try:
            ended = False
            while not ended:
                self._wake.acquire()
                ended = self._ended
                self._work_off()
        except Exception as error:  # noqa: BLE001 - a log that breaks off must harm nothing else
            self.problem = f"{type(error).__name__}: {error}"
        finally:
            self._done.release()

    def _work_off(self) -> None:
        while not self.stopped:
            if self._pieces:
                data = self._pieces.popleft()
                self._work(data)
                self._worked += len(data)
                self._done_with += len(data)
            elif self._aside and self._aside.waiting:
                if not self._pieces:  # what is in memory came before it
                    data = self._aside.take()
                    self._work(data)
                    self._done_with += len(data)
            else:
                return


class _Aside:
    """A queue of pieces that nobody else can read."""

    def __init__(self) -> None:
        from collections import deque

        self._file = VeiledFile()
        self._places: deque[tuple[int, int]] = deque()

    @property
    def waiting(self) -> bool:
        """Say whether anything is in it."""
        return bool(self._places)

    def put(self, data: bytes) -> None:
        """Add a piece, whole or not at all."""
        self._places.append(self._file.put(data))

    def take(self) -> bytes:
        """Return the oldest piece."""
        piece = self._file.get(*self._places[0])
        self._places.popleft()
        return piece

    def close(self) -> None:
        """Let go of all."""
        self._file.close()
