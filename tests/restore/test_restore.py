"""A run's files, back in a folder of their own and proven; what cannot come back is named; nothing else is written."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bringing import REPORT, called, copied, told
from campaign.repositories import STATES
from campaign.restore import fare, generated, snapshot
from conftest import Project

QUICK = ("dirty", "unborn with files", "line ends", "odd names")


@pytest.mark.parametrize("name", QUICK)
def test_a_state_comes_back(name: str, tmp_path: Path) -> None:
    """File by file as git has it, its id the recorded one, and the repository it came from untouched."""
    found = fare(name, STATES[name], tmp_path / "one")
    assert (found.outcome, found.wrong) == ("equal", []), found.words


@pytest.mark.parametrize("seed", [3])
def test_a_generated_repository_comes_back(seed: int, tmp_path: Path) -> None:
    """With a history, line ends, filters, modes, links and a dirt of its own."""
    found = fare(f"generated {seed}", generated(seed), tmp_path / "one")
    assert (found.outcome, found.wrong) == ("equal", []), found.words


def make(project: Project) -> None:
    """Record a run of a dirty repository with data that git ignores."""
    project.write("eval.py", REPORT)
    project.write(".gitignore", "data/\n*.local.yaml\n/.env\n")
    project.write("evalprov.toml", '[data]\ntickets = "data/tickets.jsonl"\n')
    project.commit_all()
    project.write("data/tickets.jsonl", '{"q": 1}\n')
    project.write("conf.local.yaml", "k: 1\n")
    project.write("eval.py", REPORT + "# changed\n")
    project.write("helper.py", "h = 1\n")
    assert project.run("python3", "eval.py", "--config", "conf.local.yaml").returncode == 0


@pytest.fixture
def dirty(made_once: Callable[..., Project], tmp_path: Path) -> Project:
    """A copy of it."""
    return copied(made_once("dirty", make), tmp_path / "project")


def restored(project: Project, *words: str) -> tuple[int, dict[str, str], str]:
    """Restore the latest run to `back` beside the project; return the exit code, the answer's lines and stderr."""
    code, stdout, stderr = called(project, "restore", "latest", str(project.path.parent / "back"), *words)
    said = told(stdout)
    return (
        code,
        {**said, "missing": "\n".join(line[8:] for line in stdout.splitlines() if line[:8] == "missing\t")},
        stderr,
    )


def test_all_of_a_dirty_run_is_back_and_the_repository_untouched(dirty: Project) -> None:
    """The change, the new file, and by their content what git ignores: data and configuration, as copies."""
    before = snapshot(dirty.path)
    code, said, _ = restored(dirty)
    back = dirty.path.parent / "back"
    assert code == 0, said
    assert said["answer"] == "all of its files are back"
    assert (said["code"][:5], said["config"][:5], said["data"][:5]) == ("equal", "equal", "equal")
    for name in ("eval.py", "helper.py", "conf.local.yaml", "data/tickets.jsonl"):
        assert (back / name).read_bytes() == (dirty.path / name).read_bytes()
    assert (back / "data/tickets.jsonl").stat().st_ino != (dirty.path / "data/tickets.jsonl").stat().st_ino
    assert snapshot(dirty.path) == before


def test_a_run_brought_back_into_the_project_changes_no_later_run(project: Project) -> None:
    """Where no folder is named it lies beside the code: it is none, and no change of the repository."""
    project.write("eval.py", REPORT)
    project.commit_all()
    project.run(sys.executable, "eval.py")
    assert called(project, "restore", "latest")[0] == 0
    [folder] = project.path.glob("restored-*")
    assert folder.joinpath("eval.py").exists()
    project.run(sys.executable, "eval.py")
    before, after = project.records()
    assert after["git_dirty"] is False
    assert after["git"]["untracked"] == []
    assert after["identity"]["fingerprint"] == before["identity"]["fingerprint"]


def test_what_was_restored_can_be_restored_from_anywhere_it_was(dirty: Project) -> None:
    """Months later, on another branch, with other files in place, the same bytes come back."""
    dirty.commit_all()
    dirty.git("checkout", "-q", "--orphan", "other")
    dirty.write("eval.py", "print(2)\n")
    dirty.commit_all()
    code, said, _ = restored(dirty)
    assert code == 0, said
    assert (dirty.path.parent / "back/eval.py").read_text() == REPORT + "# changed\n"


def test_data_that_changed_is_named_and_left_out(dirty: Project) -> None:
    """Other bytes under the old name are not the run's data, nor is another configuration."""
    dirty.write("data/tickets.jsonl", '{"q": 2}\n')
    dirty.write("conf.local.yaml", "k: 2\n")
    code, said, _ = restored(dirty)
    back = dirty.path.parent / "back"
    assert code == 3
    assert not (back / "data/tickets.jsonl").exists()
    assert not (back / "conf.local.yaml").exists()
    assert "conf.local.yaml: what is there now is another, and was left out" in said["missing"]


