"""`evalprov run`: record one command."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.cli.options import parse
from evalprov.errors import CANNOT_START, EvalprovError, UsageError
from evalprov.isolation import given_environment
from evalprov.run import Request, record_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.record.manifest import Manifest

LINES = 3  # that `run` says at most
READS = "next time: --metrics-file "


def wants_help(words: Sequence[str]) -> bool:
    """Say whether help is asked for, before any word of the command."""
    for word in words:
        if word in {"--help", "-h"}:
            return True
        if word == "--" or not word.startswith("-"):
            return False
    return False


def main(words: Sequence[str]) -> int:
    """Record the command on this command line; the exit code is its own."""
    values, argv = parse(words)
    quiet, times, jobs = (values.pop(name) for name in ("quiet", "repeat", "jobs"))
    request = Request(argv=argv, **values)
    if times:
        from evalprov.cli.repeat import repeated  # one run does without

        return repeated(request, times, jobs or 1, quiet=quiet)
    bar = None if quiet else render.hashing()
    try:
        done = record_run(request, here(), given_environment(), bar)
    except UsageError:
        raise
    except EvalprovError as problem:
        # Whatever kept us from starting the command has one exit code, unless the command's own word is known.
        problem.exit_code = max(problem.exit_code, CANNOT_START)
        raise
    finally:
        if bar:
            bar(1, 1)
    for problem_text in done.problems:
        render.note(problem_text)
    if not quiet:
        for line in summary(done.manifest, LINES - len(done.problems)):
            render.note(line)
    return done.exit_code


def here() -> str:
    """Return the folder we are in; one that was deleted has no other name than the system's for it."""
    try:
        return os.getcwd()
    except OSError:
        return "/proc/self/cwd"


def summary(manifest: Manifest, room: int = LINES) -> list[str]:
    """Return what a person wants to know when the run is over, in two lines, or three where there is room."""
    parts = [manifest["run_id"], f"{_ending(manifest)} in {render.duration(manifest['duration_seconds'])}"]
    parts.append(_metrics(manifest))
    lines = ["  ".join(parts)]
    warnings = manifest["warnings"]
    reason = manifest["capture"].get("metrics", {"reason": None})["reason"] or ""
    if READS in reason and len(lines) + bool(warnings) < room:
        lines.append(reason.rpartition("; ")[2])
    if warnings:
        more = f" (and {len(warnings) - 1} more)" if len(warnings) > 1 else ""
        lines.append(f"warning: {warnings[0]}{more}; see: evalprov show {manifest['run_id']}")
    return lines


def _ending(manifest: Manifest) -> str:
    status, code, signal = manifest["status"], manifest["exit_code"], manifest["signal"]
    if status == "failed":
        return f"failed (exit {code})"
    if signal and status != "timed_out":
        return f"{status} ({signal})"
    return status.replace("_", " ")


def _metrics(manifest: Manifest) -> str:
    summed = manifest["metric_summary"]
    if not summed:
        return "no metrics seen"
    shown = [f"{name} {render.number(value)}" for name, value in list(summed.items())[:4]]
    more = f" +{len(summed) - 4}" if len(summed) > 4 else ""
    return " ".join(shown) + more
