"""One request and its answer, passed on byte for byte as they come, and followed meanwhile."""

from __future__ import annotations

import select
import socket
import ssl
import time
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.wire.loop import readable, writable
from evalprov.wire.messages import END, LARGEST_HEAD, BodyReader, Head, MalformedError, has_no_body, parse_head, without
from evalprov.wire.upstream import PIECE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from evalprov.wire.loop import Loop

LARGEST_KEPT = 64 << 20  # of a body
SWITCHED = 101
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_UNPACKED = ("gzip", "x-gzip", "deflate", "identity", "")


class ClosedError(Exception):
    """The other side is gone."""


class End:
    """One end of a connection, with what was read of it and is still to be looked at."""

    def __init__(self, sock: socket.socket, loop: Loop) -> None:
        self.sock = sock
        self._loop = loop
        self._read = b""
        self.has_left = False  # the other side has closed
        sock.settimeout(0)

    async def take(self) -> bytes:
        """Return bytes as they come; nothing at the end."""
        while not (self._read or self.has_left or self.look()):
            await readable(self.sock)
        data, self._read = self._read, b""
        return data

    def look(self) -> bool:
        """Read, without waiting, what is there; say whether there was something, be it the end."""
        try:
            data = self.sock.recv(PIECE)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            data = b""
        self._read += data
        self.has_left = not data
        return True

    def give_back(self, data: bytes) -> None:
        """Have these bytes come again."""
        self._read = data + self._read

    async def send(self, data: bytes) -> None:
        """Send all of it."""
        try:
            while True:
                try:
                    sent = self.sock.send(data)
                except (BlockingIOError, ssl.SSLWantWriteError):
                    await writable(self.sock)
                    continue
                if sent == len(data):
                    return
                data = data[sent:]
        except (OSError, ValueError) as error:
            raise ClosedError(str(error)) from None

    async def head(self) -> Head | None:
        """Return the head of the next message; null at the end."""
        data = b""
        while (end := data.find(END)) < 0:
            if len(data) > LARGEST_HEAD:
                raise MalformedError("the head has no end")
            piece = await self.take()
            if not piece:
                if data:
                    raise ClosedError("in the middle of a head")
                return None
            data = (data + piece).lstrip(b"\r\n") if not data else data + piece
        self._read = data[end + len(END) :] + self._read
        return parse_head(data[: end + len(END)])

    @property
    def ready(self) -> bool:
        """Whether something was read already, or the end was met."""
        return bool(self._read) or self.has_left

    def leave(self) -> socket.socket:
        """Return the socket, for somebody who waits at it; it is not looked at here any more."""
        self._loop.forget(self.sock.fileno())
        self.sock.settimeout(None)
        return self.sock

    def close(self) -> None:
        """Close it."""
        self._loop.forget(self.sock.fileno())
        try:
            self.sock.close()
        except OSError:
            return


class Passed(NamedTuple):
    """A request and what came of it, as it passed."""

    head: Head
    body: bytes | None  # null where it was too large to keep
    status: int
    first: float | None  # seconds
    ended: float
    problem: str | None
    answer_head: Head | None
    answer: bytes | None
    pieces: tuple[tuple[int, float], ...]
    again: bool  # the connection may be used again
    switched: bool = False  # it speaks something else from here on


async def read_request(
    client: End, head: Head, pass_on: Callable[[bytes], Awaitable[None]] | None = None
) -> tuple[bytes, BodyReader]:
    """Read a request's body to its end; return its bytes as they came."""
    reader = BodyReader(head, of_request=True)
    if head.has("expect", "100-continue") and not reader.done:
        await client.send(_CONTINUE)
    raw: list[bytes] = []
    if reader.done and pass_on is not None:
        await pass_on(b"")
    while not reader.done:
        data = await client.take()
        if not data:
            raise ClosedError("in the middle of a request")
        used = reader.feed(data)
        if used < len(data):
            client.give_back(data[used:])
        raw.append(data[:used])
        if reader.size > LARGEST_KEPT and pass_on is not None:
            reader.forget()
        if pass_on is not None:
            await pass_on(data[:used])
            raw.clear()
    return b"".join(raw), reader


def outgoing(head: Head) -> bytes:
    """Return a request's head as the provider gets it: as it came, less what is between the client and us.

    An encoding that cannot be read here is not asked for: what cannot be read cannot be searched for secrets.
    """
    names = [name for name in ("proxy-authorization", "proxy-connection", "expect") if head.get(name)]
    raw = without(head, names) if names else head.raw
    wanted = head.get("accept-encoding")
    if not wanted:
        return raw
    kept = [word.strip() for word in wanted.split(",") if word.partition(";")[0].strip().lower() in _UNPACKED]
    if len(kept) == len(wanted.split(",")):
        return raw
    return without(Head(raw, head.first, head.headers), ("accept-encoding",))[:-2] + (
        f"Accept-Encoding: {', '.join(kept) or 'identity'}".encode() + END
    )


async def exchange(
    client: End, server: End, head: Head, sent: bytes, request: tuple[bytes, BodyReader] | None
) -> Passed:
    """Pass a request on and its answer back; `sent` is the head as the provider gets it."""
    return await _Exchange(client, server, head).run(sent, request)


