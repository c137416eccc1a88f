"""Machines reached by ssh: each does one trial at a time, or as many as asked for, over one connection."""

from __future__ import annotations

import asyncio
import json
import shlex
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from evalprov.errors import CANNOT_START, EvalprovError
from evalprov.fleet.engines import Batch, Fate, News, Task
from evalprov.fleet.order import NEEDED, block, start_of
from evalprov.fleet.parcel import LARGEST
from evalprov.numbers import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evalprov.record.manifest import Manifest

CONNECTING = 30.0  # seconds
ALIVE = 15  # seconds between two questions whether the other side is there; three without an answer end it
_NO_PYTHON = 127
_ENDING = 20.0  # seconds for which a trial that was called off may still send its record


class SshEngine:
    """A queue of trials, and one worker for each that a host does at a time."""

    outlives = False

    def __init__(self, hosts: Sequence[str]) -> None:
        self._hosts = hosts
        self._queue: deque[Task] = deque()
        self._news: deque[News] = deque()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._connections: dict[str, Any] = {}
        self._bad: dict[str, str] = {}  # hosts that cannot be used, and why
        self._workers: dict[int, Any] = {}  # by slot
        self._going: dict[str, Any] = {}  # the process of each run under way
        self._called_off = False

    def open(self, batch: Batch) -> None:
        """Connect to every host; one that cannot be reached is left out, and all of them are a reason to stop."""
        try:
            import asyncssh
        except ImportError:
            raise EvalprovError(
                "--on ssh needs asyncssh, which is not installed",
                "pip install '.[ssh]' in evalprov's checkout brings it",
                CANNOT_START,
            ) from None
        self._ssh = asyncssh
        self._batch = batch
        self._words = json.dumps(dict(batch.values)).encode()
        self._thread.start()
        self._done(self._connect_all())
        if len(self._bad) == len(self._hosts):
            first = next(iter(self._bad.items()))
            raise EvalprovError(f"no host can be used: {first[0]}: {first[1]}", "try: ssh HOST true", CANNOT_START)
        for host, why in self._bad.items():
            self._news.append(News("", fate=Fate(f"{host} is left out: {why}")))
        usable = [host for host in self._hosts if host not in self._bad]
        each = -(-batch.jobs // len(usable)) if batch.jobs else 1
        slots = [host for _ in range(each) for host in usable][: batch.jobs or None]
        self._slots = slots

    def submit(self, tasks: Sequence[Task]) -> None:
        """Put them in the queue."""
        self._loop.call_soon_threadsafe(self._submit, list(tasks))

    def known(self, run_id: str) -> Mapping[str, str | None]:  # noqa: ARG002 - it may run on any of them
        """Return nothing: which host does it is not known yet."""
        return {}

    def adopt(self, manifests: Sequence[Manifest]) -> None:
        """Take nothing: what runs on a host ends with us."""

    def look(self) -> list[News]:
        """Return what the workers told."""
        return [self._news.popleft() for _ in range(len(self._news))]

    def fate(self, run_id: str) -> Fate | None:  # noqa: ARG002 - none of them does that by itself
        """Return nothing: who interrupted a trial there is not known."""
        return None

    def cancel(self) -> None:
        """Close what the trials read from: each ends its command and sends its record."""
        self._loop.call_soon_threadsafe(self._cancel)

    def close(self) -> None:
        """Leave every host."""
        if not self._thread.is_alive():
            return
        with suppress(Exception):
            self._done(self._leave())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    # --- in the thread of the loop

    def _done(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _connect_all(self) -> None:
        await asyncio.gather(*(self._connect(host) for host in dict.fromkeys(self._hosts)))

    async def _connect(self, host: str) -> None:
        user, at, rest = host.rpartition("@")
        name, colon, port = rest.partition(":")
        how: dict[str, Any] = {"keepalive_interval": ALIVE, "keepalive_count_max": 3, "login_timeout": CONNECTING}
        how |= {"username": user} if at else {}
        how |= {"port": int(port)} if colon and port.isdigit() else {}
        try:
            async with asyncio.timeout(CONNECTING):
                self._connections[host] = await self._ssh.connect(name, **how)
        except (OSError, TimeoutError, self._ssh.Error) as problem:
            self._bad[host] = f"{type(problem).__name__}: {problem}" if str(problem) else type(problem).__name__

    def _submit(self, tasks: list[Task]) -> None:
        self._queue.extend(tasks)
        for slot, host in enumerate(self._slots):
            if host not in self._bad and (slot not in self._workers or self._workers[slot].done()):
                self._workers[slot] = self._loop.create_task(self._work(host))
        self._give_up_where_none_is_left()

    def _cancel(self) -> None:
        self._called_off = True
        while self._queue:
            self._news.append(
                News(self._queue.popleft().run_id, fate=Fate("it was called off", cancelled=True, begun=False))
            )
        for process in self._going.values():
            with suppress(OSError, self._ssh.Error):
                process.stdin.write_eof()

    async def _leave(self) -> None:
        for process in self._going.values():
            with suppress(OSError, self._ssh.Error):
                process.close()
        for connection in self._connections.values():
            connection.close()
        for connection in self._connections.values():
            with suppress(OSError, TimeoutError, self._ssh.Error):
                async with asyncio.timeout(5):
                    await connection.wait_closed()

    async def _work(self, host: str) -> None:
        """Do trials on a host until there are none, or it cannot be used any more."""
        while self._queue and host not in self._bad:
            task = self._queue.popleft()
            try:
                news = await self._do(host, task)
            except (OSError, EOFError, self._ssh.Error, asyncio.IncompleteReadError) as problem:
                self._bad[host] = str(problem) or type(problem).__name__
                cancelled = self._called_off
                news = News(
                    task.run_id,
                    {"worker": host},
                    fate=Fate(f"{host} went away: {self._bad[host]}", cancelled=cancelled),
                )
            self._news.append(news)
        self._give_up_where_none_is_left()

    def _give_up_where_none_is_left(self) -> None:
        if all(host in self._bad for host in self._slots):
            while self._queue:
                why = f"no host is left: {listed([f'{host}: {why}' for host, why in self._bad.items()])}"
                self._news.append(News(self._queue.popleft().run_id, fate=Fate(why, again=False, begun=False)))

    async def _do(self, host: str, task: Task) -> News:
        words = start_of("$P", self._batch.package, "pipe")
        start = " ".join(shlex.quote(word) if word != "$P" else '"$P"' for word in words)
        there = 'command -v "$P" >/dev/null 2>&1'
        look = f"for P in {shlex.quote(self._batch.python)} python3; do {there} && exec {start}; done"
        command = f"sh -c {shlex.quote(f'{look}; echo there is no Python >&2; exit {_NO_PYTHON}')}"
        async with self._connections[host].create_process(command, encoding=None) as process:
            self._going[task.run_id] = process
            self._news.append(News(task.run_id, {"worker": host}))
            try:
                process.stdin.write(block(task.order) + block(self._words))
                said = b""
                while piece := await process.stdout.read(1 << 16):
                    said += piece
                    if said.endswith(NEEDED) and self._batch.tree is not None:
                        said = b""
                        process.stdin.write(block(self._batch.tree))
                        await process.stdin.drain()
                    if len(said) > LARGEST:
                        raise OSError("it sends more than any record is")
                wrong = (await process.stderr.read(1 << 16)).decode("utf-8", "replace").strip().splitlines()
                await process.wait_closed()
            finally:
                del self._going[task.run_id]
        if said:
            return News(task.run_id, {"worker": host}, parcel=said)
        code = process.exit_status
        if code is None and process.exit_signal is None:
            raise EOFError("the connection was lost")
        tail = f": {wrong[-1][:300]}" if wrong else ""
        end = f"exit {code}" if code is not None else str(process.exit_signal[0])
        fate = Fate(
            f"evalprov left no record on {host} ({end}){tail}", again=code != _NO_PYTHON, cancelled=self._called_off
        )
        return News(task.run_id, {"worker": host}, fate=fate)


def engine(where: str) -> SshEngine:
    """Return the engine for some hosts."""
    return SshEngine([one for one in where.split(",") if one])
