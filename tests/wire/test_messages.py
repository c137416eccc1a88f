"""HTTP as it passes: heads, bodies in every framing and cut anywhere, and what a client says first."""

from __future__ import annotations

import socket
import ssl
import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalprov.wire.exchange import outgoing
from evalprov.wire.hello import speaks_http1
from evalprov.wire.messages import BodyReader, MalformedError, parse_head

PARTS = st.lists(st.binary(min_size=1, max_size=20), max_size=6)
CUTS = st.lists(st.integers(0, 200), max_size=8)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """Cut bytes at some places."""
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(places)]


@given(PARTS, CUTS)
def test_a_chunked_body_is_followed_wherever_it_is_cut(parts: list[bytes], cuts: list[int]) -> None:
    """What it means, its chunks and its end are found, and what follows it is left alone."""
    wire = b"".join(b"%x;note=1\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\ntrailer: 1\r\n\r\n"
    reader = BodyReader(parse_head(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))
    used = 0
    for piece in pieces(wire + b"NEXT", cuts):
        used += reader.feed(piece)
    assert reader.done
    assert used == len(wire)
    assert (reader.body, reader.chunks) == (b"".join(parts), [len(part) for part in parts])


@given(st.binary(max_size=60), CUTS)
def test_a_body_of_a_length_or_to_the_end_is_followed(data: bytes, cuts: list[int]) -> None:
    """A length ends it; without one the end of the connection does."""
    sized = BodyReader(parse_head(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(data)))
    open_one = BodyReader(parse_head(b"HTTP/1.1 200 OK\r\n\r\n"))
    for piece in pieces(data, cuts):
        sized.feed(piece)
        open_one.feed(piece)
    assert (sized.done, sized.body, open_one.body) == (True, data, data)
    assert not open_one.done
    assert open_one.end()


@pytest.mark.parametrize(
    "raw",
    [b"nonsense\r\n\r\n", b"GET / HTTP/2\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"HTTP/1.1 x y\r\n\r\n"],
)
def test_what_is_no_http_is_said_to_be_none(raw: bytes) -> None:
    """Nothing is guessed of a head that cannot be read."""
    with pytest.raises(MalformedError):
        parse_head(raw)


def test_only_encodings_that_can_be_unpacked_are_asked_for() -> None:
    """A request goes on byte for byte, less what is between client and proxy and the encodings not known here."""
    more = b"Accept-Encoding: gzip, deflate, br, zstd\r\nProxy-Connection: x\r\n"
    head = b"POST /v1 HTTP/1.1\r\nHost: a\r\n" + more + b"X: y\r\n\r\n"
    sent = outgoing(parse_head(head))
    assert sent == b"POST /v1 HTTP/1.1\r\nHost: a\r\nX: y\r\nAccept-Encoding: gzip, deflate\r\n\r\n"
    plain = b"GET / HTTP/1.1\r\nHost: a\r\naccept-encoding: gzip\r\n\r\n"
    assert outgoing(parse_head(plain)) == plain


@pytest.mark.parametrize(
    ("offered", "speaks"), [(["h2"], False), (["h2", "http/1.1"], True), (["http/1.1"], True), ([], True)]
)
def test_a_client_of_http2_alone_is_known_by_its_first_message(offered: list[str], speaks: bool) -> None:
    """What gRPC says first is told from what others say, and stays to be read by the server that it is passed to."""
    ours, theirs = socket.socketpair()
    context = ssl.create_default_context()
    if offered:
        context.set_alpn_protocols(offered)

    def greet() -> None:
        try:
            context.wrap_socket(theirs, server_hostname="api.example.org")
        except OSError:
            return

    thread = threading.Thread(target=greet)
    thread.start()
    assert speaks_http1(ours) is speaks
    assert ours.recv(1) == b"\x16"
    ours.close()
    thread.join()
    theirs.close()


def test_what_is_no_tls_is_not_opened() -> None:
    """Something else in a tunnel passes as it is."""
    ours, theirs = socket.socketpair()
    theirs.send(b"SSH-2.0-x\r\n")
    assert not speaks_http1(ours)
    ours.close()
    theirs.close()
