"""The calls of two runs, held against each other: which questions both asked, and whether the answers were the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from evalprov.named import NamedTuple
from evalprov.wire.call import MISSED
from evalprov.wire.matching import difference, differences
from evalprov.wire.reading import answer_values, said_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.wire.call import Call
    from evalprov.wire.calls import CallReader

State = Literal["same", "another answer", "only A", "only B"]


class ComparedCall(NamedTuple):
    """A question of one run or of both."""

    state: State
    a: int | None  # the call's number there
    b: int | None
    asked: str
    difference: str | None  # in words


def compare(a: CallReader, b: CallReader) -> Iterator[ComparedCall]:
    """Yield every call of both, those to the same question together in the order in which they were asked."""
    left: dict[bytes, list[Call]] = {}
    for call in b.calls():
        if not call.flags & MISSED:
            left.setdefault(call.question.key, []).append(call)
    alone: list[Call] = []
    for call in a.calls():
        others = left.get(call.question.key)
        if others:
            yield _pair(call, others.pop(0))
        elif not call.flags & MISSED:
            alone.append(call)
    extra = [call for calls in left.values() for call in calls]
    for call in alone:
        near = min(extra, key=lambda other: _distance(call, other), default=None)
        yield ComparedCall(
            "only A", call.number, None, name_of(call), near and difference(call.question, near.question)
        )
    for call in sorted(extra, key=lambda one: one.number):
        yield ComparedCall("only B", None, call.number, name_of(call), None)


def name_of(call: Call) -> str:
    """Return what a call is asked of, in words."""
    return f"{call.question.method} {call.question.host}{call.question.path.partition('?')[0]}"


def _pair(a: Call, b: Call) -> ComparedCall:
    if a.status != b.status:
        return ComparedCall("another answer", a.number, b.number, name_of(a), f"status {a.status} and {b.status}")
    said, then = said_in(a), said_in(b)
    found = differences(said, then) if said or then else differences(answer_values(a), answer_values(b))
    return ComparedCall(
        "another answer" if found else "same", a.number, b.number, name_of(a), found[0] if found else None
    )


def _distance(a: Call, b: Call) -> tuple[bool, int]:
    shared = len(a.question.pieces.keys() ^ b.question.pieces.keys())
    return (a.question.host, a.question.path) != (b.question.host, b.question.path), shared
