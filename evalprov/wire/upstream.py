"""The way to the provider: straight, or through the proxy that the user's own environment names."""

from __future__ import annotations

import os
import socket
import ssl
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from evalprov.wire.gateway import Gateway, excepted, gateway
from evalprov.wire.messages import END, LARGEST_HEAD, MalformedError, parse_head

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_SECONDS = 60.0  # longer than any library waits by itself
PIECE = 1 << 16  # more than a record of TLS holds, so that nothing of one is left behind
_TRUST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")


_REFUSALS = {1: "failure", 2: "not allowed", 3: "network unreachable", 4: "host unreachable", 5: "connection refused"}


class UnreachableError(Exception):
    """There is no way to a host; the words say why."""


class NoHttp1Error(UnreachableError):
    """A host speaks HTTP/2 alone, or another protocol."""


class Upstream:
    """Opens connections to hosts as the command itself would have."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._gateway = gateway(environ)
        self._excepted = excepted(environ)

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """Whom the user trusts; to load all roots takes longer than anything else, and not every run needs them."""
        return _trust(self._environ)

    def connect(self, host: str, port: int) -> socket.socket:
        """Open a plain connection."""
        try:
            if self._gateway is None or self._is_excepted(host, port):
                return _opened(host, port)
            return self._through(self._gateway, host, port)
        except (OSError, MalformedError) as error:
            raise UnreachableError(f"{host}:{port}: {getattr(error, 'strerror', None) or error}") from error

    def connect_tls(self, host: str, port: int) -> ssl.SSLSocket:
        """Open a connection to a host that proves who it is."""
        plain = self.connect(host, port)
        try:
            plain.settimeout(CONNECT_SECONDS)
            secured = self.trust.wrap_socket(plain, server_hostname=host)
            secured.settimeout(None)
        except OSError as error:
            plain.close()
            if "no application protocol" in str(error).lower().replace("_", " "):
                raise NoHttp1Error(f"{host}:{port}: it speaks no HTTP/1.1") from error
            why = getattr(error, "verify_message", None) or getattr(error, "strerror", None) or error
            raise UnreachableError(f"{host}:{port}: {why}") from error
        return secured

    def _through(self, to: Gateway, host: str, port: int) -> socket.socket:
        plain = _opened(to.host, to.port)
        try:
            plain.settimeout(CONNECT_SECONDS)
            if to.socks:
                _ask_socks(plain, to, host, port)
            else:
                _ask_for(plain, to, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
            plain.settimeout(None)
        except BaseException:
            plain.close()
            raise
        return plain

    def _is_excepted(self, host: str, port: int) -> bool:
        host = host.lower()
        return any(
            word in {"*", host, f"{host}:{port}"} or host.endswith(f".{word.lstrip('.')}") for word in self._excepted
        )


def _ask_for(plain: socket.socket, to: Gateway, name: str) -> None:
    """Have the user's proxy open the way to a host."""
    lines = [f"CONNECT {name} HTTP/1.1", f"Host: {name}"]
    if to.credentials:
        lines.append(f"Proxy-Authorization: Basic {to.credentials}")
    plain.sendall("\r\n".join(lines).encode() + END)
    answer = b""
    while not answer.endswith(END):  # a byte at a time: what follows is not ours to take
        if len(answer) > LARGEST_HEAD or not (piece := plain.recv(1)):
            raise MalformedError("the proxy in HTTPS_PROXY gave no answer")
        answer += piece
    head = parse_head(answer)
    if not 200 <= head.status < 300:
        raise MalformedError(f"the proxy in HTTPS_PROXY said {head.status} {head.first[2]}")


def _ask_socks(plain: socket.socket, to: Gateway, host: str, port: int) -> None:
    """Likewise, as SOCKS5 has it (RFC 1928, RFC 1929)."""
    plain.sendall(b"\x05\x02\x00\x02" if to.user else b"\x05\x01\x00")
    method = _exactly(plain, 2)
    if method == b"\x05\x02" and to.user:
        user, password = to.user.encode(), to.password.encode()
        plain.sendall(bytes((1, len(user))) + user + bytes((len(password),)) + password)
        if _exactly(plain, 2)[1]:
            raise MalformedError("the SOCKS proxy does not know that user and password")
    elif method != b"\x05\x00":
        raise MalformedError("the SOCKS proxy wants another way to say who we are")
    plain.sendall(b"\x05\x01\x00" + _address(host, asks_names=to.asks_names) + port.to_bytes(2, "big"))
    said, kind = _exactly(plain, 4)[1::2]
    if said:
        raise MalformedError(f"the SOCKS proxy said {_REFUSALS.get(said, said)}")
    size = {1: 4, 4: 16}.get(kind) or _exactly(plain, 1)[0]
    _exactly(plain, size + 2)


def _address(host: str, *, asks_names: bool) -> bytes:
    """Return a host as SOCKS has it: a number, or a name for the proxy to look up."""
    for kind, family in ((b"\x01", socket.AF_INET), (b"\x04", socket.AF_INET6)):
        with suppress(OSError):
            return kind + socket.inet_pton(family, host)
    if asks_names:
        name = host.encode("idna")
        return b"\x03" + bytes((len(name),)) + name
    return _address(str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0]), asks_names=True)


def _exactly(plain: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        if not (piece := plain.recv(size - len(data))):
            raise MalformedError("the SOCKS proxy gave no answer")
        data += piece
    return data


def _opened(host: str, port: int) -> socket.socket:
    opened = socket.create_connection((host, port), CONNECT_SECONDS)
    opened.settimeout(None)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


def _trust(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Trust whom the user's own settings trust: any of them, for one of the libraries would have asked it."""
    context = ssl.create_default_context()
    for name in _TRUST:
        path = environ.get(name, "")
        try:
            if os.path.isfile(path):
                context.load_verify_locations(cafile=path)
            elif os.path.isdir(path):
                context.load_verify_locations(capath=path)
        except (OSError, ssl.SSLError):
            continue  # then the library would have refused it, too
    context.set_alpn_protocols(["http/1.1"])
    return context
