"""Sending: what the shared store does not have is put there, a record before its line, and nothing is ever replaced.

Every key is made of the content, so whoever is killed or cut off just sends again.
"""

from __future__ import annotations

import os
import re
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from copy import deepcopy
from itertools import islice
from typing import TYPE_CHECKING, cast

from evalprov.errors import EvalprovError
from evalprov.fleet import keys
from evalprov.fleet.bucket import BucketError
from evalprov.fleet.sent import SentMemory, SentRun
from evalprov.named import NamedTuple
from evalprov.record.form import history_line
from evalprov.store import ids
from evalprov.store.decode import Unreadable, decode
from evalprov.store.folder import LARGEST_RECORD, Folder, read_all
from evalprov.store.gate import hide_credentials, texts
from evalprov.store.index import HISTORY
from evalprov.store.lines import active, open_store
from evalprov.store.query import Query
from evalprov.store.scan import Hit, Scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from evalprov.fleet.bucket import Bucket
    from evalprov.record.manifest import Manifest
    from evalprov.secrets import Scrubber

KINDS = ("objects", "logs", "calls", "texts")
THREADS = 16
_FEW = 8  # runs that are put without asking first which of them are there
_MANY = 50  # runs from which on their lines are read from the history at once
_REMEMBERED_AT_ONCE = 32
_LARGEST_NOTE = 1 << 20
_DECODING = threading.Lock()  # msgspec crashes where two threads are the first to ask it for a type
_BLOB = re.compile(r"(?:objects|patches)/([0-9a-f]{64}[0-9a-z.]*)")


class Pushed(NamedTuple):
    """What was sent."""

    runs: int  # that the shared store has now and of which something was sent
    there: int  # that it had, as far as is known here
    notes: int
    requests: dict[str, int]
    bytes: int
    stays: dict[str, int]  # kind of thing to how many of the runs sent now have it here alone
    problems: list[str]
    unfinished: int = 0  # runs that time did not suffice for


class LocalRun(NamedTuple):
    """A finished run of this store."""

    run_id: str
    stamp: str


class _Sending(NamedTuple):
    """What is needed to send one run."""

    store: str
    bucket: Bucket
    kinds: frozenset[str]
    runs: set[str]  # names that are there already
    lines: set[str]
    line_of: Callable[[str], bytes | None]
    scrub: Scrubber | None


class _SentNow(NamedTuple):
    run: SentRun
    stays: list[str]
    problem: str = ""


def push(  # noqa: PLR0913 - what is sent, where, and how long that may take
    store: str,
    bucket: Bucket,
    memory: SentMemory,
    kinds: Iterable[str] = (),
    *,
    progress: Callable[[int, int], None] | None = None,
    until: float | None = None,
    scrub: Scrubber | None = None,
) -> Pushed:
    """Send what is finished here and not there; with these kinds of things that records only name.

    A record that holds what the scrubber knows as a credential stays here, and is told.
    """
    wanted = frozenset(kinds)
    memory.load()
    last = max(memory.runs.values()).stem if memory.runs else "-"
    if not bucket.has(f"{keys.RUNS}/{last}.json") and memory.runs:  # asked in any case: a store may not be there
        memory.forget()  # it was emptied, or another has its name
    local = _finished(store)
    todo = [run for run in local if not _knows(memory, run, wanted)]
    problems: list[str] = []
    stays: dict[str, int] = {}
    done = 0
    if todo:
        with _LocalLines(store, todo) as line_of:
            sending = _Sending(store, bucket, wanted, *_there(bucket, todo), line_of, scrub)
            for sent in _all(sending, todo, memory, until):
                done += not sent.problem
                problems += [sent.problem] if sent.problem else []
                for kind in sent.stays:
                    stays[kind] = stays.get(kind, 0) + 1
                if progress:
                    progress(done, len(todo))
    notes = _push_notes(store, bucket, memory, problems)
    left = len(todo) - done - len(problems)
    return Pushed(done, len(local) - len(todo), notes, bucket.asked, bucket.bytes_sent, stays, problems, max(0, left))


