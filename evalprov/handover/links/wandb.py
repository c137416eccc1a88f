"""W&B's run folders, of runs online and offline."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING

from evalprov.handover.links.ended import CARRIES, SLACK, WRITTEN, EndedRun, beginning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.record.schema.outcome import RunLink

_FOLDER = re.compile(r"(?:offline-)?run-(\d{8}_\d{6})-([\w-]+)")
_LOOKED = 1 << 20  # bytes of a run's file; what it is stands at its beginning


def find(run: EndedRun) -> Iterator[RunLink]:
    """Yield the runs whose folders were begun since the command was started: `wandb sync` touches older ones, too."""
    base = os.path.join(run.cwd, run.environ.get("WANDB_DIR") or ".")
    for name in ("wandb", ".wandb"):
        for entry in run.fresh(os.path.normpath(os.path.join(base, name))):
            known = _FOLDER.fullmatch(entry.name)
            if known and not entry.is_symlink() and _stamp(known[1]) >= int(run.began - SLACK):
                file = os.path.join(entry.path, f"run-{known[2]}.wandb")
                carries = run.mark.encode() in beginning(file, _LOOKED)
                yield run.link("wandb", known[2], entry.path, CARRIES if carries else WRITTEN)


def _stamp(said: str) -> float:
    try:
        return time.mktime(time.strptime(said, "%Y%m%d_%H%M%S"))
    except (ValueError, OverflowError):
        return 0.0
