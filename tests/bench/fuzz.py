"""A million inputs that nobody would write: nothing crashes or takes long, and no cut of a text changes the outcome.

Usage: python tests/bench/fuzz.py [--inputs N] [--seed N] [PART ...]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from evalprov.errors import EvalprovError
from evalprov.record.form import blank, encode, history_line
from evalprov.reported import Reported, Scanner, gather, merge_reported
from evalprov.secrets import Scrubber
from evalprov.settings import load as load_settings
from evalprov.store import Store
from evalprov.store.decode import Unreadable, decode, decode_line
from evalprov.store.ids import stamp, timestamp
from evalprov.store.read import history
from evalprov.store.repair import repair
from evalprov.store.texts import keep_texts, read_texts

SLOW = 2.0  # seconds of processor time that no one input may take
EVERY = 10.0  # seconds between two words about how far it is
AT_ONCE = 100  # inputs that a process makes from one seed
ROOT = Path(__file__).resolve().parent.parent.parent
ODD: list[Any] = [
    None, True, False, 0, -0.0, 1, -1, 1 << 63, 1 << 2000, 1e308, float("nan"), float("inf"), "", "\0", "\ud800", "é" * 9,
    "x" * 5000, [], {}, [[]], {"": {}}, {"a": [{"b": None}]}, "1", "NaN", "[secret]", [1, "a", None], "\x1b[31m", "../..",
]  # fmt: skip
TOKENS = [
    b"{", b"}", b"[", b"]", b'"', b":", b",", b"\\", b"\\u0000", b"\\ud800", b"\r", b"\n", b"\0", b"\xff", b"\xef\xbb\xbf",
    b"\x1b[1m", b"\x1b[0m", b"\x1b]0;t\a", b"NaN", b"-Infinity", b"1e999", b"null", b'"metrics"', b'"scenario"', b'{"a": 1}',
    b'{"metrics": {"a": 1}}', b"[[[[[[[[", b"{{{{{{{{", b'"' * 7, b"9" * 400, "\u2028".encode(), "日本".encode(), b"\x9b31m",
]  # fmt: skip
REPORTS: list[dict[str, Any]] = [
    {"accuracy": 0.74, "n": 12},
    {"metrics": {"accuracy": 0.74}, "errors": [{"kind": "task", "message": "m", "scenario": "s"}]},
    {"scenario": "s1", "metrics": {"ok": True, "deep": {"a": 1.5}}, "group": "g"},
    {"metrics": {"s1": {"ok": True}, "s2": {"ok": False}}, "metric_summary": {"ok": 0.5}, "stages": {"load": 1.5}},
    {
        "metrics": {},
        "model_config": {"model": "m", "temperature": 0},
        "observed_model": {"id": "m-2026"},
        "tools": ["t"],
    },
    {"metrics": {"a": 1}, "tools": [{"name": "t", "version": "1"}], "agent": {"name": "x"}, "grader": {"version": "2"}},
    {
        "metrics": {"a": 1},
        "data": {"golden": {"sha256": "ab" * 32}},
        "config": {"k": {"t": 1}},
        "prompt_versions": {"p": "2"},
    },
    {"scenario": "s1", "metrics": {"ok": True}, "output": "Paris", "input": ["q"], "expected": 3, "trial": 1},
    {"scenario": "s1", "error": "no answer", "output": {"text": "I thi"}, "explanation": "it stopped"},
    {"metrics": {"s1": {"ok": True, "output": "x"}, "s2": {"ok": 1}}, "output": {"s1": "y", "s2": None}},
    {"metrics": {"a": 1}, "metric_info": {"a": {"unit": "s", "better": "lower"}}, "artifacts": {"log": "https://u/x"}},
    {
        "metrics": {"a": 1},
        "online": {"traffic": 0.5},
        "total_tool_calls": 5,
        "golden_version": "v1",
        "reporter": "line",
    },
]
SETTINGS = """\
store = "metrics"
scenario = "s"
[config]
files = ["conf*.json"]
[prompts]
p = "prompt.txt"
[data]
d = "golden.jsonl"
[model]
provider = "p"
model = "m"
temperature = 0.5
[grader]
files = ["g.py"]
[env]
secret = ["MY_KEY"]
[versions]
tool = ["tool", "--version"]
[gate.metrics.accuracy]
better = "higher"
"""
ENVIRON = {
    "SERVICE_TOKEN": "Zq7-mValue_of_a_token-91x",
    "DB_PASSWORD": "correct horse\nbattery staple",
    "PATH": "/usr/bin",
}
TEXTS = [
    b"password is hunter2-and-more\n", b"api_key = sk-proj-Ab12Cd34Ef56Gh78Ij90Kl12Mn34\n", b"Authorization: Bearer abc.def-123456789\n",
    b'{"name": "API_KEY", "value": "q8Zr5tYw2Lp9Xc4V"}\n', b"AKIAIOSFODNN7EXAMPLE ", b"ghp_0123456789abcdefghijABCDEFGHIJ012345 ",
    b"-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF0K2aQvKt0Z\n-----END RSA PRIVATE KEY-----\n",
    b"https://user:p4ssw0rd-long@host/path?token=abcdef0123456789\n", b"token:\n  Xy12Zw34Uv56Ts78\n", b"a plain line of words\n",
    b"sha256:" + b"ab" * 32 + b"\n", b"\x1b[1mpass\x1b[0mword\x1b[2m: s3cr3t-value-9\n", b"x" * 200, b"\r", b"\n", b" ", b"\\n", b'"', b"'",
    ENVIRON["SERVICE_TOKEN"].encode(), ENVIRON["DB_PASSWORD"].encode(), b"machine h login u password p4Ss-w0rd\n", b"\xff\xfe",
]  # fmt: skip


def spoilt(chance: random.Random, data: bytes) -> bytes:
    """Return a text with some of it changed."""
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            data = data[:at] + chance.choice(TOKENS) + data[at:]
        elif kind == 1:
            data = data[:at] + data[at + chance.randrange(1, 9) :]
        elif kind == 2:
            data = data[:at]
        elif kind == 3:
            data = data[:at] + data[chance.randrange(len(data) + 1) :]
        else:
            data = data[:at] + chance.randbytes(chance.randrange(1, 4)) + data[at:]
    return data


def bent(chance: random.Random, value: Any) -> Any:
    """Return a JSON value with one place in it changed."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(list(value))
        if chance.random() < 0.1:
            return {name: one for name, one in value.items() if name != key}
        return {**value, key: bent(chance, value[key])}
    if isinstance(value, list) and value and chance.random() < 0.8:
        at = chance.randrange(len(value))
        return [*value[:at], bent(chance, value[at]), *value[at + 1 :]]
    return chance.choice(ODD)


