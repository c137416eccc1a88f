"""What is known of the commit where git does not tell: from the environment, or why not at all."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from evalprov.capture.code.gittree import GitError, complaint
from evalprov.capture.collector import Absent, CaptureContext, Findings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evalprov.capture.ask import Reply

# The variable that holds the commit, and those that may hold its branch. A person sets the first two, maybe
# with a short commit; the rest are set by build services, always whole.
VARIABLES: Mapping[str, tuple[str, ...]] = {
    "GIT_SHA": ("GIT_BRANCH",),
    "GIT_COMMIT": ("GIT_BRANCH",),
    "GITHUB_SHA": ("GITHUB_HEAD_REF", "GITHUB_REF_NAME"),
    "CI_COMMIT_SHA": ("CI_COMMIT_REF_NAME",),
    "CIRCLE_SHA1": ("CIRCLE_BRANCH",),
    "BUILDKITE_COMMIT": ("BUILDKITE_BRANCH",),
    "BITBUCKET_COMMIT": ("BITBUCKET_BRANCH",),
    "TRAVIS_COMMIT": ("TRAVIS_BRANCH",),
    "DRONE_COMMIT_SHA": ("DRONE_BRANCH",),
    "VERCEL_GIT_COMMIT_SHA": ("VERCEL_GIT_COMMIT_REF",),
    "BUILD_SOURCEVERSION": ("BUILD_SOURCEBRANCHNAME",),
    "SEMAPHORE_GIT_SHA": ("SEMAPHORE_GIT_BRANCH",),
    "APPVEYOR_REPO_COMMIT": ("APPVEYOR_REPO_BRANCH",),
    "CODEBUILD_RESOLVED_SOURCE_VERSION": (),
    "COMMIT_SHA": ("BRANCH_NAME",),
    "SOURCE_VERSION": (),
}
_FOREIGN = "dubious ownership in repository"  # usual in containers, where a mounted folder is another user's
_BY_HAND = ("GIT_SHA", "GIT_COMMIT")


def without_status(context: CaptureContext, status: Reply, where: Reply, commit: str | None) -> Findings:
    """Return what can be said where `git status` failed, or raise why nothing can."""
    words = context.scrub.text(complaint(status if status.problem or status.code else where))
    if status.problem:
        if commit:
            return Findings(
                {"git_sha": commit, "git_dirty": None, "git": {"source": "git", "branch": None}}, reason=words
            )
        if status.code != 127:
            raise GitError(words)
        return _from_environment(context, f"git could not be started ({words})", broken=_dot_git_above(context))
    if "not a git repository (or any" in words:
        if _dot_git_above(context):
            raise GitError(f"{words}, although there is a .git")
        return _from_environment(context, "no git repository here")
    if "must be run in a work tree" in words:
        return _from_environment(context, "a repository without a work tree here")
    if _FOREIGN in words:
        _, quote, rest = words.partition("'")
        words += f"; if you trust it: git config --global --add safe.directory {quote}{rest.partition(quote)[0]}{quote}"
    raise GitError(words)


def _from_environment(context: CaptureContext, why: str, *, broken: bool = False) -> Findings:
    named = _named_commits(context.environ)
    if not named:
        if broken:
            raise GitError(f"{why}, although there is a .git")
        raise Absent(why)
    variable, commit = next(iter(named.items()))
    branches = (context.environ.get(name, "") for name in VARIABLES[variable])
    branch = next((branch for branch in branches if branch), None)
    # One commit may be given short and whole.
    others = [name for name, other in named.items() if not (other.startswith(commit) or commit.startswith(other))]
    return Findings(
        {
            "git_sha": commit,
            "git_dirty": None,
            "git": {"source": "environment", "branch": branch and context.scrub.text(branch)},
        },
        tuple(f"{name} names another commit than {variable}, which was taken" for name in others),
        reason=f"{why}; the commit is what {variable} says, and changes since then are unknown",
    )


def _named_commits(environ: Mapping[str, str]) -> dict[str, str]:
    named = {name: environ.get(name, "").strip().lower() for name in VARIABLES}
    short, whole = r"[0-9a-f]{7,40}|[0-9a-f]{64}", r"[0-9a-f]{40}|[0-9a-f]{64}"
    return {name: text for name, text in named.items() if re.fullmatch(short if name in _BY_HAND else whole, text)}


def _dot_git_above(context: CaptureContext) -> bool:
    """Say whether a .git stands here or above, as far as git would look for one."""
    ceilings = context.environ.get("GIT_CEILING_DIRECTORIES", "").split(":")
    across = context.environ.get("GIT_DISCOVERY_ACROSS_FILESYSTEM", "").lower() in ("1", "true", "yes", "on")
    folder = os.path.realpath(context.cwd)
    device = os.stat(folder).st_dev
    while True:
        if os.path.lexists(os.path.join(folder, ".git")):
            return True
        above = os.path.dirname(folder)
        if above == folder or above in ceilings or (not across and os.stat(above).st_dev != device):
            return False
        folder = above
