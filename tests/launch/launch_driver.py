"""A program that launches one command as `evalprov run` does, and leaves the outcome as JSON.

Usage: launch_driver.py SPEC

SPEC is a JSON file with argv and out, and where wanted timeout, grace, repeat, poll, broken_sink, sinkless.
"""

from __future__ import annotations

import json
import os
import select
import sys


class Broken:
    """A sink that fails at its second piece."""

    fed = 0

    def feed(self, data: bytes, newlines: int) -> None:
        """Take it once."""
        self.fed += 1
        if self.fed > 1:
            raise ValueError("cannot take more")


class Copy:
    """A sink that keeps everything in a file."""

    def __init__(self, path: str) -> None:
        self.file = open(path, "wb")  # noqa: SIM115 - closed with the process

    def feed(self, data: bytes, newlines: int) -> None:
        """Keep it."""
        self.file.write(data)
        self.file.flush()


def peak_kb() -> int:
    """Return the most memory this very program had, without what started it."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


def main() -> int:
    """Launch, and write down how it went."""
    with open(sys.argv[1]) as file:
        spec = json.load(file)
    if spec.get("poll"):
        del select.epoll
    from evalprov.errors import EvalprovError
    from evalprov.launch import Launch, launch

    stdout = [] if spec.get("sinkless") else [Copy(spec["out"] + ".stdout")]
    if spec.get("broken_sink"):
        stdout.insert(0, Broken())
    what = Launch(
        argv=tuple(spec["argv"]),
        environ={**os.environ, **({"EVALPROV_REPORT": spec["out"]} if "timeout" in spec else {})},
        timeout=spec.get("timeout"),
        stdout_sinks=tuple(stdout),
        stderr_sinks=(Copy(spec["out"] + ".stderr"),),
        grace=spec.get("grace", 5.0),
    )
    pids: list[int] = []
    outcomes = []
    for _ in range(spec.get("repeat", 1)):
        try:
            outcome = launch(what, pids.append)
        except EvalprovError as problem:
            outcomes.append({"message": problem.message, "exit_code": problem.exit_code})
            break
        plain = outcome._asdict() | {"stdout": outcome.stdout._asdict(), "stderr": outcome.stderr._asdict()}
        plain["programs"] = sorted(outcome.programs.found)
        outcomes.append(plain | {"pid": pids[-1], "own_peak_kb": peak_kb()})
    with open(spec["out"] + ".new", "w") as file:
        json.dump(outcomes, file)
    os.rename(spec["out"] + ".new", spec["out"])
    return int(outcomes[-1]["exit_code"])


if __name__ == "__main__":
    sys.exit(main())
