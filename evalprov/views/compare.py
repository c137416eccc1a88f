"""What `evalprov compare` says: a table of programs, what is known of the best, and what to beware of."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.explain import elide
from evalprov.judge.choose_test import NOT_INSTALLED, OFF, ONE_RUN
from evalprov.judge.direction import guess, table_of
from evalprov.named import NamedTuple
from evalprov.numbers import and_more, counted, listed
from evalprov.page import BOLD, DIM, Remark, TableBlock, fitted, line
from evalprov.views import diff_words
from evalprov.views.diff_document import metric_document
from evalprov.views.markdown import code, text
from evalprov.views.markdown import table as markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from evalprov.explain.several import FactColumn
    from evalprov.judge.contest import Entered, Lead
    from evalprov.judge.direction import Way
    from evalprov.judge.metric_diff import MetricDiff
    from evalprov.page import Block, Pairs
    from evalprov.record.schema.values import MetricValue

SHOWN = 20  # rows, on a terminal
MARKDOWN_ROWS = 100
_NAMES = 5  # in a sentence
_CELL = 24  # letters of a setting, on a terminal
_BETWEEN = 3
FRONT = "*"


class ComparedRow(NamedTuple):
    """One program."""

    name: str  # the id of its first run
    point: int | None
    run_ids: Sequence[str]  # those with a result
    without: int  # runs that have none
    metrics: Mapping[str, MetricValue]  # over its runs the means
    entered: Entered | None  # null for one without a result
    judged: MetricDiff | None  # null for the first, and for one without a result
    usd: float | None
    tokens: float | None
    seconds: float | None
    pareto: tuple[float | None, float | None] = (None, None)  # its numbers in the two metrics
    on_front: bool = False  # no other is as good in both

    @property
    def label(self) -> str:
        """What it is called in a sentence."""
        return self.name if self.point is None else f"point {self.point}"


class FoundComparison(NamedTuple):
    """Several programs held against one of them."""

    rows: Sequence[ComparedRow]  # the best first; those without a number last
    first: str  # the name of the one that all others are held against
    columns: Sequence[FactColumn]  # what differs, a value for each row
    metric: str
    way: Way
    others: Sequence[str]  # further metrics
    judged: int  # comparisons that the verdicts are corrected for
    lead: Lead | None
    pareto: tuple[str, str] | None
    unknown: Mapping[str, int]  # layers of which not all is known, in so many rows
    can_judge: bool
    notes: Sequence[str]

    @property
    def by_name(self) -> dict[str, ComparedRow]:
        """The rows by their names."""
        return {row.name: row for row in self.rows}


# --- in words


def head(found: FoundComparison) -> str:
    """Say what is compared, by what, and how it is judged."""
    runs = sum(len(row.run_ids) for row in found.rows)
    what = "points" if all(row.point is not None for row in found.rows) else "programs"
    way = {"higher": "more is better", "lower": "less is better", None: "which way is better is not known"}
    guessed = ", by a guess" if found.way.source == "name" else ""
    corrected = f", corrected for {found.judged} comparisons (Holm)" if found.judged > 1 else ""
    return (
        f"{len(found.rows)} {what if len(found.rows) != 1 else what[:-1]}, {counted(runs)}; {found.metric} "
        f"({way[found.way.direction]}{guessed}), each against {found.by_name[found.first].label}{corrected}"
    )


def leader(found: FoundComparison) -> str:
    """Say which is the best, and what that is worth."""
    if not found.can_judge:
        return NOT_INSTALLED
    if found.way.direction is None:
        return f'which is the best is not known: direction = "higher" or "lower" in {table_of(found.metric)} says it'
    lead = found.lead
    if lead is None:
        return "which is the best cannot be told: there are not two numbers of one experiment"
    rows = found.by_name
    best, first = rows[lead.name], rows[found.first]
    value = render.number(best.entered.value if best.entered else None)
    return (
        f"{best.label} has the best number ({value}), {_worth(lead, [rows[name] for name in lead.level_with], first)}"
    )


def _worth(lead: Lead, level_with: Sequence[ComparedRow], first: ComparedRow) -> str:
    """Say what the best number is worth."""
    named = listed([row.label for row in level_with], _NAMES)
    if lead.name == first.name:
        return f"and is not proven better than {named}" if level_with else "and every other is worse for real"
    if not lead.proven:
        luck = f"of {lead.of} equal programs one is always ahead" if lead.of > 2 else "luck alone may part them so"
        return f"and is not proven better than {first.label}: {luck}"
    if lead.of == 2:
        return f"and is better than {first.label} for real"
    picked = f"picked among {lead.of} by that number, so corrected for all {lead.pairs} pairs"
    if level_with:
        return f"and is better than {first.label} for real; not told from {named} ({picked})"
    return f"and is better than every other for real ({picked})"


def about(found: FoundComparison) -> Pairs:
    """Return what to beware of."""
    pairs: Pairs = []
    if found.way.source == "name":
        pairs.append(("the direction", guess(found.metric, found.way.direction)))
    if found.lead and found.lead.pairs > 1:
        pairs.append(("the best number", "picked as the best of several it is too good on average: run it again first"))
    said: dict[str, list[str]] = {}
    for row in found.rows:
        for words in _of_row(row):
            said.setdefault(words, []).append(row.label)
    pairs += [
        (listed(names, _NAMES) if len(names) < len(found.rows) - 1 else "all", words) for words, names in said.items()
    ]
    for layer, rows in found.unknown.items():
        pairs.append((layer, f"not all of it is known in {rows} of {len(found.rows)}: it may differ, too"))
    if found.pareto:
        pairs.append(
            (f"marked {FRONT}", f"no other is as good in both {' and '.join(found.pareto)}, by the numbers alone")
        )
    return pairs


def _of_row(row: ComparedRow) -> Iterator[str]:
    if row.without:
        yield f"{counted(row.without)} without a result left out"
    if row.entered is not None:
        yield from row.entered.caveats
        yield from filter(None, (row.entered.mixed, row.entered.left_out))
    if row.judged is not None and row.judged.reason:
        yield row.judged.reason.replace(ONE_RUN, f"one run each: {OFF}; --repeat 3 would tell")


def verdict(found: FoundComparison, row: ComparedRow) -> str:
    """Return a row's verdict against the first one."""
    if row.name == found.first:
        return "the first"
    entered, metric = row.entered, row.judged
    if entered is None or metric is None or entered.value is None:
        return "no result" if entered is None else "no number"
    if entered.apart or entered.caveats:
        return "other scenarios" if entered.apart else "another experiment"
    if metric.corrected_for and metric.verdict == "within_noise":
        return f"not proven among {metric.corrected_for}"
    return diff_words.verdict(metric._replace(same_as=None))


