"""Files that the eval's own log names as its data or prompts, by content: they are known only when it is over."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from evalprov.capture.content import Contents, finish
from evalprov.capture.text import readable

if TYPE_CHECKING:
    from evalprov.capture.collector import CaptureContext

LARGEST = 1 << 30  # nobody waits so long after a run
_CLOCK = 0.02  # seconds: the clock of a file system is read less often than ours


def held_by_content(facts: dict[str, Any], context: CaptureContext, began: float) -> list[str]:
    """Put the content of the files that are named beside what is reported of data and prompts; return remarks.

    What is no file here, or is no longer what the command read, stays known by its name.
    """
    remarks: list[str] = []
    for table in ("data", "prompts"):
        entries = facts.get(table)
        if not isinstance(entries, dict):
            continue
        for name, said in entries.items():
            if isinstance(said, dict) and isinstance(said.get("path"), str) and said.get("sha256") is None:
                found, remark = _held(said["path"], context, began)
                entries[name] = {**said, "sha256": None, **found}
                remarks += [f"{table} {name}: {remark}"] if remark else []
    return [readable(remark) for remark in remarks]


def _held(said: str, context: CaptureContext, began: float) -> tuple[dict[str, Any], str]:
    """Return what is known of a path, and a remark where that is less than its content."""
    path = os.path.normpath(os.path.join(context.cwd, said))
    if "\0" in said or not os.path.exists(path):
        return {}, ""
    real, root = os.path.realpath(path), os.path.realpath(context.root)
    inside = f"{real}/".startswith(f"{root}/")
    shown = os.path.relpath(real, root) if inside else said
    if os.path.isdir(real):
        # A folder elsewhere may be a whole cache.
        if not inside or f"{context.store}/".startswith(f"{real}/"):
            return {"path": shown}, ""
    elif os.stat(real).st_size > LARGEST:
        return {"path": shown}, f"{shown} is larger than {LARGEST >> 30} GiB and is known by its name alone"
    if _newest(real) >= began - _CLOCK:
        return {"path": shown}, f"{shown} was written to while the command ran, so it is known by its name alone"
    try:
        content = finish(Contents(context.environ, context.store).of(real))
    except OSError as error:
        return {"path": shown}, f"{shown} cannot be read: {error.strerror}"
    kind = "folder" if content.folder else "file"
    return {
        "path": shown,
        "sha256": content.sha256,
        "kind": kind,
        "files": content.files,
        "bytes": content.bytes,
    }, "; ".join(content.oddities)


def _newest(path: str) -> float:
    if not os.path.isdir(path):
        return os.stat(path).st_mtime
    return max(
        (os.lstat(os.path.join(folder, name)).st_mtime for folder, _, names in os.walk(path) for name in names),
        default=0.0,
    )
