"""The project's own files are watched by default: which were opened while the command ran, by whatever program."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import Project
from diffing import called

from evalprov.observe import project as watching
from evalprov.observe.project import LeftAlone, ProjectWatch

pytestmark = pytest.mark.linux("the project's folders are watched")


@contextmanager
def watched(folder: Path) -> Iterator[ProjectWatch]:
    """Watch a folder from here on."""
    apart = LeftAlone(frozenset({".git"}), frozenset({"pyvenv.cfg"}), frozenset({str(folder / "metrics")}))
    with ProjectWatch(str(folder), apart) as watch:
        watch.begin()
        yield watch


def seen(folder: Path, script: str) -> tuple[dict[str, tuple[bool, bool, bool]], str | None]:
    """Return what was seen of the files while a script ran, and why that is not all."""
    with watched(folder) as watch:
        done = subprocess.run(["sh", "-ec", script], cwd=folder, capture_output=True, text=True)
        watch.end()
        touched = {os.path.relpath(path, folder): tuple(how) for path, how in watch.touched().items()}
    assert done.returncode == 0, done.stderr
    return touched, watch.reason


READ, WRITTEN, BOTH = (True, False, False), (False, True, False), (True, True, False)
MADE = (False, True, True)
USES: dict[str, tuple[str, dict[str, tuple[bool, bool, bool]]]] = {
    "read": ("cat a.txt sub/b.txt", {"a.txt": READ, "sub/b.txt": READ}),
    "added to": ("echo x >> a.txt", {"a.txt": WRITTEN}),
    "read, then written": ("cat a.txt; echo x >> a.txt", {"a.txt": BOTH}),
    "made, then read": ("echo x > new; cat new", {"new": (True, True, True)}),
    "made under another name": ("echo x > t; mv t new", {"t": MADE, "new": MADE}),
    "by a link to elsewhere": ("cat far.txt", {"far.txt": READ}),
    "in a folder by a link": ("cat there/c.txt", {"there/c.txt": READ}),
    "mapped": (
        f"{sys.executable} -c 'import mmap; f = open(\"a.txt\"); print(mmap.mmap(f.fileno(), 0, prot=1)[:1])'",
        {"a.txt": READ},
    ),
    "started": ("./run.sh", {"run.sh": READ}),
    "looked up alone": ("ls -l a.txt; test -e sub/b.txt", {}),
    "git's, the store's, a package's": ("cat .git/HEAD metrics/x venv/pyvenv.cfg venv/lib/x", {}),
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with files, links out of it, and what is left alone."""
    folder = tmp_path / "here"
    for name in ("a.txt", "sub/b.txt", ".git/HEAD", "metrics/x", "venv/pyvenv.cfg", "venv/lib/x", "../elsewhere/c.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x\n")
    (folder / "far.txt").symlink_to("../elsewhere/c.txt")
    (folder / "there").symlink_to("../elsewhere")
    (folder / "round").symlink_to(".")
    (folder / "nowhere").symlink_to("no")
    (folder / "run.sh").write_text("#!/bin/sh\n:\n")
    (folder / "run.sh").chmod(0o755)
    return folder


@pytest.mark.parametrize(("script", "files"), USES.values(), ids=USES)
def test_how_a_file_was_used(place: Path, script: str, files: dict[str, tuple[bool, bool, bool]]) -> None:
    """Read, written to, or made by the run itself; to ask for its name is no use."""
    found, reason = seen(place, script)
    assert reason is None
    if "far.txt" in files:  # it is told by the folder's name as well, for that is watched, too
        found.pop("there/c.txt", None)
    if "far.txt" not in files:
        found.pop("far.txt", None)
    assert found == files


