"""`evalprov show`: one record, for a person or a program."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.cli.common import RUN, SCENARIO, STORE, load_noted, open_store
from evalprov.cli.options import Option, Subcommand
from evalprov.errors import EvalprovError, UsageError
from evalprov.store import lookup, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.record.manifest import Manifest


def show(  # noqa: PLR0913 - one an option
    *, run: str, as_json: bool, path: bool, log: bool, spec: bool, scenario: Sequence[str], store: str | None
) -> int:
    """Show what exactly was running.

    With --scenario, what was measured in that scenario, its errors, and what the eval said for it: input, expected,
    output, explanation.

    Examples: evalprov show latest; evalprov show latest --scenario case-17
    """
    folder = open_store(store)
    if path:
        render.out(lookup.manifest_path(folder, run))
        return 0
    manifest = load_noted(folder, run)
    if scenario:
        if log or spec:
            raise UsageError("--scenario goes with --json alone")
        _show_scenarios(folder, manifest, scenario, as_json=as_json)
        return 0
    if as_json:
        render.document(manifest, indent=1)
    elif spec:
        from evalprov.record.decision_spec import decision_spec

        render.document(decision_spec(manifest), indent=1)
    elif log:
        _print_logs(folder, manifest)
    else:
        from evalprov.views.show import page

        render.page(page(manifest))
    return 0


def _show_scenarios(folder: str, manifest: Manifest, wanted: Sequence[str], *, as_json: bool) -> None:
    from evalprov.cli.scenarios import found_scenarios
    from evalprov.views.scenarios import document, page

    found, problems = found_scenarios(folder, [manifest], wanted)
    if as_json:
        render.document(document(manifest["run_id"], found, problems), indent=1)
    else:
        render.page(page(manifest["run_id"], found, problems))


def _print_logs(folder: str, manifest: Manifest) -> None:
    """Copy the kept output as it is; a terminal gets its control characters spelled out."""
    names = [s["log"] for s in (manifest["output"]["stdout"], manifest["output"]["stderr"]) if s and s["log"]]
    if not names:
        names = [f"logs/{manifest['run_id']}.{end}" for end in ("out", "err")]
    found = False
    for name, stream in zip(names, (sys.stdout, sys.stderr), strict=False):
        data = read.log(folder, name)
        if data is None:
            continue
        found = True
        render.raw(data, stream)
    if not found:
        raise EvalprovError(
            f"no output of {manifest['run_id']} was kept",
            "it was run with --log off, or its logs were removed",
        )


COMMAND = Subcommand(
    show,
    (
        Option("--json", None, "Print the whole record as JSON.", into="as_json"),
        Option("--path", None, "Print where the record is."),
        Option("--log", None, "Print the kept output: stdout, then stderr on stderr."),
        Option("--decision-spec", None, "Print the run as a TraceLens DecisionSpec, as JSON.", into="spec"),
        SCENARIO,
        STORE,
    ),
    (RUN,),
)
