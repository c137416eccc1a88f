"""The file in which the child may report, outside the store: what a program writes there is not yet scrubbed."""

from __future__ import annotations

import os
from contextlib import suppress

from evalprov.private import private_folder


class ReportFile:
    """A private place for one run's reports, gone when the run is over."""

    def __init__(self, run_id: str) -> None:
        folder = private_folder(os.environ.get("TMPDIR"), f"{run_id}-")
        self.path = folder and os.path.join(folder, "report.jsonl")

    def remove(self) -> None:
        """Take it away; whatever else the child put beside it stays."""
        if self.path:
            for path, take in ((self.path, os.unlink), (os.path.dirname(self.path), os.rmdir)):
                with suppress(OSError):
                    take(path)