def _finished(store: str) -> list[LocalRun]:
    """Return the runs that have ended, by the files there are."""
    going_on = set(active(store))
    found = []
    try:
        with open_store(store), os.scandir(f"{store}/runs") as entries:
            for entry in entries:
                run_id = entry.name.removesuffix(".json")
                if run_id != entry.name and ids.is_run_id(run_id) and run_id not in going_on:
                    look = entry.stat(follow_symlinks=False)
                    found.append(LocalRun(run_id, f"{look.st_size}.{look.st_mtime_ns}"))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise EvalprovError(f"cannot read {store}/runs: {error.strerror}") from None
    return sorted(found, key=lambda run: ids.order(run.run_id))


def _knows(memory: SentMemory, run: LocalRun, kinds: frozenset[str]) -> bool:
    known = memory.runs.get(run.run_id)
    return known is not None and known.stamp == run.stamp and kinds <= known.kinds


def _there(bucket: Bucket, todo: list[LocalRun]) -> tuple[set[str], set[str]]:
    """Return which records and lines are there, from the first of these runs on; of few nobody needs to ask."""
    if len(todo) <= _FEW:
        return set(), set()
    first = min(run.run_id for run in todo)
    with ThreadPoolExecutor(2) as pool:
        runs, lines = pool.map(
            lambda folder: {found.name for found in bucket.list(folder, after=first)}, (keys.RUNS, keys.LINES)
        )
    return runs, lines


def _all(sending: _Sending, todo: list[LocalRun], memory: SentMemory, until: float | None) -> Iterator[_SentNow]:
    """Send them side by side; what was sent is remembered, whatever happens to the rest."""
    fresh: list[SentRun] = []
    queue = iter(todo)
    pool = ThreadPoolExecutor(THREADS)
    try:
        running = {pool.submit(_send, sending, run) for run in islice(queue, 2 * THREADS)}
        while running:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for one in finished:
                sent = one.result()  # a store that cannot be reached ends it all
                if not sent.problem:
                    fresh.append(sent.run)
                yield sent
                following = None if until is not None and time.monotonic() > until else next(queue, None)
                if following:
                    running.add(pool.submit(_send, sending, following))
            if len(fresh) >= _REMEMBERED_AT_ONCE:
                memory.add(fresh)
                fresh = []
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        memory.add(fresh)


def _send(sending: _Sending, run: LocalRun) -> _SentNow:
    """Send one run: what it names, its record, its line, in this order."""
    nothing = SentRun(run.run_id, run.stamp, "", frozenset())
    try:
        data = _record(sending.store, run.run_id)
        with _DECODING:
            manifest = decode(data)
    except (Unreadable, OSError) as error:
        return _SentNow(nothing, [], f"the record of run {run.run_id} cannot be read and was not sent: {error}")
    if manifest["run_id"] != run.run_id:
        return _SentNow(nothing, [], f"runs/{run.run_id}.json is another run's record and was not sent")
    if manifest["status"] == "running":
        return _SentNow(nothing, [], f"run {run.run_id} is not marked as going on and says so: `evalprov doctor` looks")
    if sending.scrub and _tells_a_secret(manifest, sending.scrub):
        why = "it was recorded where that was no secret, or written by something else"
        return _SentNow(
            nothing, [], f"the record of run {run.run_id} holds what is a secret here and was not sent: {why}"
        )
    stem = keys.stem(run.run_id, data)
    stays, problem = [], ""
    for kind, files in named_by(manifest).items():
        if kind not in sending.kinds:
            stays += [kind] if any(os.path.exists(f"{sending.store}/{file}") for file in files) else []
            continue
        for file in files:
            problem = _send_file(sending, file, stem) or problem
    name = f"{stem}.json"
    if name not in sending.runs:
        sending.bucket.put(f"{keys.RUNS}/{name}", data)
    if name not in sending.lines:
        line = sending.line_of(run.run_id) or history_line(manifest)
        sending.bucket.put(f"{keys.LINES}/{name}", line.rstrip(b"\n") + b"\n")
    return _SentNow(SentRun(run.run_id, run.stamp, stem, sending.kinds), stays, problem)


