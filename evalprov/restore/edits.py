"""The text of the files that two runs had differently, from git and from what dirty runs kept."""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import TYPE_CHECKING

from evalprov.capture.code.gitpatch import is_secret_file
from evalprov.capture.code.gittree import readable
from evalprov.explain.text_edits import LAYERS, NO_NEWLINE, Hunk, TextEdit, TextEdits
from evalprov.named import NamedTuple
from evalprov.record.outputs import is_cache
from evalprov.restore.git import GitFailed, ReadRepository
from evalprov.restore.trees import SIZE_LIMIT, source_of, trees_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from evalprov.record.manifest import Manifest
    from evalprov.restore.trees import FileStep, RunTree, Trees
    from evalprov.secrets import Scrubber

FILES = 1000  # whose text is shown
ALL_BYTES = 8 << 20  # of them together
BY_NAME = "its name says that it holds secrets"
BY_CONTENT = "it holds what looks like a secret"
_TOO_LARGE = f"larger than {SIZE_LIMIT >> 20} MiB"
_TOO_MANY = "there is more text than is shown at once"
_NOT_ASKED = "not asked for"
_BINARY = "binary"
_GITLINK = "160000"


class TextPlace(NamedTuple):
    """Where runs are looked for, and what their paths count from."""

    store: str
    root: str  # of the project
    scrub: Scrubber


def text_edits(
    a: Manifest, b: Manifest, place: TextPlace, *, present: bool, layers: Iterable[str] = LAYERS
) -> TextEdits:
    """Return how the files of these layers differ, each with its text where that can be had; nothing is written."""
    wanted = set(layers)
    found, problem = TextEdits(()), None
    one = source_of(a, [place.root])
    other = source_of(b, [place.root])
    claims = _Claims(a, b, one if isinstance(one, str) else one.top, place)
    if isinstance(one, ReadRepository) and isinstance(other, ReadRepository):
        try:
            with trees_of(place.store, dict.fromkeys((one, other))) as trees:
                sides = trees.of_run(a, "A"), trees.of_present(b, other) if present else trees.of_run(b, "B")
                found = _between(trees, sides, claims, wanted, place.scrub)
        except (GitFailed, OSError) as why:
            problem = str(getattr(why, "strerror", None) or why)
    else:
        problem = next(words for words in (one, other) if isinstance(words, str))
    known = {edit.path for edit in found.edits}
    every = (*found.edits, *(edit for edit in claims.by_record(a, b, problem) if edit.path not in known))
    others = Counter(edit.layer for edit in every if edit.layer not in wanted)
    elsewhere = tuple((layer, others[layer]) for layer in LAYERS if others[layer])
    shown = sorted((edit for edit in every if edit.layer in wanted), key=_order)
    return TextEdits(tuple(shown), elsewhere, problem or found.problem)


def _order(edit: TextEdit) -> tuple[int, str]:
    return LAYERS.index(edit.layer), edit.path


class _Claims:
    """Which layer a file belongs to, by its path from the top of the work tree."""

    def __init__(self, a: Manifest, b: Manifest, top: str, place: TextPlace) -> None:
        inside = os.path.relpath(os.path.realpath(place.root), os.path.realpath(top)) if os.path.isabs(top) else "."
        self._inside = "." if inside.startswith("..") else inside  # another repository that has the commits
        self._files: dict[str, str] = {}
        self._folders: dict[str, str] = {}
        for run in (b, a):
            for layer, files in _declared(run).items():
                self._files |= {self.path(name): layer for name in files}
            for data in run["data"]["sets"].values():
                if data["path"] is not None and data["kind"] == "dvc":
                    self._files[self.path(f"{data['path']}.dvc")] = "data"
                if data["path"] is not None and data["kind"] in ("folder", "dvc"):
                    self._folders[self.path(data["path"]) + "/"] = "data"
            self._files |= {self.path(name): "" for name in run["outputs"]["files"]}
        self._files[self.path("evalprov.toml")] = ""
        self._folders[self.path(os.path.relpath(place.store, place.root)) + "/"] = ""

    def path(self, name: str) -> str:
        """Return a path from the project's root as one from the top of the work tree."""
        return os.path.normpath(os.path.join(self._inside, name))

    def layer(self, path: str) -> str:
        """Return its layer; an empty name for what is in none."""
        if (layer := self._files.get(path)) is not None:
            return layer
        if is_cache(path):
            return ""
        return next((layer for folder, layer in self._folders.items() if path.startswith(folder)), "code")

    def by_record(self, a: Manifest, b: Manifest, problem: str | None) -> Iterator[TextEdit]:
        """Give the files that the two records have with other hashes, whatever git has of them."""
        ones, others = _declared(a), _declared(b)
        for layer in ones:
            for name in {**ones[layer], **others[layer]}:
                before, after = (side[layer].get(name) for side in (ones, others))
                if before != after:
                    how = "added" if name not in ones[layer] else "removed" if name not in others[layer] else "changed"
                    reason = problem or "not kept: git does not have it"
                    yield TextEdit(self.path(name), layer, (), reason, how)


def _declared(m: Manifest) -> dict[str, Mapping[str, str | None]]:
    """Return the files that layers but the code's have, with their hashes."""
    sets = (one for one in m["data"]["sets"].values() if one["kind"] == "file")
    return {
        "software": m["software"]["locks"],
        "grader": m["grader"]["files"],
        "config": {path: one["sha256"] for path, one in m["config"]["files"].items()},
        "data": {one["path"]: one["sha256"] for one in sets if one["path"] is not None},
        "prompts": {one["path"]: one["sha256"] for one in m["prompts"].values() if one["path"] is not None},
    }


