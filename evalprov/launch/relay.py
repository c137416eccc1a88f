"""Pass the child's output on, byte for byte, in order, at once; and to the sinks."""

from __future__ import annotations

import _thread
import contextlib
import errno
import os
import select
import stat
import time
from typing import TYPE_CHECKING, Protocol

from evalprov.launch.digest import Digest
from evalprov.named import NamedTuple
from evalprov.platform import widen_pipe
from evalprov.platform.events import Events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.launch.terminal import Turns

CHUNK = 1 << 16
# How much a pipe may hold before its writer has to wait. A user has only so much for all pipes together.
PIPE_SIZE = 1 << 18
# How long the end of a stream is waited for once the child is gone and only others hold it.
PATIENCE = 1.0
# No pipe or pty holds more than this unless a privileged process asked for it.
_MOST_HELD = 1 << 20
# How long one of two terminals waits for its turn: short while there is something, long in a pause.
_SHORT_TURN = 0.001
_LONG_TURN = 0.016
_GONE = (errno.EPIPE, errno.EIO, errno.ECONNRESET, errno.ENXIO)


class Sink(Protocol):
    """Anything that wants a stream's bytes; where it raises, it is left out from then on, with a warning."""

    def feed(self, data: bytes, newlines: int) -> None:
        """Take the next bytes, and how many line ends are in them."""


class StreamEnd(NamedTuple):
    """What went through one stream."""

    bytes: int
    lines: int
    sha256: str
    terminal: bool
    complete: bool  # false if a process left behind still held it, or its reader did not take the rest


class RelayedStream:
    """One output stream on its way from the child to the user."""

    def __init__(self, name: str, source: int, target: int, sinks: Sequence[Sink], *, terminal: bool) -> None:
        self.name = name
        self.source = source  # -1 when there is none, or no more
        self.target = target
        self.terminal = terminal
        self.complete = True
        self.held = False  # by a process that was left running
        self.warnings: list[str] = []
        self._sinks = list(sinks)
        self.passed = 0
        self._lines = 0
        self._digest = Digest()

    def read(self, limit: int) -> bytes | None:
        """Return what is there and hand it to the sinks; empty at the end, None when there is nothing yet."""
        try:
            data = os.read(self.source, limit)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno != errno.EIO:  # the way a pty ends
                self.complete = False
                self.warnings.append(f"{self.name} could not be read to its end: {error.strerror}")
            return b""
        self.passed += len(data)
        newlines = data.count(b"\n")
        self._lines += newlines
        self._digest.feed(data)
        for sink in tuple(self._sinks):
            try:
                sink.feed(data, newlines)
            except Exception as error:  # noqa: BLE001 - nothing of ours may harm the child
                self._sinks.remove(sink)
                words = f"{type(error).__name__}: {error}"
                self.warnings.append(f"{self.name} was not followed to its end by {type(sink).__name__}: {words}")
        return data

    def write(self, data: bytes) -> bool:
        """Give the user the bytes; say whether that went well, else nobody reads this stream any more."""
        try:
            sent = _write(self.target, data)
            while sent < len(data):
                sent += _write(self.target, memoryview(data)[sent:])
        except OSError as error:
            if error.errno not in _GONE:
                self.warnings.append(f"{self.name} could not be passed on: {error.strerror}; it was closed")
            return False
        return True

    def close(self) -> None:
        """Let go of the child's end, so that a child that goes on writing is told."""
        if self.source >= 0:
            source, self.source = self.source, -1
            with contextlib.suppress(OSError):  # it is closed, whatever is said
                os.close(source)

    def leave_off(self) -> None:
        """Take no more from here on, though there was more."""
        self.complete = False
        self._sinks.clear()

    def end(self) -> StreamEnd:
        """Return what went through."""
        return StreamEnd(self.passed, self._lines, self._digest.hexdigest(), self.terminal, self.complete)


