"""The thread that serves all connections: lines that wait, and none that keeps another."""

from __future__ import annotations

import queue
import socket
import threading
import time

from evalprov.wire.exchange import ClosedError, End
from evalprov.wire.loop import Loop, apart, pause, readable


def test_what_waits_keeps_no_other_and_what_fails_ends_alone() -> None:
    """A task that blocks apart, one that sleeps and one that breaks leave the next its turn; an error comes back."""
    loop, said, gate = Loop(), queue.Queue[str](), threading.Event()

    def fail() -> None:
        raise OSError("no way")

    async def blocked() -> None:
        await apart(lambda: gate.wait(10))
        said.put("blocked")

    async def broken() -> None:
        raise RuntimeError

    async def refused() -> None:
        try:
            await apart(fail)
        except OSError as error:
            said.put(str(error))

    async def later() -> None:
        began = time.monotonic()
        await pause(0.02)
        said.put("later" if time.monotonic() - began >= 0.02 else "too early")

    for task in (blocked(), broken(), refused(), later()):
        loop.spawn(task)
    assert {said.get(timeout=10), said.get(timeout=10)} == {"no way", "later"}
    gate.set()
    assert said.get(timeout=10) == "blocked"


def test_much_goes_through_a_connection_that_takes_little_at_a_time() -> None:
    """Bytes wait for who is slow to read them; the end and a side that is gone are told from one another."""
    loop, done = Loop(), queue.Queue[object]()
    ours, theirs = socket.socketpair()
    data = bytes(range(256)) * (1 << 13)

    async def send() -> None:
        end = End(ours, loop)
        await end.send(data)
        done.put(await end.take())
        done.put(await end.take())
        theirs.close()
        try:
            await end.send(data)
        except ClosedError:
            done.put("gone")
        end.close()

    loop.spawn(send())
    time.sleep(0.01)
    found = b""
    while len(found) < len(data):
        found += theirs.recv(1 << 12)
    assert found == data
    theirs.sendall(b"thanks")
    assert done.get(timeout=10) == b"thanks"
    theirs.shutdown(socket.SHUT_WR)
    assert (done.get(timeout=10), done.get(timeout=10)) == (b"", "gone")


def test_a_descriptor_that_comes_again_is_another_connection() -> None:
    """A connection that is closed leaves nothing to the next one, which has its number."""
    loop, done = Loop(), queue.Queue[bytes]()

    async def hear(sock: socket.socket) -> None:
        end = End(sock, loop)
        done.put(await end.take())
        end.close()

    for number in range(20):
        ours, theirs = socket.socketpair()
        loop.spawn(hear(ours))
        theirs.send(b"%d" % number)
        assert done.get(timeout=10) == b"%d" % number
        theirs.close()


def test_who_waits_at_what_is_closed_is_told_and_the_others_go_on() -> None:
    """A socket that is gone is its own task's trouble; the thread serves all others as before."""
    loop, said = Loop(), queue.Queue[str]()
    gone, other = socket.socketpair()
    gone.close()

    async def wait(one: socket.socket) -> None:
        try:
            await readable(one)
        except OSError as error:
            said.put(str(error))
        else:
            said.put("readable")

    loop.spawn(wait(gone))
    assert said.get(timeout=10).startswith("no socket to wait for")
    loop.spawn(wait(other))
    assert said.get(timeout=10) == "readable"
    other.close()
