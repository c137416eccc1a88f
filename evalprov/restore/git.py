"""Git for what is brought back: the repositories that are read, and a shared clone that is ours."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from evalprov.capture.askgit import ENVIRON
from evalprov.named import NamedTuple
from evalprov.regular import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PATIENCE = 120.0  # seconds; what takes longer is a hanging filter
HANGS = "no answer"
# What would lead git to another repository than the one it is asked in.
OF_ANOTHER = frozenset(
    (
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"),
        *(
            "GIT_COMMON_DIR",
            "GIT_NAMESPACE",
            "GIT_PREFIX",
            "GIT_SHALLOW_FILE",
            "GIT_GRAFT_FILE",
            "GIT_CEILING_DIRECTORIES",
        ),
    )
)
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.splitIndex=false")
# Large files are put in their place by their hash, whether or not their program is here.
_NO_LFS = ("-c", "filter.lfs.smudge=", "-c", "filter.lfs.process=", "-c", "filter.lfs.required=false")
# Of a repository's settings those by which files get their bytes.
_SHAPING = (
    r"^(core\.(autocrlf|eol|filemode|symlinks|ignorecase|precomposeunicode|attributesfile|excludesfile|"
    r"bigfilethreshold|safecrlf)|filter\..*|i18n\..*)$"
)
ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class GitFailed(Exception):  # noqa: N818 - it is a finding about a repository
    """Git could not do something; the words are its own."""


class ReadRepository(NamedTuple):
    """A repository that is read."""

    top: str  # of its work tree
    common: str  # its .git folder, shared by all of its work trees
    objects: str
    algorithm: str
    ours: bool = True  # the user stands in it; else a record named it, and its filters are not started


def git(
    folder: str,
    *words: str,
    stdin: bytes = b"",
    environ: Mapping[str, str] | None = None,
    patience: float = PATIENCE,
) -> bytes:
    """Ask git in a folder; nothing of the user's is started but the filters that checking out needs."""
    env = {name: value for name, value in (environ or os.environ).items() if name not in OF_ANOTHER} | ENVIRON
    try:
        done = subprocess.run(
            ["git", *_SAFE, *_NO_LFS, "-C", folder, *words],
            env={name: value for name, value in env.items() if not name.startswith("GIT_TRACE")},
            input=stdin,
            capture_output=True,
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise GitFailed(f"git {words[0]}: {HANGS} within {patience:g} s") from None
    except OSError as error:
        raise GitFailed(f"git: {error.strerror}") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "backslashreplace").splitlines()
        serious = [line for line in lines if line.startswith(("error: ", "fatal: "))] or lines
        raise GitFailed("; ".join(serious[:3]) or f"git {words[0]}: exit {done.returncode}")
    return done.stdout


def source_with(folders: Iterable[str], commit: str | None, patience: float = PATIENCE) -> ReadRepository | str:
    """Return the first repository of these folders that has a commit, or why there is none."""
    why = "there is no repository here"
    for folder in folders:
        try:
            asked = ("--show-object-format", "--git-common-dir", "--git-path", "objects")
            lines = git(folder, "rev-parse", *asked, patience=patience)
            algorithm, common, objects = (os.path.join(folder, one) for one in os.fsdecode(lines).splitlines())
            top = folder
            with suppress(GitFailed):  # of a bare one there is none
                top = os.fsdecode(git(folder, "rev-parse", "--show-toplevel", patience=patience)[:-1])
            found = ReadRepository(
                top, os.path.realpath(common), os.path.realpath(objects), os.path.basename(algorithm)
            )
        except (GitFailed, ValueError) as problem:
            why = f"{folder}: {problem}"
            continue
        if commit is None:
            return found
        try:
            git(folder, "cat-file", "-e", f"{commit}^{{commit}}", patience=patience)
        except GitFailed:
            why = f"{found.top} does not have commit {commit[:12]}: fetch it there"
        else:
            return found
    return why


def make_clone(
    place: str, source: ReadRepository | None, algorithm: str, commit: str | None, branch: str | None
) -> None:
    """Make a repository that reads the objects of another and has its commit checked out; the other is only read."""
    git(place, "init", "-q", "--template=", f"--object-format={algorithm}", "-b", "main")
    folder = os.path.join(place, ".git")
    os.makedirs(f"{folder}/info", exist_ok=True)
    if source:
        read_objects_of(folder, [source])
        for name in ("shallow", "info/attributes", "info/exclude"):
            with suppress(OSError), reading(f"{source.common}/{name}") as old, open(f"{folder}/{name}", "wb") as new:
                new.write(old.read())
        for key, value in shaping(source):
            if (key, value) != ("core.filemode", "true"):  # as it is anyway: a question less
                git(place, "config", "--add", key, value)
    head = _branch(place, branch)
    if head:
        git(place, "symbolic-ref", "HEAD", head)
    if commit:
        git(place, "update-ref", *((head,) if head else ("--no-deref", "HEAD")), commit)
        git(place, "read-tree", "--reset", "-u", commit)
        if source:
            _tags(place, source)


