"""How the command's end is told: exit codes, signals, and what could not be started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from launching import PATIENCE, Launched, python

from evalprov.errors import EvalprovError
from evalprov.launch.program import start

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("code", [0, 1, 2, 7, 32, 64, 127, 254, 255])
def test_the_exit_code_is_the_commands_own(tmp_path: Path, code: int) -> None:
    """What the command exits with is what we exit with."""
    launched = Launched(tmp_path, ["sh", "-c", f"exit {code}"])
    assert launched.run().returncode == code
    outcome = launched.outcome
    assert (outcome["exit_code"], outcome["signal"], outcome["timed_out"]) == (code, None, False)
    assert outcome["stopped_by"] is None
    assert outcome["warnings"] == []


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL", "SIGSEGV", "SIGINT"])
def test_a_signals_end_is_told_the_shells_way(tmp_path: Path, name: str) -> None:
    """A command ended by a signal gives 128 and its number, as in a shell, and the signal's name."""
    number = signal.Signals[name]
    script = ["sh", "-c", f"ulimit -c 0; kill -{number.value} $$"]
    launched = Launched(tmp_path, script)
    assert launched.run().returncode == 128 + number
    assert launched.outcome["signal"] == name
    assert launched.outcome["stopped_by"] is None


def refused(name: str, path: str = "") -> EvalprovError:
    """Return the refusal to start a program."""
    environ = {"PATH": path} if path else dict(os.environ)
    with pytest.raises(EvalprovError) as problem:
        start((name,), environ, set(), [])
    return problem.value


def script(text: bytes) -> Callable[[Path], object]:
    """Make an executable file of this text."""

    def make(at: Path) -> None:
        at.write_bytes(text)
        at.chmod(0o755)

    return make


NOT_STARTED: dict[str, Callable[[Path], object]] = {
    "nothing there": lambda at: None,
    "a link to nowhere": lambda at: at.symlink_to("nowhere"),
    "a link to itself": lambda at: at.symlink_to(at.name),
    "below a file": lambda at: at.parent.write_text(""),
    "not executable": lambda at: at.write_text("#!/bin/sh\n"),
    "a folder": lambda at: at.mkdir(),
    "its interpreter missing": script(b"#!/no/such/interpreter\n"),
    "a Windows line end": script(b"#!/bin/sh\r\necho ran\n"),
    "its interpreter's interpreter missing": lambda at: (
        script(b"#!/no/such\n")(at.with_name("inner")),
        script(b"#!%b\n" % os.fsencode(at.with_name("inner")))(at),
    ),
    "its interpreter not executable": script(b"#!/etc/passwd\n"),
    "its interpreter a folder": script(b"#!/etc\n"),
    "its interpreter by a word": script(b"#!no-such-word\n"),
    "its interpreter itself": lambda at: script(b"#!%b\n" % os.fsencode(at))(at),
    "another machine's program": script(b"\x7fELF\0\1\2\3 no program of this machine"),
}


@pytest.mark.parametrize("kind", NOT_STARTED)
def test_what_cannot_be_started_has_the_shells_code(tmp_path: Path, kind: str) -> None:
    """Not found, or without its interpreter, is 127; found and not to be executed is 126: as the shell has it."""
    at = tmp_path / "folder" / "tool"
    if kind != "below a file":
        at.parent.mkdir()
    NOT_STARTED[kind](at)
    bare = subprocess.run(["bash", "-c", f"{at}; exit $?"], capture_output=True, check=False).returncode
    assert bare in (126, 127)
    assert refused(str(at)).exit_code == bare


def test_a_name_that_is_nowhere_on_the_path_is_not_found() -> None:
    """Nor is the empty name: 127, as in the shell."""
    assert [refused(name).exit_code for name in ("no-such-command", "")] == [127, 127]


