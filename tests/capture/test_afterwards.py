"""What is found out once the command has started, seen in the records of real runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from environments import install_files, make_venv, program, site_of

from evalprov.capture.afterwards import Afterwards
from evalprov.capture.collector import Findings, Later
from evalprov.record.form import blank
from evalprov.secrets import Scrubber

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Project


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with one package."""
    venv = make_venv(tmp_path_factory.mktemp("afterwards") / "v")
    install_files(site_of(venv), "planner", "1.0", {"planner.py": "STEPS = 3\n"})
    return venv


def test_a_run_holds_its_software_by_content(project: Project, venv: Path) -> None:
    """However short the command, its installed files and its other variables are in the record, and no two differ."""
    hashes = set()
    for _ in range(3):
        assert project.run(f"{venv}/bin/python", "-c", "pass").returncode == 0
        record = project.records()[-1]
        software = record["software"]
        assert software["packages_content"].startswith("sha256:")
        assert software["env_rest"].startswith("scrypt:")
        assert record["capture"]["software"]["reason"] is None
        hashes.add((software["packages_content"], software["env_rest"]))
    assert len(hashes) == 1


def test_a_manager_that_changes_the_packages(project: Project, venv: Path, tmp_path: Path) -> None:
    """What a manager installs as it starts is what is recorded, with a warning of what was there before."""
    (project.path / "pyproject.toml").write_text("[project]\nname = 'p'\nversion = '1'\n")
    new = f"import sys; sys.path[:0] = {sys.path!r}; from pathlib import Path; from environments import install_files"
    line = f"install_files(Path('{site_of(project.path / '.venv')}'), 'added', '2.0', {{'added.py': ''}})"
    program(
        tmp_path / "bin/uv",
        f'#!/bin/sh\nshift\n[ -e .venv ] || cp -a {venv} .venv\n{sys.executable} -c "{new}; {line}" || exit 9\n'
        'exec .venv/bin/"$@"\n',
    )
    environ = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    subprocess.run(["cp", "-a", venv, project.path / ".venv"], check=True)
    for turn, warned in enumerate((True, False)):
        if turn:
            (project.path / ".venv/ran").write_text("")
            program(tmp_path / "bin/uv", '#!/bin/sh\nshift\nexec .venv/bin/"$@"\n')
        done = project.run("uv", "run", "python", "-c", "pass", env=environ)
        assert done.returncode == 0, done.stderr
        record = project.records()[-1]
        assert record["software"]["packages"] == {"planner": "1.0", "added": "2.0"}
        assert record["software"]["interpreter"]["found_by"] == "uv"
        assert record["software"]["packages_content"]
        assert "looked at again after the run" in record["capture"]["software"]["reason"]
        said = [one for one in record["warnings"] if "added absent -> 2.0" in one]
        assert bool(said) == warned


def test_an_environment_that_is_made_by_the_run(project: Project, venv: Path, tmp_path: Path) -> None:
    """Where there was no environment before, the one that the manager made is recorded."""
    (project.path / "pyproject.toml").write_text("[project]\nname = 'p'\nversion = '1'\n")
    program(tmp_path / "bin/uv", f'#!/bin/sh\nshift\ncp -a {venv} .venv\nexec .venv/bin/"$@"\n')
    environ = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    assert project.run("uv", "run", "python", "-c", "pass", env=environ).returncode == 0
    assert project.records()[-1]["software"]["packages"] == {"planner": "1.0"}


def test_a_guess_stays_a_guess(project: Project, venv: Path) -> None:
    """The environment at hand of a shell command is looked at after the run as well, and never called certain."""
    environ = {"VIRTUAL_ENV": str(venv), "PATH": os.environ["PATH"]}
    assert project.run("sh", "-c", "true", env=environ).returncode == 0
    record = project.records()[-1]
    assert record["software"]["interpreter"]["certain"] is False
    assert record["software"]["packages"] == {"planner": "1.0"}
    assert "whether it starts this Python is not known" in record["capture"]["software"]["reason"]


def test_a_run_that_is_killed_claims_nothing(project: Project, venv: Path) -> None:
    """When evalprov is killed, what it had not read is missing, with a reason for the sources."""
    project.git("init", "-q")
    project.write(".gitignore", "helper.py\n")
    project.write("helper.py", "A = 1\n")
    one = subprocess.Popen(
        [sys.executable, "-m", "evalprov", "run", "--", f"{venv}/bin/python", "-c", "print('up', input())"],
        cwd=project.path,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 30
    while time.monotonic() < until and not (project.records() and project.records()[-1]["capture"]):
        time.sleep(0.05)
    one.send_signal(signal.SIGKILL)
    one.wait()
    assert one.stdin is not None
    one.stdin.close()
    record = project.records()[-1]
    assert record["software"]["packages_content"] is None
    assert record["code"]["beside"] == {}
    assert record["capture"]["beside"]["reason"] == "sources that git does not show were not read to the end"


def finished(*found: Callable[[Callable[[], bool]], Findings], after_end: bool = False) -> dict[str, str | None]:
    """Return the reasons in the record once these were to be found."""
    manifest = blank("20260920T143000Z", "2026-09-20T14:30:00Z")
    afterwards = Afterwards({f"c{number}": Later(find, after_end) for number, find in enumerate(found)})
    manifest["capture"] = {f"c{n}": {"status": "captured", "ms": 0, "reason": None} for n in range(len(found))}
    afterwards.begin(0)
    afterwards.finish(manifest, Scrubber({}))
    return {name: outcome["reason"] for name, outcome in manifest["capture"].items()}


def test_a_look_that_fails_is_a_reason() -> None:
    """Neither a failure in a thread nor one after the end reaches the user; the others are not lost with it."""

    def fails(_: Callable[[], bool]) -> Findings:
        raise PermissionError("no entry")

    for after_end in (False, True):
        reasons = finished(fails, lambda _: Findings({}, reason="fine"), after_end=after_end)
        assert reasons == {"c0": "PermissionError: no entry", "c1": "fine"}


def test_a_look_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a run waits for a bounded time only, and says what is missing."""
    monkeypatch.setattr("evalprov.capture.afterwards.PATIENCE", 0.1)

    def slow(nobody_waits: Callable[[], bool]) -> Findings:
        while not nobody_waits():
            time.sleep(0.01)
        return Findings({})

    began = time.monotonic()
    assert finished(slow) == {"c0": "not looked at to the end"}
    assert time.monotonic() - began < 10
