"""How the output ended: which object behind the report lines, or without any, says what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.numbers import listed
from evalprov.reported.tail import BEHIND_TEXT, ON_ITS_LINE, OVER_LINES, FoundObject, Tail, has_numbers, may_sum_up
from evalprov.reported.text import NotAnObject, brief

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.reported.choosing import Known
    from evalprov.reported.ledger import Ledger
    from evalprov.reported.text import Reader


_NEAR = 200  # lines before the last object that are looked at for others
_SHOWN = 3  # keys of an object that is passed over


class LastObjects(NamedTuple):
    """What the scanner knows when the output has ended."""

    tail: Tail
    objects: Sequence[tuple[bytes, int]]  # on a line of their own, the likeliest last
    behind: Sequence[int]  # lines that hold a report behind other text
    part: int  # the last line that is part of a report over many lines; 0 for none
    known: Known  # asks for the names of metrics that earlier runs had


def last_object(ledger: Ledger, reader: Reader, end: LastObjects) -> FoundObject | None:
    """Take in the reports over many lines; return the object that counts beside or in place of all reports."""
    blocks = list(end.tail.over_lines(reader))
    _take_reports(ledger, blocks, end)
    reported = (ledger.line or 0) if ledger.reports else 0
    found = [one for one in (_on_its_line(ledger, reader, end), *blocks) if one and one.how != BEHIND_TEXT]
    last = max([reported, *(one.line for one in found)])
    if bar := end.tail.after(last).behind_text(reader, bar=True):
        found.append(bar._replace(how=ON_ITS_LINE))
    found = [one for one in found if one.line > reported and "metrics" not in one.said]
    if reported:
        fit = [one for one in found if may_sum_up(one.said)]
        chosen = max(fit, key=lambda one: one.line, default=None)
        _tell_passed_over(ledger, reader, end, chosen, reported)
    else:
        last_one = max(found, key=lambda one: one.line, default=None)
        chosen = _chosen(ledger, reader, end, last_one, blocks) if last_one else _weak(blocks, end, reader)
    for line in end.behind:
        if not (chosen and chosen.how == BEHIND_TEXT and chosen.line == line):
            ledger.unread(line, "other text stands before it on its line")
    others = [str(one.line) for one in found if one is not chosen and may_sum_up(one.said)]
    if reported and chosen and chosen.how == OVER_LINES and others:
        text = f"{ledger.at(chosen.line)} ends the object that counts; there is one on line {', '.join(others)}, too"
        ledger.notes.add("other", text)
    return chosen


def _chosen(
    ledger: Ledger, reader: Reader, end: LastObjects, last: FoundObject, blocks: Sequence[FoundObject]
) -> FoundObject:
    """Choose between the objects that end the output, and say which were passed over."""
    from evalprov.reported.choosing import choose  # not needed where reports were made

    # Behind an entry of a log the result may stand anywhere.
    tail = end.tail.after(last.first - _NEAR) if may_sum_up(last.said) else end.tail
    alone = [one for one in tail.on_lines(reader) if not any(block.first <= one.line <= block.line for block in blocks)]
    choice = choose(last, [*alone, *(block for block in blocks if block.how == OVER_LINES)], end.known)
    if choice.others:
        told = ", ".join(f"line {one.line} ({', '.join(map(brief, list(one.said)[:_SHOWN]))})" for one in choice.others)
        others = "other JSON objects were" if len(choice.others) > 1 else "another JSON object was"
        text = f"{ledger.at(choice.chosen.line)} is the result: {choice.why}; {others} passed over: {told}"
        ledger.notes.add("other", text)
    return choice.chosen


def _take_reports(ledger: Ledger, blocks: Sequence[FoundObject], end: LastObjects) -> None:
    read = False
    for block in blocks:
        if block.how == OVER_LINES and isinstance(block.said.get("metrics"), dict) and block.first > (ledger.line or 0):
            ledger.take(ledger.parse(block.text, block.line), block.line)
            ledger.rule = "report-over-lines"
        read |= block.first <= end.part <= block.line
    if end.part and not read:
        ledger.unread(
            end.part,
            "it is written over many lines, which is read in the last 4 MiB of the output alone; print it on one",
        )


def _on_its_line(ledger: Ledger, reader: Reader, end: LastObjects) -> FoundObject | None:
    for text, line in reversed(end.objects):
        try:
            return FoundObject(text, line, ON_ITS_LINE, line, reader.read_all(text)[-1])
        except NotAnObject as why:
            ledger.unread(line, str(why))
    return None


def _weak(blocks: Sequence[FoundObject], end: LastObjects, reader: Reader) -> FoundObject | None:
    """Return the last object that has other text before it: it counts only where nothing better is there."""
    found = [block for block in blocks if block.how == BEHIND_TEXT]
    if one := end.tail.behind_text(reader, bar=False):
        found.append(one)
    return max(found, key=lambda one: one.line, default=None)


def _tell_passed_over(
    ledger: Ledger, reader: Reader, end: LastObjects, chosen: FoundObject | None, reported: int
) -> None:
    """Say which objects beside the report lines might have been meant as the summary.

    An entry of a log is told of only if it stands behind all reports.
    """
    if ledger.summary:
        return
    passed_over = [
        one.line
        for one in end.tail.on_lines(reader)
        if (may_sum_up(one.said) or (one.line > reported and has_numbers(one.said)))
        and not (chosen and one.line == chosen.line)
    ]
    if passed_over:
        objects = listed([ledger.at(passed_over[0])], 1, len(passed_over))
        counts = "the last one behind all report lines that has numbers and is no log entry is the summary"
        text = f"passed over as no report: the JSON object on {objects}; {counts}"
        ledger.notes.add("passed over", text)
