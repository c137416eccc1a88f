"""What a gate says: for a person, a pipe, a pull request and a program."""

from __future__ import annotations

from itertools import starmap
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.judge.gate import WORDS
from evalprov.judge.gate_words import told
from evalprov.page import BOLD, FactBlock, Line, Remark, TableBlock, line, rest
from evalprov.views import diff_words
from evalprov.views.diff_document import falls_document, metric_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evalprov.judge.collapsed import Falls
    from evalprov.judge.gate import Gate
    from evalprov.judge.gate_words import Judged
    from evalprov.page import Block, Pairs

COLUMNS = ("metric", "baseline", "run", "delta", "interval", "tolerance", "verdict", "gate")
NUMBERS = COLUMNS[1:6]
NARROW = ("metric", "baseline", "run", "delta", "verdict", "gate")  # what a terminal of 80 columns has room for
WIDE = 120
FALLEN_SHOWN = 10
_COLOURS = {"pass": "1;32", "regression": "1;31", "not_evaluated": "1;33"}
_FIRST = ("regression", "not_evaluated", "pass", "reported", "not_judged")
_OUTCOMES = {"not_evaluated": "not evaluated", "reported": "reported only", "not_judged": "-"}


def page(found: Gate, width: int, *, per_scenario: bool) -> Iterator[Block]:
    """Give it for a person: the answer, what decided it, the scenarios that collapsed, and notes."""
    word = WORDS[found.verdict]
    first, *others = wrap(f"{word}: {render.neutral(found.why)}", width)
    yield Line([(word, _COLOURS[found.verdict]), (first.removeprefix(word), "")])
    yield from map(line, others)
    if found.metrics:
        shown = COLUMNS if width >= WIDE else NARROW
        rows = [dict(zip(COLUMNS, _row(one), strict=True)) for one in _in_order(found.metrics)]
        yield TableBlock(shown, [[row[name] for name in shown] for row in rows], NUMBERS)
    for title, pairs in _collapsed(found, per_scenario=per_scenario):
        named = [(diff_words.cut(name, diff_words.NAME), moved) for name, moved in pairs]
        yield FactBlock(diff_words.cut(title, width), named)
    notes = _notes(found, per_scenario=per_scenario)
    if notes:
        yield line("")
        yield line("notes", BOLD)
    for one in notes:
        yield from map(line, wrap(render.neutral(one), width, initial_indent="  - ", subsequent_indent="    "))


def lines_of(found: Gate, *, per_scenario: bool) -> Iterator[Block]:
    """Give it for a pipe: the answer, a line a metric, and notes beside them."""
    yield line(f"{WORDS[found.verdict]}: {found.why}")
    yield TableBlock(COLUMNS, map(_row, found.metrics))
    yield from starmap(FactBlock, _collapsed(found, per_scenario=per_scenario))
    yield from map(Remark, _notes(found, per_scenario=per_scenario))


def _collapsed(found: Gate, *, per_scenario: bool) -> list[tuple[str, Pairs]]:
    return [(_outcome(falls), _fallen(falls)) for falls in found.falls] if per_scenario else []


def _in_order(metrics: Sequence[Judged]) -> list[Judged]:
    """Put first what decided."""
    return sorted(metrics, key=lambda one: _FIRST.index(one.outcome))


def _row(one: Judged) -> tuple[str, ...]:
    tolerance, outcome = render.number(one.tolerance), _OUTCOMES.get(one.outcome, one.outcome)
    named, verdict = diff_words.metric_name(one.diff), diff_words.verdict(one.diff)
    return (named, *diff_words.moved(one.diff), tolerance, verdict, outcome)


def _notes(found: Gate, *, per_scenario: bool) -> list[str]:
    """Return what to know beside the numbers, what the first line says left out."""
    said = [one for one in found.problems if len(found.problems) > 1 or one not in found.why]
    said += [one for one in told(one for one in found.metrics if one.why != one.diff.reason) if one not in found.why]
    unsure = [one.diff for one in found.metrics if one.outcome == "not_evaluated"]
    said += [f"{names}: {words}" for names, words in diff_words.remarks(unsure) if words not in found.why]
    blind = [one.diff for one in found.metrics if one.blocks and one.outcome == "pass"]
    said += [] if "would be missed" in found.why else map(": ".join, diff_words.missed(blind))
    if not per_scenario and any(falls.many for falls in found.falls):
        said.append("--per-scenario lists the scenarios that collapsed")
    return [*said, *found.notes]


def _outcome(falls: Falls) -> str:
    moved = f"{falls.worse} are worse, {falls.better} better, {len(falls.fallen)} collapsed"
    return f"{falls.metric}: of {falls.scenarios} scenarios {moved}"


def _fallen(falls: Falls) -> Pairs:
    shown = [(one.scenario, f"{render.number(one.a)} -> {render.number(one.b)}") for one in falls.fallen[:FALLEN_SHOWN]]
    return [*shown, *rest(len(falls.fallen) - FALLEN_SHOWN, "--json has them")]


# --- for a pull request


def in_markdown(found: Gate, baseline: str, *, per_scenario: bool) -> Iterator[str]:
    """Give it for a pull request, line by line."""
    from evalprov.views import markdown  # most ask for none of it

    yield f"**{WORDS[found.verdict]}**: {markdown.text(found.why)}"
    if found.metrics:
        rows = [
            (markdown.code(name), *map(markdown.text, cells)) for name, *cells in map(_row, _in_order(found.metrics))
        ]
        yield from markdown.table(COLUMNS, rows, right=NUMBERS)
    for title, pairs in _collapsed(found, per_scenario=per_scenario):
        yield from markdown.details(title, [f"- {markdown.code(name)} {markdown.text(moved)}" for name, moved in pairs])
    yield from (f"- {markdown.text(one)}" for one in _notes(found, per_scenario=per_scenario))
    if found.runs:
        yield ""
        against = f"{markdown.code(baseline)} ({', '.join(found.baseline)})"
        yield f"Run {', '.join(found.runs)}, held against {against}."


# --- for a program


def document(found: Gate, baseline: str) -> dict[str, Any]:
    """Return it as JSON has it."""
    return {
        "version": 1,
        "verdict": found.verdict,
        "exit_code": found.exit_code,
        "answer": f"{WORDS[found.verdict]}: {found.why}",
        "baseline": {"spec": baseline, "runs": list(found.baseline)},
        "runs": list(found.runs),
        "problems": found.problems,
        "metrics": [_metric(one) for one in found.metrics],
        "infra": None
        if found.machine is None
        else {"state": found.machine.state, "changes": [change._asdict() for change in found.machine.changes]},
        "scenarios": [lack._asdict() for lack in found.lacks],
        "falls": list(map(falls_document, found.falls)),
        "notes": found.notes,
        "look": found.look and found.look._asdict(),
        "raters": found.raters.document(),
    }


def _metric(one: Judged) -> dict[str, Any]:
    return {
        **metric_document(one.diff),
        "tolerance": one.tolerance,
        "blocks": one.blocks,
        "outcome": one.outcome,
        "why": one.why,
    }
