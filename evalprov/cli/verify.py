"""`evalprov verify`: the present against a record, and how far that run can come back."""

from __future__ import annotations

import sys
from typing import Any

from evalprov import render
from evalprov.cli.common import STORE, open_store
from evalprov.cli.options import Argument, Option, Subcommand
from evalprov.cli.restore import pieces
from evalprov.isolation import given_environment, here
from evalprov.page import rest
from evalprov.restore.verify import RUNGS, Verified, told
from evalprov.restore.verify import verify as verified
from evalprov.settings import load
from evalprov.store import read
from evalprov.views import diff_words

COLUMNS = ("layer", "now", "comes back", "how")
SHOWN = 20  # facts, for a person
WIDE = 60  # letters of what a fact is
_NOW = {
    "equal": "proven equal",
    "named": "same by name",
    "unknown": "not known",
    "changed": "changed",
    "undeclared": "not declared",
}


def verify(*, run: str, deep: bool, as_json: bool, store: str | None) -> int:
    """Compare the present state with a record, and say how far that run can come back.

    Of each layer: whether it is now as it was then, and whether restore can bring it back: full, partial or none, and
    why. Nothing is run, and nothing is changed.

    Exit codes: 0 the same, and it can be brought back; 1 something differs; 3 not all of it is known, or can come back.

    Example: evalprov verify latest~3 --deep
    """
    folder = open_store(store)
    m = read.load(folder, run)
    found = verified(
        m, pieces(folder, run), load(here()).root, given_environment(), deep=deep, progress=render.hashing()
    )
    if as_json:
        render.document(document(found))
    else:
        _show(found)
    return found.exit_code


def document(found: Verified) -> dict[str, Any]:
    """Return it for a program."""
    return {
        "version": 1,
        "run_id": found.run_id,
        "answer": found.answer,
        "exit_code": found.exit_code,
        "rung": found.rung,
        "layers": {
            name: {**layer._asdict(), "back": found.back[name].way, "how": found.back[name].why}
            for name, layer in found.diff.layers.items()
        },
        "changes": [change._asdict() for change in found.diff.changes],
    }


def _show(found: Verified) -> None:
    rows = [(name, _NOW[state], way, why) for name, state, way, why in told(found)]
    changed = [(f"{one.layer}: {diff_words.name(one)}", diff_words.value(one, WIDE)) for one in found.diff.changes]
    if sys.stdout.isatty():
        render.out(render.neutral(f"{found.run_id}: {found.answer}"))
        render.table(COLUMNS, rows)
        render.out(f"{found.rung}: {RUNGS[found.rung]}")
        render.facts("what differs", [*changed[:SHOWN], *rest(len(changed) - SHOWN, "--json has them")])
        return
    render.out(f"answer\t{render.neutral(found.answer)}\nrung\t{found.rung}\t{RUNGS[found.rung]}")
    render.table(COLUMNS, rows)
    for name, step in changed:
        render.out(f"differs\t{render.neutral(name)}\t{render.neutral(step)}")


COMMAND = Subcommand(
    verify,
    (
        Option("--deep", None, "Ask the package index, too, whether its packages can still be had."),
        Option("--json", None, "Print all of it as JSON.", into="as_json"),
        STORE,
    ),
    (Argument("run", "RUN", "A run: an id, its beginning, latest~1, baseline:NAME, a path.", default="latest"),),
)
