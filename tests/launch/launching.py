"""What the tests of the launch share: starting commands with and without us, in pipes and at terminals."""

from __future__ import annotations

import fcntl
import json
import os
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

DRIVER = Path(__file__).with_name("launch_driver.py")
PATIENCE = 60.0
SLOWER = (1, 5, 25)  # what must be done before a clock of ours runs out may be tried again with more time


def python(script: str) -> list[str]:
    """Return a command that runs a Python script."""
    return [sys.executable, "-c", script]


class Launched:
    """A command prepared to be launched by us in a process of its own."""

    def __init__(self, folder: Path, argv: list[str], **options: Any) -> None:
        self.out = folder / f"outcome{len(list(folder.glob('*.spec')))}"
        spec = self.out.with_suffix(".spec")
        spec.write_text(json.dumps({"argv": argv, "out": str(self.out), **options}))
        self.command = [sys.executable, str(DRIVER), str(spec)]

    def run(self, **more: Any) -> subprocess.CompletedProcess[bytes]:
        """Run it to its end."""
        return subprocess.run(self.command, timeout=PATIENCE, **{"capture_output": True, **more})

    def start(self, **more: Any) -> subprocess.Popen[bytes]:
        """Start it."""
        return subprocess.Popen(self.command, **{"stdout": subprocess.DEVNULL, **more})

    @property
    def outcomes(self) -> list[dict[str, Any]]:
        """Every outcome, where it was repeated."""
        return json.loads(self.out.read_text())

    @property
    def outcome(self) -> dict[str, Any]:
        """How it went."""
        return self.outcomes[-1]

    @property
    def stdout(self) -> bytes:
        """What the stdout sink was fed."""
        return Path(f"{self.out}.stdout").read_bytes()


class Terminal:
    """A real terminal, with a command that has it as its controlling terminal."""

    LOGIN = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
        "os.login_tty(int(sys.argv[1]))\n"
        "os.execvp(sys.argv[2], sys.argv[2:])\n"
    )

    def __init__(self, command: list[str], rows: int = 24, columns: int = 80, **more: Any) -> None:
        self.master, slave = os.openpty()
        self.resize(rows, columns)
        login = [sys.executable, "-c", self.LOGIN, str(slave), *command]
        self.process = subprocess.Popen(login, pass_fds=[slave], **more)
        os.close(slave)
        self.seen = bytearray()

    def resize(self, rows: int, columns: int) -> None:
        """Change the window's size, as an emulator does."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.master, keys)

    def wait_for(self, words: bytes) -> None:
        """Read until the words stand on the screen."""
        until(lambda: words in self.seen or not self._read() or words in self.seen)
        assert words in self.seen, self.seen

    def finish(self) -> bytes:
        """Read to the end, wait, and return all that was shown."""
        while self._read(None):
            pass
        self.process.wait(PATIENCE)
        os.close(self.master)
        return bytes(self.seen)

    def hang_up(self) -> None:
        """Close the window."""
        os.close(self.master)

    def _read(self, seconds: float | None = 0.05) -> bool:
        if seconds is not None and not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 1 << 16)
        except OSError:
            return False
        self.seen += data
        return bool(data)


def until(true: Callable[[], object]) -> None:
    """Wait until something is so, with a bound that only a failure meets."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


def state_of(pid: int) -> str:
    """Return a process's state letter, or nothing for one that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""
