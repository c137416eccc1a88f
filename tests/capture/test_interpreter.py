"""Which Python a command runs on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from environments import like_venv, program

from evalprov.capture.software.interpreter import choose
from evalprov.capture.software.way import PythonChoice

if TYPE_CHECKING:
    from collections.abc import Mapping

TELL = "import sys; print(sys.executable, sys.path[0], sep='\\n')"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a Python, `bin/python`, that the search path leads to."""
    like_venv(tmp_path / "main")
    program(tmp_path / "main/bin/python3.11", "#!/bin/sh\n")
    return tmp_path


def path_of(home: Path) -> dict[str, str]:
    """Return an environment whose search path has that Python first."""
    return {"PATH": f"{home}/main/bin:{os.defpath}"}


def chosen(home: Path, *argv: str, environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> PythonChoice:
    """Choose for a command in the folder."""
    environ = {**path_of(home), **(environ or {})}
    return choose(argv, str(cwd or home), environ, str(home))


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        ("python eval.py --n 5", ""),
        ("python3.11 eval.py", ""),
        ("python -I -c pass", "-I"),
        ("python -sE -m lm_eval -S", "-s -E"),
        ("python -X utf8 -W error -u -S eval.py -I", "-S"),
        ("python -Xutf8 -P eval.py", "-P"),
        ("python --check-hash-based-pycs always -s x.py", "-s"),
        ("python -OOBs", "-s"),
        ("python -", ""),
        ("main/bin/python eval.py", ""),
        ("./main/bin/python eval.py", ""),
        ("env python eval.py", ""),
        ("env -i PATH={path} A=1 python eval.py", ""),
        ("env -u HOME -C main ../main/bin/python x", ""),
        ("env -S 'python -s' eval.py", "-s"),
        ("/usr/bin/env -uX -- python eval.py", ""),
        ("time -p python eval.py", ""),
        ("time -f %e -o /tmp/x python eval.py", ""),
        ("nice python eval.py", ""),
        ("nice -n 5 python eval.py", ""),
        ("nice -10 python eval.py", ""),
        ("nohup python eval.py", ""),
        ("timeout 5 python eval.py", ""),
        ("timeout -k 5 --signal=INT -s KILL --foreground 1m python eval.py", ""),
        ("stdbuf -oL -e 0 python eval.py", ""),
        ("ionice -c 2 -n 7 python eval.py", ""),
        ("taskset -c 0-3 python eval.py", ""),
        ("taskset 0x3 python eval.py", ""),
        ("numactl --cpunodebind=0 -m 0 -l python eval.py", ""),
        ("xvfb-run -a -s '-screen 0' python eval.py", ""),
        ("nohup nice -n 5 env A=1 timeout 5 stdbuf -oL python -E eval.py", "-E"),
    ],
)
def test_python_by_name(home: Path, command: str, flags: str) -> None:
    """A Python is found behind what stands before it, with those of its options that shape its path."""
    import shlex

    argv = shlex.split(command.format(path=path_of(home)["PATH"]))
    choice = chosen(home, *argv)
    assert (choice.found_by, choice.certain, choice.reason) == ("command", True, None)
    assert Path(choice.argv[0]).parent.resolve() == home / "main/bin"
    assert Path(choice.argv[0]).name.startswith("python")
    assert " ".join(choice.argv[1:]) == flags


def test_a_prefix_changes_the_environment(home: Path) -> None:
    """Variables set or taken away in front of the command hold for the Python as well."""
    choice = chosen(home, "env", "-u", "GONE", "A=1", "python", "x.py", environ={"GONE": "1", "KEPT": "2"})
    assert dict(choice.environ) == {**path_of(home), "KEPT": "2", "A": "1"}
    choice = chosen(home, "env", "-i", f"{home}/main/bin/python", "x.py", environ={"PYTHONPATH": "/x"})
    assert dict(choice.environ) == {}
    assert chosen(home, "env", "-C", "main", "bin/python", "x.py").cwd == f"{home}/main"


@pytest.mark.parametrize(
    ("first_line", "flags"),
    [
        ("#!{bin}/python\n", ""),
        ("#! {bin}/python -Es \n", "-E -s"),
        ("#!/usr/bin/env python3.11\n", ""),
        ("#!/usr/bin/env -S python -I\n", "-I"),
        ("#!/bin/sh\n'''exec' {bin}/python \"$0\" \"$@\"\n' '''\n", ""),
        ("#!/bin/sh\n'''exec' \"{bin}/python\" \"$0\" \"$@\"\n' '''\n", ""),
        ("#!/bin/sh\n'''exec' '{bin}/python' \"$0\" \"$@\" #'''\n", ""),
    ],
)
def test_scripts_tell_by_their_first_line(home: Path, first_line: str, flags: str) -> None:
    """A script runs on the Python of its first line, in all the forms that installers write."""
    program(home / "tools/pytest", first_line.format(bin=home / "main/bin") + "import sys\n")
    for word in ("tools/pytest", str(home / "tools/pytest"), "pytest"):
        choice = chosen(home, word, "-x", environ={"PATH": f"{home}/tools:{path_of(home)['PATH']}"})
        assert Path(choice.argv[0]).parent == home / "main/bin"
        assert " ".join(choice.argv[1:]) == flags
        assert (choice.found_by, choice.certain, choice.reason) == ("shebang", True, None)


