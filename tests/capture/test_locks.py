"""Hashes of lock files."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest
from collecting import collected, context_of

from evalprov.capture.collector import Absent
from evalprov.capture.software import locks

if TYPE_CHECKING:
    from pathlib import Path


def test_lock_files(tmp_path: Path) -> None:
    """Lock and requirement files at the root and where the command runs are hashed, by path from the root."""
    sub = tmp_path / "sub"
    sub.mkdir()
    names = (
        *(
            "uv.lock",
            "poetry.lock",
            "requirements.txt",
            "requirements-dev.txt",
            "pylock.toml",
            "pylock.gpu.toml",
        ),
        *(
            "environment.yml",
            "package-lock.json",
            "Cargo.lock",
            "go.sum",
            "sub/requirements.txt",
            "sub/pdm.lock",
        ),
    )
    for name in (*names, "sub.lock", "notes.txt", "myrequirements.txt", "requirements.md"):
        (tmp_path / name).write_text(name)
    found = collected(locks.collect, context_of(tmp_path, cwd=sub))
    assert found.facts["software"]["locks"] == {
        name: f"sha256:{hashlib.sha256(name.encode()).hexdigest()}" for name in names
    }
    assert found.warnings == ()


def test_no_lock_file(tmp_path: Path) -> None:
    """Where there is none, that is what is said."""
    with pytest.raises(Absent, match="no lock or requirement file"):
        collected(locks.collect, context_of(tmp_path))


def test_what_is_no_lock_file(tmp_path: Path) -> None:
    """Folders and pipes are passed over unopened; a file that cannot be read or is huge is a warning."""
    (tmp_path / "uv.lock").mkdir()
    os.mkfifo(tmp_path / "requirements.txt")
    (tmp_path / "poetry.lock").symlink_to("nowhere")
    (tmp_path / "pdm.lock").symlink_to(tmp_path / "real")
    (tmp_path / "real").write_text("x")
    with (tmp_path / "go.sum").open("wb") as file:
        file.truncate((64 << 20) + 1)
    found = collected(locks.collect, context_of(tmp_path))
    assert list(found.facts["software"]["locks"]) == ["pdm.lock"]
    assert found.warnings == (
        "lock file go.sum: larger than 64 MiB, not hashed",
        "lock file poetry.lock: No such file or directory",
    )
