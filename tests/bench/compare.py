"""Comparing many programs: how often equal ones are called different, and what a table of them costs.

Of N equal programs any verdict that one differs may be given in at most 5 of 100 tables, and no other may be called
better than all; where all but the first are equal and better than it, the leader may be told from any of them in at
most 5 of 100. A table of 100 programs of 1,000 scenarios must take 4 s of CPU, of 1,000 programs 30 s and 400 MB.
Seeds are fixed.

Usage: python tests/bench/compare.py [--times N] [--only error|speed]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from generated import manifest

from evalprov.judge.contest import Contest, Lead
from evalprov.judge.metric_diff import REAL, Side
from evalprov.record.form import encode, history_line
from evalprov.record.identity import identify

ALLOWED = 0.05
TABLES = 200
SCENARIOS = 100
Rng = np.random.Generator


class Kind(NamedTuple):
    """Programs made up: the values of one run, drawn about how hard each scenario is, and higher by a step."""

    name: str
    metric: str
    draw: Callable[[Rng, np.ndarray, float], np.ndarray]


def rates(rng: Rng, hard: np.ndarray, step: float) -> np.ndarray:
    """Return rights and wrongs."""
    return rng.random(len(hard)) < np.clip(hard + step, 0, 1)


def numbers(rng: Rng, hard: np.ndarray, step: float) -> np.ndarray:
    """Return numbers with long tails."""
    return np.exp(hard + rng.normal(0, 0.4, len(hard))) + step


def moody(rng: Rng, hard: np.ndarray, step: float) -> np.ndarray:
    """Return numbers that a whole run moves together."""
    return hard + rng.normal(0, 0.3, len(hard)) + rng.normal(0, 0.2) + step


KINDS = (
    Kind("right or wrong", "accuracy", rates),
    Kind("long tails", "score", numbers),
)
REPEATED = Kind("runs that differ as a whole", "score", moody)


def contest(kind: Kind, seed: int, programs: int, trials: int, steps: float = 0.0) -> tuple[Contest, Lead | None]:
    """Judge programs of which all but the first are higher by a step."""
    rng = np.random.default_rng((seed, programs, trials))
    hard = rng.random(SCENARIOS)
    found: Contest | None = None
    for number in range(programs):
        runs = []
        for trial in range(trials):
            values = kind.draw(rng, hard, steps if number else 0.0).tolist()
            table = {f"s{place}": {kind.metric: value} for place, value in enumerate(values)}
            runs.append(manifest(table, run_id=f"202609{number + 1:02}T12{trial:02}00Z"))
        side = Side(tuple(runs))
        if found is None:
            found = Contest("0", side, f"{kind.metric}_mean")
        else:
            found.enter(str(number), side)
    assert found is not None
    found.settle()
    return found, found.lead()


def errors(times: int) -> int:
    """Print how often equal programs are told apart; return how many bounds are broken."""
    tables, broken = TABLES * times, 0
    print(f"{'equal programs':32} {'programs':>8} {'trials':>6} {'any called different':>22} {'leader told apart':>20}")
    cases = [
        (kind, programs, trials) for kind in KINDS for programs, trials in ((2, 1), (2, 3), (5, 1), (5, 3), (20, 1))
    ]
    cases += [(REPEATED, 5, 3), (REPEATED, 5, 5), (REPEATED, 20, 3)]
    for kind, programs, trials in cases:
        equal = [contest(kind, seed, programs, trials) for seed in range(tables)]
        different = sum(any(one.verdict in REAL for one in found.judged.values()) for found, _ in equal)
        ahead = 0
        if programs > 2 and kind is not REPEATED:
            step = 2.0 if kind.draw is numbers else 0.35
            better = [
                lead for _, lead in (contest(kind, seed, programs, trials, step) for seed in range(tables)) if lead
            ]
            # The first is worse for real, and every other is equal: the leader must be level with all of these.
            ahead = sum(lead.proven and len(lead.level_with) < programs - 2 for lead in better)
        bound = ALLOWED + 2 * (ALLOWED * (1 - ALLOWED) / tables) ** 0.5
        broken += different > bound * tables or ahead > bound * tables
        print(
            f"{kind.name:32} {programs:8} {trials:6} {different:12} of {tables:<6} {ahead:10} of {tables:<6}",
            flush=True,
        )
    return broken


def store(folder: Path, programs: int) -> None:
    """Write a store of so many programs with a thousand scenarios each."""
    (folder / "runs").mkdir(parents=True)
    draw, hard = random.Random(programs), [random.Random(place).random() for place in range(1000)]
    with open(folder / "eval_history.jsonl", "wb") as history:
        for number in range(programs):
            day, rest = divmod(number, 1000)
            run_id = f"202609{day + 1:02}T{rest // 60:02}{rest % 60:02}00Z"
            rows: Any = {
                f"case-{place:05}": {
                    "correct": draw.random() < ease,
                    "latency_ms": round(draw.lognormvariate(5, 0.5), 2),
                    "cost_usd": round(draw.random() / 100, 6),
                }
                for place, ease in enumerate(hard)
            }
            m = manifest(rows, run_id=run_id)
            m["timestamp"] = f"2026-09-{day + 1:02}T{rest // 60:02}:{rest % 60:02}:00Z"
            m["model_config"] = {"model": "m", "temperature": number / 1000}
            m["tags"] = ["compared"]
            m["duration_seconds"] = 1.0 + number % 7
            m["identity"] = identify(m)
            (folder / "runs" / f"{run_id}.json").write_bytes(encode(m))
            history.write(history_line(m))


def speed() -> int:
    """Print what tables of many programs cost; return how many bounds are broken."""
    broken = 0
    for programs, seconds in ((100, 4.0), (1000, 30.0)):
        with tempfile.TemporaryDirectory() as folder:
            store(Path(folder) / "metrics", programs)
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            words = ["compare", "--tag", "compared", "--json", "--pareto", "cost_usd,correct", "--store", "metrics"]
            done = subprocess.run(
                [sys.executable, "-m", "evalprov", *words], cwd=folder, check=True, capture_output=True,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)},
            )  # fmt: skip
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            document = json.loads(done.stdout)
            assert len(document["rows"]) == programs
            memory = after.ru_maxrss / 1024
            print(f"{programs} programs of 1,000 scenarios: {took:.2f} s of CPU, {memory:.0f} MB at most", flush=True)
            print(f"  {document['answer']}")
            broken += took > seconds or memory > 400
    return broken


def main() -> int:
    """Print the figures; a bound that is broken fails."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=1, help="so many times as many tables")
    parser.add_argument("--only", choices=("error", "speed"))
    given = parser.parse_args()
    broken = 0
    if given.only != "error":
        broken += speed()
    if given.only != "speed":
        broken += errors(given.times)
    print("failed" if broken else "as asked")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
