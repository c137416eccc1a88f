"""The text differences of two runs: from commits and from what dirty runs kept, layer by layer, and what has none."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from bringing import called
from conftest import Project

from evalprov.restore import trees

REPORT = "print('{\"accuracy\": 0.5}')\n"
DECLARED = '[prompts]\nplan = "prompts/plan.txt"\n[config]\nfiles = ["conf.yaml"]\n[data]\ngold = "gold.jsonl"\n'
TOKEN = "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"


def record(project: Project) -> None:
    """Record a run."""
    assert project.run("python3", "eval.py").returncode == 0


def found(project: Project, *words: str) -> dict[str, Any]:
    """Return what the last two runs had differently, of all layers."""
    sides = words or ("latest~1", "latest")
    code, out, err = called(project, "diff", *sides, "--code", "--prompts", "--all", "--json")
    assert code == 0, err
    return json.loads(out)["text_edits"]


def lines(edit: dict[str, Any]) -> list[str]:
    """Return the lines of an edit that came or went."""
    return [f"{mark}{text}" for hunk in edit["hunks"] for mark, text in hunk["lines"] if mark != " "]


def by_path(edits: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return edits by path."""
    return {edit["path"]: edit for edit in edits["edits"]}


def patch(project: Project, *words: str) -> tuple[bytes, str]:
    """Return the patch that a pipe is given, and what is said beside it."""
    done = project.evalprov("diff", *words, "--code", "--prompts", "--all")
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr.decode()


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A repository of files of every kind; a clean run, one of a dirty tree, one of the same content committed."""
    project = Project(tmp_path_factory.mktemp("odd") / "project")
    project.write("evalprov.toml", DECLARED)
    project.write("eval.py", REPORT + "# a\n")
    project.write("prompts/plan.txt", "Be brief.\nstay\n")
    project.write("conf.yaml", "temperature: 0.0\n")
    project.write("gold.jsonl", '{"q": 1}\n')
    project.write("crlf.txt", b"one\r\ntwo\r\n")
    project.write("latin.txt", b"caf\xe9\nx")
    project.write("bin.dat", b"\0\1")
    project.write("old name.py", "".join(f"line {n}\n" for n in range(30)))
    project.write("gone.py", "gone\n")
    project.write("run.sh", "true\n")
    project.write("large.txt", "x\n" * (trees.SIZE_LIMIT // 2 + 1))
    project.commit_all()
    record(project)
    project.write("eval.py", REPORT + "# b\n")
    project.write("prompts/plan.txt", "Be VERY brief.\nstay\n")
    project.write("conf.yaml", "temperature: 0.7\n")
    project.write("gold.jsonl", '{"q": 2}\n')
    project.write("crlf.txt", b"one\r\n2\r\n")
    project.write("latin.txt", b"caf\xe9\ny\xff")
    project.write("bin.dat", b"\0\2")
    (project.path / "old name.py").rename(project.path / "n\u00e9w name.py")
    (project.path / "gone.py").unlink()
    (project.path / "run.sh").chmod(0o755)
    (project.path / "link").symlink_to("eval.py")
    project.write("large.txt", "y\n" * (trees.SIZE_LIMIT // 2 + 1))
    project.write("a\tb.txt", "tab\n")
    record(project)
    project.commit_all()
    record(project)
    return project


def test_each_file_is_told_with_its_layer_and_its_lines(odd: Project) -> None:
    """Of text the lines, CRLF and stray bytes kept; of a binary and a large file the reason; of a rename both names."""
    edits = found(odd, "latest~2", "latest~1")
    assert edits["problem"] is None
    told = by_path(edits)
    layers = {path: edit["layer"] for path, edit in told.items() if edit["layer"] != "code"}
    assert layers == {"prompts/plan.txt": "prompts", "conf.yaml": "config", "gold.jsonl": "data"}
    assert lines(told["prompts/plan.txt"]) == ["-Be brief.", "+Be VERY brief."]
    assert lines(told["crlf.txt"]) == ["-two\r", "+2\r"]
    assert lines(told["latin.txt"])[-2:] == ["+y\udcff", "\\ No newline at end of file"]
    assert (told["bin.dat"]["reason"], told["bin.dat"]["hunks"]) == ("binary", [])
    assert told["large.txt"]["reason"] == "larger than 1 MiB"
    renamed = told["n\u00e9w name.py"]
    assert (renamed["how"], renamed["was"], renamed["hunks"]) == ("renamed", "old name.py", [])
    assert (told["gone.py"]["how"], told["gone.py"]["modes"]) == ("removed", ["100644", None])
    assert told["run.sh"]["modes"] == ["100644", "100755"]
    assert lines(told["link"]) == ["+eval.py", "\\ No newline at end of file"]
    assert not {path for path in told if path.startswith("metrics") or path == "evalprov.toml"}


@pytest.mark.long
def test_what_was_kept_reads_as_what_was_committed(odd: Project) -> None:
    """A dirty run and the same content committed have the same text, and are told alike against a third."""
    assert found(odd, "latest~1", "latest")["edits"] == []
    assert found(odd, "latest~2", "latest~1")["edits"] == found(odd, "latest~2", "latest")["edits"]
    back = by_path(found(odd, "latest", "latest~2"))
    assert lines(back["prompts/plan.txt"]) == ["-Be VERY brief.", "+Be brief."]


def test_a_pipe_gets_a_patch_that_git_applies(odd: Project, tmp_path: Path) -> None:
    """Applied to the first commit it gives the second one, but for the files that it names beside itself."""
    told, beside = patch(odd, "latest~2", "latest~1")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", odd.path, clone], check=True)
    subprocess.run(["git", "checkout", "-q", "HEAD~1"], cwd=clone, check=True)
    subprocess.run(["git", "apply", "--index", "-"], cwd=clone, check=True, input=told)
    left = subprocess.run(["git", "diff", "--cached", "--name-only", "main"], cwd=clone, capture_output=True, text=True)
    assert left.stdout.split() == ["bin.dat", "large.txt"]
    assert "no text of bin.dat: binary" in beside
    assert "no text of large.txt: larger than 1 MiB" in beside


def test_one_part_alone_says_what_else_differs(odd: Project) -> None:
    """--prompts has prompts and configs; in which other layers files differ is said with what shows them."""
    done = odd.evalprov("diff", "latest~2", "latest", "--prompts")
    assert done.returncode == 0
    assert b"b/prompts/plan.txt" in done.stdout
    assert b"b/conf.yaml" in done.stdout
    assert b"eval.py" not in done.stdout
    assert "1 file of data, 11 files of code differ, too: --all, --code" in done.stderr.decode()


def test_a_person_reads_it_in_colour_and_in_the_pager(odd: Project) -> None:
    """On a terminal the user's pager is given the lines in colour; without one they are printed."""
    words = ("diff", "latest~2", "latest", "--prompts")
    shown = odd.on_terminal(*words, env={"PAGER": "sed s/^/paged:/"})
    assert "paged:\x1b[1mprompts: prompts/plan.txt  changed (+1 -1)\x1b[0m" in shown
    assert "paged:\x1b[32m+Be VERY brief.\x1b[0m" in shown
    assert "\x1b[31m-Be brief.\x1b[0m" in odd.on_terminal(*words, env={"PAGER": "/nowhere/pager 2>/dev/null"})


