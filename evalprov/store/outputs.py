"""The list of files that runs wrote, as they left them, so that a later run can tell them from its inputs.

It is a help and no record: what cannot be read of it is as if it were not there. The last line of a path counts.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from evalprov.record.outputs import Row
from evalprov.store.folder import Folder, write_all
from evalprov.store.index import Lock

if TYPE_CHECKING:
    from collections.abc import Mapping

OUTPUTS = "outputs.jsonl"
LARGEST = 2 << 20  # then it is written anew, with what is still there
KEPT = 5000  # paths, the latest
PATIENCE_SECONDS = 2.0


def read_outputs(store: str) -> dict[str, Row]:
    """Return the files that runs of a store wrote, by their path from the project root."""
    try:
        with Folder(store, follow=True) as root:
            return _rows(root.read(OUTPUTS) or b"")
    except OSError:
        return {}


def add_outputs(store: str, rows: Mapping[str, Row], root: str) -> None:
    """Add what a run wrote; raises OSError. `root` is the project's, where the paths begin."""
    if not rows:
        return
    lines = b"".join(_line(path, row) for path, row in rows.items())
    with Folder(store, follow=True) as folder, Lock(folder, PATIENCE_SECONDS):
        size = folder.size(OUTPUTS) or 0
        if size + len(lines) > LARGEST:
            known = {**_rows(folder.read(OUTPUTS) or b""), **rows}
            there = [path for path in known if os.path.lexists(os.path.join(root, path))]
            folder.write(OUTPUTS, b"".join(_line(path, known[path]) for path in there[-KEPT:]))
            return
        fd = folder.open(OUTPUTS, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
            write_all(fd, b"\n" + lines if torn else lines)
        finally:
            os.close(fd)


def _line(path: str, row: Row) -> bytes:
    return json.dumps([path, *row], separators=(",", ":")).encode() + b"\n"


def _rows(data: bytes) -> dict[str, Row]:
    found: dict[str, Row] = {}
    lines = data.splitlines()
    try:
        values = json.loads(b"[%b]" % b",".join(lines))  # at once: one by one takes three times as long
    except (ValueError, RecursionError):
        values = []
        for line in lines:
            with suppress(ValueError, RecursionError):
                values.append(json.loads(line))
    for value in values:
        if _is_row(value):
            path = value[0]
            found.pop(path, None)  # the latest stand last
            found[path] = Row(*value[1:])
    return found


def _is_row(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 7:
        return False
    path, size, mtime, ctime, blob, program, sure = value
    numbers = all(type(one) is int for one in (size, mtime, ctime))
    blob_fits = blob is None or isinstance(blob, str)
    return isinstance(path, str) and numbers and blob_fits and isinstance(program, str) and isinstance(sure, bool)
