"""Reading the history: from its end, as far as asked, together with the runs that are not in it yet."""

from __future__ import annotations

import os
from calendar import timegm
from functools import partial
from itertools import islice
from time import gmtime, strftime
from typing import TYPE_CHECKING, Any, Self

from evalprov.errors import EvalprovError
from evalprov.named import NamedTuple
from evalprov.record.form import BULKY, RECIPE, without
from evalprov.store import ids
from evalprov.store.decode import Unreadable, as_seen, decode, glance, slim, with_empty
from evalprov.store.folder import ELSEWHERE, Folder
from evalprov.store.index import HISTORY
from evalprov.store.notes import KEYS, Annotations
from evalprov.store.query import Query
from evalprov.store.scan import ALONE, Scan

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from evalprov.record.manifest import Manifest
    from evalprov.store.scan import Hit, Piece

# What may be too large for the history and is nothing that runs are compared by.
_NOT_COMPARED = {
    "scenarios_run",
    "errors",
    "warnings",
    "metric_info",
    "output.artifacts",
    "links",
    "handover.trackers",
    "handover.variables",
    "stages",
    "sources",
    "capture",
}
_DOCTOR = "`evalprov doctor` puts it in order"
_CLOCKS_APART_SECONDS = 86400  # at most, of machines that share a history


class HistoryPage(NamedTuple):
    """Runs, newest first, and what was odd about reading them."""

    lines: list[dict[str, Any]]
    notes: list[str]


class HistoryRun(NamedTuple):
    """One run that was asked for."""

    run_id: str
    values: tuple[Any, ...]  # at the query's paths; null where there is none
    read: Callable[[], dict[str, Any]]  # returns all that the history has of it, while the search is open


class _Oddities:
    """What cannot be read, counted."""

    def __init__(self) -> None:
        self.malformed = 0
        self.newer = 0
        self.torn = False
        self.manifests: list[str] = []

    def add(self, piece: Piece) -> None:
        self.malformed += piece.malformed
        self.newer += piece.newer
        self.torn = self.torn or piece.torn

    def words(self) -> list[str]:
        said = [f"{name}; it was left out" for name in self.manifests]
        if self.malformed:
            said.append(f"{_lines(self.malformed)} of the history malformed and left out; {_DOCTOR}")
        if self.newer:
            said.append(f"{_lines(self.newer)} of the history written by a newer evalprov and left out")
        if self.torn:
            said.append(f"the last line of the history is not whole, or still being written; {_DOCTOR}")
        return said