def test_the_present_state_is_told_too(odd: Project, tmp_path: Path) -> None:
    """What would run now, not committed, new and gone, is held against a run; the repository stays as it was."""
    project = Project(tmp_path / "copy")
    shutil.copytree(odd.path, project.path, symlinks=True, dirs_exist_ok=True)
    project.write("prompts/plan.txt", "Be VERY brief.\nnow\n")
    project.write("fresh.py", "fresh\n")
    (project.path / "crlf.txt").unlink()
    before = sorted(project.path.glob(".git/**/*"))
    index = (project.path / ".git/index").read_bytes()
    told = by_path(found(project, "latest", "."))
    assert {path: edit["how"] for path, edit in told.items()} == {
        "prompts/plan.txt": "changed",
        "crlf.txt": "removed",
        "fresh.py": "added",
    }
    assert lines(told["prompts/plan.txt"]) == ["-stay", "+now"]
    assert sorted(project.path.glob(".git/**/*")) == before
    assert (project.path / ".git/index").read_bytes() == index


def test_a_commit_that_is_not_here_is_a_reason(odd: Project, tmp_path: Path) -> None:
    """In a clone without the older commit the files that records tell apart are named, and why no text is."""
    project = Project(tmp_path / "shallow")
    url = f"file://{odd.path}"
    subprocess.run(["git", "clone", "-q", "--depth=1", url, project.path], check=True, capture_output=True)
    shutil.copytree(odd.path / "metrics", project.path / "metrics")
    for record_ in (project.path / "metrics/runs").iterdir():
        record_.write_text(record_.read_text().replace(str(odd.path), "/nowhere"))
    edits = found(project, "latest~2", "latest")
    assert "is not in the repository here" in edits["problem"]
    told = {edit["path"]: edit["reason"] for edit in edits["edits"]}
    assert told.keys() == {"prompts/plan.txt", "conf.yaml", "gold.jsonl"}
    assert set(told.values()) == {edits["problem"]}


