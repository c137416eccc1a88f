"""The files of two runs as trees of git, side by side in a repository of our own; the user's is only read."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.private import private_folder, remove_folder
from evalprov.restore.code import APPLY, NoCode, actual, kept, why_no_code
from evalprov.restore.git import HANGS, ID, GitFailed, ReadRepository, git, read_objects_of, shaping, source_with

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from evalprov.record.manifest import Manifest

PATIENCE = 5.0  # seconds for one answer of git; a person waits for it
SIZE_LIMIT = 1 << 20  # bytes of a file whose text is shown
_LINK, _GITLINK, _FILE = "120000", "160000", "100644"
_PLAIN = ("-c", "core.attributesFile=/dev/null", "-c", "core.quotePath=true", "-c", "diff.suppressBlankEmpty=false")
_DIFF = (
    *(*_PLAIN, "diff-tree", "-r", "-M", "-l400", "--no-abbrev", "--no-ext-diff", "--no-textconv", "--no-color"),
    "-O/dev/null",
)
_PATCH = ("-p", "-U3", "--inter-hunk-context=0", "--diff-algorithm=myers", "--indent-heuristic")


class FileStep(NamedTuple):
    """One file that two trees have differently, as git names it; a mode is null where the file is not there."""

    path: bytes
    was: bytes | None  # its path in the first tree, where that was another
    modes: tuple[str | None, str | None]
    blobs: tuple[str, str]


class RunTree(NamedTuple):
    """A run's files as a tree, with what is not in it."""

    tree: str
    unknown: dict[str, str]  # files of which only the name is known, and why
    withheld: dict[str, str]  # those of which the content was not kept: git may have it from elsewhere
    problem: str | None = None  # why not every file that it had is known


