"""Result files of inspect, lm-eval, promptfoo and the others whose results a run may name, by the same adapters."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from evalprov.handover.imports.taken import HEAD, FailedRun, ImportPlace, TakenRun, commit_of, document, seconds_of
from evalprov.handover.links.ended import beginning
from evalprov.regular import sha256_of
from evalprov.reported import Scanner, gather
from evalprov.reported.adapters import fitting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from evalprov.record.manifest import Status

_STATUSES: dict[object, Status] = {"success": "completed", "error": "failed", "cancelled": "interrupted"}


def fits(_path: str, head: bytes) -> bool:
    """Say whether an adapter reads it."""
    return bool(head) and fitting(head) is not None


def read(place: ImportPlace) -> Iterator[TakenRun | FailedRun]:
    """Yield the run that a result is of."""
    adapter = fitting(beginning(place.path, HEAD))
    assert adapter is not None
    found = gather(Scanner(place.text_bytes), None, place.path)
    if found.source is None:
        why = next(iter(found.warnings), None) or found.reason or "it has no metrics"
        yield FailedRun(place.path, re.sub(r"^the metrics file .{1,2000}? was not used: ", "", why))
        return
    told = _TOLD.get(adapter.name, _nothing)(place.path)
    yield TakenRun(
        tool=adapter.name,
        source=place.path,
        sha256=f"sha256:{sha256_of(place.path)}",
        reported=found,
        **{key: one for key, one in told.items() if one is not None},
    )


def _nothing(_path: str) -> dict[str, Any]:
    return {}


def _of_inspect(path: str) -> dict[str, Any]:
    """Return when a log's run was, how it ended and of which commit it was."""
    from evalprov.reported.adapters.inspect_log import header_of

    header = header_of(path)
    spec, stats = _table(header.get("eval")), _table(header.get("stats"))
    revision, metadata = _table(spec.get("revision")), _table(spec.get("metadata"))
    began = seconds_of(stats.get("started_at")) or seconds_of(spec.get("created"))
    ended = seconds_of(stats.get("completed_at"))
    dirty = revision.get("dirty")
    of = metadata.get("evalprov.run_id")
    return {
        "own": _text(spec.get("eval_id")) or _text(spec.get("run_id")),
        "began": began,
        "seconds": ended - began if began and ended and ended >= began else None,
        "status": _STATUSES.get(header.get("status"), "lost"),
        "of": of if isinstance(of, str) else None,
        "facts": {
            "git_sha": commit_of(revision.get("commit")),
            "git_dirty": dirty if isinstance(dirty, bool) else None,
            "git": {"describe": _text(revision.get("commit"))},
        },
    }


def _of_lm_eval(path: str) -> dict[str, Any]:
    told = document(path)
    took = None
    with suppress(TypeError, ValueError):
        took = float(told.get("total_evaluation_time_seconds", ""))
    return {
        "began": seconds_of(told.get("date")),
        "seconds": took,
        "facts": {"git_sha": commit_of(told.get("git_hash")), "git": {"describe": _text(told.get("git_hash"))}},
    }


def _of_promptfoo(path: str) -> dict[str, Any]:
    head = beginning(path, HEAD).decode("utf-8", "replace")
    own = re.search(r'"evalId"\s*:\s*("(?:[^"\\]|\\.){1,200}")', head)
    when = re.search(r'"timestamp"\s*:\s*"([^"]{1,40})"', head)
    return {"own": json.loads(own[1]) if own else None, "began": seconds_of(when[1]) if when else None}


def _text(value: object) -> str | None:
    return value[:200] if isinstance(value, str) and value else None


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


_TOLD: dict[str, Callable[[str], dict[str, Any]]] = {
    "inspect": _of_inspect,
    "lm-eval": _of_lm_eval,
    "promptfoo": _of_promptfoo,
}
