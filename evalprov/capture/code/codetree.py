"""The code layer's tree: that of the work tree, less what other layers claim and what the settings leave out."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from evalprov.capture.code.gittree import Asking, Repository, TreeEntry, told, tree_steps
from evalprov.capture.declared import config, named
from evalprov.capture.declared.written import left_out, named_outputs
from evalprov.capture.software import locks
from evalprov.named import NamedTuple
from evalprov.record.outputs import is_cache
from evalprov.settings import FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from evalprov.capture.collector import CaptureContext


class CodeTree(NamedTuple):
    """The tree of code, and what makes it of the commit's."""

    tree: str
    edits: Mapping[bytes, TreeEntry | None]
    without: frozenset[bytes]


class Edited(NamedTuple):
    """How the work tree differs from the commit."""

    edits: Mapping[bytes, TreeEntry | None] = {}
    untracked: Iterable[bytes] = ()  # those of the edits that no commit has
    folders: Mapping[bytes, Mapping[bytes, TreeEntry]] | None = None  # of the commit, as far as they were asked for


def not_code(context: CaptureContext) -> set[str]:
    """Return the files that other layers claim and those that are written, by their path from the project root."""
    return config.claimed(context) | named.claimed(context) | locks.claimed(context) | left_out(context)


def code_tree_steps(
    repo: Repository, context: CaptureContext, own: Iterable[bytes], edited: Edited
) -> Asking[CodeTree]:
    """Return the tree of code alone; `own` is evalprov's own folder."""
    edits = edited.edits
    settings = context.settings
    claimed = not_code(context)
    claimed |= {os.path.relpath(path, settings.root) for path in named_outputs(context)}
    if settings.path and os.path.basename(settings.path) == FILE:
        claimed.add(FILE)
    without = {*own, *(path for name in claimed if (path := from_top(repo, settings.root, name)) is not None)}
    without |= {path for path in edits if is_cache(os.fsdecode(path))}
    code = settings.declared.get("code", {})
    include, exclude = ([matching(one) for one in code.get(key, ())] for key in ("include", "exclude"))
    if include or exclude:
        for path in (yield from _paths_steps(repo, edits)):
            name = os.path.relpath(os.path.join(repo.top, os.fsdecode(path)), os.path.realpath(settings.root))
            kept = not include or any(one.fullmatch(name) for one in include)
            if not kept or any(one.fullmatch(name) for one in exclude):
                without.add(path)
    # What no commit has is not asked for there.
    fresh = without.intersection(edited.untracked)
    edits = {path: entry for path, entry in edits.items() if path not in fresh}
    without -= fresh
    tree = yield from tree_steps(repo, edits, without, edited.folders)
    return CodeTree(tree, edits, frozenset(without))


def less_steps(repo: Repository, code: CodeTree, outputs: Iterable[bytes]) -> Asking[str]:
    """Return the id of the tree of code without some more files."""
    return (yield from tree_steps(repo, code.edits, code.without.union(outputs)))


def matching(pattern: str) -> re.Pattern[str]:
    """Return what a path must match: * and ? stay within a folder, ** does not, a folder means all below it."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.removeprefix("./").rstrip("/"))
    meant = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meant.get(part) or re.escape(part) for part in parts) + "(?:/.*)?", re.DOTALL)


def _paths_steps(repo: Repository, edits: Mapping[bytes, TreeEntry | None]) -> Asking[list[bytes]]:
    listed: list[bytes] = []
    if repo.tree:
        [answer] = yield [repo.ask("ls-tree", "-r", "-z", "--name-only", "--full-tree", repo.tree)]
        listed = told(answer).split(b"\0")[:-1]
    return [*listed, *(path for path, entry in edits.items() if entry)]


def from_top(repo: Repository, root: str, name: str) -> bytes | None:
    """Return a path from the project root as one from the top of the work tree; null where it lies elsewhere."""
    path = os.path.normpath(os.path.join(os.path.realpath(root), name))
    inside = os.path.join(os.path.realpath(repo.top), "")
    return os.fsencode(path[len(inside) :]) if path.startswith(inside) else None
