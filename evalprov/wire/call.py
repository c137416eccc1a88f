"""One call as it is kept: what was asked, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from evalprov.wire.asked import CallQuestion

# Flags of a call.
EXACT, CHUNKED, WITHHELD, REPLAYED, MISSED, FUNCTION = 1, 2, 4, 8, 16, 32


class RecordedAnswer(NamedTuple):
    """What came back, as it can be given again."""

    head: bytes
    body: bytes
    chunks: tuple[tuple[int, float], ...] = ()  # size of each piece, and seconds after the question


class Call(NamedTuple):
    """One call: what was asked, and what came of it."""

    number: int
    provider: str
    question: CallQuestion
    status: int  # 0 where there was no answer
    began: float  # Unix time
    first: float | None  # seconds until the answer began
    ended: float  # seconds until it was over
    flags: int
    problem: str | None  # dropped, cancelled, unreachable ...
    answer: RecordedAnswer | None

    @property
    def ok(self) -> bool:
        """Whether it was answered as it was meant to be."""
        return self.problem is None and 200 <= self.status < 400
