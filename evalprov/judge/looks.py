"""One look of many at a baseline: at which level it judges, and what that costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.numbers import rounded
from evalprov.stats.looks import FIRST, share_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.judge.metric_diff import MetricDiff


class Look(NamedTuple):
    """Which of the looks at a baseline this is."""

    number: int  # from 1, as far as this store's history knows
    is_whole: bool  # the store has the baseline's own run: it is where the looks are made

    def level(self, of: float) -> float:
        """Return the level of this look, of that of all looks together."""
        return of * share_of(self.number)

    def notes(self, of: float, found: Sequence[MetricDiff], alone: Sequence[MetricDiff]) -> list[str]:
        """Say at which level it was judged, and what a single look would have seen."""
        level = self.level(of)
        said = [
            f"look {self.number} at this baseline, judged at {rounded(level)}: {_together(of)}",
            *(_cost(*pair, self.number) for pair in zip(found, alone, strict=True) if pair[0].role != "info"),
        ]
        if not self.is_whole:
            said.append(
                "the baseline's own run is not in this store: looks made in other checkouts are not counted here, "
                f"and of {FIRST} in all the rate holds without counting"
            )
        if self.number > FIRST:
            said.append(f"after {FIRST} looks each sees much less: a new baseline starts anew")
        return [one for one in said if one]


def _cost(one: MetricDiff, alone: MetricDiff, number: int) -> str:
    """Say of a metric what this look did not see, or would not."""
    if alone.verdict == "worse" and one.verdict != "worse" and alone.p_adjusted is not None:
        return f"{one.name}: worse for real in a single look (p = {rounded(alone.p_adjusted)}), not as look {number}"
    if one.detectable is None or alone.detectable is None or one.same_as is not None:
        return ""
    sees = f"a fall of {rounded(one.detectable)} is seen four times in five"
    return f"{one.name}: {sees}, in a single look one of {rounded(alone.detectable)}"


def _together(of: float) -> str:
    return f"all looks together fire in {rounded(100 * of)} % at most where nothing is wrong"
