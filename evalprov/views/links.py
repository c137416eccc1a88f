"""Where else a run can be looked at: its commit, the CI's run, what other tools have, what the eval says it left."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.numbers import and_more

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest

SHOWN = 5  # of one kind
_LONGEST = 500  # letters of a remote's address
# Of these hosts it is known how a commit's page is called; of another nobody knows.
_HOSTS = ("github.com", "gitlab.com", "codeberg.org", "bitbucket.org")
_COMMITS = {"gitlab.com": "-/commit", "bitbucket.org": "commits"}
_REMOTE = re.compile(
    r"(?:https?://|ssh://|git://)?(?:[^@/\s]*@)?([\w.-]+)(?::\d+)?[/:]([\w./~-]+?)(?:\.git)?/?", re.ASCII
)
_WEB = re.compile(r"https?://[\w.:-]+(/[\w./%~+=?&;:@,#!-]*)?", re.ASCII)


class WhereElse(NamedTuple):
    """One place: what it is, and its address or path."""

    name: str
    where: str

    @property
    def web(self) -> bool:
        """Whether it is an address that a browser may be led to."""
        return _WEB.fullmatch(self.where) is not None


def links(run: Manifest) -> tuple[list[WhereElse], list[str]]:
    """Return where else a run can be looked at, and how many such places are left out, in words."""
    ci = WhereElse("run", run["observed"]["ci"].get("run_url") or "")
    found = [ci] if ci.web else []
    found += [WhereElse(" ".join(filter(None, (one["tool"], one["id"]))), one["where"]) for one in run["links"][:SHOWN]]
    artifacts = [one for one in run["output"]["artifacts"] if isinstance(one, dict)]
    for one in artifacts[:SHOWN]:
        where = WhereElse(str(one.get("name") or "artifact"), str(one.get("url")))
        if where.web:
            found.append(where)
    more = and_more(max(0, len(artifacts) - SHOWN) + max(0, len(run["links"]) - SHOWN))
    return found, more


def commit_page(run: Manifest) -> str | None:
    """Return the address of a commit's page, where its remote is at a host that is known to have one."""
    remotes = run["git"]["remotes"]
    for name in sorted(remotes, key=lambda name: name != "origin"):
        found = _REMOTE.fullmatch(remotes[name][:_LONGEST])
        if found and run["git_sha"] and (host := found[1].lower()) in _HOSTS:
            return f"https://{host}/{found[2]}/{_COMMITS.get(host, 'commit')}/{run['git_sha']}"
    return None
