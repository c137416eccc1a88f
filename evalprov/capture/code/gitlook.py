"""What git answered: read, and looked at more closely where something has changed."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from evalprov.capture.askgit import environ_of, parts_of, unlinked_above
from evalprov.capture.code.codetree import Edited, code_tree_steps
from evalprov.capture.code.gitfacts import Dirt, Place, Report, TreeBefore, Work
from evalprov.capture.code.gittree import (
    Asking,
    GitChange,
    GitError,
    Repository,
    TreeEntry,
    above,
    edits_steps,
    folders_steps,
    readable,
    together,
    told,
    tree_steps,
)
from evalprov.capture.watch import stamp
from evalprov.regular import reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evalprov.capture.ask import Reply
    from evalprov.capture.code.gitpatch import Kept
    from evalprov.capture.collector import CaptureContext, Findings

RESTORED = ".git/evalprov.env"  # in a folder that `restore` made, where no git looks at it: the run's variables


def look(
    context: CaptureContext,
    options: tuple[str, ...],
    answers: list[Reply],
) -> Asking[Findings]:
    """Return what the first answers say, after asking about the changes, if there are any."""
    status, where, described, remotes = answers
    scratch = context.scratch
    place = _read_place(where)
    if status.problem or status.code or place is None:
        from evalprov.capture.code.gitless import without_status

        return without_status(context, status, where, place and place.commit)
    repo = Repository(place.top, place.folder, place.tree, place.algorithm, options, environ_of(context))
    own = _own_folder(context.store, place.top)
    work = _read_status(status.out, own, os.fsencode(place.top))
    if work.commit != place.commit:
        raise GitError(f"the commit changed while git was asked, from {work.commit} to {place.commit}")
    unseen = None
    if _may_have_flags(repo):
        from evalprov.capture.code.gitflags import hidden_steps  # hardly any repository has them

        [hidden] = yield from together(hidden_steps(repo, work.changes, scratch))
        if isinstance(hidden, GitError):
            unseen = GitError(f"files that git was told not to look at could not be looked at: {hidden}")
        elif hidden:
            paths = {change.path for change in hidden}
            rest = [change for change in work.changes if change.path not in paths]
            changes = sorted([*rest, *hidden], key=lambda change: change.path)
            work = work._replace(changes=changes)
    # Where the store is a link only one of its two paths was asked for.
    tracked = own if place.store_tracked or len(own) > 1 else []
    # Before they are hashed: what is written to after this is seen to be.
    top = os.fsencode(repo.top)
    stamps = {path: stamp(os.path.join(top, path)) for path in _paths(work)}
    dirt = yield from _look_closer(repo, work, tracked, scratch, context)
    if unseen:
        dirt = dirt._replace(tree=unseen, code=unseen)
    found = Report(context.scrub, place, work, dirt).found(described, remotes, status)
    code = None if isinstance(dirt.code, GitError) else dirt.code
    return found._replace(before=TreeBefore(repo, own, stamps, frozenset(work.untracked), dirt.edits, code))


def _read_place(where: Reply) -> Place | None:
    parts = parts_of(where)
    if not parts:
        return None
    # Before the first commit git repeats the word HEAD and gives up there.
    commit, tree = parts[3].split("\n") if len(parts) > 4 else (None, None)
    return Place(parts[1], parts[2], parts[0], commit, tree, where.code == 0)


def _read_status(out: bytes, own: list[bytes], top: bytes) -> Work:
    commit = branch = None
    changes: list[GitChange] = []
    untracked: list[bytes] = []
    below = tuple(folder + b"/" for folder in own)
    for record in out.split(b"\0"):
        kind, _, rest = record.partition(b" ")
        if kind == b"?":
            if rest not in own and not rest.startswith(below) and not _was_restored(top, rest):
                untracked.append(rest)
        elif kind in (b"1", b"u"):
            change = _read_change(kind, rest)
            if change.path not in own and not change.path.startswith(below):
                changes.append(change)
        elif rest.startswith(b"branch.oid "):
            commit = readable(rest[11:]) if rest[11:] != b"(initial)" else None
        elif rest.startswith(b"branch.head "):
            branch = readable(rest[12:]) if rest[12:] != b"(detached)" else None
        elif record and kind not in (b"#", b"!"):
            raise GitError(f"git status printed {readable(record[:80])}, which is not understood")
    return Work(commit, branch, changes, untracked)


def _was_restored(top: bytes, path: bytes) -> bool:
    """Say whether this is another run, brought back into the work tree: no more of the user's than the store is."""
    return path.endswith(b"/") and os.path.exists(os.path.join(top, path, os.fsencode(RESTORED)))


