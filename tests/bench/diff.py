"""What comparing costs: `evalprov diff --json` of two large records, held against a process that only loads both."""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from evalprov.record.form import blank, encode
from evalprov.record.identity import identify

SCENARIOS = 100_000
TIMES = 5
BOUND = 3.0
RUNS = ("20260920T143000Z", "20260921T143000Z")
LOAD = "import sys; from evalprov.store.read import load; [load(sys.argv[1], run) for run in sys.argv[2:]]"


def record(store: Path, run_id: str, seed: int, shift: float) -> int:
    """Write a run of many scenarios with a rate, a time and a count; return its size."""
    rng = random.Random(seed)
    hard = random.Random(0)
    manifest = blank(run_id, "2026-09-20T14:30:00Z")
    metrics: dict[str, dict[str, Any]] = {
        f"case-{number:06d}": {
            "correct": rng.random() < 0.8 * hard.random() + 0.1 + shift,
            "latency_ms": round(200 + 100 * rng.random(), 3),
            "tool_calls": rng.randrange(1, 9),
        }
        for number in range(seed, SCENARIOS + seed)
    }
    names = ("correct", "latency_ms", "tool_calls")
    summary = {f"{name}_mean": sum(row[name] for row in metrics.values()) / len(metrics) for name in names}
    manifest |= {"metrics": metrics, "metric_summary": summary, "scenarios_run": list(metrics), "status": "completed"}
    manifest["model_config"] = {"model": "m-1", "temperature": shift}
    manifest["software"] |= {"packages": {f"package-{i}": f"1.{i}" for i in range(300)}, "packages_hash": "sha256:0"}
    manifest["code"]["tree"] = "0" * 40
    manifest["infra"]["gpu"] = {"devices": [], "driver": None, "cuda": None, "visible": None}
    manifest["identity"] = identify(manifest)
    (store / "runs").mkdir(parents=True, exist_ok=True)
    data = encode(manifest)
    (store / "runs" / f"{run_id}.json").write_bytes(data)
    return len(data)


def measured(argv: list[str]) -> tuple[float, float, bytes]:
    """Run a program; return its seconds, the MiB it used at most, and what it printed."""
    read, write = os.pipe()
    began = time.perf_counter()
    actions = [(os.POSIX_SPAWN_DUP2, write, 1), (os.POSIX_SPAWN_CLOSE, read)]
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    pid = os.posix_spawn(argv[0], argv, environ, file_actions=actions)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    _, status, used = os.wait4(pid, 0)
    took = time.perf_counter() - began
    assert os.waitstatus_to_exitcode(status) == 0, argv
    return took, used.ru_maxrss / 1024, said


def compared(shift: int) -> float:
    """Print what loading and comparing two runs cost whose scenarios are so many places apart; return the ratio."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "metrics")
        sizes = [record(store, run, seed, warm) for run, seed, warm in zip(RUNS, (0, shift), (0.0, 0.02), strict=True)]
        load = [sys.executable, "-c", LOAD, str(store), *RUNS]
        diff = [sys.executable, "-m", "evalprov", "diff", *RUNS, "--json", "--store", str(store)]
        loads, diffs = [], []
        for _ in range(TIMES):
            loads.append(measured(load))
            diffs.append(measured(diff))
    found = json.loads(diffs[0][2])
    assert found["scenarios"]["both"] == SCENARIOS - shift
    assert found["answer"]["kind"] == "attributed", found["answer"]
    print(f"{SCENARIOS:,} scenarios each, {SCENARIOS - shift:,} in both; {sum(sizes) / 1e6:.1f} MB; median of {TIMES}")
    medians = []
    for name, runs in (("load both", loads), ("diff --json", diffs)):
        medians.append(sorted(took for took, _, _ in runs)[TIMES // 2])
        print(f"  {name:12}{medians[-1]:8.3f} s{max(memory for _, memory, _ in runs):8.0f} MiB")
    ratio = medians[1] / medians[0]
    print(f"  ratio {ratio:.2f}, to be under {BOUND:.1f}", flush=True)
    return ratio


def main() -> int:
    """Compare runs of the same scenarios, and of others in part; 1 where that costs too much."""
    return int(max(compared(shift) for shift in (0, 50)) >= BOUND)


if __name__ == "__main__":
    sys.exit(main())
