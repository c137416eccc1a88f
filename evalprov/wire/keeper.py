"""Keeps what passed: in a thread of its own each call is cleaned, read, counted and written."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from evalprov.named import NamedTuple
from evalprov.wire.asked import CallQuestion, is_json, parsed, question
from evalprov.wire.calls import CHUNKED, EXACT, WITHHELD, Call, CallReader, CallWriter, RecordedAnswer
from evalprov.wire.cleaning import LookedTexts, decoded
from evalprov.wire.messages import END, Head
from evalprov.wire.reading import CallFacts, facts_of, values_in

if TYPE_CHECKING:
    from evalprov.wire.cleaning import CallCleaner
    from evalprov.wire.exchange import Passed
    from evalprov.wire.summary import Summary

_WAITING = 2048  # calls that may wait to be kept before those who make them wait, too
_BATCH = 256
_GATHER = 0.02  # seconds for which more calls are waited for
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
            batch: list[KeptCall] = []
            try:
                one = self._queue.get(timeout=_EVERY)
                if one is not None:
                    time.sleep(_GATHER)  # many at a time cost a fraction of each alone
                while one is not None:
                    batch.append(one)
                    if len(batch) >= _BATCH:
                        break
                    one = self._queue.get_nowait()
                going = one is not None
            except queue.Empty:
                pass
            calls = self._read(batch)
            late = not batch or time.monotonic() - written > _EVERY
            self._write(calls, flush=late)
            written = time.monotonic() if late else written

    def _read(self, batch: list[KeptCall]) -> list[Call]:
        """Clean and count calls: all of them are looked at together, and each alone only where there is something."""
        seen = [SeenCall(one) for one in batch if one.passed is not None]
        looked = LookedTexts()
        for passing in seen:
            looked.add(passing.look(self.cleaner))
        clean = self.cleaner.is_clean(looked)
        calls = [one.ready for one in batch if one.ready is not None]
        for ready in calls:
            self.summary.add(ready, facts_of(ready))
        for passing in seen:
            try:
                call, facts = passing.call(self.cleaner, clean=clean)
            except Exception as error:  # noqa: BLE001 - one call that cannot be read is no reason to lose the others
                self._lose(f"{type(error).__name__}: {error}")
                continue
            if call is None:
                self._lose("it was too large")
                continue
            self.summary.add(call, facts or facts_of(call))
            calls.append(call)
        return calls

    def _lose(self, why: str) -> None:
        self.lost += 1
        self.problem = self.problem or f"a call could not be kept: {why}"

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


class SeenCall:
    """A call as it passed, on its way to be kept."""

    def __init__(self, one: KeptCall) -> None:
        self._one = one
        passed = one.passed
        assert passed is not None
        self._passed = passed
        self._asked: Any = None  # the request's body as JSON
        self._values: list[Any] | None = None  # the answer's
        self._simple = False  # all that there is to look at is in the texts

    def look(self, cleaner: CallCleaner) -> LookedTexts:
        """Return the texts in which a secret might be."""
        looked, passed = LookedTexts(), self._passed
        if passed.body is None:
            return looked
        looked.said.append(unquote(passed.head.first[1]))
        try:
            self._asked = parsed(passed.body) if is_json(passed.head, passed.body) else None
        except (ValueError, RecursionError):
            self._asked = None
        self._simple = self._asked is not None or not passed.body
        cleaner.look(self._asked, looked)
        head = passed.answer_head
        if head is None or passed.answer is None:
            return looked
        kind = head.get("content-type").lower()
        plain = decoded(head, passed.answer) if passed.answer else b""
        if plain and "json" in kind and plain[:1] in {b"{", b"["}:
            self._values = list(values_in(kind, plain))
            cleaner.look(self._values, looked)
            self._simple = self._simple and bool(self._values)
        elif plain:
            self._simple = False
        return looked

    def call(self, cleaner: CallCleaner, *, clean: bool) -> tuple[Call | None, CallFacts | None]:
        """Return the call as it is kept, and what it says of itself where that is known by now."""
        one, passed = self._one, self._passed
        if passed.body is None:
            return None, None
        simple = clean and self._simple
        asked = question(one.host, passed.head, passed.body, _as_it_is if simple else cleaner.value, self._asked)
        flags, answer = EXACT, None
        if passed.answer_head is not None:
            answer, flags = self._answer(cleaner, passed.answer_head, simple=simple)
        call = Call(
            *(one.number, one.provider, asked, passed.status, one.began, passed.first, passed.ended),
            *(flags, passed.problem, answer),
        )
        if not simple or passed.answer_head is None:
            return call, None
        facts = CallFacts(asked.path, self._asked if isinstance(self._asked, dict) else {})
        return call, facts.answered(passed.answer_head, self._values or ())

    def _answer(self, cleaner: CallCleaner, head: Head, *, simple: bool) -> tuple[RecordedAnswer, int]:
        passed = self._passed
        raw = cleaner.head(head)
        chunked = CHUNKED if head.has("transfer-encoding", "chunked") else 0
        if passed.answer is not None and simple:
            return RecordedAnswer(raw, passed.answer, passed.pieces), EXACT | chunked
        clean = None if passed.answer is None else cleaner.body(head, passed.answer)
        if clean is None or clean.body is None:
            return RecordedAnswer(raw, b""), WITHHELD | chunked
        if clean.exact:
            return RecordedAnswer(raw, clean.body, passed.pieces), EXACT | chunked
        return RecordedAnswer(_plain_head(raw), clean.body), 0


def _as_it_is(value: Any) -> Any:
    return value


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
