"""What the proxy itself sends: a recorded answer in its pieces, a head on its way elsewhere, a plain refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.wire.call import CHUNKED
from evalprov.wire.messages import END, Head

if TYPE_CHECKING:
    from evalprov.wire.call import Call


def in_pieces(call: Call, told: Head) -> list[tuple[bytes, float]]:
    """Return an answer in the pieces in which it came, each with the seconds after the question."""
    answer = call.answer
    assert answer is not None
    pieces = [(answer.head, call.first or 0.0)]
    at = 0
    chunked = bool(call.flags & CHUNKED) and told.has("transfer-encoding", "chunked")
    for size, when in answer.chunks:
        piece = answer.body[at : at + size]
        at += size
        pieces.append((b"%x\r\n%s\r\n" % (size, piece) if chunked else piece, when))
    if at < len(answer.body):
        pieces.append((answer.body[at:], call.ended))
    if chunked:
        pieces.append((b"0\r\n\r\n", call.ended))
    elif (
        not told.get("content-length")
        and not told.has("transfer-encoding", "chunked")
        and call.question.method != "HEAD"
    ):
        head = answer.head[: -len(END)] + b"\r\nContent-Length: %d" % len(answer.body) + END
        if not answer.chunks and told.status not in (204, 304):
            pieces[0] = (head, pieces[0][1])
    return pieces


def head_for(head: Head, path: str, host: str) -> bytes:
    """Return a head that goes to a host by its path."""
    _, *lines = head.raw[: -len(END)].split(b"\r\n")
    kept = [
        line
        for line in lines
        if line.partition(b":")[0].lower() not in (b"host", b"proxy-authorization", b"proxy-connection")
    ]
    return b"\r\n".join((f"{head.first[0]} {path} HTTP/1.1".encode("latin-1"), b"Host: " + host.encode(), *kept)) + END


def host_and_port(place: str, default: int) -> tuple[str, int]:
    host, colon, port = place.rpartition(":")
    return (host.strip("[]"), int(port)) if colon and port.isdecimal() else (place.strip("[]"), default)


def plain_answer(status: int, text: str) -> bytes:
    body = text.encode("utf-8", "replace")
    return b"HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (
        *(status, b"Error", len(body), body),
    )


def reason_of(error: Exception) -> str:
    return str(getattr(error, "reason", None) or getattr(error, "strerror", None) or error)
