"""What the eval reported: lines on stdout or in a file, merged, checked, and put into the record."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from evalprov.reported.reported import Reported
from evalprov.reported.scan import Scanner

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest
    from evalprov.reported.choosing import Known
    from evalprov.reported.open_results import Before

__all__ = ["Reported", "Scanner", "gather", "look_before", "merge_reported"]


def look_before(metrics_file: str | None) -> Before | None:
    """Look at what stands where the metrics are expected, just before the command starts."""
    if metrics_file is None:
        return None
    from evalprov.reported.open_results import Before  # few runs name one

    # The name of a format may stand behind a colon.
    return Before(time.time(), metrics_file, metrics_file.rpartition(":")[0] or metrics_file)


def gather(
    scanner: Scanner,
    report_file: str | None,
    metrics_file: str | None,
    before: Before | None = None,
    known: Known = tuple,
) -> Reported:
    """Put together what was printed, what stands in the report file, and in a metrics file named by the user.

    A metrics file that stood there `before` is not used. Where several objects might be the result, those names of
    metrics tell that are `known` from earlier runs.
    """
    from evalprov.reported.channels import put_together  # not needed before the child has started

    return put_together(scanner, report_file, metrics_file, before, known)


def merge_reported(manifest: Manifest, reported: Reported) -> None:
    """Put it into the record; it beats what was declared, a contradiction being a warning that shows both."""
    from evalprov.reported.declared import merge  # not needed before the child has started

    merge(manifest, reported)