def _spent(row: ComparedRow) -> dict[str, str]:
    return {
        "usd": render.number(row.usd),
        "tokens": render.number(row.tokens),
        "took": render.duration(row.seconds),
    }


def _ends(row: ComparedRow) -> str:
    ends = row.entered.interval if row.entered else None
    return "-" if ends is None else " to ".join(f"{end:.3g}" for end in ends)


# --- as a table


class _Shown(NamedTuple):
    """A column of the table: its cells, and how soon a narrow terminal does without it."""

    name: str
    cells: Sequence[str]
    right: bool = False
    rank: int = 0  # the higher, the sooner


def _table(found: FoundComparison) -> list[_Shown]:
    rows = found.rows
    judged = [row.judged for row in rows]
    called = "point" if all(row.point is not None for row in rows) else "run"
    cells = [str(row.point) if called == "point" else row.name for row in rows]
    if found.pareto:
        cells = [f"{cell}{FRONT * row.on_front}" for cell, row in zip(cells, rows, strict=True)]
    table = [_Shown(called, cells, right=called == "point")]
    table += [
        _Shown(render.neutral(one.name), one.values, rank=1 + (one.layer != "sweep") * 4) for one in found.columns
    ]
    table.append(_Shown("runs", [str(len(row.run_ids)) for row in rows], right=True, rank=4))
    table.append(
        _Shown(
            render.neutral(found.metric),
            [render.number(row.entered.value if row.entered else None) for row in rows],
            right=True,
        )
    )
    table.append(_Shown("95 %", list(map(_ends, rows)), rank=3))
    table.append(_Shown("delta", ["-" if one is None else diff_words.delta(one) for one in judged], right=True, rank=2))
    table.append(_Shown("delta 95 %", ["-" if one is None else diff_words.interval(one) for one in judged], rank=6))
    table.append(_Shown("verdict", [verdict(found, row) for row in rows]))
    table += [
        _Shown(render.neutral(name), [render.number(row.metrics.get(name)) for row in rows], right=True, rank=7)
        for name in found.others
    ]
    for name in ("usd", "tokens", "took"):
        cells = [_spent(row)[name] for row in rows]
        if {*cells} != {"-"}:
            table.append(_Shown(name, cells, right=True, rank=4))
    return table


