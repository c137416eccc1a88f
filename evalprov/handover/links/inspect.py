"""inspect_ai's logs."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from evalprov.handover.links.ended import CARRIES, MOST, WRITTEN, EndedRun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.record.schema.outcome import RunLink

_LOG = re.compile(r"\d{4}-\d\d-\d\dT.+_.+_.+\.(eval|json)")


def find(run: EndedRun) -> Iterator[RunLink]:
    """Yield the logs that were written since the command was started."""
    folder = run.environ.get("INSPECT_LOG_DIR", "logs").removeprefix("file://")
    if "://" in folder:
        return
    names = sorted(entry.path for entry in run.fresh(os.path.join(run.cwd, folder)) if _LOG.fullmatch(entry.name))
    for path in names[: MOST + 1]:
        from evalprov.reported.adapters.inspect_log import header_of  # only where there is a log

        said = header_of(path, only_spec=True).get("eval")
        spec = said if isinstance(said, dict) else {}
        metadata = spec.get("metadata")
        ours = metadata.get("evalprov.run_id") if isinstance(metadata, dict) else None
        own = spec.get("eval_id") or spec.get("run_id")
        rule = CARRIES if ours == run.run_id else WRITTEN
        yield run.link("inspect", own if isinstance(own, str) else None, path, rule)
