"""What `evalprov prune` would remove, or has removed, and what stays."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.named import NamedTuple
from evalprov.numbers import counted, listed
from evalprov.page import TableBlock, fitted, rest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from evalprov.page import Block

COLUMNS = ("run", "what", "bytes", "why")
SPARED_SHOWN = 10
NAMES_SHOWN = 6
_KINDS = {"runs": "records", "logs": "logs", "calls": "recorded calls", "notes": "notes"}
_SHARED = {"objects": "objects that no other run needs", "patches": "patches that no other run needs"}


class Freed(NamedTuple):
    """What goes: the runs, newest first, with the bytes of each, and the files by the folder that they are in."""

    runs: Mapping[str, int]
    folders: Mapping[str, tuple[int, int]]  # files and bytes
    spared: Mapping[str, str]  # runs that were asked for and stay, and why
    stay: int

    @property
    def bytes(self) -> int:
        """All bytes that are freed, but those of the lines of the history."""
        return sum(size for _, size in self.folders.values())


def page(freed: Freed, width: int, *, done: bool) -> Iterator[Block]:
    """Give it for a person."""
    names = list(freed.runs)
    span = f", {names[-1]} to {names[0]}" if len(names) > 1 else "".join(f", {name}" for name in names)
    said = "removed" if done else "to be removed"
    yield fitted(said, [("runs", f"{len(freed.runs):,} of {len(freed.runs) + freed.stay:,}{span}")], width)
    named = {**_KINDS, **_SHARED}
    rows = [(named[where], f"{files:,}", render.size(size)) for where, (files, size) in freed.folders.items() if files]
    if rows:
        yield TableBlock(("what", "files", "room"), rows, ("files", "room"))
    why = Counter(freed.spared.values())
    pairs = [
        (words, listed([run for run, one in freed.spared.items() if one == words], NAMES_SHOWN))
        for words in list(why)[:SPARED_SHOWN]
    ]
    yield fitted(
        f"{counted(len(freed.spared))} asked for and kept",
        [*[(runs, words) for words, runs in pairs], *rest(len(why) - SPARED_SHOWN, "--json has them", "reason")],
        width,
    )


def rows(freed: Freed, *, done: bool) -> Iterator[Sequence[str]]:
    """Give it for a program: a line a run, and one for what runs share."""
    said = "removed" if done else "would be removed"
    for run_id, size in freed.runs.items():
        yield run_id, said, str(size), "-"
    for run_id, why in freed.spared.items():
        yield run_id, "kept", "-", why
    for where in _SHARED:
        files, size = freed.folders.get(where, (0, 0))
        if files:
            yield "-", said, str(size), f"{files} files in {where}/ that no other run needs"


def document(freed: Freed, store: str, *, done: bool) -> dict[str, Any]:
    """Give it as JSON."""
    return {
        "version": 1,
        "store": store,
        "removed": done,
        "runs": list(freed.runs),
        "kept": dict(freed.spared),
        "stay": freed.stay,
        "freed": {where: {"files": files, "bytes": size} for where, (files, size) in freed.folders.items()},
        "bytes": freed.bytes,
    }
