"""Where a metric changed its level, in words: what changed there is said, what did it is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.judge.shifts import RECENT
from evalprov.numbers import and_more
from evalprov.page import fitted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evalprov.judge.shifts import ToldShift
    from evalprov.page import Block

SHOWN = 10
NONE_CHANGED = "no recorded layer changed: look outside the record"


def step(shift: ToldShift) -> str:
    """Say from which level to which it went."""
    return " -> ".join(render.number(float(level)) for level in (shift.before, shift.after))


def there(shift: ToldShift) -> str:
    """Say what changed there, and of what that is not known."""
    named = [f"{layer} (it often does)" if layer in shift.often else layer for layer in shift.changed]
    parts = [f"changed there: {', '.join(named)}" if named else NONE_CHANGED]
    parts += [f"not known: {', '.join(shift.unknown)}"] if shift.unknown else []
    parts += [f"nobody declared: {', '.join(shift.undeclared)}"] if shift.undeclared else []
    return "; ".join(parts)


def document(shift: ToldShift) -> dict[str, Any]:
    """Return it as values."""
    return {name: value for name, value in shift._asdict().items() if name not in ("run_id", "group")}


def page(shifts: Sequence[ToldShift], count: int, width: int) -> Iterator[Block]:
    """Give them for a person, the newest first."""
    newest = list(reversed(shifts))[:SHOWN]
    names = [f"{one.run_id}{f' {one.group}' if one.group is not None else ''}" for one in newest]
    pairs = [(name, f"{step(one)}; {there(one)}") for name, one in zip(names, newest, strict=True)]
    pairs += [("", words) for words in (*and_more(len(shifts) - len(newest)), *only_recent(count))]
    if shifts:
        yield fitted("level shifts, each at the first run of its new level", pairs, width)


def marks(shifts: Sequence[ToldShift], recent: Sequence[str], count: int, width: int) -> str:
    """Return marks to stand below bars of so many runs, under each shift; `recent` are the newest runs' ids."""
    places = {run_id: place for place, run_id in enumerate(recent)}
    columns = {(count - 1 - places[one.run_id]) * width // count for one in shifts}
    return "".join("^" if column in columns else " " for column in range(max(columns, default=-1) + 1))


def remarks(shifts: Sequence[ToldShift], metric: str, count: int) -> Iterator[str]:
    """Say them beside what a program reads, the newest first."""
    for one in list(reversed(shifts))[:SHOWN]:
        group = f" of {one.group}" if one.group is not None else ""
        yield f"level shift at {one.run_id}: {metric}{group} {step(one)}; {there(one)}"
    if shifts:
        yield from (f"{words} level shifts" for words in and_more(len(shifts) - SHOWN))
        yield from only_recent(count)


def only_recent(count: int) -> list[str]:
    """Say so where not all runs were looked at."""
    return [f"level shifts are looked for among the newest {RECENT:,} runs"] if count > RECENT else []
