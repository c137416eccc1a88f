"""A few odd states of the campaign, those that once stopped a run or are of a kind with one."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

CAMPAIGN = Path(__file__).parent / "campaign"
sys.path.insert(0, str(CAMPAIGN))
places = importlib.import_module("places")
states = importlib.import_module("states")
QUICK = {
    "untracked: an empty file",
    "untracked: a link to itself",
    "untracked: a pipe",
    "untracked: an unreadable folder",
    "repository: a corrupt index",
    "repository: .git is a pipe",
    "environment: SIGCHLD ignored",
    "environment: the current folder deleted",
    "environment: few open files",
    "declared: data that is a socket",
    "declared: pipes for all that is looked for",
    "stdin: stdin is a file",
}
ROWS = [row for row in states.rows() if f"{row[0]}: {row[1]}" in QUICK]


@pytest.mark.long
@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]}: {row[1]}" for row in ROWS])
def test_a_run_starts_and_is_recorded_in_any_state(tmp_path: Path, row: places.Row) -> None:
    """The command does what it does without us, and there is one record of it."""
    wrong, _ = places.judged(row, tmp_path / "row")
    assert wrong == []


def test_the_campaign_has_its_rows() -> None:
    """No row has another's name, and those above are among them."""
    names = [f"{row[0]}: {row[1]}" for row in states.rows()]
    assert len(names) == len(set(names)) > 150
    assert set(names) >= QUICK
