"""Files that git was told not to look at (assume-unchanged, skip-worktree): looked at all the same."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from evalprov.capture.code.gittree import Asking, GitChange, GitError, Repository, TreeEntry, edits_steps, told

if TYPE_CHECKING:
    from collections.abc import Iterable


def hidden_steps(repo: Repository, changes: Iterable[GitChange], scratch: str | None) -> Asking[list[GitChange]]:
    """Return how the flagged files differ from the index; one that a sparse checkout leaves out does not."""
    [answer] = yield [repo.ask("ls-files", "-v", "-s", "-z")]
    known = {change.path: change for change in changes}
    hidden: list[GitChange] = []
    for record in told(answer).split(b"\0"):
        front, _, path = record.partition(b"\t")
        if not front or front[:1] in b"HCKRM?":
            continue
        _, mode, oid, stage = front.split(b" ")
        on_disk = _mode(os.path.join(os.fsencode(repo.top), path))
        if stage != b"0" or mode == b"160000" or (not on_disk and front[:1] in b"Ss"):
            continue
        entry = TreeEntry(int(mode, 8), bytes.fromhex(oid.decode()))
        staged = known.get(path)
        head = staged.head_entry if staged else entry
        edited = GitChange(path, staged is not None, True, head, entry, on_disk, "N...", conflict=False)  # noqa: FBT003
        hidden.append(edited)
    if not hidden:
        return []
    if scratch is None:
        raise GitError("there is no writable temporary folder outside the repository")
    there = yield from edits_steps(repo, hidden, (), scratch, index="hidden")
    return [change for change in hidden if there[change.path] != change.index_entry]


def _mode(path: bytes) -> int:
    """Return the mode that git would give to what is at a path; 0 where nothing is."""
    try:
        found = os.lstat(path)
    except OSError:
        return 0
    if stat.S_ISLNK(found.st_mode):
        return 0o120000
    return 0o100755 if found.st_mode & stat.S_IXUSR else 0o100644
