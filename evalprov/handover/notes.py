"""What was sent where, for targets that cannot be asked: a line an export, beside what files would be there."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from evalprov.handover.parcel import TargetRefused
from evalprov.regular import reading

if TYPE_CHECKING:
    from evalprov.handover.parcel import Parcel

FILE = "sent.jsonl"


def has(folder: str, parcel: Parcel) -> bool:
    """Say whether a parcel was sent there before."""
    with suppress(OSError), reading(os.path.join(folder, FILE)) as file:
        return any(_is(line, parcel) for line in file if parcel.id.encode() in line)
    return False


def _is(line: bytes, parcel: Parcel) -> bool:
    with suppress(ValueError, TypeError, KeyError):
        said = json.loads(line)
        return bool(said["id"] == parcel.id and said["where"] == parcel.where)
    return False


def add(folder: str, parcel: Parcel) -> None:
    """Note that a parcel was sent."""
    try:
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, FILE), "a", encoding="utf-8") as file:
            file.write(json.dumps({"run_id": parcel.run_id, "id": parcel.id, "where": parcel.where}) + "\n")
    except OSError as error:
        raise TargetRefused(
            f"it was sent, and that cannot be noted: {error.strerror or error}: {folder}",
            "another export would send it once more, under the same ids",
        ) from None