def pieces(chance: random.Random, data: bytes) -> Iterator[bytes]:
    """Cut a text anywhere."""
    at = 0
    while at < len(data):
        size = chance.choice((1, 2, 7, 100, 4096, 1 << 16))
        yield data[at : at + size]
        at += size


def output(chance: random.Random) -> bytes:
    """Make what an eval might print."""
    lines = []
    for _ in range(chance.randrange(1, 6)):
        said = chance.choice(REPORTS)
        for _ in range(chance.randrange(3)):
            said = bent(chance, said)
        line = json.dumps(said, indent=chance.choice((None, None, 2))).encode("utf-8", "replace")
        lines.append(spoilt(chance, line) if chance.random() < 0.6 else line)
    return chance.choice((b"\n", b"\n", b"\r\n", b"\r", b" ")).join(lines) + chance.choice((b"", b"\n"))


def listened(chance: random.Random, data: bytes) -> Reported:
    """Return what is heard of an output that comes in pieces."""
    scanner = Scanner()
    for piece in pieces(chance, data):
        scanner.feed(piece)
    return gather(scanner, None, None)._replace(ms=0)


def lines_of_evals(chance: random.Random, folder: Path) -> None:
    """Any output is read alike however it comes, and what is made of it is a record, with texts that are read back."""
    data = output(chance)
    heard = listened(chance, data)
    again = listened(chance, data)
    said = dict(heard.texts.rows()) if heard.texts else {}
    assert said == (dict(again.texts.rows()) if again.texts else {}), "the same texts in other pieces read otherwise"
    alike = repr(heard._replace(texts=None)) == repr(again._replace(texts=None))
    assert alike, "the same output in other pieces reads otherwise"
    run_id = stamp(1_700_000_000)
    manifest = blank(run_id, timestamp(run_id))
    merge_reported(manifest, heard)
    store = Store.open(str(folder / "metrics"))
    manifest["texts"], _ = keep_texts(store, heard.texts, Scrubber({}))
    assert read_texts(store.path, manifest, said).keys() == said.keys()
    decode(encode(manifest))
    decode_line(history_line(manifest))


def records(chance: random.Random, _: Path) -> None:
    """Any manifest and any line is read, or called unreadable."""
    run_id = stamp(1_700_000_000)
    record: Any = _sample(chance) if chance.random() < 0.3 else blank(run_id, timestamp(run_id))
    for _ in range(chance.randrange(4)):
        record = bent(chance, record)
    data = json.dumps(record).encode("utf-8", "replace")
    data = spoilt(chance, data)
    for read in (decode, decode_line):
        try:
            read(data)
        except Unreadable:
            continue


_SAMPLES: list[Any] = []


def _sample(chance: random.Random) -> Any:
    if not _SAMPLES:
        _SAMPLES.extend(json.loads(file.read_text()) for file in sorted((ROOT / "fixtures/manifests").glob("*.json")))
    return chance.choice(_SAMPLES)


