"""The code of a run, brought back: its commit, what was changed since, and what no commit had."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from evalprov.errors import EvalprovError
from evalprov.named import NamedTuple
from evalprov.record.hidden import PLACEHOLDER
from evalprov.regular import sha256_of
from evalprov.restore.folder import MODES, Escapes
from evalprov.restore.git import (
    ID,
    GitFailed,
    ReadRepository,
    add_as_new,
    git,
    gitlinks,
    has_lfs,
    lfs_folders,
    make_clone,
    pointers,
    source_with,
)
from evalprov.store import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.record.manifest import Manifest
    from evalprov.record.schema.code import SavedFile, Withheld
    from evalprov.restore.folder import NewFolder

APPLY = ("-c", "apply.whitespace=nowarn", "-c", "apply.ignoreWhitespace=no", "apply", "--whitespace=nowarn", "-p1")


class NoCode(Exception):  # noqa: N818 - it is a finding about a record
    """The code cannot come back; the words say why."""


class CodeSources(NamedTuple):
    """Where pieces of the code can be had."""

    store: str
    source: ReadRepository | None
    algorithm: str


def why_no_code(m: Manifest) -> str | None:
    """Say why a record alone rules out that its code comes back; null where it does not."""
    git_ = m["git"]
    if git_["source"] is None and m["git_sha"] is None:
        outcome = m["capture"].get("git")
        return (outcome and outcome["reason"]) or "it was not in a git repository"
    if git_["source"] == "environment":
        return "there was no repository: a variable named the commit, and what was changed since is not known"
    if git_["tree"] is None:
        outcome = m["capture"].get("git")
        return f"which files there were is not known: {(outcome and outcome['reason']) or 'git did not say'}"
    if not ID.fullmatch(git_["tree"]) or (m["git_sha"] is not None and not ID.fullmatch(m["git_sha"])):
        return "the record names no commit or tree that git has"
    return None


def sources_of(m: Manifest, store: str, folders: list[str]) -> CodeSources:
    """Find the repository that has the commit: the one here, or where it was; NoCode where none has it."""
    if why := why_no_code(m):
        raise NoCode(why)
    found = source_with([one for one in folders if os.path.isdir(one)], m["git_sha"])
    root = m["git"]["root"]
    if isinstance(found, str) and root and os.path.isabs(root) and os.path.isdir(root):
        other = source_with([root], m["git_sha"])
        found = found if isinstance(other, str) else other._replace(ours=False)
    if isinstance(found, ReadRepository):
        return CodeSources(store, found, found.algorithm)
    if m["git_sha"] is not None:
        raise NoCode(found)
    return CodeSources(store, None, "sha256" if len(m["git"]["tree"] or "") == 64 else "sha1")


def kept(store: str, saved: SavedFile) -> bytes:
    """Return a piece that the store keeps, which is what it is named for; NoCode where it is not there."""
    try:
        data = read.blob(store, saved["file"])
    except EvalprovError as problem:
        raise NoCode(problem.message) from None
    if data is None:
        raise NoCode(f"{saved['file']} is gone from {store}")
    if hashlib.sha256(data).hexdigest() != saved["sha256"]:
        raise NoCode(f"{store}/{saved['file']} is not what it was")
    return data


def bring_code(m: Manifest, to: NewFolder, sources: CodeSources) -> list[str]:
    """Put the files of a run in a new folder; return what of them could not be."""
    missing: list[str] = []
    try:
        make_clone(to.path, sources.source, sources.algorithm, m["git_sha"], m["git"]["branch"])
    except GitFailed as problem:
        raise NoCode(f"the commit could not be checked out: {problem}") from None
    patched = _patch(m, to, sources)
    for name, saved in m["git"]["saved"].items():
        try:
            _put_back(to, actual(name), kept(sources.store, saved), saved["mode"])
        except (NoCode, Escapes, OSError) as problem:
            missing.append(f"{name}: {getattr(problem, 'strerror', None) or problem}")
    missing += withheld_for_good(m, sources)
    _bring_withheld(m, to, sources)
    _index(m, to, patched)
    missing += _large(to, "", sources.source)
    missing += _submodules(m, to, sources.source)
    return missing


def actual(name: str) -> str:
    r"""Return the name of a file as the system has it: a byte that is no text stands as \xNN in a record."""
    return re.sub(r"\\x([89a-f][0-9a-f])", lambda one: chr(0xDC00 + int(one[1], 16)), name)


def _patch(m: Manifest, to: NewFolder, sources: CodeSources) -> bytes:
    if m["git"]["patch"] is None:
        return b""
    patch = kept(sources.store, m["git"]["patch"])
    try:
        git(to.path, *APPLY, stdin=patch)
    except GitFailed as problem:
        raise NoCode(f"the changes do not fit the commit: {problem}") from None
    return patch


def _put_back(to: NewFolder, name: str, data: bytes, mode: str) -> None:
    if mode not in MODES:
        raise Escapes(f"{mode} is no file's mode")
    to.remove(name)  # what was taken out of the index stands in the commit
    to.write(name, data, mode)


def withheld_for_good(m: Manifest, sources: CodeSources) -> list[str]:
    """Name what was not kept and cannot be had from elsewhere."""
    lost = [one for one in m["git"]["withheld"] if _where(one, sources) is None]
    found = [f"{one['path']}: not kept: {one['reason']}" for one in lost]
    rest = m["git"]["counts"].get("withheld", 0) - len(m["git"]["withheld"])
    return [*found, f"{rest:,} more files were not kept"] if rest > 0 else found


def _where(one: Withheld, sources: CodeSources) -> str | None:
    """Say where what was not kept still is: in the work tree, or in a commit made since; null for nowhere."""
    source, blob, name = sources.source, one["blob"], actual(one["path"])
    if source is None or blob is None or not ID.fullmatch(blob) or PLACEHOLDER in name:
        return None
    path = os.path.join(source.top, name)
    with suppress(GitFailed):
        there = os.path.isfile(path) and not os.path.islink(path) and _within(path, source.top)
        if there and git(source.top, "hash-object", f"--path={name}", "--", path).decode().strip() == blob:
            return "tree"
        git(source.top, "cat-file", "-e", f"{blob}^{{blob}}")
        return "commit"
    return None


def _bring_withheld(m: Manifest, to: NewFolder, sources: CodeSources) -> None:
    """Put back what was not kept, where the same content is still there or was committed since."""
    for one in m["git"]["withheld"]:
        name = actual(one["path"])
        with suppress(GitFailed, Escapes, OSError):
            match _where(one, sources), sources.source:
                case "tree", ReadRepository(top=top):
                    to.remove(name)
                    to.copy(os.path.join(top, name), name)
                case "commit", ReadRepository(top=top):
                    mode = "100755" if to.has(name) and os.access(to.at(name), os.X_OK) else "100644"
                    _put_back(to, name, git(top, "cat-file", "--filters", f"--path={name}", one["blob"] or ""), mode)


def _within(path: str, folder: str) -> bool:
    return os.path.realpath(path).startswith(os.path.join(os.path.realpath(folder), ""))


def _index(m: Manifest, to: NewFolder, patch: bytes) -> None:
    """Have git take notice of files as it did then: those that were added, those that were taken out."""
    staged = [actual(name) for name in m["git"]["staged"]]
    if not staged:
        return
    tracked = set(os.fsdecode(git(to.path, "ls-files", "-z")).split("\0"))
    with suppress(Escapes, GitFailed, OSError):
        added = [one for one in staged if one not in tracked and to.has(one) and not os.path.isdir(to.at(one))]
        add_as_new(to.path, added)
        ignored = _ignored(to.path, [one for one in staged if one in tracked and os.fsencode(one) not in patch])
        git(to.path, "update-index", "--force-remove", "-z", "--stdin", stdin=_joined(ignored))


def _ignored(place: str, names: list[str]) -> list[str]:
    try:
        told = git(place, "check-ignore", "--no-index", "-z", "--stdin", stdin=_joined(names))
    except GitFailed:  # none is
        return []
    return os.fsdecode(told).split("\0")[:-1]


def _joined(names: list[str]) -> bytes:
    return b"".join(os.fsencode(one) + b"\0" for one in names)


def _large(to: NewFolder, inside: str, source: ReadRepository | None) -> Iterator[str]:
    """Put large files in the place of what stands for them, where their repository has them."""
    top = os.path.join(to.path, inside)
    for name, digest in pointers(top).items():
        path = os.path.join(inside, name)
        for folder in lfs_folders(source) if source and has_lfs(top) else ():
            large = f"{folder}/{digest[:2]}/{digest[2:4]}/{digest}"
            if _is(large, digest):
                to.remove(path)
                to.copy(large, path)
                break
        else:
            yield f"{path}: its content is in Git LFS, and not here: git lfs install, git lfs fetch"


def _is(path: str, digest: str) -> bool:
    try:
        return sha256_of(path) == digest
    except OSError:
        return False


def _submodules(m: Manifest, to: NewFolder, source: ReadRepository | None) -> Iterator[str]:
    """Check out the submodules that were checked out then, each at the commit it stood at."""
    named = gitlinks(to.path)
    for one in m["git"]["submodules"]:
        path, commit = actual(one["path"]), one["commit"]
        if {"changed", "untracked"} & set(one["dirty"]):
            yield f"{one['path']}: changes inside a submodule are not kept"
        if commit is not None and (path in named or "commit" in one["dirty"]):
            yield from _submodule(to, path, commit, source)


def _submodule(to: NewFolder, path: str, commit: str, source: ReadRepository | None) -> Iterator[str]:
    lost = f"{path}: the submodule could not be brought back"
    found = _repository_of(path, commit, source)
    if isinstance(found, str):
        yield f"{lost}: {found}"
        return
    try:
        to.make(path)  # which proves that no link is on the way
        place = to.at(path)
        make_clone(place, found, found.algorithm, commit, None)
        inside = gitlinks(place)
    except (GitFailed, Escapes, OSError) as problem:
        yield f"{lost}: {getattr(problem, 'strerror', None) or problem}"
        return
    yield from _large(to, path, found)
    for inner, its in inside.items():
        if os.path.lexists(os.path.join(found.top, inner, ".git")):
            yield from _submodule(to, f"{path}/{inner}", its, found)


def _repository_of(path: str, commit: str, source: ReadRepository | None) -> ReadRepository | str:
    """Find a submodule's own repository: in the work tree, or where git keeps it; else say why there is none."""
    if source is None or not ID.fullmatch(commit):
        return f"commit {commit[:12]} is not here"
    folders = [os.path.join(source.top, path), os.path.join(source.common, "modules", path)]
    there = [one for one in folders if os.path.lexists(f"{one}/.git") or os.path.isfile(f"{one}/HEAD")]
    return source_with(there, commit) if there else "it is not checked out here, either"
