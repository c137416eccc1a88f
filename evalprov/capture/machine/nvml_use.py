"""Watches how busy NVIDIA's cards are, as a program of its own that prints what it saw once its input ends.

In a process of its own a driver that hangs or crashes harms nobody; who starts it may die, and its input ends, too.
It imports nothing of ours.
"""

from __future__ import annotations

import json
import select
import sys
import time
from typing import Any

MOST = 200  # points
EVERY = 0.5  # seconds; the driver's own figure is of the last sixth of a second to one second

Look = tuple[float, list[float | None], list[int | None]]  # when, how busy each card is in per cent, its bytes in use


def watch(nvml: Any, uuids: list[str], ended: Any) -> dict[str, Any]:
    """Look now and then until the input has something to say, which is its end."""
    handles = [nvml.nvmlDeviceGetHandleByUUID(uuid) for uuid in uuids]
    looks: list[Look] = []
    every = EVERY
    while True:
        looks.append(_look(nvml, handles))
        if len(looks) > MOST:
            looks = [joined(*pair) for pair in zip(looks[::2], looks[1::2], strict=False)]
            every *= 2
        if select.select([ended], [], [], every)[0]:
            return {
                "seconds": [when for when, _, _ in looks],
                "percent": [list(column) for column in zip(*(busy for _, busy, _ in looks), strict=True)],
                "memory_bytes": [list(column) for column in zip(*(taken for _, _, taken in looks), strict=True)],
            }


def _look(nvml: Any, handles: list[Any]) -> Look:
    def asked(question: str, field: str, handle: Any) -> Any:
        try:
            return getattr(getattr(nvml, question)(handle), field)
        except nvml.NVMLError:  # an instance of a card does not tell how busy it is
            return None

    busy = [asked("nvmlDeviceGetUtilizationRates", "gpu", handle) for handle in handles]
    taken = [asked("nvmlDeviceGetMemoryInfo", "used", handle) for handle in handles]
    return time.monotonic(), busy, taken


def joined(first: Look, second: Look) -> Look:
    """Return two looks as one."""
    busy = [b if a is None else a if b is None else (a + b) / 2 for a, b in zip(first[1], second[1], strict=True)]
    taken = [b if a is None else a if b is None else max(a, b) for a, b in zip(first[2], second[2], strict=True)]
    return second[0], busy, taken


def main() -> None:
    """Print what was seen; the arguments are the cards' ids, and where to look for NVML's module."""
    uuids, *sys.path[:] = sys.argv[1:]
    try:
        import pynvml

        pynvml.nvmlInit()
        report = watch(pynvml, uuids.split(","), sys.stdin)
    except Exception as error:  # noqa: BLE001 - whatever it was is what is told
        report = {"error": str(error) or type(error).__name__}
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
