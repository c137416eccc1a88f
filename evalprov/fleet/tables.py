"""The history as tables for SQL: what has been read once stands in Parquet files in the user's cache, the rest is read.

A file of the cache covers a stretch of the history, which only grows; where it was written anew all is read anew.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import hashlib
import json
import os
import shutil
import tempfile
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Self

import msgspec

from evalprov.errors import EvalprovError
from evalprov.fleet import parquet
from evalprov.named import NamedTuple
from evalprov.numbers import counted
from evalprov.regular import reading
from evalprov.store import ids
from evalprov.store.decode import Newer, Unreadable
from evalprov.store.folder import Folder
from evalprov.store.index import HISTORY
from evalprov.store.lines import going_on, open_store
from evalprov.store.notes import Annotations
from evalprov.store.query import check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

    import duckdb

INDEX, LOCK = "index.json", ".lock"
KEPT_FROM = 1 << 20  # bytes of lines that are worth a file of the cache
PART = 64 << 20  # bytes of lines that make one file
_EDGE = 4096  # bytes at both ends of what is covered, by which it is known again
_MEMORY = "2GB"
_THREADS = 8
SCENARIOS = {"run_id": "VARCHAR", "scenario": "VARCHAR", "metric": "VARCHAR", "value": "DOUBLE"}
_LATER = {"run_id": "VARCHAR", "tags": "VARCHAR[]", "note": "VARCHAR"}
_ANNOTATIONS = {
    **dict.fromkeys(("run_id", "at", "by", "note"), "VARCHAR"),
    "tags": "VARCHAR[]",
    "untags": "VARCHAR[]",
}
_VIEWS = """
CREATE VIEW metrics AS SELECT run_id, unnest(map_keys(metric_summary)) AS metric,
  unnest(map_values(metric_summary)) AS value FROM runs;
CREATE VIEW layers AS SELECT run_id, unnest(map_keys(identity.layers)) AS layer,
  unnest(map_values(identity.layers)) AS hash FROM runs;
