"""A run whose recorder was killed: what the command had reported to its file until then is put into the record."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from evalprov.reported import Scanner, gather, merge_reported
from evalprov.run.cleaning import scrubbed
from evalprov.secrets import TellingScrubber

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evalprov.record.manifest import Manifest

# Names and numbers. Of all else nobody can say any more whether it holds a secret of the run's environment.
_TAKEN = frozenset(("metric_summary", "metrics", "scenarios_run", "stages", "total_tool_calls", "output"))


def with_report(manifest: Manifest, path: str, environ: Mapping[str, str]) -> bool:
    """Put what stands in a lost run's report file into its record; say whether there was any."""
    if not _is_ours(path, manifest["run_id"]):
        return False
    reported = gather(Scanner(), path, None)
    if reported.source is None:
        return False
    facts = {key: said for key, said in reported.facts.items() if key in _TAKEN}
    merge_reported(manifest, scrubbed(reported._replace(facts=facts, warnings=[]), TellingScrubber(environ)))
    manifest["warnings"].append(
        "the metrics are what the command had reported to its file by then; what it reported in words was left out"
    )
    return True


def _is_ours(path: str, run_id: str) -> bool:
    """Say whether a file is where only we and the command could have put it."""
    folder = os.path.dirname(path)
    try:
        around, file = os.lstat(folder), os.lstat(path)
    except OSError:
        return False
    private = stat.S_ISDIR(around.st_mode) and not around.st_mode & 0o077
    named = os.path.basename(folder).startswith(f"evalprov-{run_id}-")
    return private and named and stat.S_ISREG(file.st_mode) and around.st_uid == file.st_uid == os.geteuid()
