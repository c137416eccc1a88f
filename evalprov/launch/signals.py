"""Stand between the child and the world: signals, the window size, and the clock."""

from __future__ import annotations

import _thread
import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from evalprov.launch.relay import PATIENCE, Relay, RelayedStream
from evalprov.launch.terminal import follow_size
from evalprov.platform.events import ReceivedSignal, Witness, hold_back, wait_for_signal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evalprov.launch.child import Child
    from evalprov.platform.processes import ProcessTree

STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_PASSED_ON = (*STOP, signal.SIGUSR1, signal.SIGUSR2)
_NOTICED = (signal.SIGWINCH, signal.SIGCONT)
_KILLED_WITHIN = 5.0
_WAKING = 0.1


def taken() -> list[int]:
    """Return the signals that go through our hands; one that is ignored (nohup) stays so for the child."""
    return [number for number in _PASSED_ON if signal.getsignal(number) != signal.SIG_IGN]


def hold(numbers: Sequence[int]) -> set[int]:
    """Keep the signals waiting until somebody asks for them; return the mask that was in force."""
    return hold_back([*numbers, *_NOTICED])


def waiting_to_stop() -> str | None:
    """Return a signal to stop that came once nobody passed them on any more; it stays for who else asks."""
    return next((signal.Signals(number).name for number in STOP if number in signal.sigpending()), None)


class Overseer:
    """Passes signals on, follows the window's size, and ends the child's whole tree when its time is up."""

    def __init__(self, child: Child, tree: ProcessTree, numbers: Sequence[int]) -> None:
        self.timed_out = False
        self.stopped_by: str | None = None  # the first signal that was to stop the child
        self.warnings: list[str] = []
        self._child = child
        self._tree = tree
        self._numbers = numbers
        self._relays: Sequence[Relay] = ()
        self._terminals: list[RelayedStream] = []
        self._deadline: float | None = None
        self._grace = 0.0
        self._give_up_at: float | None = None
        self._witness = Witness(numbers, child.apart)
        self._lock = _thread.allocate_lock()
        self._thread: int | None = None
        self._over = False
        self._done = _thread.allocate_lock()
        self._done.acquire()

    def start(
        self, relays: Sequence[Relay], streams: Sequence[RelayedStream], timeout: float | None, grace: float
    ) -> None:
        """Begin, in a thread of its own."""
        self._relays = relays
        self._terminals = [stream for stream in streams if stream.terminal]
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._grace = grace
        self._thread = _thread.start_new_thread(self._run, ())

    def stop(self) -> None:
        """Return when nothing is left to do here."""
        with self._lock:
            self._over = True
        self._wake()
        while not self._done.acquire(timeout=_WAKING):
            self._wake()
        self._witness.stop()

    def _wake(self) -> None:
        with self._lock, suppress(OSError):  # what cannot be sent now can be later
            if self._thread is not None:
                signal.pthread_kill(self._thread, signal.SIGCONT)

    def _run(self) -> None:
        try:
            while not self._over:
                due = [at for at in (self._deadline, self._give_up_at) if at is not None]
                self._heed(min(due) - time.monotonic() if due else float("inf"))
                self._look_at_the_clock()
        except Exception as error:  # noqa: BLE001 - it must not reach the user's terminal
            self.warnings.append(f"signals were not passed on to the end: {type(error).__name__}: {error}")
        finally:
            with self._lock:
                self._thread = None
            self._done.release()

    def _look_at_the_clock(self) -> None:
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            if self._child.running:
                self.timed_out = True
                self._end_everything()
        if self._give_up_at is not None and now >= self._give_up_at:
            self._give_up_at = None
            for relay in self._relays:
                relay.give_up()

    def _end_everything(self) -> None:
        if end_tree(self._tree, signal.SIGTERM, self._grace, self._heed):
            left = end_tree(self._tree, signal.SIGKILL, _KILLED_WITHIN, self._heed)
            if left:
                self.warnings.append(f"could not be killed: {', '.join(map(str, left))}")
        self._give_up_at = time.monotonic() + PATIENCE

    def _heed(self, seconds: float) -> None:
        """Wait so long for a signal and see to it."""
        received = wait_for_signal([*self._numbers, *_NOTICED], seconds)
        if received is None:
            return
        if received.number in _NOTICED:
            self._follow_size()
        else:
            self._pass_on(received)

    def _pass_on(self, received: ReceivedSignal) -> None:
        number = received.number
        running = self._child.running
        if number in STOP and not self.stopped_by and (running or self._child.ended_by(number)):
            self.stopped_by = signal.Signals(number).name
        if not running:
            # We are all that is left to stop, and what keeps us can only be a reader that does not read.
            self._give_up_at = self._give_up_at or time.monotonic() + PATIENCE
        elif not self._witness.got(received):
            problem = self._child.send(number)
            if problem:
                self.warnings.append(f"{signal.Signals(number).name} could not be passed on: {problem}")

    def _follow_size(self) -> None:
        news = False
        for stream in self._terminals:
            try:
                news |= stream.source >= 0 and follow_size(stream.target, stream.source)
            except OSError:  # it has come to its end
                continue
        if news:
            # The terminal's own signal may have come before the size. Our copy of this one finds no news.
            os.kill(0, signal.SIGWINCH)


def end_tree(tree: ProcessTree, number: int, seconds: float, pause: Callable[[float], None]) -> list[int]:
    """Send a signal to every process of the tree until none is alive; return the pids left after that time.

    A process gets SIGTERM once, SIGKILL at every look, which is a new one each time: nothing is missed.
    """
    told: set[tuple[int, int]] = set()
    until = time.monotonic() + seconds
    tree = tree.anew()
    while alive := tree.look():
        for one in alive:
            if (one.pid, one.start) not in told or number == signal.SIGKILL:
                told.add((one.pid, one.start))
                _send(one.pid, number)
        if time.monotonic() >= until:
            break
        pause(0.02)
        tree = tree.anew()
    return [one.pid for one in alive]


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
        os.kill(pid, signal.SIGCONT)  # a stopped one could not act on it
    except (ProcessLookupError, PermissionError):
        return  # gone, or another user's: the next look shows which