def _read_change(kind: bytes, rest: bytes) -> GitChange:
    if kind == b"1":
        xy, sub, m_head, m_index, m_work, h_head, h_index, path = rest.split(b" ", 7)
        head, index = _entry(m_head, h_head), _entry(m_index, h_index)
        staged, unstaged = xy[:1] != b".", xy[1:] != b"."
    else:
        # Of the three sides "ours" is the one whose mode and line ends git would go by.
        xy, sub, _, m_index, _, m_work, _, h_index, _, path = rest.split(b" ", 9)
        head, index, staged, unstaged = None, _entry(m_index, h_index), False, True
    return GitChange(path, staged, unstaged, head, index, int(m_work, 8), sub.decode(), kind == b"u")


def _entry(mode: bytes, oid: bytes) -> TreeEntry | None:
    return TreeEntry(int(mode, 8), bytes.fromhex(oid.decode())) if int(mode, 8) else None


def _own_folder(store: str, top: str) -> list[bytes]:
    """Return the store's path from the top, or two where it is a link; none where it lies elsewhere."""
    inside = os.path.join(os.path.realpath(top), "")
    paths = {unlinked_above(store), os.path.realpath(store)}
    return [os.fsencode(path[len(inside) :]) for path in paths if path.startswith(inside) and path != inside]


def _may_have_flags(repo: Repository) -> bool:
    """Say whether an entry of the index may be flagged as not to be looked at, without asking git.

    An entry's mode stands so many bytes before its flags in every version; a hit by chance costs a question more.
    """
    try:
        with reading(os.path.join(repo.top, repo.environ.get("GIT_INDEX_FILE") or f"{repo.folder}/index")) as file:
            data = file.read()
    except OSError:
        return False
    between = 12 + (32 if repo.algorithm == "sha256" else 20)
    # Modes of files and links; the upper two bits: assume-unchanged, and that there are more flags.
    files = rb"(?s)\x81(?<=\0\0\x81)[\xa4\xed].{%d}[\x40-\xff]" % between
    links = rb"(?s)\xa0(?<=\0\0\xa0)\0.{%d}[\x40-\xff]" % between
    return bool(re.search(files, data) or re.search(links, data)) or b"\0link\0\0" in data


# --- the second look ----------------------------------------------------------------------------------------


def _look_closer(
    repo: Repository, work: Work, without: list[bytes], scratch: str | None, context: CaptureContext
) -> Asking[Dirt]:
    gitlinks = _gitlink_steps(repo, work)
    if not work.changes and not work.untracked:
        tree, code, links = yield from together(
            tree_steps(repo, {}, without), code_tree_steps(repo, context, without, Edited()), gitlinks
        )
        return Dirt(tree, code, {}, None, None, links)
    # What only a dirty tree needs is not loaded for a clean one.
    from evalprov.capture.code import gitpatch

    if scratch is None or scratch.startswith(os.path.join(repo.top, "")):
        patched: Kept | GitError = GitError("there is no writable temporary folder outside the repository")
        built: Any = patched
        [links] = yield from together(gitlinks)
    else:
        patched, built, links = yield from together(
            gitpatch.patch_steps(repo, work.changes, work.untracked, scratch, context.scrub),
            _trees_and_edits_steps(repo, work, without, scratch, context),
            gitlinks,
        )
    tree, code, edits = (built, built, {}) if isinstance(built, GitError) else built
    untracked = gitpatch.keep_untracked(repo, work.untracked, edits, context.scrub)
    if isinstance(patched, GitError):
        return Dirt(tree, code, edits, untracked, patched, links)
    return Dirt(tree, code, edits, gitpatch.joined(patched, untracked), None, links)


def _trees_and_edits_steps(
    repo: Repository, work: Work, without: list[bytes], scratch: str, context: CaptureContext
) -> Asking[tuple[str, Any, Mapping[bytes, TreeEntry | None]]]:
    paths = _paths(work)
    edits, folders = yield from together(
        edits_steps(repo, work.changes, work.untracked, scratch),
        folders_steps(repo, above([*paths, *without])),
    )
    for outcome in (edits, folders):
        if isinstance(outcome, GitError):
            raise outcome
    tree, code = yield from together(
        tree_steps(repo, edits, without, folders),
        code_tree_steps(repo, context, without, Edited(edits, work.untracked, folders)),
    )
    if isinstance(tree, GitError):
        raise tree
    return tree, code, edits


def _paths(work: Work) -> list[bytes]:
    return [change.path for change in work.changes] + [path.rstrip(b"/") for path in work.untracked]


def _gitlink_steps(repo: Repository, work: Work) -> Asking[dict[bytes, str]]:
    """Return the submodules that the index has; a repository without any is not asked."""
    known = any(change.submodule.startswith("S") for change in work.changes)
    if not known and not os.path.lexists(os.path.join(repo.top, ".gitmodules")):
        return {}
    [answer] = yield [repo.ask("ls-files", "--stage", "-z")]
    lines = (line for line in told(answer).split(b"\0") if line.startswith(b"160000 "))
    parts = (line.partition(b"\t") for line in lines)
    return {path: readable(front.split(b" ")[1]) for front, _, path in parts}
