"""What a long history costs to annotate, to prune and to ask in SQL, and what a removal that is killed leaves behind.

Beside SQL stands DuckDB itself, told the two keys that it needs and their types, on the same file. In the crash part
real recordings go on while a removal is killed at random moments; then the doctor comes, and what had to stay is held
against what it was.

Usage: python tests/bench/keeping.py [--lines N] [--kills N]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from history import DUCKDB, TABLE, make, measured, said
from installed import TOP, evalprov

sys.path.insert(0, str(TOP / "tests" / "store"))

from store_runs import in_order, lines_of, manifests_of, record

from evalprov.store import notes

FIELDS = {"metric_summary": "STRUCT(accuracy DOUBLE)", "model_config": "STRUCT(temperature DOUBLE)"}


def annotated(program: Path, store: Path, lines: int) -> None:
    """Print what searches cost without annotations, and with one for every tenth run."""
    asked = (["-n", "20"], ["--where", "accuracy>=0.85", "--ids"], ["--where", "tags~suspect", "--ids"])
    for what in ("no notes", f"{lines // 10} notes"):
        for words in asked:
            took, mib, _ = measured([program, "history", *words, "--store", store])
            said(f"history {' '.join(words)}, {what}", took, mib)
        run_ids = re.findall(rb'"run_id": ?"([0-9TZ_]+)"', (store / "eval_history.jsonl").read_bytes())
        (store / "notes").mkdir(exist_ok=True)
        for run_id in random.Random(1).sample(run_ids, lines // 10) if what == "no notes" else ():
            new = notes.NewAnnotation("Ada", "the judge was down", ("suspect",))
            name, data = notes.written(run_id.decode(), new, 1.7e9)
            (store / "notes" / name).write_bytes(data)
    shutil.rmtree(store / "notes")


def asked(program: Path, store: Path, cache: Path) -> bool:
    """Print what a query costs the first time and then, beside DuckDB itself; say whether they agree."""
    os.environ["XDG_CACHE_HOME"] = str(cache)
    both = "model_config['temperature']::DOUBLE = 0.7 AND metric_summary['accuracy'] > 0.7"
    sql = f"SELECT count(*) FROM runs WHERE {both}"
    found = []
    for what in ("first", "again"):
        took, mib, printed = measured([program, "query", sql, "--store", store])
        said(f"query, {what}", took, mib)
        found.append(printed.split()[-1])
    named = ", ".join(f"{name}: '{kind}'" for name, kind in FIELDS.items())
    where = "model_config.temperature = 0.7 AND metric_summary.accuracy > 0.7"
    plain = f"SELECT count(*) FROM {TABLE.format(store / 'eval_history.jsonl', named)} WHERE {where}"
    took, mib, printed = measured([sys.executable, "-c", DUCKDB, plain])
    said("DuckDB itself, on the lines", took, mib)
    size = sum(file.stat().st_size for file in cache.rglob("*.parquet"))
    print(f"  the files of the cache: {size / 1e6:.1f} MB", flush=True)
    return len({*found, printed.split()[-1]}) == 1


def pruned(program: Path, store: Path, place: Path, lines: int) -> bool:
    """Print what it costs to remove half of the runs, each with a record and a log; say whether they are gone."""
    for name in ("runs", "logs", "objects", "active"):
        (place / name).mkdir(parents=True)
    with (store / "eval_history.jsonl").open("rb") as file, (place / "eval_history.jsonl").open("wb") as out:
        for number, line in enumerate(file):
            one = json.loads(line)
            one["parent_run_id"] = one["repeat"] = one["texts"] = one["git"]["patch"] = one["calls"]["source"] = None
            data = json.dumps(one).encode() + b"\n"
            out.write(data)
            (place / "runs" / f"{one['run_id']}.json").write_bytes(data)
            (place / "logs" / f"{one['run_id']}.out").write_bytes(b"x" * 300)
            if number % 10 == 0:
                (place / "objects" / f"{number:064x}").write_bytes(b"y" * 100)
    for words in (["--dry-run"], ["--yes"]):
        took, mib, _ = measured([program, "prune", "--keep-last", str(lines // 2), *words, "--store", place])
        said(f"prune --keep-last {lines // 2} {words[0]}", took, mib)
    left = len(os.listdir(place / "runs")), sum(1 for _ in (place / "eval_history.jsonl").open("rb"))
    return left == (lines // 2, lines // 2) and not os.listdir(place / "objects")


def killed(program: Path, place: Path, kills: int) -> bool:
    """Kill removals at random moments while runs are recorded; say whether all that had to stay is as it was."""
    chance = random.Random(kills)
    cut = resumed = 0
    for number in range(kills):
        store = str(place / f"{number}")
        now = time.time()
        for day in range(60):
            record(store, now - (100.5 - day) * 86400.0, note="n" * 50)
        kept = {run: data for run, data in manifests_of(store).items() if run >= _before(now)}
        new: dict[str, bytes] = {}
        stop = threading.Event()

        def record_on(store: str = store, new: dict[str, bytes] = new, stop: threading.Event = stop) -> None:
            while not stop.is_set():
                run = record(store, time.time())["run_id"]
                new[run] = Path(store, "runs", f"{run}.json").read_bytes()

        recording = threading.Thread(target=record_on)
        recording.start()
        words = [program, "prune", "--older-than", "70d", "--yes", "--store", store]
        removal = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.1, 1.5))
        removal.send_signal(signal.SIGKILL)
        cut += removal.wait() == -signal.SIGKILL
        stop.set()
        recording.join()
        subprocess.run([program, "doctor", "--store", store], check=True, capture_output=True)
        in_order(store, {**kept, **new})
        resumed += len(manifests_of(store)) > len(kept) + len(new)
        done = subprocess.run(words, capture_output=True)
        in_order(store, {**kept, **new})
        if done.returncode or {line["run_id"] for line in lines_of(store)} != {*kept, *new}:
            print(f"  round {number}: {done.stderr.decode()}", flush=True)
            return False
        shutil.rmtree(store)
    print(f"  {cut} of {kills} removals were killed, {resumed} before all that was to go was gone; nothing was lost")
    return True


def _before(now: float) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now - 70 * 86400.0))


def main() -> int:
    """Measure all of it; return 1 where an answer is wrong."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--lines", type=int, default=100_000)
    options.add_argument("--kills", type=int, default=100)
    given = options.parse_args()
    program = evalprov()
    subprocess.run([program.parent / "python", "-m", "pip", "install", "--quiet", "duckdb"], check=True)
    right = True
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        store = place / "store"
        make(store, given.lines)
        print(f"{given.lines} runs", flush=True)
        annotated(program, store, given.lines)
        right &= asked(program, store, place / "cache")
        right &= pruned(program, store, place / "pruned", given.lines)
        right &= killed(program, place, given.kills)
    print("all right" if right else "an answer is wrong")
    return 0 if right else 1


if __name__ == "__main__":
    raise SystemExit(main())
