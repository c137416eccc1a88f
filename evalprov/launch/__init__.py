"""The child: started, relayed, watched and waited for, so that it notices nothing of us."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from evalprov.errors import CANNOT_START, EvalprovError
from evalprov.launch.child import Child
from evalprov.launch.log import BoundedLog
from evalprov.launch.program import start
from evalprov.launch.relay import Relay, RelayedStream, Sink, StreamEnd, open_pipe
from evalprov.launch.resources import Sampler
from evalprov.launch.signals import Overseer, hold, taken
from evalprov.launch.terminal import Turns, open_like
from evalprov.named import NamedTuple
from evalprov.platform.events import heed_children, may_have_children, signal_name
from evalprov.platform.processes import APART, ProcessTree, adopt_orphans, children_of, peak_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from evalprov.launch.programs import ProgramsSeen
    from evalprov.platform.spawn import FileAction
    from evalprov.record.schema.outcome import Resources

__all__ = ["BoundedLog", "Launch", "Outcome", "Sink", "StreamEnd", "launch"]

TIMED_OUT = 124
_MARK = "EVALPROV_REPORT"  # names a file that is of this run alone


class Launch(NamedTuple):
    """What to start, and who wants its output."""

    argv: tuple[str, ...]
    environ: dict[str, str]
    timeout: float | None = None
    stdout_sinks: tuple[Sink, ...] = ()
    stderr_sinks: tuple[Sink, ...] = ()
    grace: float = 10.0  # between SIGTERM and SIGKILL


class Outcome(NamedTuple):
    """How it went."""

    exit_code: int  # the child's own, 128+n ended by signal n, 124 timed out
    signal: str | None  # that ended the child
    timed_out: bool
    stopped_by: str | None  # the first SIGINT, SIGTERM, SIGHUP or SIGQUIT that was meant for the child
    seconds: float
    resources: Resources
    stdout: StreamEnd
    stderr: StreamEnd
    warnings: list[str]
    programs: ProgramsSeen


class _Outlet(NamedTuple):
    """One of the child's two outputs, before it starts."""

    name: str
    target: int  # our own, and its number in the child
    source: int = -1  # where we read what the child writes; none where our own is closed
    childs: int = -1
    terminal: bool = False


class _RunningChild(NamedTuple):
    """The child under way, and all who are about it."""

    child: Child
    overseer: Overseer
    streams: list[RelayedStream]
    relays: list[Relay]
    sampler: Sampler
    peak_before: int  # our own, in bytes


