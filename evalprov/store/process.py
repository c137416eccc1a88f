"""Who is recording, and the proof that it is gone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from evalprov.platform.processes import INITIAL_NAMESPACE, boot_and_namespace, is_any_started_at, standing_of

if TYPE_CHECKING:
    from evalprov.record.schema.observed import Process

_LARGEST_PID = 1 << 22
_NO_NAMES = ("", "localhost", "localhost.localdomain", "(none)")

_known: dict[int, Process] = {}


def this_process() -> Process:
    """Return who we are, precisely enough for others to prove one day that we are gone."""
    pid = os.getpid()
    if pid not in _known:  # a fork is somebody else
        _known.clear()
        standing = standing_of(pid)
        boot_id, namespace = boot_and_namespace()
        _known[pid] = process(pid, standing and standing[1], boot_id, os.uname().nodename, namespace)
    return cast("Process", dict(_known[pid]))


def process(pid: int, start: int | None, boot_id: str | None, hostname: str | None, namespace: int | None) -> Process:
    """Return a process in the record's words."""
    facts = {"pid": pid, "start": start, "boot_id": boot_id, "hostname": hostname, "pid_namespace": namespace}
    return cast("Process", facts)


def tag() -> str:
    """Return who we are as part of a file name."""
    me = this_process()
    boot = (me["boot_id"] or "0").replace("-", "")
    return f"{boot}-{_namespace_of(me) or 0}-{me['pid']}-{me['start'] or 0}"


def from_tag(text: str) -> Process | None:
    """Return who a tag names; null for what is no tag."""
    boot, *numbers = text.split("-")
    if len(numbers) != 3 or not all(number.isdigit() and len(number) < 20 for number in numbers):
        return None
    namespace, pid, start = (int(number) for number in numbers)
    dashed = "-".join((boot[:8], boot[8:12], boot[12:16], boot[16:20], boot[20:]))
    return process(pid, start or None, dashed if boot != "0" else None, None, namespace or None)


def is_near(other: Process) -> bool:
    """Say whether a process, if it is there at all, can be seen from here."""
    here = this_process()
    return None not in (here["boot_id"], _namespace_of(here)) and (here["boot_id"], _namespace_of(here)) == (
        other["boot_id"],
        _namespace_of(other),
    )


def is_gone(other: Process) -> bool:
    """Say whether a process is provably gone; false where it is there or nobody can tell from here."""
    here = this_process()
    if other["boot_id"] is None or here["boot_id"] is None:
        return False
    if other["boot_id"] != here["boot_id"]:
        # Another boot is another machine, unless it carries our name: then this machine was started anew.
        return other["hostname"] == here["hostname"] and other["hostname"] not in _NO_NAMES
    where = _namespace_of(other)
    if where is not None and where == _namespace_of(here):
        return _gone_from_here(other)
    if _namespace_of(here) == INITIAL_NAMESPACE:
        return _gone_everywhere(other)
    return False  # the same kernel, but in a container that cannot be looked into


def _namespace_of(one: Process) -> int | None:
    return cast("dict[str, int | None]", one).get("pid_namespace")


def _gone_from_here(other: Process) -> bool:
    """Look for the process by its number, in the namespace that gave it."""
    if not 0 < other["pid"] <= _LARGEST_PID:
        return False
    try:
        os.kill(other["pid"], 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # it is another user's
    if other["start"] is None:
        return False
    standing = standing_of(other["pid"])
    return standing is not None and standing != (True, other["start"])


def _gone_everywhere(other: Process) -> bool:
    """Look for the process by its start, where the processes of all containers can be seen."""
    return other["start"] is not None and is_any_started_at(other["start"]) is False