class _After:
    """Sends something before the first bytes that are to be passed on, in one go with them."""

    def __init__(self, first: bytes, to: End) -> None:
        self._first, self._to = first, to

    async def send(self, data: bytes) -> None:
        await self._to.send(self._first + data)
        self._first = b""


class _Exchange:
    """One request under way."""

    def __init__(self, client: End, server: End, head: Head) -> None:
        self._client, self._server, self._head = client, server, head
        self._began = time.perf_counter()
        self._first: float | None = None
        self._answer: Head | None = None
        self._body: BodyReader | None = None
        self._pieces: list[tuple[int, float]] = []

    async def run(self, sent: bytes, request: tuple[bytes, BodyReader] | None) -> Passed:
        reader = await self._ask(sent, request)
        problem = None
        try:
            await self._hear_head()
            await self._hear_body()
        except _CancelledError:
            problem = "cancelled"
        except (ClosedError, MalformedError) as error:
            problem = f"dropped: {error}"
        answer, body = self._answer, self._body
        whole = problem is None and answer is not None and body is not None and not body.until_close
        return Passed(
            self._head,
            reader.body if reader.keep else None,
            answer.status if answer else 0,
            self._first,
            self._spent(),
            problem,
            answer,
            b"" if body is None else body.body if body.keep else None,
            tuple(self._pieces),
            whole and self._head.keeps_open and answer is not None and answer.keeps_open,
            answer is not None and answer.status == SWITCHED,
        )

    def _spent(self) -> float:
        return time.perf_counter() - self._began

    async def _ask(self, sent: bytes, request: tuple[bytes, BodyReader] | None) -> BodyReader:
        reader = request[1] if request else BodyReader(self._head, of_request=True)
        try:
            if request is None:
                _, reader = await read_request(self._client, self._head, _After(sent, self._server).send)
            else:
                await self._server.send(sent + request[0])
        except ClosedError:
            pass  # a server may answer before it has read all
        return reader

    async def _hear_head(self) -> None:
        while self._answer is None:
            await _await(self._server, self._client)
            if self._first is None:
                self._first = self._spent()
            found = await self._server.head()
            if found is None:
                self._first = None
                raise ClosedError("no answer")
            if found.status >= 200 or found.status == SWITCHED:
                self._answer = found
            elif found.status != 100:  # which was said to the client already
                await _give(self._client, found.raw)

    async def _hear_body(self) -> None:
        assert self._answer is not None
        unsent = self._answer.raw
        if self._answer.status == SWITCHED:
            await _give(self._client, unsent)
            return
        body = self._body = BodyReader(self._answer, empty=has_no_body(self._head.first[0], self._answer.status))
        while not body.done:
            if unsent and not self._server.ready:
                await _give(self._client, unsent)
                unsent = b""
            await _await(self._server, self._client)
            data = await self._server.take()
            if not data:
                if not body.end():
                    raise ClosedError("in the middle of an answer")
                break
            await _give(self._client, unsent + data[: self._follow(body, data)])
            unsent = b""
        if unsent:
            await _give(self._client, unsent)

    def _follow(self, body: BodyReader, data: bytes) -> int:
        """Note what comes and when; return how much of it is the answer's."""
        at, known = self._spent(), len(body.chunks)
        used = body.feed(data)
        if body.chunked:
            self._pieces += [(size, at) for size in body.chunks[known:]]
        elif body.until_close:
            self._pieces.append((used, at))
        if used < len(data):
            self._server.give_back(data[used:])
        if body.size > LARGEST_KEPT:
            body.forget()
        return used


class _CancelledError(Exception):
    """The client does not wait any more."""


async def _give(client: End, data: bytes) -> None:
    try:
        await client.send(data)
    except ClosedError:
        raise _CancelledError from None


async def _await(server: End, client: End) -> None:
    """Wait for the server; a client that goes away meanwhile has cancelled."""
    while not server.ready:
        watched = (server.sock,) if client.ready else (server.sock, client.sock)
        found = await readable(*watched)
        if server.sock.fileno() in found:
            server.look()
        elif client.look() and client.has_left:
            raise _CancelledError


async def next_head(client: End, server: End | None) -> Head | None:
    """Return the head of a client's next request; a server that speaks meanwhile, which is its end, is heard."""
    while server is not None and not (client.ready or server.ready):
        found = await readable(client.sock, server.sock)
        if server.sock.fileno() in found:
            server.look()
        if client.sock.fileno() in found:
            break
    return await client.head()


def pass_both_ways(one: socket.socket, other: socket.socket) -> tuple[int, int]:
    """Pass bytes both ways, unread, until both sides are done; return how many went each way."""
    counts = {one.fileno(): 0, other.fileno(): 0}
    ends = {one.fileno(): (one, other), other.fileno(): (other, one)}
    up, down = counts
    poll = select.poll()
    for number in ends:
        poll.register(number, select.POLLIN)
    left = len(ends)
    try:
        while left:
            for number, _ in poll.poll():
                source, target = ends[number]
                data = _piece(source)
                if data:
                    target.sendall(data)
                    counts[number] += len(data)
                else:
                    poll.unregister(number)
                    left -= 1
                    target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one of them is gone
    return counts[up], counts[down]


def _piece(source: socket.socket) -> bytes:
    data = source.recv(PIECE)
    while data and isinstance(source, ssl.SSLSocket) and source.pending():
        data += source.recv(PIECE)
    return data
