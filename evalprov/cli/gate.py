"""`evalprov gate`: whether a run may pass, as words and as an exit code."""

from __future__ import annotations

import os
import sys
from textwrap import wrap
from typing import TYPE_CHECKING, Any, cast

from evalprov import render
from evalprov.cli.baseline import said
from evalprov.cli.common import STORE, open_store
from evalprov.cli.earlier import look, spreads
from evalprov.cli.options import Argument, Option, Subcommand
from evalprov.cli.rules import rules_for
from evalprov.cli.sides import side
from evalprov.errors import EvalprovError, UnreadableError, UsageError
from evalprov.isolation import here
from evalprov.judge.gate import WORDS, Gate, judge, unreadable
from evalprov.record.baseline import WHATS
from evalprov.settings import load
from evalprov.store import baselines, lookup
from evalprov.store.folder import Folder
from evalprov.views import diff_words, markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.judge.collapsed import Falls
    from evalprov.judge.gate_words import Judged
    from evalprov.judge.verdicts import Side
    from evalprov.record.baseline import What

COLUMNS = ("metric", "baseline", "run", "delta", "interval", "tolerance", "verdict", "gate")
NUMBERS = COLUMNS[1:6]
NARROW = ("metric", "baseline", "run", "delta", "verdict", "gate")  # what a terminal of 80 columns has room for
WIDE = 120
FALLEN_SHOWN = 10
_RUN = "run:"
_EXAMPLE = "for example: evalprov gate --baseline main"
_ACCEPT = 'for example: evalprov gate --baseline main --accept grader --reason "upgraded, scores agree"'
_COLOURS = {"pass": "1;32", "regression": "1;31", "not_evaluated": "1;33"}
_HOLDING = ("same", "within_noise", "better")
_FIRST = ("regression", "not_evaluated", "pass", "reported", "not_judged")
_OUTCOMES = {"not_evaluated": "not evaluated", "reported": "reported only", "not_judged": "-"}


def gate(  # noqa: PLR0913 - one argument an option
    *,
    run: str,
    baseline: str | None,
    trials: bool,
    sequential: bool,
    accept: Sequence[str],
    reason: str | None,
    per_scenario: bool,
    as_json: bool,
    as_markdown: bool,
    junit_path: str | None,
    store: str | None,
) -> int:
    """Hold a run against a baseline, and say whether it may pass.

    Exit codes: 0 pass; 1 a metric regressed, for real and by more than it may; 2 wrong usage; 3 could not evaluate.
    A metric blocks if it is known which way is better and it is no time or cost. What is tolerated, and what blocks
    besides, is in the settings, [metrics.NAME] and [gate].

    A run with another grader, data set, scenario or golden version cannot be held against the baseline. With --accept
    it is from now on: who said so, when and why is written into the baseline's file, which is meant to be committed.

    Of twenty unchanged runs held against one baseline one fires in a third of cases. With --sequential, or sequential =
    true in [gate], each is judged at a share of the level, and all together fire as rarely as one; it says what that
    hides.

    Examples: evalprov gate --baseline main --junit gate.xml;
    evalprov gate --baseline main --accept grader --reason "the harness was upgraded, scores agree"
    """
    if not baseline:
        raise UsageError("there is nothing to hold the run against: --baseline NAME", _EXAMPLE)
    if as_json and as_markdown:
        raise UsageError("--json and --markdown are two forms of one answer: give one of them")
    folder = open_store(store)
    if accept or reason:
        _accept(folder, baseline, side(folder, run, trials=trials), accept, reason)
    found = _judged(folder, baseline, run, trials=trials, sequential=sequential)
    if junit_path:
        _write_junit(junit_path, found)
    if as_json:
        render.document(_document(found, baseline))
    elif as_markdown:
        render.out(_markdown(found, baseline, per_scenario=per_scenario))
    else:
        _print(found, per_scenario=per_scenario)
    return found.exit_code


def _write_junit(path: str, gate: Gate) -> None:
    """Put the file in place, whole."""
    from evalprov.views import junit

    try:
        with Folder(os.path.dirname(path) or ".", follow=True) as folder:
            folder.write(os.path.basename(path), junit.document(gate))
    except OSError as error:
        raise EvalprovError(f"cannot write {path}: {error.strerror}", "give --junit a file's path") from None


