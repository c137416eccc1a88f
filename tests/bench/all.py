"""Every measurement and long proof, one after the other: what `make bench` runs."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
RECORDING = (
    "launch.py",
    "observe.py",
    "bounds.py",
    "relay.py",
    "scan.py",
    "large.py",
    "content.py",
    "recall.py",
    "crash.py",
    "faults.py",
    "cuts.py",
    "fuzz.py",
    "wire.py",
    "wire_faults.py",
    "handover.py",
)
JUDGING = (
    "house.py",
    "history.py",
    "keeping.py",
    "shifts.py",
    "report_history.py",
    "diff.py",
    "compare.py",
    "power.py",
    "gate.py",
    "noise.py",
    "screens.py",
    "raters.py",
    "hostile.py",
    "report.py",
)
PARTS = (*RECORDING, *JUDGING)


def main() -> int:
    """Run each and say how long it took; a proof that fails fails the whole."""
    failed = []
    for name in PARTS:
        print(f"\n== {name}", flush=True)
        began = time.monotonic()
        if subprocess.run([sys.executable, HERE / name], check=False).returncode:
            failed.append(name)
        print(f"   ({time.monotonic() - began:.0f} s)", flush=True)
    print(f"\nfailed: {', '.join(failed)}" if failed else "\nall done")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
