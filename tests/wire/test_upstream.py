"""The way to a provider: through the user's own proxy of either kind, and to hosts that speak otherwise than we do."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Project
from recorded_runs import asking, live, standin
from standin import StandIn

from evalprov.wire import authority
from evalprov.wire.gateway import refused
from evalprov.wire.upstream import NoHttp1Error, UnreachableError, Upstream

__all__ = ["asking", "live", "standin"]  # fixtures, by their names
ALERT = bytes.fromhex("15030300020278")  # no application protocol

Serve = Callable[[Callable[[socket.socket], None]], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Makes a server on loopback that attends to each client by a function; returns its port."""
    opened: list[socket.socket] = []

    def serving(attend: Callable[[socket.socket], None]) -> int:
        listening = socket.create_server(("127.0.0.1", 0))
        opened.append(listening)

        def work() -> None:
            while True:
                try:
                    client, _ = listening.accept()
                except OSError:
                    return
                with client:
                    attend(client)

        threading.Thread(target=work, daemon=True).start()
        return int(listening.getsockname()[1])

    yield serving
    for one in opened:
        one.shutdown(socket.SHUT_RDWR)
        one.close()


def socks(seen: list[bytes], *, verdict: int = 0) -> Callable[[socket.socket], None]:
    """Return how a SOCKS5 proxy attends to a client that says who it is; what it is told is written down."""

    def attend(client: socket.socket) -> None:
        seen.append(client.recv(4))
        client.sendall(b"\x05\x02")
        seen.append(client.recv(64))
        client.sendall(b"\x01\x00")
        seen.append(client.recv(300))
        client.sendall(bytes((5, verdict)) + b"\x00\x03\x09localhost\x00\x50")
        if not verdict:
            client.sendall(b"hello")

    return attend


def test_the_way_leads_through_the_users_socks_proxy(serve: Serve) -> None:
    """It is told user and password, and looks the name up itself, as socks5h says; what follows is the host's own."""
    seen: list[bytes] = []
    port = serve(socks(seen))
    way = Upstream({"ALL_PROXY": f"socks5h://me:p%40ss@127.0.0.1:{port}", "NO_PROXY": "other.example"})
    with way.connect("api.example.org", 443) as opened:
        assert opened.recv(5) == b"hello"
    assert seen[0] == b"\x05\x02\x00\x02"
    assert seen[1] == b"\x01\x02me\x04p@ss"
    assert seen[2] == b"\x05\x01\x00\x03\x0fapi.example.org\x01\xbb"


def test_what_a_socks_proxy_refuses_is_said(serve: Serve) -> None:
    """In its own words, as far as it has any."""
    port = serve(socks([], verdict=5))
    with pytest.raises(UnreachableError, match="the SOCKS proxy said connection refused"):
        Upstream({"HTTPS_PROXY": f"socks5://me:x@127.0.0.1:{port}"}).connect("127.0.0.1", 443)


@pytest.mark.parametrize(
    ("proxy", "said"),
    [("http://p:1", None), ("p:1", None), ("socks5://p", None), ("socks4://p", "socks4"), ("https://p", "https")],
)
def test_a_proxy_that_is_not_spoken_to_is_refused_by_name(proxy: str, said: str | None) -> None:
    """Before anything is started."""
    why = refused({"https_proxy": proxy})
    assert (why is None) == (said is None)
    assert said is None or f"one for {said}" in (why or "")


def test_a_host_that_speaks_no_http1_is_told_from_one_that_is_away(serve: Serve) -> None:
    """By the alert that it gives; whoever hangs up is another thing."""
    port = serve(lambda client: (client.recv(9000), client.sendall(ALERT), None)[-1])
    with pytest.raises(NoHttp1Error):
        Upstream({}).connect_tls("127.0.0.1", port)
    gone = serve(lambda client: client.recv(9000) and None)
    with pytest.raises(UnreachableError) as problem:
        Upstream({}).connect_tls("127.0.0.1", gone)
    assert not isinstance(problem.value, NoHttp1Error)


def test_calls_to_a_host_that_wants_http2_alone_pass_and_are_named(
    live: StandIn, project: Project, serve: Serve
) -> None:
    """They are as they would be without us, and the record says that they are not in it."""

    def attend(client: socket.socket) -> None:
        if b"\x02h2" not in client.recv(9000, socket.MSG_PEEK):
            client.recv(9000)
            client.sendall(ALERT)
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["h2"])
        place = live.folder / "h2.pem"
        place.write_text(live.authority.leaf("localhost"))
        context.load_cert_chain(place)
        with context.wrap_socket(client, server_side=True) as secured:
            secured.sendall(b"spoken")
            secured.recv(1)

    port = serve(attend)
    project.write("evalprov.toml", f'[record]\nproviders = ["own=https://localhost:{port}"]\n')
    project.write(
        "eval.py",
        "import os, socket, ssl\nfrom base64 import b64encode\nfrom urllib.parse import urlsplit\n"
        "to = urlsplit(os.environ['HTTPS_PROXY'])\ns = socket.create_connection((to.hostname, to.port))\n"
        "who = b64encode(f'{to.username}:{to.password}'.encode()).decode()\n"
        f"to = 'CONNECT localhost:{port} HTTP/1.1'\n"
        "s.sendall(f'{to}\\r\\nProxy-Authorization: Basic {who}\\r\\n\\r\\n'.encode())\n"
        "s.recv(900)\nc = ssl.create_default_context(cafile=os.environ['SSL_CERT_FILE'])\n"
        "c.set_alpn_protocols(['h2', 'http/1.1'])\nt = c.wrap_socket(s, server_hostname='localhost')\n"
        "print(t.selected_alpn_protocol(), t.recv(6))\n",
    )
    done = project.run("python3", "eval.py", options=("--record",), env={"NO_PROXY": "localhost,127.0.0.1"})
    assert done.stdout == b"h2 b'spoken'\n", done.stderr
    calls = project.record()["calls"]
    assert calls["not_recorded"] == {"localhost: HTTP/2 alone, as it wants it": 1}
    assert (calls["count"], calls["complete"]) == (0, False)


@pytest.mark.long
def test_a_provider_whose_certificate_has_expired_is_as_unreachable_as_without_us(
    live: StandIn, asking: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command fails as it would, and the record says why."""
    monkeypatch.setattr(authority, "DAYS", -1)
    theirs = StandIn(tmp_path / "expired")
    monkeypatch.undo()
    try:
        done = asking.run("python3", "eval.py", options=("--record",), env={**theirs.environ, "OPENAI_API_KEY": "x"})
    finally:
        theirs.close()
    assert done.returncode == 1
    (said,) = asking.record()["calls"]["not_recorded"]
    assert said == "api.openai.com: no way to it (certificate has expired)"
