"""The file of a run's calls: SQLite, a row a call, what repeats kept once, all of it compressed with one dictionary."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import struct
from typing import TYPE_CHECKING, Any, Self

import msgspec
import zstandard

from evalprov.errors import UnreadableError
from evalprov.regular import open_regular
from evalprov.wire.asked import VERSION, CallQuestion, references
from evalprov.wire.call import Call, RecordedAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT = 1
_SAMPLES = 8  # calls whose texts make the dictionary
_LARGEST_DICTIONARY = 1 << 16
_LEVEL = 3
_LAYOUT = """
CREATE TABLE about (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE endpoint (id INTEGER PRIMARY KEY, host TEXT, method TEXT, path TEXT, api TEXT, kind TEXT, provider TEXT);
CREATE TABLE piece (id INTEGER PRIMARY KEY, name BLOB UNIQUE, data BLOB);
CREATE TABLE call (
  number INTEGER PRIMARY KEY,  -- in the order in which they were asked
  key BLOB, endpoint INTEGER, status INTEGER, began REAL, first REAL, ended REAL, flags INTEGER, problem TEXT,
  skeleton BLOB, answer BLOB
);
CREATE INDEX by_key ON call (key, number);
"""


class CallWriter:
    """Writes the calls of a run; many at a time, each batch whole or not at all."""

    def __init__(self, path: str) -> None:
        existed = os.path.exists(path)
        if not existed:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644))
        self.path = path
        self._base = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._base.execute("PRAGMA page_size=8192")
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute("PRAGMA synchronous=NORMAL")
        self._pieces: set[str] = set()
        self._endpoints: dict[tuple[str, ...], int] = {}
        self._new: list[tuple[bytes, bytes]] = []  # pieces that are to be written
        self._pack: zstandard.ZstdCompressor | None = None
        tables = self._base.execute("SELECT count(*) FROM sqlite_master WHERE name = 'call'").fetchone()[0]
        if not tables:
            self._base.executescript(f"BEGIN;{_LAYOUT}COMMIT;")
            self._tell("format", str(FORMAT))
            self._tell("key", str(VERSION))
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Take over from a writer that was killed."""
        self._pieces = {row[0].hex() for row in self._base.execute("SELECT name FROM piece")}
        for number, *what in self._base.execute("SELECT id, host, method, path, api, kind, provider FROM endpoint"):
            self._endpoints[tuple(what)] = number
        found = self._base.execute("SELECT value FROM about WHERE name = 'dictionary'").fetchone()
        if found:
            self._pack = _packer(found[0])

    def last(self) -> int:
        """Return the number of the last call that is kept."""
        return int(self._base.execute("SELECT coalesce(max(number), 0) FROM call").fetchone()[0])

    def write(self, calls: list[Call]) -> None:
        """Keep calls; of the first ones the dictionary is made."""
        if not calls:
            return
        if self._pack is None:
            dictionary = b"".join(_texts(calls))[-_LARGEST_DICTIONARY:]
            self._tell("dictionary", dictionary)
            self._pack = _packer(dictionary)
        self._base.execute("BEGIN")
        try:
            rows = [self._row(call, self._pack) for call in calls]
            self._base.executemany("INSERT OR IGNORE INTO piece (name, data) VALUES (?, ?)", self._new)
            self._base.executemany("INSERT OR REPLACE INTO call VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            self._base.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._base.execute("ROLLBACK")
            self._pieces.clear()  # some of them are not there
            self._endpoints.clear()
            self._go_on()
            raise
        finally:
            self._new = []

    def _row(self, call: Call, pack: zstandard.ZstdCompressor) -> tuple[Any, ...]:
        """Return a call as a row; what it has that is not in the file yet is to be written with it."""
        asked = call.question
        for name, data in asked.pieces.items():
            if name not in self._pieces:
                self._new.append((bytes.fromhex(name), pack.compress(data)))
                self._pieces.add(name)
        what = (asked.host, asked.method, asked.path, asked.api, asked.kind, call.provider)
        if (endpoint := self._endpoints.get(what)) is None:
            sql = "INSERT INTO endpoint (host, method, path, api, kind, provider) VALUES (?, ?, ?, ?, ?, ?)"
            endpoint = self._endpoints[what] = self._base.execute(sql, what).lastrowid or 0
        return (
            *(call.number, asked.key, endpoint, call.status, round(call.began, 6), _short(call.first)),
            *(_short(call.ended), call.flags, call.problem, pack.compress(asked.skeleton or b"null")),
            None if call.answer is None else pack.compress(_packed(call.answer)),
        )

    def _tell(self, name: str, value: str | bytes) -> None:
        self._base.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))

    def seal(self, about: dict[str, str]) -> None:
        """Complete the file: nothing beside it, nothing to be written any more."""
        for name, value in about.items():
            self._tell(name, value)
        self._base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._base.execute("PRAGMA journal_mode=DELETE")
        self._base.close()
        fd = open_regular(self.path)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def abandon(self) -> None:
        """Leave it as it is."""
        with contextlib.suppress(sqlite3.Error):
            self._base.close()


