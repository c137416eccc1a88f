"""The quick rows of the campaign; `make campaign` tries all of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from campaign.row import Row
from campaign.run import rows, setting_of_git, survive

ALL = rows()
QUICK = [row for row in ALL if row.quick]


def test_the_table_is_a_campaign() -> None:
    """It has more than a thousand rows, half of them combined, and its quick ones come from every part."""
    assert len(ALL) >= 1_200
    assert sum(row.group == "combined" for row in ALL) >= 500
    assert {row.group.split(",")[0] for row in QUICK} >= {"command", "repository", "surroundings", "store"}


@pytest.mark.long
@pytest.mark.parametrize("row", QUICK, ids=[row.label for row in QUICK])
def test_a_recorded_command_is_the_bare_command_and_a_record(
    row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same bytes, same exit code, same files; one new record that can be read, and says how it ended."""
    if "setpriv" in row.around and not shutil.which("setpriv"):
        pytest.skip("there is no setpriv to give up privileges with")
    for name, value in setting_of_git().items():
        monkeypatch.setenv(name, value)
    assert survive(row, tmp_path / "base") == []
