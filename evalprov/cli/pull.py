"""`evalprov pull`: have the mirror of a shared store be as new as that."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.cli.options import Option, Subcommand
from evalprov.cli.push import URL
from evalprov.isolation import here
from evalprov.numbers import counted
from evalprov.settings import load
from evalprov.store import ids

if TYPE_CHECKING:
    from evalprov.fleet.mirror import Refreshed

_MANY = 1000  # single lines from which on packs make reading faster


def pull(*, url: str | None, as_json: bool) -> int:
    """Fetch what is new in the store that a team shares into its mirror, which --store URL reads.

    Every command with --store URL does this first. Of a large store the newest runs are fetched; older ones, whole
    records and what these name come when a command asks for them.

    Examples: evalprov pull s3://bucket/team; evalprov history --store s3://bucket/team
    """
    from evalprov.fleet import place
    from evalprov.fleet.bucket import Bucket
    from evalprov.fleet.mirror import Mirror

    remote = place.remote_of(url, load(here()), os.environ)
    mirror = Mirror(Bucket(remote.url), remote.key, render.note)
    bar = None if as_json else render.progress("fetching", lambda done, total: f"{done} of {counted(total, 'line')}")
    try:
        found = mirror.refresh(bar)
    finally:
        if bar:
            bar(1, 1)
    if as_json:
        document = {"version": 1, "url": remote.url, "mirror": mirror.path, **found._asdict()}
        render.document({**document, "requests": mirror.bucket.asked, "bytes": mirror.bucket.bytes_fetched})
        return 0
    for words in found.notes:
        render.note(words)
    _tell(found, remote.url, mirror.path)
    return 0


def _tell(found: Refreshed, url: str, path: str) -> None:
    since = f" since {ids.timestamp(found.since)}" if found.since else ""
    older = f"; {found.older:,} older ones come when they are asked for" if found.older else ""
    render.out(f"{counted(found.new, 'new run')} of {url}: {counted(found.runs)}{since} in {path}{older}")
    if found.loose > _MANY:
        render.note(f"{found.loose:,} lines are in no pack: `evalprov store compact {url}` makes reading faster")


COMMAND = Subcommand(pull, (Option("--json", None, "Print what was fetched as JSON.", into="as_json"),), (URL,))
