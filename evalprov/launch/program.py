"""Start a program as the shell would: look it up on PATH, and tell not found from not executable."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from evalprov.errors import CANNOT_START, EvalprovError
from evalprov.platform.spawn import Start, spawn
from evalprov.regular import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from evalprov.platform.spawn import FileAction

SHELL = "/bin/sh"
NOT_EXECUTABLE = 126
NOT_FOUND = 127


def start(argv: tuple[str, ...], environ: Mapping[str, str], mask: set[int], wiring: Sequence[FileAction]) -> int:
    """Start a program and return its pid; raise EvalprovError, with nothing started, where that fails."""
    refused: tuple[str, OSError] | None = None
    for path in _candidates(argv[0], environ):
        try:
            return _spawn(Start(path, argv, environ, mask, wiring))
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ENOMEM):
                raise EvalprovError(
                    f"cannot start a process: {error.strerror}", "see ulimit -u", CANNOT_START
                ) from None
            if error.errno != errno.ENOENT or os.path.exists(path):
                refused = refused or (path, error)
    raise _failure(argv[0], refused)


def _candidates(name: str, environ: Mapping[str, str]) -> Iterator[str]:
    if "/" in name:
        yield name
        return
    for folder in environ.get("PATH", os.defpath).split(":"):
        path = os.path.join(folder, name)
        # A look is a hundred times cheaper than an attempt.
        if name and _may_exist(path):
            yield path


def _may_exist(path: str) -> bool:
    try:
        os.stat(path)
    except OSError as error:
        return error.errno == errno.EACCES
    return True


def _spawn(what: Start) -> int:
    try:
        return spawn(what)
    except OSError as error:
        if error.errno != errno.ENOEXEC or _is_binary(what.path):
            raise
    return spawn(what._replace(path=SHELL, words=(SHELL, what.path, *what.words[1:])))


def _is_binary(path: str) -> bool:
    """Say whether a file is no script: shells look for a zero byte, too."""
    with reading(path) as file:
        return b"\0" in file.read(128)


def _failure(name: str, refused: tuple[str, OSError] | None) -> EvalprovError:
    if refused is None:
        hint = "is the path right?" if "/" in name else "is it installed, and is its folder on PATH?"
        return EvalprovError(f"{name}: command not found", hint, NOT_FOUND)
    path, error = refused
    if error.errno == errno.ENOENT:
        hint = "look at the first line of the file"
        return EvalprovError(f"{path}: its interpreter is not there", hint, NOT_FOUND)  # as shells and `env` have it
    if os.path.isdir(path):
        reason, hint = "is a folder", "name a program"
    elif error.errno == errno.EACCES:
        reason, hint = "not executable", "may you run it? is it marked executable (chmod +x)?"
    else:
        reason, hint = (error.strerror or "cannot be executed").lower(), ""
    return EvalprovError(f"{path}: {reason}", hint, NOT_EXECUTABLE)
