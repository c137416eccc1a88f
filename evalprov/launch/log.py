"""The log of one stream: scrubbed, and bounded to its head and its tail."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from evalprov.launch.backlog import Backlog
    from evalprov.secrets import Scrubber

# Kept beyond what is shown, so that a secret across the edge is seen as one.
_MARGIN = 1 << 16
# In this much of it a secret of several lines may have begun before it, and cannot be seen.
_BLIND = 1 << 15
_LEAST_TAIL = 1 << 16
_PIECE = 1 << 13
_PATIENCE = 0.01  # seconds of scrubbing that a command may wait for


class BoundedLog:
    """Writes a stream's bytes to a descriptor, scrubbed: all, or a first and a last half of a limit."""

    def __init__(self, fd: int, scrubber: Scrubber, limit_bytes: int | None) -> None:
        self.omitted = 0  # bytes of the stream that are not in the log, in its middle
        self.problem: str | None = None  # why the log is not whole
        self._fd = fd
        self._scrubber = scrubber
        self._stream = scrubber.stream()
        self._head_left = None if limit_bytes is None else limit_bytes - limit_bytes // 2
        self._tail_limit = 0 if limit_bytes is None else limit_bytes // 2
        self._kept = bytearray()
        self._keep = max(self._tail_limit, _LEAST_TAIL) + _MARGIN
        self._unwritten = 0  # bytes after the head
        self._written = 0
        self._total = 0
        self._last = b"\n"
        self._closed = False
        self._spent = 0.0
        self._backlog: Backlog | None = None

    def feed(self, data: bytes, newlines: int = 0) -> None:  # noqa: ARG002 - what every sink is told
        """Take the next bytes."""
        self._total += len(data)
        self._keep_last(data)
        if self._head_left is None:
            self._take(data)
            return
        head = data[: self._head_left]
        if head:
            self._head_left -= len(head)
            self._take(head)
        self._unwritten += len(data) - len(head)

    def close(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Write the rest, or the tail with a line before it that says how much was left out.

        `progress` is told how far it is, in bytes, where that takes longer than a moment. A signal that is to stop us
        meanwhile ends it: nobody waits for a log against their will.
        """
        if self._closed:
            return
        self._closed = True
        if self._backlog:
            from evalprov.launch.signals import waiting_to_stop

            self._backlog.end(progress, waiting_to_stop)
            self.problem = self.problem or self._backlog.problem
        lost = self._backlog.lost if self._backlog else 0
        if lost and self.problem:
            self.omitted = self._total - self._written
        elif not lost and self._unwritten <= self._tail_limit:
            rest = bytes(self._kept[len(self._kept) - self._unwritten :])
            self._write(self._stream.feed(rest) + self._stream.close())
        else:
            # What the stream's scrubber still holds back may be half a secret: it is left out, too.
            tail = self.tail(self._tail_limit or min(_LEAST_TAIL, lost))
            self.omitted = max(0, self._total - self._written - len(tail))
            start = b"" if self._last == b"\n" else b"\n"
            self._write(b"%s[evalprov: %d bytes left out here]\n%s" % (start, self.omitted, tail))
        if self._backlog:
            self.problem = self.problem or self._backlog.stopped
        self._kept = bytearray(self._kept[-self._keep :])
        with suppress(OSError):
            if os.fstat(self._fd).st_nlink == 0:
                self.problem = self.problem or "it was removed while the command ran"

    def tail(self, limit: int) -> bytes:
        """Return the stream's last bytes, without secrets."""
        data = bytes(self._kept[-limit - _MARGIN :])
        if len(data) < self._total:
            data = data[data.find(b"\n", 0, _BLIND) + 1 :]
            seen = len(self._scrubber.data(data)) - len(self._scrubber.data(data[:_BLIND]))
            limit = max(0, min(limit, seen))
        return self._scrubber.tail(data, limit) if limit else b""

    def _take(self, data: bytes) -> None:
        """Scrub and write what comes next: at once while that costs nothing to speak of, else beside the relaying."""
        at = 0
        while self._backlog is None and at < len(data):
            began = time.monotonic()
            piece = data[at : at + _PIECE]
            self._scrubbed(piece)
            at += len(piece)
            self._spent += time.monotonic() - began
            if self._spent > _PATIENCE:
                from evalprov.launch.backlog import Backlog

                try:
                    self._backlog = Backlog(self._scrubbed)
                except RuntimeError:  # no thread to be had
                    self._spent = 0.0
        if self._backlog and at < len(data):
            self._backlog.put(data[at:])

    def _scrubbed(self, data: bytes) -> None:
        self._write(self._stream.feed(data))

    def _keep_last(self, data: bytes) -> None:
        if len(data) >= self._keep:
            self._kept[:] = memoryview(data)[-self._keep :]
            return
        self._kept += data
        # Twice as much before it is cut, so that the cutting costs next to nothing.
        if len(self._kept) > 2 * self._keep:
            del self._kept[: -self._keep]

    def _write(self, data: bytes) -> None:
        if self.problem or not data:
            return
        try:
            sent = 0
            while sent < len(data):
                sent += os.write(self._fd, memoryview(data)[sent:])
        except OSError as error:
            self.problem = error.strerror or str(error)
            return
        self._written += len(data)
        self._last = data[-1:]
