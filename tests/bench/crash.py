"""Every call of a recording and of a repair goes wrong in every way; then a long campaign of crashes against one store.

Usage: python tests/bench/crash.py [--seconds N] [--seed N]
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "store"))

import test_store_crash
from store_faults import MODES, Faults, lifecycle
from store_runs import NOON, ended, in_child, in_order, manifests_of

from evalprov.errors import EvalprovError
from evalprov.store.read import history, load
from evalprov.store.repair import repair

AT_ONCE = 6
ROUNDS_A_STORE = 25


def recorder(path: str, chance: random.Random) -> int:
    """Record runs, at a random call with a random fault, some of them on a disk without links."""
    faults = Faults(chance.randrange(1, 60), chance.choice(MODES), links=chance.random() < 0.8)
    return lifecycle(path, faults, NOON + chance.randrange(3))


def endless(path: str, chance: random.Random) -> int:
    """Record runs until killed."""
    while True:
        lifecycle(path, Faults(0, "die"), NOON + chance.randrange(3))


def doctor(path: str, chance: random.Random) -> int:
    """Repair, with a random fault."""
    Faults(chance.randrange(1, 60), chance.choice(MODES)).install()
    try:
        repair(path, rebuild=chance.random() < 0.3)
    except EvalprovError:
        return 3
    return 0


def reader(path: str, chance: random.Random) -> int:
    """Read the history and a run of it while all that goes on."""
    try:
        for line in history(path, chance.randrange(1, 9)).lines:
            load(path, line["run_id"])
    except EvalprovError as refused:
        return 0 if "no runs here yet" in refused.message else 1
    return 0


def one_round(path: str, chance: random.Random, tally: Counter[str]) -> None:
    """Let a few processes loose on a store, some killed from outside at a random moment."""
    going = []
    for _ in range(AT_ONCE):
        work = chance.choice((recorder, recorder, endless, doctor, reader))
        own = random.Random(chance.random())
        going.append((in_child(work, path, own), work))
    time.sleep(chance.uniform(0, 0.03))
    for pid, work in going:
        if work is endless or chance.random() < 0.3:
            os.kill(pid, signal.SIGKILL)
    for pid, work in going:
        code = ended(pid)
        tally[f"{work.__name__} {code}"] += 1
        allowed = {0, 137, -signal.SIGKILL, *((3, 125) if work in (recorder, doctor) else ())}
        if code not in allowed:
            sys.exit(f"{work.__name__} ended with {code} in {path}")


def every_call() -> None:
    """Try all that `make test` tries a part of: each call of a recording and of a repair, in each way."""
    test_store_crash.CALLS = dict.fromkeys(MODES, (1, 1))
    with tempfile.TemporaryDirectory() as folder:
        for mode in MODES:
            for before in ("nothing", "runs", "no links"):
                place = Path(folder, mode, before)
                place.mkdir(parents=True)
                test_store_crash.test_every_call_of_a_recording_may_be_its_last_or_fail(place, mode, before)
            place = Path(folder, mode, "repair")
            place.mkdir()
            test_store_crash.test_every_call_of_a_repair_may_be_its_last_or_fail(place, mode)
    print("crashes: every call of a recording and of a repair may be its last or fail")


def main() -> None:
    """Run the campaign and say what was survived."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    asked = options.parse_args()
    every_call()
    chance = random.Random(asked.seed)
    print(f"crashes: seed {asked.seed}, {asked.seconds:g} s")
    tally: Counter[str] = Counter()
    records = rounds = 0
    until = time.monotonic() + asked.seconds
    while time.monotonic() < until:
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/metrics"
            finished: dict[str, bytes] = {}
            for _ in range(ROUNDS_A_STORE):
                one_round(path, chance, tally)
                rounds += 1
                if not os.path.isdir(path):
                    continue
                repair(path)
                again = repair(path)
                if again:
                    sys.exit(f"a second repair found more to do: {again}")
                in_order(path, finished)
                finished = manifests_of(path)
            records += len(finished)
    for name, count in sorted(tally.items()):
        print(f"  {count:6}  {name}")
    print(f"crashes: {rounds} rounds, {records} records, none lost, torn or altered; every repair final")


if __name__ == "__main__":
    main()
