"""What the tests of coming back share: the command line in this process, and a repository's every byte."""

from __future__ import annotations

import io
import os
import shutil
import signal
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

import pytest
from conftest import Project

from evalprov.cli import main, restore, verify

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REPORT = 'import json, sys\nprint(json.dumps({"accuracy": 0.74}))\n'


def called(project: Project, *words: str, env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Carry out a command line in this process, which costs no start-up; return exit code, stdout and stderr."""
    stdout, stderr = io.StringIO(), io.StringIO()
    pipe = signal.getsignal(signal.SIGPIPE)
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(stdout), redirect_stderr(stderr):
        patch.chdir(project.path)
        for name, value in (env or {}).items():
            patch.setenv(name, value)
        for module in (restore, verify):
            # As the system has it, it is that of the process that runs the tests.
            patch.setattr(module, "given_environment", lambda: dict(os.environ))
        code = main(list(words))
    signal.signal(signal.SIGPIPE, pipe)
    return code, stdout.getvalue(), stderr.getvalue()


def copied(made: Project, to: Path) -> Project:
    """Return a copy of a project that was made once."""
    shutil.copytree(made.path, to, symlinks=True)
    return Project(to)


def told(stdout: str) -> dict[str, str]:
    """Return the lines of a command's answer by their first words."""
    return {line.split("\t", 1)[0]: line.split("\t", 1)[1] for line in stdout.splitlines()}