@pytest.mark.parametrize("text", [b"", b"echo ran; exit 4\n", b"#!\necho ran; exit 5\n", b"#! \necho ran; exit 6\n"])
def test_a_file_without_an_interpreter_is_the_shells(tmp_path: Path, text: bytes) -> None:
    """A file that names no interpreter, or has nothing in it, is run as the shell runs it."""
    script(text)(tmp_path / "tool")
    bare = subprocess.run(["sh", "-c", f"{tmp_path}/tool; exit $?"], capture_output=True, check=False)
    done = Launched(tmp_path, [f"{tmp_path}/tool"]).run()
    assert (done.returncode, done.stdout) == (bare.returncode, bare.stdout)


def test_a_refusal_names_the_command_and_what_is_wrong(tmp_path: Path) -> None:
    """The words say which file it is about."""
    plain = tmp_path / "plain"
    plain.write_text("echo\n")
    assert refused("no-such-command").message == "no-such-command: command not found"
    assert refused("plain", str(tmp_path)).message == f"{plain}: not executable"
    assert refused(str(tmp_path)).message == f"{tmp_path}: is a folder"


def test_the_search_goes_on_after_what_cannot_be_run(tmp_path: Path) -> None:
    """The first program on PATH that can be run is run, past a file and a folder of its name that cannot."""
    for name in ("file", "folder", "empty", "right"):
        (tmp_path / name).mkdir()
    (tmp_path / "file" / "tool").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "folder" / "tool").mkdir()
    (tmp_path / "right" / "tool").write_text("#!/bin/sh\nexit 5\n")
    (tmp_path / "right" / "tool").chmod(0o755)
    path = ":".join(str(tmp_path / name) for name in ("none", "empty", "file", "folder", "right"))
    launched = Launched(tmp_path, ["tool"])
    assert launched.run(env={**os.environ, "PATH": path}).returncode == 5


def test_nothing_starts_and_no_signal_is_held_where_the_program_is_missing(tmp_path: Path) -> None:
    """A failed start is an error with its exit code."""
    launched = Launched(tmp_path, ["no-such-command"])
    assert launched.run().returncode == 127
    assert launched.outcome == {"message": "no-such-command: command not found", "exit_code": 127}


def test_a_script_without_a_first_line_is_run_by_the_shell(tmp_path: Path) -> None:
    """As execvp does, with its arguments."""
    script = tmp_path / "script"
    script.write_text('echo "$# $2"; exit 3\n')
    script.chmod(0o755)
    launched = Launched(tmp_path, [str(script), "a", "b c"])
    done = launched.run()
    assert (done.returncode, done.stdout) == (3, b"2 b c\n")


def test_the_command_sees_the_words_as_written(tmp_path: Path) -> None:
    """Its name for itself is the first word, not the file that was found; stray bytes pass unchanged."""
    show = "cat /proc/$$/cmdline"
    launched = Launched(tmp_path, ["sh", "-c", show, "a\udcff", ""])
    assert launched.run().stdout == b"sh\0-c\0" + show.encode() + b"\0a\xff\0\0"


def test_the_command_has_the_environment_it_was_given(tmp_path: Path) -> None:
    """Nothing is added and nothing taken away on the way."""
    plain = python("import os, sys; sys.stdout.write(repr(sorted(os.environb.items())))")
    environ = {**os.environ, "STRAY": "\udcff", "EMPTY": ""}
    bare = subprocess.run(plain, env=environ, capture_output=True, check=True).stdout
    assert Launched(tmp_path, plain).run(env=environ).stdout == bare


def test_a_parent_that_ignores_its_children_does_not_hide_the_end(tmp_path: Path) -> None:
    """Where SIGCHLD is ignored, as under some daemons, the exit code is known all the same."""
    launched = Launched(tmp_path, ["sh", "-c", "exit 9"])
    ignore = "import os, sys\nfrom signal import *\nsignal(SIGCHLD, SIG_IGN)\nos.execv(sys.argv[1], sys.argv[1:])"
    done = subprocess.run([sys.executable, "-c", ignore, *launched.command], timeout=PATIENCE, check=False)
    assert done.returncode == 9
    assert launched.outcome["exit_code"] == 9
