"""A recorded run for a Python program: its facts, and how the present stands to it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from evalprov.settings import load as load_settings
from evalprov.store import read

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest
    from evalprov.record.schema.values import MetricValue
    from evalprov.restore.verify import Verified


class RecordedRun:
    """One recorded run; its record is what `evalprov show --json` prints."""

    def __init__(self, record: Manifest, store: str, root: str) -> None:
        self.record: dict[str, Any] = dict(record)
        self._manifest = record
        self._store = store
        self._root = root

    def __repr__(self) -> str:
        """Name the run and how it ended."""
        return f"<evalprov run {self.run_id}, {self.record['status']}>"

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._manifest["run_id"]

    @property
    def metrics(self) -> dict[str, MetricValue]:
        """The summary's metrics; none where none was seen."""
        return dict(self._manifest["metric_summary"] or {})

    def verify(self, *, deep: bool = False) -> Verified:
        """Hold the present state against the run, and say of each layer how far it can come back; nothing is run."""
        from evalprov.restore.verify import verify

        return verify(self._manifest, self._store, self._root, dict(os.environ), deep=deep)


def load(run: str = "latest", store: str | None = None) -> RecordedRun:
    """Return a recorded run: by its id, the beginning of that, latest~1, baseline:NAME, or a manifest's path."""
    settings = load_settings(os.getcwd())
    folder = os.path.abspath(store) if store else os.path.normpath(os.path.join(settings.root, settings.store))
    return RecordedRun(read.load_noted(folder, run), folder, settings.root)