def test_relocatable_scripts(home: Path) -> None:
    """A script that looks for the Python beside itself is followed, also through a link."""
    line = '\'\'\'exec\' "$(dirname -- "$(realpath -- "$0")")"/\'python\' "$0" "$@"\n'
    program(home / "main/bin/tool", f"#!/bin/sh\n{line}' '''\n")
    (home / "link").symlink_to("main/bin/tool")
    assert chosen(home, "./link").argv == (f"{home}/main/bin/python",)


def test_an_archive_may_carry_packages(home: Path) -> None:
    """A Python archive with a first line runs on that Python, and may bring packages that are not listed."""
    (home / "app.pex").write_bytes(f"#!{home}/main/bin/python\n".encode() + b"PK\x03\x04rest")
    (home / "app.pex").chmod(0o755)
    choice = chosen(home, "./app.pex")
    assert choice.argv == (f"{home}/main/bin/python",)
    assert "packages of its own" in (choice.reason or "")


def test_the_search_path_is_the_childs(home: Path) -> None:
    """Words are looked up in the child's PATH as starting them would, past what cannot be run."""
    (home / "a/python").mkdir(parents=True)
    (home / "b").mkdir()
    (home / "b/python").write_text("not executable")
    environ = {"PATH": f"{home}/nowhere:{home}/a:{home}/b:main/bin"}
    assert chosen(home, "python", "x.py", environ=environ).argv == (f"{home}/main/bin/python",)
    assert chosen(home, "python", "x.py", environ={"PATH": ":/nowhere"}, cwd=home / "main/bin").argv
    assert chosen(home, "python", environ={"PATH": "/nowhere"}).reason == "python: not found"


def test_a_project_file_with_a_known_name(home: Path) -> None:
    """A file of the project that is called like a system program is itself and not that program."""
    program(home / "time", f"#!{home}/main/bin/python\n")
    assert chosen(home, "./time", "make").argv == (f"{home}/main/bin/python",)


