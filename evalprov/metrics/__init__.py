"""What the eval reported: lines on stdout or in a file, merged, checked, and put into the record."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from evalprov.metrics.reported import Reported
from evalprov.metrics.scan import Scanner

if TYPE_CHECKING:
    from evalprov.metrics.choosing import Known
    from evalprov.metrics.opening import Before
    from evalprov.record.manifest import Manifest

__all__ = ["Reported", "Scanner", "gather", "look_before", "merge_reported"]


def look_before(metrics_file: str | None) -> Before | None:
    """Look at what stands where the metrics are expected, just before the command starts."""
    if metrics_file is None:
        return None
    from evalprov.metrics.opening import Before  # few runs name one

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
    from evalprov.metrics.channels import put_together  # not needed before the child has started

    return put_together(scanner, report_file, metrics_file, before, known)


def merge_reported(manifest: Manifest, reported: Reported) -> None:
    """Put it into the record; it beats what was declared, a contradiction being a warning that shows both."""
    from evalprov.metrics.declared import merge  # not needed before the child has started

    merge(manifest, reported)