class Relay:
    """Passes on streams that end in the same place, in one thread so that they keep their order."""

    def __init__(self, streams: Sequence[RelayedStream], ended: int, turns: Turns | None = None) -> None:
        self._turns = turns
        self._streams = {stream.source: stream for stream in streams}
        self._ended = ended  # a descriptor that is at its end once the child is
        self._deadline: float | None = None
        self._ready: list[RelayedStream] = []  # in the order in which they became so
        self._owed: dict[RelayedStream, int] = {}  # once the child is gone: how much may be there from before
        self._events = Events()
        self._lock = _thread.allocate_lock()
        self._over = False
        self._idle = _thread.allocate_lock()
        self._idle.acquire()

    def start(self) -> None:
        """Begin, in a thread of its own: a reader that does not read must not hold up anything else."""
        _thread.start_new_thread(self._run, ())

    def wait(self) -> None:
        """Return when everything was passed on, or given up."""
        with self._idle:
            return

    def give_up(self) -> None:
        """Wait no longer for a reader that does not read."""
        for stream in self._finish():
            stream.leave_off()
            stream.warnings.append(f"{stream.name}: its reader did not take the rest, which is lost")

    def _finish(self) -> list[RelayedStream]:
        """Let go of who waits, once; return the streams that had not come to their end."""
        with self._lock:
            if self._over:
                return []
            self._over = True
            self._idle.release()
            return list(self._streams.values())

    def _run(self) -> None:
        try:
            self._pass_on()
        except Exception as error:  # noqa: BLE001 - the child is told by a closed pipe, the user by the record
            for stream in self._streams.values():
                stream.leave_off()
                stream.warnings.append(f"{stream.name} broke off: {type(error).__name__}: {error}")
        for stream in list(self._streams.values()):
            self._close(stream)
        self._finish()

    def _pass_on(self) -> None:
        self._events.watch(self._ended)
        for stream in self._streams.values():
            self._events.watch(stream.source)
            if _notices_its_reader(stream.target, self._ended):
                self._events.watch(stream.target, reads=False)
        if self._turns:
            self._take_turns(self._turns)
        while self._streams and not self._over:
            for descriptor in self._events.wait(self._patience()):
                self._notice(descriptor)
            for stream in self._ready[:]:
                if not self._move(stream):
                    self._ready.remove(stream)
            if self._deadline is not None and time.monotonic() >= self._deadline:
                self._leave_the_rest()

    def _take_turns(self, turns: Turns) -> None:
        """Pass on two streams in the very order in which they were written, as long as the child is there."""
        now, other = self._streams.values()
        wait = _SHORT_TURN
        while self._deadline is None and not self._over and len(self._streams) == 2:
            begun, so_far = time.monotonic(), now.passed
            for descriptor in self._events.wait(wait):
                self._notice(descriptor)
            while self._move(now) and time.monotonic() < begun + _LONG_TURN:
                pass
            if now not in self._streams.values():
                break
            turns.stop(now.source)
            while self._move(now):  # what came until it was stopped
                pass
            turns.start(other.source)
            wait = _SHORT_TURN if now.passed > so_far else min(2 * wait, _LONG_TURN)
            now, other = other, now
        turns.end()
        self._ready = list(self._streams.values())

    def _patience(self) -> float | None:
        if self._ready or self._deadline is None:
            return 0 if self._ready else None
        return max(0.0, self._deadline - time.monotonic())

    def _notice(self, descriptor: int) -> None:
        if descriptor == self._ended:
            self._events.forget(descriptor)
            self._deadline = time.monotonic() + PATIENCE
            self._owed = dict.fromkeys(self._streams.values(), _MOST_HELD)
            self._ready += [stream for stream in self._owed if stream not in self._ready]
        elif descriptor not in self._streams:
            for stream in [one for one in self._streams.values() if one.target == descriptor]:
                self._unread(stream)
        elif self._streams[descriptor] not in self._ready:
            self._ready.append(self._streams[descriptor])

    def _move(self, stream: RelayedStream) -> bool:
        """Pass on what is there; say whether there may be more without anything to notice."""
        # As much as could be there when this stream's turn came: what the other one has is younger.
        return all(self._move_some(stream) for _ in range(PIPE_SIZE // CHUNK))

    def _move_some(self, stream: RelayedStream) -> bool:
        if stream.source < 0:
            return False
        data = stream.read(CHUNK)
        if data is None:
            self._owed.pop(stream, None)
            return False
        if not data:
            self._close(stream)
            return False
        if not stream.write(data):
            self._unread(stream)
            return False
        if stream in self._owed:
            self._owed[stream] -= len(data)
            if self._owed[stream] <= 0:
                del self._owed[stream]
            return True
        # A pipe gives all it has; a pty does not.
        return stream.terminal or len(data) == CHUNK

    def _unread(self, stream: RelayedStream) -> None:
        """Close a stream nobody reads, so that the child is told; what it had written already is recorded."""
        taken = 0
        while taken < _MOST_HELD and (data := stream.read(CHUNK)):
            taken += len(data)
        self._close(stream)

    def _close(self, stream: RelayedStream) -> None:
        del self._streams[stream.source]
        self._owed.pop(stream, None)
        for descriptor in (stream.source, stream.target):
            self._events.forget(descriptor)
        stream.close()

    def _leave_the_rest(self) -> None:
        for stream in list(self._streams.values()):
            if stream not in self._owed:
                stream.leave_off()
                stream.held = True
                self._close(stream)


def open_pipe() -> tuple[int, int]:
    """Return the two ends of a pipe that takes a good deal before its writer has to wait."""
    ours, childs = os.pipe()
    widen_pipe(ours, PIPE_SIZE)
    return ours, childs


def _write(descriptor: int, data: bytes | memoryview) -> int:
    while True:
        try:
            return os.write(descriptor, data)
        except BlockingIOError:  # somebody who shares it made it so
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            poll.poll()


def _notices_its_reader(descriptor: int, pipe: int) -> bool:
    """Say whether a reader that goes is gone for good: a named pipe may get another one."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    # Pipes without a name are no file system's, and so have a device of their own.
    nameless = stat.S_ISFIFO(found.st_mode) and found.st_dev == os.fstat(pipe).st_dev
    return nameless or stat.S_ISSOCK(found.st_mode)