"""
_CLOSED = """
SET enable_external_access = false;
SET autoinstall_known_extensions = false;
SET autoload_known_extensions = false;
SET python_enable_replacements = false;
SET lock_configuration = true;
"""


class CacheIndex(msgspec.Struct):
    """What the cache covers."""

    recipe: str
    device: int
    inode: int
    covered: int  # bytes of the history, from its beginning
    edges: str
    parts: list[str]
    passed: int = 0  # lines that were left out
    unread: dict[str, int] = {}


class _Read(NamedTuple):
    """What was read of a stretch of the history."""

    run_ids: dict[str, None]
    passed: int


class Tables:
    """A connection on which SQL sees the runs of a store, and nothing else of this machine."""

    def __init__(
        self, engine: ModuleType, store: str, *, scenarios: bool, progress: Callable[[int, int], None] | None = None
    ) -> None:
        self.notes: list[str] = []
        self._store = store
        self._engine = engine
        self._progress = progress
        self._stack = ExitStack()
        try:
            self.connection = self._opened(scenarios=scenarios)
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        self._stack.close()

    def _opened(self, *, scenarios: bool) -> duckdb.DuckDBPyConnection:
        place = tempfile.mkdtemp(prefix="evalprov-query-")
        self._stack.callback(shutil.rmtree, place, ignore_errors=True)
        connection: duckdb.DuckDBPyConnection = self._engine.connect(":memory:")
        connection.execute(f"SET memory_limit = '{_MEMORY}'; SET temp_directory = ''; SET enable_progress_bar = false")
        connection.execute(f"SET threads = {min(_THREADS, os.cpu_count() or 1)}")
        with open_store(self._store) as root:
            try:
                fd = root.open(HISTORY, os.O_RDONLY)
            except FileNotFoundError:
                fd = os.open(os.devnull, os.O_RDONLY)
            self._stack.callback(os.close, fd)
        folder = self._cache()
        index = self._covering(connection, fd, folder, place)
        parts = [os.path.join(folder, part) for part in index.parts]
        fresh, ended = os.path.join(place, "fresh.jsonl"), os.fstat(fd).st_size
        with open(fresh, "wb") as file:
            read = self._copy(fd, index.covered, ended, file)
            running, odd = going_on(self._store)
            run_ids = {*read.run_ids, *(line["run_id"] for line in running)}
            file.writelines(_encoded(line) for line in running if line["run_id"] not in read.run_ids)
        self.notes += odd
        if passed := index.passed + read.passed:
            self.notes.append(
                f"{counted(passed, 'line')} of the history malformed, or of a newer evalprov, and left out"
            )
        _make_runs(connection, parts, fresh, some=bool(run_ids))
        self._add_later(connection, place)
        if scenarios:
            self._add_scenarios(connection, folder, index, sorted(run_ids), place)
            parts += [f"{part}.scenarios" for part in parts]
        else:  # a name that is known
            named = ", ".join(f"{name} {kind}" for name, kind in SCENARIOS.items())
            connection.execute(f"CREATE TABLE scenarios ({named})")
        connection.execute(_VIEWS)
        connection.execute(f"SET allowed_paths = [{', '.join(map(parquet.text, parts))}]")
        connection.execute(_CLOSED)
        return connection

    def _cache(self) -> str:
        """Return the store's folder of the cache, held so that nobody changes it but us; a private one without."""
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        name = hashlib.sha256(os.fsencode(os.path.realpath(self._store))).hexdigest()[:16]
        folder = os.path.join(base, "evalprov", "query", name)
        try:
            os.makedirs(folder, 0o700, exist_ok=True)
            lock = os.open(os.path.join(folder, LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            self._stack.callback(os.close, lock)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # another query has it, or nothing can be written there
            folder = tempfile.mkdtemp(prefix="evalprov-query-")
            self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def _covering(self, connection: duckdb.DuckDBPyConnection, fd: int, folder: str, place: str) -> CacheIndex:
        """Return what the cache covers, after it was brought up to date where that is worth it."""
        there = os.fstat(fd)
        recipe = f"{parquet.RECIPE} {hashlib.sha256(repr(parquet.columns()).encode()).hexdigest()[:12]}"
        fresh = CacheIndex(recipe, there.st_dev, there.st_ino, 0, _edges(fd, 0), [])
        index = _index(folder) or fresh
        known = (index.recipe, index.device, index.inode) == (recipe, there.st_dev, there.st_ino)
        if not known or index.covered > there.st_size or index.edges != _edges(fd, index.covered):
            index = fresh
        if not all(os.path.exists(os.path.join(folder, part)) for part in index.parts):
            index = fresh
        while there.st_size - index.covered >= KEPT_FROM:
            if not self._add_part(connection, fd, folder, place, index):
                break
        with suppress(OSError):
            _put(os.path.join(folder, INDEX), msgspec.json.encode(index))
            keep = {INDEX, LOCK, *index.parts, *(f"{part}.scenarios" for part in index.parts)}
            for name in {*os.listdir(folder)} - keep:
                os.unlink(os.path.join(folder, name))
        if self._progress:
            self._progress(1, 1)
        return index

    def _add_part(
        self, connection: duckdb.DuckDBPyConnection, fd: int, folder: str, place: str, index: CacheIndex
    ) -> bool:
        """Cover one more stretch; say whether there was one of whole lines."""
        size = os.fstat(fd).st_size
        end = _last_end(fd, index.covered, min(size, index.covered + PART), size)
        if end is None:
            return False
        if self._progress:
            self._progress(index.covered, size)
        lines = os.path.join(place, "part.jsonl")
        with open(lines, "wb") as file:
            read = self._copy(fd, index.covered, end, file)
        part = f"{index.covered:015d}-{os.urandom(4).hex()}.parquet"
        parquet.write(connection, lines, os.path.join(folder, part))
        os.unlink(lines)
        self._without_repeated(connection, folder, index, part)
        index.parts.append(part)
        index.covered, index.passed, index.edges = end, index.passed + read.passed, _edges(fd, end)
        return True

    def _without_repeated(
        self, connection: duckdb.DuckDBPyConnection, folder: str, index: CacheIndex, part: str
    ) -> None:
        """Take the runs of a new part out of older ones: the last line of a run counts."""
        new = parquet.text(os.path.join(folder, part))
        for number, old in enumerate(index.parts):
            path = parquet.text(os.path.join(folder, old))
            both = f"run_id IN (SELECT run_id FROM read_parquet({new}))"
            found = connection.execute(f"SELECT count(*) FROM read_parquet({path}) WHERE {both}").fetchone()
            if found and found[0]:
                again = f"{old.partition('-')[0]}-{os.urandom(4).hex()}.parquet"
                rest = f"SELECT * FROM read_parquet({path}) WHERE NOT {both}"
                target = parquet.text(os.path.join(folder, again))
                connection.execute(f"COPY ({rest}) TO {target} (FORMAT parquet, COMPRESSION zstd)")
                index.parts[number] = again

    def _copy(self, fd: int, begin: int, end: int, file: Any) -> _Read:
        """Write the sound lines of a stretch, the last of each run; return the runs, and how many were left out."""
        places: dict[str, tuple[int, int]] = {}
        passed = 0
        for at, line in _lines(fd, begin, end):
            try:
                run_id = check(line or b"")
            except (Unreadable, Newer):
                passed += 1
                continue
            places.pop(run_id, None)
            places[run_id] = at, len(line or b"")
        for at, length in places.values():
            file.write(parquet.present(os.pread(fd, length, at)))
        return _Read(dict.fromkeys(places), passed)

    def _add_later(self, connection: duckdb.DuckDBPyConnection, place: str) -> None:
        """Let runs have the tags and notes that were given to them later, and these be a table of their own."""
        said = Annotations(self._store)
        every = os.path.join(place, "annotations.jsonl")
        later = os.path.join(place, "later.jsonl")
        names = sorted(said.runs())
        if said:
            said.read_all()
        with open(every, "wb") as file:
            file.writelines(_encoded({**one}) for run_id in names for one in said.of(run_id))
        _table(connection, "annotations", every, _ANNOTATIONS)
        if not names:
            connection.execute("CREATE VIEW runs AS FROM recorded")
            self.notes += said.words()
            return
        asked = "SELECT run_id, tags, note FROM recorded WHERE run_id IN (SELECT run_id FROM annotations)"
        own = connection.execute(asked).fetchall()
        with open(later, "wb") as file:
            for run_id, tags, note in own:
                added = {"tags": said.value(run_id, "tags", tags), "note": said.value(run_id, "note", note)}
                file.write(_encoded({"run_id": run_id, **added}))
        _table(connection, "said_later", later, _LATER)
        connection.execute(
            "CREATE VIEW runs AS SELECT recorded.* REPLACE (coalesce(said_later.tags, recorded.tags) AS tags, "
            "coalesce(said_later.note, recorded.note) AS note) FROM recorded LEFT JOIN said_later USING (run_id)"
        )
        self.notes += said.words()

    def _add_scenarios(
        self, connection: duckdb.DuckDBPyConnection, folder: str, index: CacheIndex, fresh: list[str], place: str
    ) -> None:
        """Read what runs measured by scenario, which their records alone have."""
        lines = os.path.join(place, "scenarios.jsonl")
        for number, part in enumerate(index.parts):
            path = os.path.join(folder, part)
            if self._progress:
                self._progress(number, len(index.parts))
            if not os.path.exists(f"{path}.scenarios") or part not in index.unread:
                query = f"SELECT run_id FROM read_parquet({parquet.text(path)})"
                run_ids = [row[0] for row in connection.execute(query).fetchall()]
                with open(lines, "wb") as file:
                    index.unread[part] = self._write_scenarios(run_ids, file)
                parquet.write(connection, lines, f"{path}.scenarios", SCENARIOS)
        if self._progress:
            self._progress(1, 1)
        index.unread = {part: count for part, count in index.unread.items() if part in index.parts}
        with suppress(OSError):
            _put(os.path.join(folder, INDEX), msgspec.json.encode(index))
        with open(lines, "wb") as file:
            unread = sum(index.unread.values()) + self._write_scenarios(fresh, file)
        if unread:
            self.notes.append(f"{counted(unread, 'record')} cannot be read: their scenarios are not there")
        _table(connection, "fresh_scenarios", lines, SCENARIOS)
        kept = ", ".join(parquet.text(os.path.join(folder, f"{part}.scenarios")) for part in index.parts)
        more = " UNION ALL SELECT * FROM fresh_scenarios"
        old = f"SELECT * FROM read_parquet([{kept}]) WHERE run_id NOT IN (SELECT run_id FROM fresh)" if kept else ""
        connection.execute(f"CREATE VIEW scenarios AS {(old + more).removeprefix(' UNION ALL ')}")

    def _write_scenarios(self, run_ids: Iterable[str], file: Any) -> int:
        """Write a line a value; return how many records could not be read."""
        unread = 0
        try:
            folder = Folder(f"{self._store}/runs")
        except OSError:
            return sum(1 for _ in run_ids)
        with folder:
            for run_id in run_ids:
                try:
                    measured = _measured.decode(folder.read(f"{ids.checked(run_id)}.json") or b"").metrics or {}
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OSError):
                    unread += 1
                    continue
                file.writelines(
                    _encoded({"run_id": run_id, "scenario": scenario, "metric": metric, "value": value})
                    for scenario, values in measured.items()
                    for metric, value in values.items()
                )
        return unread


class _Measured(msgspec.Struct):
    metrics: dict[str, dict[str, Any]] | None = None


_measured = msgspec.json.Decoder(_Measured)


def engine() -> ModuleType:
    """Return DuckDB, or say how to have it."""
    try:
        import duckdb
    except ImportError:
        raise EvalprovError(
            "query needs DuckDB, which is not installed", "pip install '.[sql]' in evalprov's checkout brings it"
        ) from None
    atexit.register(gc.unfreeze)  # else it complains of what nobody has freed
    module: ModuleType = duckdb
    return module


def _make_runs(connection: duckdb.DuckDBPyConnection, parts: list[str], fresh: str, *, some: bool) -> None:
    _table(connection, "fresh", fresh, parquet.columns())
    kept = ", ".join(map(parquet.text, parts))
    newer = " WHERE run_id NOT IN (SELECT run_id FROM fresh)" if some else ""
    old = f"SELECT * FROM read_parquet([{kept}]){newer} UNION ALL BY NAME " if parts else ""
    connection.execute(f"CREATE VIEW recorded AS {old}SELECT * FROM fresh")


def _table(connection: duckdb.DuckDBPyConnection, name: str, lines: str, named: dict[str, str]) -> None:
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {parquet.rows_of(lines, named)}")


def _encoded(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _put(path: str, data: bytes) -> None:
    with open(f"{path}.new", "wb") as file:
        file.write(data)
    os.rename(f"{path}.new", path)


def _index(folder: str) -> CacheIndex | None:
    try:
        with reading(os.path.join(folder, INDEX)) as file:
            return msgspec.json.decode(file.read(), type=CacheIndex)
    except (OSError, msgspec.MsgspecError):
        return None


def _edges(fd: int, covered: int) -> str:
    """Return what the first and the last bytes of a stretch are known by."""
    first = os.pread(fd, min(_EDGE, covered), 0)
    last = os.pread(fd, min(_EDGE, covered), max(0, covered - _EDGE))
    return hashlib.sha256(first + last).hexdigest()[:16]


def _last_end(fd: int, begin: int, end: int, size: int) -> int | None:
    """Return where the last whole line ends that does so before a place, or the first one after it."""
    at = end
    while at > begin:
        step = min(1 << 16, at - begin)
        if (found := os.pread(fd, step, at - step).rfind(b"\n")) >= 0:
            return at - step + found + 1
        at -= step
    at = end
    while at < size:
        piece = os.pread(fd, 1 << 16, at)
        if (found := piece.find(b"\n")) >= 0:
            return at + found + 1
        at += len(piece)
    return None


def _lines(fd: int, begin: int, end: int) -> Iterator[tuple[int, bytes | None]]:
    """Yield each line of a stretch with its place, null for one that is too long."""
    with os.fdopen(os.dup(fd), "rb") as file:
        file.seek(begin)
        at = begin
        while at < end:
            line = file.readline(min(end - at, parquet.LARGEST_LINE))
            if not line:
                return
            length, whole = len(line), line.endswith(b"\n")
            while not whole and at + length < end:
                line = b""  # too long to be a run's
                more = file.readline(min(end - at - length, 1 << 20))
                length, whole = length + len(more), not more or more.endswith(b"\n")
            if line.strip() or length > parquet.LARGEST_LINE:
                yield at, line.rstrip(b"\n") or None
            at += length
