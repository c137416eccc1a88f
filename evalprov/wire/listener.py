"""The proxy itself: who may use it, which hosts it opens, what it passes on unread, and what it answers by itself."""

from __future__ import annotations

import base64
import hmac
import json
import os
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.platform import nameless_file
from evalprov.wire.call import REPLAYED, Call
from evalprov.wire.exchange import ClosedError, End, exchange, next_head, outgoing, pass_both_ways, read_request
from evalprov.wire.framing import head_for, host_and_port, in_pieces, plain_answer, reason_of
from evalprov.wire.functions import ask
from evalprov.wire.hello import speaks_http1
from evalprov.wire.keeper import KeptCall
from evalprov.wire.loop import Loop, apart, pause, readable
from evalprov.wire.matching import Miss
from evalprov.wire.messages import Head, MalformedError, parse_head
from evalprov.wire.providers import PROVIDERS
from evalprov.wire.upstream import NoHttp1Error, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from evalprov.wire.authority import Authority
    from evalprov.wire.keeper import Keeper
    from evalprov.wire.providers import Opened
    from evalprov.wire.replay import Replayer
    from evalprov.wire.upstream import Upstream

USER = "evalprov"
_FULL = 0.05  # seconds until another client is taken where there is no room for one
TEAPOT = 418  # the one refusal that no library tries again
_BASES = {one.name: one.hosts[0] for one in PROVIDERS if one.base_url[0]}


class ProxyRules(NamedTuple):
    """What the proxy is to do."""

    token: str
    live: bool  # providers are called
    closed: bool  # nothing else is let out, either
    timing: bool  # recorded answers take as long as they took
    opened: Opened


