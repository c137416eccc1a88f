"""The file that a command starts where that is no Python: its content, and its version where it is known to tell it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evalprov.capture.ask import Question, Reply
from evalprov.capture.software.locks import file_hash
from evalprov.capture.text import first_line
from evalprov.regular import reading

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from evalprov.record.schema.software import Executable

SMALL = 1 << 20  # hashed as fast as it is looked up
LIMIT = 1 << 30
TIMEOUT = 2.0
# What says its version at once, does nothing else, and how it is asked. No other program is ever started for it.
VERSIONS: dict[str, str] = {
    "bun": "--version",
    "deno": "--version",
    "dotnet": "--version",
    "go": "version",
    "java": "-version",
    "julia": "--version",
    "node": "--version",
    "nodejs": "--version",
    "perl": "--version",
    "php": "--version",
    "Rscript": "--version",
    "ruby": "--version",
}
# Nothing of the user's is loaded, fetched or greeted with for the question.
_KEPT = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "DOTNET_ROOT")
_QUIET = {"DOTNET_CLI_TELEMETRY_OPTOUT": "1", "DOTNET_NOLOGO": "1", "GOTOOLCHAIN": "local"}


def question(path: str, environ: Mapping[str, str]) -> Question | None:
    """Return how its version is asked; null where the program is not known to say it, or has it in a file."""
    place = os.path.realpath(path)
    asked = VERSIONS.get(os.path.basename(place).rstrip("0123456789.-"))
    if asked is None or _released(place):
        return None
    env = {name: environ[name] for name in _KEPT if name in environ} | _QUIET
    return Question((path, asked), env=env, timeout=TIMEOUT)


def executable_steps(
    path: str, answer: Reply | None, environ: Mapping[str, str], store: str
) -> Generator[list[Question], list[Reply], tuple[Executable, str | None]]:
    """Return it as the record has it, and why its content is not known."""
    place = os.path.realpath(path)
    version = _released(place)
    if answer and not answer.problem and answer.code == 0:
        version = first_line(answer.out) or first_line(answer.err) or None
    sha256 = problem = None
    try:
        size = os.stat(place).st_size
        if size > LIMIT:
            problem = f"larger than {LIMIT >> 30} GiB, not hashed"
        elif size <= SMALL:
            sha256 = file_hash(place)
        else:
            # Not loaded for the many programs that are small.
            from evalprov.capture.content import Contents

            sha256 = (yield from Contents(environ, store).of(place)).sha256
    except OSError as error:
        problem = error.strerror or str(error)
    return {"path": place, "sha256": sha256, "version": version}, problem and f"{os.path.basename(place)}: {problem}"


def _released(place: str) -> str | None:
    """Return a Java's version from the file beside it: to start one takes long."""
    if os.path.basename(place) != "java":
        return None
    try:
        with reading(os.path.join(os.path.dirname(place), os.pardir, "release")) as file:
            lines = dict(line.decode().strip().partition("=")[::2] for line in file)
    except (OSError, ValueError):
        return None
    return lines.get("JAVA_RUNTIME_VERSION", lines.get("JAVA_VERSION", "")).strip('"') or None