class Search:
    """The runs that a query asks for, each once, newest first."""

    def __init__(self, store: str, query: Query, progress: Callable[[int, int], None] | None = None) -> None:
        self.looked_at = 0  # runs, so far
        self._store = store
        self._query = query
        self._progress = progress
        self._odd = _Oddities()
        with open_store(store) as root:
            self._unfinished = {line["run_id"]: line for line in _unfinished(store, self._odd)}
            self._notes = Annotations(store)
            if self._notes:
                query.add_later(self._notes)
            self._scans = [Scan(_opened(root), query)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for scan in self._scans:
            os.close(scan.fd)

    def runs(self, limit: int | None = None) -> Iterator[HistoryRun]:
        """Yield the runs, so many at most; no more is read than that takes."""
        found = self._found()
        yield from islice(found, limit)
        found.close()

    def _found(self) -> Generator[HistoryRun]:
        # Lines stand in the order in which runs ended, so all that are still to be read had begun before any that
        # was read had ended: a run waits only while an earlier line may precede it.
        waiting = sorted(self._going_on(), key=_key)
        bound = "~"
        for scan, piece in self._pieces():
            if isinstance(piece, str):  # all that are still to be read began by then
                while waiting and _key(waiting[-1])[0] > piece:
                    yield waiting.pop()
                if piece < (self._query.since or ""):
                    break
                continue
            found = [hit for hit in piece.hits if hit.run_id not in self._unfinished]
            waiting += [HistoryRun(hit.run_id, hit.values, partial(self._line, scan, hit)) for hit in found]
            waiting.sort(key=_key)
            bound = min(bound, _ended(piece, 1) or bound)
            while waiting and _key(waiting[-1])[0] > bound:
                yield waiting.pop()
            ended = _ended(piece, _CLOCKS_APART_SECONDS)
            if self._query.since and ended and ended < self._query.since:
                break
        yield from reversed(waiting)

    def notes(self) -> list[str]:
        """Return what was odd so far."""
        return [*self._odd.words(), *self._notes.words()]

    def _going_on(self) -> Iterator[HistoryRun]:
        """Yield the runs of the query that the history need not have yet."""
        self.looked_at += len(self._unfinished)
        lines = list(self._unfinished.values())
        rows = list(map(self._query.of, lines))
        for place in self._query.chosen(rows):
            line = lines[place]
            yield HistoryRun(line["run_id"], self._query.brought(rows[place]), partial(self._notes.added, dict(line)))

    def _pieces(self) -> Iterator[tuple[Scan, Piece | str]]:
        """Yield the pieces of the history, and of a mirror's older parts when these are reached, each edge before."""
        yield from self._pieces_of(self._scans[0])
        if (rest := ELSEWHERE.get(self._store)) is None:
            return
        older = rest.older()
        while edge := rest.edge(len(self._scans) - 1):
            yield self._scans[-1], edge
            if (fd := next(older, None)) is None:
                return
            self._scans.append(Scan(fd, self._query))
            yield from self._pieces_of(self._scans[-1])

    def _pieces_of(self, scan: Scan) -> Iterator[tuple[Scan, Piece]]:
        progress = self._progress
        pieces = scan.pieces()
        try:
            for piece in pieces:
                self._odd.add(piece)
                self.looked_at += piece.runs
                if progress and scan.size - piece.begin > ALONE:
                    progress(scan.size - piece.begin, scan.size)
                yield scan, piece
        finally:
            pieces.close()
            if progress:
                progress(scan.size, scan.size)

    def _line(self, scan: Scan, hit: Hit) -> dict[str, Any]:
        return self._notes.added(glance(scan.line(hit)))


def history(store: str, limit: int | None = None) -> HistoryPage:
    """Return the last runs by their start; with a limit the cost does not grow with the history."""
    notes: list[str] = []
    runs = iterate(store, notes)
    lines = list(islice(runs, limit))
    runs.close()  # it says what was odd when it is left
    return HistoryPage(lines, notes)


def iterate(store: str, notes: list[str], *, whole: bool = False) -> Generator[dict[str, Any]]:
    """Yield every run once, newest first, and at the end say in the notes what could not be read.

    A whole line has again what was too large for the history, from the run's manifest, and hashes of today's recipe.
    """
    with Search(store, Query()) as search:
        try:
            for run in search.runs():
                line = run.read()
                yield whole_line(store, line, notes) if whole else line
        finally:
            notes += search.notes()


def left_out(line: dict[str, Any]) -> list[str]:
    """Return the key paths that a line of the history could not hold, beyond those that none holds."""
    counts = line["counts"]
    return [key for key in counts if tuple(key.split(".")) not in BULKY] if isinstance(counts, dict) else []


def _of_old(line: dict[str, Any]) -> bool:
    """Say whether an older evalprov hashed a run, by another recipe than today's."""
    identity = line.get("identity")
    return isinstance(identity, dict) and identity.get("recipe") != RECIPE


def whole_line(store: str, line: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """Return a line with what it left out, beyond what all do: from the manifest where runs are compared by it."""
    keys, of_old = left_out(line), _of_old(line)
    if {*keys} <= _NOT_COMPARED and not of_old:
        return with_empty(line, keys) if keys else line
    run_id = line["run_id"]
    try:
        with Folder(f"{store}/runs") as runs:
            data = runs.read(f"{run_id}.json")
        if data is not None:
            return {**without(decode(data)), **{key: line[key] for key in KEYS if key in line}}
        why = "it is gone"
    except (Unreadable, OSError) as error:
        why = str(error)
    notes.append(f"the record of run {run_id} cannot be read, and its line in the history is not whole: {why}")
    return with_empty(line, keys)


def open_store(store: str) -> Folder:
    """Open a store to read it; the caller closes it."""
    try:
        return Folder(store, follow=True)
    except FileNotFoundError:
        hint = "record the first one: evalprov run -- COMMAND"
        raise EvalprovError(f"no runs here yet: there is no folder {store}", hint) from None
    except OSError as error:
        raise EvalprovError(f"cannot read {store}: {error.strerror}") from None


def _key(run: HistoryRun) -> tuple[str, int]:
    return ids.order(run.run_id)


def _ended(piece: Piece, more: float) -> str | None:
    """Return the second in which all the runs in a piece had ended, and more, spelled as in ids; null where unknown.

    The longest is added to the latest: a run on a machine that slept took longer than it says, and must not speak
    for the others.
    """
    if piece.took is None:
        return None
    d = piece.high
    try:
        began = timegm((int(d[:4]), int(d[4:6]), int(d[6:8]), int(d[9:11]), int(d[11:13]), int(d[13:15])))
        ended = gmtime(began + piece.took + more)
        return strftime("%Y%m%dT%H%M%SZ", ended) if 1000 <= ended.tm_year <= 9999 else None
    except (ValueError, OverflowError, OSError):
        return None


def _opened(root: Folder) -> int:
    try:
        return root.open(HISTORY, os.O_RDONLY)
    except FileNotFoundError:
        return os.open(os.devnull, os.O_RDONLY)
    except OSError as error:
        raise EvalprovError(f"cannot read {root.path}/{HISTORY}: {error.strerror}") from None


def going_on(store: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the lines of the runs that are marked as going on, as they are seen today, and what was odd about them."""
    odd = _Oddities()
    return _unfinished(store, odd), odd.words()


def _unfinished(store: str, odd: _Oddities) -> list[dict[str, Any]]:
    """Return the runs that are marked as going on, as they are seen today."""
    found = []
    for run_id in active(store):

        def read(run_id: str = run_id) -> Manifest | None:
            with Folder(f"{store}/runs") as runs:
                data = runs.read(f"{run_id}.json")
            return None if data is None else decode(data)

        try:
            if manifest := read():
                found.append(slim(as_seen(manifest, read)))
        except Unreadable as why:
            odd.manifests.append(f"the record of run {run_id} cannot be read: {why}")
        except OSError as error:
            odd.manifests.append(f"the record of run {run_id} cannot be read: {error.strerror}")
    return found


def active(store: str) -> list[str]:
    """Return the ids that are marked as going on."""
    try:
        with Folder(f"{store}/active") as folder:
            return [name for name in folder.names() if ids.is_run_id(name)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise EvalprovError(f"cannot read {store}/active: {error.strerror}") from None


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"
