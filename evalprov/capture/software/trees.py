"""Packages that are used from a folder: which one, its commit, and the content of their sources."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING

from evalprov.capture.ask import Question, Reply
from evalprov.capture.askgit import ENVIRON, OPTIONS
from evalprov.capture.software.installed import is_glue, read_record
from evalprov.capture.sums import NotRead, entry_of, sums, walk
from evalprov.capture.text import readable
from evalprov.named import NamedTuple
from evalprov.regular import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from evalprov.capture.hashing import FileEntry
    from evalprov.capture.software.packages import Installed
    from evalprov.capture.sums import Bounds
    from evalprov.record.schema.software import PackageTree

FILES, SIZE = 5_000, 64 << 20  # of one package's sources
ASKED = 8  # folders that git is asked about
TIMEOUT = 5.0
# What a build leaves beside the sources does not make them dirty.
_STATUS = (
    *("status", "--porcelain=v2", "--branch", "-z", "--no-renames", "--ignore-submodules=none"),
    *("--", ".", ":(exclude,glob)**/*.egg-info/**"),
)


class Tree(NamedTuple):
    """A package that is used from a folder."""

    folder: str
    place: str  # from the project root; from the top of its repository with :/ in front
    commit: str | None
    dirty: bool | None
    covered: bool  # the tree of the project's code has it

    def told(self, sha256: str | None, scrub: Callable[[str], str]) -> PackageTree:
        """Return it as the record has it."""
        return {"path": scrub(readable(self.place)), "commit": self.commit, "dirty": self.dirty, "sha256": sha256}


def trees_steps(
    installed: Installed, root: str, environ: Mapping[str, str]
) -> Generator[list[Question], list[Reply], dict[str, Tree]]:
    """Ask git about the folders that packages are used from, all at once; those at the root need no question."""
    home = os.path.realpath(root)
    folders = {name: os.path.realpath(path) for name, path in installed.folders.items()}
    near = sorted({one for one in folders.values() if one.startswith(home + os.sep) and not _nested(home, one)})
    far = sorted({one for one in folders.values() if one not in near and one != home})[:ASKED]
    env = {name: value for name, value in environ.items() if not name.startswith("GIT_")} | ENVIRON
    git = ("git", *OPTIONS, "-C")

    def ask(folder: str, *words: str, stdin: bytes = b"") -> Question:
        return Question((*git, folder, *words), env=env, stdin=stdin, timeout=TIMEOUT)

    questions = []
    if near:
        listed = b"".join(os.fsencode(one) + b"\0" for one in near)
        questions.append(ask(home, "check-ignore", "-z", "--stdin", stdin=listed))
    if far:
        questions.append(ask(home, "rev-parse", "--show-toplevel"))
    for one in far:
        questions.append(ask(one, "rev-parse", "--show-toplevel"))
        questions.append(ask(one, "check-ignore", "-q", "--", "."))
        questions.append(ask(one, *_STATUS))
    answers = iter((yield questions) if questions else [])
    ignored = next(answers) if near else None
    ours = _line(next(answers)) if far else None
    asked = {one: (next(answers), next(answers), next(answers)) for one in far}
    return {name: _tree(one, home, ignored, ours, asked) for name, one in folders.items()}


def _nested(home: str, folder: str) -> bool:
    """Say whether a folder is in a repository of its own below the root, or in an environment."""
    while folder != home:
        if any(os.path.exists(os.path.join(folder, name)) for name in (".git", "pyvenv.cfg")):
            return True
        folder = os.path.dirname(folder)
    return False


def _tree(
    folder: str, home: str, ignored: Reply | None, ours: str | None, asked: Mapping[str, tuple[Reply, ...]]
) -> Tree:
    place = os.path.relpath(folder, home)
    if folder == home:
        return Tree(folder, place, None, None, covered=True)
    if folder not in asked:
        known = ignored is not None and not ignored.problem and ignored.code in (0, 1)
        seen = known and ignored is not None and os.fsencode(folder) not in ignored.out.split(b"\0")
        return Tree(folder, place if seen or place.startswith("..") else folder, None, None, covered=seen)
    top, hidden, status = asked[folder]
    commit, dirty = _standing(status)
    theirs = _line(top)
    if theirs and theirs == ours and hidden.code == 1:
        return Tree(folder, f":/{os.path.relpath(folder, theirs)}", None, None, covered=True)
    return Tree(folder, place if place.startswith("..") else folder, commit, dirty, covered=False)


def _line(answer: Reply) -> str | None:
    if answer.problem or answer.code:
        return None
    return os.path.realpath(os.fsdecode(answer.out.rstrip(b"\n")))


def _standing(status: Reply) -> tuple[str | None, bool | None]:
    if status.problem or status.code:
        return None, None
    lines = status.out.split(b"\0")
    commit = next((line[13:].decode() for line in lines if line.startswith(b"# branch.oid ")), None)
    dirty = any(line and not line.startswith(b"#") for line in lines)
    return (None if commit == "(initial)" else commit), dirty


def sum_of(tree: Tree, entry: tuple[str, str], environ: Mapping[str, str], bounds: Bounds) -> str:
    """Return one hash of a package's sources, by their names below its folder; raises Unread where that is too much."""
    listed: dict[str, FileEntry] = {}
    size = 0
    for top in _importable(tree.folder, entry):
        for path in _files(top):
            name = os.path.relpath(path, tree.folder)
            if name in listed or not (one := entry_of(name, path)):
                continue
            listed[name] = one
            size += one.size
            if len(listed) > FILES or size > SIZE:
                raise NotRead(f"more than {FILES:,} files or {SIZE >> 20} MiB")
    if not listed:
        raise NotRead("no sources found")
    whole = hashlib.sha256()
    read = sums(f"{tree.folder}\0sources", listed.values(), environ, bounds)
    for inside in sorted(read):
        whole.update(b"%s %s\n" % (read[inside], inside))
    return f"sha256:{whole.hexdigest()}"