def histories(chance: random.Random, folder: Path) -> None:
    """Any history and any files in runs/ are read as far as can be, and put in order for good."""
    store = folder / "metrics"
    shutil.rmtree(store, ignore_errors=True)
    (store / "runs").mkdir(parents=True)
    (store / "active").mkdir()
    text = b""
    for number in range(chance.randrange(1, 8)):
        run_id, line, data = _recorded(number, chance.choice(("completed", "failed", "running", "lost")))
        text += spoilt(chance, line) if chance.random() < 0.5 else line
        if chance.random() < 0.7:
            (store / f"runs/{run_id}.json").write_bytes(spoilt(chance, data) if chance.random() < 0.5 else data)
        if chance.random() < 0.3:
            (store / f"active/{run_id}").write_bytes(b"")
    (store / "eval_history.jsonl").write_bytes(text)
    history(str(store))
    repair(str(store))
    assert not repair(str(store)), "a second repair does more"
    history(str(store), 3)


@cache
def _recorded(number: int, status: Any) -> tuple[str, bytes, bytes]:
    """Return a run's id, its line and its record."""
    run_id = stamp(1_700_000_000 + number)
    record = blank(run_id, timestamp(run_id))
    record["status"] = status
    return run_id, history_line(record), encode(record)


def settings(chance: random.Random, folder: Path) -> None:
    """Any settings file is taken, or refused in words."""
    lines = SETTINGS.encode().splitlines(keepends=True)
    chance.shuffle(lines) if chance.random() < 0.3 else None
    text = spoilt(chance, b"".join(lines[: chance.randrange(len(lines) + 1)]))
    if chance.random() < 0.3:
        text = text.replace(
            chance.choice(lines).partition(b"= ")[2] or b'"', json.dumps(chance.choice(ODD)).encode() + b"\n", 1
        )
    (folder / "evalprov.toml").write_bytes(text)
    with suppress(EvalprovError):
        load_settings(str(folder))


def scrubbed(chance: random.Random, _: Path) -> None:
    """Any text is cleaned alike however it comes, and holds no value of a secret variable."""
    text = b"".join(chance.choice(TEXTS) for _ in range(chance.randrange(1, 12)))
    text = spoilt(chance, text) if chance.random() < 0.5 else text
    if chance.random() < 0.005:
        text = text * chance.randrange(2, 300)
    scrubber = Scrubber(ENVIRON)
    cleaned = set()
    for _ in range(2):
        stream = scrubber.stream()
        cleaned.add(b"".join(stream.feed(piece) for piece in pieces(chance, text)) + stream.close())
    assert len(cleaned) == 1, f"in other pieces it is cleaned otherwise: {text[:300]!r}"
    assert ENVIRON["SERVICE_TOKEN"].encode() not in cleaned.pop()


PARTS: dict[str, tuple[Callable[[random.Random, Path], None], float]] = {
    "lines of evals": (lines_of_evals, 0.35),
    "records and lines": (records, 0.3),
    "histories": (histories, 0.05),
    "settings": (settings, 0.1),
    "texts to clean": (scrubbed, 0.2),
}


def tried(job: tuple[str, int, int]) -> tuple[str, int, list[str], float]:
    """Try some inputs of one part; say what fell, and the longest that one took."""
    name, seed, count = job
    part = PARTS[name][0]
    fell: list[str] = []
    longest = 0.0
    shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=shm) as folder:
        for number in range(count):
            began = time.thread_time()
            try:
                part(random.Random(f"{seed} {number}"), Path(folder))
            except Exception as error:  # noqa: BLE001 - this is what is looked for
                fell.append(f"{seed} {number}: {type(error).__name__}: {error}"[:500])
            took = time.thread_time() - began
            longest = max(longest, took)
            if took > SLOW:
                fell.append(f"{seed} {number}: {took:.1f} s")
    return name, count, fell, longest


def main() -> int:
    """Try them all on all processors."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--inputs", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("parts", nargs="*")
    asked = options.parse_args()
    jobs = [
        (name, asked.seed + at, AT_ONCE)
        for name, (_, share) in PARTS.items()
        if not asked.parts or name in asked.parts
        for at in range(max(1, round(asked.inputs * share / AT_ONCE)))
    ]
    random.Random(0).shuffle(jobs)
    counts: Counter[str] = Counter()
    fallen: Counter[str] = Counter()
    longest: dict[str, float] = {}
    began = said = time.monotonic()
    asked_for = sum(count for _, _, count in jobs)
    with get_context("fork").Pool() as pool, suppress(KeyboardInterrupt):
        for name, count, fell, took in pool.imap_unordered(tried, jobs):
            counts[name] += count
            fallen[name] += len(fell)
            longest[name] = max(longest.get(name, 0.0), took)
            for what in fell[:3]:
                print(f"{name}: {what}", flush=True)
            if time.monotonic() - said > EVERY:
                said = time.monotonic()
                left = (said - began) * (asked_for / counts.total() - 1)
                print(f"{counts.total():>8} of {asked_for}: {fallen.total()} fell; {left:.0f} s to go", flush=True)
    for name, count in counts.items():
        print(f"{count - fallen[name]:>8} of {count:>8}  {name}, at most {longest[name] * 1000:.0f} ms each")
    print(f"fuzz: {counts.total() - fallen.total()} of {counts.total()} inputs in {time.monotonic() - began:.0f} s")
    return 1 if fallen.total() or counts.total() < asked_for else 0


if __name__ == "__main__":
    sys.exit(main())
