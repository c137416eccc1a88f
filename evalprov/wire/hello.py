"""What a client says first: whether it speaks TLS, and whether it could speak HTTP/1.1 in it."""

from __future__ import annotations

import socket
import time

_HANDSHAKE, _HELLO, _ALPN = 0x16, 1, 16
_PATIENCE = 5.0
_LARGEST = 1 << 14


def speaks_http1(client: socket.socket) -> bool:
    """Look at a client's first bytes, which stay where they are; one that speaks first is waited for."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            data = client.recv(_LARGEST, socket.MSG_PEEK)
        except OSError:
            return False
        if not data or data[0] != _HANDSHAKE:
            return False
        if len(data) >= 5 and len(data) >= min(5 + int.from_bytes(data[3:5], "big"), _LARGEST):
            break
        if time.monotonic() > until:
            return False
        time.sleep(0.001)  # its first message comes in several pieces
    offered = _protocols(data[5:])
    return not offered or b"http/1.1" in offered


def _protocols(hello: bytes) -> list[bytes]:
    """Return the protocols that a client offers in its first message."""
    try:
        if hello[0] != _HELLO:
            return []
        at = 4 + 2 + 32
        at += 1 + hello[at]  # session
        at += 2 + int.from_bytes(hello[at : at + 2], "big")  # ciphers
        at += 1 + hello[at]  # compression
        end = at + 2 + int.from_bytes(hello[at : at + 2], "big")
        at += 2
        while at + 4 <= end:
            kind, size = int.from_bytes(hello[at : at + 2], "big"), int.from_bytes(hello[at + 2 : at + 4], "big")
            if kind == _ALPN:
                return list(_names(hello[at + 6 : at + 4 + size]))
            at += 4 + size
    except IndexError:
        return []
    return []


def _names(data: bytes) -> list[bytes]:
    names = []
    while data:
        size = data[0]
        names.append(data[1 : 1 + size])
        data = data[1 + size :]
    return names
