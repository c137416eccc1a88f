"""Two runs held against each other, as `diff` prints and `report` draws it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.cli.codefiles import all_kept, code_files
from evalprov.cli.common import open_store, project_of
from evalprov.cli.earlier import spreads
from evalprov.cli.rules import rules_for
from evalprov.cli.sides import side
from evalprov.errors import EvalprovError, UsageError
from evalprov.isolation import here
from evalprov.judge.diff import diff as compared
from evalprov.judge.metric_diff import Side
from evalprov.settings import load
from evalprov.views.diff_words import PARTS, FileEdit, FoundDifference, History

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest
    from evalprov.repository import Between

PRESENT = "."


def found_difference(  # noqa: PLR0913 - one an option
    a: str, b: str, store: str | None, *, only: str | None = None, everything: bool = False, trials: bool = False
) -> tuple[FoundDifference, str]:
    """Return all that can be said of two runs, and the store that they are in."""
    if a == PRESENT:
        raise UsageError("the present state can only be the second of the two", "evalprov diff RUN .")
    folder = open_store(store)
    settings = load(here())
    now = b == PRESENT
    project = project_of(folder, settings)
    one = side(folder, a, trials=trials)
    other = Side((_present(one.runs[0], folder),)) if now else side(folder, b, trials=trials)
    lies = None if only == "metrics" else _between(project, one.runs[0], other.runs[0])
    files = [] if only == "metrics" or now else _files(folder, one.runs[0], other.runs[0], lies, project)
    named = [file.words for file in files]
    every = [file.path for file in files] if all(map(all_kept, (*one.runs, *other.runs))) else []
    rules = rules_for(settings)
    apart = {} if now else spreads(folder, one, other, allow_failed=rules.gate.allow_failed)
    try:
        result = compared(
            one, other, rules, present=now, everything=everything, files=named, all_files=every, spreads=apart
        )
    except RecursionError:
        raise EvalprovError("these records cannot be compared: their values are nested too deep") from None
    history = lies and History(one.runs[0]["git_sha"] or "", other.runs[0]["git_sha"] or "", lies)
    return FoundDifference(one, other, now, result, history, files, (only,) if only else PARTS, everything), folder


def _present(like: Manifest, store: str) -> Manifest:
    from evalprov.run.present import present

    return present(like, here(), dict(os.environ), store=store, progress=render.hashing())


def _between(folder: str, a: Manifest, b: Manifest) -> Between | None:
    """Look up what lies between the commits of two runs, where they are two."""
    if a["git_sha"] is None or b["git_sha"] is None or a["git_sha"] == b["git_sha"]:
        return None
    from evalprov.repository import between

    return between(folder, a["git_sha"], b["git_sha"])


def _files(store: str, a: Manifest, b: Manifest, lies: Between | None, project: str) -> list[FileEdit]:
    """Name the files of the code that differ, as far as commits and patches tell."""
    if a["git_sha"] is None or b["git_sha"] is None:
        return []
    return code_files(store, a, b, lies.steps if lies else {}, project)
