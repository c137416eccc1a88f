"""A run whose command has ended, as those see it who look for what other tools have of it."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from evalprov.record.schema.outcome import RunLink

CARRIES = "carries our id"
PRINTED = "printed by the command"
WRITTEN = "written during the run"
TOLD = "named by the environment"
MOST = 20  # links of one tool
ENTRIES = 5_000  # names in a folder that are looked at
SLACK = 2.0  # seconds by which the clocks of a file system and of a tool may be apart


class EndedRun(NamedTuple):
    """What is known of it."""

    run_id: str
    cwd: str
    root: str  # the project's
    environ: Mapping[str, str]  # the command's
    began: float  # Unix time
    ended: float
    printed: Callable[[], tuple[bytes, ...]]  # what is kept of what it printed, each stream without secrets
    composed: tuple[str, ...] = ()  # folders in which Hydra left what it composed, from the root

    @property
    def mark(self) -> str:
        """What a tool's run has that was told of ours."""
        return f"evalprov.run_id={self.run_id}"

    def link(self, tool: str, own_id: str | None, where: str, rule: str) -> RunLink:
        """Return a link; a path in the project counts from its root."""
        if os.path.isabs(where):
            inside = os.path.relpath(where, self.root)
            where = where if inside.startswith("..") else inside
        return {"tool": tool, "id": own_id, "where": where, "rule": rule}

    def has(self, *names: str) -> bool:
        """Say whether any of these stands where the command ran."""
        return any(os.path.exists(os.path.join(self.cwd, name)) for name in names)

    def has_experiments(self) -> bool:
        """Say whether git may have experiments of DVC; of a work tree beside the first one that shows in its file."""
        folder = os.path.join(self.root, ".git")
        return os.path.isdir(os.path.join(folder, "refs", "exps")) or os.path.isfile(folder)

    def is_fresh(self, path: str) -> bool:
        """Say whether a file or folder was touched since the command was started."""
        with suppress(OSError, ValueError):
            return os.stat(path).st_mtime >= self.began - SLACK
        return False

    def fresh(self, folder: str) -> Iterator[os.DirEntry[str]]:
        """Yield what in a folder was touched since the command was started, as far as its names are looked at."""
        with suppress(OSError), os.scandir(folder) as entries:
            for _, entry in zip(range(ENTRIES), entries, strict=False):
                with suppress(OSError):
                    if entry.stat().st_mtime >= self.began - SLACK:
                        yield entry


def beginning(path: str, size: int) -> bytes:
    """Return the first bytes of a file; none where it cannot be read."""
    from evalprov.regular import reading

    with suppress(OSError, ValueError), reading(path) as file:
        return file.read(size)
    return b""
