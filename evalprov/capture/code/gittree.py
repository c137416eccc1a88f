"""What git would make of the work tree, asked without a write to the repository.

Only what changed is looked at: git hashes the changed files by way of a small index of our own, and the
folders above them are put together here, so the price follows the change and not the size of the repository: of
20,000 files 34 ms for two trees, against 104 ms by git's own `write-tree` over a copy of the index, which also leaves
objects in the repository.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from collections.abc import Generator, Iterable, Mapping
from typing import Any, TypeVar

from evalprov.capture.ask import GIT_PATIENCE, Question, Reply
from evalprov.named import NamedTuple
from evalprov.regular import reading

T = TypeVar("T")
Asking = Generator[list[Question], list[Reply], T]

FOLDER = 0o040000
GITLINK = 0o160000
# Hashing more than this would hold up the start for seconds.
HASH_LIMIT = 512 << 20
HASH_COUNT = 20_000


class GitError(Exception):
    """Git could not say something; the words are its own where it had any."""


class TreeEntry(NamedTuple):
    """What stands under a name in a tree or an index."""

    mode: int
    oid: bytes


_SERIOUS = ("error: ", "fatal: ")
_NO_FOLDER = TreeEntry(0, b"")


class GitChange(NamedTuple):
    """A tracked path that differs from the commit, as `git status` tells it."""

    path: bytes
    staged: bool
    unstaged: bool
    head_entry: TreeEntry | None  # null where the commit has no such path, and in a conflict
    index_entry: TreeEntry | None
    mode: int  # in the work tree; 0 is not there
    submodule: str  # N..., or S with a letter each for commit, changed and untracked
    conflict: bool


class Repository(NamedTuple):
    """How to ask one repository, and where it stands."""

    top: str
    folder: str  # the .git folder of this work tree
    tree: str | None  # of HEAD; null before the first commit
    algorithm: str  # sha1 or sha256
    options: tuple[str, ...]
    environ: Mapping[str, str]

    def ask(self, *words: str, stdin: bytes = b"", index: str | None = None, timeout: float = GIT_PATIENCE) -> Question:
        """Put a question to git at the top of the work tree, by another index if one is named."""
        place = ("-C", self.top, f"--git-dir={self.folder}", f"--work-tree={self.top}")
        env = dict(self.environ)
        if index is not None:
            env["GIT_INDEX_FILE"] = index
        return Question(("git", *self.options, *place, *words), env=env, stdin=stdin, timeout=timeout)


def told(answer: Reply) -> bytes:
    """Return what git printed, or raise its complaint."""
    if answer.problem or answer.code != 0:
        raise GitError(complaint(answer))
    return answer.out


def complaint(answer: Reply) -> str:
    """Return git's own words on what went wrong, without its advice."""
    lines = answer.err.decode("utf-8", "backslashreplace").splitlines()
    return answer.problem or "; ".join(x for x in lines if x.startswith(_SERIOUS)) or answer.complaint


def readable(name: bytes) -> str:
    """Return a file name as text, its odd bytes escaped."""
    return name.decode("utf-8", "backslashreplace")


def together(*running: Asking[Any]) -> Asking[list[Any]]:
    """Take several lines of questions forward in the same rounds; one that fails ends as its error."""
    results: list[Any] = [None] * len(running)
    asked: dict[int, list[Question]] = {}

    def advance(one: int, answers: list[Reply] | None) -> None:
        try:
            # A generator not yet begun takes null.
            asked[one] = running[one].send(answers)  # type: ignore[arg-type]
        except StopIteration as stop:
            results[one] = stop.value
        except GitError as error:
            results[one] = error
        except OSError as error:
            results[one] = GitError(str(error))

    for one in range(len(running)):
        advance(one, None)
    while asked:
        turn, asked = asked, {}
        answers = iter((yield [command for commands in turn.values() for command in commands]))
        for one, commands in turn.items():
            advance(one, [next(answers) for _ in commands])
    return results


# --- what is in the work tree -------------------------------------------------------------------------------


