"""How often two runs of one program are called different, and how often one that became worse is called so.

Then the same by design (see `designs`): alarms where nothing moved, how often a move is seen, and how often the
interval holds it. Usage: python tests/bench/power.py [PAIRS] [DESIGNS, a regular expression]
"""

from __future__ import annotations

import math
import random
import re
import sys
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
from designs import ALIKE, COVERED, MOVED, SIZED, best_p, seed, sides
from generated import KINDS, alarms, hits, manifest
from scipy.stats import binom

from evalprov.judge.metric_diff import Side
from evalprov.judge.verdicts import compare_metrics
from evalprov.stats.evidence import POWER
from evalprov.stats.noise import LEVEL

PAIRS = 1000
CHANCE = 1e-3  # that a row fails where nothing is wrong
FAR = 0.1  # what the stated power may be off by, for values that are no normal numbers
ABOUT = 0.05  # what the stated power may be off by: it is worked out from one pair's own noise
SCENARIOS = 100_000


def rates(pairs: int) -> bool:
    """Print both tables; say whether every rate is what it should be."""
    most = int(binom.isf(CHANCE, pairs, LEVEL))
    least = int(binom.ppf(CHANCE, pairs, POWER - ABOUT))
    print(f"{pairs} pairs of runs of one program: at most {LEVEL:.0%}, so {most} by chance, may be called different;")
    print(f"{pairs} with one worse by what would be seen in {POWER:.0%}: at least {least} should be called so\n")
    print(f"{'kind':18}{'called different':>18}{'worse by':>12}{'called worse':>14}{'ms a pair':>12}")
    fine = True
    for kind in KINDS:
        began = time.perf_counter()
        raised, sizes = alarms(kind, pairs)
        size = median(sizes) if sizes else math.nan
        seen = hits(kind, pairs, size)
        took = (time.perf_counter() - began) / pairs / 2
        wrong = " <- off" if raised > most or seen < least else ""
        print(
            f"{kind:18}{raised / pairs:>18.1%}{size:>12.4g}{seen / pairs:>14.1%}{took * 1000:>12.1f}{wrong}", flush=True
        )
        fine &= not wrong
    return fine


REAL = ("better", "worse", "moved")
MOST = 0.059  # of pairs that may be called different: what is stated, and what many pairs leave open
HOLD = (0.93, 0.99)  # of intervals, but for the design that says so


def by_design(pairs: int, which: str) -> bool:
    """Print alarms, power and coverage by design; say whether alarms and coverage are as stated."""
    fine = True
    print(f"\nalarms of {pairs} pairs of runs of one program, at most {MOST:.1%} but for chance")
    most = int(binom.isf(CHANCE, pairs, LEVEL))
    for design in ALIKE:
        if not re.search(which, design.name):
            continue
        draw = np.random.default_rng(seed(design))
        raised = sum(
            any(metric.verdict in REAL for metric in compare_metrics(*sides(design, draw, 0.0))) for _ in range(pairs)
        )
        wrong = raised > most
        fine &= not wrong
        print(f"{design.name:52}{raised / pairs:>8.1%}{'  <- off' if wrong else ''}", flush=True)
    print("\na move, how often it is seen, and how often by the best test of one who knows how the values were made")
    for design in MOVED:
        if not re.search(which, design.name):
            continue
        draw = np.random.default_rng(seed(design))
        seen = sum(compare_metrics(*sides(design, draw, design.size))[0].verdict in REAL for _ in range(pairs))
        draw = np.random.default_rng(seed(design))
        ps = [best_p(design, draw, design.size) for _ in range(pairs)]
        best = "-" if None in ps else f"{sum(p < LEVEL for p in ps if p is not None) / pairs:.1%}"
        print(f"{design.name:52}{seen / pairs:>8.1%}{best:>10}", flush=True)
    print("\nhow often the interval holds a move, and its width")
    for design, truth in COVERED:
        if not re.search(which, design.name):
            continue
        draw = np.random.default_rng(seed(design))
        found = [compare_metrics(*sides(design, draw, design.size))[0].interval for _ in range(pairs)]
        ends = [one or (0.0, 0.0) for one in found]
        held = sum(low - 1e-9 <= truth <= high + 1e-9 for low, high in ends) / pairs
        wrong = not HOLD[0] <= held <= HOLD[1] and "too few" not in design.name
        fine &= not wrong
        width = median(high - low for low, high in ends)
        print(f"{design.name:52}{held:>8.1%}{width:>10.3g}{'  <- off' if wrong else ''}", flush=True)
    return fine


def sizes(pairs: int, which: str) -> bool:
    """Print how often a move is seen that unmoved pairs say they would see four times in five, by design."""
    print(f"\na move of the size that would be seen in {POWER:.0%}, and how often it is: {POWER - FAR:.0%} at least")
    fine = True
    for design in SIZED:
        if not re.search(which, design.name):
            continue
        draw = np.random.default_rng(seed(design))
        still = [compare_metrics(*sides(design, draw, 0.0))[0] for _ in range(pairs // 4)]
        size = median([one.detectable for one in still if one.detectable is not None])
        # Latencies are moved by a factor; rates downward, where there is room.
        move = size / median([float(one.a or 0) for one in still]) if "latency n" in design.name else size
        move = -move if "rates" in design.name else move
        seen = sum(compare_metrics(*sides(design, draw, move))[0].verdict in REAL for _ in range(pairs)) / pairs
        wrong = seen < POWER - FAR - 3 * (POWER * (1 - POWER) / pairs) ** 0.5
        fine &= not wrong
        print(f"{design.name:52}{size:>10.4g}{seen:>8.1%}{'  <- off' if wrong else ''}", flush=True)
    return fine


def speed() -> None:
    """Print how long two large runs take, the values being there."""
    draw = random.Random(1)
    names = ("accuracy", "latency_ms", "steps")
    sides = [
        Side(
            (
                manifest(
                    {
                        f"scenario {i}": dict(
                            zip(names, (draw.random() < 0.8, draw.lognormvariate(0, 1), i % 7), strict=True)
                        )
                        for i in range(SCENARIOS)
                    }
                ),
            )
        )
        for _ in range(2)
    ]
    compare_metrics(*sides)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        compare_metrics(*sides)
        times.append(time.perf_counter() - began)
    print(f"\n2 runs of {SCENARIOS} scenarios and {len(names)} metrics: {min(times):.3f} s")


def main() -> int:
    """Print all of it; 1 where a rate is off."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS
    which = sys.argv[2] if len(sys.argv) > 2 else ""
    fine = True
    if not which:
        fine &= rates(pairs)
        speed()
    fine &= by_design(pairs, which)
    fine &= sizes(pairs, which)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
