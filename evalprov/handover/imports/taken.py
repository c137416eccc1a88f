"""A run as a source takes it from what its tool left."""

from __future__ import annotations

import json
import os
import re
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple
from evalprov.regular import reading
from evalprov.reported import Scanner, gather

if TYPE_CHECKING:
    from evalprov.record.manifest import Status
    from evalprov.record.schema.outcome import MetricsSource
    from evalprov.reported import Reported

HEAD = 1 << 16  # bytes by which a file is known
LARGEST = 64 << 20  # bytes of a file that is read as one JSON document
EARLIEST, LATEST = 0.0, 32503680000.0  # Unix times between which a run can have begun: four digits of a year


class ImportPlace(NamedTuple):
    """What is to be read, and of a store which runs."""

    path: str
    ids: tuple[str, ...] = ()
    text_bytes: int | None = None  # of what was said for a scenario; null for as many as usual


class FailedRun(NamedTuple):
    """What could not be imported, and why."""

    source: str
    why: str


class TakenRun(NamedTuple):
    """One run."""

    tool: str
    source: str  # the file or the store
    sha256: str  # of all that was taken, so that the same is not taken twice
    reported: Reported
    own: str | None = None  # its id there
    began: float | None = None  # Unix time
    seconds: float | None = None
    status: Status = "completed"
    of: str | None = None  # our run, whose id it carries
    facts: dict[str, Any] = {}  # noqa: RUF012 - more, by the record's top-level names; a table adds to that section


def said(report: dict[str, Any], channel: str, rule: str) -> Reported:
    """Return a report as if an eval had made it: checked and bounded like any other; it may have no metrics."""
    with tempfile.NamedTemporaryFile(prefix="evalprov-") as file:
        file.write(json.dumps(report).encode("utf-8", "replace") + b"\n")
        file.flush()
        found = gather(Scanner(), file.name, None)
    found = found._replace(warnings=[one.replace("the report file", channel) for one in found.warnings])
    if found.source is None:
        return found._replace(reason=f"{channel} has no metrics")
    source: MetricsSource = {**found.source, "channel": channel, "rule": rule, "line": None}
    output = {**found.facts.get("output", {}), "metrics_source": source}
    return found._replace(source=source, facts={**found.facts, "output": output})


def seconds_of(text: object) -> float | None:
    """Return the Unix time that a tool wrote down: ISO 8601, or a number of seconds."""
    if isinstance(text, bool):
        return None
    with suppress(ValueError, OverflowError, TypeError):
        when = float(text) if isinstance(text, int | float) else _from_iso(str(text))
        return when if EARLIEST < when < LATEST else None
    return None


def _from_iso(text: str) -> float:
    when = datetime.fromisoformat(text)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def document(path: str) -> dict[str, Any]:
    """Return a file that is one JSON object; ValueError says why it is none."""
    with reading(path) as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST >> 20} MiB")
    value = json.loads(data)
    if not isinstance(value, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - of a file, not of an argument
    return value


def commit_of(text: object) -> str | None:
    """Return a commit where this is a whole one."""
    return text if isinstance(text, str) and re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text) else None


def named(path: str) -> str:
    """Return what a file is called."""
    return os.path.basename(path.rstrip("/"))
