"""A run that has ended is sent in the background: by a process of its own, within bounds, that leaves word of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from evalprov.errors import EvalprovError
from evalprov.fleet.bucket import Bucket
from evalprov.fleet.place import pushes_after_run
from evalprov.fleet.push import push
from evalprov.fleet.sent import SentMemory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evalprov.fleet.place import Remote
    from evalprov.secrets import Scrubber
    from evalprov.settings import Settings

LONGEST_SECONDS = 300.0


def start_push(store: str, settings: Settings, environ: Mapping[str, str]) -> None:
    """Have the runs of a store sent, where that is asked for; whatever keeps us from it is told by `evalprov push`."""
    remote = pushes_after_run(settings, environ)
    if remote is None:
        return
    memory = SentMemory(store, remote.key)
    try:
        memory.ask_again()
        with memory.alone() as alone:
            if not alone:  # who is sending looks again before it ends
                return
        words = [sys.executable, "-m", "evalprov", "push", "--after-run", "--store", store]
        ours = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        subprocess.Popen(
            [sys.executable, *_flags(), os.path.join(ours, "evalprov", "__main__.py"), *words[3:]],
            env={**environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, EvalprovError) as error:
        memory.tell(sent=0, problem=f"it could not be started: {error}")


def push_in_background(store: str, remote: Remote, scrub: Scrubber) -> int:
    """Send what there is, and again where a run ended meanwhile; leave word of how it went."""
    memory = SentMemory(store, remote.key)
    until = time.monotonic() + LONGEST_SECONDS
    sent, problem = 0, ""
    while memory.asked_again() and time.monotonic() < until and not problem:
        with memory.alone() as alone:
            if not alone:
                return 0
            while memory.asked_again(take=True) and not problem:
                try:
                    done = push(store, Bucket(remote.url), SentMemory(store, remote.key), until=until, scrub=scrub)
                except EvalprovError as error:
                    problem = error.message
                else:
                    sent += done.runs
                    problem = "; ".join(done.problems[:3])
                    problem = problem or (
                        f"{done.unfinished} runs were too many for the time" if done.unfinished else ""
                    )
            memory.tell(sent=sent, problem=problem)
    return 0


def _flags() -> list[str]:
    """Return how we were started ourselves, as far as it tells where modules are."""
    flags = ["-E", "-P"] if sys.flags.ignore_environment else []
    return flags + [f"-X{name}={value}" for name, value in sys._xoptions.items() if name == "evalprov.path"]  # noqa: SLF001
