"""Folders for what may stand neither in the project nor in the store."""

from __future__ import annotations

import stat
from pathlib import Path

from evalprov.private import private_folder, remove_folder


def test_a_private_folder_is_ours_alone_and_outside_the_project(tmp_path: Path) -> None:
    """Nobody else may look into it; where the place for temporary files lies in the project, another is taken."""
    project = tmp_path / "project"
    (project / "tmp").mkdir(parents=True)
    folder = private_folder(str(tmp_path), "test-", outside=str(project))
    other = private_folder(str(project / "tmp"), outside=str(project))
    assert folder is not None
    assert other is not None
    assert Path(folder).parent == tmp_path.resolve()
    assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o700
    assert not Path(other).is_relative_to(project)
    remove_folder(other)


def test_what_is_removed_is_the_folder_and_not_what_its_links_lead_to(tmp_path: Path) -> None:
    """Files, folders and links go; a file outside stays, and a folder that is gone already is no error."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_text("x")
    folder = Path(private_folder(str(tmp_path)) or "")
    (folder / "deep" / "deeper").mkdir(parents=True)
    (folder / "deep" / "file").write_text("x")
    (folder / "to_file").symlink_to(tmp_path / "outside" / "kept")
    (folder / "to_folder").symlink_to(tmp_path / "outside")
    remove_folder(str(folder))
    remove_folder(str(folder))
    remove_folder(None)
    assert not folder.exists()
    assert (tmp_path / "outside" / "kept").read_text() == "x"
