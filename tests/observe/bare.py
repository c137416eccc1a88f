"""What a Python shows of itself, to be held against the same Python observed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from evalprov.observe import FILE, HOOK, _with_hook
from evalprov.observe.sightings import Sightings, read_sightings

# All that a program could tell us by, but for the one variable that its own children inherit.
PROBE = r"""
import os, sys
print(sys.path)
print(sorted(sys.modules))
print(sorted(sys.path_importer_cache))
print(sys.flags, sys.argv, sys.warnoptions, sys.meta_path and len(sys.meta_path), len(sys.path_hooks))
if not sys.flags.ignore_environment:
    print(sorted(os.environ.items()), "PYTHONPATH" in os.environ, os.environ.get("PYTHONPATH"))
print(sorted(name for name in dir(os)), sorted(vars(os.environ)))
print(getattr(sys.modules.get("sitecustomize"), "__file__", None))
print(os.open(os.devnull, os.O_RDONLY), os.dup(0), os.getcwd())
try:
    os.environ["NO_SUCH"]
except KeyError as error:
    print(repr(error), error.__cause__)
import gc, threading, warnings
print(threading.active_count(), len(gc.callbacks), warnings.filters)
open(os.devnull).close
1 / 0
"""


class Both:
    """Runs a Python bare and observed, in a folder, and keeps what was seen."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.place = folder.parent / f"{folder.name}-seen"
        self.place.mkdir(exist_ok=True)
        self.environ = {**os.environ, "EVALPROV_REPORT": str(self.place / "report.jsonl"), **(environ or {})}

    def run(self, *words: str, observed: bool, stdin: str = "") -> tuple[int, bytes, bytes]:
        """Return exit code and output of a command."""
        environ = dict(self.environ)
        if observed:
            (self.place / FILE).write_bytes(b"")
            environ["PYTHONPATH"] = _with_hook(environ.get("PYTHONPATH"))
        done = subprocess.run(words, cwd=self.folder, env=environ, input=stdin.encode(), capture_output=True)
        return done.returncode, done.stdout, done.stderr

    def same(self, *words: str, stdin: str = "") -> Sightings:
        """Hold both runs against each other to the byte; return what was seen of the observed one."""
        bare = self.run(*words, observed=False, stdin=stdin)
        watched = self.run(*words, observed=True, stdin=stdin)
        assert watched == bare
        assert HOOK.encode() not in watched[1] + watched[2]
        return self.seen()

    def seen(self) -> Sightings:
        """Return what the hook wrote last."""
        return read_sightings(str(self.place / FILE))
