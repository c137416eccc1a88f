"""The command line: options in, one call, result out. Only this folder prints results and decides exit codes."""

from __future__ import annotations

import signal
import sys

from evalprov import render
from evalprov.errors import EvalprovError


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
