"""What a run is, handed to the trackers of its command by variables of their own, under what the user has set there."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from evalprov.handover.merging import OURS, NotMerged, less_ours, merged
from evalprov.handover.variables import VARIABLES
from evalprov.regular import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from evalprov.handover.variables import TrackerVariable
    from evalprov.record.manifest import Manifest
    from evalprov.record.schema.outcome import HandedOver

AUTO = "auto"
LARGEST = 256 << 10  # bytes of a file of settings that is looked at
LONGEST = 200  # characters of a scenario's name


def hand_over(
    m: Manifest, trackers: str | Sequence[str], environ: Mapping[str, str], places: Sequence[str]
) -> tuple[dict[str, str], HandedOver]:
    """Return the variables to set, and what is said of them in the record.

    `trackers` are names, or AUTO for those whose package the command's Python has installed. `places` are folders from
    which on upwards the command may look for a .env file.
    """
    wanted = {} if trackers == "off" else {row.variable: row for row in VARIABLES if _is_wanted(row, trackers, m)}
    facts = facts_of(m) if wanted else {}
    told: HandedOver = {"trackers": [], "variables": {}}
    values: dict[str, str] = {}
    texts = list(_texts(_files(places, environ, m["command"]["argv"]))) if wanted else []
    for name, row in wanted.items():
        theirs = environ.get(name)
        try:
            if theirs is None:
                _must_be_free(row, environ, texts, places)
            values[name] = merged(row.form, theirs, facts)
            told["variables"][name] = "set" if theirs is None else "merged"
        except NotMerged as why:
            told["variables"][name] = f"left as it was: {why}"
    reached = {row.tracker for row in VARIABLES if row.variable in values and _is_wanted(row, trackers, m)}
    told["trackers"] = sorted(reached)
    return values, told


def facts_of(m: Manifest) -> dict[str, str]:
    """Return what is handed over of a run before its command starts; what is not known is left out."""
    facts: dict[str, Any] = {"run_id": m["run_id"], "scenario": m["scenario"], "commit": m["git_sha"]}
    if m["git_dirty"] is not None:
        facts["dirty"] = "true" if m["git_dirty"] else "false"
    facts["program_at_start"] = _program(m)
    return {f"{OURS}{name}": str(said)[:LONGEST] for name, said in facts.items() if said}


def inherited(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Return the variables in which a run around this one handed itself over, as they were before that."""
    run_id = environ.get("EVALPROV_RUN_ID", "")
    found = {}
    for row in VARIABLES:
        value = environ.get(row.variable)
        if value is not None and (OURS in value or row.form == "id"):
            before = less_ours(row.form, value, run_id)
            if before != value:
                found[row.variable] = before
    return found


def left_alone(told: HandedOver) -> list[str]:
    """Return a sentence on each variable that stayed as the user has it, for a reason that the user can mend."""
    mended = ("it is no JSON object", "its parts are", "its words are", "one of its tags", "it is too long")
    return [
        f"{name} does not carry this run's id: {how.removeprefix('left as it was: ')}"
        for name, how in told["variables"].items()
        if how.removeprefix("left as it was: ").startswith(mended)
    ]


def _is_wanted(row: TrackerVariable, trackers: str | Sequence[str], m: Manifest) -> bool:
    if trackers != AUTO:
        return row.tracker in trackers
    packages = m["software"]["packages"] or {}
    return any(name in packages for name in row.packages)


def _must_be_free(
    row: TrackerVariable, environ: Mapping[str, str], texts: Sequence[bytes], places: Sequence[str]
) -> None:
    """Refuse a variable that would keep out what the user says elsewhere."""
    for other in row.unless:
        if other in environ:
            raise NotMerged(f"{other} is set")
    if any(_sets(text, row.variable) for text in texts):
        raise NotMerged("a .env file sets it")
    if row.said_in and _says(row.said_in, places, environ):
        raise NotMerged(f"{row.said_in[0]} has {row.said_in[1]}")


def _program(m: Manifest) -> str | None:
    """Return the short hash of the program as far as it is known before its command has said anything."""
    from evalprov.record.identity import identify

    try:
        whole = identify(m)["program"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return whole and whole.removeprefix("sha256:")[:12]


def _files(places: Sequence[str], environ: Mapping[str, str], argv: Sequence[str]) -> Iterator[str]:
    """Yield where the command may take variables from, which ours would keep out."""
    for folder in dict.fromkeys(above for place in places for above in _upward(place)):
        yield from (os.path.join(folder, name) for name in (".env", ".env.local"))
    named = environ.get("UV_ENV_FILE", "").split()
    for word, following in zip(argv, [*argv[1:], ""], strict=False):
        name, equals, value = word.partition("=")
        if name == "--env-file":
            named.append(value if equals else following)
    yield from (os.path.join(places[0], name) for name in named)


def _upward(folder: str) -> Iterator[str]:
    yield folder
    while (above := os.path.dirname(folder)) != folder:
        yield (folder := above)


def _texts(files: Iterable[str]) -> Iterator[bytes]:
    for path in files:
        try:
            with reading(path) as file:
                yield file.read(LARGEST)
        except (OSError, ValueError):
            continue


def _sets(text: bytes, name: str) -> bool:
    word = name.encode()
    return word in text and re.search(rb"(?m)^\s*(?:export\s+)?%s\s*=" % word, text) is not None


def _says(said_in: tuple[str, str], places: Sequence[str], environ: Mapping[str, str]) -> bool:
    file, word = said_in
    folders = [*places, environ.get("HOME", ""), os.path.join(environ.get("HOME", ""), ".config")]
    return any(word.encode() in text for text in _texts(os.path.join(folder, file) for folder in folders if folder))
