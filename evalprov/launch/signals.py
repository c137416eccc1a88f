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
from evalprov.launch.tree import end_tree, tree_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.launch.child import Child
    from evalprov.launch.tree import Tree

STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_PASSED_ON = (*STOP, signal.SIGUSR1, signal.SIGUSR2)
_NOTICED = (signal.SIGWINCH, signal.SIGCONT)
_FROM_KERNEL = 0x80  # the si_code of what a terminal sends
_SETTLING = 0.02  # a sender that goes through a list of processes is through with it by then
_LONGEST_WAIT = 1e6
_KILLED_WITHIN = 5.0
_WAKING = 0.1
_CATS = ("/bin/cat", "/usr/bin/cat")


def taken() -> list[int]:
    """Return the signals that go through our hands; one that is ignored (nohup) stays so for the child."""
    return [number for number in _PASSED_ON if signal.getsignal(number) != signal.SIG_IGN]


def hold(numbers: Sequence[int]) -> set[int]:
    """Keep the signals waiting until somebody asks for them; return the mask that was in force."""
    return set(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, [*numbers, *_NOTICED])))


class Overseer:
    """Passes signals on, follows the window's size, and ends the child's whole tree when its time is up."""

    def __init__(self, child: Child, numbers: Sequence[int]) -> None:
        self.timed_out = False
        self.stopped_by: str | None = None  # the first signal that was to stop the child
        self.warnings: list[str] = []
        self._child = child
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
                self._heed(min(due) - time.monotonic() if due else _LONGEST_WAIT)
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
        def tree() -> Tree:
            return tree_of(self._child.pid, self._child.apart)

        if end_tree(tree, signal.SIGTERM, self._grace, self._heed):
            left = end_tree(tree, signal.SIGKILL, _KILLED_WITHIN, self._heed)
            if left:
                self.warnings.append(f"could not be killed: {', '.join(map(str, left))}")
        self._give_up_at = time.monotonic() + PATIENCE

    def _heed(self, seconds: float) -> None:
        """Wait so long for a signal and see to it."""
        info = signal.sigtimedwait([*self._numbers, *_NOTICED], min(max(seconds, 0.0), _LONGEST_WAIT))
        if info is None:
            return
        if info.si_signo in _NOTICED:
            self._follow_size()
        else:
            self._pass_on(info)

    def _pass_on(self, info: signal.struct_siginfo) -> None:
        number = info.si_signo
        running = self._child.running
        if number in STOP and not self.stopped_by and (running or self._child.ended_by(number)):
            self.stopped_by = signal.Signals(number).name
        if not running:
            # We are all that is left to stop, and what keeps us can only be a reader that does not read.
            self._give_up_at = self._give_up_at or time.monotonic() + PATIENCE
        elif not self._witness.got(info):
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


class Witness:
    """A process in our group that only lets signals wait: what waits there went to the whole group.

    Nothing else tells `kill -TERM PID` from `kill -TERM -GROUP`, and the child must get either of them once.
    """

    def __init__(self, numbers: Sequence[int], apart: set[int]) -> None:
        self._numbers = numbers
        self._apart = apart
        self._pid = 0
        self._leash = -1
        if numbers:
            self._start()

    def got(self, info: signal.struct_siginfo) -> bool:
        """Say whether a signal went to our whole process group, and so to all others in it as well."""
        number = info.si_signo
        terminal = info.si_code == _FROM_KERNEL
        if not terminal:
            time.sleep(_SETTLING)
        if self._saw(number):
            # A copy for us alone in the same moment is the same wish.
            while signal.sigtimedwait([number], 0):
                pass
            return True
        # A terminal that hangs up tells the head of its session alone.
        return terminal and not (number == signal.SIGHUP and os.getsid(0) == os.getpid())

    def stop(self) -> None:
        """Let it go."""
        if self._leash >= 0:
            leash, self._leash = self._leash, -1
            with suppress(OSError):  # it is closed, whatever is said
                os.close(leash)

    def _start(self) -> None:
        self._pid = 0  # without it a signal's sender alone says who got it
        try:
            near, self._leash = os.pipe()
        except OSError:
            return
        try:
            # It reads from a pipe that nobody writes to, and so ends when we do, however that happens.
            self._pid = os.posix_spawn(
                next(filter(os.path.exists, _CATS), _CATS[0]),
                ("cat",),
                {},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, near, 0),
                    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                ],
                setsigmask=self._numbers,
            )
            self._apart.add(self._pid)
        except OSError:
            return
        finally:
            with suppress(OSError):
                os.close(near)

    def _saw(self, number: int) -> bool:
        """Say whether it got this signal since it was last asked."""
        waiting = self._waiting()
        if not waiting >> (number - 1) & 1:
            return False
        self.stop()
        self._start()
        return True

    def _waiting(self) -> int:
        """Return the signals that wait there, a bit each."""
        try:
            with open(f"/proc/{self._pid}/status", "rb") as file:
                fields = dict(line.split(b":", 1) for line in file.read().splitlines())
            return int(fields[b"SigPnd"], 16) | int(fields[b"ShdPnd"], 16)
        except (OSError, ValueError, KeyError):
            return 0