def _between(
    trees: Trees, sides: tuple[RunTree, RunTree], claims: _Claims, wanted: set[str], scrub: Scrubber
) -> TextEdits:
    """Hold two trees against each other."""
    a, b = sides
    unknown = {**a.unknown, **b.unknown}
    reasons = {**a.withheld, **b.withheld, **unknown}
    edits: list[TextEdit] = []
    steps = []
    for step in trees.steps(a.tree, b.tree):
        layer = claims.layer(readable(step.path))
        if layer in wanted:
            steps.append(step)
        elif layer:
            edits.append(_edit(step, claims, (), _NOT_ASKED))
    blobs = {blob for step in steps for blob, mode in zip(step.blobs, step.modes, strict=True) if mode}
    sizes = trees.sizes(blobs)
    chosen: list[FileStep] = []
    room = ALL_BYTES
    for step in steps:
        path = readable(step.path)
        reason, size = _why_no_text(step, sizes, reasons.get(path))
        if reason is None and (len(chosen) == FILES or size > room):
            reason = _TOO_MANY
        if reason is None:
            room -= size
            chosen.append(step)
        else:
            edits.append(_edit(step, claims, (), reason))
    if chosen:
        found, patch = trees.texts(chosen)
        edits += _told(found, patch, claims, scrub)
    told = {edit.path for edit in edits}
    for path, reason in unknown.items():
        if path not in told and (layer := claims.layer(path)):
            edits.append(TextEdit(path, layer, (), reason, "unknown"))
    return TextEdits(tuple(edits), problem=a.problem or b.problem)


def _why_no_text(step: FileStep, sizes: Mapping[str, int], reason: str | None) -> tuple[str | None, int]:
    """Say why the text of a file is not shown, and else how large both sides are."""
    if _GITLINK in step.modes:
        ends = (blob[:12] if mode else "nothing" for blob, mode in zip(step.blobs, step.modes, strict=True))
        return f"a submodule: {' -> '.join(ends)}", 0
    if is_secret_file(step.path):
        return BY_NAME, 0
    there = [blob for blob, mode in zip(step.blobs, step.modes, strict=True) if mode]
    if any(blob not in sizes for blob in there):
        return reason or "git does not have its content here", 0
    if any(sizes[blob] > SIZE_LIMIT for blob in there):
        return _TOO_LARGE, 0
    return None, sum(sizes[blob] for blob in there)


def _edit(step: FileStep, claims: _Claims, hunks: tuple[Hunk, ...], reason: str | None) -> TextEdit:
    path = readable(step.path)
    how = (
        "renamed"
        if step.was
        else "added"
        if step.modes[0] is None
        else "removed"
        if step.modes[1] is None
        else "changed"
    )
    return TextEdit(path, claims.layer(path), hunks, reason, how, readable(step.was) if step.was else None, step.modes)


# --- git's patch


def _told(steps: list[FileStep], patch: bytes, claims: _Claims, scrub: Scrubber) -> Iterator[TextEdit]:
    """Give the files of a patch; of what became another kind of file git tells twice."""
    pieces = iter(_pieces(patch))
    for step in steps:
        for one in _told_apart(step):
            binary, hunks = next(pieces)
            shown = None if binary else _scrubbed(hunks, scrub.reading(one.path))
            reason = _BINARY if binary else BY_CONTENT if shown is None else None
            yield _edit(one, claims, shown or (), reason)


def _told_apart(step: FileStep) -> list[FileStep]:
    a, b = step.modes
    if a and b and a[:2] != b[:2]:
        return [step._replace(modes=(a, None)), step._replace(modes=(None, b))]
    return [step]


def _pieces(patch: bytes) -> Iterator[tuple[bool, tuple[Hunk, ...]]]:
    """Give what a patch says of each file: whether it is no text, and the hunks."""
    lines = patch.split(b"\n")
    at, begun, binary = 0, False, False
    hunks: list[Hunk] = []
    while at < len(lines):
        line = lines[at]
        at += 1
        if line.startswith(b"diff --git "):
            if begun:
                yield binary, tuple(hunks)
            begun, binary, hunks = True, False, []
        elif line.startswith((b"Binary files ", b"GIT binary patch")):
            binary = True
        elif found := re.match(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", line):
            a, old, b, new = (1 if number is None else int(number) for number in found.groups())
            inside: list[tuple[str, str]] = []
            while at < len(lines) and (old > 0 or new > 0 or lines[at][:1] == b"\\"):
                mark, text = lines[at][:1].decode("ascii", "replace"), lines[at][1:]
                old -= mark in " -"
                new -= mark in " +"
                inside.append((mark, text.decode("utf-8", "surrogateescape")))
                at += 1
            hunks.append(Hunk(a, b, tuple(inside)))
    if begun:
        yield binary, tuple(hunks)


def _scrubbed(hunks: tuple[Hunk, ...], scrub: Scrubber) -> tuple[Hunk, ...] | None:
    """Return hunks without secrets, looked for in the text as either side has it; null where that takes lines away."""
    marked = [one for hunk in hunks for one in hunk.lines]
    clean: dict[int, str] = {}
    for other in "+-":
        places = [place for place, (mark, _) in enumerate(marked) if mark not in (other, NO_NEWLINE)]
        text = "\n".join(marked[place][1] for place in places).encode("utf-8", "surrogateescape")
        if (found := scrub.data(text)) != text:
            lines = found.decode("utf-8", "surrogateescape").split("\n")
            if len(lines) != len(places):
                return None
            clean |= {place: line for place, line in zip(places, lines, strict=True) if line != marked[place][1]}
    if not clean:
        return hunks
    shown = iter([(mark, clean.get(place, text)) for place, (mark, text) in enumerate(marked)])
    return tuple(hunk._replace(lines=tuple(next(shown) for _ in hunk.lines)) for hunk in hunks)