def read_objects_of(folder: str, sources: Iterable[ReadRepository]) -> None:
    """Have a repository's own folder read the objects of others; they are only read."""
    with open(f"{folder}/objects/info/alternates", "w", encoding="utf-8", errors="surrogateescape") as file:
        file.writelines(f"{_quoted(one.objects)}\n" for one in sources)


def shaping(source: ReadRepository) -> list[tuple[str, str]]:
    """Return those of a repository's settings by which files get their bytes."""
    try:
        told = git(source.top, "config", "-z", "--get-regexp", _SHAPING)
    except GitFailed:  # there are none
        return []
    pairs = (os.fsdecode(one).partition("\n") for one in told.split(b"\0") if one)
    wanted = ("core.", "i18n.", "filter.") if source.ours else ("core.", "i18n.")
    return [
        (key, value)
        for key, mark, value in pairs
        if mark and key.startswith(wanted) and (key == "filter.lfs.clean" or not key.startswith("filter.lfs."))
    ]


def _branch(place: str, name: str | None) -> str | None:
    """Return a branch's full name; null for none, and for what is no branch's name."""
    if not name or name.startswith("-"):
        return None
    with suppress(GitFailed):
        git(place, "check-ref-format", f"refs/heads/{name}")
        return f"refs/heads/{name}"
    return None


def _tags(place: str, source: ReadRepository) -> None:
    """Have its tags, by which many a project tells its own version."""
    with suppress(GitFailed):
        told = git(source.top, "for-each-ref", "--format=create %(refname) %(objectname)", "refs/tags")
        git(place, "update-ref", "--stdin", stdin=told)


def _quoted(path: str) -> str:
    """Return a path as git reads it in its list of alternates."""
    if not path.startswith('"') and "\n" not in path:
        return path
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def gitlinks(place: str) -> dict[str, str]:
    """Return the submodules that the index names, with their commits."""
    lines = os.fsdecode(git(place, "ls-files", "--stage", "-z")).split("\0")
    parts = (line.partition("\t") for line in lines if line.startswith("160000 "))
    return {path: front.split(" ")[1] for front, _, path in parts}


def add_as_new(place: str, names: list[str]) -> None:
    """Take files into the index that were added there and in no commit yet; their content goes to our own objects."""
    alternates = os.path.join(place, ".git/objects/info/alternates")
    with suppress(FileNotFoundError):
        # Git would note on another's object of the same content that it is in use.
        os.rename(alternates, f"{alternates}.off")
    try:
        for name in names:
            path = os.path.join(place, name)
            link = os.path.islink(path)
            if link:
                told = git(place, "hash-object", "-w", "--no-filters", "--stdin", stdin=os.readlink(os.fsencode(path)))
            else:
                told = git(place, "hash-object", "-w", "--", name)
            mode = "120000" if link else "100755" if os.access(path, os.X_OK) else "100644"
            entry = f"{mode} {told.decode().strip()} 0\t{name}\0"
            git(place, "update-index", "--add", "-z", "--index-info", stdin=os.fsencode(entry))
    finally:
        with suppress(FileNotFoundError):
            os.rename(f"{alternates}.off", alternates)


def lfs_folders(source: ReadRepository) -> list[str]:
    """Return where a repository may keep its large files."""
    found = [os.path.join(source.common, "lfs/objects")]
    with suppress(GitFailed):
        said = os.fsdecode(git(source.top, "config", "lfs.storage")).strip()
        found.append(os.path.join(source.common, os.path.expanduser(said), "objects"))
    return found


_LFS = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-.*\n)*oid sha256:([0-9a-f]{64})\nsize (\d+)\n"
)


def has_lfs(place: str) -> bool:
    """Say whether git would take a large file for what stands for it."""
    with suppress(GitFailed):
        return bool(git(place, "config", "filter.lfs.clean").strip())
    return False


def pointers(place: str) -> dict[str, str]:
    """Return the files that stand for large ones kept elsewhere, with the SHA-256 of those."""
    found: dict[str, str] = {}
    with suppress(GitFailed):
        for name in os.fsdecode(git(place, "ls-files", "-z", "--", ":(attr:filter=lfs)")).split("\0")[:-1]:
            path = os.path.join(place, name)
            if os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path) < 1024:
                with reading(path) as file:
                    if pointer := _LFS.fullmatch(file.read()):
                        found[name] = pointer[1].decode()
    return found
