"""What a diff's first line claims is true: some rows of the table; `make campaign` tries all of them."""

from __future__ import annotations

import pytest

from campaign import truth, uses

QUICK = (
    "a declared prompt",
    "an ignored helper",
    "a module on PYTHONPATH",
    "an editable install",
    "a package patched in place",
    "a README and a hidden variable",
    "a results file that is tracked",
    "a prompt edited while it runs",
    "bash -c: a package",
)


@pytest.mark.long
def test_no_first_line_claims_what_is_not_so() -> None:
    """Nothing is called the only change, or proven equal, where something else changed, seen or unseen."""
    rows = tuple(row for row in truth.TABLE if row.name in QUICK)
    assert len(rows) == len(QUICK)
    found = {one.name: one for one in truth.findings(rows, declared=(True,))}
    for one in found.values():
        assert not one.false_only, one
        assert not one.false_equal, one
        assert not one.false_changed, one
    assert found["a declared prompt"].states["prompts"] == "changed"
    assert found["an editable install"].states["software"] == "changed"
    assert found["a prompt edited while it runs"].states["prompts"] in ("changed", "unknown")


HIDDEN = (
    "a file far away, by cat, behind a prompt",
    "a file far away, by a spawned worker, behind a prompt",
    "names in a folder, behind a prompt",
    "a server on this machine, behind a prompt",
    "a program on PATH, behind a prompt",
    "a README that nobody opens, and a prompt",
)


@pytest.mark.long
@pytest.mark.parametrize("observe", uses.MODES)
def test_nothing_hidden_is_passed_over(observe: str) -> None:
    """Behind a change that is seen, whatever else the eval used is named, or not called equal."""
    rows = tuple(row for row in uses.USES if row.name in HIDDEN)
    assert len(rows) == len(HIDDEN)
    for one in truth.findings(rows, declared=(True,), observe=observe):
        assert one.faults == []
        assert one.moved >= len(one.truth)


def test_the_table_has_the_changes_that_evals_see() -> None:
    """Seven score, each once; of these a third and more by somebody who had not read how runs are observed."""
    names = [row.name for row in (*truth.TABLE, *truth.DECLARED, *uses.USES, *uses.LIMITS)]
    assert len(names) == len(set(names))
    assert len(names) >= 140
    assert len(uses.USES) >= len(names) / 3
