"""How often two runs of one program are called different, and how often one that became worse is called so."""

from __future__ import annotations

import math
import random
import sys
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent / "compare"))

from generated import KINDS, alarms, hits, manifest
from scipy.stats import binom

from evalprov.compare.evidence import POWER
from evalprov.compare.noise import LEVEL
from evalprov.compare.verdicts import Side, compare_metrics

PAIRS = 1000
CHANCE = 1e-3  # that a row fails where nothing is wrong
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
    fine = rates(int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS)
    speed()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
