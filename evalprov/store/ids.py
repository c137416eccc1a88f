"""Run ids: made from the clock, checked on every way in, and put in order."""

from __future__ import annotations

import time

from evalprov.errors import EvalprovError

_SHOWN = 60
LONGEST = 23  # letters of an id; one so long has a number made of its record, as two machines had the same


def stamp(seconds: float) -> str:
    """Return the id that a run started at this time would like to have."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


def timestamp(run_id: str) -> str:
    """Return the start that an id names, spelled for people."""
    d = run_id
    return f"{d[:4]}-{d[4:6]}-{d[6:8]}T{d[9:11]}:{d[11:13]}:{d[13:15]}Z"


def is_run_id(text: object) -> bool:
    """Say whether this is a run id and nothing else."""
    if not isinstance(text, str) or not text.isascii() or not 16 <= len(text) <= 23:
        return False
    stem, mark, number = text.partition("_")
    if len(stem) != 16 or stem[8] != "T" or stem[15] != "Z" or not (stem[:8] + stem[9:15]).isdigit():
        return False
    return not mark or (number.isdigit() and number[0] != "0" and number != "1")


def checked(run_id: str) -> str:
    """Return the id, or refuse what is none; a file name is made from an id only through here."""
    if not is_run_id(run_id):
        raise EvalprovError(f"not a run id: {shown(run_id)}", "a run id looks like 20260920T143000Z")
    return run_id


def order(run_id: str) -> tuple[str, int]:
    """Return a key that sorts ids by start, then by number."""
    stem, _, number = run_id.partition("_")
    return stem, int(number or 1)


def shown(text: object) -> str:
    """Return a stranger's text safe for a message: quoted, control characters spelled out, cut."""
    whole = ascii(text)
    return whole if len(whole) <= _SHOWN else f"{whole[:_SHOWN]}..."


def is_blob_name(name: str) -> bool:
    """Say whether a name may be that of a kept piece of a work tree."""
    return 0 < len(name) <= 128 and name[0].isalnum() and name.isascii() and name.replace(".", "").isalnum()
