"""What a diff's first line claims is true: some rows of the table; `make campaign` tries all of them."""

from __future__ import annotations

import pytest

from campaign import truth

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


def test_the_table_has_the_changes_that_evals_see() -> None:
    """Three score and more, each once."""
    names = [row.name for row in (*truth.TABLE, *truth.DECLARED)]
    assert len(names) == len(set(names))
    assert len(names) >= 60
