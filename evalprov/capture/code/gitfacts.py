"""What git told, as facts of the record, and beside them what it could not tell."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from evalprov.capture.code.gittree import GitChange, GitError, TreeEntry, complaint, readable
from evalprov.capture.collector import Findings
from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from evalprov.capture.ask import Reply
    from evalprov.capture.code.codetree import CodeTree
    from evalprov.capture.code.gitpatch import Kept
    from evalprov.capture.code.gittree import Repository
    from evalprov.capture.watch import Stamp
    from evalprov.record.schema.code import Git, Submodule, Withheld
    from evalprov.secrets import Scrubber

NAMES_LIMIT = 1000


class Work(NamedTuple):
    """What `git status` says, evalprov's own folder left out."""

    commit: str | None
    branch: str | None
    changes: list[GitChange]
    untracked: list[bytes]  # a slash at the end is a repository in the repository


class Place(NamedTuple):
    """What `git rev-parse` says."""

    top: str
    folder: str
    algorithm: str
    commit: str | None
    tree: str | None
    store_tracked: bool


class Dirt(NamedTuple):
    """What was found out about the changes; an error where it could not be."""

    tree: str | GitError
    code: CodeTree | GitError  # the tree of code alone
    edits: Mapping[bytes, TreeEntry | None]
    kept: Kept | None  # null in a clean repository
    unpatched: GitError | None
    gitlinks: Any  # by path, or GitError


class TreeBefore(NamedTuple):
    """What is kept of all this in memory until the command has ended."""

    repo: Repository
    own: list[bytes]  # evalprov's own folder
    stamps: Mapping[bytes, Stamp | None]  # of every changed and untracked file
    untracked: frozenset[bytes]
    edits: Mapping[bytes, TreeEntry | None]
    code: CodeTree | None  # null where its tree is not known


class Report:
    """Puts the facts together, and what could not be known beside them."""

    def __init__(self, scrub: Scrubber, place: Place, work: Work, dirt: Dirt) -> None:
        self.scrub = scrub
        self.place = place
        self.work = work
        self.dirt = dirt
        self.unknown: list[str] = []
        self.warnings: list[str] = []

    def found(self, described: Reply, remotes: Reply, status: Reply) -> Findings:
        """Return all of it."""
        work, kept = self.work, self.dirt.kept
        staged = [change.path for change in work.changes if change.staged]
        changed = [change.path for change in work.changes if change.unstaged]
        left_out = kept.withheld if kept else []
        git: Git = {
            "source": "git",
            "root": self._text(os.fsencode(self.place.top)),
            "branch": work.branch and self.scrub.text(work.branch),
            "describe": self._describe(described),
            "tree": self._known("tree", self.dirt.tree),
            "remotes": self._remotes(remotes),
            "staged": self._names(staged),
            "changed": self._names(changed),
            "untracked": self._names(work.untracked),
            "counts": {
                "staged": len(staged),
                "changed": len(changed),
                "untracked": len(work.untracked),
                "withheld": len(left_out),
            },
            "submodules": self._submodules(),
            "patch": kept.patch if kept else None,
            "saved": {self.scrub.text(path): saved for path, saved in kept.saved.items()} if kept else {},
            "withheld": [self._withheld(path, why) for path, why in left_out[:NAMES_LIMIT]],
        }
        self._known("patch", self.dirt.unpatched)
        # Git speaks up but goes on where it may not look into a folder.
        spoken = status.err.decode("utf-8", "backslashreplace").splitlines()[:5]
        self.warnings += [f"git: {line}" for line in spoken if line.startswith("warning: ")]
        return Findings(
            {
                "git_sha": work.commit,
                "git_dirty": bool(work.changes or work.untracked),
                "git": git,
                "code": {"tree": self._code()},
            },
            tuple(self.scrub.text(warning) for warning in self.warnings),
            kept.blobs if kept else {},
            self.scrub.text("; ".join(self.unknown)) or None,
        )

    def _withheld(self, path: bytes, why: str) -> Withheld:
        entry = self.dirt.edits.get(path)
        return {"path": self._text(path), "reason": why, "blob": entry.oid.hex() if entry else None}

    def _code(self) -> str | None:
        """Return the tree of code, unless something changed that no tree can show."""
        inside = [c.path for c in self.work.changes if c.submodule[2:].strip(".")]
        if inside:
            hidden = GitError(f"{self._text(inside[0])}, a submodule, has changes that no tree shows")
            return self._known("code", hidden)  # type: ignore[no-any-return]
        code: CodeTree | None = self._known("code", self.dirt.code)
        return code.tree if code else None

    def _known(self, what: str, outcome: Any) -> Any:
        if isinstance(outcome, GitError):
            self.unknown.append(f"{what}: {outcome}")
            return None
        return outcome

    def _text(self, name: bytes) -> str:
        return self.scrub.text(readable(name))

    def _names(self, paths: Iterable[bytes]) -> list[str]:
        return [self._text(path) for _, path in zip(range(NAMES_LIMIT), paths, strict=False)]

    def _describe(self, described: Reply) -> str | None:
        if described.problem is None and described.code == 0:
            return self._text(described.out.strip())
        if self.work.commit:
            self.unknown.append(f"describe: {complaint(described)}")
        return None

    def _remotes(self, answer: Reply) -> dict[str, str]:
        if answer.problem or answer.code not in (0, 1):  # 1 is none
            self.unknown.append(f"remotes: {complaint(answer)}")
            return {}
        remotes: dict[str, str] = {}
        for line in answer.out.split(b"\0"):
            key, _, url = line.partition(b"\n")
            if url:
                # Fetching goes by the first address of a name.
                remotes.setdefault(self._text(key[len("remote.") : -len(".url")]), self._text(_bare_url(url)))
        return remotes

    def _submodules(self) -> list[Submodule]:
        gitlinks = self._known("submodules", self.dirt.gitlinks) or {}
        dirty = {one.path: one for one in self.work.changes if one.submodule.startswith("S")}
        return [self._submodule(path, gitlinks.get(path), dirty.get(path)) for path in sorted({*gitlinks, *dirty})]

    def _submodule(self, path: bytes, commit: str | None, change: GitChange | None) -> Submodule:
        dirt = {
            name: bool(change and letter in change.submodule[1:])
            for name, letter in (("commit", "C"), ("changed", "M"), ("untracked", "U"))
        }
        if dirt["commit"]:
            entry = self.dirt.edits.get(path)
            commit = entry.oid.hex() if entry else None
        if not os.path.lexists(os.path.join(os.fsencode(self.place.top), path, b".git")):
            commit = None  # not checked out
        if dirt["changed"] or dirt["untracked"]:
            self.warnings.append(f"the submodule {readable(path)} has changes that git.tree does not show")
        return {
            "path": self._text(path),
            "commit": commit,
            "dirty": [name for name, found in dirt.items() if found],
        }


def _bare_url(url: bytes) -> bytes:
    """Return an address without a password; nor with a user name, except for ssh, where it is no secret."""
    scheme, mark, rest = url.partition(b"://")
    if not mark:
        return url
    host, slash, path = rest.partition(b"/")
    if b"@" not in host and re.search(rb":(?!\d*$)[^\]]*$", host) and b"@" in path:
        host, slash, path = rest, b"", b""  # a slash in the password
    if b"@" in host:
        user, _, host = host.rpartition(b"@")
        user = user.partition(b":")[0]
        host = user + b"@" + host if scheme in (b"ssh", b"git+ssh", b"ssh+git") and user else host
    return scheme + mark + host + slash + path
