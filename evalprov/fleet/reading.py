"""`--store URL`: a shared store read by way of its mirror, asked first what is new; else its age is said."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from evalprov.fleet.bucket import Bucket, BucketError, checked_url, store_key
from evalprov.fleet.mirror import Mirror
from evalprov.numbers import counted

if TYPE_CHECKING:
    from collections.abc import Callable

_OPENED: dict[str, Mirror] = {}  # a command asks once what is new


def open_mirror(url: str, tell: Callable[[str], None], progress: Callable[[int, int], None] | None = None) -> Mirror:
    """Return the mirror of a shared store, brought up to date where that can be asked."""
    where = checked_url(url)
    if where in _OPENED:
        return _OPENED[where]
    mirror = Mirror(Bucket(where), store_key(where), tell)
    try:
        for words in mirror.refresh(progress).notes:
            tell(words)
    except BucketError as problem:
        if mirror.checked is None:
            raise
        tell(f"{problem.message}; this is what it had {ago(mirror.checked)}")
    mirror.attach()
    _OPENED[where] = mirror
    return mirror


def mirror_at(path: str) -> Mirror | None:
    """Return the mirror that a store is; null for any other store."""
    return next((one for one in _OPENED.values() if one.path == path), None)


def ago(moment: float) -> str:
    """Return how long ago something was, in words."""
    seconds = max(0.0, time.time() - moment)
    for size, what in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{counted(int(seconds // size), what)} ago"
    return "a moment ago"
