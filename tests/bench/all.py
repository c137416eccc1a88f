"""Every measurement and long proof, one after the other: what `make bench` runs."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run each and say how long it took; a proof that fails fails the whole."""
    failed = []
    for file in sorted(HERE.glob("*.py")):
        if file.name == Path(__file__).name:
            continue
        print(f"\n== {file.name}", flush=True)
        began = time.monotonic()
        if subprocess.run([sys.executable, file], check=False).returncode:
            failed.append(file.name)
        print(f"   ({time.monotonic() - began:.0f} s)", flush=True)
    print(f"\nfailed: {', '.join(failed)}" if failed else "\nall done")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
