"""`evalprov diff`: why the score moved, and whether it did."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.cli import texts
from evalprov.cli.common import NEEDED_RUN, SCENARIO, STORE, open_store
from evalprov.cli.comparing import PRESENT, found_difference
from evalprov.cli.options import Argument, Option, Subcommand
from evalprov.errors import UsageError
from evalprov.judge.diff import differs
from evalprov.store import read
from evalprov.views import diff_document, diff_screen
from evalprov.views.diff_words import PARTS

if TYPE_CHECKING:
    from collections.abc import Sequence

DIFFER = 1


def diff(  # noqa: PLR0913 - one argument an option
    *,
    a: str,
    b: str,
    as_json: bool,
    markdown: bool,
    exit_code: bool,
    only: str | None,
    everything: bool,
    trials: bool,
    code: bool,
    prompts: bool,
    scenario: Sequence[str],
    store: str | None,
) -> int:
    """Say why the score moved from A to B, and whether it is real.

    First what moved for real and which layer did it; then the metrics side by side; then what changed, layer by layer.
    Without B, A is compared with the present state: what would differ if it ran now. Nothing is run.

    In a pipe the columns are separated by tabs, and the line `answer` comes first.

    --code and --prompts show the lines that differ instead: coloured on a terminal, in your PAGER; in a pipe a patch
    that `git apply` reads. With --json they stand beside the rest. What looks like a secret is hidden in them.
    With --markdown they are folded away, and all of it fits a comment on GitHub.

    With --scenario, what that scenario measured and said in both, beside each other on a wide terminal, with the words
    that differ marked.

    With --exit-code the exit code is 0 where every metric is the same or within noise, every layer proven equal,
    the same by name or declared by nobody, and both are whole runs of one scenario; else 1, also for what nobody knows.

    Examples: evalprov diff latest~1 latest; evalprov diff baseline:main latest --markdown; evalprov diff latest;
    evalprov diff latest~1 latest --code --prompts
    """
    if as_json and markdown:
        raise UsageError("--json and --markdown cannot be used together")
    if scenario:
        if markdown or exit_code or only or trials or code or prompts:
            raise UsageError("--scenario goes with --json alone", "evalprov diff A B --scenario ID --json")
        _diff_scenarios(open_store(store), (a, b), scenario, as_json=as_json)
        return 0
    found, folder = found_difference(a, b, store, only=only, everything=everything, trials=trials)
    folded = markdown and only != "metrics"
    if wanted := texts.layers(code=code or folded, prompts=prompts or folded, everything=everything):
        found = texts.with_texts(found, folder, wanted)
    if as_json:
        render.document({**diff_document.document(found), "store": folder})
    elif markdown:
        from evalprov.views import diff_markdown

        render.out("\n".join(diff_markdown.lines(found)))
    elif found.texts:
        texts.print_texts(found.texts)
    elif width := render.width():
        render.page(diff_screen.page(found, width))
    else:
        render.table(diff_screen.COLUMNS, diff_screen.rows(found))
    return DIFFER if exit_code and differs(found.diff) else 0


def _diff_scenarios(folder: str, specs: tuple[str, str], wanted: Sequence[str], *, as_json: bool) -> None:
    """Hold single scenarios of two runs against each other."""
    from evalprov.cli.scenarios import found_scenarios
    from evalprov.views import scenarios as views

    if PRESENT in specs:
        raise UsageError("--scenario compares two runs: name both", "evalprov diff A B --scenario ID")
    runs = [read.load(folder, spec) for spec in specs]
    names = runs[0]["run_id"], runs[1]["run_id"]
    found, problems = found_scenarios(folder, runs, wanted)
    if as_json:
        render.document(views.pair_document(names, found, problems))
    elif width := render.width():
        colour = render.wants_colour(sys.stdout)
        render.page(views.pair_page(names, found, problems, width, colour=colour))
    else:
        render.table(views.COLUMNS, views.rows(found))
        for problem in problems:
            render.note(problem)


COMMAND = Subcommand(
    diff,
    (
        Option("--json", None, "Print all of it as JSON.", into="as_json"),
        Option("--markdown", None, "Print it for a pull request or a CI system's summary."),
        Option("--exit-code", None, "Exit with 1 unless it is known that nothing differs."),
        Option("--only", "PART", "Show only metrics, or layers.", choices=PARTS),
        Option("--all", None, "Show what is the same too, and all of it.", into="everything"),
        Option("--trials", None, "Take all trials of a repeated run together, on both sides."),
        *texts.OPTIONS,
        SCENARIO,
        STORE,
    ),
    (
        NEEDED_RUN._replace(name="a", metavar="A"),
        Argument("b", "B", "Another run, or a dot: the present state.", default=PRESENT),
    ),
)