class CallReader:
    """Reads a file of calls; nothing is written to it."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            # A file whose writer was killed has its last calls beside it, and is read as it is.
            sealed = not os.path.exists(f"{path}-wal")
            mode = "mode=ro&immutable=1" if sealed else "mode=ro"
            os.close(open_regular(path, os.O_NOFOLLOW))
            self._base = sqlite3.connect(f"file:{_quoted(path)}?{mode}", uri=True, check_same_thread=False)
            about = dict(self._base.execute("SELECT name, value FROM about"))
        except (OSError, sqlite3.Error) as error:
            why = getattr(error, "strerror", None) or error
            raise UnreadableError(f"{path} is no file of calls: {why}") from None
        self.about = about
        if about.get("format") != str(FORMAT) or about.get("key") != str(VERSION):
            self._base.close()
            raise UnreadableError(f"{path} was written by another version of evalprov")
        dictionary = about.get("dictionary", b"")
        self._unpack = zstandard.ZstdDecompressor(dict_data=_dictionary(dictionary) if dictionary else None)
        self._endpoints: dict[int, tuple[str, ...]] = {}
        self._read_pieces: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    def calls(self, where: str = "", given: tuple[Any, ...] = (), asked: CallQuestion | None = None) -> Iterator[Call]:
        """Yield the calls in the order in which they were asked; where the question is known it is not read."""
        columns = "number, endpoint, status, began, first, ended, flags, problem, skeleton, answer"
        try:
            for row in self._base.execute(f"SELECT {columns} FROM call {where} ORDER BY number", given):  # noqa: S608
                yield self._call(row, asked)
        except (sqlite3.Error, zstandard.ZstdError, ValueError, KeyError) as error:
            raise UnreadableError(f"{self.path} is damaged: {error}") from None

    def of_key(self, key: bytes) -> list[Call]:
        """Return every call with this key."""
        return list(self.calls("WHERE key = ?", (key,)))

    def numbered(self, number: int) -> Call:
        """Return a call by its number."""
        return next(self.calls("WHERE number = ?", (number,)))

    def answering(self, asked: CallQuestion, number: int) -> Call:
        """Return a call by its number as the answer to a question, which stands in it as it is asked now."""
        return next(self.calls("WHERE number = ?", (number,), asked))

    def outcomes(self) -> Iterator[tuple[int, bytes, int, str | None, int]]:
        """Yield number, key, status, problem and flags of each call, without its texts."""
        yield from self._base.execute("SELECT number, key, status, problem, flags FROM call ORDER BY number")

    def outlines(self) -> Iterator[tuple[int, int, set[str]]]:
        """Yield number, endpoint and pieces of each call."""
        for number, endpoint, skeleton in self._base.execute("SELECT number, endpoint, skeleton FROM call"):
            yield number, endpoint, set(references(self._unpack.decompress(skeleton)))

    def count(self) -> int:
        """Return how many calls there are."""
        return int(self._base.execute("SELECT count(*) FROM call").fetchone()[0])

    def providers(self) -> list[str]:
        """Return whose calls they are."""
        return [row[0] for row in self._base.execute("SELECT DISTINCT provider FROM endpoint ORDER BY 1")]

    def _endpoint(self, number: int) -> tuple[str, ...]:
        if number not in self._endpoints:
            sql = "SELECT host, method, path, api, kind, provider FROM endpoint WHERE id = ?"
            self._endpoints[number] = self._base.execute(sql, (number,)).fetchone()
        return self._endpoints[number]

    def _piece(self, name: str) -> bytes:
        if name not in self._read_pieces:
            if len(self._read_pieces) > 1 << 14:
                self._read_pieces.clear()
            row = self._base.execute("SELECT data FROM piece WHERE name = ?", (bytes.fromhex(name),)).fetchone()
            self._read_pieces[name] = self._unpack.decompress(row[0])
        return self._read_pieces[name]

    def _call(self, row: tuple[Any, ...], asked: CallQuestion | None = None) -> Call:
        number, endpoint, status, began, first, ended, flags, problem, packed, answer = row
        host, method, path, api, kind, provider = self._endpoint(endpoint)
        if asked is None:
            skeleton = self._unpack.decompress(packed)
            pieces = {name: self._piece(name) for name in references(skeleton)} if kind == "json" else {}
            asked = CallQuestion(host, method, path, api, skeleton, pieces, kind)
        found = None if answer is None else _unpacked(self._unpack.decompress(answer))
        return Call(number, provider, asked, status, began, first, ended, flags, problem, found)


def _packed(answer: RecordedAnswer) -> bytes:
    chunks = msgspec.json.encode([[size, round(at, 4)] for size, at in answer.chunks])
    return struct.pack(">II", len(answer.head), len(chunks)) + answer.head + chunks + answer.body


def _unpacked(data: bytes) -> RecordedAnswer:
    head, chunks = struct.unpack_from(">II", data)
    body = 8 + head + chunks
    pieces = tuple([(size, at) for size, at in msgspec.json.decode(data[8 + head : body])])
    return RecordedAnswer(data[8 : 8 + head], data[body:], pieces)


def _texts(calls: list[Call]) -> Iterator[bytes]:
    for call in calls[:_SAMPLES]:
        yield from call.question.pieces.values()
        yield call.question.skeleton
        if call.answer:
            yield call.answer.body[: 1 << 12] + call.answer.head


def _dictionary(data: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(data, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def _packer(data: bytes) -> zstandard.ZstdCompressor:
    dictionary = _dictionary(data)
    dictionary.precompute_compress(level=_LEVEL)
    return zstandard.ZstdCompressor(level=_LEVEL, dict_data=dictionary)


def _short(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 5)


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(os.path.abspath(path))
