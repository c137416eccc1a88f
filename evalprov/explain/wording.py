"""Values and changes in a few words, and a line that is no longer than it may be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from evalprov.explain.changes import CERTAIN, Change, different_words
from evalprov.explain.elide import DOTS, apart
from evalprov.numbers import listed, rounded
from evalprov.record.facts import ARGUMENTS, TREE
from evalprov.record.hidden import MARK, holds

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN = 3  # of metrics, facts and names in a line
LINE = 200  # letters of the first line
TEXT = 32  # letters of a value
NAME = 60
_HASHES = ("sha256", "tree", "graph_hash", "config_hash", "description_hash", "schema_hash", "variables not recorded")
_COMMAND = {("command", "program"), ("command", ARGUMENTS)}


def shortened(line: str, letters: int = LINE) -> str:
    """Cut a line between words."""
    if len(line) <= letters:
        return line
    whole = line[: letters - len(DOTS) - 1]
    return f"{(whole if line[len(whole)] == ' ' else whole.rpartition(' ')[0] or whole).rstrip(' ,;:')} {DOTS}"


def facts(changes: Sequence[Change], shown: int = SHOWN - 1, item: str = "") -> str:
    """Tell the first few changes in a line, of an item that was named before; not what merely may have changed."""
    changes = _one_command([change for change in changes if change.kind in CERTAIN])
    told = []
    for change in changes[:shown]:
        # What it is a fact of is said once.
        told.append(_fact(change, named=change.item in (item, change.layer)))
        item = change.item
    if not told:
        return f"{len(changes)} facts" if len(changes) > 1 else ""
    return listed(told, len(told), len(changes))


def _one_command(changes: Sequence[Change]) -> list[Change]:
    """Make one change of another program and other arguments: together they are one command line."""
    both = {change.field: change for change in changes if (change.item, change.field) in _COMMAND}
    if len(both) < 2 or "program" not in both:
        return list(changes)
    lines = []
    for side in (_a, _b):
        # No program is an interpreter, of which the software layer tells; of a path its name is enough.
        words = (side(both["program"]) or "python", *(side(both[ARGUMENTS]) or ()))
        lines.append([str(word).rpartition("/")[2] if str(word).startswith("/") else str(word) for word in words])
    whole = Change(both["program"].layer, "command", "", "changed", *lines)
    rest = [change for change in changes if (change.item, change.field) not in _COMMAND]
    at = next(i for i, change in enumerate(changes) if (change.item, change.field) in _COMMAND)
    return [*rest[:at], whole, *rest[at:]]


def _a(change: Change) -> Any:
    return change.a


def _b(change: Change) -> Any:
    return change.b


def _fact(change: Change, *, named: bool) -> str:
    name = brief(change.field if named and change.field else f"{change.item} {change.field}".strip(), NAME)
    if change.item == "command" and not change.field:
        return f"command: {_commands(change.a, change.b)}"
    if change.kind == "changed" and change.field == ARGUMENTS:
        return f"{name} {_arguments(change)}"
    if change.kind == "changed" and change.field not in _HASHES and not str(change.a).startswith("scrypt:"):
        if holds(change.a, MARK) and holds(change.b, MARK):
            return f"{name} changed (values hidden)"
        a, b = (
            (change.a, change.b)
            if isinstance(change.a, str) and isinstance(change.b, str)
            else (brief(change.a), brief(change.b))
        )
        a, b = apart((a, b), TEXT)
        return f"{name} {a} -> {b}"
    return "which files is not known" if change.field == TREE else f"{name.removesuffix(' sha256')} {change.kind}"


def _arguments(change: Change) -> str:
    a, b = (" ".join(words) for words in different_words(change.a, change.b))
    if a and b:
        return " -> ".join(apart([a, b], TEXT))
    return f"{brief(b)} added" if b else f"{brief(a)} removed"


def _commands(a: list[str], b: list[str]) -> str:
    """Show where two command lines differ, with the word that goes on after it."""
    shown = []
    for line, part in zip((a, b), different_words(a, b), strict=True):
        begin = next((at for at in range(len(line)) if line[at : at + len(part)] == part), 0)
        words = line[begin : begin + len(part) + 1]
        rest = f" {DOTS}" if begin + len(words) < len(line) else ""
        shown.append(f"{f'{DOTS} ' if begin else ''}{brief(' '.join(words), TEXT)}{rest}")
    return " -> ".join(shown)


def brief(value: Any, letters: int = TEXT) -> str:
    """Return a value in a few letters."""
    if isinstance(value, float):
        return rounded(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= letters else f"{text[: letters // 2 - 2]}{DOTS}{text[2 - letters // 2 :]}"