class Trees:
    """A bare repository of our own, for as long as it takes."""

    def __init__(self, path: str, store: str) -> None:
        self.path = path
        self._store = store

    def ask(self, *words: str, stdin: bytes = b"") -> bytes:
        """Ask git here."""
        return git(self.path, *words, stdin=stdin, patience=PATIENCE)

    def of_run(self, m: Manifest, side: str) -> RunTree:
        """Make the tree of what a run had: its commit, with what was kept of what was not committed."""
        facts = m["git"]
        unknown = dict(_lost(m))
        self._read(m["git_sha"])
        if facts["patch"]:
            try:
                self.ask(*APPLY, "--cached", stdin=kept(self._store, facts["patch"]))
            except NoCode as why:
                unknown |= {path: self._words(why) for path in (*facts["staged"], *facts["changed"])}
            except GitFailed as why:
                if HANGS in str(why):
                    raise
                reason = f"what {side} had changed does not fit what git has here of its commit"
                unknown |= dict.fromkeys((*facts["staged"], *facts["changed"]), reason)
        entries, contents = [], []
        for path, saved in facts["saved"].items():
            if saved["scrubbed"]:
                unknown[path] = "a secret was taken out of what was kept of it"
                continue
            try:
                contents.append((path, saved["mode"], kept(self._store, saved)))
            except NoCode as why:
                unknown[path] = self._words(why)
        blobs = self._blobs([content for _, _, content in contents])
        entries += [(mode, blob, path) for (path, mode, _), blob in zip(contents, blobs, strict=True)]
        there = self._modes() if facts["withheld"] else {}
        withheld = {}
        for one in facts["withheld"]:  # its content may be in a commit made since
            if one["blob"] and ID.fullmatch(one["blob"]):
                entries.append((there.get(one["path"], _FILE), one["blob"], one["path"]))
                withheld[one["path"]] = unknown.pop(one["path"])
        for sub in facts["submodules"]:
            if sub["commit"] and ID.fullmatch(sub["commit"]) and "commit" in sub["dirty"]:
                entries.append((_GITLINK, sub["commit"], sub["path"]))
        self._put(entries)
        return RunTree(self._written(), unknown, withheld, _not_told(m, side, ["withheld"]))

    def _words(self, why: NoCode) -> str:
        """Say why something is not there, without where the store lies."""
        return str(why).replace(f" from {self._store}", "").replace(f"{self._store}/", "")

    def of_present(self, m: Manifest, source: ReadRepository) -> RunTree:
        """Make the tree of the work tree as it is now, from the commit and the names of what differs from it."""
        facts = m["git"]
        self._read(m["git_sha"])
        unknown: dict[str, str] = {}
        added, gone = [], []
        for path in dict.fromkeys((*facts["staged"], *facts["changed"], *facts["untracked"])):
            name = actual(path)
            try:
                found = os.lstat(os.path.join(source.top, name))
            except OSError:
                gone.append(name)
                continue
            if stat.S_ISREG(found.st_mode) and found.st_size > SIZE_LIMIT:
                unknown[path] = f"larger than {SIZE_LIMIT >> 20} MiB"
            elif stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode):
                added.append(name)
        where = ("--git-dir", self.path, "--work-tree", source.top, "--literal-pathspecs", "-c", "core.bare=false")
        settings = [word for key, value in shaping(source) for word in ("-c", f"{key}={value}")]
        listed = ("--pathspec-from-file=-", "--pathspec-file-nul")
        if gone:
            nothing = "0" * len(self._written())
            self._put([("0", nothing, name) for name in gone])
        if added:
            names = b"".join(os.fsencode(name) + b"\0" for name in added)
            self.ask(*where, *settings, "-c", "core.safecrlf=false", "add", "-f", *listed, stdin=names)
        return RunTree(
            self._written(), unknown, {}, _not_told(m, "the present state", ["staged", "changed", "untracked"])
        )

    def steps(self, a: str, b: str) -> list[FileStep]:
        """Return how two trees differ, file by file; a renamed one is one that went and one that came."""
        return self._raw(a, b, "--no-renames")

    def sizes(self, blobs: Iterable[str]) -> dict[str, int]:
        """Return how large blobs are; of those that are not here nothing."""
        names = "".join(f"{blob}\n" for blob in blobs).encode()
        lines = self.ask("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=names).decode().splitlines()
        return {name: int(size) for name, _, size in (line.partition(" ") for line in lines) if size.isdigit()}

    def content(self, tree: str, path: str) -> bytes | None:
        """Return what a file of a tree holds; null where it is not there, or git does not have it here."""
        try:
            return self.ask("cat-file", "blob", f"{tree}:{path}")
        except GitFailed:
            return None

    def texts(self, chosen: Iterable[FileStep]) -> tuple[list[FileStep], bytes]:
        """Return the same files with renames found, and git's patch of them, in the same order."""
        trees = []
        for side in (0, 1):
            self.ask("read-tree", "--empty")
            there = ((step.modes[side], step.blobs[side], step.path) for step in chosen)
            self._put((mode, blob, os.fsdecode(path)) for mode, blob, path in there if mode)
            trees.append(self._written())
        return self._raw(*trees), self.ask(*_DIFF, *_PATCH, *trees)

    def _raw(self, a: str, b: str, *options: str) -> list[FileStep]:
        words = self.ask(*_DIFF, *options, "--raw", "-z", a, b).split(b"\0")
        found, at = [], 0
        while at < len(words) - 1:
            mode_a, mode_b, blob_a, blob_b, how = words[at].decode().removeprefix(":").split(" ")
            modes = tuple(None if mode == "000000" else mode for mode in (mode_a, mode_b))
            renamed = how[0] in "RC"
            path = words[at + 1 + renamed]
            found.append(FileStep(path, words[at + 1] if renamed else None, (modes[0], modes[1]), (blob_a, blob_b)))
            at += 2 + renamed
        return found

    def _read(self, commit: str | None) -> None:
        self.ask("read-tree", commit or "--empty")

    def _written(self) -> str:
        return self.ask("write-tree", "--missing-ok").decode().strip()

    def _modes(self) -> dict[str, str]:
        lines = os.fsdecode(self.ask("ls-files", "--stage", "-z")).split("\0")[:-1]
        return {path: front.split(" ")[0] for front, _, path in (line.partition("\t") for line in lines)}

    def _put(self, entries: Iterable[tuple[str, str, str]]) -> None:
        lines = b"".join(b"%s %s 0\t%s\0" % tuple(map(os.fsencode, (*one[:2], actual(one[2])))) for one in entries)
        if lines:
            self.ask("update-index", "--add", "--replace", "-z", "--index-info", stdin=lines)

    def _blobs(self, contents: list[bytes]) -> list[str]:
        """Take contents into our own objects, as they are; return git's names for them."""
        paths = [os.path.join(self.path, f"content-{number}") for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            with open(path, "wb") as file:
                file.write(content)
        names = "".join(f"{path}\n" for path in paths).encode()
        return self.ask("hash-object", "-w", "--no-filters", "--stdin-paths", stdin=names).decode().split()


@contextmanager
def trees_of(store: str, sources: Iterable[ReadRepository]) -> Iterator[Trees]:
    """Make the repository, and remove it when all is said."""
    folder = private_folder(os.environ.get("TMPDIR"), "trees-")
    try:
        if folder is None:
            raise GitFailed("there is no place for what is only needed for a moment")
        held = list(sources)
        kinds = {one.algorithm for one in held}
        if len(kinds) > 1:
            raise GitFailed("the two runs are of repositories that name their objects differently")
        git(folder, "init", "-q", "--bare", "--template=", f"--object-format={kinds.pop()}", patience=PATIENCE)
        os.makedirs(f"{folder}/objects/info", exist_ok=True)
        read_objects_of(folder, held)
        yield Trees(folder, store)
    finally:
        remove_folder(folder)


def source_of(m: Manifest, folders: list[str]) -> ReadRepository | str:
    """Find the repository that has a run's commit; else say why there is none, without the names of folders."""
    if why := why_no_code(m):
        return why
    root = m["git"]["root"]
    commit = m["git_sha"]
    places = [*folders, root] if root and os.path.isabs(root) else folders
    found = source_with([one for one in places if os.path.isdir(one)], commit, PATIENCE)
    if isinstance(found, ReadRepository):
        return found
    if "does not have commit" in found:
        return f"commit {(commit or '')[:12]} is not in the repository here"
    if found.endswith("git: No such file or directory"):
        return "git is not installed here"
    if "not a git repository" in found:
        return "there is no git repository here"
    return next((found.removeprefix(f"{one}: ") for one in places if found.startswith(f"{one}: ")), found)


def _lost(m: Manifest) -> Iterator[tuple[str, str]]:
    """Give the files that a run had otherwise than its commit and that were not kept, with the reason."""
    facts = m["git"]
    elsewhere = {*facts["saved"], *m["outputs"]["files"], *(one["path"] for one in facts["submodules"])}
    names = facts["untracked"] if facts["patch"] else (*facts["staged"], *facts["changed"], *facts["untracked"])
    yield from ((name, "not kept") for name in names if name not in elsewhere)
    yield from ((one["path"], f"not kept: {one['reason']}") for one in facts["withheld"])


def _not_told(m: Manifest, side: str, lists: Iterable[str]) -> str | None:
    """Say why not all that a side had otherwise than its commit is known by name."""
    if m["git_dirty"] is None:
        return f"what {side} had that was not committed is not known"
    counts = m["git"]["counts"]
    if any(counts.get(kind, 0) > len(m["git"][kind]) for kind in lists):  # type: ignore[literal-required]
        return f"{side} had too much that was not committed to name it all"
    return None
