"""How often `noise` says of made-up programs that their trials differ, or that the gate fires too often.

Where trials differ by chance alone it may say so of 1 in 20 programs; where something moves whole trials it should.

Usage: python tests/bench/noise.py [--programs N]
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from gate_runs import record
from scipy.stats import binom

from evalprov.judge.metric_diff import Side
from evalprov.judge.self_comparison import measure
from evalprov.stats.noise import LEVEL

SCENARIOS = 100
MADE_UP = 20
ALARMS = ("trials_differ", "fires_more")
STILL = 5  # times as many programs where nothing differs: that is rare
CHANCE = 1e-3  # that a row fails where nothing is wrong


def program(rng: random.Random, trials: int, shock: float, *, rates: bool) -> Side:
    """Make up a program's trials; a shock moves all of a trial's scenarios together."""
    levels = [rng.random() for _ in range(SCENARIOS)]
    runs = []
    for trial in range(trials):
        moved = rng.gauss(0, shock)
        if rates:
            values: list[bool] | list[float] = [rng.random() < level + moved for level in levels]
        else:
            values = [level + moved + rng.gauss(0, 0.3) for level in levels]
        runs.append(record(f"20260920T12{trial:04d}Z", {"score": values}))
    return Side(tuple(runs))


def main() -> int:
    """Print the table; fail where alarms are more than chance allows, or a large shock goes unseen."""
    options = argparse.ArgumentParser()
    options.add_argument("--programs", type=int, default=60)
    programs = options.parse_args().programs
    began = time.monotonic()
    failed = False
    print(f"{'values':<8}{'trials':>7}{'shock':>7}{'of':>6}{'alarms':>8}   ({SCENARIOS} scenarios each)")
    for rates in (True, False):
        for trials in (2, 3, 6):
            for shock in (0.0, 0.05, 0.2):
                rng = random.Random(f"{rates} {trials} {shock}")
                of = programs if shock else STILL * programs
                said = Counter(
                    measure(program(rng, trials, shock, rates=rates), most=MADE_UP).verdict for _ in range(of)
                )
                alarms = sum(said[verdict] for verdict in ALARMS)
                unseen = shock > 0.1 and trials > 2 and alarms < 0.8 * of
                wrong = unseen or (not shock and alarms > binom.isf(CHANCE, of, LEVEL))
                failed |= wrong
                row = f"{'0/1' if rates else 'numbers':<8}{trials:>7}{shock:>7}{of:>6}{alarms / of:>8.1%}"
                print(row + ("  WRONG" if wrong else ""), flush=True)
    print(f"took {time.monotonic() - began:.0f} s")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
