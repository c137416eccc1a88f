"""Packages that are used from a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from collecting import context_of, settled
from environments import install_files, make_venv, site_of
from gitrepos import Repo

from evalprov.capture.software import software, trees

if TYPE_CHECKING:
    from evalprov.capture.collector import Findings


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own."""
    return make_venv(tmp_path_factory.mktemp("trees") / "v") / "bin/python"


def library(folder: Path, text: str = "X = 1\n") -> Path:
    """Make a project with sources, and what else lies in one."""
    (folder / "src/lib").mkdir(parents=True)
    (folder / "src/lib/__init__.py").write_text(text)
    (folder / "src/lib/prompt.txt").write_text("Plan.\n")
    (folder / "README.md").write_text("# lib\n")
    (folder / "tests").mkdir()
    (folder / "tests/test_lib.py").write_text("")
    return folder


def look(root: Path, python: Path, **folders: Path) -> Findings:
    """Install the folders' packages as an editable install does, and look."""
    site = site_of(python.parent.parent)
    for old in site.glob("*"):
        if old.is_file():
            old.unlink()
        elif old.name.endswith(".dist-info"):
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
    for name, folder in folders.items():
        url = {"url": folder.as_uri(), "dir_info": {"editable": True}}
        top = folder / "src" if (folder / "src").exists() else folder
        install_files(site, name, "0.1", {f"__editable__.{name}-0.1.pth": f"{top}\n"}, direct_url=url)
    return settled(software.collect, context_of(root, (str(python), "eval.py"), environ={"PATH": os.environ["PATH"]}))


def tree_of(found: Findings, name: str = "lib") -> dict[str, Any]:
    """Return what was found of a package."""
    tree: dict[str, Any] = found.facts["software"]["package_trees"][name]
    return tree


def test_a_library_beside_the_project(tmp_path: Path, python: Path) -> None:
    """Its commit and dirt are told, and an edit of its sources, or of data beside them, is another content."""
    root = tmp_path / "project"
    root.mkdir()
    commit = Repo(library(tmp_path / "lib")).commit()
    clean = tree_of(look(root, python, lib=tmp_path / "lib"))
    assert clean["path"] == "../lib"
    assert clean["commit"] == commit
    assert clean["dirty"] is False
    (tmp_path / "lib/README.md").write_text("# a library\n")
    (tmp_path / "lib/src/lib.egg-info").mkdir()
    (tmp_path / "lib/src/lib.egg-info/PKG-INFO").write_text("Name: lib\n")
    dirty = tree_of(look(root, python, lib=tmp_path / "lib"))
    assert (dirty["dirty"], dirty["sha256"]) == (True, clean["sha256"])
    (tmp_path / "lib/src/lib/prompt.txt").write_text("Think.\n")
    assert tree_of(look(root, python, lib=tmp_path / "lib"))["sha256"] not in {None, clean["sha256"]}


def test_the_same_sources_elsewhere_are_the_same_content(tmp_path: Path, python: Path) -> None:
    """Neither the place of a library nor whether it is a repository counts."""
    found = []
    for home in ("alice", "bob"):
        root = tmp_path / home / "project"
        root.mkdir(parents=True)
        library(tmp_path / home / "lib")
        found.append(look(root, python, lib=tmp_path / home / "lib").facts["software"])
    one, two = found
    assert one["package_trees"]["lib"]["sha256"] == two["package_trees"]["lib"]["sha256"]
    assert one["package_trees"]["lib"]["commit"] is None
    assert one["packages_hash"] == two["packages_hash"]
    assert one["packages_content"] == two["packages_content"]


def test_what_the_projects_own_tree_has(tmp_path: Path, python: Path) -> None:
    """A package in the project's repository is code, and counts there; not so one that git does not have."""
    top = tmp_path / "mono"
    for name in ("evals", "evals/inner", "evals/hidden", "evals/own", "shared"):
        library(top / name)
    (top / ".gitignore").write_text("hidden/\n")
    Repo(top / "evals/own").commit()
    Repo(top).commit()
    root = top / "evals"
    places = {name: top / name for name in ("evals", "evals/inner", "evals/hidden", "evals/own", "shared")}
    found = look(root, python, **{name.replace("/", "_"): place for name, place in places.items()})
    told = {name: one["path"] for name, one in found.facts["software"]["package_trees"].items()}
    held = {name for name, one in found.facts["software"]["package_trees"].items() if one["sha256"]}
    assert told["evals"] == "."
    assert told["evals-inner"] == "inner"
    assert told["shared"] == ":/shared"
    assert held == {"evals-hidden", "evals-own"}
    assert found.reason is None


def test_too_many_sources_are_said(tmp_path: Path, python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that is too large to be read has no hash, and the reason is told."""
    monkeypatch.setattr(trees, "FILES", 1)
    (tmp_path / "project").mkdir()
    found = look(tmp_path / "project", python, lib=library(tmp_path / "lib"))
    assert tree_of(found)["sha256"] is None
    assert "the sources of lib are not known: more than 1 files" in (found.reason or "")


def test_a_folder_that_is_gone(tmp_path: Path, python: Path) -> None:
    """A package whose folder was removed is told without content."""
    (tmp_path / "project").mkdir()
    found = look(tmp_path / "project", python, lib=tmp_path / "nowhere")
    assert tree_of(found) == {"path": "../nowhere", "commit": None, "dirty": None, "sha256": None}
    assert "the sources of lib are not known" in (found.reason or "")


def test_a_finder_of_setuptools(tmp_path: Path, python: Path) -> None:
    """Where a module of the installer finds the package, only what it leads to counts."""
    (tmp_path / "project").mkdir()
    flat = tmp_path / "flat"
    (flat / "flat").mkdir(parents=True)
    (flat / "flat/__init__.py").write_text("A = 1\n")
    (flat / "setup.py").write_text("# not part of it\n")
    look(tmp_path / "project", python)
    site = site_of(python.parent.parent)
    glue = {
        "__editable__.flat-0.1.pth": "import __editable___flat_0_1_finder; __editable___flat_0_1_finder.install()\n",
        "__editable___flat_0_1_finder.py": f"MAPPING = {{'flat': '{flat}/flat'}}\ndef install(): pass\n",
    }
    url = {"url": flat.as_uri(), "dir_info": {"editable": True}}
    install_files(site, "flat", "0.1", glue, direct_url=url)
    context = context_of(tmp_path / "project", (str(python), "eval.py"))
    before = tree_of(settled(software.collect, context), "flat")["sha256"]
    (flat / "setup.py").write_text("# other words\n")
    assert tree_of(settled(software.collect, context), "flat")["sha256"] == before
    (flat / "flat/__init__.py").write_text("A = 2\n")
    assert tree_of(settled(software.collect, context), "flat")["sha256"] != before
