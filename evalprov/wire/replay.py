"""Recorded answers, given again: to the same question the same ones, each once, in the order in which they came."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from evalprov.wire.asked import PartBook, ignoring, question
from evalprov.wire.call import MISSED, WITHHELD
from evalprov.wire.matching import Miss, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evalprov.wire.asked import CallQuestion
    from evalprov.wire.call import Call
    from evalprov.wire.calls import CallReader
    from evalprov.wire.messages import Head

_MENDED = frozenset((408, 409, 425, 429))  # that clients try again, as they do what is 500 and more


class Replayer:
    """Finds the recorded answer to a question."""

    def __init__(self, reader: CallReader, ignore: Iterable[str] = (), *, errors: bool = False) -> None:
        self._reader = reader
        self._patterns = [re.compile(pattern) for pattern in ignore]
        self._errors = errors
        self._lock = threading.Lock()
        self._plain = PartBook(lambda value: value)
        self._left: dict[bytes, list[int]] = {}
        self._alike: dict[bytes, list[int]] | None = None
        self._given: set[int] = set()
        self.total = 0
        rows: dict[bytes, list[tuple[int, bool]]] = {}
        for number, key, status, problem, flags in reader.outcomes():
            if not flags & MISSED:
                rows.setdefault(key, []).append((number, bool(problem) or status >= 500 or status in _MENDED))
        for key, calls in rows.items():
            self._left[key] = self._wanted(calls)
            self.total += len(self._left[key])

    def _wanted(self, calls: list[tuple[int, bool]]) -> list[int]:
        """Leave out what failed and was mended by asking again."""
        if self._errors:
            return [number for number, _ in calls]
        last_good = max((number for number, failed in calls if not failed), default=0)
        return [number for number, failed in calls if not failed or number > last_good]

    def asked(self, host: str, head: Head, body: bytes, book: PartBook) -> CallQuestion:
        """Take a request apart as it is kept; one that is in the record word by word has no secret to look for."""
        for one in (self._plain, book):
            one.trim()
            asked = question(host, head, body, one)
            if asked.key in self._left:
                break
        return asked

    def answer(self, asked: CallQuestion) -> Call | Miss:
        """Return the next answer to a question; what is missing, where there is none."""
        with self._lock:
            number = self._next(self._left.get(asked.key, []))
            if number is None and self._patterns:
                number = self._next(self._by_pattern().get(ignoring(asked, self._patterns), []))
            if number is None:
                return self._missing(asked)
            self._given.add(number)
            call = self._reader.answering(asked, number)
        if call.flags & WITHHELD:
            return Miss(
                f"{asked.method} {asked.host}{asked.path}", number, "its answer was withheld when it was recorded"
            )
        return call

    def _next(self, numbers: list[int]) -> int | None:
        while numbers:
            number = numbers.pop(0)
            if number not in self._given:
                return number
        return None

    def _by_pattern(self) -> dict[bytes, list[int]]:
        """Return the calls by what they ask, less what the patterns leave out; asked for once, where it is needed."""
        if self._alike is None:
            wanted = {number for numbers in self._left.values() for number in numbers}
            self._alike = {}
            for call in self._reader.calls():
                if call.number in wanted:
                    self._alike.setdefault(ignoring(call.question, self._patterns), []).append(call.number)
        return self._alike

    def _missing(self, asked: CallQuestion) -> Miss:
        known = self._reader.of_key(asked.key)
        if known:
            name = f"{asked.method} {asked.host}{asked.path.partition('?')[0]}"
            times = f"{len(known)} times" if len(known) > 1 else "once"
            return Miss(name, known[-1].number, f"it is asked more often than the {times} that were recorded")
        return nearest(asked, self._reader)

    def unused(self) -> int:
        """Return how many recorded answers nobody asked for."""
        return self.total - len(self._given)
