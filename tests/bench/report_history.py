"""The page of a long history: how large it is, how long it takes, beside reading the same runs alone.

10,000 runs must fit in 200 kB and take at most 3 s; the times are those of whole processes, the least of several.

Usage: python tests/bench/report_history.py [--runs N] [--rounds N]
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from pathlib import Path

from history import make, measured
from installed import evalprov

SIZE_BOUND, SECONDS_BOUND = 200_000, 3.0


def cpu() -> float:
    """Return the CPU seconds of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Print the figures; a bound that is broken fails."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "metrics"
        make(store, asked.runs)
        target = Path(folder) / "page.html"
        words = ["--store", store]
        drawn = [evalprov(), "report", "--history", "-o", target, *words]
        alone = [evalprov(), "history", "--trend", "accuracy", *words]
        before = cpu()
        page = [measured(drawn)[:2] for _ in range(asked.rounds)]
        took = (cpu() - before) / asked.rounds
        trend = [measured(alone)[:2] for _ in range(asked.rounds)]
        seconds, memory = min(page)
        size = target.stat().st_size
        print(f"{asked.runs:,} runs: {size / 1000:.0f} kB, {seconds:.2f} s ({took:.2f} s of CPU), {memory:.0f} MiB")
        print(f"history --trend of the same: {min(trend)[0]:.2f} s, {min(trend)[1]:.0f} MiB")
    broken = size > SIZE_BOUND or seconds > SECONDS_BOUND
    print("not as asked" if broken else "as asked")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
