"""What a dirty work tree needs to be brought back: the patch of tracked files, the content of the others."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from evalprov.capture.code.gittree import (
    GITLINK,
    HASH_COUNT,
    HASH_LIMIT,
    Asking,
    GitChange,
    GitError,
    Repository,
    TreeEntry,
    above,
    empty_blob,
    folders_steps,
    readable,
    told,
    write_index,
)
from evalprov.named import NamedTuple
from evalprov.regular import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from evalprov.record.schema.code import SavedFile
    from evalprov.secrets import Scrubber

PATCH_LIMIT = 10 << 20
FILE_LIMIT = 1 << 20
FILES_LIMIT = 10 << 20
FILES_COUNT = 1000
BY_NAME = "its name says that it holds secrets"
BY_CONTENT = "it holds what looks like a secret"
LOOKED_AT = 4 * FILES_COUNT  # untracked files; of more, not even the size is asked

# Every choice that a user's configuration could change is made here. Binary files are given as text, where a
# secret can be seen and taken out; git applies that just as well.
_DIFF = (
    *("-c", "diff.autoRefreshIndex=true", "-c", "diff.suppressBlankEmpty=false", "-c", "core.quotePath=true"),
    *("diff", "--text", "--full-index", "--no-ext-diff", "--no-textconv", "--no-renames", "--no-color"),
    *("--no-relative", "--src-prefix=a/", "--dst-prefix=b/", "-U3", "--inter-hunk-context=0", "-O/dev/null"),
    *("--diff-algorithm=myers", "--indent-heuristic", "--ignore-submodules=all"),
)

_SECRET_NAMES = frozenset(
    (
        *(".env", ".netrc", "_netrc", ".npmrc", ".pypirc", ".pgpass", ".my.cnf", ".htpasswd", ".dockercfg"),
        *(".git-credentials", "credentials", "credentials.json", "credentials.yaml", "credentials.toml"),
        *(
            "client_secret.json",
            "service_account.json",
            "service-account.json",
            "id_rsa",
            "id_dsa",
            "id_ecdsa",
        ),
        *("id_ed25519", "secrets.json", "secrets.yaml", "secrets.yml", "secrets.toml", "secrets.ini"),
    )
)
_SECRET_ENDS = (".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk", ".env")
_SAMPLE_ENDS = (".example", ".sample", ".template", ".dist")


class Kept(NamedTuple):
    """Pieces of the work tree for the store, and what was left out of them."""

    patch: SavedFile | None
    saved: dict[str, SavedFile]
    withheld: list[tuple[bytes, str]]  # the path, and why
    blobs: dict[str, bytes]


def is_secret_file(path: bytes) -> bool:
    """Say whether a file of this name likely holds nothing but secrets."""
    name = readable(path.rpartition(b"/")[2]).lower()
    if name.startswith(".env."):
        return not name.endswith(_SAMPLE_ENDS)
    return name in _SECRET_NAMES or name.endswith(_SECRET_ENDS)


def patch_steps(
    repo: Repository, changes: Iterable[GitChange], untracked: Iterable[bytes], scratch: str, scrub: Scrubber
) -> Asking[Kept]:
    """Return the patch from the commit to the work tree."""
    kept = Kept(None, {}, [], {})
    afresh = set(untracked)
    chosen: list[GitChange] = []
    for change in changes:
        if change.path in afresh:
            continue  # taken out of the index, but still there: it is kept whole
        if why := _why_not_patched(repo, change):
            kept.withheld.append((change.path, why))
        elif GITLINK not in (change.mode, change.head_entry and change.head_entry.mode):
            chosen.append(change)
    if why := _too_much(repo, chosen):
        kept.withheld.extend((change.path, why) for change in chosen)
        return kept
    before = yield from _heads_steps(repo, chosen)
    # A file that was added and deleted again was in no commit and is not there now.
    seeds = {one.path: before[one.path] for one in chosen if before[one.path] or one.mode}
    if not seeds:
        return kept
    index = os.path.join(scratch, "commit")
    write_index(index, seeds, repo.algorithm)
    [answer] = yield [repo.ask(*_DIFF, index=index)]
    if answer.problem is None:
        raw = told(answer)
        why = f"the patch is larger than {PATCH_LIMIT >> 20} MiB" if len(raw) > PATCH_LIMIT else None
    else:
        raw, why = b"", answer.problem
    if why:
        kept.withheld.extend((path, why) for path in seeds)
        return kept
    pieces = _by_path(raw, seeds)
    if secret := {path for path, piece in pieces.items() if _tells_a_secret(piece, scrub.reading(path))}:
        kept.withheld.extend((path, BY_CONTENT) for path in pieces if path in secret)
        raw = b"".join(piece for path, piece in pieces.items() if path not in secret)
    if b"git-lfs.github.com/spec/" in raw:
        why = "its content is in Git LFS, the patch has the pointer alone"
        kept.withheld.extend((path, why) for path, piece in _by_path(raw, seeds).items() if _POINTER.search(piece))
    return kept._replace(patch=_keep(raw, 0o100644, "patches/%s.patch", kept.blobs) if raw else None)


_POINTER = re.compile(rb"^@@[^\n]*\n(?:-[^\n]*\n)*[ +]version https://git-lfs\.github\.com/spec/", re.MULTILINE)
_TO_QUOTE = rb'[\0-\x1f"\\\x7f-\xff]'


def _by_path(patch: bytes, paths: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return what a patch says of each file, in its order."""
    heads = {b"diff --git %b %b" % (_quoted(b"a/" + path), _quoted(b"b/" + path)): path for path in paths}
    pieces: dict[bytes, bytes] = {}
    for piece in re.split(rb"^(?=diff --git )", patch, flags=re.MULTILINE)[1:]:
        head = piece.partition(b"\n")[0]
        if (path := heads.get(head)) is None:
            raise GitError(f"git diff printed {readable(head[:80])}, which is not understood")
        pieces[path] = pieces.get(path, b"") + piece  # a file that became a link is told in two
    return pieces


