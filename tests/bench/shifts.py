"""Level shifts: how often noise alone has one, how often a small step is found, and what the search costs.

A step of half a standard deviation in the middle of 400 runs must be found in at least 69 of 100 series; noise must
have none in 300 series of 400 runs and 1,000 of 30; 10,000 runs must take 40 ms. Seeds are fixed.

Usage: python tests/bench/shifts.py [--times N]
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from collections.abc import Callable

from evalprov.stats.shifts import level_shifts

Value = Callable[[random.Random], float]
KINDS: dict[str, Value] = {
    "normal": lambda c: c.gauss(0, 1),
    "Student's t, 3": lambda c: c.gauss(0, 1) / math.sqrt(c.gammavariate(1.5, 2) / 3),
    "without a mean": lambda c: math.tan(math.pi * (c.random() - 0.5)),
    "5 % outliers, 20 x": lambda c: c.gauss(0, 20 if c.random() < 0.05 else 1),
    "2 % outliers below": lambda c: c.gauss(0, 1) - 50 * (c.random() < 0.02),
    "log-normal": lambda c: math.exp(c.gauss(0, 1.5)),
    "rate of 10": lambda c: sum(c.random() < 0.8 for _ in range(10)) / 10,
}
DISCRETE: dict[str, Value] = {
    "yes or no, 50 %": lambda c: c.random() < 0.5,
    "yes or no, 10 %": lambda c: c.random() < 0.1,
    "yes or no, 1 %": lambda c: c.random() < 0.01,
    "98 % the same": lambda c: c.random() if c.random() < 0.02 else 0.9,
}
ASKED = 69


def alarms(value: Value, runs: int, series: int) -> int:
    """Return in how many series of noise a shift is seen."""
    chance = random.Random(runs)
    return sum(bool(level_shifts([value(chance) for _ in range(runs)])) for _ in range(series))


def seconds(values: list[float]) -> float:
    """Return the CPU that a search takes, the least of five."""
    took = []
    for _ in range(5):
        began = time.process_time()
        level_shifts(values)
        took.append(time.process_time() - began)
    return min(took)


def main() -> int:
    """Print the figures; a bound that is broken fails."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=1, help="so many times as many series")
    times = parser.parse_args().times
    failed = 0
    print(f"{'noise':22} {'30 runs':>14} {'400 runs':>14}")
    for name, value in {**KINDS, **DISCRETE}.items():
        found = [alarms(value, 30, 1000 * times), alarms(value, 400, 300 * times)]
        print(f"{name:22} {found[0]:5} of {1000 * times:<6} {found[1]:4} of {300 * times:<6}", flush=True)
        failed += sum(found) > 0 and name in KINDS and times == 1
    chance = random.Random(1)
    steps = [[chance.gauss(at >= 200, 2) for at in range(400)] for _ in range(100 * times)]
    near = [any(abs(shift.at - 200) <= 40 for shift in level_shifts(one)) for one in steps]
    any_ = [bool(level_shifts(one)) for one in steps]
    print(f"a step of 0.5 sd among 400 runs: {sum(any_)} of {len(any_)} found, {sum(near)} within 40 runs of its place")
    failed += sum(any_) < ASKED * times
    flat = [chance.gauss(0, 1) for _ in range(10_000)]
    stairs = [value + at // 2000 % 2 for at, value in enumerate(flat)]
    took = seconds(flat), seconds(stairs)
    print(f"10,000 runs: {took[0] * 1000:.0f} ms of CPU without a shift, {took[1] * 1000:.0f} ms with four")
    failed += took[0] > 0.04
    print("failed" if failed else "as asked")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
