"""The project's folders, and those of models that are kept for all, watched while the command runs."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import TYPE_CHECKING

from evalprov.capture.made import CACHES, ENVIRONMENTS
from evalprov.observe.caches import cache_folders
from evalprov.observe.project import LeftAlone, ProjectWatch

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from evalprov.capture.collector import CaptureContext
    from evalprov.run.request import Request

_SOFTWARE = {"site-packages", "dist-packages"}
# In a folder for bytecode stands for each module that it was loaded.
_LEFT_ALONE = frozenset((CACHES | _SOFTWARE) - {"__pycache__"})


def watched_project(request: Request, context: CaptureContext) -> AbstractContextManager[ProjectWatch | None]:
    """Watch the project's folders from now on; nothing where a run is not to be observed."""
    if mode_of(request, context) == "off":
        return nullcontext()
    store = frozenset((context.store, os.path.realpath(context.store)))
    apart = LeftAlone(_LEFT_ALONE, frozenset(ENVIRONMENTS), store)
    return ProjectWatch(context.root, apart, cache_folders(context.environ))


def looks_at_calls(request: Request, context: CaptureContext) -> bool:
    """Say whether the calls to providers are to be looked at, and not kept."""
    mode = mode_of(request, context)
    wanted: bool = context.settings.declared.get("observe", {}).get("wire", mode == "strict")
    return wanted and mode != "off"


def mode_of(request: Request, context: CaptureContext) -> str:
    """Return how far a run is to be observed."""
    return request.observe or context.settings.observe