def _accept(folder: str, baseline: str, b: Side, accept: Sequence[str], reason: str | None) -> None:
    """Write into a baseline that later runs may differ from it as this one does."""
    if not accept or not (reason or "").strip():
        missing = "--accept WHAT" if not accept else "--reason TEXT"
        raise UsageError(f"what is accepted is said together with why: {missing} is missing", _ACCEPT)
    name = lookup.baseline_name(_spec(baseline))
    if name is None:
        raise UsageError(f"what is accepted is kept in a baseline, and {baseline} is none", _ACCEPT)
    for what in cast("list[What]", accept):
        new = baselines.accept(folder, name, b.runs, what, said(reason))
        if not new:
            render.note(f"the {what.replace('_', ' ')} is the baseline's, or was accepted before: nothing is written")
        else:
            render.note(f"accepted; commit it: {folder}/{baselines.FOLDER}/{name}.json")


def _judged(folder: str, baseline: str, run: str, *, trials: bool, sequential: bool) -> Gate:
    try:
        rules = rules_for(load(here()))
        allowed = rules.gate.allow_failed
        a, b = side(folder, _spec(baseline), trials=trials), side(folder, run, trials=trials)
        many = look(folder, a, b, allow_failed=allowed) if sequential or rules.gate.sequential else None
        return judge(a, b, rules, spreads(folder, a, b, allow_failed=allowed), look=many)
    except UnreadableError as problem:
        return unreadable(problem.message, problem.hint)


def _spec(baseline: str) -> str:
    """Return the run that --baseline names: a bare name is a baseline's."""
    if baseline.startswith(_RUN):
        return baseline.removeprefix(_RUN)
    return baseline if baseline.startswith("baseline:") or baseline.endswith(".json") else f"baseline:{baseline}"


# --- for a person, or a pipe


def _print(found: Gate, *, per_scenario: bool) -> None:
    said = _notes(found, per_scenario=per_scenario)
    lists = [(_fared(falls), _fallen(falls)) for falls in found.falls] if per_scenario else []
    word, why = WORDS[found.verdict], render.neutral(found.why)
    width = render.width()
    if not width:
        render.out(f"{word}: {why}")
        render.table(COLUMNS, map(_row, found.metrics))
        for title, pairs in lists:
            render.facts(render.neutral(title), pairs)
        for one in said:
            render.note(one)
        return
    first, *others = wrap(f"{word}: {why}", width)
    render.out("\n".join([render.paint(word, _COLOURS[found.verdict], sys.stdout) + first.removeprefix(word), *others]))
    if found.metrics:
        shown = COLUMNS if width >= WIDE else NARROW
        rows = [dict(zip(COLUMNS, _row(one), strict=True)) for one in _in_order(found.metrics)]
        render.table(shown, [[row[name] for name in shown] for row in rows], right=NUMBERS)
    for title, pairs in lists:
        render.facts(
            diff_words.cut(title, width), [(diff_words.cut(name, diff_words.NAME), moved) for name, moved in pairs]
        )
    if said:
        render.out("\n" + render.paint("notes", "1", sys.stdout))
    for one in said:
        render.out("\n".join(wrap(render.neutral(one), width, initial_indent="  - ", subsequent_indent="    ")))


def _in_order(metrics: Sequence[Judged]) -> list[Judged]:
    """Put first what decided."""
    return sorted(metrics, key=lambda one: _FIRST.index(one.outcome))


def _row(one: Judged) -> tuple[str, ...]:
    diff = one.diff
    return (
        diff_words.metric_name(diff),
        render.number(diff.a),
        render.number(diff.b),
        diff_words.delta(diff),
        diff_words.interval(diff),
        render.number(one.tolerance),
        diff_words.verdict(diff),
        _OUTCOMES.get(one.outcome, one.outcome),
    )