def test_data_that_was_moved_is_found_by_its_content(dirty: Project) -> None:
    """It has another name today, and comes back under its old one."""
    (dirty.path / "data/v1").mkdir()
    (dirty.path / "data/tickets.jsonl").rename(dirty.path / "data/v1/renamed.jsonl")
    code, said, _ = restored(dirty)
    assert code == 0, said
    assert (dirty.path.parent / "back/data/tickets.jsonl").read_text() == '{"q": 1}\n'


def test_what_was_withheld_is_named_first_and_brought_where_it_still_is(dirty: Project) -> None:
    """A large file that was not kept comes from the work tree while it is the same, and is missing thereafter."""
    dirty.write("model.bin", b"w" * (2 << 20))
    dirty.run("true")
    code, said, err = restored(dirty)
    assert code == 0, said
    assert "not kept: model.bin (larger than 1 MiB)" in err
    assert (dirty.path.parent / "back/model.bin").stat().st_size == 2 << 20
    dirty.write("model.bin", b"v" * (2 << 20))
    shutil.rmtree(dirty.path.parent / "back")
    code, said, _ = restored(dirty)
    assert (code, said["missing"]) == (3, "model.bin: not kept: larger than 1 MiB")


def test_a_project_in_a_folder_of_its_repository(tmp_path: Path) -> None:
    """The settings' folder is the project: its command, data and code are found there again, among others like it."""
    project = Project(tmp_path / "mono")
    for name in ("a", "b"):
        project.write(f"evals/{name}/evalprov.toml", f'scenario = "{name}"\n[data]\nd = "d.txt"\n')
        project.write(f"evals/{name}/d.txt", name)
        project.write(f"evals/{name}/eval.py", REPORT)
    project.commit_all()
    assert project.run("python3", "eval.py", cwd="evals/b").returncode == 0
    store = str(project.path / "evals/b/metrics")
    code, stdout, stderr = called(project, "restore", "latest", str(tmp_path / "back"), "--store", store)
    said = told(stdout)
    assert code == 0, (said, stderr)
    assert said["folder"] == str(tmp_path / "back/evals/b")
    assert said["data"].startswith("equal")
    assert said["command"].startswith(f"cd {tmp_path}/back/evals/b && ")


def test_submodules_and_large_files_come_from_where_they_are(project: Project, tmp_path: Path) -> None:
    """A submodule at the commit it stood at; a file in Git LFS by its hash from the repository's own store."""
    other = Project(tmp_path / "other")
    other.write("lib.py", "one\n")
    other.commit_all()
    large = b"weights" * 1000
    digest = hashlib.sha256(large).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(large)}\n"
    project.write("model.bin", pointer)
    project.write(".gitattributes", "*.bin filter=lfs diff=lfs -text\n")
    project.write("eval.py", REPORT)
    project.commit_all()
    project.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.path), "lib")
    project.git("commit", "-qm", "lib")
    project.run("true")
    code, said, _ = restored(project)
    assert (code, said["missing"].split(":")[0]) == (3, "model.bin")  # whether the run had more than the pointer?
    shutil.rmtree(project.path.parent / "back")
    clean = tmp_path / "clean.py"  # as git-lfs does it
    clean.write_text(
        "import hashlib, sys\ndata = sys.stdin.buffer.read()\n"
        "stands = data if data.startswith(b'version https://git-lfs') else (\n"
        "    'version https://git-lfs.github.com/spec/v1\\noid sha256:%s\\nsize %d\\n'"
        " % (hashlib.sha256(data).hexdigest(), len(data))).encode()\n"
        "sys.stdout.buffer.write(stands)\n"
    )
    project.git("config", "filter.lfs.clean", f"{sys.executable} {clean}")
    project.write("model.bin", large)
    project.write(f".git/lfs/objects/{digest[:2]}/{digest[2:4]}/{digest}", large)
    project.run("true")
    code, said, _ = restored(project)
    back = project.path.parent / "back"
    assert (back / "lib/lib.py").read_text() == "one\n"
    assert (back / "model.bin").read_bytes() == large
    assert code == 0, said


# --- records of others -------------------------------------------------------------------------------------


def altered(project: Project, **git: Any) -> None:
    """Write the run's record anew, as somebody else might."""
    (file,) = (project.path / "metrics/runs").glob("*.json")
    record = json.loads(file.read_text())
    for key, value in git.items():
        record["git"][key] = value
    file.write_text(json.dumps(record))