def _tells_a_secret(manifest: Manifest, scrub: Scrubber) -> bool:
    """Say whether a record holds what surely is a credential; words of its own that a password is alike are none."""
    with _DECODING:
        if not scrub.has_credential("\n\0\n".join(set(texts(cast("dict[str, object]", manifest))))):
            return False
        clean = deepcopy(manifest)
        hide_credentials(clean, scrub)
        return clean != manifest


def named_by(m: Manifest) -> dict[str, list[str]]:
    """Return what a record only names, by kind: files below the store."""
    run_id = m["run_id"]
    git = m["git"]
    blobs = [one["file"] for one in (git["patch"], *git["saved"].values()) if one]
    found = {
        "objects": [file for file in blobs if _BLOB.fullmatch(file)],
        "logs": [f"logs/{run_id}.out", f"logs/{run_id}.err"],
        "calls": [f"calls/{run_id}.sqlite"],
        "texts": [m["texts"]["object"]] if m["texts"] and _BLOB.fullmatch(m["texts"]["object"]) else [],
    }
    return {kind: files for kind, files in found.items() if files}


def remote_name(file: str, stem: str) -> str:
    """Return what a file that a record names is called in a shared store: by its content, or by the record's."""
    folder, _, name = file.partition("/")
    return file if folder in ("objects", "patches") else f"{folder}/{stem}.{name.rpartition('.')[2]}"


def _send_file(sending: _Sending, file: str, stem: str) -> str:
    """Send what a record names, where it is here; return what went wrong with it."""
    path = f"{sending.store}/{file}"
    try:
        with Folder(os.path.dirname(path)) as folder:
            if folder.size(os.path.basename(path)) is None:
                return ""
        sending.bucket.put(remote_name(file, stem), path)
    except OSError as error:
        return "" if isinstance(error, FileNotFoundError) else f"{file} cannot be read: {error.strerror}"
    return ""


def _record(store: str, run_id: str) -> bytes:
    with Folder(f"{store}/runs") as runs:
        return read_all(runs.open(f"{run_id}.json", os.O_RDONLY), LARGEST_RECORD, f"{store}/runs/{run_id}.json")


class _LocalLines:
    """The lines of runs in this store's history, for many at once; for few they are made of their records."""

    def __init__(self, store: str, todo: list[LocalRun]) -> None:
        self._hits: dict[str, Hit] = {}
        self._scan: Scan | None = None
        if len(todo) < _MANY:
            return
        wanted = {run.run_id for run in todo}
        first = min(wanted)
        with suppress(OSError), Folder(store, follow=True) as root:
            self._scan = Scan(root.open(HISTORY, os.O_RDONLY), Query())
            for piece in self._scan.pieces():
                self._hits |= {hit.run_id: hit for hit in piece.hits if hit.run_id in wanted}
                if piece.high and piece.high < first:
                    break

    def __enter__(self) -> Callable[[str], bytes | None]:
        return self._line

    def __exit__(self, *_: object) -> None:
        if self._scan:
            os.close(self._scan.fd)

    def _line(self, run_id: str) -> bytes | None:
        hit = self._hits.get(run_id)
        return self._scan.line(hit) if hit and self._scan else None


def _push_notes(store: str, bucket: Bucket, memory: SentMemory, problems: list[str]) -> int:
    """Send what was said of runs after they had ended: files of their own, named by their content."""
    known = {**memory.runs}
    fresh: list[str] = []
    try:
        with Folder(f"{store}/{keys.NOTES}") as folder:
            for name in folder.names():
                run_id, _, rest = name.partition(".")
                # Of a run that is not there yet nothing is said there.
                if name in memory.notes or run_id not in known or not rest.endswith(".json"):
                    continue
                data = folder.read(name)
                key = f"{known[run_id].stem}.{keys.digest(data or b'')}.json"
                if not data or len(data) > _LARGEST_NOTE or keys.note(key) is None:
                    problems.append(f"notes/{name} is no note of ours and was not sent")
                    continue
                bucket.put(f"{keys.NOTES}/{key}", data)
                fresh.append(name)
    except FileNotFoundError:
        return 0
    except BucketError:
        raise
    except OSError as error:
        problems.append(f"notes cannot be read: {error.strerror}")
    finally:
        memory.add((), fresh)
    return len(fresh)