def _tells_a_secret(piece: bytes, scrub: Scrubber) -> bool:
    """Say whether a secret stands in either side of a patch: as the file has it, not as the signs before its lines."""
    lines = re.split(rb"(?<=\n)", piece)
    return any(
        scrub.has_secret(b"".join(line[1:] if line[:1] in own else line for line in lines if line[:1] != other))
        for own, other in ((b" +", b"-"), (b" -", b"+"))
    )


def _quoted(name: bytes) -> bytes:
    """Return a name as git writes it in the head of a patch."""
    if not re.search(_TO_QUOTE, name):
        return name
    return b'"%b"' % re.sub(_TO_QUOTE, lambda one: _escaped(one[0]), name)


def _escaped(byte: bytes) -> bytes:
    letter = {7: b"a", 8: b"b", 9: b"t", 10: b"n", 11: b"v", 12: b"f", 13: b"r", 34: b'"', 92: b"\\"}.get(byte[0])
    return b"\\" + (letter or b"%03o" % byte[0])


def _why_not_patched(repo: Repository, change: GitChange) -> str | None:
    if change.submodule.startswith("S") and change.submodule[2:].strip("."):
        return "changes inside a submodule are not kept"
    if is_secret_file(change.path):
        return BY_NAME
    if not change.mode:
        return None
    try:
        status = os.lstat(os.path.join(os.fsencode(repo.top), change.path))
    except OSError:
        return None  # gone since git looked: the patch will say so
    if stat.S_ISREG(status.st_mode):
        return f"larger than {PATCH_LIMIT >> 20} MiB" if status.st_size > PATCH_LIMIT else None
    known = stat.S_ISLNK(status.st_mode) or stat.S_ISDIR(status.st_mode)
    return None if known else "not a regular file"


