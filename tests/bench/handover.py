"""What handing over 100,000 scenarios costs: CPU seconds and memory beyond reading the record, target by target.

Of those that need a client, what it takes to make all that the client is given is told apart: the rest is the tool's
own time, of which ours may be a fifth. They are measured where their client is:
`.venv-peers/bin/python tests/bench/handover.py mlflow parquet`.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "handover"))
sys.path.insert(0, str(Path(__file__).parents[1]))
from gate_runs import Store
from handed_records import RUN, full
from standins import serving

from evalprov.handover.targets import TARGETS

SCENARIOS = 100_000
SMALL = "20260919T143000Z"
ALLOWED_SECONDS = 5.0  # for all of it, on a processor that reads a short line of JSON in two microseconds
ALLOWED_SHARE = 0.2  # of the tool's own time, where that alone is more
ALLOWED_MB = 120  # beyond the record, which is in memory whole
# What LangSmith says of itself, and any keys: those who are asked here take whatever they get.
_BATCHES = {"use_multipart_endpoint": True, "size_limit": 100, "size_limit_bytes": 20_000_000}
_SCALE = {"scale_up_qsize_trigger": 1000, "scale_up_nthreads_limit": 16, "scale_down_nempty_trigger": 4}
_INFO = {"version": "0.12.0", "batch_ingest_config": {**_BATCHES, **_SCALE}, "accepted": 1}
_KEYS = {"LANGSMITH_API_KEY": "x", "LANGFUSE_PUBLIC_KEY": "a", "LANGFUSE_SECRET_KEY": "b", "WANDB_MODE": "offline"}
_PROBE = """
import json, resource, sys
from evalprov.cli import main
code = main(sys.argv[1:])
used, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
seconds = used.ru_utime + used.ru_stime + others.ru_utime + others.ru_stime
print(json.dumps([code, seconds, used.ru_maxrss / 1024]), file=sys.stderr)
"""
_READ = """
import json, os, resource, sys
from evalprov.secrets import Scrubber
from evalprov.store import read
from evalprov.store.gate import hide_secrets
import evalprov.cli.export
record = read.load(sys.argv[1], sys.argv[2])
hide_secrets(record, Scrubber(os.environ))
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([0, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]), file=sys.stderr)
"""
# All that the tool would be given, made and thrown away.
_MAKE = """
import json, resource, sys
import evalprov.cli.export
from evalprov.handover.parcel import FileContent, Rows, SendOptions
from evalprov.handover.targets import named
from evalprov.store import read
record = read.load(sys.argv[1], sys.argv[2])
for part in named(sys.argv[3]).packed(record, SendOptions("/nowhere", sys.argv[4])).parts.values():
    for _ in part.chunks() if isinstance(part, FileContent) else part.each() if isinstance(part, Rows) else ():
        pass
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([0, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]), file=sys.stderr)
"""


def measured(code: str, folder: Path, *words: str) -> tuple[float, float]:
    """Return the CPU seconds and the MB of a process that must succeed."""
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=folder, capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    failed, seconds, megabytes = json.loads(last) if last.startswith("[") else (1, 0.0, 0.0)
    if failed:
        raise SystemExit(f"{words}: {done.stderr[-800:]}")
    return seconds, megabytes


def yardstick() -> float:
    """Return how slow this processor is just now, against the one that the bound is for."""
    line = b'{"scenario": "case-000001", "metrics": {"accuracy": 0.123456789}}'
    best = 1.0
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        for _ in range(20_000):
            json.loads(line)
        best = min(best, resource.getrusage(resource.RUSAGE_SELF).ru_utime - before)
    return max(best / 20_000 / 2e-6, 1.0)


def main(wanted: list[str]) -> int:
    """Print a line a target; return 1 where one takes too much."""
    slower, wrong = yardstick(), 0
    with tempfile.TemporaryDirectory() as made, serving(lambda _: (200, _INFO)) as server:
        folder = Path(made)
        Store(folder / "metrics").put(full(RUN, SCENARIOS), full(SMALL, 3))
        base = measured(_READ, folder, str(folder / "metrics"), RUN)
        print(f"{'reading it':<18} {base[0]:5.2f} s CPU  {base[1]:5.0f} MB   ({slower:.1f} times slower than stated)")
        for target in TARGETS:
            if target.name not in wanted if wanted or target.extra else False:
                continue
            url = f"sqlite:///{folder}/mlflow.db" if target.name == "mlflow" else server.url
            where = ["--url", url] if target.url else []
            server.taken.clear()
            seconds, megabytes = measured(_PROBE, folder, "export", RUN, "--to", target.name, *where)
            beyond = seconds - base[0]
            told = f"{seconds:5.2f} s CPU  {megabytes:5.0f} MB   beyond reading it {beyond:5.2f} s"
            quick = seconds <= ALLOWED_SECONDS * slower
            if target.extra:
                # What its client takes for three scenarios is its own.
                small = measured(_PROBE, folder, "export", SMALL, "--to", target.name, *where)
                megabytes -= small[1] - base[1]
                ours = measured(_MAKE, folder, str(folder / "metrics"), RUN, target.name, url)[0] - base[0]
                share = ours / max(beyond - ours, 0.01)
                told += f", of that ours {ours:.2f} s ({share:.0%} of the tool's own)"
                quick = quick or share <= ALLOWED_SHARE
            fits = quick and megabytes - base[1] <= ALLOWED_MB
            wrong += not fits
            print(f"{target.name:<18} {told}, {megabytes - base[1]:4.0f} MB{'' if fits else '   TOO MUCH'}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    os.environ.update(_KEYS)
    sys.exit(main(sys.argv[1:]))