@pytest.mark.parametrize("argv", [("eval.py",), ("-m", "eval"), ("-c", TELL), ("-I", "eval.py"), ("-P", "eval.py")])
def test_what_comes_first_on_the_path(tmp_path: Path, argv: tuple[str, ...]) -> None:
    """What comes first on the module path is told as the interpreter itself has it."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "eval.py").write_text(TELL)
    (tmp_path / "link.py").symlink_to(folder / "eval.py")
    for cwd, words in ((folder, argv), (tmp_path, tuple(w.replace("eval.py", "link.py") for w in argv))):
        if cwd == tmp_path and "-m" in argv:
            continue
        choice = choose([sys.executable, *words], str(cwd), os.environ, str(cwd))
        done = subprocess.run([sys.executable, *words], cwd=cwd, capture_output=True, text=True, check=False)
        executable, first = done.stdout.splitlines() if done.returncode == 0 else (sys.executable, "")
        assert choice.argv[0] == executable
        if choice.first:
            assert choice.first == (os.path.abspath(os.path.join(cwd, first)))
        else:
            assert {"-I", "-P"} & set(words)
            assert first != str(folder)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("docker", "run", "image", "python"), "runs the command elsewhere"),
        (("uvx", "ruff"), "environment of its own making"),
        (("pipx", "run", "black"), "environment of its own making"),
        (("nothing-of-this-name",), "not found"),
        (("env",), "no command follows"),
        (("timeout", "5"), "no command follows"),
        (("/bin/true",), "true is not a Python program"),
        (("./loop",), "too many programs"),
        (("./bare",), "names no interpreter"),
        ((".",), "not found"),
    ],
)
def test_what_is_not_known(home: Path, argv: tuple[str, ...], words: str) -> None:
    """Where the Python cannot be told there is none, and the reason is."""
    program(home / "loop", f"#!{home}/loop\n")
    program(home / "bare", "#!\n")
    program(home / "tools/docker", "an ELF")
    choice = chosen(home, *argv, environ={"PATH": f"{home}/tools:{os.defpath}"})
    assert choice.argv == ()
    assert not choice.certain
    assert words in (choice.reason or "")


@pytest.mark.parametrize("argv", [("bash", "run.sh"), ("make", "eval"), ("./run.sh",), ("sh", "-c", "python x")])
def test_a_shell_may_use_what_is_at_hand(home: Path, argv: tuple[str, ...]) -> None:
    """A shell or make may use the active environment, else the project's, else the search path's Python."""
    program(home / "run.sh", "#!/bin/bash\npython x\n")
    like_venv(home / "active")
    sub = home / "sub"
    program(sub / "run.sh", "#!/bin/sh\n")
    steps = [
        (
            {"VIRTUAL_ENV": f"{home}/active", "CONDA_PREFIX": f"{home}/conda"},
            "VIRTUAL_ENV",
            "active/bin/python",
        ),
        (
            {"VIRTUAL_ENV": f"{home}/gone", "CONDA_PREFIX": str(like_venv(home / "conda"))},
            "CONDA_PREFIX",
            "conda/bin/python",
        ),
        ({}, "PATH", "main/bin/python"),
    ]
    for environ, found_by, python in steps:
        choice = chosen(home, *argv, environ=environ)
        assert (choice.argv, choice.found_by, choice.certain) == ((f"{home}/{python}",), found_by, False)
        assert "is not a Python program" in (choice.reason or "")
    for folder, found_by in ((home / "venv", "venv"), (home / ".venv", ".venv"), (sub / "venv", "venv")):
        like_venv(folder)
        choice = chosen(home, *argv, cwd=sub)
        assert (choice.argv, choice.found_by, choice.certain) == ((f"{folder}/bin/python",), found_by, False)


@pytest.mark.parametrize("words", ["tox -e py", "python -m tox", "python -mnox.main", "dvc repro", "papermill a.ipynb"])
def test_what_starts_other_pythons_is_a_guess(home: Path, words: str) -> None:
    """A Python program that makes environments, or has a shell or a kernel do the work, is no certain answer."""
    for name in ("tox", "dvc", "papermill"):
        program(home / "main/bin" / name, f"#!{home}/main/bin/python3.11\n")
    choice = chosen(home, *words.split())
    assert choice.argv
    assert not choice.certain
    assert "may run on another Python" in (choice.reason or "")


def test_a_compiled_program(home: Path) -> None:
    """A compiled program may use the active environment; a folder beside it means nothing."""
    like_venv(home / ".venv")
    assert chosen(home, "/bin/true").argv == ()
    choice = chosen(home, "/bin/true", environ={"VIRTUAL_ENV": f"{home}/.venv"})
    assert (choice.argv, choice.found_by, choice.certain) == (
        (f"{home}/.venv/bin/python",),
        "VIRTUAL_ENV",
        False,
    )


def test_node_does_not_take_the_search_path(home: Path) -> None:
    """A program of another language is not put down to whatever Python the search path has."""
    program(home / "tools/promptfoo", "#!/usr/bin/env node\n")
    program(home / "main/bin/node", "not an ELF")
    choice = chosen(home, "tools/promptfoo", "eval")
    assert choice.argv == ()
    assert "node is not a Python program" in (choice.reason or "")


def test_sudo_is_never_certain(home: Path) -> None:
    """What runs through sudo may see another search path, and is recorded as uncertain."""
    choice = chosen(home, "sudo", "-E", "-u", "me", "A=1", "python", "x.py")
    assert choice.argv == (f"{home}/main/bin/python",)
    assert not choice.certain
    assert "sudo may change" in (choice.reason or "")


def test_pyenv_shims(home: Path) -> None:
    """A pyenv shim stands for the version that the variable, the folder or the global file names."""
    pyenv = home / "pyenv"
    for version in ("3.9.1", "3.10.2", "3.11.3"):
        like_venv(pyenv / "versions" / version)
    program(pyenv / "versions/3.11.3/bin/pytest", f"#!{pyenv}/versions/3.11.3/bin/python\n")
    for name in ("python", "pytest"):
        program(pyenv / "shims" / name, "#!/usr/bin/env bash\n")
    environ = {"PATH": f"{pyenv}/shims:{home}/main/bin:{os.defpath}"}
    (pyenv / "version").write_text("3.9.1\n")

    def python(*argv: str, **extra: str) -> str:
        return chosen(home, *argv, environ={**environ, **extra}, cwd=home / "main").argv[0]

    assert python("python") == f"{pyenv}/versions/3.9.1/bin/python"
    (home / ".python-version").write_text("3.10.2\n3.9.1\n")
    assert python("python") == f"{pyenv}/versions/3.10.2/bin/python"
    assert python("pytest", PYENV_VERSION="3.11.3") == f"{pyenv}/versions/3.11.3/bin/python"
    assert python("python", PYENV_VERSION="system") == f"{home}/main/bin/python"
    assert python("python", PYENV_VERSION="2.0") == f"{pyenv}/shims/python"
