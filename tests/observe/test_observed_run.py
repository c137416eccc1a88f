"""A recorded run says what it used: files by content with their layer, modules, variables, programs and hosts."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Project

CANARY = "sk-ant-REDACTED"
SECRET = f"ghp_{'a1B2' * 9}"


@pytest.fixture(autouse=True)
def asked_for(project: Project) -> None:
    """The settings ask for it."""
    project.write("evalprov.toml", '[observe]\nmode = "auto"\n')


def observed(project: Project, *, last: bool = False) -> dict[str, Any]:
    """Return what a record says of what was used."""
    record = project.records()[-1] if last else project.record()
    return dict(record["observed"], used=record["identity"]["used"], unknown=record["identity"]["unknown"])


def test_files_are_told_with_the_layer_that_has_them(project: Project, tmp_path: Path) -> None:
    """What the tree, a prompt or a data set holds is so marked; what git ignores, or lies outside, is nobody's."""
    (tmp_path / "outside.txt").write_text("far")
    for name in ("helper.py", "prompt.txt", "cases.jsonl", "README.md", "cache.bin"):
        project.write(name, f"X = '{name}'\n")
    project.write(".gitignore", "cache.bin\nmetrics/\n")
    project.write(
        "main.py",
        "import helper, os\n"
        "for name in ('prompt.txt', 'cases.jsonl', 'cache.bin', '../outside.txt'): open(name).read()\n"
        "open('out.json', 'w').write('1'); open('out.json').read()\n"
        "os.environ.get('EVAL_KIND'); os.environ.get('NOT_SET')\n",
    )
    project.commit_all()
    options = ("--prompt", "system=prompt.txt", "--data", "cases=cases.jsonl")
    done = project.run("python3", "main.py", options=options, env={"EVAL_KIND": "short"})
    assert done.returncode == 0, done.stderr
    told = observed(project)
    looked = told["looked"]
    assert looked == {"mode": "auto", "folders": 1, "pythons": 1, "files": 6, "complete": True, "reason": None}
    assert {name: one["layer"] for name, one in told["inputs"].items()} == {
        "main.py": "code",
        "helper.py": "code",
        "prompt.txt": "prompts",
        "cases.jsonl": "data",
        "cache.bin": None,
        str(tmp_path / "outside.txt"): None,
    }
    assert told["modules"] == {"helper": "helper.py", "main": "main.py"}
    assert told["environment"]["NOT_SET"] == "unset"
    assert told["environment"]["EVAL_KIND"].startswith("scrypt:")
    assert project.record()["outputs"]["files"].keys() == {"out.json"}


@pytest.mark.parametrize("change", ["cache.bin", "variable", "far/new.txt", "README.md"])
def test_the_hash_of_what_was_used(project: Project, tmp_path: Path, change: str) -> None:
    """It moves with what was read and nobody declared, stays where that was not read, and no fingerprint moves."""
    project.write(".gitignore", "*.bin\n*.md\nmetrics/\n")
    far = tmp_path / "far"
    far.mkdir()
    project.write(
        "main.py", f"import os\nopen('cache.bin').read()\nos.environ.get('EVAL_KIND')\nos.listdir({str(far)!r})\n"
    )
    for name in ("cache.bin", "README.md"):
        project.write(name, "before")
    project.commit_all()
    kind = {"EVAL_KIND": "one"}
    project.run("python3", "main.py", env=kind)
    if change == "variable":
        kind = {"EVAL_KIND": "two"}
    elif change == "far/new.txt":
        (far / "new.txt").touch()
    else:
        project.write(change, "after!")
    project.run("python3", "main.py", env=kind)
    first, second = (one["identity"] for one in project.records())
    assert first["used"] is not None
    assert (first["used"] == second["used"]) == (change == "README.md")
    assert first["fingerprint"] == second["fingerprint"] is not None


