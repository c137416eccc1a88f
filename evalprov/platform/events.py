"""What is waited for: signals, the ends of children, and descriptors that have something."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple
from evalprov.platform.processes import HAS_PROC, signal_sets

if TYPE_CHECKING:
    import resource
    from collections.abc import Iterable, Iterator, Sequence

_FROM_KERNEL = 0x80  # the si_code of what a terminal sends
_LONGEST_WAIT = 1e6
_SETTLING = 0.02  # a sender that goes through a list of processes is through with it by then
_CATS = ("/bin/cat", "/usr/bin/cat")
_SHORT_LOOK, _LONG_LOOK = 0.001, 0.02  # between two looks, where nothing waits with a bound


class ReceivedSignal(NamedTuple):
    """A signal that came, and whether a terminal sent it, as far as the system tells."""

    number: int
    from_terminal: bool


def heed_children() -> None:
    """Stop ignoring how children end, as some daemons have those do that they start: nobody could learn it.

    A handler that does nothing takes that place, and by it is known what a program that we start is to have.
    """
    if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, lambda *_: None)


def hold_back(numbers: Sequence[int]) -> set[int]:
    """Keep signals waiting until somebody asks for them; return the mask that was in force."""
    if not hasattr(signal, "sigtimedwait") and signal.getsignal(signal.SIGWINCH) == signal.SIG_DFL:
        # A BSD drops what nobody has a use for, held back or not; a program that we start has it as usual again.
        signal.signal(signal.SIGWINCH, lambda *_: None)
    return set(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, numbers)))


@contextlib.contextmanager
def taking_no_signals() -> Iterator[None]:
    """Start a thread in this that no signal may end up in: a thread has the mask of whom it was started by."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def signal_name(number: int) -> str:
    """Return what a signal is called here."""
    try:
        return signal.Signals(number).name
    except ValueError:
        first = getattr(signal, "SIGRTMIN", None)
        return f"signal {number}" if first is None else f"SIGRTMIN+{number - first}"


def wait_for_signal(numbers: Iterable[int], seconds: float) -> ReceivedSignal | None:
    """Wait so long for one of these signals, which are all held back; null where none came."""
    seconds = min(max(seconds, 0.0), _LONGEST_WAIT)
    if sys.platform == "linux" and hasattr(signal, "sigtimedwait"):
        info = signal.sigtimedwait(numbers, seconds)
        return None if info is None else ReceivedSignal(info.si_signo, info.si_code == _FROM_KERNEL)
    wanted = set(numbers)
    if seconds < _LONGEST_WAIT:
        until, pause = time.monotonic() + seconds, _SHORT_LOOK
        while not signal.sigpending() & wanted:
            if (left := until - time.monotonic()) <= 0:
                return None
            time.sleep(min(left, pause))
            pause = min(2 * pause, _LONG_LOOK)
    return ReceivedSignal(int(signal.sigwait(wanted)), from_terminal=False)


class Witness:
    """A process in our group that gets the signals we get: what came there went to the whole group.

    Nothing else tells `kill -TERM PID` from `kill -TERM -GROUP`, and the child must get either of them once.
    Where /proc shows it, signals only wait there; elsewhere it ends by them.
    """

    def __init__(self, numbers: Sequence[int], apart: set[int]) -> None:
        self._numbers = numbers
        self._apart = apart
        self._pid = 0
        self._leash = self._life = -1
        if numbers:
            self._start()

    def got(self, received: ReceivedSignal) -> bool:
        """Say whether a signal went to our whole process group, and so to all others in it as well."""
        if not received.from_terminal:
            time.sleep(_SETTLING)
        if self._saw(received.number):
            # A copy for us alone in the same moment is the same wish. While there was no witness, all are taken for it.
            while wait_for_signal([received.number] if HAS_PROC else self._numbers, 0):
                pass
            return True
        # A terminal that hangs up tells the head of its session alone.
        return received.from_terminal and not (received.number == signal.SIGHUP and os.getsid(0) == os.getpid())

    def stop(self) -> None:
        """Let it go."""
        for end in (self._leash, self._life):
            if end >= 0:
                with contextlib.suppress(OSError):  # it is closed, whatever is said
                    os.close(end)
        self._leash = self._life = -1

    def _start(self) -> None:
        self._pid = 0  # without it a signal's sender alone says who got it
        near, alive = -1, -1
        try:
            near, self._leash = os.pipe()
            # It reads from a pipe that nobody writes to, and so ends when we do, however that happens.
            if HAS_PROC:
                self._pid = os.posix_spawn(_cat(), ("cat",), {}, file_actions=_wired(near), setsigmask=self._numbers)
            else:
                self._life, alive = os.pipe()
                words = ("sh", "-c", 'ulimit -c 0; exec "$0"', _cat())
                wiring = [*_wired(near), (os.POSIX_SPAWN_DUP2, alive, 1)]
                self._pid = os.posix_spawn(
                    "/bin/sh", words, {}, file_actions=wiring, setsigmask=(), setsigdef=self._numbers
                )
            self._apart.add(self._pid)
        except OSError:
            return
        finally:
            for end in (near, alive):
                if end >= 0:
                    os.close(end)

    def _saw(self, number: int) -> bool:
        """Say whether it got this signal since it was last asked."""
        if not (self._holds(number) if HAS_PROC else self._has_ended()):
            return False
        self.stop()
        self._start()
        return True

    def _holds(self, number: int) -> bool:
        told = signal_sets(self._pid)
        return bool((told.get("SigPnd", 0) | told.get("ShdPnd", 0)) >> (number - 1) & 1)

    def _has_ended(self) -> bool:
        if self._life < 0:
            return False
        poll = select.poll()
        poll.register(self._life, 0)
        return bool(poll.poll(0))


