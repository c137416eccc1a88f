"""What a record knows of one scenario, and of one scenario in two records."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from evalprov.explain.words import Edits, word_edits
from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evalprov.record.manifest import Manifest
    from evalprov.record.schema.values import MetricValue

_SEARCHED = 20_000  # names that are looked through for one that is much the same


class ScenarioFacts(NamedTuple):
    """One scenario of a run."""

    metrics: Mapping[str, MetricValue]
    group: str | None
    errors: Sequence[str]
    texts: Mapping[str, str]  # by field


class ScenarioPair(NamedTuple):
    """One scenario of two runs; null for a run that does not have it."""

    name: str
    a: ScenarioFacts | None
    b: ScenarioFacts | None

    @property
    def metrics(self) -> list[tuple[str, MetricValue, MetricValue]]:
        """Each metric that either has, with both values."""
        ours, theirs = (side.metrics if side else {} for side in (self.a, self.b))
        return [(name, ours.get(name), theirs.get(name)) for name in dict.fromkeys((*ours, *theirs))]

    @property
    def texts(self) -> list[tuple[str, str | None, str | None]]:
        """Each field of which either said something, with both texts."""
        ours, theirs = (side.texts if side else {} for side in (self.a, self.b))
        return [(field, ours.get(field), theirs.get(field)) for field in dict.fromkeys((*ours, *theirs))]

    @property
    def edits(self) -> dict[str, Edits]:
        """The words that differ, of each field that both have."""
        return {field: word_edits(a, b) for field, a, b in self.texts if a is not None and b is not None and a != b}


def scenarios_of(m: Manifest) -> dict[str, None]:
    """Return the names of a run's scenarios, in order."""
    return dict.fromkeys((*m["scenarios_run"], *(m["metrics"] or {})))


def facts_of(m: Manifest, scenario: str, texts: Mapping[str, Mapping[str, str]]) -> ScenarioFacts:
    """Return what a record knows of a scenario, and what was said for it."""
    return ScenarioFacts(
        (m["metrics"] or {}).get(scenario, {}),
        m["scenario_groups"].get(scenario),
        [entry["message"] for entry in m["errors"] if entry["scenario"] == scenario],
        texts.get(scenario, {}),
    )


def near(wanted: str, names: Sequence[str], most: int = 5) -> list[str]:
    """Return names that are much like one that is not among them: those that hold it first."""
    lower = wanted.lower()
    holding = [name for name in names if lower in name.lower()] if lower else []
    alike = get_close_matches(wanted[:200], names[:_SEARCHED], most, 0.6) if len(holding) < most else []
    return list(dict.fromkeys((*holding, *alike)))[:most]
