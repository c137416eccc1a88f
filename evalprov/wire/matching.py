"""Which recorded call is nearest to a question that was never asked before, and where the two differ first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from evalprov.wire.asked import CallQuestion
    from evalprov.wire.calls import CallReader

_SHOWN = 48  # characters of what differs
_CANDIDATES = 8


class Miss(NamedTuple):
    """A question that the record has no answer to."""

    asked: str  # method, host and path
    nearest: int | None  # the number of the nearest recorded call
    difference: str  # in words

    def __str__(self) -> str:
        near = f"; nearest is call {self.nearest}" if self.nearest is not None else ""
        return f"{self.asked} was not recorded{near}: {self.difference}"


def nearest(asked: CallQuestion, reader: CallReader) -> Miss:
    """Find the recorded call that has most in common with a question."""
    name = f"{asked.method} {asked.host}{asked.path.partition('?')[0]}"
    ours = set(asked.pieces)
    ranked: list[tuple[int, int]] = []
    for number, _, pieces in reader.outlines():
        ranked.append((len(pieces ^ ours) - 2 * len(pieces & ours), number))
    if not ranked:
        return Miss(name, None, "the record has no calls")
    best: tuple[tuple[int, int], int, str] | None = None
    for score, number in sorted(ranked)[:_CANDIDATES]:
        call = reader.numbered(number).question
        found = difference(call, asked)
        rank = (_apart(call, asked), score)
        if best is None or rank < best[0]:
            best = (rank, number, found)
    assert best is not None
    return Miss(name, best[1], best[2])


def _apart(then: CallQuestion, now: CallQuestion) -> int:
    """Return how far apart two questions are before their bodies are looked at, and in how many places these differ."""
    ends = [(then.host, now.host), (then.method, now.method), (then.path, now.path), (then.api, now.api)]
    return 1000 * sum(a != b for a, b in ends) + len(differences(then.body(), now.body()))


def difference(then: CallQuestion, now: CallQuestion) -> str:
    """Say where two questions differ first."""
    for name in ("host", "method", "path", "api"):
        a, b = getattr(then, name), getattr(now, name)
        if a != b:
            return f"{name} was {a!r} and is {b!r}"
    found = differences(then.body(), now.body())
    return found[0] if found else "it was asked less often"


def differences(then: Any, now: Any, where: str = "") -> list[str]:
    """Say where two JSON values differ, in the order in which they are written."""
    if isinstance(then, dict) and isinstance(now, dict):
        found = []
        for name in dict.fromkeys((*then, *now)):
            inner = f"{where}.{name}" if where else name
            if name not in now:
                found.append(f"{inner} is missing")
            elif name not in then:
                found.append(f"{inner} is new: {_cut(repr(now[name]))}")
            else:
                found += differences(then[name], now[name], inner)
        return found
    if isinstance(then, list) and isinstance(now, list):
        found = []
        for number, (a, b) in enumerate(zip(then, now, strict=False)):
            found += differences(a, b, f"{where}[{number}]")
        if len(then) != len(now):
            found.append(f"{where or 'it'} has {len(now)} items and had {len(then)}")
        return found
    if then == now and type(then) is type(now):
        return []
    if isinstance(then, str) and isinstance(now, str):
        at = next((n for n, (a, b) in enumerate(zip(then, now, strict=False)) if a != b), min(len(then), len(now)))
        start = max(0, then.rfind(" ", 0, max(0, at - 8)) + 1)
        return [f"{where or 'the body'} differs at {_cut(repr(now[start:]))}, where {_cut(repr(then[start:]))} was"]
    return [f"{where or 'the body'} was {_cut(repr(then))} and is {_cut(repr(now))}"]


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...{text[:1]}"