def launch(what: Launch, started: Callable[[int], None] | None = None) -> Outcome:
    """Run a command to its end; `started` is told its pid. EvalprovError, where nothing could be started.

    Meanwhile every child of this process is waited for here. The signals that are passed on stay held back
    afterwards: what is left to do then is to finish the record.
    """
    warnings: list[str] = []
    going = _begin(what, warnings)

    def tried(step: Callable[[], object]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - nothing of ours may harm the child
            warnings.append(f"after the start: {type(error).__name__}: {error}")

    if started:
        tried(lambda: started(going.child.pid))
    going.child.join()
    tried(going.sampler.stop)
    for relay in going.relays:
        tried(relay.wait)
    tried(going.overseer.stop)
    tried(going.child.reap_the_dead)
    tried(lambda: os.close(going.child.ended))
    return _outcome(going, warnings)


def _begin(what: Launch, warnings: list[str]) -> _RunningChild:
    # What ran here before us may have left us some.
    if may_have_children():
        APART.update(children_of(os.getpid()))
    numbers = taken()
    heed_children()
    adopt_orphans()
    mask = hold(numbers)
    outlets: list[_Outlet] = []
    ended: tuple[int, ...] = ()
    try:
        for name, target, at_start in (("stdout", 1, sys.__stdout__), ("stderr", 2, sys.__stderr__)):
            outlets.append(_open(name, target, warnings) if at_start else _Outlet(name, target))
        turns = _turns(outlets)
        # All that may be refused is asked for now: once the command runs nothing of ours may fail.
        ended = os.pipe()
        sinks = (what.stdout_sinks, what.stderr_sinks)
        streams = [
            RelayedStream(one.name, one.source, one.target, to, terminal=one.terminal)
            for one, to in zip(outlets, sinks, strict=True)
        ]
        relays = [Relay(group, ended[0], turns) for group in _by_destination(streams)]
        begun = time.monotonic()
        pid = start(what.argv, what.environ, mask, _wiring(outlets))
    except BaseException:
        _close(end for outlet in outlets for end in (outlet.source, outlet.childs))
        _close(ended)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        raise
    if turns is None:
        _close(outlet.childs for outlet in outlets)
    child = Child(pid, begun, APART, ended)
    try:
        return _supervise(what, child, streams, relays, numbers)
    except RuntimeError as error:  # no thread to be had: then it is as if there had been no process
        child.send(signal.SIGKILL)
        raise EvalprovError(f"cannot watch the command: {error}", "see ulimit -u", CANNOT_START) from None


def _supervise(
    what: Launch, child: Child, streams: list[RelayedStream], relays: list[Relay], numbers: Sequence[int]
) -> _RunningChild:
    """Put everybody in place around the child that has just been started."""
    mark = what.environ.get(_MARK)
    tree = ProcessTree(child.apart, (_MARK, mark) if mark else None)
    overseer = Overseer(child, tree, numbers)
    child.start_waiting()
    for relay in relays:
        relay.start()
    overseer.start(relays, streams, what.timeout, what.grace)
    peak_before = peak_bytes()
    sampler = Sampler(tree)
    sampler.start()
    return _RunningChild(child, overseer, streams, relays, sampler, peak_before)


def _open(name: str, target: int, warnings: list[str]) -> _Outlet:
    """Make the way by which one of the child's outputs comes to us."""
    try:
        os.fstat(target)
    except OSError as error:
        if error.errno == errno.EBADF:  # else it is there, and only nothing is said of it
            return _Outlet(name, target)
    source = childs = -1
    terminal = os.isatty(target)
    if terminal:
        try:
            source, childs = open_like(target)
        except OSError as error:
            terminal = False
            warnings.append(f"{name} was no terminal for the command: no pty to be had: {error.strerror}")
    if not terminal:
        source, childs = open_pipe()
    os.set_blocking(source, False)
    return _Outlet(name, target, source, childs, terminal)


def _turns(outlets: Sequence[_Outlet]) -> Turns | None:
    """Return the turns that both outputs take where they show on one screen."""
    if not all(outlet.terminal for outlet in outlets) or len({_place(outlet.target) for outlet in outlets}) > 1:
        return None
    return Turns({outlet.source: outlet.childs for outlet in outlets})


def _wiring(outlets: Sequence[_Outlet]) -> list[FileAction]:
    """Return what is to be done to the child's descriptors; the rest is inherited as it is."""
    opened: list[FileAction] = [(os.POSIX_SPAWN_DUP2, one.childs, one.target) for one in outlets if one.childs >= 0]
    return [*opened, *((os.POSIX_SPAWN_CLOSE, one.target) for one in outlets if one.childs < 0)]


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        if descriptor >= 0:
            with suppress(OSError):  # it is gone, whatever is said
                os.close(descriptor)


def _by_destination(streams: Sequence[RelayedStream]) -> list[list[RelayedStream]]:
    """Put streams that end in the same place together: there, their order shows."""
    groups: dict[tuple[int, int], list[RelayedStream]] = {}
    for stream in streams:
        if stream.source >= 0:
            groups.setdefault(_place(stream.target), []).append(stream)
    return list(groups.values())


def _place(descriptor: int) -> tuple[int, int]:
    try:
        at = os.fstat(descriptor)
    except OSError:
        return -1, descriptor
    return at.st_dev, at.st_ino


def _outcome(going: _RunningChild, warnings: list[str]) -> Outcome:
    child, overseer, streams = going.child, going.overseer, going.streams
    if child.status is None:
        code = CANNOT_START
        warnings.append("how the command ended is not known: another part of the process waited for it")
    else:
        code = os.waitstatus_to_exitcode(child.status)
    for stream in streams:
        warnings += stream.warnings
    held = [stream.name for stream in streams if stream.held]
    if held:
        warnings.append(f"{' and '.join(held)} not followed to the end: a process left running still holds it")
    return Outcome(
        exit_code=TIMED_OUT if overseer.timed_out else code if code >= 0 else 128 - code,
        signal=signal_name(-code) if code < 0 else None,
        timed_out=overseer.timed_out,
        stopped_by=overseer.stopped_by,
        seconds=child.seconds,
        resources=going.sampler.resources(child.usage, going.peak_before),
        stdout=streams[0].end(),
        stderr=streams[1].end(),
        warnings=[*warnings, *overseer.warnings, *going.sampler.warnings],
        programs=going.sampler.programs,
    )
