"""What comparing costs: `evalprov diff --json` of two large records, held against a process that only loads both."""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from evalprov.record.form import blank, encode
from evalprov.record.identity import identify

SCENARIOS = 100_000
TIMES = 5
BOUND = 3.0
METRICS = 10
GATED = 3
SECONDS = 10.0
MEMORY = 400
RUNS = ("20260920T143000Z", "20260921T143000Z")
LOAD = "import sys; from evalprov.store.read import load; [load(sys.argv[1], run) for run in sys.argv[2:]]"


def correlated(seed: int, fall: float) -> dict[str, dict[str, Any]]:
    """Return many scenarios with ten numbers that go together and have long tails; the first is lower by so much."""
    import numpy as np

    hard = np.random.default_rng(0).normal(0, 1, SCENARIOS)
    draw = np.random.default_rng(seed)
    common = draw.normal(0, 0.5, SCENARIOS)
    columns = [
        np.exp((hard + common + draw.normal(0, 0.5, SCENARIOS)) / 2) - fall * (not number) for number in range(METRICS)
    ]
    table = np.round(np.array(columns), 4).T.tolist()
    names = [f"score_{number}" for number in range(METRICS)]
    return {f"case-{place:06d}": dict(zip(names, row, strict=True)) for place, row in enumerate(table)}


def record(
    store: Path, run_id: str, seed: int, shift: float, *, metrics: dict[str, dict[str, Any]] | None = None
) -> int:
    """Write a run of many scenarios, of a rate, a time and a count unless others are given; return its size."""
    rng = random.Random(seed)
    hard = random.Random(0)
    manifest = blank(run_id, "2026-09-20T14:30:00Z")
    metrics = metrics or {
        f"case-{number:06d}": {
            "correct": rng.random() < 0.8 * hard.random() + 0.1 + shift,
            "latency_ms": round(200 + 100 * rng.random(), 3),
            "tool_calls": rng.randrange(1, 9),
        }
        for number in range(seed, SCENARIOS + seed)
    }
    names = next(iter(metrics.values()))
    summary = {f"{name}_mean": sum(row[name] for row in metrics.values()) / len(metrics) for name in names}
    if "score_0" in names:
        summary["score_0_p95"] = sorted(row["score_0"] for row in metrics.values())[int(0.95 * (len(metrics) - 1))]
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


class Measured(NamedTuple):
    """What a process cost, and what it printed."""

    seconds: float
    processor: float
    memory: float
    said: bytes


def measured(argv: list[str], ends: tuple[int, ...] = (0,)) -> Measured:
    """Run a program; return its seconds, those of a processor, the MiB it used at most, and what it printed."""
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
    assert os.waitstatus_to_exitcode(status) in ends, argv
    return Measured(took, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, said)


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
    found = json.loads(diffs[0].said)
    assert found["scenarios"]["both"] == SCENARIOS - shift
    assert found["answer"]["kind"] == "attributed", found["answer"]
    print(f"{SCENARIOS:,} scenarios each, {SCENARIOS - shift:,} in both; {sum(sizes) / 1e6:.1f} MB; median of {TIMES}")
    medians = []
    for name, runs in (("load both", loads), ("diff --json", diffs)):
        medians.append(sorted(run.seconds for run in runs)[TIMES // 2])
        print(f"  {name:12}{medians[-1]:8.3f} s{max(run.memory for run in runs):8.0f} MiB")
    ratio = medians[1] / medians[0]
    print(f"  ratio {ratio:.2f}, to be under {BOUND:.1f}", flush=True)
    return ratio


def gated() -> bool:
    """Print what the gate costs where so many metrics go together, and a quantile beside them; say whether too much."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "metrics")
        for run, seed, fall in zip(RUNS, (1, 2), (0.0, 0.008), strict=True):
            record(store, run, seed, 0.0, metrics=correlated(seed, fall))
        gate = [sys.executable, "-m", "evalprov", "gate", "--baseline", f"run:{RUNS[0]}", RUNS[1], "--json"]
        runs = [measured([*gate, "--store", str(store)], ends=(0, 1)) for _ in range(GATED)]
    found = json.loads(runs[0].said)
    judged = [one for one in found["metrics"] if one["p"] is not None]
    assert len(judged) == METRICS + 1, found["answer"]
    took, busy, used = (min(run.seconds for run in runs), min(run.processor for run in runs),
                        max(run.memory for run in runs))  # fmt: skip
    print(f"{SCENARIOS:,} scenarios, {METRICS} metrics that go together and a quantile; best of {GATED}")
    print(f"  gate --json {took:8.3f} s{used:8.0f} MiB, to be under {SECONDS:.0f} s and {MEMORY} MiB")
    print(f"  of which a processor was busy for {busy:.3f} s; {found['answer']}")
    return min(took, busy) > SECONDS or used > MEMORY


def main() -> int:
    """Compare runs of the same scenarios, and of others in part; 1 where that costs too much."""
    slow = max(compared(shift) for shift in (0, 50)) >= BOUND
    return int(gated() or slow)


if __name__ == "__main__":
    sys.exit(main())
