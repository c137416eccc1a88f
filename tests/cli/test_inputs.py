"""`evalprov inputs`: what a run used by layer, what nobody declared, and the settings that would declare it."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Project

from evalprov.cli.declaring import tables_for, write
from evalprov.errors import EvalprovError
from evalprov.record.form import blank
from evalprov.settings import Settings, load

SHA = "sha256:" + "a" * 64


def make(project: Project) -> None:
    """Record one run that reads what git has, what it ignores, and a variable."""
    project.write("prompts/plan.txt", "Plan.\n")
    project.write("notes.local", "1\n")
    project.write("helper.py", "X = 1\n")
    project.write(".gitignore", "*.local\nhelper.py\nmetrics/\n")
    project.write(
        "main.py",
        "import helper, os\nfor name in ('prompts/plan.txt', 'notes.local'): open(name).read()\nos.environ['KIND']\n",
    )
    project.commit_all()
    done = project.run("python3", "main.py", options=("--observe", "auto"), env={"KIND": "short"})
    assert done.returncode == 0, done.stderr


@pytest.fixture
def seen(made_once: Callable[[str, Callable[[Project], object]], Project]) -> Project:
    """A project with one observed run."""
    return made_once("inputs", make)


def test_a_pipe_gets_a_row_for_each_thing_that_was_used(seen: Project) -> None:
    """Each with the layer that has it; what would declare the rest stands on stderr, away from the rows."""
    done = seen.evalprov("inputs")
    rows = [line.split("\t") for line in done.stdout.decode().splitlines()]
    assert rows[0] == ["kind", "name", "layer", "content"]
    told = {(kind, name): layer for kind, name, layer, _ in rows[1:]}
    assert told["file", "notes.local"] == "-"
    assert told["file", "prompts/plan.txt"] == told["file", "main.py"] == told["file", "helper.py"] == "code"
    assert told["variable", "KIND"] == "-"
    assert told["module", "main"] == "code"
    assert all(len(row) == 4 for row in rows)
    assert b'notes = "notes.local"' in done.stderr


def test_a_person_sees_it_by_layer(seen: Project) -> None:
    """What no layer has is a list of its own."""
    text = seen.on_terminal("inputs", "latest")
    assert "code (3)" in text
    assert "no layer has these files (1)\n    notes.local" in text
    assert "no layer has these variables (1)\n    KIND" in text


def test_show_sums_up_what_was_used(seen: Project) -> None:
    """By layer in a line, and what nobody declared by name."""
    text = seen.evalprov("show").stdout.decode()
    _, _, block = text.partition("\nused\n")
    block = block.partition("\n\n")[0]
    assert "3 code, 1 no layer" in block
    assert "undeclared files      notes.local\n" in block
    assert "undeclared variables  KIND" in block


@pytest.mark.linux("the project's folders are watched")
def test_a_program_gets_one_document(seen: Project) -> None:
    """The settings in it are TOML that names exactly what nobody declared, or as code alone."""
    told = json.loads(seen.evalprov("inputs", "--json").stdout)
    assert told["observed"]
    assert told["note"] is None
    assert told["undeclared"] == {"files": ["notes.local"], "variables": ["KIND"]}
    assert tomllib.loads(told["settings"]) == {
        "prompts": {"plan": "prompts/plan.txt"},
        "data": {"notes": "notes.local"},
        "env": {"record": ["KIND"]},
    }


def test_what_is_written_declares_it(project: Project) -> None:
    """After --write the next run has all of it in a layer, and nothing is left to write."""
    make(project)
    assert project.evalprov("inputs", "--write").returncode == 0
    project.run("python3", "main.py", options=("--observe", "auto"), env={"KIND": "short"})
    again = json.loads(project.evalprov("inputs", "--write", "--json").stdout)
    assert again["undeclared"] == {"files": [], "variables": []}
    assert (again["settings"], again["written"]) == ("", None)
    assert {name: one["layer"] for name, one in again["inputs"].items()} == {
        "main.py": "code",
        "helper.py": "code",
        "notes.local": "data",
        "prompts/plan.txt": "prompts",
    }


def test_a_run_that_was_not_observed_says_so_and_how(project: Project) -> None:
    """It is no error, and what is known of it, its programs, is told."""
    project.run("sleep", "0.3", options=("--observe", "off"))
    done = project.evalprov("inputs")
    assert done.returncode == 0
    assert b"was not observed" in done.stderr
    assert b"evalprov run --observe auto -- COMMAND" in done.stderr
    assert not json.loads(project.evalprov("inputs", "--json").stdout)["observed"]


TABLES: dict[str, dict[str, Any]] = {
    "prompts": {"plan": "p.txt"},
    "data": {"a b": "d.jsonl"},
    "config": {"files": ["c.yaml"]},
}
TABLES_TO_WRITE = [
    ("", []),
    ("# mine\nscenario = 'x'  # so\n", []),
    ("scenario = 'x'", []),
    ("scenario = 'x'\r\n# end\r\n", []),
    ("[prompts]\nother = 'o.txt'  # kept\n\n[log]\nmode = 'off'\n", []),
    ("[prompts.other]\npath = 'o.txt'\n", []),
    ("prompts = { other = 'o.txt' }\n", ["prompts"]),
    ("prompts.other = 'o.txt'\n", []),
    ("[config]\nfiles = ['x.yaml']\n", ["config"]),
    ("[[tools]]\nname = 't'\n", []),
    ("[prompts]\nplan = 'older.txt'\n", ["prompts"]),
]


@pytest.mark.parametrize(("text", "left"), TABLES_TO_WRITE)
def test_what_stands_in_the_settings_is_kept(tmp_path: Path, text: str, left: list[str]) -> None:
    """Every byte of it stays; the file loads and means what it meant and the new; what cannot be added is told."""
    file = tmp_path / "evalprov.toml"
    file.write_bytes(text.encode())
    file.chmod(0o640)
    before = dict(load(str(tmp_path)).declared)
    done = write(TABLES, load(str(tmp_path)))
    after = load(str(tmp_path)).declared
    assert file.read_bytes().startswith(text.encode())
    assert list(done.left) == left
    for name, table in TABLES.items():
        mine = after.get(name, {})
        assert {key: mine[key] for key in before.get(name, {})} == before.get(name, {})
        if name not in left:
            assert {key: mine[key]["path"] if isinstance(mine[key], dict) else mine[key] for key in table} == table
    assert {key: after[key] for key in before.keys() - TABLES.keys()} == {
        key: before[key] for key in before.keys() - TABLES.keys()
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["evalprov.toml"]


def test_settings_in_pyproject_are_not_touched(tmp_path: Path) -> None:
    """There the lines are told, and every byte stays."""
    text = "[tool.evalprov]\nscenario = 'x'\n"
    (tmp_path / "pyproject.toml").write_text(text)
    done = write(TABLES, load(str(tmp_path)))
    assert (done.path, done.left) == (None, TABLES)
    assert (tmp_path / "pyproject.toml").read_text() == text


def test_a_folder_that_may_not_be_written_is_one_clear_line(tmp_path: Path) -> None:
    """Nothing is changed."""
    with pytest.raises(EvalprovError, match="cannot write"):
        write(TABLES, Settings(root=str(tmp_path / "none")))


def test_many_files_of_a_folder_are_declared_as_that_folder(tmp_path: Path) -> None:
    """Also where one of the names is taken; a source file and a file that is gone are in no setting."""
    (tmp_path / "cases").mkdir()
    for number in range(9):
        (tmp_path / "cases" / f"{number}.txt").write_text("1")
    for name in ("far.py", "cases.txt"):
        (tmp_path / name).write_text("1")
    m = blank("20260920T143000Z", "2026-09-20T14:30:00Z")
    names = ["far.py", "gone.txt", "cases.txt", *(f"cases/{number}.txt" for number in range(9))]
    m["observed"]["inputs"] = {name: {"sha256": SHA, "layer": None} for name in names}
    settings = Settings(root=str(tmp_path), declared={"data": {"other": "x"}})
    assert tables_for(m, settings) == {"data": {"cases": "cases.txt", "cases 2": "cases"}}
