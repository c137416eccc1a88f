"""A program that uses more than can be listed: our memory stays flat, the file of facts small, the rest is counted.

Usage: python tests/bench/bounds.py [SCALE]   (1 is the whole: a million files, 100,000 modules, 10,000 processes)
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

FILES, MODULES, PROCESSES = 1_000_000, 100_000, 10_000
SIZE = 64 << 20  # bytes that the file of facts may have
GROWTH = 48.0  # MB that a large run may take more than a small one
MANY = {
    "files": """
import os
os.makedirs("far", exist_ok=True)
held = [os.open(f"far/{n}", os.O_CREAT | os.O_RDWR) for n in range(100)]
for n in range({count}):
    try:
        open(f"{os.getcwd()}/far/a-name-that-is-as-long-as-they-are-{n}").close()
    except OSError:
        open(f"far/{n % 100}").close()
""",
    "modules": """
import os, sys, importlib
os.makedirs("{place}/mods", exist_ok=True)
sys.path.insert(0, "{place}/mods")
sys.dont_write_bytecode = True
for n in range({count}):
    with open(f"{place}/mods/m{n}.py", "w") as file:
        file.write("x = 1\\n")
importlib.invalidate_caches()
for n in range({count}):
    __import__(f"m{n}")
    del sys.modules[f"m{n}"]
""",
    "processes": """
import os
for n in range({count}):
    pid = os.fork()
    if not pid:
        open(f"/etc/hostname").close()
        os._exit(0)
    os.waitpid(pid, 0)
""",
}
END = """
import os, json
size = os.path.getsize(os.path.join(os.path.dirname(os.environ["EVALPROV_REPORT"]), "seen"))
print(json.dumps({"metrics": {"seen": size}}))
"""


class Figures(NamedTuple):
    """What one run took."""

    peak: float  # MB, of evalprov's own process
    seen: int  # bytes of the file of facts
    record: int  # bytes
    seconds: float
    looked: dict[str, object]


def measured(kind: str, count: int) -> Figures:
    """Record a program that uses so many of one kind."""
    with tempfile.TemporaryDirectory(prefix="bounds-") as name:
        place = Path(name)
        repo = place / "repo"
        repo.mkdir()
        subprocess.run(["git", "init", "-q"], cwd=repo, check=True)
        (repo / "eval.py").write_text(MANY[kind].replace("{count}", str(count)).replace("{place}", name) + END)
        command = [
            sys.executable,
            "-m",
            "evalprov",
            "run",
            "--quiet",
            "--observe",
            "auto",
            "--",
            sys.executable,
            "eval.py",
        ]
        began = time.monotonic()
        run = subprocess.Popen(command, cwd=repo, stdout=subprocess.DEVNULL)
        peak = 0.0
        while run.poll() is None:
            peak = max(peak, _peak(run.pid))
            time.sleep(0.02)
        seconds = time.monotonic() - began
        assert run.returncode == 0
        (file,) = (repo / "metrics" / "runs").glob("*.json")
        record = json.loads(file.read_text())
        return Figures(
            peak,
            record["metric_summary"]["seen"],
            file.stat().st_size,
            seconds,
            record["observed"]["looked"],
        )


def _peak(pid: int) -> float:
    """Return the most memory a process has had, in MB."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def main(scale: float) -> int:
    """Print what each took, beside a hundredth of it; say whether that is within bounds."""
    well = True
    for kind, most in (("files", FILES), ("modules", MODULES), ("processes", PROCESSES)):
        count = int(most * scale)
        small, large = measured(kind, max(count // 100, 10)), measured(kind, count)
        cut = str(large.looked["reason"])
        fits = large.seen <= SIZE and large.peak - small.peak <= GROWTH
        well = well and fits
        print(
            f"{kind}: {count:,} in {large.seconds:.0f} s; memory {small.peak:.0f} -> {large.peak:.0f} MB, "
            f"facts {large.seen / 1e6:.1f} MB, record {large.record / 1e6:.2f} MB; "
            f"{'' if fits else 'TOO MUCH; '}{cut[:160]}",
            flush=True,
        )
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if sys.argv[1:] else 1.0))
