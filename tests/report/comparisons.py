"""What the tests of pages share: comparisons as the command line makes them, and scenarios to compare."""

from __future__ import annotations

import random

from diffing import record

from evalprov.explain.several import FactColumn
from evalprov.judge.contest import Contest
from evalprov.judge.diff import diff as compared
from evalprov.judge.metric_diff import Side
from evalprov.judge.rules import NO_RULES, Rules
from evalprov.record.manifest import Manifest
from evalprov.views.compare import ComparedRow, FoundComparison
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


def several(count: int, words: str = "") -> FoundComparison:
    """Return so many points of a sweep, of which one has no result; what they are called may be hostile."""
    name = f"correct{words}_mean"
    runs = []
    for number in range(count):
        run = record(metrics=scored(number, 0.6 + 0.05 * (number % 7), 6.0, 80))
        run["run_id"] = f"202609{number + 10}T143000Z"
        run["metric_summary"] = {name: (run["metric_summary"] or {})["correct_mean"], "usd": 0.01 * number}
        run["metrics"] = {
            scenario: {f"correct{words}": row["correct"]} for scenario, row in (run["metrics"] or {}).items()
        }
        runs.append(run)
    contest = Contest("0", Side((runs[0],)), name)
    for number, run in enumerate(runs[1:], 1):
        contest.enter(str(number), Side((run,)))
    judged = contest.settle()
    rows = [
        ComparedRow(
            str(number), number, [run["run_id"]], 0, run["metric_summary"] or {}, contest.entered[str(number)],
            contest.judged.get(str(number)), None, None, 1.0 + number, (0.01 * number, 1.0 / (number + 1)), number < 2,
        )
        for number, run in enumerate(runs)
    ]  # fmt: skip
    rows.append(ComparedRow("none", count, [], 1, {}, None, None, None, None, None))
    column = FactColumn("sweep", f"t{words}", [f"{number}{words}" for number in range(count + 1)])
    return FoundComparison(
        rows, "0", [column], name, contest.way, ["usd"], judged, contest.lead(), (f"cost{words}", "usd"), {"code": 2},
        can_judge=True, notes=[f"noted{words}"],
    )  # fmt: skip
