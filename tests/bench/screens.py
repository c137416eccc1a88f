"""How often a screen contradicts itself: the verdict, the interval, the delta, and the words of diff and of the gate.

Pairs are made up at random: skewed values, ties, few large moves, lost scenarios, groups, trials, several metrics.
Usage: python tests/bench/screens.py [SCREENS]
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "judge"))

from test_rows import drawn, wrong_with

from evalprov.judge.gate import judge
from evalprov.judge.metric_diff import REAL, MetricDiff
from evalprov.judge.rules import NO_RULES
from evalprov.judge.verdicts import compare_metrics

SCREENS = 20_000
SEED = 23


def strict(metric: MetricDiff) -> list[str]:
    """Return what contradicts itself, a correction among several metrics being no excuse."""
    found = wrong_with(metric)
    if metric.interval is not None and metric.delta is not None:
        leaves_out = metric.interval[0] > 0 or metric.interval[1] < 0
        if leaves_out != (metric.verdict in REAL):
            found.append(f"{metric.verdict}, and the interval {'leaves 0 out' if leaves_out else 'has 0 in it'}")
    return found


def main() -> int:
    """Print what was seen; 1 where a screen contradicts itself."""
    screens = int(sys.argv[1]) if len(sys.argv) > 1 else SCREENS
    began, draw = time.monotonic(), random.Random(SEED)
    wrong: Counter[str] = Counter()
    verdicts: Counter[str] = Counter()
    rows = corrected = 0
    for number in range(0, screens, 2):
        pair = drawn(draw)
        gate = judge(*pair, NO_RULES)
        for screen, metrics in (("diff", compare_metrics(*pair)), ("gate", [one.diff for one in gate.metrics])):
            for one in metrics:
                rows += 1
                verdicts[one.verdict] += 1
                corrected += one.corrected_for is not None
                for words in strict(one):
                    wrong[f"{screen}: {words}"] += 1
                    print(f"pair {number // 2}, {screen}, {one.name}: {words}; {one._replace(moves=[])}", flush=True)
        fell = any(one.outcome == "regression" for one in gate.metrics)
        if (gate.verdict == "regression") != (fell and not gate.problems):
            wrong["gate: its verdict is not that of its rows"] += 1
    told = ", ".join(f"{count:,} {verdict}" for verdict, count in verdicts.most_common())
    print(f"{screens:,} screens, {rows:,} rows ({told}; {corrected:,} decided by the correction)")
    print(f"contradictions: {sum(wrong.values())} {dict(wrong) or ''}; took {time.monotonic() - began:.0f} s")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
