"""A command that is no Python: its own file, and its version where it is known to tell it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from collecting import collected, context_of
from environments import program

from evalprov.capture.software import executable, software

if TYPE_CHECKING:
    from evalprov.capture.collector import Findings


def look(root: Path, *argv: str, **environ: str) -> Findings:
    """Run the collector for a command."""
    environ = {"PATH": f"{root}/bin:{os.environ['PATH']}", "HOME": str(root / "home"), **environ}
    return collected(software.collect, context_of(root, argv, environ=environ))


def executable_of(found: Findings) -> dict[str, Any]:
    """Return what was found of the program."""
    entry: dict[str, Any] = found.facts["software"]["executable"]
    return entry


def hash_of(path: Path | str) -> str:
    """Return a file's hash as the record has it."""
    return f"sha256:{hashlib.sha256(Path(path).read_bytes()).hexdigest()}"


@pytest.mark.skipif(not shutil.which("node"), reason="no node here")
def test_node_by_any_way(tmp_path: Path) -> None:
    """A script, a first line and a wrapper all lead to the same node, by content and with its own version."""
    script = program(tmp_path / "eval.js", "#!/usr/bin/env node\nconsole.log(1)\n")
    node = os.path.realpath(shutil.which("node") or "")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    wanted = {"path": node, "sha256": hash_of(node), "version": version}
    commands = [("node", "eval.js"), (str(script),), ("timeout", "9", "env", "A=1", "node", "eval.js")]
    commands += [("npx", "promptfoo")] if shutil.which("npx") else []
    for argv in commands:
        assert executable_of(look(tmp_path, *argv)) == wanted


@pytest.mark.skipif(not shutil.which("java"), reason="no java here")
def test_javas_version_is_read_and_not_asked(tmp_path: Path) -> None:
    """A Java tells its version in a file, so that none is started."""
    entry = executable_of(look(tmp_path, "java", "-jar", "eval.jar"))
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr
    assert entry["version"] in said
    java = os.path.realpath(shutil.which("java") or "")
    assert executable.question(java, {}) is None


def test_perl_says_its_version(tmp_path: Path) -> None:
    """Another language's program says its version, and a variable of the user's does not get in the way."""
    entry = executable_of(look(tmp_path, "perl", "eval.pl", PERL5OPT="-Mno::such::module"))
    assert entry["version"].startswith("This is perl")


def test_an_unknown_program_is_never_started(tmp_path: Path) -> None:
    """A program of the project is hashed, with what a link leads to, and not run to be asked anything."""
    build = program(tmp_path / "build/eval-1.2", "#!/bin/sh\ntouch started\n")
    build.write_bytes(b"\x7fELF and more\0")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/run-eval").symlink_to(build)
    entry = executable_of(look(tmp_path, "run-eval", "--n", "5"))
    assert entry == {"path": str(build), "sha256": hash_of(build), "version": None}
    # A file of the project that bears a language's name behind a link is another program, too.
    (tmp_path / "bin/node").symlink_to(build)
    assert executable_of(look(tmp_path, "node", "x.js"))["version"] is None


def test_a_program_that_hangs_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that does not come in time is not known; the content is."""
    monkeypatch.setattr(executable, "TIMEOUT", 0.2)
    ruby = tmp_path / "bin/ruby"
    ruby.parent.mkdir()
    shutil.copy("/bin/sleep", ruby)
    monkeypatch.setitem(executable.VERSIONS, "ruby", "60")
    entry = executable_of(look(tmp_path, "ruby", "eval.rb"))
    assert entry == {"path": str(ruby), "sha256": hash_of(ruby), "version": None}


def test_a_shell_script_has_its_shell(tmp_path: Path) -> None:
    """What runs a script is its interpreter; the script itself is code."""
    program(tmp_path / "run.sh", "#!/bin/bash\npython eval.py\n")
    found = look(tmp_path, "./run.sh")
    assert executable_of(found)["path"] == os.path.realpath("/bin/bash")
    assert "bash is not a Python program" in (found.reason or "")


def test_a_python_is_no_other_program(tmp_path: Path) -> None:
    """A command on a Python has an interpreter, and no executable beside it."""
    assert "executable" not in look(tmp_path, "python3", "eval.py").facts["software"]


def test_an_unreadable_program_is_said(tmp_path: Path) -> None:
    """A program larger than what is hashed has a reason."""
    large = program(tmp_path / "bin/large", "")
    with large.open("wb") as file:
        file.truncate(executable.LIMIT + 1)
    found = look(tmp_path, "large")
    assert executable_of(found)["sha256"] is None
    assert "large: larger than 1 GiB, not hashed" in (found.reason or "")
