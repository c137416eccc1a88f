"""What the tests of pages share: comparisons as the command line makes them, and scenarios to compare."""

from __future__ import annotations

import random

from evalprov.judge.diff import diff as compared
from evalprov.judge.metric_diff import Side
from evalprov.judge.rules import NO_RULES, Rules
from evalprov.record.manifest import Manifest
from evalprov.views.diff_words import PARTS, FoundDifference


def scored(seed: int, right: float, slow: float, of: int = 200) -> dict[str, dict[str, float | bool]]:
    """Return scenarios with a rate, a number and a time."""
    draw, hard = random.Random(seed), random.Random(0)
    return {
        f"case-{number:04}": {
            "correct": draw.random() < right * (0.4 + 0.6 * hard.random()),
            "helpfulness": round(draw.gauss(3 + right, 0.7), 2),
            "latency_ms": round(draw.lognormvariate(slow, 0.5), 1),
        }
        for number in range(of)
    }


def found(
    a: Manifest | list[Manifest], b: Manifest | list[Manifest], *, present: bool = False, rules: Rules = NO_RULES
) -> FoundDifference:
    """Return a comparison of two runs, or of two repeats."""
    sides = [Side(tuple(side) if isinstance(side, list) else (side,)) for side in (a, b)]
    return FoundDifference(*sides, present, compared(*sides, rules, present=present), None, [], PARTS, False)