class Listener:
    """Serves one run's clients."""

    def __init__(
        self, rules: ProxyRules, authority: Authority, upstream: Upstream, keeper: Keeper, replayer: Replayer | None
    ) -> None:
        self.rules = rules
        self.authority = authority
        self.upstream = upstream
        self.keeper = keeper
        self.replayer = replayer
        self.passed: dict[str, list[int]] = {}  # host to connections, bytes up and down, of what was not opened
        self.missed: list[str] = []
        self.not_recorded: dict[str, int] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._making = threading.Lock()
        self._busy = 0
        self._closing = False
        self._loop = Loop()

    def serve(self, listening: socket.socket) -> None:
        """Accept clients on a socket from now on."""
        listening.settimeout(0)
        self._loop.spawn(self._accept(listening))

    async def _accept(self, listening: socket.socket) -> None:
        while not self._closing:
            await readable(listening)
            try:
                client, _ = listening.accept()
            except BlockingIOError:  # it has left already
                continue
            except OSError:
                await pause(_FULL)
                continue
            self._loop.spawn(self._attend(client))

    def close(self, patience: float) -> None:
        """Take no more clients, and wait a little for calls that are under way."""
        self._closing = True
        until = time.monotonic() + patience
        while self._busy and time.monotonic() < until:
            time.sleep(0.01)

    def count(self, name: str, by: int = 1) -> None:
        """Note something that is not recorded."""
        self.not_recorded[name] = self.not_recorded.get(name, 0) + by

    async def _attend(self, client: socket.socket) -> None:
        end = End(client, self._loop)
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._greet(end)
        except (ClosedError, MalformedError, OSError):
            pass
        finally:
            end.close()

    async def _greet(self, client: End) -> None:
        head = await client.head()
        while head is not None:
            method, target, _ = head.first
            if method == "CONNECT":
                if await self._is_allowed(client, head):
                    await self._tunnel(client, target)
                return
            if target.startswith("http://"):
                again = await self._is_allowed(client, head) and await self._plain(client, head)
            else:
                again = await self._by_path(client, head)
            if not again:
                return
            head = await client.head()

    async def _is_allowed(self, client: End, head: Head) -> bool:
        given = head.get("proxy-authorization").partition(" ")[2]
        wanted = base64.b64encode(f"{USER}:{self.rules.token}".encode()).decode()
        if hmac.compare_digest(given.encode(), wanted.encode()):
            return True
        refusal = b'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="evalprov"\r\n'
        await client.send(refusal + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        return False

    # --- hosts by CONNECT

    async def _tunnel(self, client: End, target: str) -> None:
        host, _, port_text = target.rpartition(":")
        host, port = host.strip("[]"), int(port_text) if port_text.isdecimal() else 443
        name = self.rules.opened.name(host, port)
        if name is None:
            await self._blind(client, host, port, greeted=False)
            return
        server = None
        if self.rules.live and self.replayer is None:
            try:
                server = await apart(lambda: self.upstream.connect_tls(host, port))
            except NoHttp1Error:
                self.count(f"{host}: HTTP/2 alone, as it wants it")
                await self._blind(client, host, port, greeted=False)
                return
            except UnreachableError as error:
                await self._unreachable(client, name, host, str(error))
                return
        await client.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        sock, secured = client.leave(), None
        try:
            secured = await apart(lambda: self._secured(sock, host))
            if secured is None:
                self.count(f"{host}: HTTP/2 alone (gRPC), or no TLS")
        except OSError as error:
            self.count(f"{host}: the client does not trust the run's certificates ({reason_of(error)})")
            return
        finally:
            if server is not None and secured is None:
                server.close()
        if secured is None:
            await self._blind(client, host, port, greeted=True)
            return
        client = End(secured, self._loop)
        try:
            await self._requests(client, name, host, lambda: self.upstream.connect_tls(host, port), server)
        finally:
            client.close()

    def _secured(self, sock: socket.socket, host: str) -> ssl.SSLSocket | None:
        """Meet a client that was let in; null where it speaks no HTTP/1.1 over TLS, of which nothing was read then."""
        if not speaks_http1(sock):
            return None
        return self._context(host).wrap_socket(sock, server_side=True)

    def _context(self, host: str) -> ssl.SSLContext:
        with self._making:
            if host not in self._contexts:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.set_alpn_protocols(["http/1.1"])
                context.num_tickets = 0
                fd = nameless_file()  # Python takes a key from a file alone; this one has no name
                try:
                    os.write(fd, self.authority.leaf(host).encode())
                    os.lseek(fd, 0, os.SEEK_SET)
                    context.load_cert_chain(f"/dev/fd/{fd}")
                finally:
                    os.close(fd)
                self._contexts[host] = context
            return self._contexts[host]

    async def _blind(self, client: End, host: str, port: int, *, greeted: bool) -> None:
        if self.rules.closed:
            self.count(f"{host}: not let out of the replay")
            if not greeted:
                await client.send(plain_answer(403, f"evalprov: {host} is not let out of a replay"))
            return
        try:
            server = await apart(lambda: self.upstream.connect(host, port))
        except UnreachableError as error:
            if not greeted:
                await client.send(plain_answer(502, str(error)))
            return
        if not greeted:
            await client.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        sock = client.leave()
        up, down = await apart(lambda: pass_both_ways(sock, server))
        server.close()
        row = self.passed.setdefault(host if port == 443 else f"{host}:{port}", [0, 0, 0])
        row[0], row[1], row[2] = row[0] + 1, row[1] + up, row[2] + down

    async def _unreachable(self, client: End, name: str, host: str, why: str) -> None:
        self.count(f"{host}: no way to it ({why.partition(': ')[2]})")
        await client.send(plain_answer(502, f"evalprov: no way to {name}: {why}"))

    # --- requests

    async def _requests(
        self, client: End, name: str, host: str, connect: Callable[[], socket.socket], server: socket.socket | None
    ) -> None:
        """Serve a client's requests to one host."""
        upstream = End(server, self._loop) if server is not None else None
        try:
            while (head := await next_head(client, upstream)) is not None:
                self._busy += 1
                try:
                    upstream, again = await self._one(client, name, host, head, connect, upstream)
                finally:
                    self._busy -= 1
                if not again:
                    return
        finally:
            if upstream is not None:
                upstream.close()

    async def _one(  # noqa: PLR0913, PLR0917 - a request and its way
        self,
        client: End,
        name: str,
        host: str,
        head: Head,
        connect: Callable[[], socket.socket],
        server: End | None,
        sent: bytes | None = None,
    ) -> tuple[End | None, bool]:
        """Answer one request: from the record, or by the provider; return the way to it, and whether to go on."""
        number, began = self.keeper.next_number(), time.time()
        request = None
        if self.replayer is not None:
            request = await read_request(client, head)
            asked = self.replayer.asked(host, head, request[1].body, self.keeper.cleaner.book)
            found = self.replayer.answer(asked)
            if isinstance(found, Call):
                again = await self._replay(client, head, found)
                self.keeper.put(
                    KeptCall(
                        number, began, name, host, ready=found._replace(number=number, flags=found.flags | REPLAYED)
                    )
                )
                return server, again
            if not self.rules.live:
                return server, await self._refuse(client, head, found)
        if server is not None and server.ready:  # it closes what is not used for a while
            server.close()
            server = None
        if server is None:
            try:
                server = End(await apart(connect), self._loop)
            except UnreachableError as error:
                await self._unreachable(client, name, host, str(error))
                return None, False
        passed = await exchange(client, server, head, sent or outgoing(head), request)
        if passed.switched:
            self.count(f"{host}: a websocket")
            one, other = client.leave(), server.leave()
            await apart(lambda: pass_both_ways(one, other))
            return server, False
        self.keeper.put(KeptCall(number, began, name, host, passed))
        return server, passed.again

    async def _replay(self, client: End, head: Head, call: Call) -> bool:
        answer = call.answer
        began = time.monotonic()
        if self.rules.timing:
            await pause(call.first if call.first is not None else call.ended)
        if answer is None or call.problem:
            if answer is not None and answer.head:
                await client.send(answer.head)
            return False
        told = parse_head(answer.head)
        framed = in_pieces(call, told)
        if not self.rules.timing:
            await client.send(b"".join((framed[0][0], *(piece for piece, _ in framed[1:]))))
        else:
            for piece, at in framed:
                if (wait := began + at - time.monotonic()) > 0:
                    await pause(wait)
                await client.send(piece)
        has_end = told.get("content-length") or told.has("transfer-encoding", "chunked") or told.status in (204, 304)
        return bool(has_end) and head.keeps_open and told.keeps_open

    async def _refuse(self, client: End, head: Head, miss: Miss) -> bool:
        self.missed.append(str(miss))
        said = {"error": {"type": "evalprov_replay_miss", "code": "not_recorded", "message": f"evalprov: {miss}"}}
        body = json.dumps(said).encode()
        lines = f"HTTP/1.1 {TEAPOT} Not recorded\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        await client.send(f"{lines}x-should-retry: false\r\n\r\n".encode() + body)
        return head.keeps_open

    # --- without CONNECT

    async def _plain(self, client: End, head: Head) -> bool:
        """Serve a request for a host without TLS."""
        place, _, path = head.first[1].removeprefix("http://").partition("/")
        host, port = host_and_port(place, 80)
        name = self.rules.opened.name(host, port)
        sent = head_for(head, f"/{path}", place)
        if name is None:
            if self.rules.closed:
                self.count(f"{host}: not let out of the replay")
                await client.send(plain_answer(403, f"evalprov: {host} is not let out of a replay"))
                return False
            server = End(await apart(lambda: self.upstream.connect(host, port)), self._loop)
            passed = await exchange(client, server, head, sent, None)
            server.close()
            row = self.passed.setdefault(place, [0, 0, 0])
            row[0] += 1
            return passed.again
        aimed = Head(sent, (head.first[0], f"/{path}", head.first[2]), head.headers)
        where = host if port == 80 else f"{host}:{port}"
        server_end, again = await self._one(
            client, name, where, aimed, lambda: self.upstream.connect(host, port), None, sent
        )
        if server_end is not None:
            server_end.close()
        return again

    async def _by_path(self, client: End, head: Head) -> bool:
        """Serve a client whose base address was moved here, or a function that is to be recorded."""
        parts = head.first[1].split("/", 3)
        if len(parts) < 4 or not hmac.compare_digest(parts[1].encode(), self.rules.token.encode()):
            await client.send(plain_answer(404, "evalprov: nothing here"))
            return False
        if parts[2] == "-":
            return await self._function(client, head)
        host = _BASES.get(parts[2])
        if host is None or not self.rules.opened.name(host, 443):
            await client.send(plain_answer(404, f"evalprov: no provider {parts[2]}"))
            return False
        sent = head_for(head, f"/{parts[3]}", host)
        aimed = Head(sent, (head.first[0], f"/{parts[3]}", head.first[2]), head.headers)
        server, again = await self._one(
            client,
            parts[2],
            host,
            aimed,
            lambda: self.upstream.connect_tls(host, 443),
            None,
            outgoing(parse_head(sent)),
        )
        if server is not None:
            server.close()
        return again

    async def _function(self, client: End, head: Head) -> bool:
        """Look up, or keep, what a function of the command's own gave."""
        _, reader = await read_request(client, head)
        found = ask(self.keeper, self.replayer, reader.body)
        if isinstance(found, Miss):
            if not self.rules.live:
                self.missed.append(str(found))
            found = {"call": True} if self.rules.live else {"missing": str(found)}
        body = json.dumps(found).encode()
        lines = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        await client.send(lines.encode() + body)
        return head.keeps_open
