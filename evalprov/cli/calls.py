"""`evalprov calls`: what a run asked of models and what they answered; which calls differ between two runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov import render
from evalprov.cli.common import RUN, STORE, open_store
from evalprov.cli.options import Argument, Option, Subcommand
from evalprov.errors import EvalprovError, UsageError
from evalprov.store import read
from evalprov.store.calls import path_of
from evalprov.views import calls as view
from evalprov.wire.calls import CallReader
from evalprov.wire.comparing import compare
from evalprov.wire.reading import facts_of

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest


def calls(  # noqa: PLR0913 - one argument an option
    *, run: str, other: str | None, differ: bool, every: bool, call: int | None, as_json: bool, store: str | None
) -> int:
    """Say what a run asked of models: how often, which, tokens, cost, times, failures; or how two runs' calls differ.

    With --all every call is a row, with --call N one is shown with what was asked and answered. Calls are kept by
    `evalprov run --record`.

    In a pipe the columns are separated by tabs. Examples: evalprov calls latest; evalprov calls --diff latest~1 latest
    """
    folder = open_store(store)
    if differ != (other is not None):
        raise UsageError("--diff needs two runs: evalprov calls --diff A B")
    m = read.load(folder, run)
    if differ:
        return _compare(folder, m, read.load(folder, other or ""), as_json=as_json)
    if call is not None:
        return _one(path_of(folder, m), call, as_json=as_json)
    if m["calls"]["count"] is None or every:
        return _each(path_of(folder, m), m, as_json=as_json)
    if as_json:
        render.document(view.document(m))
    else:
        render.page(view.page(m) if render.width() else view.lines_of(m))
    return 0


def _each(path: str, m: Manifest, *, as_json: bool) -> int:
    with CallReader(path) as reader:
        found = [(call, facts_of(call)) for call in reader.calls()]
    if as_json:
        render.document(view.rows_document(m, found))
    else:
        render.page(view.rows(found))
    return 0


def _one(path: str, number: int, *, as_json: bool) -> int:
    with CallReader(path) as reader:
        call = next(reader.calls("WHERE number = ?", (number,)), None)
        count = reader.count()
    if call is None:
        raise EvalprovError(f"there is no call {number}", f"the calls are numbered from 1 to {count}")
    facts = facts_of(call)
    if as_json:
        render.document(view.call_document(call, facts))
    else:
        render.page(view.one_call(call, facts))
    return 0


def _compare(folder: str, a: Manifest, b: Manifest, *, as_json: bool) -> int:
    with CallReader(path_of(folder, a)) as one, CallReader(path_of(folder, b)) as two:
        found = list(compare(one, two))
    if as_json:
        render.document(view.compared_document(found, a["run_id"], b["run_id"]))
    else:
        render.page(view.compared(found))
    return 0


COMMAND = Subcommand(
    calls,
    (
        Option("--diff", None, "Compare the calls of two runs.", into="differ"),
        Option("--all", None, "Print every call.", into="every"),
        Option("--call", "N", "Show one call: what was asked, and what was answered.", at_least=1),
        Option("--json", None, "Print it as JSON.", into="as_json"),
        STORE,
    ),
    (
        RUN,
        Argument("other", "OTHER", "Another run, for --diff."),
    ),
)
