"""How fast the scanner and the scrubber let output go by, by the CPU's clock: ordinary text, JSON, and slow ones.

The scrubber's texts have no two lines alike: what repeats itself goes by faster (see recall.py).
"""

from __future__ import annotations

import base64
import json
import resource
import string
import time
from random import Random
from typing import TYPE_CHECKING

from evalprov.reported import Scanner, gather
from evalprov.secrets import Scrubber

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MIB = 1 << 20


def filled(unit: bytes, size: int = MIB) -> bytes:
    """Return that many bytes of a repeated piece."""
    return (unit * (size // len(unit) + 1))[:size]


def cases() -> Iterator[tuple[str, bytes, int]]:
    """Yield what is printed: its name, a MiB of it, and how many of those to feed."""
    words = b"".join(b"INFO step %d: loss %.4f and ordinary words of a log\n" % (i, i / 7) for i in range(20000))
    yield "ordinary text", filled(words), 1024
    yield "text with a brace here and there", filled(words[:5000] + b"settings: {'a': 1}\n"), 1024
    row = {"id": 1, "text": 'some words and "more"', "score": 0.5}
    yield "JSON lines", filled(json.dumps(row).encode() + b"\n"), 1024
    yield "JSON over many lines", filled(json.dumps([row, row], indent=1).encode() + b"\n"), 256
    wide = json.dumps({f"key {i}": i for i in range(60000)}).encode()[: MIB - 3]
    yield "JSON lines of almost 1 MiB", wide[: wide.rindex(b",")] + b"}\n", 256
    yield "JSON lines with metrics inside", filled(b'{"row": {"metrics": {"a": 1}}, "id": 5}\n'), 16
    yield "yes '}'", filled(b"}\n"), 256
    yield "yes '{x}'", filled(b"{x}\n"), 256
    yield "yes '{\"x}'", filled(b'{"x}\n'), 256
    yield "no line end at all", filled(b"{ ordinary words "), 1024
    yield "progress bars", filled(b"\r 50%|#####     | 5/10 [00:01<00:01, 5.0it/s]"), 1024
    yield "coloured lines", filled(b"\x1b[32m{\x1b[0m not an object }\x1b[0m\n"), 256
    yield "coloured log", filled(b"\x1b[32mINFO\x1b[0m settings \x1b[1m{a: 1}\x1b[0m\n"), 256


def speed(data: bytes, times: int, piece: int) -> float:
    """Return the MiB a second that a scanner takes in pieces of a size, to its end."""
    pieces = [data[i : i + piece] for i in range(0, len(data), piece)]
    scanner = Scanner()
    began = time.process_time()
    for _ in range(times):
        for one in pieces:
            scanner.feed(one)
    gather(scanner, None, None)
    return len(data) * times / MIB / (time.process_time() - began)


def reports(count: int) -> float:
    """Return how many report lines a second are merged, one scenario each."""
    line = '{"scenario": "case %06d", "metrics": {"accuracy": %f, "passed": true, "tool_calls": 7}}\n'
    data = "".join(line % (i, i / 7) for i in range(count)).encode()
    scanner = Scanner()
    began = time.process_time()
    for i in range(0, len(data), 1 << 16):
        scanner.feed(data[i : i + (1 << 16)])
    gather(scanner, None, None)
    return count / (time.process_time() - began)


WORDS = [
    *("the", "model", "answer", "of", "run", "with", "data", "loss", "step", "evaluation", "prompt", "task", "score"),
    *("agent", "result", "output", "file", "path", "shard", "worker", "batch", "queue", "cache", "retry", "request"),
    *("response", "time", "limit", "budget", "sample", "and", "for", "to", "in", "on", "at", "is", "was", "are"),
]
ENVIRON = {"OPENAI_API_KEY": "sk-proj-" + "abcDEF123456ghiJKL789mnoPQR", "DB_PASSWORD": "Sommer2024!"}
LARGE = 20_000_000
SECONDS = 3.0  # so long each is measured at most


class Texts:
    """Lines of each kind, made up from a seed."""

    def __init__(self) -> None:
        self._draw = Random(5)

    def words(self, count: int) -> str:
        """Return so many ordinary words."""
        return " ".join(self._draw.choices(WORDS, k=count))

    def token(self, length: int) -> str:
        """Return so many letters and digits."""
        return "".join(self._draw.choices(string.ascii_letters + string.digits, k=length))

    def hex(self, length: int) -> str:
        """Return so many hex digits."""
        return f"{self._draw.getrandbits(4 * length):0{length}x}"

    def kinds(self) -> dict[str, Callable[[int], str]]:
        """Return how a line of each kind is made."""
        one, number = self._draw.choice, self._draw.randrange
        hints = (
            lambda i: f"DEBUG cache: key: {one(WORDS)}:{one(WORDS)}:{number(99999)} hit, {self.words(3)}",
            lambda i: f"INFO tokenizer token={one(WORDS)} id={number(99999)} prob={i / 7:.4f}",
            lambda i: f"DEBUG sort_key={one(WORDS)}_{one(WORDS)} author={one(WORDS)} {self.words(4)}",
            lambda i: f"WARN auth: {self.words(6)}",
        )
        variables = (
            lambda i: f"OPENAI_API_KEY=sk-{self.token(40)}",
            lambda i: f"DB_PASSWORD={one(WORDS).title()}{one(WORDS)}{number(9999)}!",
            lambda i: f"SSH_AUTH_SOCK=/tmp/ssh-{self.token(10)}/agent.{i}",
            lambda i: f"GIT_COMMIT={self.hex(40)}",
        )
        ids = (
            lambda i: f"{i * 16:08x}: {' '.join(self.hex(4) for _ in range(8))}",
            lambda i: (
                f"request {self.hex(8)}-{self.hex(4)}-4{self.hex(3)}-a{self.hex(3)}-{self.hex(12)} done in {i} ms"
            ),
            lambda i: f"sha256:{self.hex(64)} data/part-{i:05d}.parquet {self.hex(40)}",
        )
        usage = {"prompt_tokens": 12, "completion_tokens": 34, "total_tokens": 46}
        signs = [chr(code) for code in range(0x4E00, 0x4E00 + 400)]
        return {
            "ordinary log lines": lambda i: f"10:{i // 60 % 60:02d}:{i % 60:02d} INFO step {i}: {self.words(7)}",
            "words that hint, no secret": lambda i: f"10:00:{i % 60:02d} {hints[i % 4](i)}",
            "JSON with keys": lambda i: json.dumps(
                {"id": i, "api_key": "sk-proj-" + self.token(40), "m": self.words(4)}
            ),
            "dumps of the environment": lambda i: variables[i % 4](i),
            "prose about passwords": lambda i: f"{self.words(6)} password {self.words(6)} secret {self.words(2)}.",
            "hex, UUIDs, digests": lambda i: ids[i % 3](i),
            "pictures in base64": lambda i: json.dumps(
                {"id": i, "image": "data:image/png;base64," + base64.b64encode(self._draw.randbytes(6000)).decode()}
            ),
            "CJK": lambda i: f"{i} " + "".join(self._draw.choices(signs, k=60)),
            "tracebacks": lambda i: (
                f'  File "/usr/lib/{one(WORDS)}/{one(WORDS)}_{one(WORDS)}.py", line {i % 999}, in {one(WORDS)}\n'
                f"    return self.{one(WORDS)}_client.{one(WORDS)}(key, **kwargs)\n           ^^^^^^^^^^^^^^^^^"
            ),
            "answers of a model": lambda i: json.dumps(
                {"id": "chatcmpl-" + self.token(29), "choices": [{"message": self.words(25)}], "usage": usage}
            ),
            "access log": lambda i: (
                f'10.0.0.{i % 255} - - "GET /v1/{one(WORDS)}?session={self.token(22)} HTTP/1.1" 200 {i} "Mozilla/5.0"'
            ),
            "tokens and logprobs": lambda i: json.dumps({"token": " " + one(WORDS), "logprob": -i / 7}),
        }


def scrubbed(line: Callable[[int], str]) -> tuple[float, float]:
    """Return the MB of text a second that the scrubber takes, and how many MB it was given."""
    stream = Scrubber(ENVIRON).stream()
    stream.feed(b"password=x api_key: 'abc'\n" * 3)  # all rules are compiled
    done, number, spent = 0, 0, 0.0
    while done < LARGE and spent < SECONDS:
        pieces: list[str] = []
        size = 0
        while size < 1 << 19:
            pieces.append(line(number) + "\n")
            size += len(pieces[-1])
            number += 1
        data = "".join(pieces).encode()
        began = time.process_time()
        for at in range(0, len(data), 1 << 16):
            stream.feed(data[at : at + (1 << 16)])
        spent += time.process_time() - began
        done += len(data)
    return done / 1e6 / spent, done / 1e6


def main() -> None:
    """Print MiB a second for each case, in pieces of 1 MiB and of 64 KiB."""
    print(f"{'scanner, MiB/s in pieces of':36}{'1 MiB':>10}{'64 KiB':>10}")
    for name, data, times in cases():
        print(f"{name:36}{speed(data, times, MIB):>10.0f}{speed(data, times, 1 << 16):>10.0f}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MiB")
    print(f"report lines {reports(100_000):.0f}/s")
    print("\nscrubber, lines of which no two are alike")
    for name, line in Texts().kinds().items():
        rate, size = scrubbed(line)
        print(f"{name:36}{rate:>10.1f} MB/s of {size:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
