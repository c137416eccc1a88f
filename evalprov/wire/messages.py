"""HTTP/1.1 as it passes: heads taken apart, bodies followed to their end, chunk by chunk, while their bytes go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LARGEST_HEAD = 1 << 18
END = b"\r\n\r\n"
_LARGEST_LINE = 1 << 12  # of a chunk's size
_REMEMBERED, _LONG = 1 << 10, 1 << 9
_LINES: dict[str, tuple[str, str]] = {}  # lines of heads, most of which come again with each call


class MalformedError(Exception):
    """These bytes are no HTTP/1.1 that can be followed."""


class Head:
    """The head of a request or of a response."""

    __slots__ = ("_values", "first", "headers", "raw")

    def __init__(self, raw: bytes, first: tuple[str, str, str], headers: tuple[tuple[str, str], ...]) -> None:
        self.raw = raw  # with the empty line at its end
        self.first = first  # method, target, version; or version, status, reason
        self.headers = headers  # names in lower case
        self._values = dict(headers[::-1])

    def get(self, name: str) -> str:
        """Return a header's value, the first of several; empty where there is none."""
        return self._values.get(name, "")

    def has(self, name: str, word: str) -> bool:
        """Say whether a header lists a word."""
        return name in self._values and any(
            word in (part.strip().lower() for part in value.split(",")) for key, value in self.headers if key == name
        )

    @property
    def status(self) -> int:
        """A response's number."""
        return int(self.first[1])

    @property
    def keeps_open(self) -> bool:
        """Whether the connection may go on after this message."""
        version = self.first[2] if self.first[2].startswith("HTTP/") else self.first[0]
        if version == "HTTP/1.0":
            return self.has("connection", "keep-alive")
        return not self.has("connection", "close")


def parse_head(raw: bytes) -> Head:
    """Take a head apart."""
    lines = raw[: -len(END)].decode("latin-1").split("\r\n")
    first = lines[0].split(" ", 2)
    if len(first) == 2:
        first.append("")
    if len(first) != 3 or not (first[2].startswith("HTTP/1.") or first[0].startswith("HTTP/1.")):
        raise MalformedError("not HTTP/1.1")
    if first[0].startswith("HTTP/") and not first[1].isdecimal():
        raise MalformedError("no status")
    headers = tuple([_LINES.get(line) or _header(line) for line in lines[1:]])
    return Head(raw, (first[0], first[1], first[2]), headers)


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or name != name.strip():
        raise MalformedError(f"not a header: {name[:40]!r}")
    header = name.lower(), value.strip()
    if len(line) < _LONG:
        if len(_LINES) >= _REMEMBERED:
            _LINES.clear()
        _LINES[line] = header
    return header


def without(head: Head, names: Iterable[str]) -> bytes:
    """Return a head's bytes less some headers, all else as it was."""
    drop = set(names)
    first, *lines = head.raw[: -len(END)].split(b"\r\n")
    kept = [line for line in lines if line.partition(b":")[0].decode("latin-1").lower() not in drop]
    return b"\r\n".join((first, *kept)) + END


class BodyReader:
    """Follows one body: told bytes, it says how many are the body's; it keeps what they mean and where chunks began."""

    def __init__(self, head: Head, *, of_request: bool = False, empty: bool = False) -> None:
        self.done = False
        self.size = 0
        self.chunks: list[int] = []  # sizes, where the body comes in chunks
        self.chunked = head.has("transfer-encoding", "chunked")
        self.until_close = False
        self.keep = True
        self._pieces: list[bytes] = []
        self._rest = b""  # of a line that is not whole yet
        self._left = 0
        self._step: Callable[[bytes, int], int] = self._plain
        if empty:
            self.done = True
        elif self.chunked:
            self._step = self._chunk_size
        elif length := head.get("content-length"):
            if not length.isdecimal():
                raise MalformedError("no length")
            self._left = int(length)
            self.done = not self._left
        elif of_request:
            self.done = True
        else:
            self.until_close = True

    @property
    def body(self) -> bytes:
        """What the body holds, without the marks of its chunks."""
        return b"".join(self._pieces)

    def forget(self) -> None:
        """Keep nothing of it from here on: it is too large."""
        self.keep = False
        self._pieces.clear()

    def feed(self, data: bytes) -> int:
        """Take what belongs to the body; return how much that was."""
        at = 0
        while at < len(data) and not self.done:
            at = self._step(data, at)
        return at

    def end(self) -> bool:
        """The connection is closed: say whether the body is whole."""
        self.done = self.done or self.until_close
        return self.done

    def _take(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.keep:
            self._pieces.append(piece)

    def _plain(self, data: bytes, at: int) -> int:
        if self.until_close:
            self._take(data[at:])
            return len(data)
        piece = data[at : at + self._left]
        self._take(piece)
        self._left -= len(piece)
        self.done = not self._left
        return at + len(piece)

    def _line(self, data: bytes, at: int) -> tuple[bytes | None, int]:
        end = data.find(b"\n", at)
        if end < 0:
            self._rest += data[at:]
            if len(self._rest) > _LARGEST_LINE:
                raise MalformedError("no chunk")
            return None, len(data)
        line, self._rest = self._rest + data[at:end], b""
        return line.rstrip(b"\r"), end + 1

    def _chunk_size(self, data: bytes, at: int) -> int:
        line, at = self._line(data, at)
        if line is not None:
            try:
                self._left = int(line.partition(b";")[0], 16)
            except ValueError:
                raise MalformedError("no chunk") from None
            if self._left:
                self.chunks.append(self._left)
            self._step = self._chunk_data if self._left else self._trailer
        return at

    def _chunk_data(self, data: bytes, at: int) -> int:
        piece = data[at : at + self._left]
        self._take(piece)
        self._left -= len(piece)
        if not self._left:
            self._step = self._chunk_end
        return at + len(piece)

    def _chunk_end(self, data: bytes, at: int) -> int:
        line, at = self._line(data, at)
        if line:
            raise MalformedError("a chunk is longer than it says")
        if line is not None:
            self._step = self._chunk_size
        return at

    def _trailer(self, data: bytes, at: int) -> int:
        line, at = self._line(data, at)
        self.done = line == b""
        return at


def has_no_body(method: str, status: int) -> bool:
    """Say whether a response to this has none, whatever its head says."""
    return method == "HEAD" or status < 200 or status in (204, 304)