def page(found: FoundComparison, width: int, shown: int | None) -> Iterator[Block]:
    """Give it for a person: what is compared, the best, the table as wide as there is room, what to beware of."""
    for words in wrap(render.neutral(leader(found)), width):
        yield line(words, BOLD)
    for words in wrap(render.neutral(head(found)), width):
        yield line(words, DIM)
    count = len(found.rows) if shown is None else shown
    places = [place for place, row in enumerate(found.rows) if place < count or row.name == found.first]
    every = _table(found)
    table = [one._replace(cells=_cut(one, [one.cells[place] for place in places])) for one in every]
    kept = _fitting(table, width)
    table = [table[number] for number in kept]
    rows = zip(*(one.cells for one in table), strict=True)
    yield TableBlock([one.name for one in table], rows, [one.name for one in table if one.right])
    for words in and_more(len(found.rows) - len(places), "-n 0 for all"):
        yield line(words, DIM)
    missing = [one.name for number, one in enumerate(every) if number not in kept]
    if missing:
        words = f"no room for {listed(missing, 8)}: a wider terminal, a pipe or --markdown has all"
        yield from (line(part, DIM) for part in wrap(words, width))
    yield fitted("beware", [(elide.cut(name, diff_words.NAME), words) for name, words in about(found)], width)
    yield from map(Remark, found.notes)


def _cut(one: _Shown, cells: Sequence[str]) -> list[str]:
    neutral = list(map(render.neutral, cells))
    return elide.apart(neutral, _CELL) if one.rank in (1, 5) else neutral


def _fitting(table: Sequence[_Shown], width: int) -> list[int]:
    """Return the columns that there is room for."""
    room = width + _BETWEEN - 2
    kept = []
    for number in sorted(range(len(table)), key=lambda place: table[place].rank):
        needs = max(map(len, (table[number].name, *table[number].cells))) + _BETWEEN
        if needs <= room or not table[number].rank:
            kept.append(number)
            room -= needs
    return sorted(kept)


def cells_of(found: FoundComparison) -> list[tuple[str, Sequence[str], bool]]:
    """Return the columns of the table: the name of each, its cells, and whether these are numbers."""
    return [(one.name, one.cells, one.right) for one in _table(found)]


def lines_of(found: FoundComparison) -> Iterator[Block]:
    """Give it for a pipe: a line a program, and all else beside it."""
    table = _table(found)
    yield TableBlock([one.name for one in table], zip(*(one.cells for one in table), strict=True))
    yield Remark(leader(found), [head(found)])
    yield from (Remark(f"{name}: {words}" if name else words) for name, words in about(found))
    yield from map(Remark, found.notes)


def markdown(found: FoundComparison) -> Iterator[str]:
    """Give it for a pull request, or the summary of a CI system."""
    yield f"## {text(leader(found))}"
    yield ""
    yield text(head(found))
    table = _table(found)
    rows = list(zip(*(one.cells for one in table), strict=True))
    right = [text(one.name) for one in table if one.right]
    cells = [list(map(code, row)) for row in rows[:MARKDOWN_ROWS]]
    yield from markdown_table([text(one.name) for one in table], cells, right=right)
    yield from (f"- {words}" for words in and_more(len(rows) - MARKDOWN_ROWS, what="program"))
    yield from (f"- {code(name)}: {text(words)}" if name else f"- {text(words)}" for name, words in about(found))


def document(found: FoundComparison) -> dict[str, Any]:
    """Return all of it."""
    return {
        "version": 1,
        "answer": leader(found),
        "metric": found.metric,
        "direction": found.way.direction,
        "direction_from": found.way.source,
        "first": found.first,
        "corrected_for": found.judged,
        "lead": found.lead and found.lead._asdict(),
        "pareto": found.pareto,
        "columns": [{"layer": one.layer, "name": one.name} for one in found.columns],
        "unknown": dict(found.unknown),
        "beware": [{"of": name, "words": words} for name, words in about(found)],
        "notes": list(found.notes),
        "rows": [_row_document(found, place, row) for place, row in enumerate(found.rows)],
    }


def _row_document(found: FoundComparison, place: int, row: ComparedRow) -> dict[str, Any]:
    entered = row.entered
    return {
        "name": row.name,
        "point": row.point,
        "run_ids": list(row.run_ids),
        "without_result": row.without,
        "settings": {one.name: one.values[place] for one in found.columns},
        "value": entered and entered.value,
        "interval": entered and entered.interval,
        "verdict": verdict(found, row),
        "judged": row.judged and metric_document(row.judged),
        "caveats": [] if entered is None else [*entered.caveats, *filter(None, [entered.mixed])],
        "left_out": "" if entered is None else entered.left_out,
        "metrics": dict(row.metrics),
        "usd": row.usd,
        "tokens": row.tokens,
        "seconds": row.seconds,
        "on_front": row.on_front if found.pareto else None,
    }
