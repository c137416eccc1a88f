"""The files of the code that two runs had differently: in their commits, and in what was not committed beside them."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING

from evalprov.errors import EvalprovError
from evalprov.named import NamedTuple
from evalprov.store import read
from evalprov.views.diff_words import FileEdit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.record.manifest import Manifest
    from evalprov.repository import GitStep

NONE = "0"  # stands for a file that is not there


class _Own(NamedTuple):
    """A file that one run had otherwise than its commit: blob ids, and the lines between them."""

    before: str
    after: str | None  # null where its content was not kept
    plus: int
    minus: int


def code_files(store: str, a: Manifest, b: Manifest, steps: dict[str, GitStep] | None, project: str) -> list[FileEdit]:
    """Return the files that differ, in their order; `steps` are those between the two commits, null where unknown.

    A file that another layer tells of, or that a run wrote, is not among them. Their paths count from the top of the
    repository, those of the record from the project's folder.
    """
    if steps is None:
        return []
    ones, others = _own(store, a), _own(store, b)
    inside = _inside(project)
    named = {path for run in (a, b) for path in (*_claimed(run), *run["outputs"]["files"])}
    left_out = {os.path.normpath(os.path.join(inside, path)) for path in named}
    found = []
    for path in sorted({*steps, *ones, *others} - left_out):
        edit = _edit(path, ones.get(path), others.get(path), steps.get(path))
        if edit:
            found.append(edit)
    return found


def all_kept(m: Manifest) -> bool:
    """Say whether all that a run had otherwise than its commit was kept: else not every file that differs is known."""
    git = m["git"]
    others = set(git["untracked"]) - git["saved"].keys() - m["outputs"]["files"].keys()
    return (
        m["git_dirty"] is not None
        and not git["withheld"]
        and not any(one["dirty"] for one in git["submodules"])
        and (git["patch"] is not None or not (git["staged"] or git["changed"]))
        and not any(count > len(git[kind]) for kind, count in git["counts"].items() if kind in _KINDS)  # type: ignore[literal-required]
        and not any(one["scrubbed"] for one in git["saved"].values())
        and not others
    )


_KINDS = ("staged", "changed", "untracked")


def _inside(project: str) -> str:
    """Return where a project's folder is in its repository."""
    folder = os.path.realpath(project)
    top = folder
    while not os.path.lexists(os.path.join(top, ".git")):
        if top == os.path.dirname(top):
            return "."
        top = os.path.dirname(top)
    return os.path.relpath(folder, top)


def _claimed(m: Manifest) -> set[str]:
    """Return the files that another layer than code tells of."""
    paths = {one["path"] for one in (*m["prompts"].values(), *m["data"]["sets"].values())}
    return {*m["config"]["files"], *m["grader"]["files"], *m["software"]["locks"], *filter(None, paths)}


def _edit(path: str, one: _Own | None, other: _Own | None, step: GitStep | None) -> FileEdit | None:
    """Hold the two sides of one file against each other."""
    base = one.before if one else other.before if other else NONE
    in_commits = (step.a, step.b) if step else (base, base)
    before, after = (own.after if own else blob for own, blob in zip((one, other), in_commits, strict=True))
    if before is None or after is None or before == after:
        return None
    how = "added" if before == NONE else "removed" if after == NONE else "changed"
    if step and not one and not other:
        return FileEdit(path, how, step.plus, step.minus)
    if not step and not one and other:
        return FileEdit(path, how, other.plus, other.minus)
    if not step and one and not other:
        return FileEdit(path, how, one.minus, one.plus)
    return FileEdit(path, how, None, None)


def _own(store: str, m: Manifest) -> dict[str, _Own]:
    """Return what a run had that was not committed, by path."""
    found: dict[str, _Own] = {}
    git = m["git"]
    if git["patch"]:
        found |= dict(_in_patch(_blob(store, git["patch"]["file"]) or b""))
    width = 64 if len(git["tree"] or "") == 64 else 40
    for path, saved in git["saved"].items():
        content = None if saved["scrubbed"] else _blob(store, saved["file"])
        blob = None if content is None else _blob_id(content, width)
        lines = content.count(b"\n") + (not content.endswith(b"\n")) if content else 0
        found[path] = _Own(NONE, blob, lines, 0)
    for one in git["withheld"]:
        found.setdefault(one["path"], _Own(NONE, None, 0, 0))
    return found


def _blob(store: str, name: str) -> bytes | None:
    try:
        return read.blob(store, name)
    except EvalprovError:
        return None


def _blob_id(content: bytes, width: int) -> str:
    kind = "sha1" if width == 40 else "sha256"
    return hashlib.new(kind, b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _in_patch(patch: bytes) -> Iterator[tuple[str, _Own]]:
    """Give the files of a patch, with their blob ids and how many lines come and go."""
    lines = patch.split(b"\n")
    at = 0
    path, before, after, plus, minus = "", NONE, NONE, 0, 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if line.startswith(b"diff --git "):
            if path:
                yield path, _Own(before, after, plus, minus)
            path, before, after, plus, minus = _path(line), NONE, NONE, 0, 0
        elif ids := re.match(rb"index ([0-9a-f]+)\.\.([0-9a-f]+)", line):
            before, after = (NONE if not one.strip(b"0") else one.decode() for one in ids.groups())
        elif hunk := re.match(rb"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@", line):
            old, new = (1 if count is None else int(count) for count in hunk.groups())
            while (old > 0 or new > 0) and at < len(lines):
                mark = lines[at][:1]
                old -= mark in (b" ", b"-", b"")
                new -= mark in (b" ", b"+", b"")
                minus += mark == b"-"
                plus += mark == b"+"
                at += 1
    if path:
        yield path, _Own(before, after, plus, minus)


def _path(line: bytes) -> str:
    """Return the path in a patch's first line of a file, where both sides have the same."""
    rest = line[len(b"diff --git ") :]
    if rest.startswith(b'"a/'):
        quoted = rest[3 : rest.index(b'" "b/')]
        unquoted = re.sub(rb"\\([0-7]{3}|.)", _unquoted, quoted)
        return unquoted.decode("utf-8", "backslashreplace")
    return rest[2 : 2 + (len(rest) - 5) // 2].decode("utf-8", "backslashreplace")


def _unquoted(found: re.Match[bytes]) -> bytes:
    said = found[1]
    return bytes([int(said, 8)]) if len(said) == 3 else {b"n": b"\n", b"t": b"\t"}.get(said, said)
