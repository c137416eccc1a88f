"""The software a command runs on."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from collecting import collected, context_of
from environments import install, make_venv, program, site_of, told_by_python

import evalprov
from evalprov.capture.software import software

if TYPE_CHECKING:
    from evalprov.capture.collector import Findings


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that is not the one evalprov lives in."""
    venv = make_venv(tmp_path_factory.mktemp("software") / "v")
    install(site_of(venv), "eval-kit", "3.2.1")
    install(site_of(venv), "by-path", "1", direct_url={"url": "file:///src", "dir_info": {"editable": True}})
    program(venv / "bin/evaluate", f"#!{venv}/bin/python\nprint(1)\n")
    return venv


def hash_of(path: Path | str) -> str:
    """Return a file's hash as the record has it."""
    return f"sha256:{hashlib.sha256(Path(path).read_bytes()).hexdigest()}"


def look(root: Path, *argv: str, **how: Any) -> Findings:
    """Run the collector for a command."""
    return collected(software.collect, context_of(root, argv, **how))


def test_the_childs_packages_and_not_ours(tmp_path: Path, venv: Path) -> None:
    """The packages are those of the command's own Python, by its name, a first line, or the environment."""
    path = f"{venv}/bin:{os.defpath}"
    for argv, found_by, certain in (
        ((f"{venv}/bin/python", "eval.py"), "command", True),
        (("env", "A=1", "python", "-c", "pass"), "command", True),
        (("evaluate", "--n", "5"), "shebang", True),
        (("bash", "run.sh"), "VIRTUAL_ENV", False),
    ):
        found = look(tmp_path, *argv, environ={"PATH": path, "VIRTUAL_ENV": str(venv)})
        facts = found.facts["software"]
        assert facts["packages"] == told_by_python(venv / "bin/python") == {"eval-kit": "3.2.1", "by-path": "1"}
        assert facts["interpreter"] == {
            "path": f"{venv}/bin/python",
            "prefix": str(venv),
            "implementation": sys.implementation.name,
            "found_by": found_by,
            "certain": certain,
        }
        assert facts["package_sources"] == {"by-path": "file:///src (editable)"}
        assert facts["packages_hash"].startswith("sha256:")
        assert found.facts["system"]["python_version"] == sys.version.split()[0]
        assert (found.reason is None) == certain
        assert found.warnings == ()


def test_the_environment_of_the_command_counts(tmp_path: Path, venv: Path) -> None:
    """Packages that the command's own PYTHONPATH brings are there, unless its Python is told to ignore it."""
    install(tmp_path / "more", "added", "1.0")
    python = f"{venv}/bin/python"
    environ = {"PATH": os.defpath, "PYTHONPATH": str(tmp_path / "more")}
    assert "added" in look(tmp_path, python, "x.py", environ=environ).facts["software"]["packages"]
    assert "added" not in look(tmp_path, python, "-I", "x.py", environ=environ).facts["software"]["packages"]
    assert "added" not in look(tmp_path, "env", "-i", python, "x.py", environ=environ).facts["software"]["packages"]
    (tmp_path / "sub").mkdir()
    environ["PYTHONPATH"] = "../more"
    found = look(tmp_path, python, "x.py", environ=environ, cwd=tmp_path / "sub")
    assert "added" in found.facts["software"]["packages"]


def test_a_command_that_is_no_python(tmp_path: Path) -> None:
    """For a program that is no Python nothing is asked; its file is hashed, and the reason is recorded."""
    steps = software.collect(context_of(tmp_path, ("/bin/true",)))
    with pytest.raises(StopIteration) as stop:
        next(steps)
    found = stop.value.value
    uname = os.uname()
    assert found.facts == {
        "system": {
            "platform": f"{uname.sysname} {uname.release} {uname.machine}",
            "evalprov_version": evalprov.__version__,
        },
        "software": {
            "executable": {"path": os.path.realpath("/bin/true"), "sha256": hash_of("/bin/true"), "version": None}
        },
    }
    assert found.reason == "true is not a Python program, and whether it starts one is not known"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("#!/bin/sh\nexit 1\n", "exit 1: no answer"),
        ("#!/bin/sh\necho broken libpython >&2; exit 127\n", "exit 127: broken libpython"),
        ("#!/bin/sh\nexit 0\n", "exit 0: no answer"),
        ("#!/bin/sh\nkill -9 $$\n", "exit -9"),
        ("no program at all\n", "exit 127"),
        ("#!/no/such/interpreter\n", "not found"),
    ],
)
def test_a_broken_interpreter(tmp_path: Path, text: str, words: str) -> None:
    """An interpreter that does not answer leaves the packages unknown, with its own words."""
    program(tmp_path / "bin/python", text)
    found = look(tmp_path, "bin/python", "x.py")
    assert "software" not in found.facts
    assert "python_version" not in found.facts["system"]
    assert words in (found.reason or "")
    assert "found by command" in (found.reason or "")


