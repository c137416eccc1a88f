"""A repository's settings run no command before its user has said so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import Project

VERSIONS = '[versions]\ncuda = "touch ran; echo 12.4"\n'


@pytest.fixture
def cloned(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Project:
    """A project that somebody else wrote, whose settings run a command."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    project.write("evalprov.toml", VERSIONS)
    return project


def version(project: Project, *options: str, **how: object) -> object:
    """Record a run, which must come off; return the version that was told, or the warning."""
    done = project.run("true", options=options, **how)
    assert done.returncode == 0
    record = project.records()[-1]
    told = record["system"]["cuda_version"]
    return told if told is not None else next(one for one in record["warnings"] if one.startswith("version of cuda"))


def test_nothing_is_run_until_it_is_trusted(cloned: Project) -> None:
    """The run goes on, the version is not known, and the warning says what to do; once trusted it is asked."""
    ran = cloned.path / "ran"
    hint = "evalprov.toml is not trusted to run commands; look at its [versions], then: evalprov trust"
    assert version(cloned) == f"version of cuda is not known: {hint}"
    assert not ran.exists()
    said = cloned.evalprov("trust").stdout.decode()
    assert said == f"{cloned.path}/evalprov.toml is trusted to run:\n  cuda: touch ran; echo 12.4\n"
    assert not ran.exists()
    assert version(cloned) == "12.4"
    assert ran.exists()
    assert "was trusted before" in cloned.evalprov("trust").stdout.decode()


def test_another_command_or_another_place_asks_again(cloned: Project, tmp_path: Path) -> None:
    """Trust is in these commands in this file: an edit of them ends it, an edit of something else does not."""
    cloned.evalprov("trust")
    cloned.write("evalprov.toml", f'scenario = "s"\n{VERSIONS}')
    assert version(cloned) == "12.4"
    cloned.write("evalprov.toml", VERSIONS.replace("12.4", "12.5"))
    assert "not trusted" in str(version(cloned))
    cloned.write("evalprov.toml", VERSIONS)
    shutil.copytree(cloned.path, tmp_path / "copy")
    assert "not trusted" in str(version(Project(tmp_path / "copy")))


def test_ci_trusts_by_a_variable_and_a_person_by_writing_it(cloned: Project) -> None:
    """EVALPROV_TRUST=1 is for where nobody can be asked; what stands on the command line needs no trust."""
    assert version(cloned, env={"EVALPROV_TRUST": "1"}) == "12.4"
    assert "not trusted" in str(version(cloned, env={"EVALPROV_TRUST": "0"}))
    assert version(cloned, "--set", "versions.cuda=echo 11") == "11"


def test_where_there_is_nothing_to_trust_that_is_said(project: Project) -> None:
    """Without settings, and with settings that run nothing, `trust` says so and changes nothing."""
    assert project.evalprov("trust").stdout == b"there are no settings here\n"
    project.write("evalprov.toml", 'scenario = "s"\n')
    assert b"nothing in it runs a command" in project.evalprov("trust").stdout


def test_what_cannot_be_remembered_is_said(cloned: Project, tmp_path: Path) -> None:
    """A state folder that is a file is one clear line with the way out; one that is damaged is read past."""
    state = tmp_path / "state"
    state.write_text("a file")
    done = cloned.evalprov("trust")
    assert done.returncode == 2
    assert b"cannot remember that" in done.stderr
    assert b"EVALPROV_TRUST=1" in done.stderr
    state.unlink()
    (state / "evalprov").mkdir(parents=True)
    (state / "evalprov" / "trusted").write_bytes(b"\xff\xfe\0")
    assert "not trusted" in str(version(cloned))
