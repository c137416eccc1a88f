"""Run other people's commands for a collector: several at once, bounded in time and size, without a thread."""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress

from evalprov.named import NamedTuple
from evalprov.platform.events import end_of

OUTPUT_LIMIT = 64 << 20
_LOOK = 0.05  # seconds between two looks for an end that nothing tells of
GIT_PATIENCE = 5.0  # seconds for all that git is asked; what takes longer is a hanging filter or file system


class Question(NamedTuple):
    """A question put to another program."""

    argv: tuple[str, ...]
    cwd: str | None = None
    env: dict[str, str] | None = None  # null is ours
    stdin: bytes = b""
    timeout: float = 30.0


class Reply(NamedTuple):
    """What it said; `code` is negative for a signal, `problem` says why there is no proper answer."""

    code: int
    out: bytes
    err: bytes
    problem: str | None = None

    @property
    def complaint(self) -> str:
        """Its own words on why it failed, in one line."""
        words = self.err.decode("utf-8", "replace").strip().splitlines()
        return self.problem or (words[0] if words else f"exit {self.code}")


class TimeBudget:
    """How long several commands together may be waited for; no limit where nothing is said."""

    def __init__(self, seconds: float = float("inf")) -> None:
        self.seconds = self.left = seconds


class Running:
    """One started command, read without blocking by whoever polls its descriptors."""

    def __init__(self, command: Question, budget: TimeBudget | None = None) -> None:
        self.command = command
        self.budget = budget or TimeBudget()
        self.answer: Reply | None = None
        # Counted from when somebody waits: what we do meanwhile is not its slowness.
        self.deadline: float | None = None
        self._unsent = command.stdin
        self._pid = 0
        self._in = self._out = self._err = -1
        self._end: int | None = None
        self._status: int | None = None
        self._open: dict[int, list[bytes]] = {}
        self._said: dict[int, list[bytes]] = {}
        self._size = 0
        try:
            self._start()
        except OSError as error:
            self.answer = Reply(127, b"", b"", f"{command.argv[0]}: {error.strerror}")

    def _start(self) -> None:
        argv = self.command.argv
        if self.command.cwd is not None:
            # posix_spawn cannot change folder, and a fork of ours would cost more than this does.
            argv = ("/bin/sh", "-c", 'cd -- "$0" && exec "$@"', self.command.cwd, *argv)
        ends: list[int] = []
        try:
            for _ in range(3):
                ends += os.pipe()
            self._pid = os.posix_spawnp(
                argv[0],
                argv,
                os.environ if self.command.env is None else self.command.env,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, ends[0], 0),
                    (os.POSIX_SPAWN_DUP2, ends[3], 1),
                    (os.POSIX_SPAWN_DUP2, ends[5], 2),
                ],
                setpgroup=0,
                setsigdef=[signal.SIGPIPE],
            )
        except OSError:
            for end in ends:
                os.close(end)
            raise
        in_read, self._in, self._out, out_write, self._err, err_write = ends
        for end in (in_read, out_write, err_write):
            os.close(end)
        for end in (self._in, self._out, self._err):
            os.set_blocking(end, False)
        self._said = {self._out: [], self._err: []}
        self._open = dict(self._said)
        # What it leaves behind may hold its output open: its own end is what is waited for, where the system tells it.
        self._end = end_of(self._pid)
        self._send()

    def wanted(self) -> list[tuple[int, int]]:
        """Return the descriptors to poll, with what for."""
        reads = [(end, select.POLLIN) for end in (*self._open, self._end) if end is not None]
        return [*reads, (self._in, select.POLLOUT)] if self._in >= 0 else reads

    @property
    def ends_unseen(self) -> bool:
        """Whether its end has to be looked for: no descriptor tells of it."""
        return self._end is None and self.answer is None

    def look(self) -> None:
        """See whether it has ended."""
        with suppress(ChildProcessError):
            ended, status = os.waitpid(self._pid, os.WNOHANG)
            if ended:
                self._status = status
                self._take_the_rest()

    def ready(self, end: int) -> None:
        """Take up what one descriptor has."""
        if end == self._in:
            self._send()
        elif end == self._end:
            self._take_the_rest()
        else:
            self._read(end)

    def _take_the_rest(self) -> None:
        """Read what it left, and no more of what others write who still hold its output."""
        for still in list(self._open):
            with suppress(BlockingIOError):
                while still in self._open:
                    self._read(still)
        if self.answer is None:
            self._settle(None)

    def _read(self, end: int) -> None:
        data = os.read(end, 1 << 16)
        self._size += len(data)
        if self._size > OUTPUT_LIMIT:
            self.stop(f"{self.command.argv[0]}: printed more than {OUTPUT_LIMIT >> 20} MiB")
        elif data:
            self._open[end].append(data)
        else:
            del self._open[end]
            os.close(end)
            if not self._open:
                self._settle(None)

    def stop(self, problem: str) -> None:
        """End it and whatever it started; the problem is the answer."""
        if self.answer is None:
            with suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)
            self._settle(problem)

    def _send(self) -> None:
        try:
            while self._unsent:
                self._unsent = self._unsent[os.write(self._in, self._unsent) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            pass
        os.close(self._in)
        self._in = -1

    def _settle(self, problem: str | None) -> None:
        for end in (*self._open, self._in, -1 if self._end is None else self._end):
            if end >= 0:
                os.close(end)
        self._open.clear()
        self._in, self._end = -1, None
        try:
            if self._status is None:
                _, self._status = os.waitpid(self._pid, 0)
            code = os.waitstatus_to_exitcode(self._status)
        except ChildProcessError:  # somebody else has waited for it
            code, problem = 127, problem or f"{self.command.argv[0]}: how it ended is not known"
        self.answer = Reply(code, b"".join(self._said[self._out]), b"".join(self._said[self._err]), problem)


def wait_any(running: list[Running], *, patient: bool = True) -> None:
    """Read from all of them until at least one has its answer; without patience, what is there to read at once."""
    while not any(one.answer for one in running):
        poll = select.poll()
        owner: dict[int, Running] = {}
        for one in running:
            for end, events in one.wanted():
                poll.register(end, events)
                owner[end] = one
        began = time.monotonic()
        unseen = [one for one in running if one.ends_unseen]
        left = min(min(map(_due, running)) - began, _LOOK if unseen else float("inf"))
        spoke: set[int] = set()
        spoken = poll.poll(max(0.0, left) * 1000 if patient else 0)
        waited = time.monotonic() - began
        for budget in {one.budget for one in running}:
            budget.left -= waited
        for end, _ in spoken:
            spoke.add(id(owner[end]))
            if owner[end].answer is None:
                owner[end].ready(end)
        for one in unseen:
            if id(one) not in spoke and one.answer is None:
                one.look()
        for one in running:
            # What it has said by now is taken first, however late we come to it.
            if time.monotonic() >= _due(one) and id(one) not in spoke:
                one.stop(f"{one.command.argv[0]}: no answer within {_limit(one):g} s")
        if not patient:
            return


def _due(one: Running) -> float:
    """Return until when a command is waited for."""
    now = time.monotonic()
    if one.deadline is None:
        one.deadline = now + one.command.timeout
    return min(one.deadline, now + one.budget.left)


def _limit(one: Running) -> float:
    return one.budget.seconds if one.budget.left <= 0 else one.command.timeout
