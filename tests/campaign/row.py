"""One row of the campaign: a state of the world, and a command that must not notice that it is recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Row(NamedTuple):
    """What is set up, and the command that runs in it: once bare, once under `evalprov run`, each in a fresh folder."""

    group: str
    name: str
    setup: Callable[[Path], None]  # is given the empty folder in which the command will run
    argv: Sequence[str]
    env: Mapping[str, str | None] = {}  # added to the environment; null takes a variable out
    stdin: bytes | None = None  # null is /dev/null
    around: str = ""  # lines of sh run first, in the process that becomes the command: `umask 077`, `exec <&-`
    cwd: str = "."  # below the folder
    options: Sequence[str] = ()  # of `evalprov run`; {folder} stands for the folder
    store: str | None = (
        "metrics"  # below the folder: where exactly one new record must be; null where it cannot be kept
    )
    same_output: bool = True  # false where the command, or the shell that cannot start it, prints something else
    adds: float = 3.0  # seconds that recording may take more, on a machine that is not busy otherwise
    refused: bool = False  # for its settings, its store and --require-clean alone: exit 125, the command never started
    quick: bool = False  # also part of `make test`
    secret: str = ""  # what must not be in the store
    terminal: str = "none"  # which of stdout and stderr is one, with stdin: all, out, err

    @property
    def label(self) -> str:
        """What it is called in a list."""
        return f"{self.group}: {self.name}"