def test_what_cannot_all_be_seen_says_so(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that moved in, too many folders, too many files: what was seen counts, and there is no claim of all."""
    assert (
        seen(place, "mv ../elsewhere in; cat a.txt")[1] == "a folder was moved into the project while the command ran"
    )
    assert seen(place, "mkdir t; echo x > t/f; mv t u")[1] is None
    monkeypatch.setattr(watching, "FILES", 1)
    found, reason = seen(place, "cat a.txt run.sh")
    assert (found, reason) == ({"a.txt": READ}, "more than 1 files of the project were opened")
    monkeypatch.setattr(watching, "FOLDERS", 1)
    with watched(place) as watch:
        assert watch.folders is None
        assert watch.reason == "the project has too many folders to watch them all: 1 are"


@pytest.mark.long
def test_a_hundred_thousand_opens_are_taken_up(place: Path) -> None:
    """However fast they come: the queue of the kernel is emptied in time, or it is said that it was not."""
    script = f"{sys.executable} -c 'for _ in range(100000): open(\"a.txt\").close()'"
    found, reason = seen(place, script)
    assert found["a.txt"] == READ
    assert reason in (None, "more happened to the project's files than could be taken up")


def test_nothing_stays_behind(place: Path) -> None:
    """No descriptor, no thread that waits, whether the command was started or not."""
    before = len(os.listdir("/proc/self/fd"))
    with ProjectWatch(str(place), LeftAlone(frozenset(), frozenset(), frozenset())):
        pass
    seen(place, "cat a.txt")
    until = time.monotonic() + 60
    while len(os.listdir("/proc/self/fd")) > before and time.monotonic() < until:
        time.sleep(0.01)  # the kernel takes its time to close the last one
    assert len(os.listdir("/proc/self/fd")) == before


def recorded(project: Project) -> dict[str, Any]:
    """Return what the last run was seen to use."""
    found: dict[str, Any] = project.records()[-1]["observed"]
    return found


@pytest.fixture
def shell(project: Project) -> Project:
    """A repository whose eval is a shell script that reads a tracked file, and one that git ignores."""
    project.write(".gitignore", "*.local\nmetrics/\n")
    project.write("w.local", "1\n")
    project.write("eval.sh", 'cat w.local >/dev/null; cat plan.txt >/dev/null; echo "{\\"metrics\\": {\\"ok\\": 1}}"\n')
    for name in ("plan.txt", "README.md"):
        project.write(name, "one\n")
    project.commit_all()
    assert project.run("sh", "eval.sh").returncode == 0
    return project


def test_the_files_of_a_tool_and_of_an_agent_are_the_agents(shell: Project) -> None:
    """They count by what they say, and not a second time as files that nobody declared."""
    shell.write(
        "evalprov.toml", '[[tools]]\nname = "search"\nschema = "w.local"\n[agent]\nname = "a"\ngraph = "plan.txt"\n'
    )
    assert shell.run("sh", "eval.sh").returncode == 0
    told = recorded(shell)["inputs"]
    assert {name: one["layer"] for name, one in told.items()} == {
        "eval.sh": "code",
        "plan.txt": "agent",
        "w.local": "agent",
    }


def test_an_ignored_file_that_a_shell_script_read_is_named(shell: Project) -> None:
    """By content, by default: it is no layer's, and the first line has it where it changed."""
    told = recorded(shell)
    assert told["looked"]["mode"] == "project"
    assert told["looked"]["folders"] == 1
    assert told["looked"]["pythons"] is None
    assert {name: one["layer"] for name, one in told["inputs"].items()} == {
        "eval.sh": "code",
        "plan.txt": "code",
        "w.local": None,
    }
    shell.write("w.local", "2\n")
    assert shell.run("sh", "eval.sh").returncode == 0
    code, out, _ = called(shell, "latest~1", "latest", "--json")
    answer = json.loads(out)["answer"]
    assert (code, answer["levers"]) == (0, ["undeclared inputs"])
    assert "w.local changed" in answer["sentence"]


@pytest.mark.parametrize("mode", ["off", "project"])
def test_a_run_can_do_without(shell: Project, mode: str) -> None:
    """`--observe off` watches nothing; the setting says so as well."""
    shell.write("evalprov.toml", f'[observe]\nmode = "{mode}"\n')
    assert shell.run("sh", "eval.sh").returncode == 0
    looked = recorded(shell)["looked"]
    assert (looked["mode"], looked["folders"]) == (mode, 1 if mode == "project" else None)


@pytest.mark.parametrize(("limit", "most"), [("instances", 0), ("watches", 1)])
def test_where_no_more_can_be_watched_the_run_goes_on(shell: Project, limit: str, most: int) -> None:
    """All that a user may have is taken: the record says so, and nothing is called removed, or the only change."""
    shell.write("sub/plan.txt", "one\n")
    shell.commit_all()
    assert shell.run("sh", "eval.sh").returncode == 0
    words = [sys.executable, "-m", "evalprov", "run", "--quiet", "--", "sh", "eval.sh"]
    limited = f'echo {most} > /proc/sys/user/max_inotify_{limit}; exec "$@"'
    done = subprocess.run(["unshare", "-Ur", "sh", "-ec", limited, "sh", *words], cwd=shell.path, capture_output=True)
    if b"unshare" in done.stderr:
        pytest.skip("no namespace of users is to be had here")
    assert done.returncode == 0, done.stderr
    looked = recorded(shell)["looked"]
    assert (looked["folders"], looked["complete"]) == (None, False)
    assert looked["files"] == (None if most == 0 else 3)
    assert "could not be watched" in looked["reason"]
    code, out, _ = called(shell, "latest~1", "latest", "--json")
    answer = json.loads(out)["answer"]
    assert (code, answer["levers"]) == (0, [])
    assert "only" not in answer["sentence"].replace("by name only", "")


def test_trials_at_once_are_watched_each(project: Project) -> None:
    """What they read is the same; what one of them writes is no input of another."""
    project.write("eval.py", "open('out.json', 'w').write('1')\nprint('{\"metrics\": {\"ok\": 1}}')\n")
    project.write(".gitignore", "metrics/\n")
    project.commit_all()
    done = project.evalprov("run", "--quiet", "--repeat", "4", "--jobs", "4", "--", "python3", "eval.py")
    assert done.returncode == 0, done.stderr
    assert [set(record["observed"]["inputs"]) for record in project.records()] == [{"eval.py"}] * 4


CHANGED = {  # what a command does; whether the tree is looked at again; whether the record tells of something written
    "nothing at all": (":", False, False),
    "reads alone": ("cat README.md plan.txt", False, False),
    "in the store": ("echo x > metrics/mine", False, False),
    "a new file": ("echo x > new.txt", True, True),
    "one more line": ("echo x >> plan.txt", True, True),
    "as it was": ("cp plan.txt ../p; cp ../p plan.txt", True, False),
    "mapped and written": (
        f'{sys.executable} -c \'import mmap; f = open("plan.txt", "r+"); mmap.mmap(f.fileno(), 0)[:1] = b"X"\'',
        *(True, True),
    ),
    "its rights": ("chmod +x plan.txt", True, False),
    "removed": ("rm README.md", True, True),
    "an empty folder": ("mkdir new", True, False),
    "by way of a link": ('ln -s "$PWD" ../round; echo x >> ../round/plan.txt', True, True),
}


@pytest.mark.parametrize(("script", "looks", "tells"), CHANGED.values(), ids=CHANGED)
def test_git_is_asked_again_where_anything_may_have_changed(
    shell: Project, script: str, *, looks: bool, tells: bool
) -> None:
    """The kernel saw that nothing was written to: then there is nothing to look for."""
    git = shutil.which("git")
    shell.write("../bin/git", f'#!/bin/sh\necho "$@" >> "$LOG"\nexec {git} "$@"\n', 0o755)
    log = shell.path.parent / "asked"
    environ = {"PATH": f"{shell.path.parent / 'bin'}:{os.environ['PATH']}", "LOG": str(log)}
    assert shell.run("sh", "-ec", script, env=environ).returncode == 0
    assert ("diff-index" in log.read_text()) is looks
    written = shell.records()[-1]
    assert bool(written["outputs"]["count"] or written["observed"]["edited"]) is tells


def test_what_a_submodule_has_keeps_nothing_else_from_being_known(project: Project, tmp_path: Path) -> None:
    """Git does not say what it ignores where one of the files lies in a submodule: the others are asked for alone."""
    inner = Project(tmp_path / "inner")
    inner.write("part.txt", "one\n")
    inner.commit_all()
    project.write(".gitignore", "metrics/\n*.local\n")
    for name in ("plan.txt", "w.local"):
        project.write(name, "1\n")
    project.write("eval.sh", "cat sub/part.txt plan.txt w.local\n")
    project.commit_all()
    project.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.path), "sub")
    project.commit_all()
    assert project.run("sh", "eval.sh").returncode == 0
    layers = {name: one["layer"] for name, one in recorded(project)["inputs"].items()}
    assert layers == {"eval.sh": "code", "plan.txt": "code", "w.local": None, "sub/part.txt": None}
