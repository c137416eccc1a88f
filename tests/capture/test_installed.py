"""The content of what is installed: the same wheels give the same hash, a patched file another."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from environments import VERSION, install, install_files, make_venv, site_of

from evalprov.capture.software.installed import content_of, sites_of
from evalprov.capture.software.packages import PROBE, Installed, parse
from evalprov.capture.sums import Bounds, NotRead

if TYPE_CHECKING:
    from pathlib import Path

PLANNER = {
    "planner/__init__.py": "STEPS = 3\n",
    "planner/rules.json": '{"depth": 2}\n',
    "planner/x.pyi": "STEPS: int\n",
}
JUDGE = {"judge.py": "def judge(): return 1\n"}


def shaped(folder: Path) -> Path:
    """Make what the look needs of an environment, and return its packages' folder."""
    site = folder / "lib" / f"python{VERSION}" / "site-packages"
    site.mkdir(parents=True)
    return site


def installed_in(*sites: Path, **more: object) -> Installed:
    """Return what a Python with these folders would tell."""
    whole = Installed("3", "cpython", "", "", {}, {}, [], "", [str(site) for site in sites], {}, {})
    for site in sites:
        for entry in os.listdir(site):
            if entry.endswith(".dist-info"):
                whole.entries.setdefault(entry.partition("-")[0], (str(site), entry))
    return whole._replace(**more)  # type: ignore[arg-type]


def content(*sites: Path, files: int = 1000, **more: object) -> str:
    """Return the hash of these folders, without a memory of earlier ones."""
    return content_of(installed_in(*sites, **more), "/nowhere", {}, Bounds(files, 1 << 24, lambda: False))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with two packages."""
    site = shaped(tmp_path / "one")
    install_files(site, "planner", "1.0", PLANNER)
    install_files(site, "judge", "2.0", JUDGE)
    return site


def test_the_same_wheels_elsewhere_are_the_same_content(site: Path, tmp_path: Path) -> None:
    """Another place, order, installer, compiled files and the environment's own files change nothing."""
    other = shaped(tmp_path / "two")
    install_files(other, "judge", "2.0", JUDGE, installer="uv")
    install_files(other, "planner", "1.0", PLANNER, direct_url={"url": "file:///w.whl", "archive_info": {}})
    (other / "planner/__pycache__").mkdir()
    (other / "planner/__pycache__/x.pyc").write_bytes(b"compiled")
    (other / "_virtualenv.py").write_text("# of its maker\n")
    (other / "_virtualenv.pth").write_text("import _virtualenv\n")
    (other / "paths.pth").write_text("/home/somebody/else\n")
    assert content(site) == content(other)


@pytest.mark.parametrize("name", ["planner/__init__.py", "planner/rules.json"])
def test_a_patched_file_shows(site: Path, name: str) -> None:
    """A file edited in place, to the same size and with its old time put back, is other content; undone it is not."""
    before = content(site)
    path = site / name
    text, times = path.read_text(), path.stat()
    path.write_text(text.replace("3", "4").replace("2", "5"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.stat().st_size == times.st_size
    assert content(site) != before
    path.write_text(text)
    assert content(site) == before


def test_what_came_and_went_shows(site: Path) -> None:
    """A file put in, one taken away, and a line that a .pth file runs are other content."""
    seen = {content(site)}
    (site / "planner/plugin.py").write_text("")
    seen.add(content(site))
    (site / "planner/rules.json").unlink()
    seen.add(content(site))
    (site / "start.pth").write_text("import planner.plugin\n")
    seen.add(content(site))
    (site / "loose.py").write_text("")
    seen.add(content(site))
    assert len(seen) == 5


def test_without_a_record_the_files_are_read(tmp_path: Path) -> None:
    """A distribution's own packages, whose installer wrote no hashes, count by their files."""
    site = shaped(tmp_path)
    install(site, "debians", "1.0")
    (site / "debians.py").write_text("A = 1\n")
    (site / "older.egg-info").write_text("Metadata-Version: 1.0\nName: older\nVersion: 1\n")
    before = content(site)
    (site / "debians.py").write_text("A = 2\n")
    assert content(site) != before


def test_too_much_to_read_is_said(site: Path, tmp_path: Path) -> None:
    """Where more files would have to be read than is allowed there is no hash, and the next run goes on from there."""
    for number in range(100):
        (site / f"loose{number}.py").write_text("")
        os.utime(site / f"loose{number}.py", (1, 1))
    with pytest.raises(NotRead, match="and 59 more"):
        content(site, files=40)
    environ = {"HOME": str(tmp_path / "home")}
    wait = Bounds(40, 1 << 20, lambda: False)
    with pytest.raises(NotRead):
        content_of(installed_in(site), "/nowhere", environ, wait)
    assert content(site, files=100)


def test_nobody_waits_any_more(site: Path) -> None:
    """Once nobody waits, nothing more is read."""
    (site / "loose.py").write_text("")
    with pytest.raises(NotRead):
        content_of(installed_in(site), "/nowhere", {}, Bounds(100, 1 << 20, lambda: True))


def test_an_editable_package_leaves_no_path_in_the_hash(site: Path, tmp_path: Path) -> None:
    """The files that only lead to a package's folder differ by machine and do not count."""
    hashes = set()
    for home in ("alice", "bob"):
        other = shaped(tmp_path / home)
        install_files(other, "planner", "1.0", PLANNER)
        glue = {
            "__editable__.lib-1.pth": "import __editable___lib_1_finder\n",
            "__editable___lib_1_finder.py": f"MAPPING = {{'lib': '/home/{home}/lib'}}\n",
        }
        install_files(other, "lib", "1", glue, direct_url={"url": f"file:///home/{home}/lib", "dir_info": {}})
        hashes.add(content(other, folders={"lib": f"/home/{home}/lib"}))
    assert len(hashes) == 1


def test_odd_things_in_the_folder(site: Path) -> None:
    """A link that leads nowhere, a pipe and a circle of folders neither hang nor hide the rest."""
    (site / "gone.py").symlink_to("nowhere")
    os.mkfifo(site / "pipe.py")
    (site / "planner/again").symlink_to(site)
    before = content(site)
    (site / "planner/__init__.py").write_text("STEPS = 9\n")
    assert content(site) != before


def test_which_folders_count(tmp_path: Path) -> None:
    """Installed packages count wherever they lie, but not the project's own folder, whose files are code."""
    venv = make_venv(tmp_path / "project/.venv")
    vendored, outside = tmp_path / "project/vendor", tmp_path / "outside"
    for folder in (vendored, outside):
        install(folder, folder.name, "1.0")
    environ = {"PATH": os.defpath, "PYTHONPATH": f"{vendored}:{outside}"}
    said = subprocess.run([venv / "bin/python", "-c", PROBE, ""], env=environ, capture_output=True, check=True)
    told = parse(said.stdout)
    assert told is not None
    assert sites_of(told, str(tmp_path / "project")) == [str(outside), str(site_of(venv))]
