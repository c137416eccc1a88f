"""The file in which the child may report, outside the store: what a program writes there is not yet scrubbed."""

from __future__ import annotations

import os


class ReportFile:
    """A private place for one run's reports, gone when the run is over."""

    def __init__(self, run_id: str) -> None:
        self.path: str | None = None
        self._folder: str | None = None
        for base in (os.environ.get("TMPDIR"), "/tmp", "/var/tmp", "/dev/shm"):  # noqa: S108 - mkdir is exclusive
            if not base:
                continue
            folder = os.path.join(base, f"evalprov-{run_id}-{os.urandom(6).hex()}")
            try:
                os.mkdir(folder, 0o700)
            except OSError:
                continue
            self._folder = folder
            self.path = os.path.join(folder, "report.jsonl")
            return

    def remove(self) -> None:
        """Take it away, whatever else the child put beside it stays."""
        for path, take in ((self.path, os.unlink), (self._folder, os.rmdir)):
            try:
                if path:
                    take(path)
            except OSError:
                continue
