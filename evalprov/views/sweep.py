"""What a sweep is told as: its points before anything runs, and what became of them."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.named import NamedTuple
from evalprov.numbers import counted, listed
from evalprov.page import Remark, TableBlock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from evalprov.page import Block

_VALUES = 6  # of a name, in the line that says what is swept


class SweepTold(NamedTuple):
    """A sweep, before it runs."""

    id: str
    points: Sequence[Mapping[str, str]]  # the values of each
    commands: Sequence[Sequence[str]]  # of each, less what is secret
    times: int | None  # trials of each
    runs: int  # that are still to be made
    unused: Sequence[str]  # names of which the command learns nothing

    @property
    def names(self) -> list[str]:
        """What is swept."""
        return list(dict.fromkeys(name for point in self.points for name in point))


def listing(told: SweepTold) -> TableBlock:
    """List the points."""
    rows = [
        (str(number), *(values.get(name, "-") for name in told.names), shlex.join(command))
        for number, (values, command) in enumerate(zip(told.points, told.commands, strict=True), 1)
    ]
    return TableBlock(["point", *told.names, "command"], rows, ["point"])


def head(told: SweepTold) -> Iterator[Remark]:
    """Say what is going to run, and what is wrong with it."""
    for name in told.unused:
        yield Remark(
            f"warning: {name} is swept, and the command is not told: every point would run the same program",
            [f"write {{{name}}} in a word of the command, or sweep a variable that it reads: --env NAME=VALUES"],
        )
    over = " x ".join(f"{name} {listed(_values(told, name), _VALUES)}" for name in told.names)
    each = f", {counted(told.times, 'trial')} each" if told.times else ""
    left = f"; {counted(told.runs)} to go" if told.runs < len(told.points) * (told.times or 1) else ""
    yield Remark(f"sweep {told.id}: {counted(len(told.points), 'point')}{f' ({over})' if over else ''}{each}{left}")
    if not told.names:
        yield Remark("nothing is swept: no name has several values")


def _values(told: SweepTold, name: str) -> list[str]:
    return list(dict.fromkeys(values[name] for values in told.points if name in values))


class SweepEnd(NamedTuple):
    """What became of a sweep."""

    id: str
    runs: int  # that were begun now
    seconds: float
    statuses: Mapping[str, int]  # the most frequent first
    without: Sequence[int]  # points without a result
    stopped: bool
    left: int  # runs that were not begun, or have no result


def end(told: SweepEnd) -> Iterator[Block]:
    """Say what became of it, and what to do next."""
    counts = ", ".join(f"{count} {status}" for status, count in told.statuses.items())
    below = []
    if told.without and not told.stopped:
        below.append(f"without a result: {'points' if len(told.without) > 1 else 'point'} {_numbers(told.without)}")
    below.append(f"next: evalprov compare --sweep {told.id}")
    if told.left:
        below.append(f"      the same command with --resume {told.id} runs the {told.left} that have no result")
    took = render.duration(told.seconds)
    yield Remark(f"{counted(told.runs)} of the sweep in {took}: {counts or 'none recorded'}", below)


def _numbers(numbers: Sequence[int]) -> str:
    return listed(list(map(str, numbers)), 10)