def _too_much(repo: Repository, changes: list[GitChange]) -> str | None:
    """Say why so much is not put into a patch before a start; null where it is little enough."""
    if len(changes) > HASH_COUNT:
        return f"more than {HASH_COUNT:,} files have changed"
    top = os.fsencode(repo.top)
    total = 0
    for change in changes:
        with suppress(OSError):  # gone since git looked
            total += os.lstat(os.path.join(top, change.path)).st_size if change.mode else 0
    return f"the changed files come to more than {HASH_LIMIT >> 20} MiB" if total > HASH_LIMIT else None


def _heads_steps(repo: Repository, changes: list[GitChange]) -> Asking[dict[bytes, TreeEntry | None]]:
    """Return what the commit has under each path; the status mostly told that."""
    heads = {change.path: change.head_entry for change in changes}
    nothing = empty_blob(repo.algorithm)
    # Of a conflict it tells other things; and a file that was to be added (`add -N`) and is gone again it
    # tells like an empty one of the commit.
    untold = [
        one.path
        for one in changes
        if one.conflict or (not one.mode and one.head_entry and one.head_entry.oid == nothing)
    ]
    if untold:
        folders = yield from folders_steps(repo, above(untold))
        for path in untold:
            folder, _, name = path.rpartition(b"/")
            heads[path] = folders[folder].get(name)
    return heads


def keep_untracked(
    repo: Repository, untracked: Iterable[bytes], entries: Mapping[bytes, TreeEntry | None], scrub: Scrubber
) -> Kept:
    """Return the content of the untracked files that are small enough to keep."""
    kept = Kept(None, {}, [], {})
    room = FILES_LIMIT
    rest = iter(untracked)
    for path in islice(rest, LOOKED_AT):
        try:
            content, mode = _content(repo, path, room)
        except GitError as why:
            kept.withheld.append((path, str(why)))
            continue
        if scrub.reading(path).has_secret(content):
            kept.withheld.append((path, BY_CONTENT))
            continue
        room -= len(content)
        entry = entries.get(path)
        kept.saved[readable(path)] = _keep(content, entry.mode if entry else mode, "objects/%s", kept.blobs)
        if len(kept.saved) == FILES_COUNT:
            break
    too_many = f"the untracked files together are over {FILES_COUNT:,}"
    kept.withheld.extend((path, too_many) for path in rest)
    return kept


def joined(patched: Kept, untracked: Kept) -> Kept:
    """Return both as one."""
    return Kept(
        patched.patch,
        untracked.saved,
        [*patched.withheld, *untracked.withheld],
        {**patched.blobs, **untracked.blobs},
    )


def _content(repo: Repository, path: bytes, room: int) -> tuple[bytes, int]:
    """Return a file's bytes, or where a link leads, with git's mode; never through a link, never a device."""
    too_large = f"larger than {FILE_LIMIT >> 20} MiB"
    if path.endswith(b"/"):
        raise GitError("a repository of its own")
    if is_secret_file(path):
        raise GitError(BY_NAME)
    file = os.path.join(os.fsencode(repo.top), path)
    try:
        status = os.lstat(file)
        if stat.S_ISLNK(status.st_mode):
            return os.readlink(file), 0o120000
        if not stat.S_ISREG(status.st_mode):
            raise GitError("not a regular file")
        if status.st_size > FILE_LIMIT:
            raise GitError(too_large)
        if status.st_size > room:
            raise GitError(f"the untracked files together are larger than {FILES_LIMIT >> 20} MiB")
        with reading(file, os.O_NOFOLLOW) as source:
            content = source.read(FILE_LIMIT + 1)
    except OSError as error:
        raise GitError(f"could not be read: {error.strerror}") from error
    if len(content) > FILE_LIMIT:
        raise GitError(too_large)
    return content, 0o100755 if status.st_mode & stat.S_IXUSR else 0o100644


def _keep(raw: bytes, mode: int, place: str, blobs: dict[str, bytes]) -> SavedFile:
    digest = hashlib.sha256(raw).hexdigest()
    file = place % digest
    blobs[file] = raw
    return {"file": file, "sha256": digest, "bytes": len(raw), "mode": f"{mode:o}", "scrubbed": False}
