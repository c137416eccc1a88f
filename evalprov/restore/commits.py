"""The commits between two runs, halved as git bisect does it; nothing is checked out for it."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from evalprov.judge.bisection import CommitTold
from evalprov.named import NamedTuple
from evalprov.restore.git import GitFailed, git

if TYPE_CHECKING:
    from collections.abc import Callable

    from evalprov.restore.points import HalfwayRuns

    # Is the score moved with the code of this commit? Null where nobody can tell.
    AskedOf = Callable[[str], bool | None]


class NoHistory(Exception):  # noqa: N818 - it is a finding
    """No commits lead from the one run's code to the other's."""


class FoundCommits(NamedTuple):
    """The commit that moves the score; several where those between could not be told."""

    commits: list[str]
    before: str  # the last whose code is known not to have moved it
    after: str
    backwards: bool  # it is the good run that has it


class Commits:
    """The history between the code of a good run and that of a bad one."""

    def __init__(self, points: HalfwayRuns) -> None:
        self._points = points
        self._good, self._bad = points.good.record["git_sha"], points.bad.record["git_sha"]
        self.left = 0  # commits among which it is, while the search goes on

    @cached_property
    def _paths(self) -> list[str]:
        """What counts: all but what belongs to other layers."""
        return [":(top)", *(f":(top,exclude,literal){name}" for name in self._points.claims)]

    def _git(self, *words: str) -> str:
        return os.fsdecode(git(self._points.bad.kept, *words))

    def count(self) -> int:
        """Return how many commits are in question; 0 where the history does not say."""
        if not self._good or not self._bad or self._good == self._bad:
            return 0
        with suppress(GitFailed, ValueError):
            return int(self._git("rev-list", "--count", f"{self._good}...{self._bad}", "--", *self._paths))
        return 0

    def search(self, asked: AskedOf) -> FoundCommits:
        """Find the commit; NoHistory where the files that no commit has did it, or where none leads there."""
        if not self._good or not self._bad or not self.count():
            raise NoHistory
        for commit, kept, moved in (
            (self._good, self._points.good.kept, False),
            (self._bad, self._points.bad.kept, True),
        ):
            # What no commit has may be what did it.
            if self._is_another(kept, commit) and asked(commit) is not moved:
                raise NoHistory
        try:
            middle = self._git("merge-base", self._good, self._bad).strip()
        except GitFailed:
            raise NoHistory from None
        if middle == self._good:
            return self._between(self._good, self._bad, asked)
        if middle == self._bad:
            return self._backwards(self._bad, asked)
        match asked(middle):
            case False:
                return self._between(middle, self._bad, asked)
            case True:
                return self._backwards(middle, asked)
        raise NoHistory

    def _is_another(self, kept: str, commit: str) -> bool:
        return bool(self._points.code_apart(kept, self._points.commit_folder(commit)))

    def _backwards(self, older: str, asked: AskedOf) -> FoundCommits:
        """Find the commit on the way to the good run with which the score came to be good."""

        def turned(commit: str) -> bool | None:
            told = asked(commit)
            return None if told is None else not told

        found = self._between(older, self._good or "", turned)
        return found._replace(before=found.after, after=found.before, backwards=True)

    def _between(self, first: str, last: str, asked: AskedOf) -> FoundCommits:
        lower, upper = [first], last
        dark: set[str] = set()
        while True:
            told = self._git("rev-list", "--bisect-all", upper, *(f"^{one}" for one in lower), "--", *self._paths)
            left = [line.split(" ")[0] for line in told.splitlines()]
            inner = [line.split(" ")[0] for line in told.splitlines() if "dist=0" not in line]
            self.left = len(left)
            if not left:
                raise NoHistory
            candidates = [one for one in inner if one not in dark]
            if not candidates:
                return FoundCommits(left, lower[-1], upper, backwards=False)
            match asked(candidates[0]):
                case True:
                    upper = candidates[0]
                case False:
                    lower.append(candidates[0])
                case None:
                    dark.add(candidates[0])

    def told(self, commit: str) -> CommitTold:
        """Return a commit in words, with the files of the code that it changed."""
        subject = self._git("log", "-1", "--format=%s", commit).strip()
        how = ("diff-tree", "-r", "--root", "--no-commit-id", "--no-renames", "--numstat", "-m", "--first-parent", "-z")
        lines = self._git(*how, commit, "--", *self._paths).split("\0")
        files = []
        for line in lines:
            if line.count("\t") == 2:
                plus, minus, path = line.split("\t")
                files.append((path, *(int(one) if one.isdigit() else None for one in (plus, minus))))
        return CommitTold(commit, subject, files)  # type: ignore[arg-type]
