"""What travels between machines: named pieces in one run of bytes, each with its hash; a torn one is told as such."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_MARK = b"evalprov-parcel-1 "
_HEAD = 64 << 20  # bytes of what stands before the pieces
LARGEST = 1 << 30  # bytes of one parcel
MANY = 20_000  # pieces of one


class BadParcel(Exception):  # noqa: N818 - it is a finding about bytes
    """These bytes are no whole parcel; the words say why."""


class ParcelContent(NamedTuple):
    """What is in a parcel."""

    facts: dict[str, Any]
    pieces: dict[str, bytes]


def pack(facts: Mapping[str, Any], pieces: Mapping[str, bytes]) -> bytes:
    """Return a parcel of some facts and some pieces."""
    listed = [(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in pieces.items()]
    head = json.dumps({"facts": facts, "pieces": listed}, separators=(",", ":")).encode()
    mark = _MARK + f"{len(head)} {hashlib.sha256(head).hexdigest()}\n".encode()
    return b"".join((mark, head, *pieces.values()))


def unpack(data: bytes) -> ParcelContent:
    """Return what is in a parcel; what a shell printed before it is passed over."""
    if len(data) > LARGEST:
        raise BadParcel(f"it is larger than {LARGEST >> 20} MiB")
    begin = data.find(_MARK)
    line, newline, _ = data[begin : begin + 120].partition(b"\n")
    words = line[len(_MARK) :].split(b" ")
    if begin < 0 or not newline or len(words) != 2 or not words[0].isdigit() or len(words[0]) > 10:
        raise BadParcel("it does not begin as one")
    at = begin + len(line) + 1
    size = int(words[0])
    head = data[at : at + size]
    if size > _HEAD or len(head) < size or hashlib.sha256(head).hexdigest().encode() != words[1]:
        raise BadParcel("its beginning is torn")
    facts, listed = _listed(head)
    at += size
    pieces: dict[str, bytes] = {}
    for name, length, digest in listed:
        piece = data[at : at + length]
        if len(piece) < length or hashlib.sha256(piece).hexdigest() != digest:
            raise BadParcel(f"it is torn: {len(data) - begin:,} bytes are here, and not all of them are what was sent")
        pieces[name] = piece
        at += length
    return ParcelContent(facts, pieces)


def _listed(head: bytes) -> tuple[dict[str, Any], list[tuple[str, int, str]]]:
    """Return the facts, and the pieces' names, sizes and hashes, of a form that is checked."""
    try:
        told = json.loads(head)
        facts, listed = told["facts"], told["pieces"]
        fits = isinstance(facts, dict) and isinstance(listed, list) and len(listed) <= MANY
        for name, length, digest in listed:
            fits = fits and isinstance(name, str) and type(length) is int and length >= 0 and isinstance(digest, str)
    except (ValueError, TypeError, KeyError, RecursionError):
        fits = False
    if not fits:
        raise BadParcel("its list of pieces is none")
    return facts, [(name, length, digest) for name, length, digest in listed]
