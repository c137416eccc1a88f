"""Keeps what passed: in a thread of its own each call is cleaned, read, counted and written."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple
from evalprov.wire.asked import CallQuestion, question
from evalprov.wire.calls import CHUNKED, EXACT, WITHHELD, Call, CallReader, CallWriter, RecordedAnswer
from evalprov.wire.messages import END, Head
from evalprov.wire.reading import facts_of

if TYPE_CHECKING:
    from evalprov.wire.cleaning import CallCleaner, CleanBody
    from evalprov.wire.exchange import Passed
    from evalprov.wire.summary import Summary

_WAITING = 2048  # calls that may wait to be kept before those who make them wait, too
_BATCH = 256
_EVERY = 0.25  # seconds after which what waits is written


class KeptCall(NamedTuple):
    """A call as it comes in."""

    number: int
    began: float
    provider: str
    host: str
    passed: Passed | None = None  # live
    ready: Call | None = None  # replayed, or of a function


class Keeper:
    """The only one that writes; what it cannot keep stops nobody, and is said."""

    def __init__(self, path: str | None, cleaner: CallCleaner, summary: Summary) -> None:
        self.path = path
        self.cleaner = cleaner
        self.summary = summary
        self.problem: str | None = None
        self.lost = 0
        self._writer: CallWriter | None = None
        self._queue: queue.Queue[KeptCall | None] = queue.Queue(_WAITING)
        self._lock = threading.Lock()
        self._number = 0
        self._open()
        self._thread = threading.Thread(target=self._work, name="keeper", daemon=True)
        self._thread.start()

    def _open(self) -> None:
        if self.path is None:
            return
        try:
            self._writer = CallWriter(self.path)
            self._number = self._writer.last()
            if self._number:  # ours was killed, and we take over
                with CallReader(self.path) as reader:
                    for call in reader.calls():
                        self.summary.add(call, facts_of(call))
        except (OSError, sqlite3.Error) as error:
            self._fail(error)

    def next_number(self) -> int:
        """Return the number of a call that is just asked."""
        with self._lock:
            self._number += 1
            return self._number

    def put(self, call: KeptCall) -> None:
        """Take a call that is over."""
        self._queue.put(call)

    def close(self, about: dict[str, str]) -> None:
        """Keep what is left, and seal the file."""
        self._queue.put(None)
        self._thread.join()
        if self._writer is None:
            return
        try:
            self._writer.seal(about)
        except (OSError, sqlite3.Error) as error:
            self._fail(error)

    def _work(self) -> None:
        going = True
        written = time.monotonic()
        while going:
            calls: list[Call] = []
            try:
                one = self._queue.get(timeout=_EVERY)
            except queue.Empty:
                self._write([], flush=True)
                continue
            while True:
                if one is None:
                    going = False
                    break
                self._take(one, calls)
                if len(calls) >= _BATCH:
                    break
                try:
                    one = self._queue.get_nowait()
                except queue.Empty:
                    break
            late = time.monotonic() - written > _EVERY
            self._write(calls, flush=late)
            written = time.monotonic() if late else written

    def _take(self, one: KeptCall, calls: list[Call]) -> None:
        try:
            call = one.ready or self._call(one)
        except Exception as error:  # noqa: BLE001 - one call that cannot be read is no reason to lose the others
            self.lost += 1
            self.problem = self.problem or f"a call could not be kept: {type(error).__name__}"
            return
        if call is None:
            self.lost += 1
            return
        self.summary.add(call, facts_of(call))
        calls.append(call)

    def _write(self, calls: list[Call], *, flush: bool) -> None:
        if self._writer is None:
            self.lost += len(calls) if self.path is not None else 0
            return
        try:
            self._writer.write(calls)
            if flush:
                self._writer.flush()
        except (OSError, sqlite3.Error) as error:
            self.lost += len(calls)
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.problem = f"the calls could not all be kept: {getattr(error, 'strerror', None) or error}"
        if self._writer is not None:
            self._writer.abandon()
        self._writer = None

    def _call(self, one: KeptCall) -> Call | None:
        passed = one.passed
        if passed is None or passed.body is None:
            self.problem = self.problem or "a request was too large to be kept"
            return None
        asked = question(one.host, passed.head, passed.body, self.cleaner.value)
        flags, answer = EXACT, None
        if passed.answer_head is not None:
            clean = self._body(passed)
            answer, flags = self._answer(passed, clean)
        return Call(
            *(one.number, one.provider, asked, passed.status, one.began, passed.first, passed.ended),
            *(flags, passed.problem, answer),
        )

    def _body(self, passed: Passed) -> CleanBody | None:
        if passed.answer is None or passed.answer_head is None:
            return None
        return self.cleaner.body(passed.answer_head, passed.answer)

    def _answer(self, passed: Passed, clean: CleanBody | None) -> tuple[RecordedAnswer, int]:
        head = passed.answer_head
        assert head is not None
        raw = self.cleaner.head(head)
        chunked = CHUNKED if head.has("transfer-encoding", "chunked") else 0
        if clean is None or clean.body is None:
            return RecordedAnswer(raw, b""), WITHHELD | chunked
        if clean.exact:
            return RecordedAnswer(raw, clean.body, passed.pieces), EXACT | chunked
        return RecordedAnswer(_plain_head(raw), clean.body), 0


def _plain_head(raw: bytes) -> bytes:
    """Return a head for a body that is not what it was: its length and its encoding are others."""
    drop = (b"content-encoding", b"content-length", b"transfer-encoding")
    first, *lines = raw[: -len(END)].split(b"\r\n")
    return b"\r\n".join((first, *(line for line in lines if line.partition(b":")[0].lower() not in drop))) + END


def asked_of(host: str, head: Head, body: bytes, cleaner: CallCleaner) -> CallQuestion:
    """Take a request apart as it is kept."""
    return question(host, head, body, cleaner.value)


def about(run_id: str, **more: Any) -> dict[str, str]:
    """Return what a file of calls says of itself."""
    return {"run_id": run_id, **{name: str(value) for name, value in more.items()}}
