"""What the eval reported: lines on stdout or in a file, merged, checked, and put into the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from evalprov.metrics.scan import Scanner

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest, MetricsSource

__all__ = ["Reported", "Scanner", "gather", "merge_reported"]


class Reported(NamedTuple):
    """What the eval reported, ready for the record."""

    facts: dict[str, Any]  # by the manifest's top-level names; a dict adds to that section
    source: MetricsSource | None
    warnings: list[str]
    reason: str | None  # why there are no metrics
    ms: float = 0.0  # what putting it together took


def gather(
    scanner: Scanner, report_file: str | None, metrics_file: str | None, started: float | None = None
) -> Reported:
    """Put together what was printed, what stands in the report file, and in a metrics file named by the user.

    A metrics file whose time stamp is before `started`, in seconds since the epoch, is not used.
    """
    from evalprov.metrics.channels import put_together  # not needed before the child has started

    return put_together(scanner, report_file, metrics_file, started)


def merge_reported(manifest: Manifest, reported: Reported) -> None:
    """Put it into the record; it beats what was declared, a contradiction being a warning that shows both."""
    from evalprov.metrics.declared import merge  # not needed before the child has started

    merge(manifest, reported)