def test_an_interpreter_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter that never answers is ended with all it started, and is a reason."""
    monkeypatch.setattr(software, "TIMEOUT", 0.3)
    program(tmp_path / "bin/python", "#!/bin/sh\nsleep 60 &\nsleep 60\n")
    found = look(tmp_path, "bin/python", "x.py")
    assert "no answer within 0.3 s" in (found.reason or "")


def test_the_probe_leaves_nothing_behind(tmp_path: Path, venv: Path) -> None:
    """Asking an interpreter writes no compiled files anywhere near the program."""
    (tmp_path / "sitecustomize.py").write_text("import helper_module\n")
    (tmp_path / "helper_module.py").write_text("")
    environ = {"PATH": os.defpath, "PYTHONPATH": str(tmp_path)}
    assert look(tmp_path, f"{venv}/bin/python", "x.py", environ=environ).facts["software"]["packages"]
    assert sorted(os.listdir(tmp_path)) == ["helper_module.py", "sitecustomize.py"]


def test_tool_versions(tmp_path: Path) -> None:
    """A declared tool's version is the first line it prints, on either stream, at the project root."""
    (tmp_path / "marker").write_text("")
    (tmp_path / "sub").mkdir()
    found = look(
        tmp_path,
        "/bin/true",
        cwd=tmp_path / "sub",
        versions={
            "one": "printf '\\n  tool 1.2\\033[0m\\n more\\n'",
            "two": "echo 2.0 >&2",
            "here": "ls marker",
            "var": "echo $NAMED",
        },
        environ={"PATH": os.defpath, "NAMED": "from the child's environment"},
    )
    system = found.facts["system"]
    assert system["one_version"] == "tool 1.2[0m"
    assert system["two_version"] == "2.0"
    assert system["here_version"] == "marker"
    assert system["var_version"] == "from the child's environment"
    assert found.warnings == ()


def test_tools_that_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that fails, says nothing or hangs has no version, and a warning with its words."""
    versions = {
        "gone": "no-such-tool --version",
        "bad": "echo oh no; exit 3",
        "mute": "true",
        "slow": "sleep 60",
    }
    for seconds in (0.4, 4.0, 20.0):
        monkeypatch.setattr(software, "TIMEOUT", seconds)
        found = look(tmp_path, "/bin/true", versions=versions)
        if sum("no answer" in warning for warning in found.warnings) == 1:  # else the others had too little time
            break
    assert [found.facts["system"][f"{name}_version"] for name in versions] == [None] * 4
    gone, bad, mute, slow = found.warnings
    assert "no-such-tool" in gone
    assert "exit 127" in gone
    assert "exit 3: oh no" in bad
    assert "printed nothing" in mute
    assert f"no answer within {seconds:g} s" in slow


def test_everything_is_asked_at_once(tmp_path: Path, venv: Path) -> None:
    """The interpreter and all declared tools are asked in one go, not one after the other."""
    # Each waits for the mark that only the next one leaves; one after the other they would all wait in vain.
    wait = "touch mark{0}; while [ ! -e mark{1} ]; do sleep 0.01; done; echo {0}"
    versions = {str(number): wait.format(number, (number + 1) % 3) for number in range(3)}
    program(
        tmp_path / "bin/python",
        f'#!/bin/sh\nwhile [ ! -e mark1 ]; do sleep 0.01; done\nexec {venv}/bin/python "$@"\n',
    )
    found = look(tmp_path, "bin/python", "x.py", versions=versions)
    assert [found.facts["system"][f"{number}_version"] for number in range(3)] == ["0", "1", "2"]
    assert found.facts["software"]["packages"]


def test_a_measured_fact_is_not_overwritten(tmp_path: Path, venv: Path) -> None:
    """A declared tool whose name is that of a measured fact does not replace it."""
    found = look(tmp_path, f"{venv}/bin/python", "x.py", versions={"python": "echo 9.9"})
    assert found.facts["system"]["python_version"] == sys.version.split()[0]
    (warning,) = found.warnings
    assert warning.startswith("version of python: the measured")
    assert look(tmp_path, "/bin/true", versions={"python": "echo 9.9"}).facts["system"]["python_version"] == "9.9"


def test_no_secret_is_recorded(tmp_path: Path, venv: Path) -> None:
    """A secret in a package's source, a tool's output or its complaint is taken out."""
    secret = "one-very-secret-value"
    more = tmp_path / "more"
    url = {"url": f"https://me:{secret}@example.org/r", "vcs_info": {"vcs": "git", "commit_id": "abc"}}
    install(more, "private", "1.0", direct_url=url)
    environ = {"PATH": os.defpath, "PYTHONPATH": str(more), "MY_API_KEY": secret}
    versions = {"told": "echo v1 $MY_API_KEY", "bad": f"echo {secret}; exit 1"}
    found = look(tmp_path, f"{venv}/bin/python", "x.py", environ=environ, versions=versions)
    assert found.facts["software"]["package_sources"]["private"].startswith("git+https://")
    assert secret not in json.dumps([found.facts, found.warnings, found.reason])
