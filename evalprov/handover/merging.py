"""A run's identity merged under what the user has set in a variable already, and taken out of it again."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Facts = Mapping[str, str]  # names that begin with OURS

OURS = "evalprov."
TAG = 64  # W&B refuses to start with a longer one
LONGEST = 32_768  # bytes: a variable may have 128 KiB on Linux, and a command that gets a longer one cannot start
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
_ESCAPED = r'"(?:[^"\\]|\\.)*"'
_IN_JSON = re.compile(rf'(?:, )?"{re.escape(OURS)}\w+": {_ESCAPED}(?:, "{re.escape(OURS)}\w+": {_ESCAPED})*(?=\}}\s*$)')


class NotMerged(Exception):  # noqa: N818 - it is a finding about a value
    """The value is left as the user has it; the words say why."""


def merged(form: str, theirs: str | None, facts: Facts) -> str:
    """Return a variable's value with ours under theirs; raises NotMerged where it is to stay as it is."""
    if theirs == "":
        raise NotMerged("it is set to nothing")
    value = _MERGE[form](theirs or "", facts)
    if len(value.encode("utf-8", "surrogateescape")) > LONGEST:
        raise NotMerged("it is too long for more")
    return value


def less_ours(form: str, value: str, run_id: str) -> str | None:
    """Return what a value was before a run around this one put its identity in; null where that set it first."""
    if form == "id":
        left = "" if value == run_id else value
    elif form == "json":
        left = _IN_JSON.sub("", value)
        left = "" if left.strip() == "{}" else left
    else:
        mark = " " if form == "words" else ","
        left = mark.join(item for item in value.split(mark) if not item.startswith(OURS))
    return left or None


def _id(theirs: str, facts: Facts) -> str:
    if theirs:
        raise NotMerged("it is set")
    return facts[f"{OURS}run_id"]


def _json(theirs: str, facts: Facts) -> str:
    """Append to the text as it stands, so that nothing of theirs is spelled anew."""
    try:
        table = json.loads(theirs or "{}")
    except (ValueError, RecursionError):
        table = None
    if not isinstance(table, dict):
        raise NotMerged("it is no JSON object")
    ours = json.dumps({name: said for name, said in facts.items() if name not in table})
    body = theirs.rstrip() or "{}"
    return body if ours == "{}" else body[:-1] + (", " if table else "") + ours[1:] + theirs[len(body) :]


def _pairs(theirs: str, facts: Facts) -> str:
    there = _names(theirs.split(","), "its parts are not all key=value")
    return _joined(",", theirs, [f"{name}={_percent(said)}" for name, said in facts.items() if name not in there])


def _percent(said: str) -> str:
    """Spell a text with percent signs; urllib, which does the same, takes longer to load than all the rest here."""
    data = said.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte < 128 and chr(byte) in _PLAIN else f"%{byte:02X}" for byte in data)


def _words(theirs: str, facts: Facts) -> str:
    """Put each in quotes of YAML, so that a commit of digits is no number; a comma would make a list of it."""
    there = _names(theirs.split(), "its words are not all key=value")
    ours = [f'{name}="{said}"' for name, said in facts.items() if re.fullmatch(r"[\w.:/@+-]+", said)]
    return _joined(" ", theirs, [one for one in ours if one.partition("=")[0] not in there])


def _tags(theirs: str, facts: Facts) -> str:
    tags = theirs.split(",")
    if theirs and not all(tags):
        raise NotMerged("one of its tags is empty")
    ours = [f"{name}={said}" for name, said in facts.items() if "," not in said]
    return _joined(",", theirs, [tag for tag in ours if len(tag) <= TAG and tag not in tags])


def _names(items: list[str], problem: str) -> set[str]:
    """Return the keys of key=value items."""
    if not all("=" in item for item in items if item.strip()):
        raise NotMerged(problem)
    return {item.partition("=")[0].strip() for item in items}


def _joined(mark: str, theirs: str, ours: list[str]) -> str:
    between = mark if theirs and not theirs.endswith(mark) else ""
    return theirs + between + mark.join(ours)


_MERGE: dict[str, Callable[[str, Facts], str]] = {
    "id": _id,
    "json": _json,
    "pairs": _pairs,
    "words": _words,
    "tags": _tags,
}