def edits_steps(
    repo: Repository, changes: Iterable[GitChange], untracked: Iterable[bytes], scratch: str, *, index: str = "changed"
) -> Asking[dict[bytes, TreeEntry | None]]:
    """Return what `git add -A` would put under every changed path; null is a path that is gone.

    `index` is a name for a file in the scratch folder that no other question of the same round has.
    """
    edits: dict[bytes, TreeEntry | None] = {}
    seeds: dict[bytes, TreeEntry | None] = {}
    unhashed: list[bytes] = []
    for change in changes:
        if change.conflict or _differs_on_disk(change):
            if change.mode:
                unhashed.append(change.path)
                seeds |= {change.path: change.index_entry} if change.index_entry else {}
            edits[change.path] = None
        else:
            edits[change.path] = change.index_entry
    unhashed += [path.rstrip(b"/") for path in untracked]
    if not unhashed:
        return edits
    _check_hashable(repo, unhashed)
    index = os.path.join(scratch, index)
    # With their old entries beside them git treats line ends and modes as it would in its own index.
    write_index(index, seeds, repo.algorithm)
    words = ("update-index", "--add", "--remove", "--replace", "--info-only", "-z", "--stdin")
    [answer] = yield [repo.ask(*words, stdin=b"\0".join(unhashed), index=index)]
    told(answer)
    hashed = read_index(index, repo.algorithm)
    return {**edits, **{path: hashed.get(path) for path in unhashed}}


def _differs_on_disk(change: GitChange) -> bool:
    if change.submodule.startswith("S") and change.mode == GITLINK and "C" not in change.submodule:
        return False  # its dirt stays its own: no commit of ours would hold it
    return change.unstaged


