"""One thread for all connections: each reads as a straight line, and while it waits the others go on.

asyncio would do as well, but loading it takes about as long as all else of a proxy's start.
"""

from __future__ import annotations

import heapq
import itertools
import selectors
import socket
import threading
import time
import types
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    Task = Coroutine[Any, Any, None]
    # What a task waits for: descriptors and whether to read or to write; seconds; a function that blocks.
    Wish = tuple[tuple[int, ...], int] | float | Callable[[], Any]

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Loop:
    """Takes each task a step further when what it waits for is there."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._watched: dict[int, int] = {}  # descriptor to events
        self._waiting: dict[int, tuple[Task, tuple[int, ...]]] = {}  # descriptor to who waits for it
        self._soon: deque[tuple[Task, Any, BaseException | None]] = deque()
        self._timed: list[tuple[float, int, Task]] = []
        self._order = itertools.count()
        self._rung, self._bell = socket.socketpair()
        self._rung.settimeout(0)
        self._bell.settimeout(0)
        self._watch(self._rung.fileno(), READ)
        threading.Thread(target=self._run, name="loop", daemon=True).start()

    def spawn(self, task: Task) -> None:
        """Begin a task, from whichever thread."""
        self._resume(task)

    def forget(self, fd: int) -> None:
        """Look at a descriptor no more: it is closed, or somebody else's from now on."""
        if self._watched.pop(fd, None) is not None:
            self._selector.unregister(fd)

    def _resume(self, task: Task, value: Any = None, error: BaseException | None = None) -> None:
        self._soon.append((task, value, error))
        with suppress(BlockingIOError):  # it was rung often enough
            self._bell.send(b"\0")

    def _run(self) -> None:
        while True:
            ready: dict[Task, list[int]] = {}
            for key, _ in self._selector.select(self._pause()):
                fd = key.fd
                if fd in self._waiting:
                    ready.setdefault(self._waiting[fd][0], []).append(fd)
                elif fd == self._rung.fileno():
                    self._rung.recv(1 << 12)
                else:  # nobody asks for it just now
                    self.forget(fd)
            for task, found in ready.items():
                for fd in self._waiting[found[0]][1]:
                    self._waiting.pop(fd, None)
                self._step(task, found)
            while self._soon:
                self._step(*self._soon.popleft())
            while self._timed and self._timed[0][0] <= time.monotonic():
                self._step(heapq.heappop(self._timed)[2])

    def _pause(self) -> float | None:
        return max(0.0, self._timed[0][0] - time.monotonic()) if self._timed else None

    def _step(self, task: Task, value: Any = None, error: BaseException | None = None) -> None:
        try:
            wish: Wish = task.send(value) if error is None else task.throw(error)
        except Exception:  # noqa: BLE001 - StopIteration at its end; whatever else befell it, the others go on
            return
        if isinstance(wish, tuple):
            fds, events = wish
            try:
                for fd in fds:
                    if self._watched.get(fd) != events:
                        self._watch(fd, events)
            except (OSError, ValueError, KeyError) as problem:  # it is closed: its task alone has to do with that
                self._resume(task, None, OSError(f"no socket to wait for: {problem}"))
                return
            self._waiting.update((fd, (task, fds)) for fd in fds)
        elif isinstance(wish, float):
            heapq.heappush(self._timed, (time.monotonic() + wish, next(self._order), task))
        else:
            threading.Thread(target=self._work, args=(task, wish), daemon=True).start()

    def _watch(self, fd: int, events: int) -> None:
        if fd in self._watched:
            self._selector.modify(fd, events)
        else:
            self._selector.register(fd, events)
        self._watched[fd] = events

    def _work(self, task: Task, function: Callable[[], Any]) -> None:
        try:
            value = function()
        except Exception as error:  # noqa: BLE001 - the task's own, where it waits for this
            self._resume(task, None, error)
        else:
            self._resume(task, value)


@types.coroutine
def _turn(wish: Wish) -> Generator[Wish, Any, Any]:
    return (yield wish)


async def readable(*sockets: socket.socket) -> list[int]:
    """Wait until one of these can be read; return the descriptors of those that can."""
    found: list[int] = await _turn((tuple([one.fileno() for one in sockets]), READ))
    return found


async def writable(one: socket.socket) -> None:
    """Wait until more can be written."""
    await _turn(((one.fileno(),), WRITE))


async def pause(seconds: float) -> None:
    """Wait for some time."""
    await _turn(float(seconds))


async def apart(function: Callable[[], Any]) -> Any:
    """Have a function that blocks done in a thread of its own."""
    return await _turn(function)
