"""`evalprov store`: a shared store kept in order."""

from __future__ import annotations

import os

from evalprov import render
from evalprov.cli.options import Option, Subcommand, SubcommandGroup
from evalprov.cli.push import URL
from evalprov.isolation import here
from evalprov.numbers import counted
from evalprov.settings import load


def compact(*, url: str | None, as_json: bool) -> int:
    """Put the lines of a shared store into packs, so that reading it asks for few things.

    What is in a pack is taken away as a single line; records stay as they are. It may be run at any time, by anyone,
    also while others send and read, and again where it was cut off.

    Example: evalprov store compact s3://bucket/team
    """
    from evalprov.fleet import place
    from evalprov.fleet.bucket import Bucket
    from evalprov.fleet.compact import compact as put_together

    settings = load(here())
    remote = place.remote_of(url, settings, os.environ)
    place.must_be_trusted(remote, settings, os.environ)
    bucket = Bucket(remote.url)
    bar = None if as_json else render.progress("packing", lambda done, total: f"{done} of {counted(total, 'line')}")
    try:
        done = put_together(remote.url, bucket=bucket, progress=bar)
    finally:
        if bar:
            bar(1, 1)
    if as_json:
        render.document({"version": 1, "url": remote.url, **done._asdict(), "requests": bucket.asked})
        return 0
    for words in done.notes:
        render.note(words)
    if done.packs:
        made = f"{counted(done.lines, 'line')} in {counted(len(done.packs), 'pack')}"
        render.out(f"{made}; {done.deleted} files less in {remote.url}")
    else:
        render.out(f"all lines of {remote.url} are in packs")
    return 0


COMMAND = SubcommandGroup(
    "Keep the store that a team shares in order.",
    {"compact": Subcommand(compact, (Option("--json", None, "Print what was done as JSON.", into="as_json"),), (URL,))},
)
