"""DVC's experiments: the one in which the command ran, and those that it made."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evalprov.handover.links.ended import TOLD, WRITTEN, EndedRun, beginning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.record.schema.outcome import RunLink

_NOT_RUNS = ("exec", "stash", "temp", "celery")


def find(run: EndedRun) -> Iterator[RunLink]:
    """Yield experiments: their names stand in git, below the commit that each goes out from."""
    named = run.environ.get("DVC_EXP_NAME")
    if named:
        base = run.environ.get("DVC_EXP_BASELINE_REV", "")
        yield run.link("dvc", named, f"refs/exps/{base[:2]}/{base[2:]}/{named}" if base else "refs/exps", TOLD)
    references = os.path.join(_git_folder(run.root), "refs", "exps")
    for first in _inside(references):
        for rest in _inside(os.path.join(references, first)) if first not in _NOT_RUNS else ():
            for entry in run.fresh(os.path.join(references, first, rest)):
                if entry.name != named:
                    yield run.link("dvc", entry.name, f"refs/exps/{first}/{rest}/{entry.name}", WRITTEN)


def _inside(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _git_folder(root: str) -> str:
    """Return where git keeps what all work trees share."""
    folder = os.path.join(root, ".git")
    if os.path.isfile(folder):
        own = beginning(folder, 4096).decode("utf-8", "surrogateescape").strip().removeprefix("gitdir: ")
        folder = os.path.join(root, own)
        shared = beginning(os.path.join(folder, "commondir"), 4096).decode("utf-8", "surrogateescape").strip()
        folder = os.path.normpath(os.path.join(folder, shared)) if shared else folder
    return folder