def _notes(found: Gate, *, per_scenario: bool) -> list[str]:
    """Return what to know beside the numbers, what the first line says left out."""
    said = [one for one in found.problems if len(found.problems) > 1 or one not in found.why]
    unsure = [one.diff for one in found.metrics if one.outcome == "not_evaluated"]
    told = [f"{one.diff.name}: {one.why}" for one in found.metrics if one.why and one.why != one.diff.reason]
    told += [f"{names}: {words}" for names, words in diff_words.remarks(unsure)]
    said += [one for one in told if one not in found.why]
    if not per_scenario:
        held = {one.diff.name for one in found.metrics if one.diff.verdict in _HOLDING and one.outcome != "regression"}
        twins = {one.diff.name for one in found.metrics if one.diff.same_as is not None}
        said += [
            f"{one.metric} as a whole holds, and {len(one.fallen)} of {one.scenarios} scenarios collapsed; "
            "--per-scenario lists them"
            for one in found.falls
            if one.many and one.metric in held - twins
        ]
    return [*said, *found.notes]


def _fared(falls: Falls) -> str:
    moved = f"{falls.worse} are worse, {falls.better} better, {len(falls.fallen)} collapsed"
    return f"{falls.metric}: of {falls.scenarios} scenarios {moved}"


def _fallen(falls: Falls) -> list[tuple[str, str]]:
    shown = [
        (move.scenario, f"{render.number(move.a)} -> {render.number(move.b)}") for move in falls.fallen[:FALLEN_SHOWN]
    ]
    more = len(falls.fallen) - FALLEN_SHOWN
    return [*shown, *([("", f"and {more} more (--json has them)")] if more > 0 else [])]


# --- for a pull request


def _markdown(found: Gate, baseline: str, *, per_scenario: bool) -> str:
    lines = [f"**{WORDS[found.verdict]}**: {markdown.text(found.why)}"]
    if found.metrics:
        rows = [
            (markdown.code(name), *map(markdown.text, cells)) for name, *cells in map(_row, _in_order(found.metrics))
        ]
        lines += markdown.table(COLUMNS, rows, right=NUMBERS)
    if per_scenario:
        for falls in found.falls:
            pairs = [f"- {markdown.code(name)} {markdown.text(moved)}" for name, moved in _fallen(falls)]
            lines += markdown.details(_fared(falls), pairs)
    lines += [f"- {markdown.text(one)}" for one in _notes(found, per_scenario=per_scenario)]
    if found.runs:
        against = f"{markdown.code(baseline)} ({', '.join(found.baseline)})"
        lines += ["", f"Run {', '.join(found.runs)}, held against {against}."]
    return "\n".join(lines)


# --- for a program


def _document(found: Gate, baseline: str) -> dict[str, Any]:
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
        "falls": [{**falls._asdict(), "fallen": [move._asdict() for move in falls.fallen]} for falls in found.falls],
        "notes": found.notes,
        "look": found.look and found.look._asdict(),
        "raters": found.raters.document(),
    }


def _metric(one: Judged) -> dict[str, Any]:
    diff = one.diff
    return {
        **diff._asdict(),
        "needed": diff.needed and diff.needed._asdict(),
        "moves": [move._asdict() for move in diff.moves],
        "tolerance": one.tolerance,
        "blocks": one.blocks,
        "outcome": one.outcome,
        "why": one.why,
    }


COMMAND = Subcommand(
    gate,
    (
        Option("--baseline", "NAME", "What to hold it against: a baseline's name, or run:RUN."),
        Option("--trials", None, "Judge all trials of the run's repeat together."),
        Option("--sequential", None, "Let all looks at this baseline together keep the level, not each of them."),
        Option(
            "--accept",
            "WHAT",
            f"Take the run's own from now on: {', '.join(WHATS)}.",
            repeatable=True,
            choices=WHATS,
        ),
        Option("--reason", "TEXT", "Why; --accept needs it."),
        Option("--per-scenario", None, "List the scenarios that collapsed."),
        Option("--json", None, "Print the verdict and all it is made from as JSON.", into="as_json"),
        Option("--markdown", None, "Print it for a pull request.", into="as_markdown"),
        Option("--junit", "PATH", "Also write it as JUnit XML, for a CI system.", into="junit_path"),
        STORE,
    ),
    (Argument("run", "run", "A run id, its beginning, latest, latest~2, or a manifest's path.", default="latest"),),
)
