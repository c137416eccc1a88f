"""What a run is asked to be, and what it came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from evalprov.record.manifest import Engine, Manifest, Repeat, Sweep
    from evalprov.run.agreed import Expected


class Request(NamedTuple):
    """What the user asked for on the command line."""

    argv: tuple[str, ...]
    scenario: str | None = None
    config: tuple[str, ...] = ()
    set: tuple[str, ...] = ()
    prompt: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    note: str | None = None
    metrics_file: str | None = None
    timeout: float | None = None
    store: str | None = None
    require_clean: bool = False
    strict: bool = False
    log: str | None = None
    observe: str | None = None
    record: bool = False  # the calls to model providers
    replay: str | None = None  # a run, or a file, whose calls are answered as they were
    fill: bool = False  # what that lacks is asked of the provider, and recorded
    repeat: Repeat | None = None  # which trial of several this is
    sweep: Sweep | None = None  # which point of a sweep
    env: tuple[str, ...] = ()  # variables whose values are recorded, as [env] record names them
    warnings: tuple[str, ...] = ()  # what is to be warned of in its record
    engine: Engine | None = None  # what started it here, where its user is on another machine
    run_id: str | None = None  # reserved there
    expected: Expected | None = None  # what this machine must have to be as that one
    since: float | None = None  # Unix time at which they began
    written: tuple[str, ...] = ()  # the command before {trial} was filled in, where this is a trial


class Done(NamedTuple):
    """A run that was launched: what to exit with, its record and where it is, and what went wrong in keeping it."""

    exit_code: int
    manifest: Manifest
    store: str
    problems: list[str]
