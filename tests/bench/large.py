"""What a large eval costs after its end: CPU seconds beyond decoding and writing, memory, and the history line."""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from evalprov.record.form import LINE_LIMIT, blank, counts_of, encode, history_line
from evalprov.record.identity import identify
from evalprov.reported import Scanner, gather, merge_reported
from evalprov.run.cleaning import scrubbed
from evalprov.secrets import Scrubber
from evalprov.store import Store
from evalprov.store.gate import hide_secrets
from evalprov.store.texts import keep_texts

SIZES = (10_000, 100_000, 200_000)
FORMS = ("lines", "lines and facts", "one line", "one line and facts", "map in several", "report file", "result file")
TEXT = 500  # bytes
ALLOWED_TEXTS = 6.0  # seconds that keeping 100,000 of them may take, on such a processor
ALLOWED_MEMORY = 32e6  # bytes more than without them
ALLOWED_SECONDS = 2.0  # for 100,000 scenarios, on a processor that reads a short line of JSON in two microseconds
_SHORT_LINE = b'{"scenario": "case-000001", "metrics": {"accuracy": 0.123456789}}'
SECRETS = {"OPENAI_API_KEY": "sk-abcdefghijkl1234567890", "DB_PASSWORD": "hunter2hunter2"}
_CHUNK = 1 << 16


def case(number: int) -> str:
    """Return a scenario's name."""
    return f"case-{number:06d}"


def values(number: int, count: int) -> dict[str, float]:
    """Return a scenario's metrics."""
    return {f"metric_{one}": (number * 7 + one) % 1000 / 997 for one in range(count)}


def output(form: str, size: int, count: int) -> bytes:
    """Return what an eval of that many scenarios prints."""
    if form in ("lines", "report file", "result file"):
        said: list[Any] = [{"scenario": case(n), "metrics": values(n, count)} for n in range(size)]
    elif form == "lines and facts":
        said = [
            {
                "scenario": case(n),
                "metrics": values(n, count),
                "group": f"group {n % 100}",
                "errors": [f"scenario {n} failed"],
                "stages": {"inference": n / 7},
            }
            for n in range(size)
        ]
    elif form == "map in several":
        said = [
            {"metrics": {case(n): values(n, count) for n in range(start, start + 1000)}}
            for start in range(0, size, 1000)
        ]
    else:
        said = [{"metrics": {case(n): values(n, count) for n in range(size)}}]
        if form == "one line and facts":
            said[0]["scenario_groups"] = {case(n): f"group {n % 100}" for n in range(size)}
            said[0]["errors"] = [{"message": "it failed", "scenario": case(n)} for n in range(size)]
            said[0]["metric_info"] = {f"metric_{one}": {"unit": "s"} for one in range(count)}
    return "".join(json.dumps(one) + "\n" for one in said).encode()


def measured(form: str, size: int, count: int) -> dict[str, float]:
    """Put one eval's output into a record; return what that took."""
    data = output(form, size, count)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.jsonl"
        file.write_bytes(data)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.process_time()
        for line in data.split(b"\n"):
            json.loads(line or b"0")
        decoding = time.process_time() - began
        scanner = Scanner()
        began = time.process_time()
        if form not in ("report file", "result file"):
            for at in range(0, len(data), _CHUNK):
                scanner.feed(data[at : at + _CHUNK])
        report = str(file) if form == "report file" else None
        reported = gather(scanner, report, str(file) if form == "result file" else None)
        manifest = blank("20260101T000000Z", "2026-01-01T00:00:00Z")
        scrub = Scrubber({**os.environ, **SECRETS})
        merge_reported(manifest, scrubbed(reported, scrub))
        manifest["identity"] = identify(manifest)
        assert not hide_secrets(manifest, scrub)
        manifest["counts"] = counts_of(manifest)
        line = history_line(manifest)
        ours = time.process_time() - began - decoding
        began = time.process_time()
        encode(manifest)
        writing = time.process_time() - began
    assert manifest["metrics"] is not None
    assert len(manifest["metrics"]) == len(manifest["scenarios_run"]) == size
    assert manifest["warnings"] == []
    return {
        "ours": ours,
        "decoding": decoding,
        "writing": writing,
        "line": len(line),
        "bytes": len(data),
        "memory": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024,
    }


