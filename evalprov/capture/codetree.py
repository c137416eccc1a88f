"""The code layer's tree: that of the work tree, less what other layers claim and what the settings leave out."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from evalprov.capture import config, declared
from evalprov.capture.gittree import Asking, Entry, Repository, told, tree_steps
from evalprov.settings import FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from evalprov.capture.collector import Scene
    from evalprov.settings import Settings


def code_tree_steps(
    repo: Repository,
    scene: Scene,
    own: Iterable[bytes],
    edits: Mapping[bytes, Entry | None],
    known: Mapping[bytes, Mapping[bytes, Entry]] | None = None,
) -> Asking[str]:
    """Return the id of the tree of code alone; `own` is evalprov's own folder."""
    settings = scene.settings
    claimed = config.claimed(scene) | declared.claimed(scene)
    if settings.path and os.path.basename(settings.path) == FILE:
        claimed.add(FILE)
    without = {*own, *(path for name in claimed if (path := _from_top(repo, settings, name)) is not None)}
    code = settings.declared.get("code", {})
    include, exclude = ([matching(one) for one in code.get(key, ())] for key in ("include", "exclude"))
    if include or exclude:
        for path in (yield from _paths_steps(repo, edits)):
            name = os.path.relpath(os.path.join(repo.top, os.fsdecode(path)), os.path.realpath(settings.root))
            kept = not include or any(one.fullmatch(name) for one in include)
            if not kept or any(one.fullmatch(name) for one in exclude):
                without.add(path)
    return (yield from tree_steps(repo, edits, without, known))


def matching(pattern: str) -> re.Pattern[str]:
    """Return what a path must match: * and ? stay within a folder, ** does not, a folder means all below it."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.removeprefix("./").rstrip("/"))
    meant = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meant.get(part) or re.escape(part) for part in parts) + "(?:/.*)?", re.DOTALL)


def _paths_steps(repo: Repository, edits: Mapping[bytes, Entry | None]) -> Asking[list[bytes]]:
    listed: list[bytes] = []
    if repo.tree:
        [answer] = yield [repo.ask("ls-tree", "-r", "-z", "--name-only", "--full-tree", repo.tree)]
        listed = told(answer).split(b"\0")[:-1]
    return [*listed, *(path for path, entry in edits.items() if entry)]


def _from_top(repo: Repository, settings: Settings, name: str) -> bytes | None:
    path = os.path.normpath(os.path.join(os.path.realpath(settings.root), name))
    inside = os.path.join(os.path.realpath(repo.top), "")
    return os.fsencode(path[len(inside) :]) if path.startswith(inside) else None
