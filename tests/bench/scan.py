"""How fast the scanner lets output go by, by the CPU's clock: ordinary text, JSON, and output made to be slow."""

from __future__ import annotations

import json
import resource
import time
from typing import TYPE_CHECKING

from evalprov.reported import Scanner, gather

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def main() -> None:
    """Print MiB a second for each case, in pieces of 1 MiB and of 64 KiB."""
    print(f"{'scanner, MiB/s in pieces of':36}{'1 MiB':>10}{'64 KiB':>10}")
    for name, data, times in cases():
        print(f"{name:36}{speed(data, times, MIB):>10.0f}{speed(data, times, 1 << 16):>10.0f}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MiB")
    print(f"report lines {reports(100_000):.0f}/s")


if __name__ == "__main__":
    main()
