"""A certificate authority of one run: its key lives in memory alone, and what it signs is gone with the run."""

from __future__ import annotations

import base64
import hashlib
import os
import time

from evalprov.wire import curve

DAYS = 30  # that a certificate is good for: longer than a run, whose end is the end of its key
_EARLIER = 3600  # seconds, for clocks that disagree
_NAME = "evalprov, for one run"
_SIZE = 32  # bytes of a number of this curve
# Object identifiers, as DER has them.
_EC_KEY, _CURVE = bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06082a8648ce3d030107")
_COMMON_NAME = bytes.fromhex("0603550403")
_ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
_BASIC, _USAGE, _PURPOSE = bytes.fromhex("0603551d13"), bytes.fromhex("0603551d0f"), bytes.fromhex("0603551d25")
_SUBJECT_KEY, _ISSUER_KEY, _NAMES = (bytes.fromhex(f"0603551d{end}") for end in ("0e", "23", "11"))
_SERVER = bytes.fromhex("06082b06010505070301")
_TRUE = b"\x01\x01\xff"


class Authority:
    """Signs certificates for hosts with one key, made anew for each run or taken over from a proxy that was killed."""

    def __init__(self, key: str | None = None) -> None:
        self._key = curve.random_number() if key is None else int(key, 16)
        x, y = curve.point_of(self._key)
        self._point = _tlv(3, b"\x00\x04" + x.to_bytes(_SIZE, "big") + y.to_bytes(_SIZE, "big"))
        self._public = _seq(_seq(_EC_KEY, _CURVE), self._point)
        self._id = hashlib.sha1(self._public, usedforsecurity=False).digest()
        self.certificate = self._signed(_NAME, _extension(_BASIC, _seq(_TRUE), critical=True), _usage(b"\x01\x06"))

    @property
    def key(self) -> str:
        """The private key, for the one who takes over."""
        return f"{self._key:x}"

    def _pem(self) -> str:
        """Return the private key as a file of keys has it (RFC 5915)."""
        parts = (
            b"\x02\x01\x01",
            _tlv(4, self._key.to_bytes(_SIZE, "big")),
            _tlv(0xA0, _CURVE),
            _tlv(0xA1, self._point),
        )
        return _armoured("EC PRIVATE KEY", _seq(*parts))

    def leaf(self, host: str) -> str:
        """Return the key and the certificate with which to speak for a host, and the authority's own behind them."""
        extensions = (
            _extension(_BASIC, _seq(), critical=True),
            _usage(b"\x07\x80"),
            _extension(_PURPOSE, _seq(_SERVER)),
            _extension(_NAMES, _seq(_alternative(host))),
        )
        # One key serves all: who has it could sign any other as well.
        return self._pem() + self._signed(host[:64], *extensions) + self.certificate

    def _signed(self, name: str, *extensions: bytes) -> str:
        now = time.time()
        ids = _extension(_SUBJECT_KEY, _tlv(4, self._id)), _extension(_ISSUER_KEY, _seq(_tlv(0x80, self._id)))
        # The authority's serial and dates hold for the taken-over key as well, so that its certificate is the same one.
        serial = self._id[:8] if name == _NAME else os.urandom(8)
        signed = _seq(
            _tlv(0xA0, b"\x02\x01\x02"),
            _tlv(2, b"\x01" + serial),
            _ECDSA_SHA256,
            _name(_NAME),
            _seq(_time(now - _EARLIER), _time(now + DAYS * 86400)),
            _name(name),
            self._public,
            _tlv(0xA3, _seq(*ids, *extensions)),
        )
        pair = curve.signed(self._key, hashlib.sha256(signed).digest(), curve.random_number())
        signature = _seq(*map(_whole, pair))
        return _armoured("CERTIFICATE", _seq(signed, _ECDSA_SHA256, _tlv(3, b"\x00" + signature)))


def _armoured(what: str, data: bytes) -> str:
    lines = base64.b64encode(data).decode()
    rows = "\n".join(lines[at : at + 64] for at in range(0, len(lines), 64))
    return f"-----BEGIN {what}-----\n{rows}\n-----END {what}-----\n"


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _whole(number: int) -> bytes:
    return _tlv(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _seq(*parts: bytes) -> bytes:
    return _tlv(0x30, b"".join(parts))


def _name(text: str) -> bytes:
    return _seq(_tlv(0x31, _seq(_COMMON_NAME, _tlv(0x0C, text.encode()))))


def _time(seconds: float) -> bytes:
    return _tlv(0x17, time.strftime("%y%m%d%H%M%SZ", time.gmtime(seconds)).encode())


def _extension(oid: bytes, value: bytes, *, critical: bool = False) -> bytes:
    return _seq(oid, _TRUE if critical else b"", _tlv(4, value))


def _usage(bits: bytes) -> bytes:
    return _extension(_USAGE, _tlv(3, bits), critical=True)


def _alternative(host: str) -> bytes:
    import socket

    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return _tlv(0x87, socket.inet_pton(family, host))
        except OSError:
            continue
    return _tlv(0x82, host.encode("idna") if not host.isascii() else host.encode())
