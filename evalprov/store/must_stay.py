"""Runs that stay whatever their age: those under way, and those that baselines are of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.record.baseline import trials_of
from evalprov.store.baselines import find_all
from evalprov.store.lines import active

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest


class MustStay:
    """What is needed by something else than a run's own age or kind."""

    def __init__(self, store: str) -> None:
        found = find_all(store)
        self.unusable = [one.name for one in found if one.manifest is None]  # nobody knows what these are of
        self.baselines: list[Manifest] = [one.manifest for one in found if one.manifest]
        self.why = dict.fromkeys(active(store), "it is under way")
        for one in found:
            if one.manifest is None:
                continue
            for run in trials_of(one.manifest):
                self.why[run["run_id"]] = f"baseline {one.name}"
            if source := one.manifest["calls"]["source"]:
                self.why.setdefault(source, f"baseline {one.name}")
