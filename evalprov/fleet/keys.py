"""How things are called in a shared store, and what may be called so: nothing else there is looked at.

runs/<run_id>.<hash>.json      a record, byte for byte; its name is its content
lines/<run_id>.<hash>.json     its line of the history, put after it
packs/<first>-<last>-<count>-<hash>.jsonl.gz   many lines, the oldest and the newest run in the name
logs/<run_id>.<hash>.out       calls/<run_id>.<hash>.sqlite      objects/<sha256>...    patches/<sha256>.patch
notes/<run_id>.<hash>.<hash>.json             baselines/<name>.<hash>.json, and .gone for what took one away
"""

from __future__ import annotations

import hashlib
import re

from evalprov.named import NamedTuple
from evalprov.store import ids

DIGITS = 16  # of a content's hash in a name
_STAMP = r"[0-9]{8}T[0-9]{6}Z"
_ID = rf"{_STAMP}(?:_(?!1[._-])[1-9][0-9]{{0,5}})?"
_HASH = rf"[0-9a-f]{{{DIGITS}}}"
_STEM = re.compile(rf"({_ID})\.({_HASH})", re.ASCII)
_PACK = re.compile(rf"({_ID})-({_ID})-([1-9][0-9]{{0,8}})-({_HASH})\.jsonl\.gz", re.ASCII)
_NOTE = re.compile(rf"({_ID}\.{_HASH})\.({_HASH})\.json", re.ASCII)
_BASELINE = re.compile(rf"([A-Za-z0-9][A-Za-z0-9._-]{{0,99}})\.({_HASH})\.(json|gone)", re.ASCII)
_BLOB = re.compile(r"([0-9a-f]{64})(?:\.[a-z0-9.]{1,16})?", re.ASCII)

RUNS, LINES, PACKS, NOTES, BASELINES = "runs", "lines", "packs", "notes", "baselines"


class Pack(NamedTuple):
    """What the name of a pack says of it."""

    name: str
    first: str  # the id of its oldest run
    last: str
    lines: int
    size: int  # bytes, compressed


class SharedBaseline(NamedTuple):
    """One file about a baseline."""

    file: str
    name: str
    digest: str
    gone: bool  # it says which of the others are taken away


def digest(data: bytes) -> str:
    """Return what stands for a content in a name."""
    return hashlib.sha256(data).hexdigest()[:DIGITS]


def stem(run_id: str, data: bytes) -> str:
    """Return what a record is called by its content."""
    return f"{run_id}.{digest(data)}"


def is_stem(text: str) -> bool:
    """Say whether this is what a record may be called."""
    return _STEM.fullmatch(text) is not None


def run_of(of: str) -> str:
    """Return the run id in a stem."""
    return of.partition(".")[0]


def second_of(run_id: str) -> str:
    """Return the second that a run began, as ids spell it."""
    return run_id[:16]


def stem_in(name: str) -> str | None:
    """Return the stem that a record or a line is called by; null for a stranger's file."""
    of = name.removesuffix(".json")
    return of if of != name and is_stem(of) else None


def pack(name: str, size: int) -> Pack | None:
    """Return what a pack's name says; null for a stranger's file."""
    found = _PACK.fullmatch(name)
    if found is None or ids.order(found[1]) > ids.order(found[2]):
        return None
    return Pack(name, found[1], found[2], int(found[3]), size)


def pack_name(first: str, last: str, count: int, data: bytes) -> str:
    """Return what a pack is called."""
    return f"{first}-{last}-{count}-{digest(data)}.jsonl.gz"


def note(name: str) -> tuple[str, str] | None:
    """Return the stem of the record that a note is about, and the hash of the note; null for a stranger's file."""
    found = _NOTE.fullmatch(name)
    return (found[1], found[2]) if found else None


def baseline(name: str) -> SharedBaseline | None:
    """Return what a file about a baseline is called for; null for a stranger's file."""
    found = _BASELINE.fullmatch(name)
    return SharedBaseline(name, found[1], found[2], found[3] == "gone") if found else None


def blob_digest(name: str) -> str | None:
    """Return the hash that a kept piece of a work tree is named for; null for a stranger's file."""
    found = _BLOB.fullmatch(name)
    return found[1] if found else None


def told_apart(stems: list[str]) -> dict[str, str]:
    """Return the id that each record of one second goes by here: its own, but where two have the same.

    Those get a number made of their content, so that it is the same on every machine.
    """
    by_id: dict[str, list[str]] = {}
    for one in sorted(set(stems)):
        by_id.setdefault(run_of(one), []).append(one)
    named = {of[0]: run_id for run_id, of in by_id.items() if len(of) == 1}
    taken = set(named.values())
    for run_id, of in by_id.items():
        for one in of if len(of) > 1 else ():
            number = 100_000 + int(one.rpartition(".")[2], 16) % 900_000
            while f"{second_of(run_id)}_{number}" in taken:
                number = 100_000 + (number - 99_999) % 900_000
            named[one] = f"{second_of(run_id)}_{number}"
            taken.add(named[one])
    return named