def test_a_store_elsewhere_has_its_own_repository(odd: Project, tmp_path: Path) -> None:
    """Asked for from another folder, even one above it, the files are those of the repository that the store is in."""
    store = str(odd.path / "metrics")
    done = odd.evalprov("diff", "latest~2", "latest", "--prompts", "--store", store, cwd=odd.path.parent)
    assert b"+++ b/prompts/plan.txt" in done.stdout


def test_without_git_it_is_said(odd: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where git is not installed what the records tell apart is named, with that reason."""
    monkeypatch.setenv("PATH", str(tmp_path))
    edits = found(odd, "latest~2", "latest")
    assert edits["problem"] == "git is not installed here"
    assert {edit["path"] for edit in edits["edits"]} == {"prompts/plan.txt", "conf.yaml", "gold.jsonl"}


def test_a_git_that_hangs_is_a_reason(odd: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What git does not answer in time is not waited for, and the rest of the comparison stands."""
    slow = tmp_path / "git"
    slow.write_text(f'#!/bin/sh\ncase "$*" in *read-tree*) sleep 60;; esac\nexec {shutil.which("git")} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(trees, "PATIENCE", 0.3)
    edits = found(odd, "latest~2", "latest")
    assert edits["problem"] == "git read-tree: no answer within 0.3 s"


def test_what_was_not_kept_has_no_text(project: Project) -> None:
    """A prompt that git ignores, and a kept piece that is gone or was altered, are named with the reason."""
    project.write("evalprov.toml", DECLARED)
    project.write(".gitignore", "prompts\n")
    project.write("eval.py", REPORT)
    for name in ("prompts/plan.txt", "conf.yaml", "gold.jsonl"):
        project.write(name, "1\n")
    project.commit_all()
    record(project)
    project.write("prompts/plan.txt", "2\n")
    project.write("eval.py", REPORT + "# 2\n")
    project.write("new.py", "new\n")
    record(project)
    told = by_path(found(project))
    assert told["prompts/plan.txt"]["reason"] == "not kept: git does not have it"
    assert lines(told["eval.py"]) == ["+# 2"]
    [saved] = (project.path / "metrics/objects").iterdir()
    saved.chmod(0o644)
    saved.write_text("another\n")
    [kept] = (project.path / "metrics/patches").iterdir()
    kept.unlink()
    told = by_path(found(project))
    assert "is not what it was" in told["new.py"]["reason"]
    assert "is gone" in told["eval.py"]["reason"]
    assert told["eval.py"]["how"] == "unknown"


def test_a_secret_of_a_commit_is_not_carried_along(project: Project) -> None:
    """A token that somebody committed is hidden on every way out, and a file of secrets has no text."""
    project.write("eval.py", REPORT)
    project.commit_all()
    record(project)
    project.write("eval.py", REPORT + f'TOKEN = "{TOKEN}"\n')
    project.write("server.pem", "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n")
    project.commit_all()
    record(project)
    told = by_path(found(project))
    assert lines(told["eval.py"]) == ['+TOKEN = "[secret]"']
    assert told["server.pem"]["reason"] == "its name says that it holds secrets"
    assert TOKEN.encode() not in patch(project, "latest~1", "latest")[0]


def test_a_project_below_the_top_has_its_layers(project: Project) -> None:
    """Where the settings lie in a folder of the repository its declared files are known as such; others are code."""
    inside = Project(project.path / "evals")
    inside.write("evalprov.toml", DECLARED)
    for name in ("prompts/plan.txt", "conf.yaml", "gold.jsonl"):
        inside.write(name, "1\n")
    inside.write("eval.py", REPORT)
    project.write("lib.py", "1\n")
    project.commit_all()
    record(inside)
    inside.write("prompts/plan.txt", "2\n")
    project.write("lib.py", "2\n")
    record(inside)
    told = {edit["path"]: edit["layer"] for edit in found(inside)["edits"]}
    assert told == {"evals/prompts/plan.txt": "prompts", "lib.py": "code"}
    _, out, _ = called(inside, "diff", "latest~1", "latest", "--json")
    assert [file["path"] for file in json.loads(out)["files"]] == ["lib.py"]


@pytest.mark.long
def test_a_submodule_is_told_by_its_commits(project: Project, tmp_path: Path) -> None:
    """A submodule that stands at another commit is named with both; its files are another repository's."""
    library = Project(tmp_path / "library")
    library.write("lib.py", "1\n")
    first = library.commit_all()
    library.write("lib.py", "2\n")
    second = library.commit_all()
    project.write("eval.py", REPORT)
    project.git("init", "-q", "-b", "main")
    project.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.path), "lib")
    project.commit_all()
    record(project)
    subprocess.run(["git", "checkout", "-q", first], cwd=project.path / "lib", check=True)
    record(project)
    [edit] = found(project)["edits"]
    assert (edit["path"], edit["reason"]) == ("lib", f"a submodule: {second[:12]} -> {first[:12]}")
