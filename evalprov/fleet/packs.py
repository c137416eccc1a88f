"""Many lines of the history in one file: each with the name of its record in front, compressed, oldest first."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

import msgspec

from evalprov.fleet import keys
from evalprov.named import NamedTuple
from evalprov.store import ids
from evalprov.store.folder import LARGEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LINES_AT_MOST = 10_000
BYTES_AT_MOST = 64 << 20  # of a pack's lines, or one line
LARGEST_PACK = 128 << 20  # compressed, that is read
LARGEST_UNPACKED = 256 << 20
_LEVEL = 6
_GZIP = 31  # what zlib calls that format
_BEGIN = b'{"manifest":"'
_HEAD = re.compile(rb'\{"manifest":"([0-9A-Za-z_.]{33,45})",')
_CANNOT_READ = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _PackRow(msgspec.Struct, gc=False):
    run_id: str
    manifest: str = ""


_ROWS = msgspec.json.Decoder(_PackRow)


class PackedLine(NamedTuple):
    """A line of the history, and the record that it is of."""

    stem: str
    line: bytes  # as in a history, with its end


class Unpacked(NamedTuple):
    """The lines of a pack, or of a single file, and what was odd about it."""

    lines: list[PackedLine]
    odd: int = 0  # lines that are none of ours
    problem: str = ""


def packed(lines: Iterable[PackedLine]) -> bytes:
    """Return a pack of these lines; the same lines make the same bytes."""
    packing = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    pieces = [packing.compress(b'%b%b",%b' % (_BEGIN, one.stem.encode(), one.line[1:])) for one in lines]
    return b"".join((*pieces, packing.flush()))


def unpacked(name: str, data: bytes) -> Unpacked:
    """Return the lines of a pack; what is torn, foreign or swollen is left out and told."""
    unpacking = zlib.decompressobj(_GZIP)
    try:
        text = unpacking.decompress(data, LARGEST_UNPACKED)
    except zlib.error as error:
        return Unpacked([], problem=f"the pack {name} is damaged and left out ({error})")
    if unpacking.unconsumed_tail:
        return Unpacked([], problem=f"the pack {name} is larger than any of ours and left out")
    torn = "" if unpacking.eof else f"the pack {name} ends in the middle; what is whole of it is read"
    end = text.rfind(b"\n") + 1
    lines = text[:end].split(b"\n")[:-1]
    rows = _rows(text[:end]) if len(text) <= LARGEST_UNPACKED else None
    if rows is None or len(rows) != len(lines):
        rows = [_row(line) for line in lines]
    found, odd = [], 0
    for row, line in zip(rows, lines, strict=True):
        head = _HEAD.match(line)
        stem = head[1].decode() if head else ""
        if row is None or head is None or row.manifest != stem or not _is_of(stem, row.run_id) or len(line) > LARGEST:
            odd += line != b""
        else:
            found.append(PackedLine(stem, b"{%b\n" % line[head.end() :]))
    return Unpacked(found, odd, torn)


def single(stem: str, data: bytes) -> PackedLine | None:
    """Return the line that a file of its own holds; null where it is none of ours."""
    line = data.rstrip(b"\n")
    row = _row(line) if b"\n" not in line and line[:1] == b"{" and len(line) <= LARGEST else None
    return PackedLine(stem, line + b"\n") if row and _is_of(stem, row.run_id) else None


def renamed(line: PackedLine, run_id: str) -> bytes:
    """Return a line as that of a run of another id."""
    return with_id(line.line, run_id) + b"\n"


def with_id(record: bytes, run_id: str) -> bytes:
    """Return a record, or its line, under another id, its logs and calls too."""
    value = msgspec.json.decode(record)
    before = value["run_id"]
    value["run_id"] = run_id
    names = {f"logs/{before}.out", f"logs/{before}.err", f"calls/{before}.sqlite"}
    for section in (value.get("output"), value.get("calls")):
        if isinstance(section, dict):
            _rename(section, names, before, run_id)
    return msgspec.json.encode(value)


def _rename(section: dict[str, object], names: set[str], before: str, run_id: str) -> None:
    for key, value in section.items():
        if isinstance(value, str) and value in names:
            section[key] = value.replace(before, run_id)
        elif isinstance(value, dict):
            _rename(value, names, before, run_id)


def in_packs(lines: Sequence[PackedLine]) -> Iterable[Sequence[PackedLine]]:
    """Part lines into packs."""
    begin = size = 0
    for number, one in enumerate(lines):
        if number > begin and (number - begin >= LINES_AT_MOST or size + len(one.line) > BYTES_AT_MOST):
            yield lines[begin:number]
            begin, size = number, 0
        size += len(one.line)
    if begin < len(lines):
        yield lines[begin:]


def _rows(text: bytes) -> list[_PackRow | None] | None:
    try:
        text.decode()
        return list(_ROWS.decode_lines(text))
    except _CANNOT_READ:
        return None


def _row(line: bytes) -> _PackRow | None:
    try:
        line.decode()
        return _ROWS.decode(line)
    except _CANNOT_READ:
        return None


def _is_of(stem: str, run_id: str) -> bool:
    return keys.is_stem(stem) and keys.run_of(stem) == run_id and ids.is_run_id(run_id)