def test_nothing_secret_is_kept(project: Project, tmp_path: Path) -> None:
    """No value, word, host or name of a variable, file, folder or module lets one through; no key's file is hashed."""
    project.write(".gitignore", ".env\nmetrics/\n*.pem\n")
    project.write(".env", f"KEY={CANARY}\n")
    project.write("server.pem", CANARY)
    project.write(f"{SECRET}.txt", "1")
    (tmp_path / SECRET).mkdir()
    (tmp_path / SECRET / "far.py").write_text("")
    (tmp_path / f"m_{SECRET}.py").write_text("")
    (tmp_path / f"{CANARY}.sh").write_text(f"echo {CANARY} >&2\n")
    project.write(
        "main.py",
        f"import os, socket, sys\nopen('.env').read(); open('server.pem').read(); open('{SECRET}.txt').read()\n"
        "os.environ['SERVICE_TOKEN']; os.environ.get('PLAIN'); os.environ.get('USER')\n"
        f"import subprocess; os.environ.get('{SECRET}'); os.listdir('{tmp_path}/{SECRET}')\n"
        f"sys.path.insert(0, '{tmp_path}'); __import__('m_{SECRET}')\n"
        f"subprocess.run(['sh', '{tmp_path}/{CANARY}.sh', '--key={CANARY}'], env={{'KEY_OF_IT': '{CANARY}'}})\n"
        f"sys.audit('socket.getaddrinfo', '{SECRET}.example.org', 443, 0, 0, 0)\n"
        f"sys.audit('subprocess.Popen', '/bin/{SECRET}', ['{SECRET}'], None, None)\n",
    )
    environ = {"SERVICE_TOKEN": CANARY, "PLAIN": f"a={SECRET}", "USER": SECRET}
    done = project.run("python3", "main.py", env=environ)
    assert done.returncode == 0, done.stderr
    told = observed(project)
    assert told["inputs"]["server.pem"] == {"sha256": None, "layer": "secret"}
    assert told["environment"]["SERVICE_TOKEN"] == "named"
    stored = project.stored()
    assert CANARY.encode() not in stored
    assert SECRET.encode() not in stored


def test_who_is_not_observed_is_said(project: Project) -> None:
    """A command that is no Python, one whose interpreter looks at no variables, and a switch leave their reason."""
    for words, options in (
        (("sh", "-c", "python3 -c 1"), ()),
        (("python3", "-I", "-c", "1"), ()),
        (("python3", "-c", "1"), ("--observe", "off")),
    ):
        project.run(*words, options=options)
        told = observed(project, last=True)
        assert told["looked"]["pythons"] is None
        assert told["looked"]["reason"]
        assert told["used"] is None
        assert told["unknown"].get("used") == (None if "off" in options else told["looked"]["reason"])


def test_programs_that_are_no_python_leave_a_doubt(project: Project) -> None:
    """What another program read is not known, so not everything is; the program is named."""
    project.run("python3", "-c", "import subprocess; subprocess.run(['cat', '/dev/null'])")
    told = observed(project)
    assert told["looked"]["complete"] is False
    assert "cat" in told["looked"]["reason"]
    assert any(os.path.basename(path) in {"cat", "coreutils", "busybox"} for path in told["programs"])


def test_everything_is_observed_where_that_is_asked_for(project: Project) -> None:
    """With `strict` a Python behind a shell, and one in an environment of its own, are observed as well."""
    project.write("read.txt", "1")
    inner = (
        "import subprocess, sys, os; subprocess.run([sys.executable, '-c', 'open(\"read.txt\")'], env=dict(os.environ))"
    )
    project.write("main.py", inner)
    project.run("sh", "-c", "python3 main.py; exit 3", options=("--observe", "strict"))
    told = observed(project)
    assert told["looked"]["pythons"] == 2
    assert "read.txt" in told["inputs"]
    assert project.record()["exit_code"] == 3


def test_the_python_that_really_ran_is_the_interpreter(project: Project) -> None:
    """Behind a shell the Python that was seen running is looked at for its packages, and is certain."""
    project.run("sh", "-c", f"{sys.executable} -c 'import time; time.sleep(0.4)'; true")
    record = project.record()
    interpreter = record["software"]["interpreter"]
    assert (interpreter["found_by"], interpreter["certain"]) == ("process", True)
    assert interpreter["prefix"] == sys.prefix
    assert "pytest" in record["software"]["packages"]
    assert not record["warnings"]
    ran = {os.path.realpath(sys.executable)} & record["observed"]["programs"].keys()
    assert record["observed"]["programs"][ran.pop()]["count"] == 1


def test_a_program_that_forges_what_was_seen(project: Project) -> None:
    """Whatever a command writes into the file or puts in its place, it is recorded to its end."""
    forged = "import os; place = os.path.dirname(os.environ['EVALPROV_REPORT']) + '/seen'; "
    for code in (
        forged + "open(place, 'ab').write(b'\\nr 1 /etc/shadow\\nr 1 /no/such\\nzzz\\n' + bytes(range(256)) * 1000)",
        forged + "os.unlink(place); os.mkfifo(place)",
        forged + "os.unlink(place); os.mkdir(place)",
    ):
        assert project.python(code).returncode == 0
        record = project.records()[-1]
        assert record["status"] == "completed"
        assert record["observed"]["inputs"].keys() <= {"/etc/shadow"}
        assert record["observed"]["looked"]["complete"] is False
        assert record["observed"]["looked"]["reason"]


def test_the_command_sees_no_variable_more(project: Project) -> None:
    """A Python finds the variables that it would find, and nothing is left behind in the folder for reports."""
    code = "import os, json; print(json.dumps([dict(os.environ), os.environ['EVALPROV_REPORT']]))"
    done = project.python(code)
    inside, report = json.loads(done.stdout)
    assert "PYTHONPATH" not in inside
    assert not os.path.exists(os.path.dirname(report))
