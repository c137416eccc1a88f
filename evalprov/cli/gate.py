"""`evalprov gate`: whether a run may pass, as words and as an exit code."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from evalprov import render
from evalprov.cli.baseline import published, said
from evalprov.cli.common import RUN, STORE, open_store
from evalprov.cli.earlier import look, spreads
from evalprov.cli.options import Option, Subcommand
from evalprov.cli.rules import rules_for
from evalprov.cli.sides import side
from evalprov.errors import EvalprovError, UnreadableError, UsageError
from evalprov.isolation import here
from evalprov.judge.gate import Gate, judge, unreadable
from evalprov.record.baseline import WHATS
from evalprov.settings import load
from evalprov.store import baselines, lookup
from evalprov.store.folder import Folder
from evalprov.views import gate as view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.judge.metric_diff import Side
    from evalprov.record.baseline import What

_RUN = "run:"
_EXAMPLE = "for example: evalprov gate --baseline main"
_ACCEPT = 'for example: evalprov gate --baseline main --accept grader --reason "upgraded, scores agree"'


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
    """Compare a run with a baseline, and say whether it may pass.

    Exit codes: 0 pass; 1 a metric regressed, for real and by more than it may; 2 wrong usage; 3 could not evaluate.
    A metric blocks if it is known which way is better, and if it is neither time nor cost. What you tolerate, and what
    else blocks, is in the settings: [metrics.NAME] and [gate].

    A run with another grader, data set, scenario or golden version is not compared, until you accept it with --accept:
    who accepted it, when and why is written into the baseline's file, which is meant to be committed.

    If twenty unchanged runs are compared with one baseline, at least one of them fires in a third of cases. With
    --sequential, or sequential = true in [gate], each is judged more strictly, so that all together fire as rarely as
    one; what is missed by that is said.

    Examples: evalprov gate --baseline main --junit gate.xml;
    evalprov gate --baseline main --accept grader --reason "the harness was upgraded, scores agree"
    """
    if not baseline:
        raise UsageError("missing --baseline NAME", _EXAMPLE)
    if as_json and as_markdown:
        raise UsageError("--json and --markdown cannot be used together")
    folder = open_store(store)
    if accept or reason:
        _accept(folder, baseline, side(folder, run, trials=trials), accept, reason)
    found = _judged(folder, baseline, run, trials=trials, sequential=sequential)
    if junit_path:
        _write_junit(junit_path, found)
    if as_json:
        render.document(view.document(found, baseline))
    elif as_markdown:
        render.out("\n".join(view.in_markdown(found, baseline, per_scenario=per_scenario)))
    elif width := render.width():
        render.page(view.page(found, width, per_scenario=per_scenario))
    else:
        render.page(view.lines_of(found, per_scenario=per_scenario))
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
        raise UsageError(f"missing {missing}: what is accepted is kept together with why", _ACCEPT)
    name = lookup.baseline_name(_spec(baseline))
    if name is None:
        raise UsageError(f"--accept writes into a baseline, and {baseline} is none", _ACCEPT)
    for what in cast("list[What]", accept):
        new = baselines.accept(folder, name, b.runs, what, said(reason))
        if not new:
            render.note(f"the {what.replace('_', ' ')} is the baseline's, or was accepted before: nothing is written")
        else:
            where = published(folder, name) or f"commit it: {folder}/{baselines.FOLDER}/{name}.json"
            render.note(f"accepted; {where}")


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


COMMAND = Subcommand(
    gate,
    (
        Option("--baseline", "NAME", "What to compare it with: a baseline's name, or run:RUN."),
        Option("--trials", None, "Judge all trials of the run's repeat together."),
        Option("--sequential", None, "Keep false alarms as rare for all runs at this baseline together as for one."),
        Option(
            "--accept",
            "WHAT",
            f"Accept from now on that this is another than the baseline's: {', '.join(WHATS)}.",
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
    (RUN,),
)
