"""`evalprov verify`: the present against a record, and how far that run can come back."""

from __future__ import annotations

from evalprov import render
from evalprov.cli.common import RUN, STORE, open_store
from evalprov.cli.options import Option, Subcommand
from evalprov.cli.restore import pieces
from evalprov.isolation import given_environment, here
from evalprov.restore.verify import verify as verified
from evalprov.settings import load
from evalprov.store import read
from evalprov.views import verify as view


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
        render.document(view.document(found))
    else:
        render.page(view.page(found) if render.width() else view.lines_of(found))
    return found.exit_code


COMMAND = Subcommand(
    verify,
    (
        Option("--deep", None, "Ask the package index, too, whether its packages can still be had."),
        Option("--json", None, "Print all of it as JSON.", into="as_json"),
        STORE,
    ),
    (RUN,),
)
