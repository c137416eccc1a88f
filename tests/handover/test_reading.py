"""What a Python program asks of the recorded runs."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from diffing import put, record

import evalprov
from evalprov.errors import UsageError
from evalprov.handover.reading import ALWAYS, TABLES
from evalprov.record.form import LINE_LIMIT, encode, history_line

# What notebooks rely on; a key may be added, none may go.
PINNED = """
run_id timestamp status exit_code scenario tags note parent_run_id repeat.id repeat.trial duration_seconds
total_tool_calls golden_version git_sha git_dirty git.branch system.python_version system.platform identity.fingerprint
identity.program identity.scenario identity.builder identity.layers.prompts identity.layers.model identity.layers.agent
identity.layers.config identity.layers.code identity.layers.data identity.layers.grader identity.layers.software
identity.layers.infra imported.tool
"""


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of three runs, in whose project we are; the history had no room for the last one's model."""
    runs = tmp_path / "metrics" / "runs"
    runs.mkdir(parents=True)
    lines = []
    for number in range(3):
        large = "x" * LINE_LIMIT if number == 2 else "x"
        edits = (put("metric_summary", {"accuracy": 0.5 + number / 10}), put("model_config/extra", {"note": large}))
        m = record(*edits, run=number)
        (runs / f"{m['run_id']}.json").write_bytes(encode(m))
        lines.append(history_line(m))
    (tmp_path / "metrics" / "eval_history.jsonl").write_bytes(b"".join(lines))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_its_keys_are_a_contract() -> None:
    """Every row has these keys, and these tables may add to them; what is added goes to the end."""
    assert tuple(PINNED.split()) == ALWAYS[: len(PINNED.split())]
    assert TABLES[:5] == ("metric_summary", "model_config", "prompt_versions", "stages", "calls.tokens")


def test_each_run_is_a_flat_row_newest_first(three: Path) -> None:
    """A row has every key, null where nothing is known, and one for each metric and parameter, by key path."""
    rows = list(evalprov.history())
    assert [row["run_id"] for row in rows] == ["20260922T143000Z", "20260921T143000Z", "20260920T143000Z"]
    assert all(set(ALWAYS) <= set(row) for row in rows)
    assert [row["metric_summary.accuracy"] for row in rows] == [0.7, 0.6, 0.5]
    assert (rows[2]["model_config.model"], rows[2]["model_config.extra.note"], rows[2]["imported.tool"]) == (
        "m-1",
        "x",
        None,
    )
    assert not [key for row in rows for key, value in row.items() if isinstance(value, dict)]


def test_what_the_history_had_no_room_for_is_read_from_the_record(three: Path) -> None:
    """A value too large for the history is there all the same."""
    assert next(evalprov.history())["model_config.extra.note"] == "x" * LINE_LIMIT


def test_conditions_and_times(three: Path) -> None:
    """They are those of `evalprov history`; a wrong one is refused at once, before anything is read."""
    assert [row["run_id"] for row in evalprov.history("accuracy>=0.6", since="2026-09-22")] == ["20260922T143000Z"]
    both = evalprov.history(["accuracy>=0.6", "status=completed"], since=datetime(2026, 9, 21, tzinfo=UTC))
    assert len(list(both)) == 2
    with pytest.warns(UserWarning, match="model_config.model is not known of 1 runs"):
        assert len(list(evalprov.history("model_config.model=m-1"))) == 2
    assert list(evalprov.history(store="metrics", since=datetime(2027, 1, 1, tzinfo=UTC))) == []
    with pytest.raises(UsageError):
        evalprov.history("accuracy")
    with pytest.raises(UsageError):
        evalprov.history(since="yesterday")


def test_what_cannot_be_read_is_said(three: Path) -> None:
    """A malformed line of the history is left out with a warning, not in silence."""
    with (three / "metrics" / "eval_history.jsonl").open("ab") as file:
        file.write(b"{}\n")
    with pytest.warns(UserWarning, match="malformed"):
        assert len(list(evalprov.history())) == 3


def test_the_import_stays_small() -> None:
    """`import evalprov` loads nothing of what reads records, and both names are there to be found."""
    code = (
        "import sys; before = set(sys.modules); import evalprov; now = set(sys.modules) - before; "
        "assert now == {'evalprov'}, now; assert {'history', 'load'} <= set(dir(evalprov)); "
        "assert callable(evalprov.history)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
