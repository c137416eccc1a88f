"""`evalprov audit`: programs that disagree with themselves, and what may be behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov import render
from evalprov.cli.common import STORE, open_store
from evalprov.cli.options import Option, Subcommand
from evalprov.errors import EvalprovError
from evalprov.isolation import here
from evalprov.judge.audit import audit as compared
from evalprov.judge.rules import rules_of
from evalprov.page import Remark
from evalprov.settings import load as settings
from evalprov.store import read
from evalprov.views import audit as view

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest

DISAGREE = 1


def audit(*, as_json: bool, exit_code: bool, store: str | None) -> int:
    """Find programs that disagree with themselves.

    Runs that share a fingerprint are compared, and so are those that share the hash which the eval's own config layer
    gave. Where a metric differs more than its own noise allows, the recorded facts that are not in the fingerprint and
    differ among the runs are named, most suspicious first. The noise is that of the per-scenario values; without them
    it is unknown, and nothing is called a disagreement. A run whose command failed counts if its metrics were read;
    [gate] allow_failed = true takes every one of them, false none.

    In a pipe the columns are separated by tabs. Example: evalprov audit --exit-code
    """
    folder = open_store(store)
    notes: dict[str, None] = {}
    odd: list[str] = []

    def load(run_id: str) -> Manifest | None:
        try:
            manifest = read.load(folder, run_id)
        except EvalprovError as problem:
            notes[problem.message] = None
            return None
        if manifest["run_id"] == run_id:
            return manifest
        notes[f"the record of run {run_id} is gone"] = None
        return None

    allow_failed = rules_of(settings(here()).declared).gate.allow_failed
    found = compared(read.iterate(folder, odd, whole=True), load, allow_failed=allow_failed)
    remarks = [*odd, *notes]
    if as_json:
        render.document({**view.document(found), "store": folder, "notes": remarks})
    else:
        render.page(view.page(found) if render.width() else view.lines_of(found))
        render.page(map(Remark, remarks))
    return DISAGREE if exit_code and any(group.verdict == "disagrees" for group in found.groups) else 0


COMMAND = Subcommand(
    audit,
    (
        Option("--json", None, "Print what was found as JSON.", into="as_json"),
        Option("--exit-code", None, "Exit with 1 when a program disagrees."),
        STORE,
    ),
)
