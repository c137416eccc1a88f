"""How fast a long history is read: the last runs of it, and a filter over all of it, beside jq and DuckDB.

The lines are those of a real record, with what varies from run to run varied, and a few optional parts left empty so
that a million of them are 4 GB. DuckDB is told the keys that it needs and their types, which is its fastest way. Every
time is that of a whole process, the least of several rounds in turn.

Usage: python tests/bench/history.py [--lines N] [--rounds N]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from installed import TOP, evalprov

from evalprov.record.form import blank, history_line
from evalprov.store import ids
from evalprov.store.decode import decode, decode_line

SAMPLE = TOP / "fixtures" / "manifests" / "schema-3.json"
SMALL = 1000
MIDDLE = 100_000
LAST_BOUND, JQ_BOUND, DUCKDB_BOUND, MEMORY_BOUND = 1.2, 10.0, 2.0, 1.25
DUCKDB = """import sys, duckdb
duckdb.sql('SET enable_progress_bar = false')
print(*(row[0] for row in duckdb.sql(sys.argv[1]).fetchall()), sep='\\n')"""
TABLE = "read_json('{}', format='newline_delimited', columns={{run_id: 'VARCHAR', {}}})"
# A condition, as each of the three has it: one in a hundred, a third, none.
FILTERS = (
    (
        ["accuracy>=0.815"],
        "select(.metric_summary.accuracy >= 0.815)",
        "metric_summary: 'STRUCT(accuracy DOUBLE)'",
        "metric_summary.accuracy >= 0.815",
    ),
    (
        ["scenario=mails", "model_config.temperature=0.7"],
        "",
        "scenario: 'VARCHAR', model_config: 'STRUCT(temperature DOUBLE)'",
        "scenario = 'mails' AND model_config.temperature = 0.7",
    ),
    (["note=wanted"], "", "note: 'VARCHAR'", "note = 'wanted'"),
)


def template() -> str:
    """Return a real line with marks where runs differ."""
    record = decode(SAMPLE.read_bytes())
    empty = blank("", "")
    for part in ("git", "infra", "observed", "output", "capture"):
        record[part] = empty[part]  # type: ignore[literal-required]
    record["run_id"], record["timestamp"], record["scenario"] = "@RUN@", "@TIME@", "@SCENARIO@"
    record["model_config"] = {"provider": "openai", "model": "gpt-4o-mini", "temperature": "@WARM@", "seed": 7}
    record["prompt_versions"] = {"plan": "@PLAN@"}
    record["metric_summary"] = {"accuracy": "@ACCURACY@", "latency_mean": "@LATENCY@", "tickets": 8}
    record["duration_seconds"] = "@TOOK@"  # type: ignore[typeddict-item]
    text = history_line(record).decode()
    for number in ("WARM", "ACCURACY", "LATENCY", "TOOK"):
        text = text.replace(f'"@{number}@"', f"@{number}@")
    return text


def make(path: Path, lines: int) -> None:
    """Write a history of so many runs."""
    chance = random.Random(lines)
    pieces = [
        part if number % 2 == 0 else f"%({part})s"
        for number, part in enumerate(template().replace("%", "%%").split("@"))
    ]
    form = "".join(pieces)
    at = 1_600_000_000
    path.mkdir()
    with (path / "eval_history.jsonl").open("wb", 1 << 20) as file:
        for number in range(lines):
            at += chance.randrange(1, 120)
            run_id = ids.stamp(at)
            line = form % {
                "RUN": run_id,
                "TIME": ids.timestamp(run_id),
                "SCENARIO": chance.choice(("support-tickets", "mails", "chats")),
                "WARM": chance.choice((0, 0.2, 0.7)),
                "PLAN": f"v{number * 9 // lines}",
                "ACCURACY": round(chance.gauss(0.7, 0.05), 4),
                "LATENCY": round(chance.random() * 3, 4),
                "TOOK": round(chance.random() * 90, 3),
            }
            data = line.encode()
            if number in (0, lines - 1):
                decode_line(data)
            file.write(data)


def measured(argv: list[str | Path]) -> tuple[float, float, bytes]:
    """Run a program; return its seconds, the MiB that it and its children had at most, and what it printed."""
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile() as printed:
        began = time.perf_counter()
        child = psutil.Popen(argv, stdout=printed, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=environ)
        most = 0
        while child.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                most = max(most, sum(one.memory_info().rss for one in (child, *child.children())))
            with contextlib.suppress(psutil.TimeoutExpired):
                child.wait(0.02)
        took = time.perf_counter() - began
        if child.returncode:
            raise SystemExit(f"{argv[0]} ended with {child.returncode}")
        printed.seek(0)
        return took, most / (1 << 20), printed.read()


def best(programs: list[list[str | Path]], rounds: int) -> list[tuple[float, float, bytes]]:
    """Return the least time, the most memory, and what was printed, of several rounds in turn."""
    found = zip(*([measured(argv) for argv in programs] for _ in range(rounds)), strict=True)
    return [(min(took for took, _, _ in one), max(mib for _, mib, _ in one), one[0][2]) for one in found]


def said(name: str, seconds: float, mib: float, more: str = "") -> None:
    """Print one line of the table."""
    print(f"  {name:52}{seconds:8.2f} s{mib:8.0f} MiB  {more}", flush=True)


def last_runs(program: Path, small: Path, large: Path, rounds: int) -> bool:
    """Print what the last 20 runs cost in a short and a long history; say whether it is much the same."""
    found: dict[Path, list[tuple[float, float]]] = {small: [], large: []}
    for _ in range(rounds):
        for store, taken in found.items():
            taken.append(measured([program, "history", "-n", "20", "--store", store])[:2])
    short, long = (statistics.median(took for took, _ in taken) for taken in found.values())
    ratio = long / short
    for store, name, took in ((small, f"-n 20 of {SMALL:,} runs", short), (large, "-n 20 of all", long)):
        more = f"{ratio:.2f}x (at most {LAST_BOUND})" if store is large else ""
        said(f"evalprov history {name}", took, max(mib for _, mib in found[store]), more)
    return ratio <= LAST_BOUND


def filters(program: Path, store: Path, rounds: int) -> bool:
    """Print what filters cost beside others, and say whether the answers agree and the bounds hold."""
    file = store / "eval_history.jsonl"
    held = True
    for where, jq, types, sql in FILTERS:
        conditions = [word for one in where for word in ("--where", one)]
        query = f"SELECT run_id FROM {TABLE.format(file, types)} WHERE {sql}"
        command: list[str | Path] = [program, "history", "-n", "all", "--ids", "--store", store, *conditions]
        (took, mib, printed), theirs = best([command, [sys.executable, "-c", DUCKDB, query]], rounds)
        answer = sorted(printed.split())
        print(f"\n  {' and '.join(where)}: {len(answer):,} runs")
        said("evalprov", took, mib, f"{file.stat().st_size / took / 1e9:.2f} GB/s")
        ratio = took / theirs[0]
        said("duckdb", theirs[0], theirs[1], f"evalprov takes {ratio:.2f}x its time (at most {DUCKDB_BOUND})")
        same = sorted(theirs[2].split()) == answer
        held = held and ratio <= DUCKDB_BOUND
        if jq:
            theirs = measured(["jq", "-r", f"{jq} | .run_id", file])
            ratio = theirs[0] / took
            said("jq", theirs[0], theirs[1], f"evalprov is {ratio:.1f}x as fast (at least {JQ_BOUND})")
            same = same and sorted(theirs[2].split()) == answer
            held = held and ratio >= JQ_BOUND
        if not same:
            print("  the answers differ")
        held = held and same
    return held


def memory(program: Path, middle: Path, large: Path) -> bool:
    """Print the memory of work over a part and over all, and say whether it is much the same."""
    held = True
    print()
    for words in (["--where", "accuracy>=0.815", "-n", "all", "--ids"], ["--sort", "-accuracy", "-n", "20", "--ids"]):
        (_, some, _), (took, mib, _) = (
            measured([program, "history", *words, "--store", one]) for one in (middle, large)
        )
        more = f"{mib / some:.2f}x the memory of {MIDDLE:,} runs (at most {MEMORY_BOUND})"
        said(f"evalprov history {' '.join(words)}", took, mib, more)
        held = held and mib / some <= MEMORY_BOUND
    return held


def main() -> int:
    """Make the histories, print the table, and return 1 where a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    program = evalprov()
    with tempfile.TemporaryDirectory(prefix="evalprov-bench-") as folder:
        needed = given.lines * len(template()) * 1.2
        if shutil.disk_usage(folder).free < needed:
            print(f"needs {needed / 1e9:.0f} GB in {folder}: set TMPDIR, or give --lines")
            return 1
        stores = [Path(folder, name) for name in ("small", "middle", "large")]
        for store, lines in zip(stores, (SMALL, min(MIDDLE, given.lines), given.lines), strict=True):
            make(store, lines)
        size = (stores[2] / "eval_history.jsonl").stat().st_size
        print(f"a history of {given.lines:,} runs, {size / 1e9:.1f} GB, {os.cpu_count()} cores")
        held = [
            last_runs(program, stores[0], stores[2], 5 * given.rounds),
            filters(program, stores[2], given.rounds),
            memory(program, stores[1], stores[2]),
        ]
    print("\nall bounds hold" if all(held) else "\na bound is broken")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
