"""Keeps what passed: in a thread of its own each call is cleaned, read, counted and written."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple
from evalprov.wire.asked import RequestParts, is_json, parsed, parts_of, question
from evalprov.wire.call import CHUNKED, EXACT, WITHHELD, Call, RecordedAnswer
from evalprov.wire.calls import CallReader, CallWriter
from evalprov.wire.cleaning import LookedTexts, decoded, is_event_stream
from evalprov.wire.events import sse_events
from evalprov.wire.messages import END, Head
from evalprov.wire.reading import CallFacts, facts_of, values_in

if TYPE_CHECKING:
    from evalprov.wire.cleaning import CallCleaner
    from evalprov.wire.exchange import Passed
    from evalprov.wire.summary import Summary

_WAITING = 64 << 20  # bytes that may wait to be kept before those who bring more wait, too
_EACH = 1 << 12  # bytes that a call takes beside its texts
_BATCH = 256
_GATHER = 0.2  # seconds for which more calls are waited for


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
        self._waiting: list[KeptCall] = []
        self._size = 0
        self._room, self._some, self._ending = threading.Condition(), threading.Event(), threading.Event()
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
        self._number += 1
        return self._number

    def put(self, call: KeptCall) -> None:
        """Take a call that is over; where too much waits already, so does who brings it."""
        with self._room:
            while self._size > _WAITING:
                self._room.wait()
            self._waiting.append(call)
            self._size += _size(call)
            if len(self._waiting) == 1:
                self._some.set()

    def close(self, about: dict[str, str]) -> None:
        """Keep what is left, and seal the file."""
        self._ending.set()
        self._some.set()
        self._thread.join()
        if self._writer is None:
            return
        try:
            self._writer.seal(about)
        except (OSError, sqlite3.Error) as error:
            self._fail(error)

    def _work(self) -> None:
        while not self._ending.is_set() or self._waiting:
            self._some.wait()
            self._ending.wait(_GATHER)  # many at a time cost a fraction of each alone
            with self._room:
                batch, self._waiting, self._size = self._waiting, [], 0
                self._some.clear()
                self._room.notify_all()
            for at in range(0, len(batch), _BATCH):
                self._write(self._read(batch[at : at + _BATCH]))

    def _read(self, batch: list[KeptCall]) -> list[Call]:
        """Clean and count calls: all of them are looked at together, and each alone only where there is something."""
        cleaner, looked = self.cleaner, LookedTexts()
        cleaner.book.trim()
        seen = [SeenCall(one, one.passed) for one in batch if one.passed is not None]
        fresh: dict[bytes, Any] = {}
        for passing in seen:
            try:
                passing.look(cleaner, looked, fresh)
            except Exception:  # noqa: BLE001 - it is looked at by itself, and lost alone where that cannot be
                passing.is_odd()
        clean = cleaner.is_clean(looked)
        for raw, value in fresh.items():
            cleaner.book.add(raw, value if clean else cleaner.value(value))
        calls = [one.ready for one in batch if one.ready is not None]
        for ready in calls:
            self.summary.add(ready, facts_of(ready))
        for passing in seen:
            try:
                call, facts = passing.call(cleaner, clean=clean)
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

    def _write(self, calls: list[Call]) -> None:
        if self._writer is None:
            self.lost += len(calls) if self.path is not None else 0
            return
        try:
            self._writer.write(calls)
        except (OSError, sqlite3.Error) as error:
            self.lost += len(calls)
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.problem = f"the calls could not all be kept: {getattr(error, 'strerror', None) or error}"
        if self._writer is not None:
            self._writer.abandon()
        self._writer = None


def _size(call: KeptCall) -> int:
    passed = call.passed
    return _EACH if passed is None else _EACH + len(passed.body or b"") + len(passed.answer or b"")


class SeenCall:
    """A call as it passed, on its way to be kept."""

    def __init__(self, one: KeptCall, passed: Passed) -> None:
        self._one = one
        self._passed = passed
        self._parts: RequestParts | None = None  # of the request's body, where it is JSON
        self._values: list[Any] | None = None  # of the answer, where it is known to be clean with its texts

    def look(self, cleaner: CallCleaner, looked: LookedTexts, fresh: dict[bytes, Any]) -> None:
        """Collect the texts in which a secret might be, and what of the request is new."""
        passed = self._passed
        if passed.body is None:
            return
        if is_json(passed.head, passed.body):
            with suppress(ValueError, RecursionError):
                parts = parts_of(passed.body)
                for raw in parts.all():
                    if raw not in cleaner.book and raw not in fresh:
                        value = parsed(raw)
                        cleaner.look(value, looked)
                        fresh[raw] = value
                self._parts = parts
        head = passed.answer_head
        if head is None or passed.answer is None:
            return
        cleaner.look_at_head(head, looked)
        kind = head.get("content-type").lower()
        plain = (decoded(head, passed.answer) if passed.answer else b"") or b""
        if "json" in kind and plain[:1] in {b"{", b"["}:
            self._values = list(values_in(kind, plain)) or None
            cleaner.look(self._values, looked)
        elif is_event_stream(kind):
            events = list(sse_events(plain))
            self._values = [one.value for one in events]
            cleaner.look_at_stream(events, looked)
        elif not passed.answer:
            self._values = []

    def is_odd(self) -> None:
        """What is in it is not known: it is to be looked at by itself."""
        self._parts = self._values = None

    def call(self, cleaner: CallCleaner, *, clean: bool) -> tuple[Call | None, CallFacts | None]:
        """Return the call as it is kept, and what it says of itself where that is known by now."""
        one, passed, parts = self._one, self._passed, self._parts
        if passed.body is None:
            return None, None
        simple = clean and self._values is not None
        asked = question(one.host, passed.head, passed.body, cleaner.book, parts)
        flags, answer = EXACT, None
        if passed.answer_head is not None:
            answer, flags = self._answer(cleaner, passed.answer_head, simple=simple)
        call = Call(
            *(one.number, one.provider, asked, passed.status, one.began, passed.first, passed.ended),
            *(flags, passed.problem, answer),
        )
        if not simple or passed.answer_head is None:
            return call, None
        said = cleaner.book.value(parts) if parts is not None else None
        facts = CallFacts(asked.path, said if isinstance(said, dict) else {})
        return call, facts.answered(passed.answer_head, self._values or ())

    def _answer(self, cleaner: CallCleaner, head: Head, *, simple: bool) -> tuple[RecordedAnswer, int]:
        passed = self._passed
        raw = cleaner.head(head, clean=simple)
        chunked = CHUNKED if head.has("transfer-encoding", "chunked") else 0
        if passed.answer is not None and simple:
            return RecordedAnswer(raw, passed.answer, passed.pieces), EXACT | chunked
        clean = None if passed.answer is None else cleaner.body(head, passed.answer)
        if clean is None or clean.body is None:
            return RecordedAnswer(raw, b"", ()), WITHHELD | chunked
        if clean.exact:
            return RecordedAnswer(raw, clean.body, passed.pieces), EXACT | chunked
        return RecordedAnswer(_plain_head(raw), clean.body, ()), 0


def _plain_head(raw: bytes) -> bytes:
    """Return a head for a body that is not what it was: its length and its encoding are others."""
    drop = (b"content-encoding", b"content-length", b"transfer-encoding")
    first, *lines = raw[: -len(END)].split(b"\r\n")
    return b"\r\n".join((first, *(line for line in lines if line.partition(b":")[0].lower() not in drop))) + END


def about(run_id: str, **more: Any) -> dict[str, str]:
    """Return what a file of calls says of itself."""
    return {"run_id": run_id, **{name: str(value) for name, value in more.items()}}
