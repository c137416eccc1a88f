"""Text differences: as git tells them to a program, coloured for a person, as values for JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from evalprov.explain.text_edits import NO_NEWLINE
from evalprov.numbers import counted, listed
from evalprov.page import BOLD, DIM, line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.explain.text_edits import Hunk, TextEdit, TextEdits
    from evalprov.page import Block

_COLOURS = {"-": "31", "+": "32", NO_NEWLINE: DIM}
_PLACE = "36"
_NAMED = 5  # files, in a remark
_ESCAPES = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 34: '"', 92: "\\"}


def document(found: TextEdits) -> dict[str, Any]:
    """Return them as values."""
    edits = [
        {**edit._asdict(), "hunks": [{**hunk._asdict(), "lines": list(hunk.lines)} for hunk in edit.hunks]}
        for edit in found.edits
    ]
    return {"problem": found.problem, "elsewhere": dict(found.elsewhere), "edits": edits}


def page(found: TextEdits) -> Iterator[Block]:
    """Give them for a person: each file with its layer, the lines that came and went, or why there are none."""
    for number, edit in enumerate(found.edits):
        if number:
            yield line("")
        yield line(title(edit), BOLD)
        if edit.reason or not edit.hunks:
            yield line(f"  {edit.reason or _of_modes(edit)}", DIM)
        for hunk in edit.hunks:
            yield line(_where(hunk), _PLACE)
            for mark, text in hunk.lines:
                yield line(f"{mark}{text}", _COLOURS.get(mark, ""))


def title(edit: TextEdit) -> str:
    """Name a file, its layer and what became of it."""
    counts = f" (+{edit.count('+')} -{edit.count('-')})" if edit.hunks else ""
    how = {"unknown": "not known whether it differs", "renamed": f"was {edit.was}"}.get(edit.how, edit.how)
    return f"{edit.layer}: {edit.path}  {how}{counts}"


def unified(found: TextEdits) -> Iterator[str]:
    """Give lines that `git apply` and `patch` read; of files without text nothing."""
    for edit in found.edits:
        if edit.reason is None:
            yield from _unified(edit)


def remarks(found: TextEdits) -> Iterator[str]:
    """Say what a patch does not: which files have no text, what is not known, and where else files differ."""
    reasons: dict[str, list[str]] = {}
    for edit in found.edits:
        if edit.reason:
            reasons.setdefault(edit.reason, []).append(edit.path)
    for reason, paths in reasons.items():
        yield f"no text of {listed(paths, _NAMED)}: {reason}"
    if found.problem:
        yield f"not every file that differs is known: {found.problem}"
    yield from elsewhere(found)


def elsewhere(found: TextEdits) -> Iterator[str]:
    """Say in which layers that were not asked for files differ, and how to see them."""
    if found.elsewhere:
        words = [f"{counted(count, 'file')} of {layer}" for layer, count in found.elsewhere]
        options = dict.fromkeys(ASK.get(layer, "--all") for layer, _ in found.elsewhere)
        verb = "differs" if sum(count for _, count in found.elsewhere) == 1 else "differ"
        yield f"{listed(words, len(words))} {verb}, too: {', '.join(options)}"
    elif not found.edits and not found.problem:
        yield "no file differs"


ASK = {"code": "--code", "prompts": "--prompts", "config": "--prompts", "grader": "--prompts"}


def _of_modes(edit: TextEdit) -> str:
    a, b = edit.modes
    if a != b and a and b:
        return f"mode {a} -> {b}"
    return "the same text" if edit.how == "renamed" else "empty"


def _unified(edit: TextEdit) -> Iterator[str]:
    a, b = (_quoted(f"{side}/{path}") for side, path in (("a", edit.was or edit.path), ("b", edit.path)))
    ends = [
        "\t" if " " in name and not name.startswith('"') else "" for name in (a, b)
    ]  # for `patch` a name ends there
    mode_a, mode_b = edit.modes
    yield f"diff --git {a} {b}"
    if mode_a is None:
        yield f"new file mode {mode_b}"
    elif mode_b is None:
        yield f"deleted file mode {mode_a}"
    elif mode_a != mode_b:
        yield from (f"old mode {mode_a}", f"new mode {mode_b}")
    if edit.was:
        yield from (f"rename from {_quoted(edit.was)}", f"rename to {_quoted(edit.path)}")
    if edit.hunks:
        yield from (
            "--- /dev/null" if mode_a is None else f"--- {a}{ends[0]}",
            "+++ /dev/null" if mode_b is None else f"+++ {b}{ends[1]}",
        )
    for hunk in edit.hunks:
        yield _where(hunk)
        yield from (f"{mark}{text}" for mark, text in hunk.lines)


def _where(hunk: Hunk) -> str:
    a, b = (sum(mark in own for mark, _ in hunk.lines) for own in (" -", " +"))
    return f"@@ -{hunk.a_start},{a} +{hunk.b_start},{b} @@"


def _quoted(path: str) -> str:
    """Return a path as git writes it: an odd one in double quotes."""
    if not re.search(r'[\0-\x1f"\\\x7f]', path) and path.isascii():
        return path
    raw = path.encode("utf-8", "surrogateescape")
    return '"' + "".join(_spelled(byte) for byte in raw) + '"'


def _spelled(byte: int) -> str:
    if byte in _ESCAPES:
        return f"\\{_ESCAPES[byte]}"
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"
