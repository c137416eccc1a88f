"""How fast a gigabyte of output goes through, and how much memory that takes, beside `tee` in the same minute.

Usage: python tests/bench/relay.py [--gigabytes G]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from installed import evalprov

EVALPROV = evalprov()
SOURCES = {
    "zeros": "head -c {n} /dev/zero",
    "short lines": "yes 'step 12 loss 0.123 accuracy 0.77' | head -c {n}",
    "lines about keys": "yes 'key: step 12, password reset for user_17' | head -c {n}",
    "JSON lines": 'yes \'{{"id": 17, "answer": "forty-two", "score": 0.5}}\' | head -c {n}',
}


def timed(script: str) -> tuple[float, float]:
    """Return seconds and the peak memory in MB of a shell line (of its largest process)."""
    began = time.perf_counter()
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", script], os.environ)
    _, status, used = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"failed: {script}")
    return time.perf_counter() - began, used.ru_maxrss / 1024


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser()
    options.add_argument("--gigabytes", type=float, default=1.0)
    count = int(options.parse_args().gigabytes * 1e9)
    work = Path(tempfile.mkdtemp(prefix="evalprov-bench-"))
    os.chdir(work)
    try:
        for name, source in SOURCES.items():
            line = source.format(n=count)
            Path("source.sh").write_text(line + "\n")
            ways = {
                "alone": "sh source.sh > /dev/null",
                "tee": "sh source.sh | tee copy > /dev/null",
                "evalprov run": f"exec {EVALPROV} run --quiet -- sh source.sh > /dev/null",
                "evalprov run | cat": f"{EVALPROV} run --quiet -- sh source.sh | cat > /dev/null",
                "evalprov run --log full": f"exec {EVALPROV} run --quiet --log full -- sh source.sh > /dev/null",
            }
            taken: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
            for _ in range(3):
                for way, script in ways.items():
                    taken[way].append(timed(script))
                    shutil.rmtree("metrics", ignore_errors=True)
                    Path("copy").unlink(missing_ok=True)
            print(f"\n{count / 1e9:g} GB of {name} (median of 3)")
            tee = statistics.median(seconds for seconds, _ in taken["tee"])
            for way, figures in taken.items():
                seconds = statistics.median(s for s, _ in figures)
                memory = max(m for _, m in figures)
                print(f"  {way:<24} {seconds:6.2f} s  {seconds / tee:5.2f} x tee  {memory:6.1f} MB")
            sys.stdout.flush()
    finally:
        os.chdir("/")
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
