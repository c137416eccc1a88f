"""Each target with its real tool, in an environment of its own: one table of target, client and verdict."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from peers import files, identity, stores, trackers
from peers.common import Peer, WrongError

CHECKS = {**trackers.CHECKS, **files.CHECKS, **identity.CHECKS, **stores.CHECKS}


def main(wanted: list[str]) -> int:
    """Check all targets, or those that are named; return 1 where one fails."""
    failed = 0
    for target, (package, check) in CHECKS.items():
        if wanted and target.split(" ")[0] not in wanted:
            continue
        began, environ = time.monotonic(), dict(os.environ)
        with tempfile.TemporaryDirectory() as folder:
            try:
                verdict = f"ok: {check(Peer(Path(folder)))}"
            except WrongError as wrong:
                verdict = f"WRONG: {wrong}"
            except Exception:  # noqa: BLE001 - whatever a tool raises is a verdict
                verdict = f"WRONG: {traceback.format_exc()[-1500:]}"
        os.environ.clear()  # clients write into it, for whatever they start
        os.environ.update(environ)
        failed += verdict.startswith("WRONG")
        client = f"{package} {version(package)}"
        print(f"{target:<18} {client:<30} {time.monotonic() - began:5.1f} s  {verdict}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
