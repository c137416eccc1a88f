"""All that one run reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from evalprov.record.schema.outcome import MetricsSource
    from evalprov.reported.texts import ScenarioTexts


class Reported(NamedTuple):
    """What the eval reported, ready for the record."""

    facts: dict[str, Any]  # by the manifest's top-level names; a dict adds to that section
    source: MetricsSource | None
    warnings: list[str]
    reason: str | None  # why there are no metrics
    ms: float = 0.0  # what putting it together took
    texts: ScenarioTexts | None = None  # what was said for each scenario, on the best channel that says any
