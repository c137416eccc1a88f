"""What lies between two commits, as the repository tells it; nothing is fetched and nothing written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from git import Git

SHOWN = 50  # of the commits and of the files
_COMMIT = r"[0-9a-f]{40}|[0-9a-f]{64}"
_ENVIRON = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",  # a partial clone would otherwise fetch what it lacks
    "GIT_ALLOW_PROTOCOL": "none",
}


class Commit(NamedTuple):
    """One commit."""

    sha: str
    subject: str


class ChangedFile(NamedTuple):
    """One file that differs between two commits."""

    path: str
    how: str  # as git says it: A, M, D, T


class GitStep(NamedTuple):
    """What became of one file between two commits: blob ids, 0 where it is not there, and lines that came and went."""

    a: str
    b: str
    plus: int | None  # null for what is no text
    minus: int | None


class Between(NamedTuple):
    """What lies between commit A and commit B."""

    ahead: int | None  # commits of B that A has not; null where unknown
    behind: int | None  # commits of A that B has not
    commits: list[Commit]  # those of B, newest first, up to a bound; of A where B has none
    files: list[ChangedFile] | None  # that differ, up to a bound; null where unknown
    files_count: int
    problem: str | None  # what could not be told, and why
    steps: dict[str, GitStep] | None = None  # by path; null where unknown


def between(folder: str, a: str, b: str) -> Between:
    """Return what lies between two commits of the repository that a folder is in."""
    nothing = Between(None, None, [], None, 0, None)
    if not (re.fullmatch(_COMMIT, a) and re.fullmatch(_COMMIT, b)):
        return nothing._replace(problem="that is no commit's name")
    try:
        from git import Git
        from git.exc import GitError
    except ImportError:  # GitPython looks for git when it is loaded
        return nothing._replace(problem="git is not installed here")
    git = Git(folder)
    git.update_environment(**_ENVIRON)
    # Even a question about two trees may start a watcher that the repository's settings name.
    git.set_persistent_git_options(c=["core.fsmonitor=false", "core.hooksPath=/dev/null"])
    try:
        if missing := [sha for sha in dict.fromkeys((a, b)) if not _has(git, sha)]:
            return nothing._replace(problem=_why_missing(git, missing))
        return _between(git, a, b)
    except (GitError, OSError, ValueError) as error:
        words = getattr(error, "stderr", None) or str(error)
        return nothing._replace(problem=f"git did not say: {_line(words)}")


def _has(git: Git, sha: str) -> bool:
    from git.exc import GitCommandError

    try:
        git.cat_file("-e", f"{sha}^{{commit}}")
    except GitCommandError as error:
        if "not a git repository" in str(error.stderr) or "dubious ownership" in str(error.stderr):
            raise
        return False
    return True


def _why_missing(git: Git, missing: list[str]) -> str:
    shallow = " (it is a shallow clone)" if git.rev_parse("--is-shallow-repository") == "true" else ""
    names = " nor ".join(sha[:12] for sha in missing)
    return f"this repository{shallow} does not have commit {names}"


def _between(git: Git, a: str, b: str) -> Between:
    problem = None
    ahead: int | None
    behind: int | None
    behind, ahead = (int(count) for count in str(git.rev_list("--left-right", "--count", f"{a}...{b}")).split())
    if git.rev_parse("--is-shallow-repository") == "true" and not _related(git, a, b):
        problem = "it is a shallow clone: how the two commits are related is not known"
        ahead = behind = None
    commits = [] if ahead is None else _commits(git, f"{a}..{b}" if ahead else f"{b}..{a}")
    steps = _steps(git, a, b)
    files = [ChangedFile(path, "A" if one.a == "0" else "D" if one.b == "0" else "M") for path, one in steps.items()]
    return Between(ahead, behind, commits, files[:SHOWN], len(files), problem, steps)


def _steps(git: Git, a: str, b: str) -> dict[str, GitStep]:
    """Return what became of each file between two commits."""
    how = ("-r", "--no-renames", "--raw", "--numstat", "--no-abbrev", "-z")
    words = str(git.diff_tree(*how, a, b, strip_newline_in_stdout=False)).split("\0")
    ids: dict[str, tuple[str, str]] = {}
    counts: dict[str, tuple[str, str]] = {}
    at = 0
    while at < len(words) - 1:
        word = words[at]
        if word.startswith(":"):
            _, _, before, after, _ = word.split(" ")
            ids[words[at + 1]] = (before if before.strip("0") else "0", after if after.strip("0") else "0")
            at += 2
        else:
            plus, minus, path = word.split("\t", 2)
            counts[path] = (plus, minus)
            at += 1
    numbers = {path: [int(one) if one.isdigit() else None for one in pair] for path, pair in counts.items()}
    return {path: GitStep(*pair, *numbers.get(path, (None, None))) for path, pair in ids.items()}


def _related(git: Git, a: str, b: str) -> bool:
    from git.exc import GitCommandError

    try:
        return bool(git.merge_base(a, b))
    except GitCommandError:
        return False


def _commits(git: Git, span: str) -> list[Commit]:
    said = str(git.log("--no-show-signature", f"--max-count={SHOWN}", "--format=%H%x00%s", span, "--"))
    return [Commit(*line.split("\0", 1)) for line in said.splitlines() if "\0" in line]


def _line(words: str) -> str:
    """Return the first line of git's own words."""
    lines = [line.strip() for line in str(words).splitlines() if line.strip(" '")]
    return (lines or ["nothing"])[0].removeprefix("stderr: ").strip("'")