def said(kind: str, size: int) -> dict[str, float]:
    """Take in a text of 500 bytes for each scenario and keep them; return what that took, the decoding left out."""
    chance = random.Random(1)
    words = ["".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 9))) for _ in range(3000)]
    if kind == "telling":
        words += ["key", "token", "password"] * 10
    with tempfile.TemporaryFile() as file:
        for n in range(size):
            text = {} if kind == "none" else {"output": " ".join(chance.choices(words, k=85))[:TEXT]}
            file.write(json.dumps({"scenario": case(n), "metrics": values(n, 1), **text}).encode() + b"\n")
        file.seek(0)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.process_time()
        for line in file:
            json.loads(line)
        decoding = time.process_time() - began
        file.seek(0)
        began = time.process_time()
        scanner = Scanner()
        while data := file.read(_CHUNK):
            scanner.feed(data)
    reported = gather(scanner, None, None)
    taken = time.process_time() - began - decoding
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(f"{folder}/metrics")
        kept, warnings = keep_texts(store, reported.texts, Scrubber({**os.environ, **SECRETS}))
    assert warnings == []
    assert (kept["scenarios"] if kept else 0) == (0 if kind == "none" else size)
    return {
        "taken": taken,
        "kept": time.process_time() - began,
        "bytes": kept["bytes"] if kept else 0,
        "memory": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024,
    }


def show_said(factor: float) -> int:
    """Print what texts add to a run, beside the same without; say how many bounds are broken."""
    size, broken = 100_000, 0
    print(f"\n{size:,} scenarios with a text of {TEXT} bytes each: CPU seconds, MB of memory, MB kept")
    print(f"{'words':<10}{'take':>8}{'keep':>8}{'memory':>10}{'kept':>8}")
    without = 0.0
    for kind in ("none", "plain", "telling"):
        words = [sys.executable, __file__, "said", kind, str(size)]
        found = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
        without = without or found["memory"]
        slow = kind == "plain" and found["kept"] > factor * ALLOWED_TEXTS
        large = found["memory"] > without + ALLOWED_MEMORY
        broken += slow + large
        print(
            f"{kind:<10}{found['taken']:>8.2f}{found['kept']:>8.2f}{found['memory'] / 1e6:>10.0f}"
            f"{found['bytes'] / 1e6:>8.1f}{'  too slow' if slow else ''}{'  too large' if large else ''}",
            flush=True,
        )
    return broken


def slowness() -> float:
    """Return how many times slower than that this processor is, with all else that it does now; 1 at least."""
    took = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(20_000):
            json.loads(_SHORT_LINE)
        took.append(time.process_time() - began)
    return max(1.0, sorted(took)[2] / 0.04)


def main() -> int:
    """Measure every form in a process of its own; fail where the bounds are broken."""
    factor = slowness()
    print(f"this processor is {factor:.1f} times slower than the bound is made for")
    print("CPU seconds, MB of memory, bytes of the history line")
    columns = f"{'decode':>8}{'write':>8}{'ours':>8}{'memory':>10}{'line':>8}"
    print(f"{'scenarios':>9} {'metrics':>7}  {'form':<20}{'MB':>6}{columns}")
    broken = 0
    for size in SIZES:
        for count in (1, 10):
            for form in FORMS:
                words = [sys.executable, __file__, form, str(size), str(count)]
                found = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
                slow = found["ours"] > factor * (ALLOWED_SECONDS * size / 100_000 + 0.1)
                large = found["line"] > LINE_LIMIT
                broken += slow or large
                print(
                    f"{size:>9} {count:>7}  {form:<20}{found['bytes'] / 1e6:>6.0f}{found['decoding']:>8.2f}"
                    f"{found['writing']:>8.2f}{found['ours']:>8.2f}{found['memory'] / 1e6:>10.0f}{found['line']:>8.0f}"
                    f"{'  too slow' if slow else ''}{'  too large' if large else ''}",
                    flush=True,
                )
    broken += show_said(factor)
    return 1 if broken else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["said"]:
        print(json.dumps(said(sys.argv[2], int(sys.argv[3]))))
    elif len(sys.argv) > 1:
        print(json.dumps(measured(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
    else:
        sys.exit(main())
