"""The command line: options in, one call, result out. Only this folder prints results and decides exit codes."""

from __future__ import annotations

import os
import signal
import sys

from evalprov import render
from evalprov.errors import CANNOT_START, EvalprovError


def main(argv: list[str]) -> int:
    """Carry out one command line and return the exit code."""
    try:
        if argv[:1] == ["run"]:
            # Recording a run must start fast, so it does without the toolkit the other commands use.
            from evalprov.cli import run

            if not run.wants_help(argv[1:]):
                return run.main(argv[1:])
        return _with_typer(argv)
    except EvalprovError as problem:
        render.error(problem)
        return problem.exit_code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Exception as bug:
        if os.environ.get("EVALPROV_DEBUG"):
            raise
        render.error(_in_words(bug))
        return CANNOT_START if argv[:1] == ["run"] else 2


def _in_words(bug: Exception) -> EvalprovError:
    if isinstance(bug, OSError):  # nearly always stdout, on a full disk: what else is read or written has its own words
        where = f": {bug.filename}" if bug.filename else ""
        return EvalprovError(f"cannot go on: {bug.strerror or bug}{where}", "what was recorded is safe")
    hint = "this is a fault in evalprov; EVALPROV_DEBUG=1 shows where"
    return EvalprovError(f"unexpected: {type(bug).__name__}: {bug}", hint)


def _with_typer(argv: list[str]) -> int:
    # A reader that goes away (`evalprov history | head`) ends us quietly, as it does every Unix tool.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    from evalprov.cli.app import app

    try:
        code = app(args=argv, prog_name="evalprov", standalone_mode=True)
    except SystemExit as end:
        code = end.code
    sys.stdout.flush()
    return code if isinstance(code, int) else 0
