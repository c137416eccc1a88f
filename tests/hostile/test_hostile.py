"""A hostile record gets one clear line, whatever reads it: never a traceback, never a hang, never its own escapes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hostile_records import Ground, complaint, extremes, records, run
from hypothesis import HealthCheck, given, settings


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    """A store of its own, in a folder without settings."""
    monkeypatch.chdir(tmp_path)
    return Ground(tmp_path)


@pytest.mark.long
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=records())
def test_every_reader_survives_a_hostile_record(ground: Ground, data: bytes) -> None:
    """Each command that reads records ends with its own exit codes, in time, and says something."""
    ground.put(data)
    for words in ground.commands():
        assert complaint(words, run(words)) is None, words


@pytest.mark.long
@pytest.mark.parametrize(("kind", "data"), extremes(30_000).items())
def test_the_extremes(ground: Ground, kind: str, data: bytes) -> None:
    """Very many keys, very many scenarios, very deep nesting, nothing at all, and what is yet to come."""
    ground.put(data)
    for words in ground.commands():
        assert complaint(words, run(words)) is None, (kind, words)
