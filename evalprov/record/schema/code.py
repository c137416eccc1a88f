"""The code of a run: its repository, its files, and what no commit has."""

from typing import Literal, TypedDict


class Submodule(TypedDict):
    """A submodule as it stood in the work tree."""

    path: str
    commit: str | None
    dirty: list[str]  # any of: commit, changed, untracked


class SavedFile(TypedDict):
    """A piece of a dirty work tree kept in the store, named by the hash of what is stored."""

    file: str  # below the store: patches/... or objects/...
    sha256: str
    bytes: int
    mode: str  # as git has it: 100644, 100755, 120000
    scrubbed: bool  # a secret was taken out, so it differs from what ran; nothing of the kind is kept any more


class Withheld(TypedDict):
    """Something a dirty run had that was not kept, and why."""

    path: str
    reason: str
    blob: str | None  # git's id of its content; null where it was not read


class SourceFacts(TypedDict):
    """Where the commit came from, if not from git itself."""

    source: Literal["git", "environment"] | None  # where the commit came from
    branch: str | None  # null when detached


class Git(SourceFacts):
    """The repository beside `git_sha` and `git_dirty`."""

    root: str | None
    describe: str | None
    tree: str | None  # the tree `git add -A && git commit` would have made, the store left out
    remotes: dict[str, str]
    staged: list[str]
    changed: list[str]
    untracked: list[str]
    counts: dict[str, int]  # of the three lists, which are cut at a bound
    submodules: list[Submodule]
    patch: SavedFile | None  # tracked changes against the commit
    saved: dict[str, SavedFile]  # untracked files by path
    withheld: list[Withheld]


class Algorithm(TypedDict):
    """A named piece of custom logic, by its source."""

    name: str  # of the function, class or file
    sha256: str | None  # null where the file is there and could not be read
    short: str | None  # its first 12 digits
    source: str  # where it stands: agents/dispatch.py:fanout_critic, or reported


class TreeFacts(TypedDict):
    """The code that git shows."""

    tree: str | None  # git.tree less the files that other layers claim


class BesideFacts(TypedDict):
    """The code that git does not show."""

    beside: dict[str, str]  # ignored sources, and modules from outside; path to SHA-256


class AlgorithmFacts(TypedDict):
    """The code that has a name of its own."""

    algorithms: dict[str, Algorithm]


class Code(TreeFacts, BesideFacts, AlgorithmFacts):
    """The program's own text, by content."""