def _check_hashable(repo: Repository, paths: list[bytes]) -> None:
    if len(paths) > HASH_COUNT:
        raise GitError(
            f"{len(paths):,} changed and untracked files; more than {HASH_COUNT:,} are not hashed before a start"
        )
    total = 0
    top = os.fsencode(repo.top)
    for path in paths:
        try:
            status = os.lstat(os.path.join(top, path))
        except OSError:
            continue  # gone meanwhile, or git will say it better
        if stat.S_ISREG(status.st_mode):
            total += status.st_size
        elif not (stat.S_ISLNK(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise GitError(f"{readable(path)} is no file, link or folder, so git cannot add it")
    if total > HASH_LIMIT:
        raise GitError(
            f"the changed and untracked files come to {total >> 20} MiB; more than {HASH_LIMIT >> 20} MiB"
            " are not hashed before a start"
        )


# --- trees --------------------------------------------------------------------------------------------------


def tree_steps(
    repo: Repository,
    edits: Mapping[bytes, TreeEntry | None],
    without: Iterable[bytes] = (),
    known: Mapping[bytes, Mapping[bytes, TreeEntry]] | None = None,
) -> Asking[str]:
    """Return the id of the commit's tree with the edits applied and some files or folders left out.

    `known` are folders of the commit that have been asked for already.
    """
    gone = {path.strip(b"/") for path in without} - {b""}
    apply = _outside(gone, edits)
    apply |= dict.fromkeys(gone)
    if repo.tree and not apply:
        return repo.tree
    needed = above(apply)
    folders = {name: dict(known[name]) for name in needed if name in known} if known else {}
    if needed != folders.keys():
        folders = yield from folders_steps(repo, needed)
    # Deletions first: what was a file may be a folder now, and the other way round.
    for path, entry in sorted(apply.items(), key=lambda item: item[1] is not None):
        folder, _, name = path.rpartition(b"/")
        if entry is None:
            folders[folder].pop(name, None)
        else:
            folders[folder][name] = entry
    for folder in sorted(folders, key=lambda path: path.count(b"/"), reverse=True):
        if folder:
            _close(folders, folder, repo.algorithm)
    return _tree_id(folders[b""], repo.algorithm).hex()


def folders_steps(repo: Repository, folders: Iterable[bytes]) -> Asking[dict[bytes, dict[bytes, TreeEntry]]]:
    """Return what the commit has in these folders; one that it does not have is empty.

    With each folder those above it must be asked for.
    """
    names = sorted(folders)
    if not repo.tree:
        return {name: {} for name in names}
    base = repo.tree.encode()
    # The slash at the end makes git answer for folders only.
    queries = [base + b":" + name + b"/" if name else base for name in names]
    broken = any(b"\n" in name for name in names)
    words, end = (("cat-file", "--batch", "-z"), b"\0") if broken else (("cat-file", "--batch"), b"\n")
    [answer] = yield [repo.ask(*words, stdin=end.join([*queries, b""]))]
    out = told(answer)
    found: dict[bytes, dict[bytes, TreeEntry]] = {}
    at = 0
    for name, query in zip(names, queries, strict=True):
        missing = query + b" missing\n"
        if out.startswith(missing, at):
            found[name] = {}
            at += len(missing)
            parent, _, last = name.rpartition(b"/")
            if not name or found[parent].get(last, _NO_FOLDER).mode == FOLDER:
                raise GitError(f"git lacks the tree of {readable(name) or 'the commit'}")
            continue
        line = out.index(b"\n", at)
        size = int(out[at:line].split(b" ")[2])
        at = line + 1 + size
        found[name] = _entries(out[line + 1 : at], len(base) // 2)
        at += 1
    return found


def above(paths: Iterable[bytes]) -> set[bytes]:
    """Return the folders above these paths, the top among them."""
    found = {b""}
    for folder in {path.rpartition(b"/")[0] for path in paths}:
        while folder not in found:
            found.add(folder)
            folder = folder.rpartition(b"/")[0]  # noqa: PLW2901 - one by one up to the top
    return found


def _outside(gone: set[bytes], edits: Mapping[bytes, TreeEntry | None]) -> dict[bytes, TreeEntry | None]:
    """Return the edits that are not among the paths that are left out, nor below one of them."""
    if not gone:
        return dict(edits)
    below: set[bytes] = set()
    for folder in sorted(above(edits)):  # each after the one above it
        if folder and (folder in gone or folder.rpartition(b"/")[0] in below):
            below.add(folder)
    return {path: entry for path, entry in edits.items() if path not in gone and path.rpartition(b"/")[0] not in below}


def _entries(body: bytes, width: int) -> dict[bytes, TreeEntry]:
    entries: dict[bytes, TreeEntry] = {}
    at = 0
    while at < len(body):
        space = body.index(b" ", at)
        null = body.index(b"\0", space)
        entries[body[space + 1 : null]] = TreeEntry(int(body[at:space], 8), body[null + 1 : null + 1 + width])
        at = null + 1 + width
    return entries


def _close(folders: dict[bytes, dict[bytes, TreeEntry]], folder: bytes, algorithm: str) -> None:
    """Enter a finished folder in the one above it; git keeps no empty ones."""
    parent, _, name = folder.rpartition(b"/")
    if folders[folder]:
        folders[parent][name] = TreeEntry(FOLDER, _tree_id(folders[folder], algorithm))
    elif name in folders[parent] and folders[parent][name].mode == FOLDER:
        del folders[parent][name]


def _tree_id(entries: Mapping[bytes, TreeEntry], algorithm: str) -> bytes:
    # Git sorts a folder as if its name ended in a slash.
    ordered = sorted(entries.items(), key=lambda item: item[0] + b"/" * (item[1].mode == FOLDER))
    body = b"".join(b"%o %b\0%b" % (entry.mode, name, entry.oid) for name, entry in ordered)
    return hashlib.new(algorithm, b"tree %d\0" % len(body) + body, usedforsecurity=False).digest()


# --- small indexes ------------------------------------------------------------------------------------------

_HEADER = struct.Struct(">4sLL")
_MODE = struct.Struct(">24xL12x")  # the times and the rest are zero, so git looks at the file itself
_EXTENDED = 0x4000
_TO_BE_ADDED = 0x2000


def empty_blob(algorithm: str) -> bytes:
    """Return the id of a file without content."""
    return hashlib.new(algorithm, b"blob 0\0", usedforsecurity=False).digest()


def write_index(file: str, entries: Mapping[bytes, TreeEntry | None], algorithm: str) -> None:
    """Write an index with these paths alone; null stands for a file that is to be added."""
    nothing = empty_blob(algorithm)
    version = 3 if None in entries.values() else 2
    parts = [_HEADER.pack(b"DIRC", version, len(entries))]
    for path, entry in sorted(entries.items()):
        flags = min(len(path), 0xFFF)
        if entry is None:
            fixed = _MODE.pack(0o100644) + nothing + struct.pack(">HH", flags | _EXTENDED, _TO_BE_ADDED)
        else:
            fixed = _MODE.pack(entry.mode) + entry.oid + struct.pack(">H", flags)
        parts.append(fixed + path + b"\0" * (8 - (len(fixed) + len(path)) % 8))
    body = b"".join(parts)
    with open(file, "wb") as to:
        to.write(body + hashlib.new(algorithm, body, usedforsecurity=False).digest())


def read_index(file: str, algorithm: str) -> dict[bytes, TreeEntry]:
    """Return the entries of a small index that git has worked on."""
    with reading(file) as source:
        data = source.read()
    magic, version, count = _HEADER.unpack_from(data)
    if magic != b"DIRC" or version not in (2, 3):
        raise GitError(f"git wrote an index of version {version}, which is not understood")
    width = hashlib.new(algorithm, usedforsecurity=False).digest_size
    entries: dict[bytes, TreeEntry] = {}
    at = _HEADER.size
    for _ in range(count):
        (mode,) = _MODE.unpack_from(data, at)
        oid = data[at + _MODE.size : at + _MODE.size + width]
        (flags,) = struct.unpack_from(">H", data, at + _MODE.size + width)
        name = at + _MODE.size + width + (4 if flags & _EXTENDED else 2)
        end = data.index(b"\0", name)
        entries[data[name:end]] = TreeEntry(mode, oid)
        at += (end - at + 8) // 8 * 8
    return entries