def _files(top: str) -> Iterator[str]:
    if os.path.isfile(top):
        yield top
        return
    for name, entry in walk(top, skip=lambda _, one: one.endswith(".egg-info")):
        if not name.endswith((".pyc", ".pyo")):
            yield entry.path


def _importable(folder: str, entry: tuple[str, str]) -> list[str]:
    """Return what of a project can be imported: what the files beside its metadata lead to."""
    site, info = entry
    found: set[str] = set()
    on_path: set[str] = set()
    for name in read_record(os.path.join(site, info)):
        if not is_glue(name):
            continue
        with reading(os.path.join(site, name)) as file:
            text = file.read(1 << 20)
        if name.endswith(".pth"):
            on_path.update(line.strip() for line in os.fsdecode(text).splitlines() if os.path.isabs(line.strip()))
        else:
            found.update(os.fsdecode(one) for one in re.findall(rb"['\"](/[^'\"\n]+)['\"]", text))
    if not found and not on_path:
        on_path.add(folder)
    found = {one for one in found if os.path.exists(one)}
    for one in on_path:
        found.update(_on_path(one))
    return sorted(os.path.realpath(one) for one in found)


def _on_path(folder: str) -> Iterator[str]:
    """Give the modules and packages of a folder on the module path."""
    if not os.path.isdir(folder):
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py") or (
                entry.name.isidentifier() and entry.is_dir() and _holds_python(entry.path)
            ):
                yield entry.path


def _holds_python(folder: str, deeper: int = 1) -> bool:
    """Say whether a folder is a package, or has packages in it."""
    with os.scandir(folder) as entries:
        inner = []
        for entry in entries:
            if entry.name.endswith(".py"):
                return True
            if deeper and entry.name.isidentifier() and entry.is_dir():
                inner.append(entry.path)
    return any(_holds_python(one, deeper - 1) for one in inner)
