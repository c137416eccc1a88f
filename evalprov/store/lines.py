"""Reading the history: from its end, as far as asked, together with the runs that are not in it yet."""

from __future__ import annotations

import os
from bisect import insort
from calendar import timegm
from itertools import islice
from time import gmtime, strftime
from typing import TYPE_CHECKING, Any, NamedTuple

from evalprov.errors import EvalprovError
from evalprov.store import ids
from evalprov.store.decode import Newer, Unreadable, as_seen, decode, decode_line, slim
from evalprov.store.folder import LARGEST, Folder
from evalprov.store.index import HISTORY

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from evalprov.record.manifest import Manifest

BLOCK = 1 << 16
_DOCTOR = "`evalprov doctor` puts it in order"


class History(NamedTuple):
    """Runs, newest first, and what was odd about reading them."""

    lines: list[dict[str, Any]]
    notes: list[str]


class _Oddities:
    """What cannot be read, counted."""

    def __init__(self) -> None:
        self.malformed = 0
        self.newer = 0
        self.torn = False
        self.manifests: list[str] = []

    def words(self) -> list[str]:
        said = [f"{name}; it was left out" for name in self.manifests]
        if self.malformed:
            said.append(f"{_lines(self.malformed)} of the history malformed and left out; {_DOCTOR}")
        if self.newer:
            said.append(f"{_lines(self.newer)} of the history written by a newer evalprov and left out")
        if self.torn:
            said.append(f"the last line of the history is not whole, or still being written; {_DOCTOR}")
        return said


def history(store: str, limit: int | None = None) -> History:
    """Return the last runs by their start; with a limit the cost does not grow with the history."""
    notes: list[str] = []
    runs = iterate(store, notes)
    lines = list(islice(runs, limit))
    runs.close()  # it says what was odd when it is left
    return History(lines, notes)


def iterate(store: str, notes: list[str]) -> Generator[dict[str, Any]]:
    """Yield every run once, newest first, and at the end say in the notes what could not be read."""
    odd = _Oddities()
    try:
        with open_store(store) as root:
            yield from _by_start(_unfinished(store, odd), _entered(root, odd))
    finally:
        notes += odd.words()


def open_store(store: str) -> Folder:
    """Open a store to read it; the caller closes it."""
    try:
        return Folder(store, follow=True)
    except FileNotFoundError:
        hint = "record the first one: evalprov run -- COMMAND"
        raise EvalprovError(f"no runs here yet: there is no folder {store}", hint) from None
    except OSError as error:
        raise EvalprovError(f"cannot read {store}: {error.strerror}") from None


def backward(fd: int, end: int) -> Iterator[bytes | None]:
    """Yield the lines of a file from the last to the first; null for one that is too long to be ours."""
    pieces: list[bytes] = []  # of a line whose beginning is not reached yet, last first
    length = 0
    while end > 0:
        begin = max(0, end - BLOCK)
        block = os.pread(fd, end - begin, begin)
        end = begin
        *rest, last = block.split(b"\n")
        while True:
            length += len(last)
            if length <= LARGEST:
                pieces.append(last)
            else:
                pieces.clear()
            if not rest:
                break
            yield b"".join(reversed(pieces)) if length <= LARGEST else None
            pieces, length = [], 0
            last = rest.pop()
    yield b"".join(reversed(pieces)) if length <= LARGEST else None


def _by_start(unfinished: list[dict[str, Any]], entered: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Put runs in the order of their start, holding back only those that an earlier line may yet precede."""
    seen = {run["run_id"] for run in unfinished}
    waiting = sorted(((ids.order(run["run_id"]), run) for run in unfinished), key=_key)
    for run in entered:
        if run["run_id"] in seen:
            continue
        seen.add(run["run_id"])
        insort(waiting, (ids.order(run["run_id"]), run), key=_key)
        # Lines stand in the order in which runs ended: all that follow had begun before this one's end.
        ended = _ended(run)
        while ended and waiting and waiting[-1][0][0] > ended:
            yield waiting.pop()[1]
    while waiting:
        yield waiting.pop()[1]


def _key(item: tuple[tuple[str, int], dict[str, Any]]) -> tuple[str, int]:
    return item[0]


def _ended(run: dict[str, Any]) -> str | None:
    """Return the second in which a run had surely ended, spelled as in ids; null where that is unknown."""
    took = run["duration_seconds"]
    if took is None:
        return None
    d = run["run_id"]
    try:
        began = timegm((int(d[:4]), int(d[4:6]), int(d[6:8]), int(d[9:11]), int(d[11:13]), int(d[13:15])))
        return strftime("%Y%m%dT%H%M%SZ", gmtime(began + took + 1))
    except (ValueError, OverflowError, OSError):
        return None


def _entered(root: Folder, odd: _Oddities) -> Iterator[dict[str, Any]]:
    try:
        fd = root.open(HISTORY, os.O_RDONLY)
    except FileNotFoundError:
        return
    except OSError as error:
        raise EvalprovError(f"cannot read {root.path}/{HISTORY}: {error.strerror}") from None
    try:
        for number, line in enumerate(backward(fd, os.fstat(fd).st_size)):
            try:
                if line != b"":
                    yield decode_line(line)
            except Newer:
                odd.newer += 1
            except Unreadable:
                if number == 0:
                    odd.torn = True
                else:
                    odd.malformed += 1
    finally:
        os.close(fd)


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
