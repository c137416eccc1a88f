"""Hydra's output folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.handover.links.ended import WRITTEN, EndedRun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.record.schema.outcome import RunLink


def find(run: EndedRun) -> Iterator[RunLink]:
    """Yield the folders in which it left what it composed for this run."""
    for folder in run.composed:
        yield run.link("hydra", None, folder, WRITTEN)
