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

from evalprov.judge.self_comparison import measure
from evalprov.judge.verdicts import Side

SCENARIOS = 100
MADE_UP = 20
ALARMS = ("trials_differ", "fires_more")


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
    print(f"{'values':<8}{'trials':>7}{'shock':>7}{'alarms':>8}   (of {programs} programs, {SCENARIOS} scenarios each)")
    for rates in (True, False):
        for trials in (3, 6):
            for shock in (0.0, 0.05, 0.2):
                rng = random.Random(f"{rates} {trials} {shock}")
                sides = [program(rng, trials, shock, rates=rates) for _ in range(programs)]
                said = Counter(measure(side, most=MADE_UP).verdict for side in sides)
                share = sum(said[verdict] for verdict in ALARMS) / programs
                # Three standard errors above 5 %.
                wrong = share > 0.05 + 3 * (0.05 * 0.95 / programs) ** 0.5 if not shock else shock > 0.1 and share < 0.8
                failed |= wrong
                print(
                    f"{'0/1' if rates else 'numbers':<8}{trials:>7}{shock:>7}{share:>8.1%}{'  WRONG' if wrong else ''}"
                )
    print(f"took {time.monotonic() - began:.0f} s")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
