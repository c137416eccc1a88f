"""The groups that scenarios come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.record.manifest import Manifest


class Groups:
    """The groups that scenarios come from, as either side knows them."""

    def __init__(self, a: Sequence[Manifest], b: Sequence[Manifest]) -> None:
        self.known: dict[str, str] = {}  # scenario to group; where the runs contradict each other, the first
        self._at_odds: set[str] = set()
        self.add((*a, *b))

    def add(self, runs: Sequence[Manifest]) -> None:
        """Learn what more runs know."""
        for run in runs:
            for scenario, group in run["scenario_groups"].items():
                if self.known.setdefault(scenario, group) != group:
                    self._at_odds.add(scenario)

    def of(self, scenarios: Sequence[str]) -> list[int] | None:
        """Number the groups of scenarios, one without a group being its own; null where each is alone."""
        if not self.known:
            return None
        places: dict[tuple[bool, str], int] = {}
        numbers = [
            places.setdefault((group is None, scenario if group is None else group), len(places))
            for scenario, group in zip(scenarios, map(self.known.get, scenarios), strict=True)
        ]
        return numbers if len(places) < len(numbers) else None

    def remark(self, scenarios: Sequence[str]) -> str | None:
        """Say where the sides contradict each other."""
        count = sum(scenario in self._at_odds for scenario in scenarios) if self._at_odds else 0
        return f"the runs place {scenarios_told(count)} in different groups; the first is taken" if count else None


def scenarios_told(count: int) -> str:
    """Say how many scenarios, in words."""
    return "1 scenario" if count == 1 else f"{count} scenarios"