def saved(project: Project, data: bytes, mode: str = "100644") -> dict[str, Any]:
    """Keep a piece in the store, and return the record's words for it."""
    digest = hashlib.sha256(data).hexdigest()
    project.write(f"metrics/objects/{digest}", data)
    return {"file": f"objects/{digest}", "sha256": digest, "bytes": len(data), "mode": mode, "scrubbed": False}


def test_no_path_of_a_record_leads_out(dirty: Project) -> None:
    """Not upwards, not from the root, not into git's own folder, not through a link that came before."""
    up = saved(dirty, os.fsencode(dirty.path.parent), "120000")
    names = ["../escaped", "/tmp/evalprov-escaped", ".git/hooks/post-checkout", ".GIT/config", "a/../../escaped", ""]
    names += ["up/escaped", ".git./config", "a//b", "x" * 5000, "nul\0l"]
    altered(dirty, saved={"up": up, **{name: saved(dirty, b"bad") for name in names}}, branch="../../escaped")
    code, said, _ = restored(dirty)
    assert code == 3
    assert said["missing"].count("\n") >= len(names) - 1
    back = dirty.path.parent / "back"
    assert not any(path.read_bytes() == b"bad" for path in dirty.path.parent.glob("*") if path.is_file())
    assert not Path("/tmp/evalprov-escaped").exists()
    assert not [path for path in back.rglob("*") if path.is_file() and path.read_bytes() == b"bad"]


def test_nothing_of_a_record_is_started_to_look_at_it(dirty: Project) -> None:
    """Neither what its variables would load, nor what its files would run."""
    ran = dirty.path.parent / "ran"
    script = f"#!/bin/sh\necho ran > {ran}\n".encode()
    altered(dirty, saved={name: saved(dirty, script, "100755") for name in ("bin/python3", ".venv/bin/python", "git")})
    (file,) = (dirty.path / "metrics/runs").glob("*.json")
    record = json.loads(file.read_text())
    hostile = {"GIT_EXTERNAL_DIFF": "./git", "GIT_SSH": "./git", "LD_PRELOAD": "./evil.so", "PYTHONPATH": "."}
    record["software"]["env"] |= hostile
    record["command"]["argv"][0] = ".venv/bin/python"
    file.write_text(json.dumps(record))
    _, _, err = restored(dirty)
    assert not ran.exists()
    assert "evil.so" not in err


def test_a_piece_that_was_tampered_with_is_refused(dirty: Project) -> None:
    """The store's files are named by their content: what is not that content is not put back."""
    for file in (dirty.path / "metrics/patches").iterdir():
        file.write_bytes(file.read_bytes().replace(b"changed", b"chanced"))
    code, _, err = restored(dirty)
    assert code == 125
    assert "is not what it was" in err


def test_a_patch_writes_nothing_outside(dirty: Project) -> None:
    """A patch that names files above, or through a link of its own, is refused by git."""
    patch = b"diff --git a/../escaped b/../escaped\nnew file mode 100644\n--- /dev/null\n"
    patch += b"+++ b/../escaped\n@@ -0,0 +1 @@\n+x\n"
    digest = hashlib.sha256(patch).hexdigest()
    dirty.write(f"metrics/patches/{digest}.patch", patch)
    altered(dirty, patch={**saved(dirty, patch), "file": f"patches/{digest}.patch"})
    code, _, _ = restored(dirty)
    assert code == 125
    assert not (dirty.path.parent / "escaped").exists()


def test_a_folder_with_something_in_it_is_left_alone(dirty: Project) -> None:
    """The folder must be new or empty."""
    back = dirty.path.parent / "back"
    back.mkdir()
    (back / "mine").write_text("x")
    code, _, err = restored(dirty)
    assert (code, os.listdir(back)) == (125, ["mine"])
    assert "is not empty" in err


def test_a_run_outside_a_repository_is_refused_with_the_reason(project: Project) -> None:
    """Nothing of its files was kept."""
    project.run("true")
    code, _, err = restored(project)
    assert code == 125
    assert "no git repository here" in err
    assert not (project.path.parent / "back").exists()


def test_a_commit_that_is_gone_is_refused_with_the_reason(dirty: Project) -> None:
    """The record says which one to fetch."""
    altered(dirty, root=None)
    dirty.git("checkout", "-q", "--orphan", "other")
    dirty.git("commit", "-qam", "other")
    dirty.git("branch", "-D", "main")
    dirty.git("reflog", "expire", "--expire=now", "--all")
    dirty.git("gc", "-q", "--prune=now")
    code, _, err = restored(dirty)
    assert code == 125
    assert "does not have commit" in err