def _cat() -> str:
    return next(filter(os.path.exists, _CATS), _CATS[0])


def _wired(stdin: int) -> list[tuple[Any, ...]]:
    """Return what makes a process read from here and say nothing."""
    nothing = [(os.POSIX_SPAWN_OPEN, end, os.devnull, os.O_WRONLY, 0) for end in (1, 2)]
    return [(os.POSIX_SPAWN_DUP2, stdin, 0), *nothing]


class EndedChild(NamedTuple):
    """A child that has ended; where the system lets us look first, it is not reaped yet."""

    pid: int
    reaped: tuple[int, int, resource.struct_rusage] | None

    def reap(self) -> tuple[int, resource.struct_rusage]:
        """Return its status and what it used; ChildProcessError where somebody else has waited for it."""
        return (self.reaped or os.wait4(self.pid, 0))[1:]


def next_ended(*, wait: bool) -> EndedChild | None:
    """Return a child that has ended, or where we need not wait for one null; ChildProcessError where there is none."""
    if sys.platform == "linux" and hasattr(os, "waitid"):
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | (0 if wait else os.WNOHANG))
        return None if found is None else EndedChild(found.si_pid, None)
    # The command's number is free for the moment until this is known; elsewhere numbers come round late.
    reaped = os.wait4(-1, 0 if wait else os.WNOHANG)
    return EndedChild(reaped[0], reaped) if reaped[0] else None


def may_have_children() -> bool:
    """Say whether this process has a child, or nobody can tell without a closer look."""
    if sys.platform == "linux" and hasattr(os, "waitid"):
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
    return True


def end_of(pid: int) -> int | None:
    """Return a descriptor that has something once a child has ended; null where there is none to be had."""
    if sys.platform == "linux" and hasattr(os, "pidfd_open"):
        with contextlib.suppress(OSError):
            return os.pidfd_open(pid)
    return None


class Events:
    """Tells which descriptors have something; with epoll in the order in which it came."""

    def __init__(self) -> None:
        # Edge-triggered, for only then is the order that of the writes.
        self._waiter: Any = None
        if hasattr(select, "epoll"):
            with contextlib.suppress(OSError):
                self._waiter = select.epoll()
        self._epoll = self._waiter is not None
        self._waiter = self._waiter or select.poll()
        self._watched: dict[int, int] = {}

    def watch(self, descriptor: int, *, reads: bool = True) -> None:
        """Notice bytes and the end, or, without `reads`, only that nobody is at the other end any more."""
        self._watched[descriptor] = wanted = select.POLLIN if reads else 0
        try:
            self._waiter.register(descriptor, wanted | _EDGE if self._epoll else wanted)
        except OSError:  # a user may have so many watched descriptors, and no more
            self._do_without_epoll()

    def forget(self, descriptor: int) -> None:
        """Notice it no more."""
        if self._watched.pop(descriptor, None) is not None:
            with contextlib.suppress(OSError):
                self._waiter.unregister(descriptor)

    def _do_without_epoll(self) -> None:
        self._epoll = False
        self._waiter = select.poll()
        for descriptor, wanted in self._watched.items():
            self._waiter.register(descriptor, wanted)

    def wait(self, seconds: float | None) -> list[int]:
        """Return the descriptors that have something new."""
        if self._epoll:
            try:
                return [descriptor for descriptor, _ in self._waiter.poll(seconds)]
            except OSError:
                self._do_without_epoll()
        if seconds is not None:
            seconds *= 1000
        return [descriptor for descriptor, _ in self._waiter.poll(seconds)]


_EDGE: int = getattr(select, "EPOLLET", 0)
