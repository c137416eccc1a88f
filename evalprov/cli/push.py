"""`evalprov push`: send runs to the store that a team shares."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.cli.common import STORE, open_store
from evalprov.cli.options import Argument, Option, Subcommand
from evalprov.errors import UsageError
from evalprov.isolation import here
from evalprov.numbers import counted
from evalprov.secrets import TellingScrubber
from evalprov.settings import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.fleet.push import Pushed

URL = Argument(
    "url", "URL", "The shared store: s3://BUCKET/FOLDER, gs://, az:// or file:///FOLDER; else that of the settings."
)
WITH = Option(
    "--with",
    "KINDS",
    "Also what records only name: objects (what a dirty run needs to be brought back), logs, calls, texts; "
    "with commas, or all.",
    repeatable=True,
    into="kinds",
)


def push(*, url: str | None, kinds: Sequence[str], as_json: bool, after_run: bool, store: str | None) -> int:
    """Send runs to the store that a team shares: those that have ended and are not there yet.

    Each record goes as it is, and its line of the history after it; nothing there is ever replaced. What a record only
    names stays here unless you ask for it: saved files, logs, recorded calls, texts of scenarios. Who is cut off sends
    again. Keys come from the environment or the machine.

    Examples: evalprov push s3://bucket/team; evalprov push --with objects,logs
    """
    from evalprov.fleet import after, bucket, place, sent
    from evalprov.fleet.push import push as send

    folder = open_store(store, writes=True)
    settings = load(here())
    remote = place.remote_of(url, settings, os.environ)
    place.must_be_trusted(remote, settings, os.environ)
    scrub = TellingScrubber(os.environ, settings.env_secret)
    if after_run:
        return after.push_in_background(folder, remote, scrub)
    memory = sent.SentMemory(folder, remote.key)
    last = memory.outcome()
    bar = None if as_json else render.progress("sending", lambda done, total: f"{done} of {counted(total)}")
    try:
        done = send(folder, bucket.Bucket(remote.url), memory, wanted(kinds), progress=bar, scrub=scrub)
    finally:
        if bar:
            bar(1, 1)
    if as_json:
        render.document({"version": 1, "store": folder, "url": remote.url, **done._asdict()})
        return 1 if done.problems else 0
    if last and last.get("problem"):
        render.note(f"the last sending after a run ({last['at']}) failed: {last['problem']}")
        memory.tell(sent=done.runs, problem="")
    _tell(done, remote.url)
    return 1 if done.problems else 0


def _tell(done: Pushed, url: str) -> None:
    for problem in done.problems:
        render.note(render.neutral(problem))
    sent = [counted(count, what) for count, what in ((done.runs, "run"), (done.notes, "note")) if count]
    if sent:
        before = f"; {counted(done.there)} there already" if done.there else ""
        render.out(f"sent {' and '.join(sent)} to {url}, {render.size(done.bytes)}{before}")
    elif not done.problems:
        render.out(
            f"nothing new for {url}: it has all {counted(done.there)}"
            if done.there
            else "no runs here yet that have ended"
        )
    if done.stays:
        stays = ", ".join(f"{kind} of {counted(number)}" for kind, number in done.stays.items())
        render.note(f"not sent: {stays}; --with {','.join(done.stays)} sends them")


def wanted(given: Sequence[str]) -> frozenset[str]:
    """Return which kinds of things that records only name are meant."""
    from evalprov.fleet.push import KINDS

    words = [word.strip() for one in given for word in one.split(",") if word.strip()]
    if wrong := [word for word in words if word not in (*KINDS, "all")]:
        raise UsageError(f"--with is {', '.join(KINDS)} or all, not {wrong[0]!r}", "for example: --with objects,logs")
    return frozenset(KINDS) if "all" in words else frozenset(words)


COMMAND = Subcommand(
    push,
    (
        WITH,
        Option("--json", None, "Print what was sent as JSON.", into="as_json"),
        Option(
            "--after-run", None, "As a run does it that has just ended: say nothing, leave word for `evalprov doctor`."
        ),
        STORE,
    ),
    (URL,),
)
